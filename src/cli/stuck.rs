//! `rondo stuck`: what was taken out of its loop because it could not go on, putting it back, and saying
//! what became of a charge that nobody else can decide.

use std::{process::ExitCode, str::FromStr, sync::Arc};

use anyhow::{Context, anyhow, bail};
use chrono::SecondsFormat;
use clap::{
    Args as ClapArgs, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use serde_json::json;

use super::{
    output::{Column, say, table},
    service,
    settings::{self, Settings},
};
use crate::{
    app::{AppError, clock, payments::PaymentWithAttempts, settle_attempt::settle_attempt, stuck},
    config::Config,
    domain::{
        ids::{Id, kind},
        merchant::Merchant,
        payment::{
            PaymentState,
            attempt::Attempt,
            verdict::{Note, Reference, Unfit, Verdict},
        },
    },
    security::pan::holds_card_number,
    store::{MerchantId, Store, Stuck, Work},
};

/// So many go back to work in one go.
const MOST_AT_ONCE: usize = 100_000;

/// Shows what could not go on, with the reason, puts it back to work, and settles what is undecided.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  \
    rondo stuck\n  \
    rondo stuck list --json\n  \
    rondo stuck retry pay_06ew5kkq3hx3d1qj9w2t7m8c0g\n  \
    rondo stuck settle att_06ew5kkq3hx3d1qj9w2t7m8c0g --not-charged --note 'Eva looked in the dashboard'\n\n\
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
    Settle(Settle),
}

/// Lists what is set aside, oldest first. This is what happens without a subcommand.
///
/// Of charges among it whose outcome is unknown, the gateway is asked once more, not oftener than once a minute.
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

/// Puts objects back to work: they are due at once.
///
/// A server that is running finds them within `engine.tick_seconds`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo stuck retry pay_06ew5kkq3hx3d1qj9w2t7m8c0g\n  \
    rondo stuck retry --loop send_mail                  all mails, when the relay is well again")]
struct Retry {
    #[command(flatten)]
    settings: Settings,

    /// The objects, as `rondo stuck` lists them.
    #[arg(value_name = "ID", required_unless_present = "of_loop")]
    ids: Vec<String>,

    /// All of this loop.
    #[arg(long = "loop", value_name = "LOOP", conflicts_with = "ids", value_parser = a_loop())]
    of_loop: Option<Work>,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Says what became of a charge that nobody else can decide.
///
/// Look for the charge at the gateway first. The gateway is asked once more before your word is taken; all
/// follows that would follow from its own, and portals hear the note. It may run beside a server.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo stuck settle att_06ew5kkq3hx3d1qj9w2t7m8c0g --charged pi_3f9 --note 'Eva: in the dashboard, paid'\n  \
    rondo stuck settle att_06ew5kkq3hx3d1qj9w2t7m8c0g --not-charged --note 'support wrote: no such charge'")]
struct Settle {
    #[command(flatten)]
    settings: Settings,

    /// The attempt, as `rondo stuck` lists it, or its name as the API tells it.
    #[arg(value_name = "ATTEMPT", value_parser = attempt)]
    attempt: Id<kind::Attempt>,

    #[command(flatten)]
    outcome: Outcome,

    /// Who looked, and where: kept, and told to portals.
    #[arg(long, value_name = "TEXT", value_parser = without_card_number::<Note>)]
    note: Note,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What became of it.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
struct Outcome {
    /// It took the money, all that was ordered; the gateway's reference of it.
    #[arg(long, value_name = "REFERENCE", value_parser = without_card_number::<Reference>)]
    charged: Option<Reference>,

