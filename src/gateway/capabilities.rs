//! What a gateway can do, as data: the engine, the adapters' contract test and the simulator go by it, and
//! never by a gateway's name.
//!
//! Says nothing of any one gateway; each adapter has its own `CAPABILITIES`.

use std::time::Duration;

use serde::Serialize;

/// What a gateway can do, as data (RULES PRB-3). Where a gateway does not say, the most
/// pessimistic value stands.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent fact about a gateway")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// What a second sending of one order does.
    pub idempotency: Idempotency,
    /// How a charge can be found again.
    pub lookup: Lookup,
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
