//! Webhooks from gateways: verified over their raw bytes, kept before they are acknowledged, applied
//! later through the one path for news of attempts (RULES §4). They may come late, twice, in any
//! order or never; look-ups reach the same end without them (WIN-7).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use super::{
    Rondo,
    index::by_id,
    news::{self, NotApplied},
    record::{self, Heard},
    turn::TurnError,
};
use crate::{
    domain::{
        ids::{Id, kind},
        payment::{attempt::Attempt, outcome::Outcome, settle},
    },
    gateway::{Delivery, News, WebhookError},
    store::{InboxItem, MerchantId, StoreError},
};

/// How long a worker may be busy with a webhook before another takes it up.
const LEASE: TimeDelta = TimeDelta::minutes(2);

/// How long before that it begins with no other one.
const HAND_OVER: TimeDelta = TimeDelta::minutes(1);

/// The waits before a webhook that could not be applied is tried again, in seconds: what it speaks of may be committed a
/// moment later, or be a charge that is undecided for as long as it is asked after (RULES PRB-1). Then it is given up.
const WAITS_SECONDS: [i64; 13] =
    [2, 10, 60, 300, 1_800, 7_200, 21_600, 86_400, 86_400, 86_400, 86_400, 86_400, 86_400];

/// The wait after the database was not to be had.
const AFTER_TROUBLE: TimeDelta = TimeDelta::seconds(2);

/// What was done with a webhook that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Whether it had come before; then it has no effect.
    pub is_repeated: bool,
    /// What the gateway wants to read in the reply.
    pub reply_body: Option<String>,
}

/// Why a webhook was not taken.
#[derive(Debug, Error)]
pub enum NotReceived {
    /// There is no such gateway account.
    #[error("no gateway account of that name is configured")]
    NoAccount,
    /// It is not believed, or cannot be read or verified.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// It could not be kept: the gateway must send it again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Verifies a webhook for the account called `gateway` and keeps it (RULES WIN-1, WIN-3, WIN-4).
pub async fn receive(
    rondo: &Rondo,
    gateway: &str,
    delivery: Delivery,
) -> Result<Received, NotReceived> {
    let world = rondo.clock.now();
    let port = rondo.gateways.get(gateway).ok_or(NotReceived::NoAccount)?;
    let told = port.parse_webhook(&delivery, world).await?;
    let news = serde_json::to_value(&told.news).map_err(|error| {
        WebhookError::Unreadable(format!("its news cannot be written as JSON: {error}"))
    })?;
    let item = InboxItem {
        gateway: gateway.to_owned(),
        event_id: told.event_id,
        body: delivery.body,
        news,
        received_at: world,
        due_at: (!told.news.is_empty()).then_some(world),
        tries: 0,
        tries_read: 0,
        failure: None,
    };
    let mut repo = rondo.store.begin().await?;
    let is_new = repo.receive_webhook(&item).await?;
    repo.commit().await?;
    Ok(Received { is_repeated: !is_new, reply_body: told.reply_body })
}

/// Applies up to `limit` webhooks that wait. How many were due.
pub async fn turn(rondo: &Rondo, limit: usize) -> Result<usize, TurnError> {
    let items = claim(rondo, limit).await?;
    let done = apply_together(rondo, &items).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "a batch of webhooks failed; applying them one by one");
        BTreeSet::new()
    });
    let count = items.len();
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    for (place, mut item) in items.into_iter().enumerate() {
        if done.contains(&place) {
            keep(&mut item, Ok(()), rondo.clock.now());
            together.push(item);
        } else {
            alone.push(item);
        }
    }
    update(rondo, &together).await?;
    // Each is told at once: some ask the gateway first, and what comes after may be taken up by another
    // worker before its turn comes here.
    for mut item in alone {
        let world = rondo.clock.now();
        if item.due_at.is_some_and(|leased_until| world + HAND_OVER < leased_until) {
            let applied = apply(rondo, &item).await;
            keep(&mut item, applied, rondo.clock.now());
        } else {
            item.tries -= 1;
            item.due_at = Some(world);
        }
        update(rondo, &[item]).await?;
    }
    Ok(count)
}

