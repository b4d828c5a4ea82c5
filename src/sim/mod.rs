//! Deterministic simulation: the production domain, operations, engine and SQL in a world where all
//! goes wrong that can, seed by seed. What is judged at the end is judged by code that shares nothing
//! with what decided. The same seed gives the same world, byte for byte (RULES §10).

mod afterwards;
mod announced;
mod books;
mod card;
mod charge;
mod checker;
mod cycles;
mod deeds;
mod dice;
mod due;
mod ends;
mod fault;
mod gateway;
mod granted;
mod judge;
mod ladder;
mod letters;
mod mailer;
mod page;
mod portal;
mod prices;
mod provider;
mod refusal;
mod report;
mod returns;
mod staff;
mod stage;
mod statement;
mod story;
mod trace;
mod webhook;
mod world;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use self::{
    announced::unannounced, books::Books, charge::Standing, checker::breaches, dice::Dice,
    ends::unfounded, gateway::SimGateway, judge::Judge, ladder::untimely, letters::Letters,
    mailer::SimMailer, stage::Stage, world::World,
};
use crate::{
    app::{Pace, Rondo, audit, webhooks_out::Reach},
    domain::ids::Mint,
    gateway::Gateway,
    security::links::LinkKey,
    store::{Access, Durability, OpenOptions, Store, open_in_trouble},
};

pub use afterwards::Logs;
pub use fault::Fault;
pub use judge::Findings;
pub use report::Figures;
pub use story::Account;

/// Of so many findings it is told what led to them: what is wrong in many places is mostly one thing.
const ACCOUNTS: usize = 10;

/// How long the world goes on when all faults are over: until nothing can be open any more.
const SETTLES: TimeDelta = TimeDelta::days(50);

/// What came of one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What was counted.
    pub figures: Figures,
    /// What is wrong; nothing, if all is well.
    pub findings: Findings,
    /// The digest of all that happened, in hexadecimal digits.
    pub digest: String,
    /// What led to what is wrong, to the first of it if that is much.
    pub accounts: Vec<Account>,
    /// All that happened, if that was wanted.
    pub story: Vec<String>,
}

/// What may be said of a world besides its seed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// How many may join; as many as the seed says if absent.
    pub members: Option<usize>,
    /// Whether its story is told from the beginning.
    pub whole_story: bool,
}

/// Lives through the world of `seed` on the empty, migrated database at `url`.
pub async fn run(seed: u64, url: &str, wanted: Wanted) -> anyhow::Result<Outcome> {
    let pace = Pace {
        // One thing after the other, so that two runs are the same.
        calls_in_flight: 64,
        mails_in_flight: 8,
        ..Pace::default()
    };
    let dice = Dice::seeded(seed);
    let start = beginning(&dice);
    let lease = TimeDelta::from_std(pace.mail_lease.max(pace.lease))?;
    let mint = Mint::seeded(dice.bytes());
    let stage = Arc::new(Stage::new(dice, start, lease));
    let options = OpenOptions {
        access: Access::Engine,
        durability: Durability::TestOnly,
        // Whoever died in the middle of a transaction has let go of all before anyone goes on.
        connections: 1,
    };
    let store = open_in_trouble(url, options, Arc::<Stage>::clone(&stage)).await?;
    // The more members, the coarser is time: what happens within a grain is done together.
    let (members, grain) =
        *stage.dice.pick(&[(25, 60), (120, 3_600), (600, 14_400), (900, 28_800)]);
    let mut world = build(&stage, &store, mint, pace, TimeDelta::seconds(grain));
    let members = wanted.members.unwrap_or(members);
    let outcome = live(seed, &mut world, start, members).await;
    store.close().await;
    let mut outcome = outcome?;
    if !wanted.whole_story {
        outcome.story.clear();
    }
    Ok(outcome)
}

/// A day between 2026 and 2029, at any second.
fn beginning(dice: &Dice) -> DateTime<Utc> {
    let first = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day of the calendar");
    first.and_time(chrono::NaiveTime::MIN).and_utc()
        + TimeDelta::seconds(dice.between(0, 3 * 365 * 86_400))
}

fn build(
    stage: &Arc<Stage>,
    store: &Arc<dyn Store>,
    mint: Mint,
    pace: Pace,
    grain: TimeDelta,
) -> World {
    let gateways = [("alpha", "beta"), ("beta", "alpha")]
        .map(|(name, other)| Arc::new(SimGateway::new(Arc::clone(stage), name, other)));
    let mailer = Arc::new(SimMailer::new(Arc::clone(stage)));
    let named = gateways.iter().map(|gateway| {
        let port: Arc<dyn Gateway> = Arc::<SimGateway>::clone(gateway);
        (gateway.name().to_owned(), port)
    });
    let rondo = Rondo {
        store: Arc::clone(store),
        clock: Arc::<Stage>::clone(stage),
        mint: Arc::new(mint),
        gateways: named.collect(),
        mailer: Arc::<SimMailer>::clone(&mailer),
        mail_from: "billing@academy.example".parse().expect("an address"),
        words: Arc::default(),
        links: Arc::new(LinkKey::from_secret(&[9; 32])),
        public_url: "https://pay.academy.example".to_owned(),
        webhook_reach: Reach::ThisMachineToo,
        pace: Pace { lease: Duration::from_secs(30), ..pace },
        restored: None,
    };
    World::new(Arc::clone(stage), rondo, gateways, mailer, grain)
}

