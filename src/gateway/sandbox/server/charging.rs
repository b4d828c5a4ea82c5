//! How the sandbox charges: what a card's script says, done once, and told as the script says.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    book::{Charge, Entry, First, Page, Purpose, Sent, State, Subject},
    desk::{Call, Desk},
    ledger::Pen,
    line::Line,
    script::{Arrival, Card, Step, Telling, Verdict},
    wire::{Refusal, Wire, as_duplicate},
};
use crate::domain::money::Currency;

/// An order to charge a stored card.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCharge {
    pub reference: String,
    pub invoice: String,
    pub amount: i64,
    pub currency: Currency,
    pub method: String,
    pub customer: Option<String>,
    pub initiator: Initiator,
    pub original_transaction: Option<String>,
    /// What would stand on the statement.
    pub description: String,
}

/// Who set a charge off.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Initiator {
    Customer,
    Merchant,
}

const MAX_DESCRIPTION_LEN: usize = 500;

/// What a caller is told, and how.
#[derive(Debug)]
pub(super) struct Answer {
    pub how: Telling,
    pub delay_ms: u32,
    pub body: serde_json::Value,
}

impl Answer {
    /// An answer that is told at once and as it is.
    pub fn plain(body: serde_json::Value) -> Self {
        Self { how: Telling::Plain, delay_ms: 0, body }
    }

    /// Tells it, on this line, late if it is late.
    pub async fn tell(self, desk: &Desk, line: &Line) -> Response {
        desk.linger(u64::from(self.delay_ms)).await;
        match self.how {
            Telling::Plain => Json(self.body).into_response(),
            Telling::AsDuplicate => Json(as_duplicate(self.body)).into_response(),
            Telling::Failed => Refusal::Failed.into_response(),
            Telling::Malformed => {
                let text = self.body.to_string();
                let half = text.chars().take(text.chars().count() / 2).collect::<String>();
                ([(header::CONTENT_TYPE, "application/json")], half).into_response()
            }
            Telling::Lost => {
                line.cut();
                StatusCode::OK.into_response()
            }
        }
    }
}

/// Executes an order, or finds that its key was answered before.
pub(super) fn charge(
    desk: &Desk,
    pen: &mut Pen,
    call: &Call<NewCharge>,
) -> Result<Answer, Refusal> {
    if let Some(first) = desk.answered(pen, &call.sent)? {
        return match first.what {
            First::Charge(at, state) => Ok(again(&desk.wire, pen.book().charge_at(at), &state)),
            First::Refund(..) | First::Page(_) => Err(Refusal::KeyReused),
        };
    }
    let order = &call.order;
    if order.amount <= 0 {
        return Err(Refusal::Invalid("the amount must be more than nothing"));
    }
    if order.description.chars().count() > MAX_DESCRIPTION_LEN {
        return Err(Refusal::Invalid("the description is longer than a statement takes"));
    }
    let card = Card::parse(&order.method).ok_or(Refusal::Invalid("there is no such card"))?;
    let step = card.step(pen.book().uses(&order.method)).clone();
    match step.arrival {
        Arrival::Executed => {}
        Arrival::Lost => return Ok(unexecuted(pen, order, Telling::Lost)),
        Arrival::Failed => return Ok(unexecuted(pen, order, Telling::Failed)),
        Arrival::RateLimited => {
            pen.write(Entry::Used { token: order.method.clone() });
            return Err(Refusal::TooFast { retry_after_s: 1 });
        }
    }
    let sent = (!step.forgets_key).then(|| call.sent.clone());
    let at = execute(desk, pen, order, &step, sent, None);
    let charge = pen.book().charge_at(at);
    let first = first_state(&step.result);
    let body = json!(desk.wire.charge(charge, &first));
    Ok(Answer { how: step.telling, delay_ms: step.delay_ms, body })
}

/// Charges a card that the customer chose on a page. They are there to authenticate, so a card that
/// wants that is paid with; faults of the network are the API's alone.
pub(super) fn charge_on_page(
    desk: &Desk,
    pen: &mut Pen,
    page: &Page,
    token: &str,
    is_authenticated: bool,
) -> Result<State, Refusal> {
    let Purpose::Checkout { invoice, amount, currency, description, keeps_method } = &page.purpose
    else {
        return Err(Refusal::NotFound);
    };
    let card = Card::parse(token).ok_or(Refusal::Invalid("there is no such card"))?;
    let mut step = card.step(pen.book().uses(token)).clone();
    step.result = match step.result {
        Verdict::AuthenticationRequired | Verdict::ActionRequired if is_authenticated => {
            Verdict::Paid
        }
        Verdict::AuthenticationRequired | Verdict::ActionRequired => {
            Verdict::Declined("authentication_failed".to_owned())
        }
        other => other,
    };
    let order = NewCharge {
        reference: page.reference.clone(),
        invoice: invoice.clone(),
        amount: *amount,
        currency: *currency,
        method: token.to_owned(),
        customer: page.customer.clone(),
        initiator: Initiator::Customer,
        original_transaction: None,
        description: description.clone(),
    };
    let at = execute(desk, pen, &order, &step, None, Some((&page.id, *keeps_method)));
    Ok(pen.book().charge_at(at).state.clone())
}

