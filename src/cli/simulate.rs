//! `rondo simulate`: worlds in which all goes wrong that can, seed by seed, and what is wrong in the
//! end. A seed that fails is told with what led to that, and can be lived through again.

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use clap::Args as ClapArgs;
use serde_json::json;
use tempfile::TempDir;

use super::{
    output::{Column, say, show_table, table},
    progress, settings,
};
use crate::{
    security::chance::system_mint,
    sim::{self, Account, Fault, Figures, Outcome, Wanted},
    store::{self, Access, Durability, OpenOptions, bench::Scratch},
};

/// Memory that looks like a folder, where there is one.
const MEMORY: &str = "/dev/shm";
/// From so many seeds on, a run must have seen every kind of fault. One world has about a third of them switched off.
const ALL_FAULTS_FROM: u64 = 20;

/// Lives through worlds in which all goes wrong that can, and judges them.
///
/// Each seed is a world of its own: a portal with members, two payment providers, a mail server, and
/// faults of every kind, on the code that runs in production and a clock that takes no time. At the
/// end what the providers took is held against the ledger, every cycle is accounted for, and an
/// independent reading of the networks' rules judges each charge. The same seed gives the same world,
/// byte for byte.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo simulate --seeds 0..200\n  \
    rondo simulate --seeds 42..43 --story          one world, told from the beginning\n  \
    rondo simulate --seeds 0..1000 --json\n\n\
    A run that finds something ends with 1, as does one of 20 seeds or more that has not seen every kind of fault.")]
pub struct Args {
    /// The seeds, the last one not included.
    #[arg(long, value_name = "FROM..TO", default_value = "0..100", value_parser = seeds)]
    seeds: Range<u64>,

    /// Worlds that are lived through at the same time; as many as the machine has processors.
    #[arg(long, value_name = "N", value_parser = settings::whole(1_usize..=1_000))]
    jobs: Option<usize>,

    /// The Postgres server, on which each world gets a database of its own; SQLite in memory without it.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,

    /// How many members each world has at most; as many as its seed says without it.
    #[arg(long, value_name = "N", value_parser = settings::whole(1_usize..=100_000))]
    members: Option<usize>,

    /// Tell each world's whole story.
    #[arg(long)]
    story: bool,

    /// Stop at the first world in which something is wrong.
    #[arg(long)]
    stop_at_first: bool,

    /// How often each kind of fault must have struck; once without it, and in a run of less than 20 seeds those that
    /// did not are only told.
    #[arg(long, value_name = "N")]
    each_fault: Option<u64>,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn seeds(text: &str) -> Result<Range<u64>, &'static str> {
    const WRONG: &str = "must be like 0..1000, the first seed below the last";
    let (from, to) = text.split_once("..").ok_or(WRONG)?;
    let range = from.parse().map_err(|_| WRONG)?..to.parse().map_err(|_| WRONG)?;
    if range.is_empty() { Err(WRONG) } else { Ok(range) }
}

/// What all seeds came to.
#[derive(Default)]
struct Sum {
    figures: Figures,
    seeds: u64,
    double_charges: usize,
    lost_cycles: usize,
    ledger_differences: usize,
    rule_violations: usize,
    mail_faults: usize,
    failed: Vec<Outcome>,
    digests: BTreeMap<u64, String>,
}

impl Sum {
    fn add(&mut self, outcome: Outcome) {
        self.figures.add(&outcome.figures);
        self.seeds += 1;
        self.double_charges += outcome.findings.double_charges.len();
        self.lost_cycles += outcome.findings.lost_cycles.len();
        self.ledger_differences += outcome.findings.ledger_differences.len();
        self.rule_violations += outcome.findings.rule_violations.len();
        self.mail_faults += outcome.findings.mail_faults.len();
        self.digests.insert(outcome.seed, outcome.digest.clone());
        if !outcome.findings.is_empty() {
            self.failed.push(outcome);
        }
    }