    /// It took none, and never will: the payment is due again.
    #[arg(long)]
    not_charged: bool,
}

fn a_loop() -> impl TypedValueParser<Value = Work> {
    PossibleValuesParser::new(Work::ALL.map(Work::name)).map(|name| {
        let found = Work::ALL.into_iter().find(|work| work.name() == name);
        found.expect("it is one of them")
    })
}

/// An attempt on the command line.
fn attempt(text: &str) -> Result<Id<kind::Attempt>, String> {
    let id = text.strip_prefix("attempts/").unwrap_or(text);
    id.parse().map_err(|error| format!("{error}, or a name like attempts/att_…"))
}

/// What is kept as it was typed, but for card numbers (RULES PCI-1).
fn without_card_number<T: FromStr<Err = Unfit>>(text: &str) -> Result<T, String> {
    if holds_card_number(text) {
        return Err("must not hold a card number".to_owned());
    }
    text.parse().map_err(|unfit: Unfit| unfit.to_string())
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        None => list(args.list).await,
        Some(Command::List(args)) => list(args).await,
        Some(Command::Retry(args)) => retry(args).await,
        Some(Command::Settle(args)) => settle(args).await,
    }
}

async fn list(args: List) -> anyhow::Result<ExitCode> {
    let config = args.settings.load()?;
    let store = settings::open_migrated(&config).await?;
    let mut repo = store.snapshot().await?;
    settings::refuse_unknown(repo.as_mut(), args.merchant).await?;
    let limit = usize::try_from(args.limit)?;
    let mut stuck = repo.stuck(args.merchant, limit).await?;
    drop(repo);
    if stuck.iter().any(|one| one.object.parse::<Id<kind::Attempt>>().is_ok()) {
        // What is known is shown, whatever comes of asking.
        if let Err(error) = ask_after(&config, &store, &stuck).await {
            eprintln!("warning: the gateways were not asked once more: {error:#}");
        }
        stuck = store.snapshot().await?.stuck(args.merchant, limit).await?;
    }
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

/// Asks the gateways once more after what of it they alone know.
async fn ask_after(config: &Config, store: &Arc<dyn Store>, stuck: &[Stuck]) -> anyhow::Result<()> {
    let rondo = service::ports(config, Arc::clone(store)).await?;
    stuck::ask_after(&rondo, stuck).await?;
    Ok(())
}

async fn retry(args: Retry) -> anyhow::Result<ExitCode> {
    let config = args.settings.load()?;
    let store = settings::open_for_money(&config).await?;
    // What is due is due by the clock that the engine goes by.
    let now = clock::of(store.as_ref()).await?.now();
    let mut repo = store.begin().await?;
    let ids = match args.of_loop {
        None => args.ids,
        Some(work) => {
            let mut stuck = repo.stuck(None, MOST_AT_ONCE).await?;
            stuck.retain(|one| one.work == work);
            stuck.into_iter().map(|one| one.object).collect()
        }
    };
    for id in &ids {
        if !repo.put_back(id, now).await? {
            bail!("{id} is not stuck, and nothing was put back; `rondo stuck` lists what is");
        }
    }
    repo.commit().await?;
    store.close().await;
    if args.json {
        say(json!({ "retried": ids }))?;
    } else if let [id] = &ids[..] {
        say(format_args!("{id} is off the list, and due again if it waited for that."))?;
    } else {
        let count = ids.len();
        say(format_args!(
            "{count} objects are off the list, and due again if they waited for that."
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn settle(args: Settle) -> anyhow::Result<ExitCode> {
    let config = args.settings.load()?;
    let store = settings::open_for_money(&config).await?;
    let merchant = whose(store.as_ref(), args.attempt).await?;
    let rondo = service::ports(&config, store).await?;
    let verdict = args.outcome.charged.map_or(Verdict::NotCharged, Verdict::Charged);
    let settled = settle_attempt(&rondo, &merchant, args.attempt, &verdict, &args.note).await;
    rondo.store.close().await;
    let PaymentWithAttempts { payment, attempts } = settled.map_err(told)?;
    let attempt = attempts.iter().find(|attempt| attempt.id == args.attempt);
    let attempt = attempt.context("the payment lost its attempt")?;
    if args.json {
        say(json!({
            "settled": attempt.id,
            "attempt_state": attempt.state,
            "payment": payment.id,
            "payment_state": payment.state,
        }))?;
    } else {
        say(shown(attempt, payment.state))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn whose(store: &dyn Store, attempt: Id<kind::Attempt>) -> anyhow::Result<Merchant> {
    let mut repo = store.snapshot().await?;
    let Some(known) = repo.attempt_by_id(attempt).await? else {
        bail!("there is no {attempt} in this database; `rondo stuck` lists what is undecided");
    };
    repo.merchant(known.merchant).await?.context("its merchant is gone")
}

/// A refusal, as the command line tells it: flags are named here as the API names its fields.
fn told(error: AppError) -> anyhow::Error {
    match error {
        AppError::Invalid(violations) => {
            let told = AppError::Invalid(violations).to_string();
            anyhow!(told.replace("charged.gateway_reference", "--charged"))
        }
        AppError::Precondition { subject, message, .. } => anyhow!("{subject}: {message}"),
        other => other.into(),
    }
}

fn shown(attempt: &Attempt, payment: PaymentState) -> String {
    let id = attempt.id;
    let outcome = if attempt.state.took_money() { "took the money" } else { "took none" };
    let follows = match payment {
        PaymentState::Scheduled => "is due again",
        PaymentState::Collecting => "is being collected",
        PaymentState::Waiting => "waits for the customer or for the next step of dunning",
        PaymentState::Succeeded => "has succeeded",
        PaymentState::Abandoned => "is over, as nothing is owed",
    };
    format!("{id} {outcome}; its payment {follows}.")
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
