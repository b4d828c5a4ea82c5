//! What every loop's turn has in common: a batch, and what to do when one of it is bad.

use std::pin::pin;

use futures::{Stream, StreamExt};
use thiserror::Error;

use super::{AppError, Rondo};
use crate::{
    domain::merchant::Merchant,
    store::{Broken, Repository, StoreError, Stuck, Times, Work},
};

/// Why a turn was not taken. Nothing of its batch was written.
#[derive(Debug, Error)]
pub enum TurnError {
    /// The database was busy, or someone else was faster: the next turn does it.
    #[error(transparent)]
    Later(StoreError),
    /// One of these objects cannot be worked on. A batch of one names the culprit.
    #[error("{} cannot be worked on", objects.join(", "))]
    Poisoned {
        /// What was claimed.
        objects: Vec<String>,
        /// Why it could not be written.
        source: AppError,
    },
}

impl From<StoreError> for TurnError {
    fn from(error: StoreError) -> Self {
        Self::of(Vec::new(), error.into())
    }
}

impl TurnError {
    /// What an error means for a batch of `objects`.
    pub fn of(objects: Vec<String>, error: AppError) -> Self {
        match error {
            AppError::Store(store) if store.is_transient() => Self::Later(store),
            source => Self::Poisoned { objects, source },
        }
    }
}

/// Records what comes, as it comes. What fails to be recorded keeps nothing else from it: those
/// calls are under way already, and their outcomes are known only here. Tells the first failure.
pub(super) async fn record_each<T, Recording>(
    answers: impl Stream<Item = T>,
    mut record: impl FnMut(T) -> Recording,
) -> Result<(), TurnError>
where
    Recording: Future<Output = Result<(), TurnError>>,
{
    let mut answers = pin!(answers);
    let mut first_failure = Ok(());
    while let Some(answer) = answers.next().await {
        first_failure = first_failure.and(record(answer).await);
    }
    first_failure
}

/// Sets aside those rows of a claim that cannot be read, so that the others go on.
pub(super) async fn set_broken_aside(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    work: Work,
    times: Times,
    broken: &[Broken],
) -> Result<(), StoreError> {
    for row in broken {
        set_aside(repo, merchant, work, times, &row.id, &row.reason).await?;
    }
    Ok(())
}

/// Takes one object out of its loop, for staff to look at (`rondo stuck`).
pub(super) async fn set_aside(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    work: Work,
    times: Times,
    object: &str,
    reason: &str,
) -> Result<(), StoreError> {
    tracing::error!(work = work.name(), object, reason, "set aside for staff");
    metrics::counter!("rondo_set_aside_total", "work" => work.name()).increment(1);
    let (object, reason) = (object.to_owned(), reason.to_owned());
    repo.set_aside(&Stuck { merchant: merchant.id, work, object, reason, since: times.world }).await
}

/// Tells staff of an attempt that is asked after all the same. What they have been told in the same words, and
/// have still to see to, is not told anew.
pub(super) async fn tell_staff(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    times: Times,
    object: &str,
    reason: &str,
) -> Result<(), StoreError> {
    let (work, since) = (Work::Resolve, times.world);
    let (object, reason) = (object.to_owned(), reason.to_owned());
    let task = Stuck { merchant: merchant.id, work, object, reason, since };
    if repo.tell_staff(&task).await? {
        let Stuck { object, reason, .. } = task;
        tracing::error!(work = work.name(), object, reason, "staff must look at it");
        metrics::counter!("rondo_told_staff_total", "work" => work.name()).increment(1);
    }
    Ok(())
}

/// Sets aside the one object of a batch of one that could not be written.
pub async fn set_poison_aside(
    rondo: &Rondo,
    merchant: &Merchant,
    work: Work,
    object: &str,
    reason: &str,
) -> Result<(), StoreError> {
    let mut repo = rondo.store.begin().await?;
    let times = rondo.times(merchant);
    set_aside(repo.as_mut(), merchant, work, times, object, reason).await?;
    repo.commit().await
}
