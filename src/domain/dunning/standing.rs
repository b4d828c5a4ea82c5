//! What may still be done by itself with one card for one invoice. It remembers the card's declines;
//! the network's own counters are the history's business.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::payment::{
    attempt::{Attempt, Initiator},
    decline::{Decline, DeclineClass, Remedy, StopScope},
    rules::Rules,
};

/// A method that must not be charged by itself, and how far that reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bar {
    /// The class that barred it.
    pub class: DeclineClass,
    /// How far it reaches.
    pub reach: Reach,
}

/// How far a bar reaches. Ordered by reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// This invoice.
    ThisInvoice,
    /// Everything under the agreement, until there is a new consent.
    Agreement,
    /// Everything on the method, until it is replaced or its data changed.
    Credential,
}

/// One card's record for one invoice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::domain) struct Standing {
    /// What its last decline meant.
    class: Option<DeclineClass>,
    bar: Option<Bar>,
    /// No attempt before this instant, whoever asks for it.
    wait_until: Option<DateTime<Utc>>,
    /// Automatic retries that left.
    retries: u32,
    /// Automatic retries that may still leave; none is as many as the ladder has.
    allowance: Option<u32>,
}

impl Standing {
    /// The record of a card after these attempts on it for one invoice, oldest first. A refusal that money
    /// followed was not the issuer's last word.
    pub(in crate::domain) fn after<'a>(
        attempts: impl IntoIterator<Item = &'a Attempt>,
        rules: &Rules,
    ) -> Self {
        let counts = |attempt: &&Attempt| attempt.counts_as_try() && !attempt.state.took_money();
        let mut standing = Self::default();
        for (earlier, attempt) in attempts.into_iter().filter(counts).enumerate() {
            if earlier > 0 && attempt.initiator == Initiator::Merchant {
                standing.retried();
            }
            if let (Some(at), Some(decline)) = (attempt.settled_at, &attempt.decline) {
                standing.declined(decline, rules.remedy(decline.class), at);
            }
        }
        standing
    }

    /// Learns of a decline at `now`. What an earlier decline forbade stays forbidden.
    pub(super) fn declined(&mut self, decline: &Decline, remedy: Remedy, now: DateTime<Utc>) {
        self.class = Some(decline.class);
        if let Some(hours) = decline.wait_hours {
            self.wait_at_least(now, hours);
        }
        if let Some(max) = decline.max_retries {
            self.allow_at_most(max.saturating_sub(self.retries));
        }
        let reach = match remedy {
            Remedy::NeverOnThisMethod | Remedy::AfterDataChanged => Some(Reach::Credential),
            Remedy::StopMandate => Some(match decline.stops {
                Some(StopScope::ThisPayment) => Reach::ThisInvoice,
                Some(StopScope::Agreement) | None => Reach::Agreement,
            }),
            Remedy::AuthenticateLink => Some(Reach::ThisInvoice),
            Remedy::OneRetryAfter { hours } => {
                self.allow_at_most(1);
                self.wait_at_least(now, hours);
                None
            }
            Remedy::StaffMustMend | Remedy::FollowSchedule | Remedy::Technical { .. } => None,
        };
        if let Some(reach) = reach {
            self.barred(decline.class, reach);
        }
    }

    /// Forbids every automatic attempt.
    pub(super) const fn barred(&mut self, class: DeclineClass, reach: Reach) {
        self.bar = Some(Bar { class, reach });
    }

    /// An automatic retry leaves.
    pub(super) fn retried(&mut self) {
        self.retries += 1;
        self.allowance = self.allowance.map(|left| left.saturating_sub(1));
    }

    /// An automatic retry that was ordered did not leave after all.
    pub(super) fn not_retried(&mut self) {
        self.retries = self.retries.saturating_sub(1);
        self.allowance = self.allowance.map(|left| left + 1);
    }

    pub(super) const fn bar(&self) -> Option<Bar> {
        self.bar
    }

    /// What bars it from this invoice alone: what reaches further stands in the method itself, until its data change.
    pub(in crate::domain) fn bar_from_invoice(&self) -> Option<Bar> {
        self.bar.filter(|bar| bar.reach == Reach::ThisInvoice)
    }

    pub(super) const fn class(&self) -> Option<DeclineClass> {
        self.class
    }

    pub(in crate::domain) const fn wait_until(&self) -> Option<DateTime<Utc>> {
        self.wait_until
    }

    /// Whether its declines allow no more automatic retries.
    pub(super) fn is_spent(&self) -> bool {
        self.allowance == Some(0)
    }

    fn allow_at_most(&mut self, retries: u32) {
        self.allowance = Some(self.allowance.map_or(retries, |left| left.min(retries)));
    }

    fn wait_at_least(&mut self, now: DateTime<Utc>, hours: u32) {
        self.wait_until = self.wait_until.max(Some(now + TimeDelta::hours(hours.into())));
    }
}
