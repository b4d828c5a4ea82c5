//! What a customer may see just now, and why: the question a portal asks at every lesson.
//!
//! Reads only. What dunning leaves open is decided there and kept with the subscription.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{Act, Result, renew};
use crate::{
    domain::{
        calendar::Period,
        ids::{Id, kind},
        subscription::{Access, Subscription, SubscriptionState},
    },
    store::{Page, SubscriptionFilter},
};

/// Subscriptions that are read at once.
const PAGE: usize = 500;

/// What a customer may see just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessReport {
    /// The most that any subscription of theirs opens.
    pub access: Access,
    /// Why it is so.
    pub reason: Reason,
    /// Until when it lasts at least.
    pub until: Option<DateTime<Utc>>,
    /// All that is open to them, in the portal's own words.
    pub entitlements: BTreeSet<String>,
    /// The subscription that decided.
    pub subscription: Option<Id<kind::Subscription>>,
}

/// Why a customer may see what they may. Ordered from what says the least to what says the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// No subscription that they have or had opens it.
    NeverSubscribed,
    /// The subscription is over.
    Ended,
    /// It is paused, and what was paid for has run out.
    Paused,
    /// Its first payment has not come yet.
    AwaitingPayment,
    /// An invoice is overdue, and dunning has closed access.
    OverdueClosed,
    /// An invoice is overdue, and dunning leaves access open for now.
    OverdueGrace,
    /// It is in its free trial.
    Trial,
    /// It is paid.
    Paid,
}

/// What `customer` may see of what `entitlement` names, or of anything.
pub async fn check_access(
    act: &mut Act<'_>,
    customer: Id<kind::Customer>,
    entitlement: Option<&str>,
) -> Result<AccessReport> {
    let mut report = AccessReport {
        access: Access::None,
        reason: Reason::NeverSubscribed,
        until: None,
        entitlements: BTreeSet::new(),
        subscription: None,
    };
    let filter = SubscriptionFilter { customer: Some(customer), ..SubscriptionFilter::default() };
    let merchant = act.merchant_id();
    let mut after = None;
    loop {
        let page = Page { after, limit: PAGE };
        let subscriptions = act.repo.list_subscriptions(merchant, &filter, page).await?;
        let Some(last) = subscriptions.last() else { return Ok(report) };
        after = Some(last.id);
        let keys = subscriptions.iter().map(|s| (s.plan, s.plan_version)).collect();
        let terms = renew::terms_of(act.repo, act.merchant, keys).await?;
        let steps = next_steps(act, &subscriptions).await?;
        for subscription in &subscriptions {
            let opens = &terms[&(subscription.plan, subscription.plan_version)].entitlements;
            let next_step = steps.get(&subscription.id).copied();
            let opened = opened(subscription, next_step, act.now());
            if opened.access != Access::None {
                report.entitlements.extend(opens.iter().cloned());
            }
            let is_asked = entitlement.is_none_or(|wanted| opens.iter().any(|e| e == wanted));
            if is_asked && (opened.reason, opened.until) > (report.reason, report.until) {
                report.access = opened.access;
                report.reason = opened.reason;
                report.until = opened.until;
                report.subscription = Some(subscription.id);
            }
        }
    }
}

/// When the next dunning step of each subscription comes, the earliest of those with an open case.
async fn next_steps(
    act: &mut Act<'_>,
    subscriptions: &[Subscription],
) -> Result<BTreeMap<Id<kind::Subscription>, DateTime<Utc>>> {
    let overdue: Vec<_> = subscriptions
        .iter()
        .filter(|subscription| subscription.state == SubscriptionState::PastDue)
        .map(|subscription| subscription.id)
        .collect();
    let mut steps = BTreeMap::new();
    for open in renew::open_of_subscriptions(act.repo, act.merchant, &overdue).await? {
        let case = open.case.and_then(|case| Some((case.subscription?, case.due_at?)));
        if let Some((subscription, at)) = case {
            let earliest = steps.entry(subscription).or_insert(at);
            *earliest = at.min(*earliest);
        }
    }
    Ok(steps)
}

