//! How the sandbox gives money back: never more than was taken, once per key.

use serde::Deserialize;
use serde_json::json;

use super::{
    book::{Charge, Entry, First, Refund, RefundState, State, Subject},
    charging::Answer,
    desk::{Call, Desk},
    ledger::Pen,
    script::{Refunds, Telling},
    wire::{self, Refusal},
};
use crate::domain::money::Currency;

/// An order to give money back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRefund {
    pub reference: String,
    pub charge: String,
    pub amount: i64,
    pub currency: Currency,
}

/// Executes a refund, or finds that its key was answered before. One that cannot be is a refund
/// that failed, with the reason, and is kept too.
pub(super) fn refund(
    desk: &Desk,
    pen: &mut Pen,
    call: &Call<NewRefund>,
) -> Result<Answer, Refusal> {
    if let Some(first) = desk.answered(pen, &call.sent)? {
        return match first.what {
            First::Refund(at, state) => {
                let refund = pen.book().refund_at(at);
                Ok(Answer::plain(json!(wire::refund(refund, &state))))
            }
            First::Charge(..) | First::Page(_) => Err(Refusal::KeyReused),
        };
    }
    let order = &call.order;
    if order.amount <= 0 {
        return Err(Refusal::Invalid("the amount must be more than nothing"));
    }
    let charge = pen.book().charge(&order.charge).ok_or(Refusal::NotFound)?;
    let state = verdict(charge, order);
    let how = match charge.refunds {
        Refunds::AnswerLost => Telling::Lost,
        Refunds::Work | Refunds::Refused | Refunds::LateBy(_) => Telling::Plain,
    };
    let subject = pen.write(Entry::Refund(Box::new(Refund {
        id: desk.wire.chance.id("re", &[&order.reference, &call.sent.key]),
        reference: order.reference.clone(),
        charge: order.charge.clone(),
        amount: order.amount,
        currency: order.currency,
        created_at: desk.now(),
        state,
        sent: call.sent.clone(),
        lookups: 0,
    })));
    let Subject::Refund(at) = subject else { unreachable!("a refund's entry is about a refund") };
    let refund = pen.book().refund_at(at);
    Ok(Answer { how, delay_ms: 0, body: json!(wire::refund(refund, &refund.state)) })
}

/// Looks at a refund once; one that waits for so many look-ups moves by it.
pub(super) fn look_up(desk: &Desk, pen: &mut Pen, id: &str) -> Result<(), Refusal> {
    let refund = pen.book_mut().look_at_refund(id).ok_or(Refusal::NotFound)?;
    match refund.state {
        RefundState::Pending { lookups } if refund.lookups >= lookups => {
            let (refund, state) = (id.to_owned(), RefundState::Succeeded);
            pen.write(Entry::RefundTurned { refund, state, at: desk.now() });
        }
        RefundState::Pending { .. } | RefundState::Succeeded | RefundState::Failed { .. } => {}
    }
    Ok(())
}

fn verdict(charge: &Charge, order: &NewRefund) -> RefundState {
    let failed = |reason: &str| RefundState::Failed { reason: reason.to_owned() };
    if charge.state != State::Succeeded {
        return failed("the charge took no money");
    }
    if charge.currency != order.currency {
        return failed("the charge is in another currency");
    }
    if order.amount > charge.takes - charge.refunded - charge.reversed {
        return failed("more than what is left of the charge");
    }
    match charge.refunds {
        Refunds::Work | Refunds::AnswerLost => RefundState::Succeeded,
        Refunds::Refused => failed("the card's bank does not take it back"),
        Refunds::LateBy(lookups) => RefundState::Pending { lookups },
    }
}
