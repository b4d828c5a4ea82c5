//! `rondo serve`: the production service.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args as ClapArgs;
use tokio::net::TcpListener;

use super::{
    figures,
    output::say,
    service::Service,
    settings::{self, Settings},
    signals, telemetry,
};
use crate::{
    app::whole_reason,
    config::{Config, Overrides},
    store::{Access, Store},
};

/// Serves gRPC, pages and webhooks on one port, and bills.
///
/// The database is migrated first.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo serve\n  \
    rondo serve --database-url postgres://rondo@db.example/rondo --log-format json\n  \
    rondo serve --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem\n\n\
    SIGTERM or Ctrl-C lets what is in flight finish; a second one ends it at once.\n\
    docs/configuration.md lists all settings.")]
pub struct Args {
    #[command(flatten)]
    settings: Settings,

    /// The address and port; without TLS a loopback address. Port 0 takes a free one.
    /// Environment: `RONDO_LISTEN`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,

    /// How members reach this server, for the links in mails. Environment: `RONDO_PUBLIC_URL`.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// The PEM file of the certificate chain to serve. Environment: `RONDO_TLS__CERT`.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The PEM file of its private key. Environment: `RONDO_TLS__KEY`.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// How a log line looks: text or json. Environment: `RONDO_LOG__FORMAT`.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,

    /// Which lines are logged, for example `info,rondo::engine=debug`. Environment:
    /// `RONDO_LOG__FILTER`.
    #[arg(long, value_name = "FILTER")]
    log_filter: Option<String>,

    /// Answer gRPC reflection, for grpcurl and its like. Environment: `RONDO_REFLECTION`.
    #[arg(long)]
    reflection: bool,
}

/// The pause before a database that is not there is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(2);

impl Args {
    fn flags(&self) -> Overrides {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        Overrides::default()
            .set("listen", self.listen.clone())
            .set("public_url", self.public_url.clone())
            .set("tls.cert", path(&self.tls_cert))
            .set("tls.key", path(&self.tls_key))
            .set("log.format", self.log_format.clone())
            .set("log.filter", self.log_filter.clone())
            .set("reflection", self.reflection.then_some("true"))
    }
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let loaded = args.settings.load_with(args.flags())?;
    let warnings = settings::refuse_errors(&loaded)?;
    let config = loaded.config;
    telemetry::log_to_stderr(&config.log)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let metrics = telemetry::count()?;
    figures::declare(&config);
    let stop = signals::stop_on_signal()?;

    let store = tokio::select! {
        opened = open_patiently(&config) => opened?,
        () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
    };
    store.migrate().await.context("the database could not be migrated")?;
    let engine = store.describe().await?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!(
            "cannot listen on {}: is another server there? --listen takes another",
            config.listen
        )
    })?;
    let mut service = Service::start(&config, store, listener, metrics).await?;
    say(greeting(&config, &service, &engine))?;

    tokio::select! {
        () = stop.cancelled() => {}
        error = service.lost() => return Err(error),
    }
    tracing::info!("stopping: what is in flight finishes first");
    service.stop().await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Opens the database. A Postgres that is still starting is waited for.
async fn open_patiently(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let last = Instant::now() + config.database_wait();
    loop {
        match settings::open_store(config, Access::Engine).await {
            Err(error) if settings::is_transient(&error) && Instant::now() + ASK_AGAIN <= last => {
                let left = (last - Instant::now()).as_secs();
                tracing::warn!("{}; asking again for {left} s", whole_reason(error.as_ref()));
                tokio::time::sleep(ASK_AGAIN).await;
            }
            opened => return opened,
        }
    }
}

fn greeting(config: &Config, service: &Service, engine: &str) -> String {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    format!(
        "Rondo serves gRPC and HTTP at {scheme}://{} on {engine} ({}); Ctrl-C stops it.",
        service.address, config.database_url
    )
}
