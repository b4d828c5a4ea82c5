//! `rondo demo`: a learning portal's members live through a year of billing, in about a minute, on
//! the code that runs in production.
//!
//! [`stage`] starts what it runs on, [`academy`](super::academy) has the portal and its members, and
//! [`report`] shows the figures. Nothing here reaches around the API, but for the sums at the end.

mod report;
mod stage;

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, time::Instant};

use anyhow::bail;
use clap::Args as ClapArgs;

use self::{report::Report, stage::Stage};
use super::{
    academy::{self, line::Patience, members, portal::Portal, witness, year},
    output::say,
    progress, settings, signals,
};
use crate::grpc::proto::v1;

/// Shows a year of billing in about a minute.
///
/// Starts Rondo on a new SQLite file, a sandbox gateway and a mail catcher, all on this machine;
/// then acts as a learning portal with monthly and yearly memberships, a course, and members with
/// good and bad cards, and moves its test clock through the months. Ends with the figures, and with
/// Rondo's ledger compared with the gateway's own.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo demo\n  \
    rondo demo --members 50 --months 3 --exit\n  \
    rondo demo --exit --json > figures.json\n  \
    rondo demo --database-url postgres://rondo@localhost/rondo\n\n\
    With --exit it ends with 1 if the two ledgers differ.")]
pub struct Args {
    /// How many members join, from 1 to 99999.
    #[arg(long, allow_negative_numbers = true, value_name = "N", default_value_t = 300, value_parser = settings::whole(1_u32..=99_999))]
    members: u32,

    /// How many months pass, from 1 to 120.
    #[arg(long, allow_negative_numbers = true, value_name = "N", default_value_t = 13, value_parser = settings::whole(1_u32..=120))]
    months: u32,

    /// End after the figures, instead of staying up to be looked at.
    #[arg(long)]
    exit: bool,

    /// Print the figures as JSON, and nothing else, on standard output.
    #[arg(long)]
    json: bool,

    /// The database to use instead of a new SQLite file. The demo makes a merchant of its own there.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,

    /// What members are and do follows from this.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = settings::whole(0..=u64::MAX))]
    seed: u64,

    /// The folder for the database, the gateway's ledger and the log; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "rondo-demo")]
    dir: PathBuf,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let stop = signals::stop_on_signal()?;
    let stage = Stage::set(&args.dir, args.database_url.as_deref(), args.seed).await?;
    let until = if args.exit { " while it runs" } else { "" };
    eprintln!(
        "Rondo at {} on {}; mails at http://{}/{until}; log in {}",
        stage.service.address,
        stage.engine,
        stage.catcher.http_addr,
        stage.log.display()
    );
    let told = tokio::select! {
        told = tell(&args, &stage) => told,
        () = stop.cancelled() => Err(anyhow::anyhow!(
            "stopped before the end; `rondo demo` begins anew, and --members 20 is quicker"
        )),
    };
    let (report, portal) = match told {
        Ok(told) => told,
        Err(error) => {
            stage.clear().await?;
            return Err(error);
        }
    };
    if args.json {
        say(report.as_json())?;
    } else {
        say(report.by_month())?;
        for line in Report::LEGEND {
            say(line)?;
        }
        say(report.by_mail())?;
        for line in report.check_lines() {
            say(line)?;
        }
    }
    let invited = if args.exit { Ok(()) } else { invite(&stage, &portal).await };
    if !args.exit && invited.is_ok() {
        stop.cancelled().await;
    }
    stage.clear().await?;
    invited?;
    Ok(if report.agrees() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Lives the year, and sums it up.
async fn tell(args: &Args, stage: &Stage) -> anyhow::Result<(Report, Portal)> {
    let began = Instant::now();
    let steps = academy::steps(args.months);
    let Some(opens) = steps.first() else { bail!("no months, no story") };
    let address = stage.service.address;
    let portal =
        Portal::open(address, &stage.admin_key, stage::GATEWAY, *opens, Patience::None).await?;
    let count = usize::try_from(args.members)?;
    let members = members::invite(args.seed, count, steps.len());
    let progress = progress::bar(steps.len() as u64, "a year");
    year::live(&portal, &members, args.months, &progress).await?;
    progress.finish_and_clear();

    let store = stage.service.rondo.store.as_ref();
    let sandbox = witness::Sandbox {
        base_url: stage.sandbox.base_url().to_owned(),
        secret_key: Stage::sandbox_key().to_owned(),
    };
    let books = witness::compare(store, portal.merchant, stage::GATEWAY, &sandbox).await?;
    let standing = standing(&portal.all_subscriptions().await?);
    let caught = stage.catcher.counts().values().sum();
    let seconds = began.elapsed().as_secs_f64();
    let open = portal.open_debts().await?;
    let report =
        Report::read(store, portal.merchant, standing, open, caught, books, seconds).await?;
    Ok((report, portal))
}

/// How many subscriptions stand where.
fn standing(subscriptions: &[v1::Subscription]) -> BTreeMap<String, usize> {
    let mut standing = BTreeMap::new();
    for subscription in subscriptions {
        let state = subscription.state().as_str_name().trim_start_matches("STATE_");
        *standing.entry(state.to_lowercase().replace('_', " ")).or_default() += 1;
    }
    standing
}

/// How to look around while it stays up.
async fn invite(stage: &Stage, portal: &Portal) -> anyhow::Result<()> {
    let address = stage.service.address;
    let owed = match portal.pay_link().await? {
        Some((who, link)) => format!("What {who} owes, to be paid in a browser:\n  {link}\n"),
        None => "Nobody is past due, so there is no page to pay on.\n".to_owned(),
    };
    eprintln!(
        "\nAll of it stays up until Ctrl-C.\n\n\
         The mails, in a browser:\n  http://{}/\n\
         {owed}\
         The API, as the portal:\n  grpcurl -plaintext -H 'authorization: Bearer {}' -d \
         '{{\"page_size\": 3}}' {address} rondo.v1.SubscriptionsService/ListSubscriptions\n\
         The example portal in Python, as an administrator:\n  RONDO_ADDRESS={address} \
         RONDO_API_KEY={} examples/learning-portal-python/run",
        stage.catcher.http_addr, portal.key, stage.admin_key
    );
    Ok(())
}
