//! Staff says what became of a charge that nobody else can decide: what follows is what would have followed
//! from the gateway's own word, and goes the same path ([`super::record`]).

use super::{
    Act, AppError, Result, Rondo,
    payments::{self, PaymentWithAttempts},
    record::Outcomes,
    resolve, standing,
    turn::TurnError,
};
use crate::domain::{
    ids::{Id, kind},
    merchant::Merchant,
    payment::{
        attempt::{Attempt, AttemptState, Initiator, News},
        settle,
        verdict::{NotForStaff, Note, Verdict},
    },
};

/// How often it is decided anew when someone else wrote first.
const TRIES: usize = 5;

/// Settles an attempt by a person's word, unless the gateway, asked once more, tells how it ended. For those
/// who hold no transaction: the command line, and whoever plays staff.
pub async fn settle_attempt(
    rondo: &Rondo,
    merchant: &Merchant,
    attempt: Id<kind::Attempt>,
    verdict: &Verdict,
    note: &Note,
) -> Result<PaymentWithAttempts> {
    ask_first(rondo, merchant, attempt, verdict).await?;
    let mut tries_left = TRIES;
    loop {
        tries_left -= 1;
        match settle_once(rondo, merchant, attempt, verdict, note).await {
            Err(AppError::Store(error)) if error.is_transient() && tries_left > 0 => {
                tracing::debug!(error = &error as &dyn std::error::Error, "trying again");
            }
            settled => return settled,
        }
    }
}

async fn settle_once(
    rondo: &Rondo,
    merchant: &Merchant,
    attempt: Id<kind::Attempt>,
    verdict: &Verdict,
    note: &Note,
) -> Result<PaymentWithAttempts> {
    let mut repo = rondo.store.begin().await?;
    let mut act = Act::new(repo.as_mut(), merchant, rondo.clock.now(), &rondo.mint);
    let settled = settle(&mut act, attempt, verdict, note).await?;
    repo.commit().await?;
    Ok(settled)
}

/// Refuses what no answer of the gateway's could make right: an attempt that is not a person's to decide,
/// or a reference of another kind than later news comes with.
pub async fn check(
    rondo: &Rondo,
    merchant: &Merchant,
    id: Id<kind::Attempt>,
    verdict: &Verdict,
) -> Result<Attempt> {
    let attempt = known(rondo, merchant, id).await?;
    let for_staff = attempt.is_for_staff(verdict, rondo.clock.now());
    for_staff.map_err(|refusal| refused(id, refusal))?;
    if let Verdict::Charged(reference) = verdict {
        let gateway = rondo.gateways.get(&attempt.gateway);
        let prefix = gateway.map_or("", |gateway| gateway.charge_prefix());
        if !reference.to_string().starts_with(prefix) {
            let message = format!("must be the charge's own reference, which begins with {prefix}");
            return Err(AppError::invalid("charged.gateway_reference", message));
        }
    }
    Ok(attempt)
}

/// Asks the gateway once more before a person's word is taken, outside of any transaction. What it tells is
/// recorded and wins; then the person's word is refused, with how the attempt stands.
pub async fn ask_first(
    rondo: &Rondo,
    merchant: &Merchant,
    id: Id<kind::Attempt>,
    verdict: &Verdict,
) -> Result<()> {
    let before = check(rondo, merchant, id, verdict).await?;
    let heard = match resolve::ask_now(rondo, merchant, id).await {
        Ok(heard) => heard,
        Err(TurnError::Later(error)) => return Err(error.into()),
        Err(TurnError::Poisoned { source, .. }) => return Err(source),
    };
    let after = known(rondo, merchant, id).await?;
    let Some(news) = heard else {
        let for_staff = after.is_for_staff(verdict, rondo.clock.now());
        return for_staff.map_err(|refusal| refused(id, refusal));
    };
    if after.state == before.state {
        // What it told could not be recorded: a person's word would hide it.
        let message = match (news, verdict) {
            // Money of another amount than ordered has no place in our books: they saw it go back there.
            (News::Paid(paid), Verdict::NotCharged) if paid.amount != after.amount => return Ok(()),
            (News::Paid(paid), Verdict::Charged(_)) if paid.amount != after.amount => format!(
                "the gateway told just now that it took {}, and {} was ordered: give that back \
                 there, and then settle the attempt as not charged",
                paid.amount, after.amount
            ),
            _ => "what the gateway told just now could not be recorded; see the log and \
                  `rondo stuck` for why"
                .to_owned(),
        };
        return Err(AppError::precondition("GATEWAY_DISAGREES", id, message));
    }
    let message = format!(
        "the gateway was asked just now, and its word counts: {}; there is nothing left to say",
        said_of(after.state)
    );
    Err(AppError::precondition("DECIDED_BY_GATEWAY", id, message).with("state", name(after.state)))
}

