//! One order took money twice, as a gateway's page does on which two cards have paid.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Settled, Standing, WrongAmount, paid};
use crate::domain::{
    hash::fnv1a,
    ids::{Id, Mint},
    money::Money,
    payment::{
        attempt::{Attempt, AttemptState, Initiator},
        outcome::Paid,
    },
    version::Version,
};

/// What follows when the gateway has taken the money of an attempt once more, by `paid`. The second charge
/// becomes an attempt of its own, so that what becomes of its money is never mistaken for the first one's;
/// what of it is not owed goes back (RULES CHG-7).
pub fn taken_twice(
    first: Standing,
    paid: &Paid,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Result<Settled, WrongAmount> {
    let Standing { attempt, owed } = first;
    let nothing = Money::zero(attempt.amount.currency());
    let second = Attempt {
        id: Id::following(attempt.id, named(&paid.reference), attempt.id.made_at() + AFTER_IT),
        method: None,
        credential: None,
        request_hash: None,
        applied: nothing,
        reversed: nothing,
        reversals: Vec::new(),
        initiator: Initiator::Customer,
        state: AttemptState::Unknown,
        reference: None,
        decline: None,
        action_url: None,
        store_method: false,
        probes: 0,
        asked_at: None,
        not_found_at: None,
        version: Version::NEW,
        ..attempt
    };
    paid::settle(Standing { attempt: second, owed }, paid, true, now, mint)
}

/// The second charge sorts after the first.
const AFTER_IT: TimeDelta = TimeDelta::milliseconds(1);

/// A number for a charge's reference, so that the charge is recorded once.
fn named(reference: &str) -> i64 {
    i64::from_be_bytes(fnv1a(reference.bytes()).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::payment::{
        attempt::News,
        refund::RefundOrigin,
        settle::{
            given::{START, at, eur, mint, paid, renewal},
            settle,
        },
    };

    #[test]
    fn a_second_charge_is_an_attempt_of_its_own_and_goes_back() {
        let renewal = renewal();
        let first = settle(renewal.clone(), paid(2_000), at(START), &mint()).unwrap().changes;
        let attempt = first.attempts[0].clone();
        let first = Standing { attempt: attempt.clone(), owed: renewal.owed.after(&first) };
        let News::Paid(second) = paid(2_000) else { unreachable!("it was paid") };
        let second = Paid { reference: "ch_2".to_owned(), ..second };
        let twice = taken_twice(first, &second, at(START), &mint()).unwrap().changes;

        let [second] = &twice.attempts[..] else { panic!("{:?}", twice.attempts) };
        assert_ne!(second.id, attempt.id);
        assert_eq!(second.reference.as_deref(), Some("ch_2"));
        assert_eq!((second.state, second.applied), (AttemptState::Succeeded, eur(0)));
        let [refund] = &twice.refunds[..] else { panic!("{:?}", twice.refunds) };
        assert_eq!((refund.attempt, refund.amount), (second.id, eur(2_000)));
        assert_eq!((refund.origin, refund.owed()), (RefundOrigin::LateSuccess, eur(0)));
        assert_eq!(twice.journals.len(), 1);
        assert!(twice.invoices.is_empty() && twice.subscriptions.is_empty());
    }
}
