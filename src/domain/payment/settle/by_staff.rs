//! A person said what became of it: the same follows as from the gateway's own word.

use chrono::{DateTime, Utc};

use super::{Settled, Standing, settle};
use crate::domain::{
    event::EventKind,
    ids::Mint,
    payment::{
        attempt::{AttemptState, News},
        decline::{Decline, DeclineClass},
        outcome::Paid,
        verdict::{Note, Verdict},
    },
};

/// What follows from `verdict`, which must be a person's to give: see
/// [`is_for_staff`](super::Attempt::is_for_staff). Whoever listens is told that a person said so, and why,
/// before all that comes of it.
pub fn by_staff(
    standing: Standing,
    verdict: &Verdict,
    note: &Note,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Settled {
    let was_accepted =
        matches!(standing.attempt.state, AttemptState::Pending | AttemptState::ActionRequired);
    let news = match verdict {
        Verdict::Charged(reference) => {
            News::Paid(Paid::bare(reference.to_string(), standing.attempt.amount))
        }
        // The network has seen it, so it was a try.
        Verdict::NotCharged if was_accepted => {
            News::Declined { reference: None, decline: Decline::of(DeclineClass::Generic) }
        }
        Verdict::NotCharged => News::NeverHappened,
    };
    let reason = Some(format!("{}: {note}", verdict.name()));
    let kind = EventKind::PaymentSettledByStaff;
    let told = standing.owed.payment.event(kind, reason, now, mint);
    let mut settled =
        settle(standing, news, now, mint).expect("a person can only say what was ordered");
    settled.changes.events.insert(0, told);
    settled
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::{
        invoice::InvoiceState,
        payment::{
            PaymentState,
            attempt::Attempt,
            settle::given::{START, at, balances, declined, eur, mint, paid, renewal},
        },
    };

    const LATER: &str = "2026-02-08T09:00:00Z";

    /// The renewal, whose charge nobody could tell the outcome of.
    fn undecided() -> Standing {
        let renewal = renewal();
        let attempt = Attempt {
            state: AttemptState::Unknown,
            leased_until: None,
            probes: 12,
            ..renewal.attempt
        };
        Standing { attempt, ..renewal }
    }

    fn said(verdict: &Verdict) -> Settled {
        let note = "Eva looked in the dashboard".parse().unwrap();
        by_staff(undecided(), verdict, &note, at(LATER), &mint())
    }

    fn charged() -> Verdict {
        Verdict::Charged("ch_7".parse().unwrap())
    }

    /// The renewal after a person has said `verdict`.
    fn after(verdict: &Verdict) -> Standing {
        let changes = said(verdict).changes;
        let attempt = changes.attempts[0].clone();
        Standing { attempt, owed: undecided().owed.after(&changes) }
    }

    #[test]
    fn money_by_a_persons_word_pays_as_by_the_gateways() {
        let settled = said(&charged());
        assert_eq!(settled.for_staff, None);
        let changes = settled.changes;
        let told = changes.events.iter().map(|event| (event.kind, event.reason.as_deref()));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                (EventKind::PaymentSettledByStaff, Some("charged: Eva looked in the dashboard")),
                (EventKind::PaymentSucceeded, None),
                (EventKind::InvoicePaid, None),
            ]
        );
        let attempt = &changes.attempts[0];
        assert_eq!((attempt.state, attempt.settled_at), (AttemptState::Succeeded, Some(at(LATER))));
        assert_eq!((attempt.reference.as_deref(), attempt.applied), (Some("ch_7"), eur(2_000)));
        assert_eq!(changes.invoices[0].state, InvoiceState::Paid);
        assert_eq!(changes.payments[0].state, PaymentState::Succeeded);
        assert_eq!(changes.notices.len(), 1, "the receipt");
        let [journal] = &changes.journals[..] else { panic!("{:?}", changes.journals) };
        assert!(balances(journal));
    }

    #[test]
    fn what_took_nothing_is_due_again_and_no_try() {
        let settled = said(&Verdict::NotCharged);
        assert_eq!(settled.for_staff, None);
        let changes = settled.changes;
        let [told] = &changes.events[..] else { panic!("{:?}", changes.events) };
        assert_eq!(told.kind, EventKind::PaymentSettledByStaff);
        assert_eq!(told.reason.as_deref(), Some("not_charged: Eva looked in the dashboard"));
        let attempt = &changes.attempts[0];
        assert_eq!(attempt.state, AttemptState::NotExecuted);
        assert!(!attempt.counts_as_try());
        let payment = &changes.payments[0];
        assert_eq!((payment.state, payment.collect_at), (PaymentState::Scheduled, Some(at(LATER))));
        assert!(changes.journals.is_empty() && changes.notices.is_empty());
    }

    #[test]
    fn money_that_a_person_had_denied_is_taken_for_the_open_invoice() {
        let late = settle(after(&Verdict::NotCharged), paid(2_000), at(LATER), &mint()).unwrap();
        assert!(late.for_staff.is_some());
        let changes = late.changes;
        assert_eq!(changes.attempts[0].state, AttemptState::Succeeded);
        assert_eq!(changes.invoices[0].state, InvoiceState::Paid);
        assert!(changes.refunds.is_empty());
        assert_eq!(changes.events[0].kind, EventKind::PaymentLateSuccess);
    }

    #[test]
    fn money_that_a_person_had_denied_goes_back_if_another_charge_has_paid() {
        let mut paid_since = after(&Verdict::NotCharged);
        paid_since.owed.invoice.state = InvoiceState::Paid;
        paid_since.owed.invoice.paid = eur(2_000);
        paid_since.owed.payment.state = PaymentState::Succeeded;
        let late = settle(paid_since, paid(2_000), at(LATER), &mint()).unwrap();
        assert!(late.for_staff.is_some());
        let [refund] = &late.changes.refunds[..] else { panic!("{:?}", late.changes.refunds) };
        assert_eq!(refund.amount, eur(2_000));
    }

    #[rstest]
    #[case::declined(declined(DeclineClass::WaitFunds))]
    #[case::never_carried_out(News::NeverHappened)]
    fn a_gateway_that_denies_what_a_person_has_said_is_for_staff(#[case] news: News) {
        let paid = after(&charged());
        let heard = settle(paid.clone(), news, at(LATER), &mint()).unwrap();
        let attempt = paid.attempt.id;
        assert_eq!(
            heard.for_staff,
            Some(format!(
                "{attempt} is recorded as paid, and the gateway now says that it was not: look there, \
                 and if no money came, bill it anew"
            ))
        );
        assert_eq!(heard.changes.attempts, [paid.attempt], "nothing is moved");
        assert!(heard.changes.journals.is_empty() && heard.changes.invoices.is_empty());
    }

    #[test]
    fn another_reference_than_a_person_has_said_is_for_staff() {
        let heard = settle(after(&charged()), paid(2_000), at(START), &mint()).unwrap();
        assert!(heard.for_staff.unwrap().contains("ch_1"));
        assert!(heard.changes.attempts.is_empty());
    }
}