async fn known(rondo: &Rondo, merchant: &Merchant, id: Id<kind::Attempt>) -> Result<Attempt> {
    let mut repo = rondo.store.snapshot().await?;
    let found = repo.attempts(merchant.id, &[id]).await?;
    found.into_iter().next().ok_or_else(|| AppError::not_found(id))
}

/// Settles an attempt by a person's word, within the transaction of `act`.
pub async fn settle(
    act: &mut Act<'_>,
    id: Id<kind::Attempt>,
    verdict: &Verdict,
    note: &Note,
) -> Result<PaymentWithAttempts> {
    let found = act.repo.attempts(act.merchant_id(), &[id]).await?;
    let attempt = found.first().ok_or_else(|| AppError::not_found(id))?;
    act.repo.lock_customers(act.merchant_id(), &[attempt.customer]).await?;
    let now = act.now();
    let mut standings = standing::load(act.repo, act.merchant, &[id], now).await?;
    let standing = standings.remove(&id).ok_or_else(|| AppError::not_found(id))?;
    let attempt = standing.attempt.clone();
    attempt.is_for_staff(verdict, act.times.world).map_err(|refusal| refused(id, refusal))?;
    check_reference(act, &attempt, verdict).await?;

    let mut outcomes = Outcomes::default();
    outcomes.add(&attempt, settle::by_staff(standing, verdict, note, now, act.mint));
    outcomes.write(act).await?;
    payments::with_attempts(act, attempt.payment).await
}

/// One charge of the gateway's is one attempt of ours: else the news of one would be taken for the other's.
async fn check_reference(act: &mut Act<'_>, attempt: &Attempt, verdict: &Verdict) -> Result<()> {
    let Verdict::Charged(reference) = verdict else { return Ok(()) };
    let reference = reference.to_string();
    // A page has a reference of its own, and the charge that is made there another.
    let told = attempt.reference.as_ref().filter(|_| attempt.initiator == Initiator::Merchant);
    if let Some(told) = told.filter(|told| **told != reference) {
        let message = format!("must be {told}, which the gateway has told of this charge");
        return Err(AppError::invalid("charged.gateway_reference", message));
    }
    let known = act.repo.attempt_by_gateway(&attempt.gateway, None, &reference).await?;
    if known.is_some_and(|known| known.id != attempt.id) {
        let message = "must be the reference of this charge; it is that of another one";
        return Err(AppError::invalid("charged.gateway_reference", message));
    }
    Ok(())
}

/// Why a person's word does not count, as they are told.
fn refused(id: Id<kind::Attempt>, refusal: NotForStaff) -> AppError {
    match refusal {
        NotForStaff::Settled(state) => {
            let message = format!("{}; there is nothing left to say", said_of(state));
            AppError::precondition("ATTEMPT_SETTLED", id, message).with("state", name(state))
        }
        NotForStaff::Held { until } => {
            let until = until.to_rfc3339();
            let message = format!(
                "a worker has the attempt until {until}, and the engine goes on with it then; wait \
                 until `rondo stuck` lists it"
            );
            AppError::precondition("ATTEMPT_IN_USE", id, message).with("leasedUntil", until)
        }
        NotForStaff::Asked { at } => {
            let at = at.to_rfc3339();
            let message = format!(
                "the gateway may still tell, and is asked again at {at}; wait until `rondo stuck` \
                 lists the attempt"
            );
            AppError::precondition("ATTEMPT_STILL_ASKED", id, message).with("nextAskTime", at)
        }
        NotForStaff::TakenBack => {
            let message = "the customer's bank took money of it back, so it had taken money: settle \
                           it as charged";
            AppError::precondition("ATTEMPT_TOOK_MONEY", id, message)
        }
    }
}

fn said_of(state: AttemptState) -> &'static str {
    match state {
        AttemptState::InFlight => "the attempt is on its way",
        AttemptState::Succeeded => "the attempt took the money",
        AttemptState::Reversed => "the attempt took the money, which was taken back",
        AttemptState::Declined => "the attempt was declined",
        AttemptState::Rejected => "the attempt was refused before it was tried",
        AttemptState::NotExecuted => "the attempt was never carried out",
        AttemptState::Pending => "the gateway has accepted the attempt",
        AttemptState::ActionRequired => "the attempt waits for the customer",
        AttemptState::Unknown => "nobody knows what became of the attempt",
    }
}

/// For programs, as the API names the states.
fn name(state: AttemptState) -> &'static str {
    match state {
        AttemptState::InFlight => "STATE_IN_FLIGHT",
        AttemptState::Succeeded => "STATE_SUCCEEDED",
        AttemptState::Reversed => "STATE_REVERSED",
        AttemptState::Declined => "STATE_DECLINED",
        AttemptState::Rejected => "STATE_REJECTED",
        AttemptState::NotExecuted => "STATE_NOT_EXECUTED",
        AttemptState::Pending => "STATE_PENDING",
        AttemptState::ActionRequired => "STATE_ACTION_REQUIRED",
        AttemptState::Unknown => "STATE_UNKNOWN",
    }
}
