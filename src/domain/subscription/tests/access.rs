//! What a member may see, and why.

use rstest::rstest;

use super::*;
use crate::domain::subscription::{
    Cancellation, CancellationCause,
    access::{AccessReport, Held, Reason, check},
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
    check(&held, wanted, at(now))
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
    assert_eq!(verdict.subscription, Some(ana.subscription.id));
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
    assert_eq!(none.subscription, None);
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
