//! What a gateway can do, as data: the engine, the adapters' contract test and the simulator go by it, and
//! never by a gateway's name.
//!
//! Says nothing of any one gateway; each adapter has its own `CAPABILITIES`.

use std::time::Duration;

use chrono::TimeDelta;
use serde::Serialize;

use crate::domain::payment::probe::ABSENCE_PROVES_AFTER;

/// What a gateway can do, as data (RULES PRB-3). Where a gateway does not say, the most
/// pessimistic value stands.
///
/// Of the rule's list, `key_ttl` and `caches_5xx` are told by the kind of [`Idempotency`]. Our reference is the key,
/// so that `lookup_by_key` is [`Lookup::ByReference`]. `caches_4xx` would decide nothing: what was refused before it
/// was tried is closed, and the next attempt has a key of its own.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent fact about a gateway")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// What a second sending of one order does.
    pub idempotency: Idempotency,
    /// How a charge can be found again.
    pub lookup: Lookup,
    /// How long after a call the order may still come to be carried out.
    pub max_latency: Duration,
    /// Whether the answer to a charge may come later than the call (bank debits, mandates).
    pub answers_later: bool,
    /// Whether a charge once declined or expired may still succeed.
    pub late_success: bool,
    /// Whether webhooks tell of declines, not of successes alone.
    pub webhooks_cover_declines: bool,
    /// Whether an open charge can be cancelled.
    pub can_cancel: bool,
    /// Whether it lists what it took.
    pub has_statement: bool,
    /// Whether a part of a charge can go back, not the whole alone.
    pub partial_refunds: bool,
    /// Whether [`Gateway::setup`](super::Gateway::setup) works. Where nothing can be stored, there is
    /// nothing to charge: each cycle is asked for with a link to the pay page.
    pub hosted_setup: bool,
    /// Whether [`Gateway::checkout`](super::Gateway::checkout) works.
    pub hosted_checkout: bool,
}

impl Capabilities {
    /// How long after the last sending a "not found" counts as proof that nothing was carried out (RULES §3): when
    /// what was sent has arrived, and the index shows it, but never sooner than in a day. None, where a charge whose
    /// answer was lost cannot be looked for.
    pub fn absence_proves_after(&self) -> Option<TimeDelta> {
        let lag = match self.lookup {
            Lookup::ByReference => Duration::ZERO,
            Lookup::ByReferenceEventually { lag } => lag,
            Lookup::ById | Lookup::None => return None,
        };
        let shown = TimeDelta::from_std(self.max_latency + lag).ok()?;
        Some(shown.max(ABSENCE_PROVES_AFTER))
    }

    /// Whether a look-up that sees nothing of a refund first sent `age` ago proves that there is none: it was last sent
    /// while [`Idempotency::resend_is_safe`], and that is long enough ago.
    pub fn absence_of_refund_proves(&self, age: Duration) -> bool {
        let after = self.absence_proves_after().unwrap_or(ABSENCE_PROVES_AFTER);
        let since = age.checked_sub(after.to_std().unwrap_or_default());
        since.is_some_and(|since| !self.idempotency.resend_is_safe(since))
    }
}

/// What a second sending of one order does: the six kinds that gateways have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Idempotency {
    /// The first answer is kept for `ttl` and told again, errors included (Stripe).
    FrozenReplay {
        /// How long a key lives.
        ttl: Duration,
    },
    /// The key names one charge for `ttl`; a repeat tells its latest state (PayPal, Square).
    LatestState {
        /// How long a key lives.
        ttl: Duration,
    },
    /// We name the charge in its address, so that a repeat is the same charge (Mastercard).
    ClientNamed,
    /// A second charge with our reference is refused, without telling how the first ended
    /// (Razorpay's receipt, PayPal's invoice id).
    UniqueReference,
    /// A charge that looks the same is refused for a while (Authorize.Net).
    DuplicateWindow {
        /// For how long.
        window: Duration,
    },
    /// A second sending is a second charge.
    None,
}

impl Idempotency {
    /// Whether an order first sent `age` ago may be sent again under its own key without fear of a
    /// second charge: within 80 % of the key's life (RULES PRB-2).
    pub fn resend_is_safe(self, age: Duration) -> bool {
        match self {
            Self::FrozenReplay { ttl } | Self::LatestState { ttl } => age < ttl * 4 / 5,
            Self::ClientNamed => true,
            Self::UniqueReference | Self::DuplicateWindow { .. } | Self::None => false,
        }
    }
}

/// How a charge can be found again when its answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Lookup {
    /// By our own reference; what is not found is not there.
    ByReference,
    /// By our own reference, but the index lags: "not found" proves nothing for this long.
    ByReferenceEventually {
        /// How far behind the index may be.
        lag: Duration,
    },
    /// Only by the gateway's reference, which a lost answer never told us.
    ById,
    /// Not at all.
    None,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SIX_HOURS: Duration = Duration::from_hours(6);

    #[rstest]
    #[case(Idempotency::FrozenReplay { ttl: SIX_HOURS }, true, false)]
    #[case(Idempotency::LatestState { ttl: SIX_HOURS }, true, false)]
    #[case(Idempotency::ClientNamed, true, true)]
    #[case(Idempotency::UniqueReference, false, false)]
    #[case(Idempotency::DuplicateWindow { window: SIX_HOURS }, false, false)]
    #[case(Idempotency::None, false, false)]
    fn a_key_is_trusted_for_four_fifths_of_its_life(
        #[case] idempotency: Idempotency,
        #[case] before: bool,
        #[case] after: bool,
    ) {
        assert_eq!(idempotency.resend_is_safe(Duration::from_mins(287)), before);
        assert_eq!(idempotency.resend_is_safe(Duration::from_mins(288)), after);
    }

    #[rstest]
    #[case(Idempotency::FrozenReplay { ttl: SIX_HOURS }, false, true)]
    #[case(Idempotency::ClientNamed, false, false)]
    #[case(Idempotency::None, true, true)]
    fn an_absence_proves_something_a_day_after_the_last_time_that_it_may_have_been_sent(
        #[case] idempotency: Idempotency,
        #[case] before: bool,
        #[case] after: bool,
    ) {
        let proved = Duration::from_mins(24 * 60 + 288);
        let [less_than_a_day, nearly] = [24 * 60 - 1, 24 * 60 + 287].map(Duration::from_mins);
        let gateway = Capabilities { idempotency, ..crate::gateway::stripe::CAPABILITIES };
        assert!(!gateway.absence_of_refund_proves(less_than_a_day));
        assert_eq!(gateway.absence_of_refund_proves(nearly), before);
        assert_eq!(gateway.absence_of_refund_proves(proved), after);
    }

    #[rstest]
    #[case::in_a_day_at_the_soonest(Lookup::ByReference, 1, Some(24))]
    #[case::when_all_has_arrived(Lookup::ByReference, 30, Some(30))]
    #[case::when_the_index_shows_it(Lookup::ByReferenceEventually { lag: SIX_HOURS }, 20, Some(26))]
    #[case::not_by_what_was_never_told(Lookup::ById, 1, None)]
    #[case::not_where_nothing_can_be_asked(Lookup::None, 1, None)]
    fn an_absence_proves_something_when_all_could_be_seen(
        #[case] lookup: Lookup,
        #[case] latency_hours: u64,
        #[case] after_hours: Option<i64>,
    ) {
        let max_latency = Duration::from_hours(latency_hours);
        let gateway = Capabilities { lookup, max_latency, ..crate::gateway::stripe::CAPABILITIES };
        assert_eq!(gateway.absence_proves_after(), after_hours.map(TimeDelta::hours));
    }
}