async fn live(
    seed: u64,
    world: &mut World,
    start: DateTime<Utc>,
    members: usize,
) -> anyhow::Result<Outcome> {
    let stage = Arc::clone(&world.stage);
    stage.faults.set_calm(true);
    world.open_portal().await?;
    let end = start + TimeDelta::days(stage.dice.between(200, 420));
    let mut portal = std::mem::take(&mut world.portal);
    portal.plan_lives(&stage, members, start, end);
    world.portal = portal;
    stage.faults.set_calm(false);
    world.live(end).await?;

    stage.faults.set_calm(true);
    stage.note(format_args!("from here on all goes well"));
    world.portal.goes_home();
    let quiet = end + SETTLES;
    let mut portal = std::mem::take(&mut world.portal);
    portal.look_after(&stage.dice, end, quiet);
    world.portal = portal;
    world.settle(quiet).await?;
    judged(seed, world, start).await
}

async fn judged(seed: u64, world: &mut World, start: DateTime<Utc>) -> anyhow::Result<Outcome> {
    let stage = &world.stage;
    let merchant = world.merchant().id;
    let mut repo = world.rondo.store.snapshot().await?;
    let books = Books::read(repo.as_mut(), merchant).await?;
    let mut flaws = std::mem::take(&mut world.flaws);
    flaws.extend(audit::flaws(repo.as_mut(), merchant, 10).await?);
    let unheard_since = repo.next_in_inbox().await?;
    drop(repo);
    for event in &books.events {
        let (kind, subject, at) = (event.kind, event.subject, event.at);
        stage.trace().note(at, format_args!("event {kind:?} of {subject:?}"));
    }
    let charges: Vec<_> =
        world.gateways.iter().flat_map(|gateway| gateway.provider().charges.clone()).collect();
    let members = world.portal.members.iter();
    let letters = Letters {
        arrived: world.mailer.arrived(),
        repeated: world.mailer.repeated(),
        dead: world.mailer.dead(),
        addresses: members.map(|one| (one.id, one.email.clone())).collect(),
    };
    let judge = Judge {
        books: &books,
        charges,
        not_charged: &world.granted.not_charged,
        unheard_since,
        now: world.rondo.clock.now(),
    };
    let mut findings = judge.findings();
    let ends = unfounded(&books, &world.granted, &world.rungs, stage.clock_error());
    findings.lost_cycles.extend(ends);
    findings.mail_faults = letters.faults(&books, stage.clock_error());
    findings.rule_violations = breaches(&books, &world.granted, stage.clock_error());
    findings.rule_violations.extend(unannounced(&books, stage.clock_error()));
    let (zone, grain) = (world.merchant().zone.tz(), world.grain);
    let pace = ladder::Pace { zone, grain, clock_error: stage.clock_error() };
    findings.rule_violations.extend(untimely(&books, &world.granted, &world.rungs, pace));
    findings.ledger_differences.extend(prices::wrong(&books, &world.granted.deals, pace));
    findings.ledger_differences.extend(flaws.iter().map(|flaw| {
        let claim = flaw.check.claim();
        format!("{claim}: {} has {}, not {}", flaw.object, flaw.found, flaw.expected)
    }));
    if world.has_sleepers() {
        findings.lost_cycles.push("a worker never woke".to_owned());
    }
    let lived = books.subscriptions.iter().map(|subscription| {
        let end = subscription.ended_at.unwrap_or(stage.truth());
        (end - subscription.started_at.max(start)).num_days().max(0)
    });
    let figures = Figures {
        subscription_days: lived.sum::<i64>().unsigned_abs(),
        attempts: books.attempts.len() as u64,
        captures: judge.charges.iter().filter(|c| c.standing == Standing::Captured).count() as u64,
        invoices: books.invoices.len() as u64,
        mails: letters.arrived.len() as u64,
        stuck: books.stuck.len() as u64,
        faults: stage.faults.fired(),
    };
    let story = stage.trace().story();
    let wrong = findings.lines().take(ACCOUNTS);
    let accounts =
        wrong.map(|finding| story::account(finding, &story, &books, &judge.charges)).collect();
    let digest = stage.trace().digest();
    Ok(Outcome { seed, figures, findings, digest, accounts, story })
}
