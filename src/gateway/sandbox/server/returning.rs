//! What becomes of money some time after it was taken, as banks, schemes and staff will have it: charged
//! back or returned, given again, refunded in the dashboard, failed after all. `POST /control/…` tells
//! the sandbox what shall happen; webhooks, look-ups and lists tell it on.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State as Shared},
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    book::{Charge, Entry, Refund, RefundState, Reversal, Sent, State, Subject},
    desk::Desk,
    ledger::Pen,
    wire::{self, Refusal},
};

type Told = Result<Json<Value>, Refusal>;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/v1/returns", get(list))
        .route("/control/take-back", post(take_back))
        .route("/control/reinstate", post(reinstate))
        .route("/control/refund", post(refund))
        .route("/control/turn-refund", post(turn_refund))
        .route("/control/fail", post(fail))
}

/// Of which charge, by the sandbox's id or the caller's reference, how much, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    charge: String,
    /// Minor units; all that is left if absent.
    amount: Option<i64>,
    /// A reason to decline by the words of tokens (`ach_no_funds`, `rc_md06`), or `chargeback`.
    reason: Option<String>,
}

/// The charge that a wish is about: one that took money, and how much of it the wish concerns.
fn wished(pen: &Pen, wish: &Wish) -> Result<(Charge, i64), Refusal> {
    let book = pen.book();
    let took = |charge: &&Charge| charge.state == State::Succeeded;
    let by_reference = || book.charges_of(&wish.charge).find(took);
    let charge = book.charge(&wish.charge).filter(took).or_else(by_reference);
    let charge = charge.ok_or(Refusal::NotFound)?;
    let left = charge.takes - charge.refunded - charge.reversed;
    let amount = wish.amount.unwrap_or(left);
    if !(1..=left).contains(&amount) {
        return Err(Refusal::Invalid("there is not so much left of the charge"));
    }
    Ok((charge.clone(), amount))
}

async fn take_back(Shared(desk): Shared<Arc<Desk>>, Json(wish): Json<Wish>) -> Told {
    let reason = wish.reason.clone().unwrap_or_else(|| wire::CHARGEBACK.to_owned());
    if wire::reversal_reason(&reason).is_none() {
        return Err(Refusal::Invalid("there is no such reason"));
    }
    desk.commit(|pen| {
        let (charge, amount) = wished(pen, &wish)?;
        let number = pen.book().reversals().len().to_string();
        let subject = pen.write(Entry::Reversal(Box::new(Reversal {
            id: desk.wire.chance.id("dp", &[&charge.id, &number]),
            charge: charge.id,
            amount,
            currency: charge.currency,
            reason,
            created_at: desk.now(),
            reinstated_at: None,
        })));
        told(&desk, pen, subject)
    })
    .await?
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Won {
    reversal: String,
}

async fn reinstate(Shared(desk): Shared<Arc<Desk>>, Json(won): Json<Won>) -> Told {
    desk.commit(|pen| {
        let reversal = pen.book().reversal(&won.reversal).ok_or(Refusal::NotFound)?;
        if reversal.reinstated_at.is_some() {
            return Err(Refusal::Invalid("the money was given again already"));
        }
        let at = desk.now();
        let subject = pen.write(Entry::Reinstated { reversal: won.reversal, at });
        told(&desk, pen, subject)
    })
    .await?
}

/// A refund by staff at the gateway: it bears no reference of the caller's.
async fn refund(Shared(desk): Shared<Arc<Desk>>, Json(wish): Json<Wish>) -> Told {
    desk.commit(|pen| {
        let (charge, amount) = wished(pen, &wish)?;
        let number = pen.book().refunds().len().to_string();
        let id = desk.wire.chance.id("re", &["by hand", &charge.id, &number]);
        let subject = pen.write(Entry::Refund(Box::new(Refund {
            sent: Sent { key: format!("by hand:{id}"), digest: String::new() },
            id,
            reference: String::new(),
            charge: charge.id,
            amount,
            currency: charge.currency,
            created_at: desk.now(),
            state: RefundState::Succeeded,
            lookups: 0,
        })));
        told(&desk, pen, subject)
    })
    .await?
}

/// Which refund, by the sandbox's id or the caller's reference, and why it fails; it goes through if absent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    refund: String,
    fails: Option<String>,
}

/// A refund ends otherwise than it was told: the payer's bank sends it back, or it goes through after all.
async fn turn_refund(Shared(desk): Shared<Arc<Desk>>, Json(turn): Json<Turn>) -> Told {
    desk.commit(|pen| {
        let book = pen.book();
        let refund = book.refund(&turn.refund).or_else(|| book.refund_of(&turn.refund));
        let refund = refund.ok_or(Refusal::NotFound)?;
        let state = match turn.fails {
            Some(reason) => RefundState::Failed { reason },
            None => RefundState::Succeeded,
        };
        let charge = book.charge(&refund.charge).ok_or(Refusal::NotFound)?;
        let left = charge.takes - charge.refunded - charge.reversed + refund.gone();
        if state == RefundState::Succeeded && refund.amount > left {
            return Err(Refusal::Invalid("there is not so much left of the charge"));
        }
        let entry = Entry::RefundTurned { refund: refund.id.clone(), state, at: desk.now() };
        let subject = pen.write(entry);
        told(&desk, pen, subject)
    })
    .await?
}

/// The charge has failed after all, as some banks' returns are told.
async fn fail(Shared(desk): Shared<Arc<Desk>>, Json(wish): Json<Wish>) -> Told {
    desk.commit(|pen| {
        let (charge, _) = wished(pen, &wish)?;
        let reason = wish.reason.unwrap_or_else(|| "insufficient_funds".to_owned());
        let state = State::Declined { reason, succeeds_after: None };
        let subject = pen.write(Entry::Turned { charge: charge.id, state });
        told(&desk, pen, subject)
    })
    .await?
}

#[derive(Debug, Deserialize)]
struct Stretch {
    since: Option<DateTime<Utc>>,
    after: Option<usize>,
    limit: Option<usize>,
}

/// What went back, was given again or changed, as it happened; each as it stands now.
async fn list(Shared(desk): Shared<Arc<Desk>>, Query(stretch): Query<Stretch>) -> Told {
    desk.commit(|pen| {
        let returns = pen.book().returns();
        let since = stretch.since.unwrap_or(DateTime::<Utc>::MIN_UTC);
        let from = stretch.after.unwrap_or_else(|| returns.partition_point(|(at, _)| *at < since));
        let limit = stretch.limit.unwrap_or(100).clamp(1, 1_000);
        let rest = returns.get(from..).unwrap_or_default();
        let page: Vec<_> = rest.iter().take(limit).map(|(_, what)| *what).collect();
        let next = (rest.len() > limit).then_some(from + limit);
        let objects =
            page.into_iter().map(|what| told(&desk, pen, what).map(|Json(object)| object));
        let objects = objects.collect::<Result<Vec<_>, _>>()?;
        Ok(Json(json!({ "returns": objects, "next": next })))
    })
    .await?
}

fn told(desk: &Desk, pen: &Pen, subject: Subject) -> Told {
    let book = pen.book();
    Ok(Json(match subject {
        Subject::Charge(at) => {
            let charge = book.charge_at(at);
            json!(desk.wire.charge(charge, &charge.state))
        }
        Subject::Refund(at) => json!(desk.wire.refund(book, at)),
        Subject::Reversal(at) => json!(desk.wire.reversal(book, at)),
        Subject::Page(_) | Subject::Nothing => return Err(Refusal::NotFound),
    }))
}
