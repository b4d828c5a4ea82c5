//! Looks through the books of a live database: every claim of [`Check`] for every merchant, and whether
//! due work is left lying. It reads one consistent picture and changes nothing.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    domain::merchant::Merchant,
    store::{Check, Flaw, MerchantId, Page, Repository, StoreError, Work},
};

/// Objects that were set aside which are read for one merchant; more of them are a flaw of their own.
const STUCK: usize = 10_000;

/// Merchants that are read at once.
const MERCHANTS: usize = 1_000;

/// Due work that nobody took up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late {
    /// Which loop should have.
    pub work: Work,
    /// Since when the oldest of it is due, or a lease over.
    pub due_at: DateTime<Utc>,
}

/// All merchants, in the order of their making.
pub async fn merchants(repo: &mut dyn Repository) -> Result<Vec<Merchant>, StoreError> {
    let mut all: Vec<Merchant> = Vec::new();
    loop {
        let after = all.last().map(|merchant| merchant.id);
        let mut page = repo.merchants(Page { after, limit: MERCHANTS }).await?;
        let is_last = page.len() < MERCHANTS;
        all.append(&mut page);
        if is_last {
            return Ok(all);
        }
    }
}

/// What is wrong with the books of one merchant, at most `limit` objects for each claim. What was set
/// aside for staff does not go on until they put it back, and is no flaw.
pub async fn flaws(
    repo: &mut dyn Repository,
    merchant: MerchantId,
    limit: usize,
) -> Result<Vec<Flaw>, StoreError> {
    let stuck = repo.stuck(Some(merchant), STUCK).await?;
    let stuck: BTreeSet<_> = stuck.into_iter().map(|stuck| stuck.object).collect();
    let mut flaws = Vec::new();
    for check in Check::ALL {
        let excused = if check.excuses_stuck() { stuck.len() } else { 0 };
        let found = repo.flaws(merchant, check, limit + excused).await?;
        let is_excused = |flaw: &Flaw| check.excuses_stuck() && stuck.contains(&flaw.object);
        flaws.extend(found.into_iter().filter(|flaw| !is_excused(flaw)).take(limit));
    }
    Ok(flaws)
}

/// Work of live merchants that has been due for longer than `patience` at `world`.
pub async fn late(
    repo: &mut dyn Repository,
    world: DateTime<Utc>,
    patience: TimeDelta,
) -> Result<Vec<Late>, StoreError> {
    let oldest = repo.oldest_due(world).await?;
    let late = oldest.into_iter().map(|(work, due_at)| Late { work, due_at });
    Ok(late.filter(|late| world - late.due_at > patience).collect())
}