/// What one subscription opens.
#[derive(Debug, PartialEq, Eq)]
struct Opened {
    access: Access,
    reason: Reason,
    until: Option<DateTime<Utc>>,
}

fn opened(
    subscription: &Subscription,
    next_step: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Opened {
    let paid_until = subscription.current_period.map(Period::end);
    let full = |reason, until| Opened { access: Access::Full, reason, until };
    let closed = |reason| Opened { access: Access::None, reason, until: None };
    match subscription.state {
        SubscriptionState::Trialing => full(Reason::Trial, subscription.trial_end),
        SubscriptionState::Active => full(Reason::Paid, paid_until),
        SubscriptionState::PastDue => match subscription.access {
            access @ (Access::Full | Access::Grace) => {
                Opened { access, reason: Reason::OverdueGrace, until: next_step }
            }
            Access::None => closed(Reason::OverdueClosed),
        },
        SubscriptionState::Unpaid => closed(Reason::OverdueClosed),
        SubscriptionState::Paused => match (paid_until, subscription.trial_end) {
            (Some(end), _) if end > now => full(Reason::Paid, Some(end)),
            (None, Some(end)) if end > now => full(Reason::Trial, Some(end)),
            _ => closed(Reason::Paused),
        },
        SubscriptionState::Incomplete => closed(Reason::AwaitingPayment),
        SubscriptionState::Canceled | SubscriptionState::Expired => closed(Reason::Ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        calendar::{BillingAnchor, Zone},
        catalog::VersionNumber,
        money::Currency,
        version::Version,
    };

    fn at(text: &str) -> DateTime<Utc> {
        format!("{text}T00:00:00Z").parse().unwrap()
    }

    fn subscription(state: SubscriptionState, access: Access) -> Subscription {
        let uuid = uuid::Uuid::from_u128(7);
        Subscription {
            merchant: Id::from_uuid(uuid),
            id: Id::from_uuid(uuid),
            customer: Id::from_uuid(uuid),
            plan: Id::from_uuid(uuid),
            plan_version: VersionNumber::FIRST,
            currency: Currency::from_code("EUR").unwrap(),
            quantity: 1,
            state,
            anchor: BillingAnchor::at(at("2026-01-31"), Zone::UTC),
            next_cycle: 1,
            current_period: Some(Period::new(at("2026-01-31"), at("2026-02-28")).unwrap()),
            due_at: None,
            remind_at: None,
            trial_end: None,
            cancellation: None,
            scheduled_change: None,
            pause: None,
            payment_method: None,
            access,
            started_at: at("2026-01-31"),
            ended_at: None,
            version: Version::NEW,
        }
    }

    #[test]
    fn each_state_opens_what_its_row_says() {
        use SubscriptionState::{
            Active, Canceled, Expired, Incomplete, PastDue, Paused, Trialing, Unpaid,
        };
        let (paid_until, step) = (Some(at("2026-02-28")), Some(at("2026-02-14")));
        for (state, left, now, access, reason, until) in [
            (Trialing, Access::Full, "2026-02-10", Access::Full, Reason::Trial, None),
            (Active, Access::Full, "2026-02-10", Access::Full, Reason::Paid, paid_until),
            (PastDue, Access::Grace, "2026-02-10", Access::Grace, Reason::OverdueGrace, step),
            (PastDue, Access::Full, "2026-02-10", Access::Full, Reason::OverdueGrace, step),
            (PastDue, Access::None, "2026-02-10", Access::None, Reason::OverdueClosed, None),
            (Unpaid, Access::None, "2026-02-10", Access::None, Reason::OverdueClosed, None),
            (Paused, Access::Full, "2026-02-27", Access::Full, Reason::Paid, paid_until),
            (Paused, Access::Full, "2026-02-28", Access::None, Reason::Paused, None),
            (Incomplete, Access::None, "2026-02-10", Access::None, Reason::AwaitingPayment, None),
            (Canceled, Access::None, "2026-02-10", Access::None, Reason::Ended, None),
            (Expired, Access::None, "2026-02-10", Access::None, Reason::Ended, None),
        ] {
            let told = opened(&subscription(state, left), step, at(now));
            assert_eq!(told, Opened { access, reason, until }, "{state:?} {left:?} {now}");
        }
    }
}
