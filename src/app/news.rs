//! What one piece of a gateway's news does: it goes the one path that replies and look-ups go.

use super::{
    Act, AppError, Rondo, dunning, pay,
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
    gateway::{News, RefundOutcome},
    store::{MerchantId, StoreError},
};

/// Why news has no effect yet.
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
    } else if must_be_asked_about(&attempt, &outcome) {
        // What is said to be paid may be so by a person's word alone, and that may be wrong.
        if attempt.state.took_money() {
            resolve::ask_again(rondo, &merchant, attempt.id).await?;
        } else {
            resolve::ask_now(rondo, &merchant, attempt.id).await?;
        }
    } else {
        if is_brief(&attempt, &outcome) {
            resolve::ask_again(rondo, &merchant, attempt.id).await?;
        }
        let heard = Heard::news(attempt.id, outcome.into());
        record::record(rondo, &merchant, vec![heard]).await?;
    }
    Ok(())
}

/// Whether the news counts as it stands, so that it may be recorded together with others.
pub(super) fn is_plain(attempt: &Attempt, outcome: &Outcome) -> bool {
    !returns::is_late_failure(attempt, outcome)
        && !must_be_asked_about(attempt, outcome)
        && !is_brief(attempt, outcome)
}

/// Whether money is heard of for the first time, and not what the network said of the card, which later
/// charges go by. A look-up tells that. The money counts also if nobody answers.
fn is_brief(attempt: &Attempt, outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Paid(paid) if paid.is_brief) && !attempt.state.took_money()
}

fn must_be_asked_about(attempt: &Attempt, outcome: &Outcome) -> bool {
    is_one_card_of_a_page(attempt, outcome) || is_older(attempt, outcome)
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
    let charged = charged.iter().find(|attempt| attempt.gateway == gateway);
    let charged = charged
        .ok_or_else(|| NotApplied::because("it speaks of a refund through another account"))?;
    let outcome = refunds::as_it_stands(rondo, &refund, charged, outcome).await;
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
    let customer = act.payment_method(method).await?.customer;
    act.repo.lock_customers(merchant.id, &[customer]).await?;
    let before = act.payment_method(method).await?;
    let method = before.told_anew(stored);
    if method == before || method.deleted_at.is_some() {
        return Ok(());
    }
    // What was refused for its old data may work with the new.
    let is_mended = before.blocked.is_some() && method.blocked.is_none();
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
