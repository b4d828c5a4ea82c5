//! Stories of single attempts and what their outcome does to everything that hangs on them.

mod declines;
mod first_payments;
mod ladder;
mod money;

use chrono::TimeDelta;
use rstest::rstest;

use super::{
    given::{
        START, at, attempt, balances, card, declined, eur, id, ladder, mint, paid, renewal,
        short_ladder, stored,
    },
    *,
};
use crate::domain::{
    calendar::{Alignment, BillingAnchor, Interval, Unit, Zone},
    dunning::{AccessLevel, CaseState, FinalAction, RecoveredBy, Refusal, Step},
    invoice::InvoiceState,
    ledger::{Account, Entry},
    notice::Facts,
    payment::{
        attempt::Initiator::{self, Customer as ByCustomer, Merchant as ByMerchant},
        decline::{Decline, DeclineClass, Network, StopScope},
        method::Expiry,
        outcome::Paid,
        refund::{RefundOrigin, RefundState},
    },
    subscription::{
        Access, CancellationCause, OtherDebts, Subscription, SubscriptionState, renewal::next_bill,
    },
};

/// What `news` leads to an hour after the sending.
fn heard(standing: Standing, news: News) -> Settled {
    settle(standing, news, an_hour_later(), &mint()).unwrap()
}

fn an_hour_later() -> DateTime<Utc> {
    at(START) + TimeDelta::hours(1)
}

fn mails(changes: &Changes) -> Vec<&'static str> {
    changes.notices.iter().map(|notice| notice.facts.kind()).collect()
}

fn events(changes: &Changes) -> Vec<EventKind> {
    changes.events.iter().map(|event| event.kind).collect()
}

/// The renewal with its first charge declined, and a second attempt by `initiator` in flight.
fn overdue(initiator: Initiator) -> Standing {
    let first = renewal();
    let settled = heard(first.clone(), declined(DeclineClass::WaitFunds));
    let mut owed = first.owed.after(&settled.changes);
    owed.payment.state = PaymentState::Collecting;
    Standing { attempt: attempt(9, initiator, an_hour_later()), owed }
}

/// The same while the ladder itself has ordered the second attempt.
fn retried() -> Standing {
    let standing = overdue(ByMerchant);
    let due_at = standing.owed.case.as_ref().unwrap().due_at.unwrap();
    let mut owed = standing.owed;
    owed.payment.state = PaymentState::Waiting;
    let changes = take_step(owed.clone(), due_at, &mint()).unwrap();
    let mut owed = owed.after(&changes);
    assert!(owed.case.as_ref().unwrap().case.is_retrying());
    assert_eq!(owed.payment.state, PaymentState::Scheduled);
    owed.payment.state = PaymentState::Collecting;
    Standing { attempt: attempt(9, ByMerchant, due_at), owed }
}