/// Whether the card would ask the customer to authenticate now.
pub(super) fn asks_to_authenticate(pen: &Pen, token: &str) -> Result<bool, Refusal> {
    let card = Card::parse(token).ok_or(Refusal::Invalid("there is no such card"))?;
    Ok(match card.step(pen.book().uses(token)).result {
        Verdict::AuthenticationRequired | Verdict::ActionRequired => true,
        Verdict::Paid
        | Verdict::PaidWithAdvice(_)
        | Verdict::Declined(_)
        | Verdict::SettlesAfter(_)
        | Verdict::FailsAfter(_)
        | Verdict::LateSuccessAfter(_) => false,
    })
}

/// What one look-up of a charge sees.
pub(super) enum Seen {
    Charge,
    Nothing,
    Failure,
}

/// Looks at a charge once. A charge that waits for so many look-ups moves by it.
pub(super) fn look_up(pen: &mut Pen, id: &str) -> Seen {
    let Some(charge) = pen.book_mut().look_at(id) else { return Seen::Nothing };
    if charge.lookups <= charge.failing_lookups {
        return Seen::Failure;
    }
    let hidden = charge.failing_lookups + charge.stale_lookups;
    if charge.lookups <= hidden {
        return Seen::Nothing;
    }
    let seen = charge.lookups - hidden;
    let turned = match charge.state {
        State::Pending { lookups, succeeds: true } if seen >= lookups => State::Succeeded,
        State::Pending { lookups, succeeds: false } if seen >= lookups => {
            State::Declined { reason: "insufficient_funds".to_owned(), succeeds_after: None }
        }
        State::Declined { succeeds_after: Some(lookups), .. } if seen >= lookups => {
            State::Succeeded
        }
        State::Succeeded
        | State::Declined { .. }
        | State::Pending { .. }
        | State::ActionRequired
        | State::Canceled => return Seen::Charge,
    };
    pen.write(Entry::Turned { charge: id.to_owned(), state: turned });
    Seen::Charge
}

/// Cancels a charge that has not come to an end.
pub(super) fn cancel(pen: &mut Pen, id: &str) -> Result<(), Refusal> {
    match pen.book().charge(id).ok_or(Refusal::NotFound)?.state {
        State::Pending { .. } | State::ActionRequired => {
            pen.write(Entry::Turned { charge: id.to_owned(), state: State::Canceled });
            Ok(())
        }
        State::Canceled => Ok(()),
        State::Succeeded | State::Declined { .. } => {
            Err(Refusal::Invalid("the charge has come to its end"))
        }
    }
}

fn execute(
    desk: &Desk,
    pen: &mut Pen,
    order: &NewCharge,
    step: &Step,
    sent: Option<Sent>,
    page: Option<(&str, bool)>,
) -> usize {
    let earlier = pen.book().charges_of(&order.reference).count().to_string();
    let id = desk.wire.chance.id("ch", &[&order.reference, &earlier]);
    let subject = pen.write(Entry::Charge(Box::new(Charge {
        id: id.clone(),
        reference: order.reference.clone(),
        invoice: order.invoice.clone(),
        token: order.method.clone(),
        ordered: order.amount,
        takes: if step.takes_too_little { order.amount - 1 } else { order.amount },
        currency: order.currency,
        customer: order.customer.clone(),
        initiator: order.initiator,
        original_transaction: order.original_transaction.clone(),
        created_at: desk.now(),
        state: first_state(&step.result),
        sent,
        telling: step.telling,
        failing_lookups: step.failing_lookups,
        stale_lookups: step.stale_lookups,
        refunds: step.refunds,
        network_advice: step.result.advice(),
        page: page.map(|(id, _)| id.to_owned()),
        keeps_method: page.is_some_and(|(_, keeps_method)| keeps_method),
        version: 0,
        lookups: 0,
        refunded: 0,
        reversed: 0,
    })));
    if step.result == Verdict::LateSuccessAfter(0) {
        pen.write(Entry::Turned { charge: id, state: State::Succeeded });
    }
    let Subject::Charge(at) = subject else { unreachable!("a charge's entry is about a charge") };
    at
}

fn first_state(verdict: &Verdict) -> State {
    let declined = |reason: &str, succeeds_after| State::Declined {
        reason: reason.to_owned(),
        succeeds_after,
    };
    match verdict {
        Verdict::Paid | Verdict::PaidWithAdvice(_) => State::Succeeded,
        Verdict::Declined(reason) => declined(reason, None),
        Verdict::AuthenticationRequired => declined("authentication_required", None),
        Verdict::ActionRequired => State::ActionRequired,
        Verdict::SettlesAfter(lookups) => State::Pending { lookups: *lookups, succeeds: true },
        Verdict::FailsAfter(lookups) => State::Pending { lookups: *lookups, succeeds: false },
        Verdict::LateSuccessAfter(lookups) => declined("insufficient_funds", Some(*lookups)),
    }
}

/// The first answer again. A reply that was lost on its way is there to be told; one that was an
/// error stays one.
fn again(wire: &Wire, charge: &Charge, state: &State) -> Answer {
    let how = match charge.telling {
        Telling::Lost => Telling::Plain,
        kept @ (Telling::Plain | Telling::Failed | Telling::Malformed | Telling::AsDuplicate) => {
            kept
        }
    };
    Answer { how, delay_ms: 0, body: json!(wire.charge(charge, state)) }
}

fn unexecuted(pen: &mut Pen, order: &NewCharge, how: Telling) -> Answer {
    pen.write(Entry::Used { token: order.method.clone() });
    Answer { how, delay_ms: 0, body: serde_json::Value::Null }
}