/// Writes what became of them. Nothing, where another worker has taken one up: it writes that itself.
async fn update(rondo: &Rondo, items: &[InboxItem]) -> Result<(), StoreError> {
    let mut repo = rondo.store.begin().await?;
    match repo.update_inbox(items).await {
        Ok(()) => repo.commit().await,
        Err(StoreError::Conflict { .. }) if items.len() == 1 => Ok(()),
        Err(StoreError::Conflict { .. }) => {
            drop(repo);
            for item in items {
                Box::pin(update(rondo, std::slice::from_ref(item))).await?;
            }
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// What becomes of a webhook that was tried.
fn keep(item: &mut InboxItem, applied: Result<(), NotApplied>, world: DateTime<Utc>) {
    match applied {
        Ok(()) => (item.due_at, item.failure) = (None, None),
        // The database's trouble is not the webhook's: the try does not count.
        Err(NotApplied::Later(error)) => {
            tracing::debug!(event = item.event_id, %error, "the webhook is applied later");
            item.tries -= 1;
            item.due_at = Some(world + AFTER_TROUBLE);
        }
        Err(NotApplied::Because(reason)) => {
            let gateway = item.gateway.clone();
            metrics::counter!("rondo_webhooks_not_applied_total", "gateway" => gateway)
                .increment(1);
            let event = &item.event_id;
            tracing::warn!(gateway = item.gateway, event, reason, "webhook not applied");
            (item.due_at, item.failure) = (next_try(item.tries, world), Some(reason));
        }
    }
}

/// Takes what is due, so that no other worker takes it for a while.
async fn claim(rondo: &Rondo, limit: usize) -> Result<Vec<InboxItem>, StoreError> {
    let world = rondo.clock.now();
    let mut repo = rondo.store.begin().await?;
    let mut items = repo.claim_inbox(world, limit).await?;
    for item in &mut items {
        item.tries += 1;
        item.due_at = Some(world + LEASE);
    }
    repo.update_inbox(&items).await?;
    repo.commit().await?;
    for item in &mut items {
        item.tries_read = item.tries;
    }
    Ok(items)
}

/// Applies those webhooks that tell plainly how one charge stands, most of all there are: what each
/// merchant's tell in one transaction, and what only repeats what is known in none. The places of those
/// that are done. Each of the others is applied alone, as are those of a group that failed: one must not
/// stand in another's way.
async fn apply_together(rondo: &Rondo, items: &[InboxItem]) -> Result<BTreeSet<usize>, StoreError> {
    let told: Vec<_> = items.iter().enumerate().filter_map(of_one_charge).collect();
    let mut by_account: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for charge in &told {
        by_account.entry(charge.account).or_default().push(charge.attempt);
    }
    let mut repo = rondo.store.snapshot().await?;
    let mut attempts = BTreeMap::new();
    for (account, ids) in by_account {
        let found = by_id(repo.attempts_through(account, &ids).await?, |attempt| attempt.id);
        attempts.extend(found.into_iter().map(|(id, attempt)| ((account, id), attempt)));
    }
    drop(repo);
    let mut done = BTreeSet::new();
    let mut groups: BTreeMap<MerchantId, Vec<(usize, Heard)>> = BTreeMap::new();
    for charge in told {
        // What is told a second time waits until the first has been recorded.
        let Some(attempt) = attempts.remove(&(charge.account, charge.attempt)) else { continue };
        let Attempt { id, merchant, .. } = attempt;
        if !news::is_plain(&attempt, &charge.outcome) {
            continue;
        }
        let news = charge.outcome.into();
        if settle::is_known(&attempt, &news) {
            done.insert(charge.place);
        } else if !attempt.state.took_money() {
            let heard = Heard::news(id, news);
            groups.entry(merchant).or_default().push((charge.place, heard));
        }
    }
    for (merchant, group) in groups {
        let mut repo = rondo.store.snapshot().await?;
        let merchant = repo.merchant(merchant).await?;
        drop(repo);
        let Some(merchant) = merchant else { continue };
        let (places, group): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        if record::record(rondo, &merchant, group).await.is_ok() {
            done.extend(places);
        }
    }
    Ok(done)
}

/// News of how one charge stands.
struct OfCharge<'a> {
    place: usize,
    account: &'a str,
    attempt: Id<kind::Attempt>,
    outcome: Outcome,
}

fn of_one_charge((place, item): (usize, &InboxItem)) -> Option<OfCharge<'_>> {
    match <[News; 1]>::try_from(read(item).ok()?).ok()? {
        [News::Charge { attempt: Some(attempt), outcome, .. }] => {
            Some(OfCharge { place, account: &item.gateway, attempt, outcome })
        }
        _ => None,
    }
}

/// When a webhook that was tried `tries` times is tried again, if it is.
fn next_try(tries: u32, world: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let index = usize::try_from(tries).ok()?.checked_sub(1)?;
    WAITS_SECONDS.get(index).map(|&seconds| world + TimeDelta::seconds(seconds))
}

fn read(item: &InboxItem) -> Result<Vec<News>, serde_json::Error> {
    serde_json::from_value(item.news.clone())
}

async fn apply(rondo: &Rondo, item: &InboxItem) -> Result<(), NotApplied> {
    for news in read(item)? {
        news::hear(rondo, &item.gateway, news).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_that_cannot_be_applied_is_tried_fourteen_times_in_six_days() {
        let start = DateTime::UNIX_EPOCH;
        let waits: Vec<_> = (1..)
            .map_while(|tries| next_try(tries, start))
            .map(|at| (at - start).num_seconds())
            .collect();
        assert_eq!(waits, WAITS_SECONDS);
        assert_eq!(waits.iter().sum::<i64>(), 549_372);
    }
}