    /// The kinds of fault that struck less often than `least`.
    fn missing(&self, least: u64) -> Vec<&'static str> {
        let fired = Fault::ALL.iter().zip(&self.figures.faults);
        fired.filter(|(_, count)| **count < least).map(|(fault, _)| fault.name()).collect()
    }
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or(cores);
    let ground = Arc::new(Ground::prepare(args.database_url.clone()).await?);
    let began = Instant::now();
    let sum = live_all(&args, &ground, jobs)?;
    let took = began.elapsed();
    let count = args.seeds.end - args.seeds.start;
    let least = args.each_fault.unwrap_or(1);
    let missing = sum.missing(least);
    let may_miss_some = args.each_fault.is_none() && count < ALL_FAULTS_FROM;
    if args.json {
        say(as_json(&sum, took, jobs, &missing))?;
    } else {
        tell(&sum, took, jobs)?;
        if !missing.is_empty() {
            say(format!("faults that struck less than {least} times: {}", missing.join(", ")))?;
        }
    }
    let is_well = sum.failed.is_empty() && (missing.is_empty() || may_miss_some);
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Lives through all seeds, on `jobs` threads. Each world has one to itself.
fn live_all(args: &Args, ground: &Arc<Ground>, jobs: usize) -> anyhow::Result<Sum> {
    let next = Arc::new(AtomicU64::new(args.seeds.start));
    let (sender, receiver) = mpsc::channel();
    let count = args.seeds.end - args.seeds.start;
    let end = args.seeds.end;
    let story = args.story;
    let wanted = Wanted { members: args.members, whole_story: story };
    let workers: Vec<_> = (0..jobs)
        .map(|nth| {
            let (next, sender, ground) = (Arc::clone(&next), sender.clone(), Arc::clone(ground));
            std::thread::spawn(move || {
                keep_to_one_processor(nth);
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || sender.send(live(&ground, seed, wanted)).is_err() {
                        return;
                    }
                }
            })
        })
        .collect();
    drop(sender);
    let progress = progress::bar(count, "simulating");
    let mut sum = Sum::default();
    for outcome in receiver {
        let outcome = outcome?;
        let is_wrong = !outcome.findings.is_empty();
        if is_wrong || story {
            progress.suspend(|| eprintln!("{}", told(&outcome)));
        }
        sum.add(outcome);
        if is_wrong && args.stop_at_first {
            progress.finish_and_clear();
            // The worlds that others are still in end with the process.
            return Ok(sum);
        }
        progress.inc(1);
        progress.set_message(format!("{} subscription-years", sum.figures.subscription_years()));
    }
    progress.finish_and_clear();
    for worker in workers {
        worker.join().map_err(|_| anyhow!("a world broke down: a fault of the simulator's"))?;
    }
    Ok(sum)
}

/// A world's thread and its database's wake each other at each statement, which takes several times as
/// long from one processor to another.
#[cfg(target_os = "linux")]
fn keep_to_one_processor(nth: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let Ok(allowed) = sched_getaffinity(None) else { return };
    let mut processors = (0..CpuSet::MAX_CPU).filter(|one| allowed.is_set(*one));
    let count = processors.clone().count().max(1);
    let Some(chosen) = processors.nth(nth % count) else { return };
    let mut only = CpuSet::new();
    only.set(chosen);
    // It is only slower without.
    let _ = sched_setaffinity(None, &only);
}

#[cfg(not(target_os = "linux"))]
fn keep_to_one_processor(_nth: usize) {}

fn live(ground: &Ground, seed: u64, wanted: Wanted) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let place = ground.place(seed).await?;
        let outcome = Box::pin(sim::run(seed, place.url(), wanted)).await;
        place.clear().await?;
        outcome.with_context(|| format!("seed {seed} could not be lived through"))
    })
}

/// A world: its seed and the version, all that happened if that is wanted, what is wrong, and what led to that.
fn told(outcome: &Outcome) -> String {
    let mut lines = vec![format!(
        "seed {} of rondo {}{}, trace {}",
        outcome.seed,
        super::VERSION,
        commit(),
        &outcome.digest[..16]
    )];
    lines.extend(outcome.story.iter().map(|line| format!("  {line}")));
    for Account { finding, lines: led_to_it } in &outcome.accounts {
        lines.push(format!("WRONG {finding}"));
        lines.extend(led_to_it.iter().map(|line| format!("  {line}")));
    }
    let rest = outcome.findings.lines().skip(outcome.accounts.len());
    lines.extend(rest.map(|finding| format!("WRONG {finding}")));
    lines.join("\n")
}

/// The commit of a program in development, as its source has it now: told by git, since one that was compiled in would
/// build all anew at each commit. An optimised program has it in its version.
fn commit() -> String {
    if !cfg!(debug_assertions) {
        return String::new();
    }
    let asked = ["describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"];
    let told = Command::new("git").args(asked).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let told = told.ok().filter(|told| told.status.success());
    told.map_or_else(String::new, |told| {
        format!(" ({})", String::from_utf8_lossy(&told.stdout).trim())
    })
}

/// Where worlds are laid out.
enum Ground {
    /// A migrated file, which is copied for each.
    Files { folder: TempDir, template: PathBuf },
    /// A server, on which each gets a database.
    Server { url: String, run: u64 },
}

/// Where one world is.
enum Place {
    File(PathBuf, String),
    Database(Scratch),
}

impl Ground {
    async fn prepare(server: Option<String>) -> anyhow::Result<Self> {
        if let Some(url) = server {
            let run = u64::from_be_bytes(system_mint().bytes::<8>());
            return Ok(Self::Server { url, run });
        }
        let memory = Path::new(MEMORY);
        let folder = if memory.is_dir() {
            tempfile::Builder::new().prefix("rondo-sim").tempdir_in(memory)
        } else {
            tempfile::Builder::new().prefix("rondo-sim").tempdir()
        }
        .context("cannot make a folder for the worlds")?;
        let template = folder.path().join("template.db");
        migrate(&format!("sqlite:{}", template.display())).await?;
        Ok(Self::Files { folder, template })
    }

