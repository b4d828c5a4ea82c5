//! `rondo sandbox`: the sandbox gateway as a process of its own, for portals' own tests.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Args as ClapArgs;
use secrecy::SecretString;

use super::{signals, telemetry};
use crate::{
    app::clock::{Clock as _, SystemClock},
    config::Log,
    gateway::sandbox::server::{Clock, SandboxOptions, SandboxServer, WebhookOptions},
};

/// Runs the sandbox gateway, which moves no money.
///
/// It is a payment provider with a ledger of its own, and misbehaves as a card's token says.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo sandbox\n  \
    rondo sandbox --listen 127.0.0.1:8090 --ledger sandbox.jsonl --secret-key sk_sandbox \\\n    \
      --webhook-url http://127.0.0.1:8080/hooks/sandbox --webhook-secret whsec_sandbox\n\n\
    Then in rondo.toml:\n  \
    [gateways.sandbox]\n  \
    kind = \"sandbox\"\n  \
    base_url = \"http://127.0.0.1:8090\"\n  \
    secret_key = \"sk_sandbox\"\n  \
    webhook_secrets = [\"whsec_sandbox\"]")]
pub struct Args {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,

    /// The address that browsers reach it at, if it is not the one it listens on.
    #[arg(long, value_name = "URL", value_parser = web_address)]
    public_url: Option<String>,

    /// The ledger file; made if absent, continued if present.
    #[arg(long, value_name = "FILE", default_value = "sandbox.jsonl")]
    ledger: PathBuf,

    /// The key that callers must send.
    #[arg(
        long,
        value_name = "KEY",
        default_value = "sk_sandbox",
        env = "RONDO_SANDBOX_SECRET_KEY",
        hide_env_values = true
    )]
    secret_key: String,

    /// Where webhooks go; none are sent without it.
    #[arg(long, value_name = "URL", requires = "webhook_secret", value_parser = web_address)]
    webhook_url: Option<String>,

    /// What webhooks are signed with.
    #[arg(
        long,
        value_name = "SECRET",
        env = "RONDO_SANDBOX_WEBHOOK_SECRET",
        hide_env_values = true
    )]
    webhook_secret: Option<String>,

    /// The most that a webhook is late, in milliseconds; each is late by its own part of it.
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    webhook_delay_ms: u64,

    /// Calls a second before it answers 429; unlimited without it.
    #[arg(long, value_name = "N")]
    calls_per_second: Option<u32>,

    /// What lateness and doubling follow from.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    telemetry::log_to_stderr(&Log::default())?;
    let stop = signals::stop_on_signal()?;
    let (listen, ledger) = (args.listen, args.ledger.display().to_string());
    let server = SandboxServer::start(options(args)).await.with_context(|| {
        format!("the sandbox cannot start on {listen} with its ledger in {ledger}")
    })?;
    eprintln!("The sandbox gateway takes calls at {}; Ctrl-C stops it.", server.base_url());
    stop.cancelled().await;
    server.shutdown().await.context("the sandbox's ledger could not be closed")?;
    Ok(ExitCode::SUCCESS)
}

fn web_address(text: &str) -> Result<String, String> {
    let is_web = |url: &url::Url| ["http", "https"].contains(&url.scheme()) && url.has_host();
    let known = text.parse().ok().filter(is_web);
    known.map(|_| text.to_owned()).ok_or_else(|| "must be like http://127.0.0.1:8080/…".to_owned())
}

fn options(args: Args) -> SandboxOptions {
    let webhooks = args.webhook_url.zip(args.webhook_secret).map(|(url, secret)| WebhookOptions {
        url,
        secret: SecretString::from(secret),
        max_delay: Duration::from_millis(args.webhook_delay_ms),
    });
    SandboxOptions {
        listen: args.listen,
        public_url: args.public_url,
        webhooks,
        calls_per_second: args.calls_per_second,
        seed: args.seed,
        ..SandboxOptions::new(args.ledger, SecretString::from(args.secret_key), machine_clock())
    }
}

/// The machine's clock, as the sandbox asks for it.
pub fn machine_clock() -> Clock {
    let clock = Arc::new(SystemClock);
    Clock::new(move || clock.now())
}
