//! `rondo crash-test`: real processes of Rondo and of the sandbox gateway that are killed and stopped,
//! anywhere and at points with a name, while portals live through months; and whether, in the end, the
//! gateway took what was owed.
//!
//! [`process`] starts, kills and stops; [`doors`] and [`database_door`] are the proxies through which all
//! calls go, and [`misfortune`] what befalls a replica there; [`stage`] puts it all together; [`chaos`]
//! says when what befalls whom; [`portals`] and [`races`] are those who call; [`judge`] looks at what
//! is left, and [`report`] tells it.

mod chaos;
mod database_door;
mod doors;
mod judge;
mod misfortune;
mod portals;
mod process;
mod races;
mod report;
mod stage;

use std::{collections::BTreeSet, process::ExitCode, time::Instant};

use anyhow::anyhow;
use clap::Args as ClapArgs;
use tokio_util::sync::CancellationToken;

use self::{chaos::Wanted, misfortune::Deed, report::Report, stage::Stage};
use super::{output::say, progress, settings, signals};

/// How far back the gateway's list is held against what is recorded, in hours: longer than any test.
const HOURS: &str = "720";
/// From so many kills on, something must have been killed at every point; and from so many pauses on, stopped.
const ALL_POINTS_FROM: u64 = 10;

/// Kills and stops real processes of Rondo while portals are billed, and looks whether money was lost.
///
/// Runs this program as a server (one on a SQLite file, several on Postgres) and as the sandbox gateway,
/// with proxies in between that kill or stop the server at chosen points: a call to the gateway that has
/// not arrived, an answer that is not recorded, a commit that is not done, one that is not heard of. When
/// all has come to rest, the gateway's own ledger is held against what was owed, every cycle is accounted
/// for, and `rondo audit` and `rondo reconcile` find nothing.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo crash-test\n  \
    rondo crash-test --kills 100 --pauses 10 --races 1000\n  \
    rondo crash-test --kills 100 --database-url postgres://rondo@localhost/rondo --json\n\n\
    It ends with 1 if anything is wrong. On Postgres it makes a database of its own.")]
pub struct Args {
    /// How often a server is killed, as by `kill -9`.
    #[arg(long, allow_negative_numbers = true, value_name = "N", default_value_t = 20, value_parser = settings::whole(0_u64..=1_000_000))]
    kills: u64,

    /// How often a server is stopped until its leases are over, and then goes on.
    #[arg(long, allow_negative_numbers = true, value_name = "N", default_value_t = 2, value_parser = settings::whole(0_u64..=1_000_000))]
    pauses: u64,

    /// How often a request is made by several callers at once.
    #[arg(long, allow_negative_numbers = true, value_name = "N", default_value_t = 100, value_parser = settings::whole(0_u64..=10_000_000))]
    races: u64,

    /// What befalls whom, and what members are and do, follows from this; when, also from the machine.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = settings::whole(0..=u64::MAX))]
    seed: u64,

    /// The Postgres server, on which a database is made; a SQLite file in a new folder without it.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,

    /// How many servers run on Postgres; SQLite has one.
    #[arg(long, allow_negative_numbers = true, value_name = "N", default_value_t = 3, value_parser = settings::whole(1_usize..=3), requires = "database_url")]
    replicas: usize,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let stop = signals::stop_on_signal()?;
    let server = args.database_url.as_deref().filter(|url| !url.starts_with("sqlite:"));
    let replicas = if server.is_some() { args.replicas } else { 1 };
    let mut stage = Stage::set(server, replicas, args.seed).await?;
    let told = tokio::select! {
        told = test(&args, &stage, server.is_some()) => told,
        () = stop.cancelled() => {
            Err(anyhow!("stopped before the end; fewer --kills and --races are quicker"))
        }
    };
    let report = match told {
        Ok(report) => report,
        Err(error) => {
            let error = error.context(format!("the files are in {}", stage.keep_files().display()));
            stage.clear().await?;
            return Err(error);
        }
    };
    let wanted = [(Deed::Kill, args.kills), (Deed::Pause, args.pauses)];
    let wanted = wanted.into_iter().filter(|(_, count)| *count >= ALL_POINTS_FROM);
    let missing: Vec<_> = wanted.flat_map(|(deed, _)| report.missing(deed)).collect();
    let is_well = report.wrong().is_empty() && missing.is_empty();
    if args.json {
        say(report.as_json())?;
    } else {
        report.show()?;
        if !missing.is_empty() {
            say(format_args!("never came about: {}", missing.join(", ")))?;
        }
    }
    if !is_well {
        eprintln!("The files are in {}.", stage.keep_files().display());
    }
    stage.clear().await?;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Chaos first, then rest, then the races, and the verdict.
async fn test(args: &Args, stage: &Stage, on_postgres: bool) -> anyhow::Result<Report> {
    let began = Instant::now();
    let points = chaos::points(on_postgres);
    let bar = progress::bar(args.kills + args.pauses + args.races, "crashing");
    let calm = CancellationToken::new();
    let wanted = Wanted { kills: args.kills, pauses: args.pauses };
    let chaos = async {
        let crashes = chaos::reign(stage, points, wanted, args.seed, &bar).await?;
        calm.cancel();
        bar.set_message("all is well again");
        anyhow::Ok(crashes)
    };
    let portals = portals::live(stage.front, &stage.admin_key, args.seed, &calm);
    let (crashes, portals) = tokio::try_join!(chaos, portals)?;
    stage.start_all_again().await?;
    stage.put_back_the_undecided().await?;
    portals::settle(&portals).await?;
    bar.set_message("races");
    let races = races::run(stage, args.races, args.seed, &bar).await?;
    if let Some(portal) = &races.portal {
        portals::settle(std::slice::from_ref(portal)).await?;
    }
    stage.comes_to_rest().await?;
    bar.set_message("judging");
    let mut commands = Vec::new();
    for command in [
        &["audit", "--json", "--late-after-minutes=1"][..],
        &["reconcile", "--json", "--hours", HOURS],
    ] {
        let (is_well, said) = stage.run(command).await?;
        if !is_well {
            commands.push(format!("rondo {}: {said}", command.join(" ")));
        }
    }
    let merchants = portals.iter().chain(&races.portal).map(|portal| portal.merchant);
    let merchants: Vec<_> = merchants.collect::<BTreeSet<_>>().into_iter().collect();
    let (kills, pauses) = (stage.tally.sum(Deed::Kill), stage.tally.sum(Deed::Pause));
    let judgement = judge::judge(stage, &merchants, races.won, kills + pauses).await?;
    let store = stage.store().await?;
    let engine = store.describe().await?;
    store.close().await;
    bar.finish_and_clear();
    Ok(Report {
        engine,
        replicas: stage.replicas.len(),
        seeds: portals.len() as u64,
        points,
        faults: report::faults(&stage.tally, points, crashes),
        kills,
        pauses,
        races: races.run,
        races_lost: races.lost,
        judgement,
        commands,
        took: began.elapsed(),
    })
}