    async fn place(&self, seed: u64) -> anyhow::Result<Place> {
        match self {
            Self::Files { folder, template } => {
                let path = folder.path().join(format!("{seed}.db"));
                fs::copy(template, &path)?;
                let url = format!("sqlite:{}", path.display());
                Ok(Place::File(path, url))
            }
            Self::Server { url, run } => {
                let scratch =
                    Scratch::on_server(url, &format!("rondo_sim_{run:016x}_{seed}")).await?;
                migrate(scratch.url()).await?;
                Ok(Place::Database(scratch))
            }
        }
    }
}

impl Place {
    fn url(&self) -> &str {
        match self {
            Self::File(_, url) => url,
            Self::Database(scratch) => scratch.url(),
        }
    }

    async fn clear(self) -> anyhow::Result<()> {
        match self {
            Self::File(path, _) => {
                for end in ["", "-wal", "-shm", ".lock"] {
                    let mut path = path.clone().into_os_string();
                    path.push(end);
                    // What was never there need not go.
                    let _ = fs::remove_file(path);
                }
                Ok(())
            }
            Self::Database(scratch) => Ok(scratch.remove().await?),
        }
    }
}

async fn migrate(url: &str) -> anyhow::Result<()> {
    let durability = Durability::TestOnly;
    let options = OpenOptions { access: Access::Engine, durability, ..OpenOptions::default() };
    let store = store::open(url, options).await?;
    store.migrate().await?;
    store.close().await;
    Ok(())
}

fn per_second(count: u64, took: Duration, jobs: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
    let (count, jobs) = (count as f64, jobs as f64);
    (count / took.as_secs_f64() / jobs * 10.0).round() / 10.0
}

fn tell(sum: &Sum, took: Duration, jobs: usize) -> anyhow::Result<()> {
    let figures = &sum.figures;
    let years = figures.subscription_years();
    let rows = [
        ("seeds", sum.seeds.to_string()),
        ("subscription-years", years.to_string()),
        ("subscription-years per second and core", per_second(years, took, jobs).to_string()),
        ("invoices", figures.invoices.to_string()),
        ("attempts", figures.attempts.to_string()),
        ("captures", figures.captures.to_string()),
        ("mails", figures.mails.to_string()),
        ("processes that died", figures.kills().to_string()),
        ("waiting for staff", figures.stuck.to_string()),
        ("double charges", sum.double_charges.to_string()),
        ("lost cycles", sum.lost_cycles.to_string()),
        ("ledger differences", sum.ledger_differences.to_string()),
        ("rule violations", sum.rule_violations.to_string()),
        ("mails lost or doubled", sum.mail_faults.to_string()),
    ];
    let mut counted = table(&[("what", Column::Words), ("count", Column::Figures)]);
    for (name, count) in rows {
        counted.add_row([name.to_owned(), count]);
    }
    show_table(&counted)?;
    let mut struck = table(&[("fault", Column::Words), ("struck", Column::Figures)]);
    for (fault, count) in Fault::ALL.iter().zip(&figures.faults) {
        struck.add_row([fault.name().to_owned(), count.to_string()]);
    }
    show_table(&struck)?;
    for failed in &sum.failed {
        say(format!(
            "seed {} failed: rondo simulate --seeds {0}..{} --story",
            failed.seed,
            failed.seed + 1
        ))?;
    }
    Ok(())
}

fn as_json(sum: &Sum, took: Duration, jobs: usize, missing: &[&str]) -> String {
    let figures = &sum.figures;
    let faults: BTreeMap<_, _> =
        Fault::ALL.iter().map(|fault| fault.name()).zip(&figures.faults).collect();
    json!({
        "seeds": sum.seeds,
        "subscription_years": figures.subscription_years(),
        "subscription_years_per_second_per_core":
            per_second(figures.subscription_years(), took, jobs),
        "seconds": took.as_secs_f64(),
        "invoices": figures.invoices,
        "attempts": figures.attempts,
        "captures": figures.captures,
        "mails": figures.mails,
        "stuck": figures.stuck,
        "kills": figures.kills(),
        "double_charges": sum.double_charges,
        "lost_cycles": sum.lost_cycles,
        "ledger_differences": sum.ledger_differences,
        "rule_violations": sum.rule_violations,
        "mail_faults": sum.mail_faults,
        "faults": faults,
        "missing_faults": missing,
        "failed_seeds": sum.failed.iter().map(|failed| failed.seed).collect::<Vec<_>>(),
        "traces": sum.digests,
    })
    .to_string()
}
