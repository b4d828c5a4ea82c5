//! `rondo stuck`: what was taken out of its loop because it could not go on, and putting it back.

use std::process::ExitCode;

use anyhow::bail;
use chrono::SecondsFormat;
use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;

use super::{
    output::{Column, say, table},
    settings::{self, Settings},
};
use crate::{
    app::clock,
    store::{MerchantId, Stuck},
};

/// Shows what could not go on, with the reason, and puts it back to work.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  \
    rondo stuck\n  \
    rondo stuck list --json\n  \
    rondo stuck retry pay_06ew5kkq3hx3d1qj9w2t7m8c0g\n\n\
    One row that cannot go on never blocks the others: it is set aside for a person to look at.",
    args_conflicts_with_subcommands = true
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Retry(Retry),
}

/// Lists what is set aside, oldest first. This is what happens without a subcommand.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo stuck list\n  \
    rondo stuck list --merchant mer_06ew5kkq3hx3d1qj9w2t7m8c0g --json")]
struct List {
    #[command(flatten)]
    settings: Settings,

    /// Only this merchant's.
    #[arg(long, value_name = "ID", value_parser = settings::merchant)]
    merchant: Option<MerchantId>,

    /// How many at most.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = settings::whole(1_u32..=100_000))]
    limit: u32,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Puts an object back to work: it is due at once.
///
/// A server that is running finds it within `engine.tick_seconds`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo stuck retry pay_06ew5kkq3hx3d1qj9w2t7m8c0g")]
struct Retry {
    #[command(flatten)]
    settings: Settings,

    /// The object, as `rondo stuck` lists it.
    id: String,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        None => list(args.list).await,
        Some(Command::List(args)) => list(args).await,
        Some(Command::Retry(args)) => retry(args).await,
    }
}

async fn list(args: List) -> anyhow::Result<ExitCode> {
    let config = args.settings.load()?;
    let store = settings::open_migrated(&config).await?;
    let mut repo = store.snapshot().await?;
    settings::refuse_unknown(repo.as_mut(), args.merchant).await?;
    let stuck = repo.stuck(args.merchant, usize::try_from(args.limit)?).await?;
    drop(repo);
    store.close().await;
    if args.json {
        let stuck: Vec<_> = stuck.iter().map(as_json).collect();
        say(json!({ "stuck": stuck }))?;
    } else if stuck.is_empty() {
        say("Nothing is stuck.")?;
    } else {
        let names = ["object", "loop", "since", "merchant", "reason"];
        let mut shown = table(&names.map(|name| (name, Column::Words)));
        for Stuck { merchant, work, object, reason, since } in &stuck {
            let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
            shown.add_row([object, work.name(), &since, &merchant.to_string(), reason]);
        }
        say(shown)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn retry(args: Retry) -> anyhow::Result<ExitCode> {
    let config = args.settings.load()?;
    let store = settings::open_migrated(&config).await?;
    // What is due is due by the clock that the engine goes by.
    let now = clock::of(store.as_ref()).await?.now();
    let mut repo = store.begin().await?;
    let is_back = repo.put_back(&args.id, now).await?;
    repo.commit().await?;
    store.close().await;
    if !is_back {
        bail!("{} is not stuck; `rondo stuck` lists what is", args.id);
    }
    if args.json {
        say(json!({ "retried": args.id }))?;
    } else {
        say(format_args!("{} is due again.", args.id))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(stuck: &Stuck) -> serde_json::Value {
    let Stuck { merchant, work, object, reason, since } = stuck;
    json!({
        "object": object,
        "loop": work.name(),
        "since": since,
        "merchant": merchant.to_string(),
        "reason": reason,
    })
}
