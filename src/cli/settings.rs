//! The configuration, as the commands take it: which flags set which keys, and the refusal of what
//! cannot work.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, bail};
use clap::Args;

use crate::{
    config::{self, Config, Finding, Overrides, Severity},
    store::{self, Durability, OpenOptions, Store},
};

/// Where the configuration comes from, and the database.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The configuration file; rondo.toml in the working directory if it is there.
    #[arg(long, value_name = "FILE", env = "RONDO_CONFIG")]
    config: Option<PathBuf>,

    /// The database: `sqlite:FILE`, or `postgres://USER:PASSWORD@HOST/NAME`.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

impl Settings {
    /// Reads the configuration, with `flags` besides those that every command has.
    pub fn load_with(&self, flags: Overrides) -> anyhow::Result<Config> {
        let flags = flags.set("database_url", self.database_url.clone());
        Ok(Config::load(self.config.as_deref(), flags)?)
    }

    /// Reads the configuration.
    pub fn load(&self) -> anyhow::Result<Config> {
        self.load_with(Overrides::default())
    }
}

/// Refuses a configuration with errors; hands back what may be worth a warning.
pub fn refuse_errors(config: &Config) -> anyhow::Result<Vec<Finding>> {
    let (errors, warnings): (Vec<_>, Vec<_>) =
        config::check(config).into_iter().partition(|finding| finding.severity == Severity::Error);
    match &errors[..] {
        [] => Ok(warnings),
        [only] => bail!("`{}` {}", only.key, only.message),
        [first, rest @ ..] => bail!(
            "`{}` {} (and {} more: `rondo check-config` lists them)",
            first.key,
            first.message,
            rest.len()
        ),
    }
}

/// Opens the configured database, which may still have to be migrated. One that would lose what was
/// committed is refused (RULES WRK-5).
pub async fn open_store(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    open_with(config, Durability::Full).await
}

/// Opens the configured database, which must be as sure as `durability` says.
pub async fn open_with(config: &Config, durability: Durability) -> anyhow::Result<Arc<dyn Store>> {
    let options = OpenOptions { durability, connections: config.database_connections };
    let url = &config.database_url;
    let opened = store::open(url.expose(), options).await;
    opened.with_context(|| format!("cannot open the database {url}"))
}

/// Opens the configured database and refuses it while migrations are pending.
pub async fn open_migrated(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let store = open_store(config).await?;
    match store.pending_migrations().await?.len() {
        0 => Ok(store),
        count => bail!(
            "the database {} lacks {count} migrations: run `rondo migrate` first",
            config.database_url
        ),
    }
}
