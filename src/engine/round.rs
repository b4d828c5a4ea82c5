//! One round of one loop: every merchant that has due work gets one batch, so that a huge one never
//! starves the others.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, resume_unwind},
};

use futures::{FutureExt, StreamExt, stream};

use crate::{
    app::{
        Rondo,
        clocks::{self, Tick},
        collect, dun, inbox, refunds, remind, renew, resolve, send_mail,
        turn::{self, TurnError},
        webhooks_out, whole_reason,
    },
    domain::merchant::Merchant,
    store::{StoreError, Work},
};

/// Merchants that get a batch in one round: more than will ever have work due at one instant.
const MERCHANTS: usize = 10_000;

/// Of these, how many are served at the same time.
const AT_ONCE: usize = 8;

/// What the parts of a round came to.
#[derive(Default)]
struct Tally {
    done: usize,
    panic: Option<Box<dyn Any + Send>>,
}

impl Tally {
    /// Takes in a part that was caught if it panicked.
    fn add(
        &mut self,
        part: std::thread::Result<Result<usize, StoreError>>,
    ) -> Result<(), StoreError> {
        match part {
            Ok(count) => self.done += count?,
            Err(panic) => self.panic = self.panic.take().or(Some(panic)),
        }
        Ok(())
    }
}

/// Takes one round of `work`. How much was done: nothing means that the loop may sleep.
///
/// # Panics
///
/// If the turn of a merchant does; only then are all others through with theirs, so that none waits for
/// what is wrong with another's rows, and no call of theirs is cut off.
pub async fn round(rondo: &Rondo, work: Work) -> Result<usize, StoreError> {
    let mut tally = Tally::default();
    match work {
        Work::Resolve => tally.add(AssertUnwindSafe(apply_webhooks(rondo)).catch_unwind().await)?,
        Work::Renew
        | Work::Collect
        | Work::Dun
        | Work::Remind
        | Work::SendMail
        | Work::DeliverEvents
        | Work::AdvanceClocks => {}
    }
    let merchants = {
        let mut repo = rondo.store.snapshot().await?;
        repo.merchants_due(work, rondo.clock.now(), MERCHANTS).await?
    };
    let mut served = stream::iter(merchants)
        .map(|merchant| {
            let turn = async move { serve(rondo, work, &merchant).await };
            AssertUnwindSafe(turn).catch_unwind()
        })
        .buffer_unordered(AT_ONCE);
    while let Some(part) = served.next().await {
        tally.add(part)?;
    }
    match tally.panic {
        Some(panic) => resume_unwind(panic),
        None => Ok(tally.done),
    }
}

/// Takes rounds of all loops until nothing is due any more: what a test or a command does in place
/// of waiting.
pub async fn run_until_idle(rondo: &Rondo) -> Result<(), StoreError> {
    loop {
        let mut done = 0;
        for work in Work::ALL {
            done += round(rondo, work).await?;
        }
        if done == 0 {
            return Ok(());
        }
    }
}

async fn serve(rondo: &Rondo, work: Work, merchant: &Merchant) -> Result<usize, StoreError> {
    let batch = rondo.pace.batch;
    match turn(rondo, work, merchant, batch).await {
        Ok(count) => Ok(count),
        // Someone was faster, or two of the batch touched one object: that must not go on for ever.
        Err(TurnError::Later(StoreError::Conflict { .. })) => {
            one_by_one(rondo, work, merchant, batch).await
        }
        Err(TurnError::Later(error)) => {
            let reason = whole_reason(&error);
            tracing::debug!(work = work.name(), reason, "the turn is taken later");
            Ok(0)
        }
        Err(TurnError::Poisoned { objects, source }) => {
            let reason = whole_reason(&source);
            tracing::warn!(work = work.name(), reason, "a batch failed; taking it one by one");
            one_by_one(rondo, work, merchant, objects.len().max(1)).await
        }
    }
}

/// Takes a batch that failed one by one, so that only the culprit is set aside.
async fn one_by_one(
    rondo: &Rondo,
    work: Work,
    merchant: &Merchant,
    count: usize,
) -> Result<usize, StoreError> {
    let mut done = 0;
    for _ in 0..count {
        match turn(rondo, work, merchant, 1).await {
            // What the batch had claimed stays locked until it is rolled back: come again.
            Ok(0) if done == 0 => return Ok(1),
            Ok(0) | Err(TurnError::Later(_)) => break,
            Ok(count) => done += count,
            Err(TurnError::Poisoned { objects, source }) => {
                let reason = whole_reason(&source);
                for object in &objects {
                    turn::set_poison_aside(rondo, merchant, work, object, &reason).await?;
                }
                if objects.is_empty() {
                    tracing::error!(work = work.name(), reason, "a turn failed");
                    break;
                }
                done += 1;
            }
        }
    }
    Ok(done)
}

async fn turn(
    rondo: &Rondo,
    work: Work,
    merchant: &Merchant,
    limit: usize,
) -> Result<usize, TurnError> {
    match work {
        Work::Renew => renew::turn(rondo, merchant, limit).await,
        Work::Collect => {
            let sent = refunds::turn(rondo, merchant, limit).await?;
            Ok(sent + collect::turn(rondo, merchant, limit).await?)
        }
        Work::Resolve => resolve::turn(rondo, merchant, limit).await,
        Work::Dun => dun::turn(rondo, merchant, limit).await,
        Work::Remind => remind::turn(rondo, merchant, limit).await,
        Work::SendMail => send_mail::turn(rondo, merchant, limit).await,
        Work::DeliverEvents => webhooks_out::turn(rondo, merchant, limit).await,
        Work::AdvanceClocks => match clocks::turn(rondo, merchant).await? {
            Tick::Moved => Ok(1),
            Tick::Waits | Tick::Stands => Ok(0),
        },
    }
}

async fn apply_webhooks(rondo: &Rondo) -> Result<usize, StoreError> {
    match inbox::turn(rondo, rondo.pace.batch).await {
        Ok(count) => Ok(count),
        Err(TurnError::Later(error)) => {
            tracing::debug!(reason = whole_reason(&error), "webhooks are applied later");
            Ok(0)
        }
        Err(TurnError::Poisoned { objects, source }) => {
            let reason = whole_reason(&source);
            tracing::error!(?objects, reason, "webhooks could not be applied");
            Ok(0)
        }
    }
}
