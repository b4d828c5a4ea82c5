//! Keeps the loops going: the scheduler ticks, committed work wakes, and a stop lets what is in
//! flight come to its end.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chrono::TimeDelta;
use futures::FutureExt;
use thiserror::Error;
use tokio::{
    sync::{Notify, broadcast::error::RecvError},
    task::JoinSet,
};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;

use super::round;
use crate::{
    app::{Rondo, audit, reconcile, whole_reason},
    store::{StoreError, Work},
};

/// How the loops are kept going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How often a loop looks without having been woken.
    pub tick: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { tick: Duration::from_secs(1) }
    }
}

/// Why the engine does not start.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The scheduler does not take our jobs.
    #[error("the scheduler does not start")]
    Scheduler(#[from] JobSchedulerError),
}

/// How long the replies to requests are kept (RULES API-3: at least 30 days).
const REPLIES_KEPT: TimeDelta = TimeDelta::days(35);

/// Replies that are forgotten in one go.
const FORGOTTEN_TOGETHER: usize = 10_000;

/// How far the clock may stray between two settings before it is told.
const MOST_ASTRAY: TimeDelta = TimeDelta::milliseconds(500);

/// The wait after the database was not to be had.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The running loops. Every replica runs them all; claims keep them out of each other's way.
pub struct Engine {
    scheduler: JobScheduler,
    loops: JoinSet<()>,
    stop: CancellationToken,
}

/// A bell for each loop.
#[derive(Debug, Clone)]
struct Bells(Arc<[Notify; Work::ALL.len()]>);

impl Bells {
    fn of(&self, work: Work) -> &Notify {
        let place = Work::ALL.iter().position(|known| *known == work);
        &self.0[place.expect("every kind of work is in the list of all")]
    }

    fn ring(&self, work: Work) {
        self.of(work).notify_one();
    }

    fn ring_all(&self) {
        for work in Work::ALL {
            self.ring(work);
        }
    }
}

impl Engine {
    /// Starts all loops; they look for work at once.
    pub async fn start(rondo: Rondo, settings: Settings) -> Result<Self, EngineError> {
        let bells = Bells(Arc::new(std::array::from_fn(|_| Notify::new())));
        let stop = CancellationToken::new();
        let mut loops = JoinSet::new();
        for work in Work::ALL {
            loops.spawn(keep_going(rondo.clone(), work, bells.clone(), stop.clone()));
        }
        loops.spawn(listen(rondo.clone(), bells.clone(), stop.clone()));
        let scheduler = JobScheduler::new().await?;
        for work in Work::ALL {
            let bells = bells.clone();
            let tick = Job::new_repeated(settings.tick, move |_, _| bells.ring(work))?;
            scheduler.add(tick).await?;
        }
        scheduler.add(measuring(rondo.clone())?).await?;
        scheduler.add(keeping_time(rondo.clone())?).await?;
        scheduler.add(forgetting(rondo.clone())?).await?;
        scheduler.add(auditing(rondo.clone())?).await?;
        scheduler.add(reconciling(rondo.clone())?).await?;
        scheduler.add(making_up_for_nights(rondo)?).await?;
        scheduler.start().await?;
        bells.ring_all();
        Ok(Self { scheduler, loops, stop })
    }

    /// Takes no new batch and waits for those under way.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::warn!(%error, "the scheduler did not stop cleanly");
        }
        while let Some(ended) = self.loops.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a loop had crashed");
            }
        }
    }
}

/// Takes rounds of one kind of work whenever its bell rings, until none is left.
async fn keep_going(rondo: Rondo, work: Work, bells: Bells, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = bells.of(work).notified() => {}
        }
        while !stop.is_cancelled() {
            match take_round(&rondo, work).await {
                Some(0) => break,
                Some(count) => {
                    metrics::counter!("rondo_work_done_total", "work" => work.name())
                        .increment(count as u64);
                    // A clock that moved makes work due; work that is done lets a clock move on.
                    match work {
                        Work::AdvanceClocks => bells.ring_all(),
                        Work::Renew
                        | Work::Collect
                        | Work::Resolve
                        | Work::Dun
                        | Work::Remind
                        | Work::SendMail
                        | Work::DeliverEvents => bells.ring(Work::AdvanceClocks),
                    }
                }
                None => tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(AFTER_FAILURE) => break,
                },
            }
        }
    }
}

/// What a round came to. None if it failed, or panicked: that must not end the loop, which all merchants
/// share. What it was at is still due, or due again when its lease is over.
async fn take_round(rondo: &Rondo, work: Work) -> Option<usize> {
    match AssertUnwindSafe(round(rondo, work)).catch_unwind().await {
        Ok(Ok(count)) => return Some(count),
        Ok(Err(error)) => {
            let reason = whole_reason(&error);
            tracing::warn!(work = work.name(), reason, "the round is taken again later");
        }
        Err(panic) => {
            let reason = words_of(panic.as_ref());
            tracing::error!(work = work.name(), reason, "a round panicked; it is taken again");
        }
    }
    metrics::counter!("rondo_rounds_failed_total", "work" => work.name()).increment(1);
    None
}

/// What a panic says.
fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words")
}

/// Rings for work that was committed, here or by another replica.
async fn listen(rondo: Rondo, bells: Bells, stop: CancellationToken) {
    let mut wakes = rondo.store.wakes();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            woken = wakes.recv() => match woken {
                Ok(work) => bells.ring(work),
                Err(RecvError::Lagged(_)) => bells.ring_all(),
                Err(RecvError::Closed) => return,
            },
        }
    }
}

