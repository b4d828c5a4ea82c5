//! The configuration, as the commands take it: which flags set which keys, the refusal of what cannot
//! work, and the way to the database.

use std::{
    fmt::Display, net::SocketAddr, ops::RangeInclusive, path::PathBuf, pin::pin, str::FromStr,
    sync::Arc, time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;

use crate::{
    config::{self, Config, ConfigError, Finding, Loaded, Overrides},
    store::{
        self, Access, Durability, MerchantId, OpenOptions, Page, Repository, Store, StoreError,
    },
};

/// After this long, whoever waits for the database is told so.
const PATIENCE: Duration = Duration::from_secs(1);
/// So many merchants are named to whoever has to choose one.
const MERCHANTS_NAMED: usize = 10;

/// Where the configuration comes from, and the database.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The configuration file; rondo.toml in the working directory if it is there.
    #[arg(long, value_name = "FILE", env = "RONDO_CONFIG")]
    config: Option<PathBuf>,

    /// The database: `sqlite:FILE`, or `postgres://USER:PASSWORD@HOST/NAME`. Environment:
    /// `RONDO_DATABASE_URL`.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

impl Settings {
    /// Reads the configuration, with `flags` besides those that every command has.
    pub fn load_with(&self, flags: Overrides) -> Result<Loaded, ConfigError> {
        let flags = flags.set("database_url", self.database_url.clone());
        config::load(self.config.as_deref(), flags)
    }

    /// Reads the configuration.
    pub fn load(&self) -> anyhow::Result<Config> {
        Ok(self.load_with(Overrides::default())?.config)
    }
}

/// Refuses a configuration with errors; hands back what may be worth a warning.
pub fn refuse_errors(loaded: &Loaded) -> Result<Vec<Finding>, ConfigError> {
    let findings = config::check(loaded);
    if findings.iter().any(Finding::is_error) {
        return Err(ConfigError::Settings { findings });
    }
    Ok(findings)
}

/// Opens the configured database, which may still have to be migrated. One that would lose what was
/// committed is refused to an engine and to commands about money (RULES WRK-5), and told to others.
pub async fn open_store(config: &Config, access: Access) -> anyhow::Result<Arc<dyn Store>> {
    open_with(config, access, Durability::Full).await
}

/// Opens the configured database, which must be as sure as `durability` says.
pub async fn open_with(
    config: &Config,
    access: Access,
    durability: Durability,
) -> anyhow::Result<Arc<dyn Store>> {
    let connections = config.database_connections;
    let url = &config.database_url;
    let mut opening =
        pin!(store::open(url.expose(), OpenOptions { access, durability, connections }));
    let opened = tokio::select! {
        opened = &mut opening => opened,
        () = tokio::time::sleep(PATIENCE) => {
            eprintln!("Waiting for the database {url} …");
            opening.await
        }
    };
    if access == Access::Command
        && durability == Durability::Full
        && let Ok(store) = &opened
    {
        // A question loses nothing, and whoever asks may be after just that.
        for weakness in store.weaknesses().await? {
            eprintln!("warning: {weakness}");
        }
    }
    match opened {
        // These name the place themselves.
        Err(
            error @ (StoreError::Absent { .. }
            | StoreError::Unreachable { .. }
            | StoreError::Unfit(_)),
        ) => Err(error.into()),
        Err(error) if error.is_transient() => Err(error)
            .with_context(|| format!("cannot open the database {url} now: try again in a moment")),
        opened => opened.with_context(|| {
            format!("cannot open the database {url}: look at it, or correct `database_url`")
        }),
    }
}

/// Opens the configured database beside a server that may be running, and refuses it while
/// migrations are pending.
pub async fn open_migrated(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    migrated(config, Access::Command).await
}

/// As [`open_migrated`], for a command about money.
pub async fn open_for_money(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    migrated(config, Access::MoneyCommand).await
}

async fn migrated(config: &Config, access: Access) -> anyhow::Result<Arc<dyn Store>> {
    let store = open_store(config, access).await?;
    match store.pending_migrations().await?.len() {
        0 => Ok(store),
        count => bail!(
            "the database {} lacks {count} migrations: run `rondo migrate` first",
            config.database_url
        ),
    }
}

/// Opens the configured database, makes it if it is not there, and brings its schema up to date.
/// Where there is nothing to do, a server may be running on it. Hands back what was done.
pub async fn open_up_to_date(config: &Config) -> anyhow::Result<(Arc<dyn Store>, Vec<String>)> {
    match open_store(config, Access::Command).await {
        Ok(store) if store.pending_migrations().await?.is_empty() => {
            return Ok((store, Vec::new()));
        }
        Ok(store) => store.close().await,
        Err(error) if is_absent(&error) => {}
        Err(error) => return Err(error),
    }
    let store = open_store(config, Access::Engine).await?;
    let pending = store.pending_migrations().await?;
    store.migrate().await.context("the database could not be migrated")?;
    Ok((store, pending))
}

/// A merchant on the command line: its id, or its name as the API tells it.
pub fn merchant(text: &str) -> Result<MerchantId, String> {
    let id = text.strip_prefix("merchants/").unwrap_or(text);
    id.parse().map_err(|error| format!("{error}, or a name like merchants/mer_…"))
}

/// A whole number on the command line, within `range`.
pub fn whole<N>(range: RangeInclusive<N>) -> impl Fn(&str) -> Result<N, String> + Clone
where
    N: FromStr + PartialOrd + Display + Clone,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            format!("must be a whole number from {} to {}", range.start(), range.end())
        })
    }
}

/// An address to listen on. A name may have several, so none is looked up.
pub fn listening(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "must be an IP address and a port like 127.0.0.1:8080; a name like localhost is not looked \
         up"
        .to_owned()
    })
}

/// Refuses a merchant that is not there: an empty list would tell something else.
pub async fn refuse_unknown(
    repo: &mut dyn Repository,
    merchant: Option<MerchantId>,
) -> anyhow::Result<()> {
    if let Some(merchant) = merchant
        && repo.merchant(merchant).await?.is_none()
    {
        let known = merchants(repo).await?;
        bail!(
            "there is no merchant {merchant} in this database: correct the id ({known}), or name \
             the right database with --database-url"
        );
    }
    Ok(())
}

/// Which merchants there are, for whoever has to name one.
pub async fn merchants(repo: &mut dyn Repository) -> anyhow::Result<String> {
    let page = Page { after: None, limit: MERCHANTS_NAMED + 1 };
    let known = repo.merchants(page).await?;
    let named = known.iter().take(MERCHANTS_NAMED);
    let mut told: Vec<_> = named.map(|one| format!("{} {}", one.id, one.name)).collect();
    if known.is_empty() {
        return Ok("there is none yet: `CreateMerchant` makes one".to_owned());
    }
    if known.len() > MERCHANTS_NAMED {
        told.push("and others, which `ListMerchants` tells".to_owned());
    }
    Ok(format!("there are {}", told.join(", ")))
}

/// Whether there is just no database yet.
fn is_absent(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::Absent { .. }))
}

/// Whether the database may answer if it is asked again.
pub fn is_transient(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(StoreError::is_transient)
}
