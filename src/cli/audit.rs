//! `rondo audit`: whether the books of a database are in order, while it is in use.

use std::process::ExitCode;

use anyhow::bail;
use chrono::{SecondsFormat, TimeDelta};
use clap::Args as ClapArgs;
use serde_json::json;

use super::{
    output::{Column, say, show_table, table},
    progress,
    settings::{self, Settings},
};
use crate::{
    app::{
        audit::{self, Late},
        clock,
    },
    store::{Check, Flaw, MerchantId},
};

/// Recomputes the books and looks for what cannot be: balances, states, gaps in numbers, double
/// charges, names of things that are not there, work that nobody takes up.
///
/// It reads one consistent picture of a database that may be in use, and changes nothing.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo audit\n  \
    rondo audit --json --database-url postgres://rondo@db.example/rondo\n  \
    rondo audit --late-after-minutes 60\n\n\
    It ends with 1 if anything is wrong.")]
pub struct Args {
    #[command(flatten)]
    settings: Settings,

    /// Only this merchant's books.
    #[arg(long, value_name = "ID", value_parser = settings::merchant)]
    merchant: Option<MerchantId>,

    /// How many objects to name for each claim that does not hold.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = settings::whole(1_usize..=100_000))]
    limit: usize,

    /// Work that has been due for longer is late.
    #[arg(long, value_name = "MINUTES", default_value_t = 15, value_parser = settings::whole(0_u32..=525_600))]
    late_after_minutes: u32,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.load()?;
    let store = settings::open_migrated(&config).await?;
    let world = clock::of(store.as_ref()).await?.now();
    let mut repo = store.snapshot().await?;
    let merchants = match args.merchant {
        Some(merchant) => match repo.merchant(merchant).await? {
            Some(known) => vec![known.id],
            None => bail!("there is no merchant {merchant}; without --merchant all are audited"),
        },
        None => audit::merchants(repo.as_mut()).await?.iter().map(|one| one.id).collect(),
    };
    let bar = progress::bar(merchants.len() as u64, "auditing");
    let mut flaws = Vec::new();
    for merchant in &merchants {
        let found = audit::flaws(repo.as_mut(), *merchant, args.limit).await?;
        flaws.extend(found.into_iter().map(|flaw| (*merchant, flaw)));
        bar.inc(1);
    }
    let patience = TimeDelta::minutes(args.late_after_minutes.into());
    let late = audit::late(repo.as_mut(), world, patience).await?;
    bar.finish_and_clear();
    drop(repo);
    store.close().await;

    if args.json {
        say(as_json(merchants.len(), &flaws, &late))?;
    } else {
        show(merchants.len(), &flaws, &late)?;
    }
    let is_in_order = flaws.is_empty() && late.is_empty();
    Ok(if is_in_order { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(merchants: usize, flaws: &[(MerchantId, Flaw)], late: &[Late]) -> anyhow::Result<()> {
    let mut claims = table(&[("claim", Column::Words), ("exceptions", Column::Figures)]);
    for check in Check::ALL {
        let count = flaws.iter().filter(|(_, flaw)| flaw.check == check).count();
        claims.add_row([check.claim().to_owned(), count.to_string()]);
    }
    show_table(&claims)?;
    if !flaws.is_empty() {
        let columns = ["claim", "object", "merchant"].map(|name| (name, Column::Words));
        let figures = ["is", "should be"].map(|name| (name, Column::Figures));
        let mut shown = table(&[&columns[..], &figures].concat());
        for (merchant, flaw) in flaws {
            let (found, expected) = (flaw.found.to_string(), flaw.expected.to_string());
            let merchant = merchant.to_string();
            shown.add_row([flaw.check.claim(), &flaw.object, &merchant, &found, &expected]);
        }
        show_table(&shown)?;
    }
    for Late { work, due_at } in late {
        let due_at = due_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        say(format_args!("late: {} has work that was due at {due_at}", work.name()))?;
    }
    if flaws.is_empty() && late.is_empty() {
        let whose = if merchants == 1 { "merchant" } else { "merchants" };
        say(format_args!("The books of {merchants} {whose} are in order."))?;
    }
    Ok(())
}

fn as_json(merchants: usize, flaws: &[(MerchantId, Flaw)], late: &[Late]) -> serde_json::Value {
    let flaw = |(merchant, flaw): &(MerchantId, Flaw)| {
        json!({
            "check": flaw.check.name(),
            "object": flaw.object,
            "merchant": merchant.to_string(),
            "found": flaw.found,
            "expected": flaw.expected,
        })
    };
    let lying = |late: &Late| json!({ "loop": late.work.name(), "due_at": late.due_at });
    json!({
        "merchants": merchants,
        "checks": Check::ALL.map(Check::name),
        "flaws": flaws.iter().map(flaw).collect::<Vec<_>>(),
        "late": late.iter().map(lying).collect::<Vec<_>>(),
    })
}
