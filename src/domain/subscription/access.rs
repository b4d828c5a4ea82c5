//! What a customer may see just now, and why: the question a portal asks at every lesson.
//!
//! Decided from what the customer subscribed to, never stored. A plan's entitlements are words of
//! the portal's own; nothing here knows what they open.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Access, Subscription, SubscriptionState};
use crate::domain::{
    calendar::Period,
    ids::{Id, kind},
};

/// One subscription of the customer, and what decides about it.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    /// The subscription, running or over.
    pub subscription: &'a Subscription,
    /// What its terms open.
    pub entitlements: &'a [String],
    /// When dunning next decides about its overdue invoice, if one is overdue: until then it stays
    /// as it is.
    pub next_step_at: Option<DateTime<Utc>>,
}

/// Why access is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It is paid.
    Paid,
    /// It is in its free trial.
    Trial,
    /// An invoice is overdue, and dunning leaves access open for now.
    OverdueGrace,
    /// An invoice is overdue, and dunning has closed access.
    OverdueClosed,
    /// It is paused, and what was paid for has run out.
    Paused,
    /// The first payment has not come yet.
    AwaitingPayment,
    /// It is over.
    Ended,
    /// There never was a subscription that opens it.
    NeverSubscribed,
}

/// What a customer may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessReport {
    /// How much of what was asked for.
    pub access: Access,
    /// Why.
    pub reason: Reason,
    /// Until when it is sure to last; none while nothing is open, or when that cannot be told.
    pub until: Option<DateTime<Utc>>,
    /// The subscription that decided.
    pub subscription: Option<Id<kind::Subscription>>,
    /// All that is open to the customer, whatever was asked for, in alphabetical order.
    pub entitlements: BTreeSet<String>,
}

/// What `held` opens at `now`: of `wanted` if that is said, else of anything. The subscription that
/// opens most decides, and of two alike the one that lasts longer.
pub fn check(held: &[Held<'_>], wanted: Option<&str>, now: DateTime<Utc>) -> AccessReport {
    let openings: Vec<_> = held.iter().map(|held| (held, Opening::of(held, now))).collect();
    let entitlements = openings
        .iter()
        .filter(|(_, opening)| opening.access != Access::None)
        .flat_map(|(held, _)| held.entitlements.iter().cloned())
        .collect();
    let best = openings
        .iter()
        .filter(|(held, _)| wanted.is_none_or(|w| held.entitlements.iter().any(|e| e == w)))
        .max_by_key(|(held, opening)| (opening.rank(), held.subscription.id));
    let (opening, subscription) = match best {
        Some((held, opening)) => (*opening, Some(held.subscription.id)),
        None => (Opening::closed(Reason::NeverSubscribed), None),
    };
    AccessReport {
        access: opening.access,
        reason: opening.reason,
        until: opening.until,
        subscription,
        entitlements,
    }
}

/// What one subscription opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Opening {
    access: Access,
    reason: Reason,
    until: Option<DateTime<Utc>>,
}

impl Opening {
    fn of(held: &Held<'_>, now: DateTime<Utc>) -> Self {
        let subscription = held.subscription;
        let period_end = subscription.current_period.map(Period::end);
        let still_runs = |end: Option<DateTime<Utc>>| end.filter(|end| *end > now);
        let opening = match subscription.state {
            SubscriptionState::Trialing => Self::full(Reason::Trial, subscription.trial_end),
            SubscriptionState::Active => Self::full(Reason::Paid, period_end),
            SubscriptionState::PastDue => match subscription.access {
                Access::None => Self::closed(Reason::OverdueClosed),
                access @ (Access::Full | Access::Grace) => {
                    let (reason, until) = (Reason::OverdueGrace, held.next_step_at);
                    Self { access, reason, until }
                }
            },
            // What was paid for, or free, is used up first.
            SubscriptionState::Paused => {
                match (still_runs(period_end), still_runs(subscription.trial_end)) {
                    (Some(end), _) => Self::full(Reason::Paid, Some(end)),
                    (None, Some(end)) => Self::full(Reason::Trial, Some(end)),
                    (None, None) => Self::closed(Reason::Paused),
                }
            }
            SubscriptionState::Unpaid => Self::closed(Reason::OverdueClosed),
            SubscriptionState::Incomplete => Self::closed(Reason::AwaitingPayment),
            SubscriptionState::Canceled | SubscriptionState::Expired => Self::closed(Reason::Ended),
        };
        let ends_at = subscription.cancellation.as_ref().map(|planned| planned.ends_at);
        let earliest = [opening.until, ends_at].into_iter().flatten().min();
        // A time that has passed says only that the next decision is due.
        Self { until: still_runs(earliest).filter(|_| opening.access != Access::None), ..opening }
    }

    const fn full(reason: Reason, until: Option<DateTime<Utc>>) -> Self {
        Self { access: Access::Full, reason, until }
    }

    const fn closed(reason: Reason) -> Self {
        Self { access: Access::None, reason, until: None }
    }

    /// Orders by how much is open, then by how long, then by how much the customer can do about it.
    fn rank(&self) -> (u8, Option<DateTime<Utc>>, u8) {
        let access = match self.access {
            Access::Full => 2,
            Access::Grace => 1,
            Access::None => 0,
        };
        let remedy = match self.reason {
            Reason::Paid | Reason::Trial | Reason::OverdueGrace => 5,
            Reason::OverdueClosed => 4,
            Reason::AwaitingPayment => 3,
            Reason::Paused => 2,
            Reason::Ended => 1,
            Reason::NeverSubscribed => 0,
        };
        (access, self.until, remedy)
    }
}
