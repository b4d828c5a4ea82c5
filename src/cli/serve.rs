//! `rondo serve`: the production service.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args as ClapArgs;
use tokio::net::TcpListener;

use super::{
    output::say,
    service::Service,
    settings::{self, Settings},
    signals, telemetry,
};
use crate::config::{Config, Overrides};

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
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,

    /// How members reach this server, for the links in mails.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// The PEM file of the certificate chain to serve.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The PEM file of its private key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// How a log line looks: text or json.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,

    /// Which lines are logged, for example `info,rondo::engine=debug`.
    #[arg(long, value_name = "FILTER")]
    log_filter: Option<String>,

    /// Answer gRPC reflection, for grpcurl and its like.
    #[arg(long)]
    reflection: bool,
}

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
    let config = args.settings.load_with(args.flags())?;
    let warnings = settings::refuse_errors(&config)?;
    telemetry::log_to_stderr(&config.log)?;
    for warning in warnings {
        tracing::warn!(setting = warning.key, "{}", warning.message);
    }
    let metrics = telemetry::count()?;
    let stop = signals::stop_on_signal()?;

    let store = settings::open_store(&config).await?;
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
    Ok(ExitCode::SUCCESS)
}

fn greeting(config: &Config, service: &Service, engine: &str) -> String {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    format!(
        "Rondo serves gRPC and HTTP at {scheme}://{} on {engine} ({}); Ctrl-C stops it.",
        service.address, config.database_url
    )
}