/// Shows how long the oldest due work of each kind has been waiting.
fn measuring(rondo: Rondo) -> Result<Job, JobSchedulerError> {
    Job::new_async("*/15 * * * * *", move |_, _| {
        let rondo = rondo.clone();
        Box::pin(async move {
            if let Err(error) = measure(&rondo).await {
                tracing::debug!(reason = whole_reason(&error), "due work was not measured");
            }
        })
    })
}

async fn measure(rondo: &Rondo) -> Result<(), StoreError> {
    let now = rondo.clock.now();
    let mut repo = rondo.store.snapshot().await?;
    let oldest = repo.oldest_due(now).await?;
    for work in Work::ALL {
        let due_at = oldest.iter().find(|(known, _)| *known == work).map_or(now, |(_, at)| *at);
        let seconds = (now - due_at).num_seconds().max(0);
        #[expect(clippy::cast_precision_loss, reason = "a gauge takes floats; these are seconds")]
        metrics::gauge!("rondo_oldest_due_seconds", "work" => work.name()).set(seconds as f64);
    }
    Ok(())
}

/// Sets the clock by the database's, so that all replicas agree on whose lease has run out.
fn keeping_time(rondo: Rondo) -> Result<Job, JobSchedulerError> {
    Job::new_async("*/10 * * * * *", move |_, _| {
        let rondo = rondo.clone();
        Box::pin(async move {
            match rondo.clock.set_by(rondo.store.as_ref()).await {
                Ok(ahead) if ahead.abs() > MOST_ASTRAY => {
                    tracing::warn!(ahead_ms = ahead.num_milliseconds(), "the clock was astray");
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(reason = whole_reason(&error), "the clock was not set");
                }
            }
        })
    })
}

/// Forgets replies that are older than anyone may ask for, each night.
fn forgetting(rondo: Rondo) -> Result<Job, JobSchedulerError> {
    Job::new_async("0 17 3 * * *", move |_, _| {
        let rondo = rondo.clone();
        Box::pin(async move {
            if let Err(error) = forget(&rondo).await {
                tracing::warn!(reason = whole_reason(&error), "old replies were not forgotten");
            }
        })
    })
}

/// Looks through all books, each night (RULES LED-1). `rondo audit` tells the same in a table.
fn auditing(rondo: Rondo) -> Result<Job, JobSchedulerError> {
    Job::new_async("0 23 4 * * *", move |_, _| {
        let rondo = rondo.clone();
        Box::pin(async move {
            match audit_all(&rondo).await {
                Ok(0) => tracing::info!("the books are in order"),
                Ok(flaws) => tracing::error!(flaws, "the books are wrong: see `rondo audit`"),
                Err(error) => {
                    tracing::warn!(reason = whole_reason(&error), "the books were not audited");
                }
            }
        })
    })
}

/// How many claims about the books do not hold, each once for a merchant. The gauge shows it from then on.
pub async fn audit_all(rondo: &Rondo) -> Result<usize, StoreError> {
    let mut repo = rondo.store.snapshot().await?;
    let mut count = 0;
    for merchant in audit::merchants(repo.as_mut()).await? {
        for flaw in audit::flaws(repo.as_mut(), merchant.id, 1).await? {
            let claim = flaw.check.claim();
            tracing::error!(claim, object = flaw.object, flaw.found, flaw.expected, "a flaw");
            count += 1;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    metrics::gauge!("rondo_audit_flaws").set(count as f64);
    Ok(count)
}

/// Holds the gateways' lists against ours, each night. Every replica may: it changes nothing twice.
fn reconciling(rondo: Rondo) -> Result<Job, JobSchedulerError> {
    Job::new_async("0 41 2 * * *", move |_, _| {
        let rondo = rondo.clone();
        Box::pin(async move {
            for account in reconcile::accounts(&rondo) {
                reconcile_one(&rondo, account).await;
            }
        })
    })
}

/// Makes up, at each other hour, for a night on which a gateway or the server was down: an unknown payment is not
/// to wait two days for staff (RULES REC-1).
fn making_up_for_nights(rondo: Rondo) -> Result<Job, JobSchedulerError> {
    Job::new_async("0 41 0-1,3-23 * * *", move |_, _| {
        let rondo = rondo.clone();
        Box::pin(async move {
            for account in reconcile::accounts(&rondo) {
                match reconcile::is_overdue(&rondo, account).await {
                    Ok(true) => reconcile_one(&rondo, account).await,
                    Ok(false) => {}
                    Err(error) => {
                        let reason = whole_reason(&error);
                        tracing::warn!(account, reason, "whether it was reconciled is not known");
                    }
                }
            }
        })
    })
}

async fn reconcile_one(rondo: &Rondo, account: &str) {
    match reconcile::nightly(rondo, account).await {
        Ok(found) => {
            let differences = found.differences.len();
            tracing::info!(account, found.listed, found.recorded, differences, "reconciled");
        }
        Err(error) => {
            let reason = whole_reason(&error);
            tracing::warn!(account, reason, "the account was not reconciled");
        }
    }
}

async fn forget(rondo: &Rondo) -> Result<(), StoreError> {
    let before = rondo.clock.now() - REPLIES_KEPT;
    loop {
        let mut repo = rondo.store.begin().await?;
        let forgotten = repo.forget_replies(before, FORGOTTEN_TOGETHER).await?;
        repo.commit().await?;
        if forgotten == 0 {
            return Ok(());
        }
    }
}
