//! Webhooks from gateways: verified over their raw bytes, kept before they are acknowledged, applied
//! later through the one path for news of attempts (RULES §4). They may come late, twice, in any
//! order or never; look-ups reach the same end without them (WIN-7).

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use super::{
    Act, AppError, Rondo, dunning,
    order::Word,
    pay,
    record::{self, Heard},
    refunds, resolve, returns,
    turn::TurnError,
    whole_reason,
};
use crate::{
    domain::{
        changes::Changes,
        event::EventKind,
        ids::{Id, kind},
        merchant::Merchant,
        payment::{
            attempt::{Attempt, AttemptState, Initiator},
            method::StoredMethod,
            outcome::Outcome,
            refund::Refund,
        },
    },
    gateway::{Delivery, News, RefundOutcome, WebhookError},
    store::{InboxItem, MerchantId, StoreError},
};

/// How long a worker may be busy with a webhook before another takes it up.
const LEASE: TimeDelta = TimeDelta::minutes(2);

/// The waits before a webhook that could not be applied is tried again, in seconds: what it speaks of
/// may be committed a moment later. Then it is given up; the probes of RULES PRB-1 go on.
const WAITS_SECONDS: [i64; 6] = [2, 10, 60, 300, 1_800, 7_200];

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
    let count = items.len();
    for mut item in items {
        let applied = apply(rondo, &item).await;
        let world = rondo.clock.now();
        (item.due_at, item.failure) = match applied {
            Ok(()) => (None, None),
            // The database's trouble is not the webhook's: the try does not count.
            Err(NotApplied::Later(error)) => {
                tracing::debug!(event = item.event_id, %error, "the webhook is applied later");
                item.tries -= 1;
                (Some(world + AFTER_TROUBLE), item.failure.take())
            }
            Err(NotApplied::Because(reason)) => {
                metrics::counter!("rondo_webhooks_not_applied_total", "gateway" => item.gateway.clone())
                    .increment(1);
                tracing::warn!(
                    gateway = item.gateway,
                    event = item.event_id,
                    reason,
                    "webhook not applied"
                );
                (next_try(item.tries, world), Some(reason))
            }
        };
        let mut repo = rondo.store.begin().await?;
        repo.update_inbox(&item).await?;
        repo.commit().await?;
    }
    Ok(count)
}

/// Takes what is due, so that no other worker takes it for a while.
async fn claim(rondo: &Rondo, limit: usize) -> Result<Vec<InboxItem>, StoreError> {
    let world = rondo.clock.now();
    let mut repo = rondo.store.begin().await?;
    let mut items = repo.claim_inbox(world, limit).await?;
    for item in &mut items {
        item.tries += 1;
        item.due_at = Some(world + LEASE);
        repo.update_inbox(item).await?;
    }
    repo.commit().await?;
    Ok(items)
}

/// When a webhook that was tried `tries` times is tried again, if it is.
fn next_try(tries: u32, world: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let index = usize::try_from(tries).ok()?.checked_sub(1)?;
    WAITS_SECONDS.get(index).map(|&seconds| world + TimeDelta::seconds(seconds))
}

/// Why a webhook has no effect yet.
#[derive(Debug)]
pub(super) enum NotApplied {
    /// The database was busy, or someone else was faster.
    Later(StoreError),
    /// It cannot be applied as things stand.
    Because(String),
}

impl NotApplied {
    pub(super) fn because(reason: impl Into<String>) -> Self {
        Self::Because(reason.into())
    }
}

impl From<StoreError> for NotApplied {
    fn from(error: StoreError) -> Self {
        TurnError::from(error).into()
    }
}

impl From<AppError> for NotApplied {
    fn from(error: AppError) -> Self {
        TurnError::of(Vec::new(), error).into()
    }
}

impl From<TurnError> for NotApplied {
    fn from(error: TurnError) -> Self {
        match error {
            TurnError::Later(error) => Self::Later(error),
            TurnError::Poisoned { source, .. } => Self::Because(whole_reason(&source)),
        }
    }
}

impl From<serde_json::Error> for NotApplied {
    fn from(error: serde_json::Error) -> Self {
        Self::because(error.to_string())
    }
}

async fn apply(rondo: &Rondo, item: &InboxItem) -> Result<(), NotApplied> {
    let news: Vec<News> = serde_json::from_value(item.news.clone())?;
    for news in news {
        hear(rondo, &item.gateway, news).await?;
    }
    Ok(())
}

/// Applies one piece of news that the account `gateway` told.
pub(super) async fn hear(rondo: &Rondo, gateway: &str, news: News) -> Result<(), NotApplied> {
    match news {
        News::Charge { attempt, reference, outcome } => {
            charge(rondo, gateway, attempt, &reference, outcome).await
        }
        News::Refund { refund, outcome } => money_back(rondo, gateway, refund, outcome).await,
        News::ForeignRefund(told) => returns::foreign_refund(rondo, gateway, &told).await,
        News::Reversal { attempt, charge, reversal } => {
            returns::reversal(rondo, gateway, attempt, &charge, reversal).await
        }
        News::Setup { reference } => {
            // A portal's own set-up session is asked after when the portal says that it is done.
            pay::finish_setup_page(rondo, gateway, &reference).await?;
            Ok(())
        }
        News::MethodUpdated(stored) => updated(rondo, gateway, &stored).await,
    }
}

