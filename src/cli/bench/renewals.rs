//! `rondo bench renewals`: subscriptions that are all due are renewed and collected by the engine's
//! own rounds against the sandbox over loopback HTTP; then the rows that this wrote are written
//! again by SQL tuned by hand, as a measure.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::Args as ClapArgs;
use indicatif::ProgressBar;
use secrecy::SecretString;
use serde_json::json;

use super::shop::Shop;
use crate::{
    app::{Pace, Rondo, clock::Clock as _, clock::SystemClock},
    cli::{
        output::{Column, say, table},
        progress,
        sandbox::machine_clock,
        service, settings,
    },
    config::{Config, DatabaseUrl},
    domain::ids::Mint,
    engine,
    gateway::{
        AccountConfig, GatewayKind,
        sandbox::server::{SandboxOptions, SandboxServer},
    },
    security::chance::system_mint,
    store::{
        Access, Durability, Page, Store, Work,
        bench::{self, Baseline, Scratch},
    },
};

/// The gateway account's name, and the sandbox's key.
const GATEWAY: &str = "sandbox";
const SECRET_KEY: &str = "sk_sandbox";
/// Shops that the subscriptions are spread over: as many as the engine serves at once.
const SHOPS: usize = 8;

/// Renews and collects subscriptions that are all due, and says how fast.
///
/// End to end: an invoice, a payment, a charge at the sandbox over HTTP, its outcome, the ledger,
/// the events and the receipt in the outbox, all durable. Then the rows that this wrote are written
/// again by SQL tuned by hand, in the same run, as a measure.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo bench renewals --subscriptions 20000\n  \
    rondo bench renewals --database-url postgres://rondo@localhost/rondo --json\n\n\
    On Postgres it makes two databases of its own beside the one that is named, and removes them.")]
pub struct Args {
    /// How many subscriptions are due.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = settings::whole(1_u32..=10_000_000))]
    subscriptions: u32,

    /// The Postgres server; SQLite files without it.
    #[arg(long, value_name = "URL", value_parser = postgres)]
    database_url: Option<String>,

    /// The folder for SQLite files and the sandbox's ledger; what is made there is removed again.
    #[arg(long, value_name = "DIR", default_value = "rondo-bench")]
    dir: PathBuf,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn postgres(url: &str) -> Result<String, &'static str> {
    let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
    is_postgres.then(|| url.to_owned()).ok_or("must be like postgres://rondo@localhost/rondo")
}

