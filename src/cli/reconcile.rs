//! `rondo reconcile`: whether the gateways took what we have recorded, no more and no less.

use std::process::ExitCode;

use anyhow::bail;
use chrono::TimeDelta;
use clap::Args as ClapArgs;
use serde_json::json;

use super::{
    output::{Column, say, table},
    progress, service,
    settings::{self, Settings},
};
use crate::{
    app::reconcile::{self, ReconcileError, Reconciliation},
    domain::payment::{reading::NIGHTLY_HOURS, reconcile::Difference},
};

/// Holds each gateway's own list of what it took against what is recorded here, both ways.
///
/// A server does this each night by itself. Payments whose news was lost are recorded; all else is
/// told to staff (`rondo stuck`). It may run beside a server.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo reconcile\n  \
    rondo reconcile --hours 720 --gateway stripe --json\n\n\
    It ends with 1 if the two differ.")]
pub struct Args {
    #[command(flatten)]
    settings: Settings,

    /// Only this gateway account, by its name in the configuration.
    #[arg(long, value_name = "NAME")]
    gateway: Option<String>,

    /// How far back.
    #[arg(long, value_name = "HOURS", default_value_t = NIGHTLY_HOURS, value_parser = settings::whole(2_u32..=26_280))]
    hours: u32,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.load()?;
    let store = settings::open_for_money(&config).await?;
    let rondo = service::ports(&config, store).await?;
    let accounts: Vec<_> = match args.gateway {
        Some(name) if reconcile::accounts(&rondo).all(|known| known != name) => {
            let known: Vec<_> = reconcile::accounts(&rondo).collect();
            bail!("--gateway must be an account that lists what it took, not {name}: {known:?}");
        }
        Some(name) => vec![name],
        None => reconcile::accounts(&rondo).map(str::to_owned).collect(),
    };
    let bar = progress::bar(accounts.len() as u64, "reconciling");
    let (mut all, mut failed) = (Vec::new(), None);
    for account in &accounts {
        let window = TimeDelta::hours(args.hours.into());
        match reconcile::account(&rondo, account, window).await {
            Ok(found) => all.push(found),
            // What fails at one keeps nothing from the others, nor what was found all the same from staff.
            Err(error) => {
                if let ReconcileError::InPart { found, .. } = &error {
                    all.push((**found).clone());
                }
                let what = format!("the account `{account}` was not reconciled");
                failed = failed.or(Some(anyhow::Error::new(error).context(what)));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    rondo.store.close().await;

    let is_alike = all.iter().all(|account| account.differences.is_empty());
    if args.json {
        say(json!({ "accounts": all.iter().map(as_json).collect::<Vec<_>>() }))?;
    } else {
        show(&all, failed.is_none())?;
    }
    if let Some(error) = failed {
        return Err(error);
    }
    Ok(if is_alike { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(all: &[Reconciliation], is_whole: bool) -> anyhow::Result<()> {
    let figures = ["listed", "recorded", "differences"].map(|name| (name, Column::Figures));
    let mut accounts = table(&[&[("account", Column::Words)][..], &figures].concat());
    for account in all {
        let counts = [account.listed, account.recorded, account.differences.len()];
        let cells = counts.map(|count| count.to_string());
        accounts.add_row([&account.gateway, &cells[0], &cells[1], &cells[2]]);
    }
    say(accounts)?;
    let mut differences = all.iter().flat_map(|account| &account.differences).peekable();
    if differences.peek().is_none() && is_whole {
        say("Nothing differs. What was charged in the last hour is looked for next time.")?;
    }
    for difference in differences {
        say(difference)?;
    }
    Ok(())
}

fn as_json(account: &Reconciliation) -> serde_json::Value {
    let difference = |difference: &Difference| {
        json!({
            "difference": difference.name(),
            "object": difference.object(),
            "reason": difference.to_string(),
        })
    };
    json!({
        "gateway": account.gateway,
        "listed": account.listed,
        "recorded": account.recorded,
        "differences": account.differences.iter().map(difference).collect::<Vec<_>>(),
    })
}
