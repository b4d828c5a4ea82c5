//! What a customer may see just now, and why: the question a portal asks at every lesson.
//!
//! Decided from what the customer subscribed to and what they bought once, never stored.
//! Entitlements are words of the portal's own; nothing here knows what they open.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Access, Subscription, SubscriptionState};
use crate::domain::{
    calendar::Period,
    ids::{Id, kind},
    invoice::{Invoice, InvoiceState},
    payment::Payment,
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

/// One invoice of the customer that opens something by itself, and what was paid for it.
#[derive(Debug, Clone, Copy)]
pub struct Bought<'a> {
    /// The invoice.
    pub invoice: &'a Invoice,
    /// Its payment; none if it cost nothing.
    pub payment: Option<&'a Payment>,
}

impl Bought<'_> {
    /// Whether all that was paid went back, or is on its way. A part of it takes nothing back.
    fn is_given_back(&self) -> bool {
        self.payment.is_some_and(|payment| payment.refunded == payment.amount)
    }
}

/// Why access is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It is paid.
    Paid,
    /// It was bought once.
    Purchased,
    /// It is in its free trial.
    Trial,
    /// An invoice is overdue, and dunning leaves access open for now.
    OverdueGrace,
    /// An invoice is overdue, and dunning has closed access.
    OverdueClosed,
    /// It is paused, and what was paid for has run out.
    Paused,
    /// The first payment, or that of what was bought, has not come yet.
    AwaitingPayment,
    /// It is over, or all that was paid for it went back.
    Ended,
    /// There never was anything that opens it.
    NeverSubscribed,
}

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A subscription.
    Subscription(Id<kind::Subscription>),
    /// An invoice for something that is sold once.
    Invoice(Id<kind::Invoice>),
}

/// What a customer may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessReport {
    /// How much of what was asked for.
    pub access: Access,
    /// Why.
    pub reason: Reason,
    /// Until when it is sure to last; none while nothing is open, for what was bought for good, and
    /// when that cannot be told.
    pub until: Option<DateTime<Utc>>,
    /// What decided.
    pub source: Option<Source>,
    /// All that is open to the customer, whatever was asked for, in alphabetical order.
    pub entitlements: BTreeSet<String>,
}

/// What `held` and `bought` open at `now`: of `wanted` if that is said, else of anything. What opens
/// most decides, and of two alike what lasts longer.
pub fn check(
    held: &[Held<'_>],
    bought: &[Bought<'_>],
    wanted: Option<&str>,
    now: DateTime<Utc>,
) -> AccessReport {
    let held = held.iter().map(|held| {
        let source = Source::Subscription(held.subscription.id);
        (source, Opening::of(held, now), held.entitlements)
    });
    let bought = bought.iter().filter_map(|bought| {
        let source = Source::Invoice(bought.invoice.id);
        Some((source, Opening::of_bought(bought)?, bought.invoice.entitlements.as_slice()))
    });
    let openings: Vec<_> = held.chain(bought).collect();
    let entitlements = openings
        .iter()
        .filter(|(_, opening, _)| opening.access != Access::None)
        .flat_map(|(_, _, entitlements)| entitlements.iter().cloned())
        .collect();
    let best = openings
        .iter()
        .filter(|(_, _, entitlements)| wanted.is_none_or(|w| entitlements.iter().any(|e| e == w)))
        .max_by_key(|(source, opening, _)| (opening.rank(), *source));
    let (opening, source) = match best {
        Some((source, opening, _)) => (*opening, Some(*source)),
        None => (Opening::closed(Reason::NeverSubscribed), None),
    };
    let Opening { access, reason, until } = opening;
    AccessReport { access, reason, until, source, entitlements }
}

/// What one subscription or purchase opens.
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
                    (Some(end), _) => match subscription.access {
                        Access::Full => Self::full(Reason::Paid, Some(end)),
                        Access::Grace => Self {
                            access: Access::Grace,
                            reason: Reason::OverdueGrace,
                            until: held.next_step_at.into_iter().chain([end]).min(),
                        },
                        Access::None => Self::closed(Reason::OverdueClosed),
                    },
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

    /// What was bought stays open for good, once it is paid. What is not owed any more, and was never
    /// paid, is as if it had never been asked for.
    fn of_bought(bought: &Bought<'_>) -> Option<Self> {
        match bought.invoice.state {
            InvoiceState::Paid if bought.is_given_back() => Some(Self::closed(Reason::Ended)),
            InvoiceState::Paid => Some(Self::full(Reason::Purchased, None)),
            InvoiceState::Open => Some(Self::closed(Reason::AwaitingPayment)),
            InvoiceState::Void | InvoiceState::Uncollectible => None,
        }
    }

    const fn full(reason: Reason, until: Option<DateTime<Utc>>) -> Self {
        Self { access: Access::Full, reason, until }
    }

    const fn closed(reason: Reason) -> Self {
        Self { access: Access::None, reason, until: None }
    }

    /// Orders by how much is open, then by how long, then by how much the customer can do about it.
    fn rank(&self) -> (u8, bool, Option<DateTime<Utc>>, u8) {
        let access = match self.access {
            Access::Full => 2,
            Access::Grace => 1,
            Access::None => 0,
        };
        let remedy = match self.reason {
            Reason::Paid | Reason::Purchased | Reason::Trial | Reason::OverdueGrace => 5,
            Reason::OverdueClosed => 4,
            Reason::AwaitingPayment => 3,
            Reason::Paused => 2,
            Reason::Ended => 1,
            Reason::NeverSubscribed => 0,
        };
        (access, self.reason == Reason::Purchased, self.until, remedy)
    }
}