/// What was measured.
struct Figures {
    engine: String,
    is_durable: bool,
    subscriptions: usize,
    renew: Duration,
    collect: Duration,
    baseline: Baseline,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mint = system_mint();
    let run = u64::from_be_bytes(mint.bytes::<8>());
    let [measured, by_hand] =
        ["measured", "by_hand"].map(|name| format!("rondo_bench_{name}_{run:016x}"));
    let measured = scratch(&args, &measured).await?;
    let by_hand = scratch(&args, &by_hand).await?;
    let folder = &args.dir;
    let was_there = folder.exists();
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let ledger = folder.join(format!("rondo_bench_{run:016x}.jsonl"));
    let figures = measure(&args, &measured, &by_hand, &ledger, &mint).await;
    // Whatever came of it, nothing is left behind.
    let removed = [measured.remove().await, by_hand.remove().await];
    let _ = fs::remove_file(&ledger);
    if !was_there {
        let _ = fs::remove_dir(folder);
    }
    let figures = figures?;
    removed.into_iter().collect::<Result<Vec<_>, _>>()?;
    if args.json {
        say(figures.as_json())?;
    } else {
        say(figures.as_table())?;
        for line in figures.remarks() {
            say(line)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn scratch(args: &Args, name: &str) -> anyhow::Result<Scratch> {
    Ok(match &args.database_url {
        Some(url) => Scratch::on_server(url, name).await?,
        None => Scratch::file(&args.dir, name),
    })
}

async fn measure(
    args: &Args,
    measured: &Scratch,
    by_hand: &Scratch,
    ledger: &Path,
    mint: &Mint,
) -> anyhow::Result<Figures> {
    let count = usize::try_from(args.subscriptions)?;
    let options = SandboxOptions::new(ledger, SecretString::from(SECRET_KEY), machine_clock());
    let sandbox = SandboxServer::start(options).await?;
    let config = configuration(measured.url(), sandbox.base_url());
    let (store, is_durable) = open(&config).await?;
    let engine = store.describe().await?;
    let rondo = service::ports(&config, Arc::clone(&store)).await?;

    let progress = progress::bar(count as u64, "subscribing");
    for number in 0..SHOPS {
        let share = count / SHOPS + usize::from(number < count % SHOPS);
        let shop = Shop::new(mint, GATEWAY, SystemClock.now(), number);
        shop.fill(store.as_ref(), share, |written| progress.inc(written)).await?;
    }
    progress.finish_and_clear();

    let renew = timed(&rondo, Work::Renew, count, "renewing").await?;
    let collect = timed(&rondo, Work::Collect, count, "collecting").await?;
    check(store.as_ref(), count).await?;
    store.close().await;
    sandbox.shutdown().await?;

    let (empty, _) = open(&configuration(by_hand.url(), "http://127.0.0.1:1")).await?;
    empty.close().await;
    let baseline = bench::baseline(measured, by_hand).await?;
    Ok(Figures { engine, is_durable, subscriptions: count, renew, collect, baseline })
}

/// Takes rounds of one loop until it has nothing to do.
async fn timed(rondo: &Rondo, work: Work, count: usize, what: &str) -> anyhow::Result<Duration> {
    let progress: ProgressBar = progress::bar(count as u64, what);
    let began = Instant::now();
    loop {
        match engine::round(rondo, work).await? {
            0 => break,
            done => progress.inc(done as u64),
        }
    }
    let elapsed = began.elapsed();
    progress.finish_and_clear();
    Ok(elapsed)
}

/// A bench that did not do the work has no figures.
async fn check(store: &dyn Store, count: usize) -> anyhow::Result<()> {
    let mut repo = store.snapshot().await?;
    let mut paid = 0;
    for merchant in repo.merchants(Page { after: None, limit: SHOPS }).await? {
        let months = repo.months(merchant.id).await?;
        paid += months.iter().map(|month| month.paid).sum::<i64>();
    }
    ensure!(
        usize::try_from(paid) == Ok(count),
        "{paid} of {count} invoices were paid, so there is nothing to measure"
    );
    Ok(())
}

/// Opens and migrates a scratch database. A server that is set to less than durable is measured
/// all the same, and told of.
async fn open(config: &Config) -> anyhow::Result<(Arc<dyn Store>, bool)> {
    let (store, is_durable) = match settings::open_store(config, Access::Engine).await {
        Ok(store) => (store, true),
        Err(_) => (settings::open_with(config, Access::Engine, Durability::TestOnly).await?, false),
    };
    store.migrate().await.context("the database could not be migrated")?;
    Ok((store, is_durable))
}

fn configuration(url: &str, gateway: &str) -> Config {
    let account = AccountConfig {
        kind: GatewayKind::Sandbox,
        base_url: Some(gateway.to_owned()),
        secret_key: SecretString::from(SECRET_KEY),
        webhook_secrets: Vec::new(),
        // Out of the way: what is measured is Rondo.
        calls_per_second: 1_000_000,
        calls_in_flight: 256,
    };
    let secret_key = BASE64_STANDARD.encode(system_mint().bytes::<32>());
    Config {
        database_url: DatabaseUrl::new(url),
        secret_key: Some(SecretString::from(secret_key)),
        gateways: BTreeMap::from([(GATEWAY.to_owned(), account)]),
        ..Config::default()
    }
}

impl Figures {
    fn end_to_end(&self) -> Duration {
        self.renew + self.collect
    }

    fn as_table(&self) -> comfy_table::Table {
        let mut shown = table(&[
            ("", Column::Words),
            ("seconds", Column::Figures),
            ("per second", Column::Figures),
        ]);
        let renewals = self.subscriptions as u64;
        for (name, elapsed, count) in [
            ("renew: invoices issued", self.renew, renewals),
            ("collect: charged, recorded", self.collect, renewals),
            ("end to end: renewals", self.end_to_end(), renewals),
            ("the same rows by hand: rows", self.baseline.elapsed, self.baseline.rows),
            ("the same rows by hand: renewals", self.baseline.elapsed, renewals),
        ] {
            let seconds = format!("{:.2}", elapsed.as_secs_f64());
            shown.add_row([name.to_owned(), seconds, format!("{:.0}", rate(count, elapsed))]);
        }
        shown
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = vec![
            format!(
                "on {}, {} subscriptions in {SHOPS} shops, batches of {}",
                self.engine,
                self.subscriptions,
                Pace::default().batch
            ),
            format!(
                "end to end takes {:.1} times as long as the {} rows written by hand",
                self.ratio(),
                self.baseline.rows
            ),
        ];
        if !self.is_durable {
            remarks.push(
                "the server is set to less than durable: with real settings this is slower"
                    .to_owned(),
            );
        }
        remarks
    }

    /// How many times as long Rondo took as the same rows by hand.
    fn ratio(&self) -> f64 {
        self.end_to_end().as_secs_f64() / self.baseline.elapsed.as_secs_f64()
    }

    fn as_json(&self) -> serde_json::Value {
        let renewals = self.subscriptions as u64;
        json!({
            "engine": self.engine,
            "durable": self.is_durable,
            "subscriptions": self.subscriptions,
            "shops": SHOPS,
            "batch": Pace::default().batch,
            "renew_seconds": self.renew.as_secs_f64(),
            "collect_seconds": self.collect.as_secs_f64(),
            "renewals_per_second": rate(renewals, self.end_to_end()),
            "renew_per_second": rate(renewals, self.renew),
            "collect_per_second": rate(renewals, self.collect),
            "by_hand_rows": self.baseline.rows,
            "by_hand_seconds": self.baseline.elapsed.as_secs_f64(),
            "by_hand_rows_per_second": rate(self.baseline.rows, self.baseline.elapsed),
            "times_as_long_as_by_hand": self.ratio(),
        })
    }
}

/// Figures for people to read: a rounded quotient is right enough.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn rate(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}
