//! What a payer is told when another price or plan comes with their next renewal, or comes no more.

use chrono::{DateTime, Utc};

use super::{CyclePrice, Facts, Notice};
use crate::domain::{
    calendar::Period,
    catalog::{NoPrice, Terms},
    ids::{Id, Mint, kind},
    money::Currency,
    subscription::{Subscription, SubscriptionState},
};

/// The plan by which a cycle is billed, and what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Billing {
    plan: Id<kind::Plan>,
    price: CyclePrice,
}

impl Billing {
    /// By these terms of `plan`, with so many seats. Refuses a currency without a price.
    pub fn by(
        plan: Id<kind::Plan>,
        terms: &Terms,
        currency: Currency,
        quantity: u32,
    ) -> Result<Self, NoPrice> {
        let amount = terms.recurring_total(currency, quantity)?;
        Ok(Self { plan, price: CyclePrice { amount, interval: terms.interval } })
    }
}

/// What comes with a subscription's next renewal.
#[derive(Debug, Clone, Copy)]
pub struct Coming<'a> {
    /// How it is billed now.
    pub now: Billing,
    /// What the payer expects of the next renewal.
    pub expected: Billing,
    /// What comes.
    pub comes: Billing,
    /// What the plan that comes is called.
    pub plan_name: &'a str,
}

/// Tells the payer what comes, unless they expect it already, or it never comes because the subscription
/// ends before. Whose subscription has not begun is welcomed with what comes, once it does.
pub fn plan_changing(
    subscription: &Subscription,
    coming: Coming<'_>,
    at: DateTime<Utc>,
    mint: &Mint,
) -> Option<Notice> {
    let has_not_begun = subscription.state == SubscriptionState::Incomplete;
    let ends_before = subscription.cancellation.is_some();
    if coming.expected == coming.comes || has_not_begun || ends_before {
        return None;
    }
    let facts = Facts::PlanChanging {
        changes_at: next_cycle_at(subscription),
        new_plan_name: coming.plan_name.to_owned(),
        old: coming.now.price,
        new: coming.comes.price,
    };
    // The subscription's own version tells this announcement from an earlier one.
    let key = format!("plan_changing:{}:{}", subscription.id, subscription.version.next().count());
    let (merchant, customer) = (subscription.merchant, subscription.customer);
    let notice = Notice::new(merchant, customer, facts, key, at, mint);
    Some(notice.about_subscription(subscription.id))
}

/// When a subscription's next cycle begins, if that is known: one that rests until somebody ends that, or
/// until its debt is paid, has no such day.
fn next_cycle_at(subscription: &Subscription) -> Option<DateTime<Utc>> {
    let runs_until = subscription.current_period.map(Period::end).or(subscription.trial_end);
    match subscription.state {
        SubscriptionState::Unpaid => None,
        SubscriptionState::Paused => {
            let resumes_at = subscription.pause?.resumes_at?;
            Some(runs_until.map_or(resumes_at, |until| until.max(resumes_at)))
        }
        SubscriptionState::Incomplete
        | SubscriptionState::Trialing
        | SubscriptionState::Active
        | SubscriptionState::PastDue
        | SubscriptionState::Canceled
        | SubscriptionState::Expired => runs_until.or(subscription.due_at),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::{payment::settle::given, subscription::Pause};

    fn at(instant: &str) -> DateTime<Utc> {
        instant.parse().unwrap()
    }

    #[rstest]
    #[case::runs(SubscriptionState::Active, None, Some("2026-03-31T00:00:00Z"))]
    #[case::rests_beyond_its_period(
        SubscriptionState::Paused,
        Some("2026-06-01T00:00:00Z"),
        Some("2026-06-01T00:00:00Z")
    )]
    #[case::rests_within_its_period(
        SubscriptionState::Paused,
        Some("2026-03-20T00:00:00Z"),
        Some("2026-03-31T00:00:00Z")
    )]
    #[case::rests_for_now(SubscriptionState::Paused, None, None)]
    #[case::waits_for_its_debt(SubscriptionState::Unpaid, None, None)]
    fn the_day_is_told_if_it_is_known(
        #[case] state: SubscriptionState,
        #[case] resumes_at: Option<&str>,
        #[case] expected: Option<&str>,
    ) {
        let begins = at("2026-02-28T00:00:00Z");
        let rests = state == SubscriptionState::Paused;
        let subscription = Subscription {
            state,
            current_period: Some(Period::new(begins, at("2026-03-31T00:00:00Z")).unwrap()),
            pause: rests.then(|| Pause { since: begins, resumes_at: resumes_at.map(at) }),
            ..given::subscription()
        };
        assert_eq!(next_cycle_at(&subscription), expected.map(at));
    }
}