async fn charge(
    rondo: &Rondo,
    gateway: &str,
    attempt: Option<Id<kind::Attempt>>,
    reference: &str,
    outcome: Outcome,
) -> Result<(), NotApplied> {
    let mut repo = rondo.store.snapshot().await?;
    let known = repo.attempt_by_gateway(gateway, attempt, reference).await?;
    let attempt = known.ok_or_else(|| NotApplied::because("it speaks of no attempt of ours"))?;
    let merchant = repo.merchant(attempt.merchant).await?;
    drop(repo);
    let merchant = merchant.ok_or_else(|| NotApplied::because("its merchant is gone"))?;
    if returns::is_late_failure(&attempt, &outcome) {
        returns::late_failure(rondo, &merchant, attempt).await?;
    } else if is_one_card_of_a_page(&attempt, &outcome) || is_older(&attempt, &outcome) {
        resolve::ask_now(rondo, &merchant, attempt.id).await?;
    } else {
        let heard = Heard { attempt: attempt.id, word: Word::News(outcome.into()) };
        record::record(rondo, &merchant, vec![heard]).await?;
    }
    Ok(())
}

/// Whether the news is of one card only that the customer tried on the gateway's page: they may be
/// trying another one there, so that only a look-up tells how the attempt stands (RULES WIN-5).
fn is_one_card_of_a_page(attempt: &Attempt, outcome: &Outcome) -> bool {
    let is_page = attempt.initiator == Initiator::Customer && attempt.method.is_none();
    match outcome {
        Outcome::Paid(_) => false,
        Outcome::Declined { .. } | Outcome::Pending { .. } | Outcome::ActionRequired { .. } => {
            is_page
        }
    }
}

/// Whether the news may be of a time before what we know: that the customer must act, of a charge that
/// was accepted since. The gateway is asked how it stands (RULES WIN-5).
fn is_older(attempt: &Attempt, outcome: &Outcome) -> bool {
    attempt.state == AttemptState::Pending && matches!(outcome, Outcome::ActionRequired { .. })
}

async fn money_back(
    rondo: &Rondo,
    gateway: &str,
    refund: Option<Id<kind::Refund>>,
    outcome: RefundOutcome,
) -> Result<(), NotApplied> {
    let refund = refund.ok_or_else(|| NotApplied::because("it names no refund of ours"))?;
    let mut repo = rondo.store.snapshot().await?;
    let known: Option<Refund> = repo.refund_by_id(refund).await?;
    let refund = known.ok_or_else(|| NotApplied::because("it speaks of no refund of ours"))?;
    let charged = repo.attempts(refund.merchant, &[refund.attempt]).await?;
    let merchant = repo.merchant(refund.merchant).await?;
    drop(repo);
    // Another account's word counts for nothing here (RULES WIN-6).
    if charged.iter().all(|attempt| attempt.gateway != gateway) {
        return Err(NotApplied::because("it speaks of a refund through another account"));
    }
    let merchant = merchant.ok_or_else(|| NotApplied::because("its merchant is gone"))?;
    Ok(refunds::record(rondo, &merchant, refund.id, Ok(outcome)).await?)
}

/// A card's data changed at its issuer: every method that is this card learns of it.
async fn updated(rondo: &Rondo, gateway: &str, stored: &StoredMethod) -> Result<(), NotApplied> {
    let mut repo = rondo.store.snapshot().await?;
    let methods = repo.methods_by_token(gateway, &stored.token).await?;
    drop(repo);
    for method in methods {
        update_method(rondo, method.merchant, method.id, stored).await?;
    }
    Ok(())
}

async fn update_method(
    rondo: &Rondo,
    merchant: MerchantId,
    method: Id<kind::PaymentMethod>,
    stored: &StoredMethod,
) -> Result<(), AppError> {
    let mut repo = rondo.store.begin().await?;
    let Some(merchant): Option<Merchant> = repo.merchant(merchant).await? else { return Ok(()) };
    let mut act = Act::new(repo.as_mut(), &merchant, rondo.clock.now(), &rondo.mint);
    let before = act.payment_method(method).await?;
    let method = before.told_anew(stored);
    if method == before || method.deleted_at.is_some() {
        return Ok(());
    }
    // What was refused for its old data may work with the new.
    let is_mended = before.blocked.is_some() && method.blocked.is_none();
    let customer = method.customer;
    let event = method.event(EventKind::PaymentMethodUpdated, act.now(), act.mint);
    let changes =
        Changes { payment_methods: vec![method], events: vec![event], ..Changes::default() };
    act.write(changes).await?;
    if is_mended {
        dunning::method_replaced(&mut act, customer).await?;
    }
    repo.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_that_cannot_be_applied_is_tried_seven_times_in_three_hours() {
        let start = DateTime::UNIX_EPOCH;
        let waits: Vec<_> = (1..)
            .map_while(|tries| next_try(tries, start))
            .map(|at| (at - start).num_seconds())
            .collect();
        assert_eq!(waits, WAITS_SECONDS);
        assert_eq!(waits.iter().sum::<i64>(), 9_372);
    }
}
