//! `rondo sandbox`: the world around a portal in development, as a process of its own: a payment
//! gateway that moves no money and, if it is wanted, a mail catcher that delivers nothing.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use clap::{Args as ClapArgs, Subcommand};
use secrecy::SecretString;

use super::{
    output::{Column, say, show_table, table},
    settings::{listening, whole},
    signals, telemetry,
};
use crate::{
    app::clock::{Clock as _, SystemClock},
    config::Log,
    gateway::sandbox::server::{Clock, SandboxOptions, SandboxServer, WebhookOptions, tokens},
    mail::catcher::{Catcher, CatcherHandle},
};

/// Runs the sandbox gateway, which moves no money.
///
/// It is a payment provider with a ledger of its own, and misbehaves as a card's token says. With
/// --mail it also catches the mails that Rondo sends, and shows them in a browser.
#[derive(Debug, ClapArgs)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
    rondo sandbox\n  \
    rondo sandbox --mail\n  \
    rondo sandbox --listen 127.0.0.1:8090 --ledger sandbox.jsonl --secret-key sk_sandbox \\\n    \
      --webhook-url http://127.0.0.1:8080/hooks/sandbox --webhook-secret whsec_sandbox\n  \
    rondo sandbox tokens\n\n\
    Then in rondo.toml:\n  \
    [gateways.sandbox]\n  \
    kind = \"sandbox\"\n  \
    base_url = \"http://127.0.0.1:8090\"\n  \
    secret_key = \"sk_sandbox\"\n  \
    webhook_secrets = [\"whsec_sandbox\"]\n\n\
    Cards to begin with: tok_visa pays; tok_visa_insufficient_funds never does;\n\
    tok_visa_ok_x1_then_lost_card pays once. `rondo sandbox tokens` lists all words."
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum Command {
    Tokens(Tokens),
}

/// Lists the words that make a card's token, and what the card then does.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo sandbox tokens\n  \
    rondo sandbox tokens --json")]
struct Tokens {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How the sandbox runs.
#[derive(Debug, ClapArgs)]
struct Run {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090", value_parser = listening)]
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
        requires = "webhook_url",
        env = "RONDO_SANDBOX_WEBHOOK_SECRET",
        hide_env_values = true
    )]
    webhook_secret: Option<String>,

    /// The most that a webhook is late, in milliseconds; each is late by its own part of it.
    #[arg(long, value_name = "MS", default_value_t = 2_000, value_parser = whole(0_u64..=3_600_000))]
    webhook_delay_ms: u64,

    /// Calls a second before it answers 429; unlimited without it.
    #[arg(long, value_name = "N", value_parser = whole(1_u32..=1_000_000))]
    calls_per_second: Option<u32>,

    /// What lateness and doubling follow from.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole(0..=u64::MAX))]
    seed: u64,

    /// Catch mails too, deliver none, and show them in a browser.
    #[arg(long)]
    mail: bool,

    /// With --mail: where mails are taken, by SMTP; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8025", requires = "mail", value_parser = listening)]
    mail_listen: SocketAddr,

    /// With --mail: where they are shown; port 0 takes a free one. Whoever reaches it reads them.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8026", requires = "mail", value_parser = listening)]
    mailbox_listen: SocketAddr,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        None => serve(args.run).await,
        Some(Command::Tokens(args)) => list(&args),
    }
}

async fn serve(args: Run) -> anyhow::Result<ExitCode> {
    telemetry::log_to_stderr(&Log::default())?;
    let stop = signals::stop_on_signal()?;
    let catcher = catcher(&args).await?;
    let (listen, ledger) = (args.listen, args.ledger.display().to_string());
    let server = SandboxServer::start(options(args)).await.with_context(|| {
        format!(
            "the sandbox cannot start on {listen} with its ledger in {ledger}: --listen takes another \
             address, --ledger another file"
        )
    })?;
    eprintln!("The sandbox gateway takes calls at {}; Ctrl-C stops it.", server.base_url());
    if let Some(catcher) = &catcher {
        eprintln!("{}", invitation(catcher));
    }
    stop.cancelled().await;
    if let Some(catcher) = catcher {
        catcher.shutdown().await;
    }
    server.shutdown().await.context("the sandbox's ledger could not be closed")?;
    Ok(ExitCode::SUCCESS)
}

fn web_address(text: &str) -> Result<String, String> {
    let is_web = |url: &url::Url| ["http", "https"].contains(&url.scheme()) && url.has_host();
    let known = text.parse().ok().filter(is_web);
    known.map(|_| text.to_owned()).ok_or_else(|| "must be like http://127.0.0.1:8080/…".to_owned())
}

/// The mail catcher, if it is wanted.
async fn catcher(args: &Run) -> anyhow::Result<Option<CatcherHandle>> {
    if !args.mail {
        return Ok(None);
    }
    let (smtp, pages) = (args.mail_listen, args.mailbox_listen);
    let started = Catcher::new().start(smtp, pages).await.with_context(|| {
        format!(
            "the mail catcher cannot start on {smtp} and {pages}: --mail-listen and --mailbox-listen \
             take other addresses"
        )
    })?;
    Ok(Some(started))
}

/// Where the mails are, and what to write into the configuration so that they come.
fn invitation(catcher: &CatcherHandle) -> String {
    let [smtp, pages] = [catcher.smtp_addr, catcher.http_addr].map(reached_at);
    format!(
        "The mails that it catches are shown at http://{pages}/. In rondo.toml:\n\n\
         [smtp]\n\
         host = \"{}\"\n\
         port = {}\n\
         tls = \"none\"\n\
         from = \"Open Academy <billing@academy.example>\"\n",
        smtp.ip(),
        smtp.port()
    )
}

/// Where a server that listens everywhere is reached from this machine.
fn reached_at(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

fn list(args: &Tokens) -> anyhow::Result<ExitCode> {
    let words = tokens::all();
    if args.json {
        say(serde_json::json!({ "grammar": tokens::GRAMMAR, "words": words }))?;
        return Ok(ExitCode::SUCCESS);
    }
    say(tokens::GRAMMAR)?;
    let mut shown = table(&["part", "word", "meaning"].map(|name| (name, Column::Words)));
    for tokens::Word { part, word, meaning } in words {
        shown.add_row([part.to_owned(), word, meaning]);
    }
    show_table(&shown)?;
    Ok(ExitCode::SUCCESS)
}

fn options(args: Run) -> SandboxOptions {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_write_down_is_one_that_can_be_called() {
        for (listening, reached) in [
            ("0.0.0.0:8025", "127.0.0.1:8025"),
            ("[::]:8025", "[::1]:8025"),
            ("192.0.2.7:8025", "192.0.2.7:8025"),
        ] {
            assert_eq!(reached_at(listening.parse().unwrap()).to_string(), reached);
        }
    }
}
