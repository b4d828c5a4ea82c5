//! What a member may see, and why.

use rstest::rstest;

use super::*;
use crate::domain::{
    invoice::{Invoice, InvoiceState},
    payment::{
        Payment, PaymentState,
        settle::given::{self, eur},
    },
    subscription::{
        Cancellation, CancellationCause,
        access::{AccessReport, Bought, Held, Reason, Source, check},
    },
};

const JOINED: &str = "2026-01-31T09:30:00";
const NOW: &str = "2026-02-10T00:00:00";
const PERIOD_END: &str = "2026-02-28T09:30:00";
const NEXT_STEP: &str = "2026-02-21T12:00:00";

fn ask(held: &[(&Subscription, &[String])], wanted: Option<&str>, now: &str) -> AccessReport {
    let held: Vec<_> = held
        .iter()
        .map(|(subscription, entitlements)| Held {
            subscription,
            entitlements,
            next_step_at: Some(at(NEXT_STEP)),
        })
        .collect();
    check(&held, &[], wanted, at(now))
}

/// A course of 20.00 EUR and what was collected for it.
fn course(state: InvoiceState, refunded: i64) -> (Invoice, Payment) {
    let entitlements = vec!["course:rust".to_owned()];
    let invoice = Invoice { state, subscription: None, entitlements, ..given::invoice() };
    let payment = Payment { refunded: eur(refunded), ..given::payment(PaymentState::Succeeded) };
    (invoice, payment)
}

#[rstest]
#[case(SubscriptionState::Active, Access::Full, NOW, Access::Full, Reason::Paid, Some(PERIOD_END))]
#[case(
    SubscriptionState::Trialing,
    Access::Full,
    NOW,
    Access::Full,
    Reason::Trial,
    Some("2026-02-14T09:30:00")
)]
#[case(
    SubscriptionState::PastDue,
    Access::Full,
    NOW,
    Access::Full,
    Reason::OverdueGrace,
    Some(NEXT_STEP)
)]
#[case(
    SubscriptionState::PastDue,
    Access::Grace,
    NOW,
    Access::Grace,
    Reason::OverdueGrace,
    Some(NEXT_STEP)
)]
#[case(SubscriptionState::PastDue, Access::None, NOW, Access::None, Reason::OverdueClosed, None)]
#[case(SubscriptionState::Unpaid, Access::None, NOW, Access::None, Reason::OverdueClosed, None)]
#[case(
    SubscriptionState::Incomplete,
    Access::None,
    NOW,
    Access::None,
    Reason::AwaitingPayment,
    None
)]
#[case(SubscriptionState::Paused, Access::Full, NOW, Access::Full, Reason::Paid, Some(PERIOD_END))]
#[case(SubscriptionState::Paused, Access::Full, PERIOD_END, Access::None, Reason::Paused, None)]
#[case(SubscriptionState::Canceled, Access::None, NOW, Access::None, Reason::Ended, None)]
#[case(SubscriptionState::Expired, Access::None, NOW, Access::None, Reason::Ended, None)]
fn each_state_opens_what_it_says(
    #[case] state: SubscriptionState,
    #[case] dunned: Access,
    #[case] now: &str,
    #[case] access: Access,
    #[case] reason: Reason,
    #[case] until: Option<&str>,
) {
    let mut ana = Member::joins(monthly(), at(JOINED));
    ana.subscription.state = state;
    ana.subscription.access = dunned;
    ana.subscription.trial_end = Some(at("2026-02-14T09:30:00"));
    let verdict = ask(&[(&ana.subscription, &ana.terms.entitlements)], Some("course:rust"), now);
    assert_eq!(
        (verdict.access, verdict.reason, verdict.until),
        (access, reason, until.map(at)),
        "{state:?}"
    );
    assert_eq!(verdict.source, Some(Source::Subscription(ana.subscription.id)));
    assert_eq!(verdict.entitlements.is_empty(), access == Access::None);
}

#[test]
fn what_ends_ahead_is_open_until_then() {
    let mut ana = Member::joins(monthly(), at(JOINED));
    let ends_at = at("2026-02-20T00:00:00");
    let cause = CancellationCause::PlanRetired;
    let cancellation = Cancellation { requested_at: at(NOW), ends_at, cause };
    ana.subscription.cancellation = Some(cancellation);
    let verdict = ask(&[(&ana.subscription, &ana.terms.entitlements)], None, NOW);
    assert_eq!((verdict.access, verdict.until), (Access::Full, Some(ends_at)));
}

