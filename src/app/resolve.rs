//! Resolves attempts whose outcome is open: asks the gateway, and sends the same key again only where
//! that is surely safe (RULES §3, PRB). What its customer has let pass is ended there.

use chrono::{DateTime, Utc};
use futures::StreamExt;

use super::{
    Rondo,
    index::{by_id, ids_of},
    order::{self, Errand, Word},
    record::{self, Heard},
    restored,
    turn::{self, TurnError},
};
use crate::{
    domain::{
        changes::Changes,
        customer::PaymentMethod,
        ids::{Id, kind},
        invoice::Invoice,
        merchant::Merchant,
        payment::attempt::{Attempt, AttemptState, Initiator, News, Step},
    },
    gateway::{ChargeTrace, Gateway, GatewayError, Sighting},
    store::{Repository, StoreError, Times, Work},
};

/// Outcomes that are recorded in one transaction at most.
const RECORDED_TOGETHER: usize = 200;

/// Asks after up to `limit` attempts of `merchant`. How many were due.
pub async fn turn(rondo: &Rondo, merchant: &Merchant, limit: usize) -> Result<usize, TurnError> {
    let times = rondo.times(merchant);
    let at_once = rondo.forgotten().map_or(rondo.pace.calls_in_flight, |_| restored::AT_ONCE);
    let limit = limit.min(at_once);
    let (count, inquiries) = claim(rondo, merchant, limit).await?;
    let answers = futures::stream::iter(inquiries)
        .map(|inquiry| inquire(rondo, inquiry, times))
        .buffer_unordered(rondo.pace.calls_in_flight)
        .ready_chunks(RECORDED_TOGETHER);
    turn::record_each(answers, |heard| record::record(rondo, merchant, heard)).await?;
    Ok(count)
}

/// Asks after one open attempt at once, because someone waits for the answer: a look-up alone, never
/// another sending. What the gateway does not know yet stays with the planned probes. Tells what was heard
/// that is new.
pub async fn ask_now(
    rondo: &Rondo,
    merchant: &Merchant,
    attempt: Id<kind::Attempt>,
) -> Result<Option<News>, TurnError> {
    ask(rondo, merchant, attempt, |attempt| attempt.state.is_open()).await
}

/// Asks after an attempt at once, also one that is over: something was told of it that cannot be unless
/// it took money.
pub(super) async fn ask_again(
    rondo: &Rondo,
    merchant: &Merchant,
    attempt: Id<kind::Attempt>,
) -> Result<Option<News>, TurnError> {
    ask(rondo, merchant, attempt, |_| true).await
}

async fn ask(
    rondo: &Rondo,
    merchant: &Merchant,
    attempt: Id<kind::Attempt>,
    is_asked_after: fn(&Attempt) -> bool,
) -> Result<Option<News>, TurnError> {
    let mut repo = rondo.store.snapshot().await?;
    let mut asked = repo.attempts(merchant.id, &[attempt]).await?;
    asked.retain(is_asked_after);
    let times = rondo.times(merchant);
    let until = rondo.lease_until(times.world);
    let inquiries = load(repo.as_mut(), merchant, &asked, until).await?;
    drop(repo);
    let mut told = None;
    for inquiry in inquiries {
        let state = inquiry.attempt.state;
        let heard = inquire(rondo, Inquiry { errand: None, ..inquiry }, times).await;
        let news = match &heard.word {
            Word::News(News::Silence)
            | Word::NotFound { .. }
            | Word::CannotTell
            | Word::SendAgain { .. } => None,
            Word::News(news) => {
                Some(news).filter(|news| state.hear(news) != Step::Nothing).cloned()
            }
        };
        if news.is_some() {
            record::record(rondo, merchant, vec![heard]).await?;
            told = news;
        }
    }
    Ok(told)
}

/// An attempt to ask after, and how it would be sent again, if it is still wanted.
#[derive(Debug)]
struct Inquiry {
    attempt: Attempt,
    leased_until: DateTime<Utc>,
    errand: Option<Errand>,
}

/// Leases what is due, so that no other worker asks at the same time.
async fn claim(
    rondo: &Rondo,
    merchant: &Merchant,
    limit: usize,
) -> Result<(usize, Vec<Inquiry>), TurnError> {
    let times = rondo.times(merchant);
    let mut repo = rondo.store.begin().await?;
    let claim = repo.claim_probes(merchant.id, times, limit).await?;
    turn::set_broken_aside(repo.as_mut(), merchant, Work::Resolve, times, &claim.broken).await?;
    let count = claim.rows.len() + claim.broken.len();
    let objects: Vec<_> = claim.rows.iter().map(|attempt| attempt.id.to_string()).collect();
    let poisoned = |error: StoreError| TurnError::of(objects.clone(), error.into());
    let leased_until = rondo.lease_until(times.world);
    let inquiries = load(repo.as_mut(), merchant, &claim.rows, leased_until).await;
    let inquiries = inquiries.map_err(poisoned)?;
    let attempts = inquiries.iter().map(|inquiry| leased(rondo, inquiry, times)).collect();
    let changes = Changes { attempts, ..Changes::default() };
    repo.write(changes).await.map_err(poisoned)?;
    repo.commit().await?;
    Ok((count, inquiries))
}