#[test]
fn the_subscription_that_opens_most_decides() {
    let now = at(NOW);
    let mut ended = Member::joins(monthly(), at("2025-01-31T09:30:00"));
    ended.subscription.end(SubscriptionState::Canceled, now);
    let mut late = Member::joins(monthly(), at(JOINED));
    late.subscription.state = SubscriptionState::PastDue;
    late.subscription.access = Access::Grace;
    let paid = Member::joins(monthly(), at(JOINED));
    let (rust, go) = (["course:rust".to_owned()], ["course:go".to_owned()]);

    let all =
        [(&ended.subscription, &rust[..]), (&late.subscription, &rust), (&paid.subscription, &go)];
    let any = ask(&all, None, NOW);
    assert_eq!((any.access, any.reason), (Access::Full, Reason::Paid));
    assert!(any.entitlements.iter().eq(["course:go", "course:rust"]));

    let rust = ask(&all, Some("course:rust"), NOW);
    assert_eq!((rust.access, rust.reason), (Access::Grace, Reason::OverdueGrace));

    let none = ask(&all, Some("course:c"), NOW);
    assert_eq!((none.access, none.reason), (Access::None, Reason::NeverSubscribed));
    assert_eq!(none.source, None);
    assert_eq!(none.entitlements, any.entitlements);
}

#[test]
fn of_what_is_closed_the_one_that_can_be_mended_is_told() {
    let now = at(NOW);
    let mut ended = Member::joins(monthly(), at(JOINED));
    ended.subscription.end(SubscriptionState::Canceled, now);
    let mut unpaid = Member::joins(monthly(), at(JOINED));
    unpaid.subscription.suspend();
    let words = ["course:rust".to_owned()];
    let verdict = ask(&[(&unpaid.subscription, &words), (&ended.subscription, &words)], None, NOW);
    assert_eq!(verdict.reason, Reason::OverdueClosed);
    assert!(verdict.entitlements.is_empty());
}

#[rstest]
#[case(InvoiceState::Open, 0, Access::None, Reason::AwaitingPayment)]
#[case(InvoiceState::Paid, 0, Access::Full, Reason::Purchased)]
#[case(InvoiceState::Paid, 1_999, Access::Full, Reason::Purchased)]
#[case(InvoiceState::Paid, 2_000, Access::None, Reason::Ended)]
#[case(InvoiceState::Void, 0, Access::None, Reason::NeverSubscribed)]
#[case(InvoiceState::Uncollectible, 0, Access::None, Reason::NeverSubscribed)]
fn what_is_bought_is_open_for_good_unless_all_of_it_went_back(
    #[case] state: InvoiceState,
    #[case] refunded: i64,
    #[case] access: Access,
    #[case] reason: Reason,
) {
    let (invoice, payment) = course(state, refunded);
    let bought = [Bought { invoice: &invoice, payment: Some(&payment) }];
    for wanted in [Some("course:rust"), None] {
        let verdict = check(&[], &bought, wanted, at(NOW));
        assert_eq!((verdict.access, verdict.reason, verdict.until), (access, reason, None));
        let decides = reason != Reason::NeverSubscribed;
        assert_eq!(verdict.source, decides.then_some(Source::Invoice(invoice.id)));
        assert_eq!(verdict.entitlements.is_empty(), access == Access::None);
    }
    let other = check(&[], &bought, Some("course:go"), at(NOW));
    assert_eq!((other.access, other.reason), (Access::None, Reason::NeverSubscribed));
}

#[test]
fn what_costs_nothing_is_open_without_a_payment() {
    let (invoice, _) = course(InvoiceState::Paid, 0);
    let bought = [Bought { invoice: &invoice, payment: None }];
    assert_eq!(check(&[], &bought, None, at(NOW)).reason, Reason::Purchased);
}

#[test]
fn of_a_subscription_and_a_purchase_the_better_one_decides() {
    let ana = Member::joins(monthly(), at(JOINED));
    let words = ["course:rust".to_owned()];
    let decided = |subscription: &Subscription, (invoice, payment): (Invoice, Payment)| {
        let held = [Held { subscription, entitlements: &words, next_step_at: None }];
        let bought = [Bought { invoice: &invoice, payment: Some(&payment) }];
        check(&held, &bought, Some("course:rust"), at(NOW)).reason
    };
    // What lasts for good outlasts a period.
    let paid = course(InvoiceState::Paid, 0);
    assert_eq!(decided(&ana.subscription, paid.clone()), Reason::Purchased);
    assert_eq!(decided(&ana.subscription, course(InvoiceState::Open, 0)), Reason::Paid);
    assert_eq!(decided(&ana.subscription, course(InvoiceState::Paid, 2_000)), Reason::Paid);

    let mut over = ana.subscription.clone();
    over.end(SubscriptionState::Canceled, at(NOW));
    assert_eq!(decided(&over, paid), Reason::Purchased);
    assert_eq!(decided(&over, course(InvoiceState::Open, 0)), Reason::AwaitingPayment);
}