/// An attempt in a worker's hands, which may come to send it again.
fn leased(rondo: &Rondo, inquiry: &Inquiry, times: Times) -> Attempt {
    let mut attempt = inquiry.attempt.clone();
    let gateway = rondo.gateways.get(&attempt.gateway);
    let may_be_sent = attempt.was_not_sent()
        || gateway.is_some_and(|gateway| may_send_again(rondo, gateway.as_ref(), &attempt, times));
    if may_be_sent && inquiry.errand.is_some() {
        attempt.last_sent_at = times.now;
        attempt.not_found_at = None;
    }
    // Whose worker died with it may have been sent (RULES §3).
    if attempt.state == AttemptState::InFlight && !attempt.was_not_sent() {
        attempt.state = AttemptState::Unknown;
    }
    attempt.leased_until = Some(inquiry.leased_until);
    attempt.asked_at = Some(times.world);
    attempt.probe_at = None;
    attempt
}

async fn load(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    attempts: &[Attempt],
    leased_until: DateTime<Utc>,
) -> Result<Vec<Inquiry>, StoreError> {
    let invoices = repo.invoices(merchant.id, &ids_of(attempts, |a| a.invoice)).await?;
    let invoices = by_id(invoices, |invoice| invoice.id);
    let methods: Vec<_> = attempts.iter().filter_map(|attempt| attempt.method).collect();
    let methods = repo.payment_methods(merchant.id, &ids_of(&methods, |id| *id)).await?;
    let methods = by_id(methods, |method| method.id);
    Ok(attempts
        .iter()
        .map(|attempt| {
            let invoice = &invoices[&attempt.invoice];
            let method = attempt.method.and_then(|id| methods.get(&id));
            let errand = Errand::again(attempt, invoice, leased_until);
            Inquiry {
                errand: errand.filter(|_| is_wanted(attempt, invoice, method, merchant)),
                leased_until,
                attempt: attempt.clone(),
            }
        })
        .collect())
}

/// Whether an order may still go out: something is owed, and what was to be charged for it may be
/// charged. Whoever has left, or has taken their card out, is only asked after (RULES CAN-4).
fn is_wanted(
    attempt: &Attempt,
    invoice: &Invoice,
    method: Option<&PaymentMethod>,
    merchant: &Merchant,
) -> bool {
    invoice.open_amount().is_positive()
        && method.is_some_and(PaymentMethod::is_chargeable)
        && merchant.goes_by(&attempt.gateway)
}

async fn inquire(rondo: &Rondo, inquiry: Inquiry, times: Times) -> Heard {
    let (attempt, leased_until) = (inquiry.attempt.id, Some(inquiry.leased_until));
    Heard { attempt, leased_until, word: told(rondo, inquiry, times).await }
}

async fn told(rondo: &Rondo, inquiry: Inquiry, times: Times) -> Word {
    let attempt = &inquiry.attempt;
    let Some(gateway) = rondo.gateways.get(&attempt.gateway).cloned() else {
        tracing::error!(
            attempt = %attempt.id, gateway = attempt.gateway, "no such gateway is configured"
        );
        return Word::News(News::Silence);
    };
    // A worker noted that nothing had left: the same key goes out for the first time.
    if attempt.was_not_sent()
        && let Some(errand) = inquiry.errand
    {
        return order::send(rondo, errand).await.word;
    }
    let trace = ChargeTrace::of(attempt);
    let can_end = gateway.capabilities().can_cancel && attempt.is_abandoned(times.now);
    let answer = if can_end {
        gateway.cancel_charge(&trace).await
    } else {
        gateway.find_charge(&trace).await
    };
    let again = inquiry.errand.filter(|_| may_send_again(rondo, gateway.as_ref(), attempt, times));
    match answer {
        Ok(Sighting::Found(outcome)) => Word::News(outcome.into()),
        Ok(Sighting::NotFound) => match (again, gateway.capabilities().absence_proves_after()) {
            (Some(errand), _) => order::send(rondo, errand).await.word,
            (None, Some(proves_after)) => Word::NotFound { proves_after },
            (None, None) => Word::News(News::Silence),
        },
        // While its key lives, another sending tells what a look-up cannot (RULES PRB-2).
        Err(GatewayError::Unsupported(_)) => match again {
            Some(errand) => order::send(rondo, errand).await.word,
            None => Word::CannotTell,
        },
        Err(error) => {
            tracing::warn!(attempt = %attempt.id, %error, "the gateway could not be asked");
            Word::News(News::Silence)
        }
    }
}

/// Whether an attempt that the gateway does not know may be sent again under its own key: a charge
/// of ours, and young enough for the key to be remembered (RULES PRB-2). The gateway lives in the
/// world's time. A key that may be as old as what was forgotten counts as that old.
fn may_send_again(rondo: &Rondo, gateway: &dyn Gateway, attempt: &Attempt, times: Times) -> bool {
    let is_undecided = match attempt.state {
        AttemptState::InFlight | AttemptState::Unknown => true,
        AttemptState::Succeeded
        | AttemptState::Reversed
        | AttemptState::Declined
        | AttemptState::Rejected
        | AttemptState::NotExecuted
        | AttemptState::Pending
        | AttemptState::ActionRequired => false,
    };
    let forgotten = rondo.forgotten().filter(|forgotten| forgotten.may_hold(attempt.invoice));
    let born_at = forgotten.map_or(attempt.key_born_at, |f| f.since.min(attempt.key_born_at));
    let age = (times.world - born_at).to_std().unwrap_or_default();
    is_undecided
        && attempt.initiator == Initiator::Merchant
        && gateway.capabilities().idempotency.resend_is_safe(age)
}
