//! The port to payment gateways: what Rondo asks of one, what one can do, and what it may answer.
//!
//! An adapter translates; it never decides. Whether to send again, look up or wait is decided by
//! the domain from [`Capabilities`] and the answer (RULES §3).

pub mod http;
pub mod limiter;
pub mod sandbox;
pub mod stripe;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::{
    ids::{Id, kind},
    money::Money,
};

/// A payment gateway's account, ready to be called.
#[async_trait]
pub trait Gateway: Send + Sync + fmt::Debug {
    /// What this gateway can do. The engine adapts to it and never to a gateway's name.
    fn capabilities(&self) -> &Capabilities;

    /// Charges a stored method without the customer present. The order's key was stored before.
    async fn charge(&self, order: &ChargeOrder) -> Result<Outcome, GatewayError>;

    /// Opens a page on which the customer, present, pays one order with a card of their choice.
    async fn checkout(&self, order: &CheckoutOrder) -> Result<HostedPage, GatewayError>;

    /// Looks for a charge by what we know of it, without ever making one.
    async fn find_charge(&self, trace: &ChargeTrace) -> Result<Sighting, GatewayError>;

    /// Sends money of a charge back, in full or in part.
    async fn refund(&self, order: &RefundOrder) -> Result<RefundOutcome, GatewayError>;

    /// Looks for a refund by what we know of it, without ever making one.
    async fn find_refund(&self, order: &RefundOrder) -> Result<RefundSighting, GatewayError>;

    /// Opens a page on which the customer stores a method, without a payment.
    async fn setup(&self, order: &SetupOrder) -> Result<HostedPage, GatewayError>;

    /// What became of a page that [`Gateway::setup`] opened. Never trust the customer's return.
    async fn find_setup(&self, reference: &str) -> Result<SetupState, GatewayError>;

    /// Verifies a webhook over its raw bytes and tells what it says (RULES §4). Asynchronous,
    /// because some gateways want to be asked whether a delivery is theirs.
    async fn parse_webhook(
        &self,
        delivery: &Delivery,
        now: DateTime<Utc>,
    ) -> Result<WebhookNews, WebhookError>;
}

/// What a gateway can do, as data (RULES PRB-3). Where a gateway does not say, the most
/// pessimistic value stands.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent fact about a gateway")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// How a renewal is collected.
    pub off_session: OffSession,
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
    /// The longest that a charge call is known to take.
    pub max_latency: Duration,
    /// A charge must be ordered this long before it is due (mandates with a pre-debit notice).
    pub lead_time: Duration,
    /// How money goes back.
    pub refunds: Refunds,
    /// Whether [`Gateway::setup`] works.
    pub hosted_setup: bool,
    /// Whether [`Gateway::checkout`] works.
    pub hosted_checkout: bool,
    /// The longest own reference that the gateway keeps, in characters.
    pub reference_max_len: usize,
}

/// How a renewal is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum OffSession {
    /// The stored method is charged.
    Charge,
    /// The customer is sent a link each time.
    LinkPerCycle,
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

/// How money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Refunds {
    /// Whether a part can be refunded.
    pub partial: bool,
    /// Whether it takes a settled charge; before that, only a full void works.
    pub after_settlement_only: bool,
}

/// One charge, complete. Everything in it was committed before the first byte leaves (RULES CHG-2).
#[derive(Debug, Clone)]
pub struct ChargeOrder {
    /// The attempt: our reference, and (as text) the idempotency key, the same for every resend.
    pub attempt: Id<kind::Attempt>,
    /// The invoice, for the gateway's records.
    pub invoice: Id<kind::Invoice>,
    /// What to take.
    pub amount: Money,
    /// The gateway's token of the stored method.
    pub method_token: String,
    /// The gateway's reference of the customer, where it has one.
    pub customer_reference: Option<String>,
    /// Who set it off.
    pub initiator: Initiator,
    /// The network's id of the first, authenticated payment, where known (RULES MIT-1).
    pub original_transaction: Option<String>,
    /// What stands on the statement: no personal data.
    pub description: String,
}

/// One payment that the customer makes on the gateway's own page.
#[derive(Debug, Clone)]
pub struct CheckoutOrder {
    /// The attempt: our reference and idempotency key.
    pub attempt: Id<kind::Attempt>,
    /// The invoice, for the gateway's records.
    pub invoice: Id<kind::Invoice>,
    /// What to take.
    pub amount: Money,
    /// The gateway's reference of the customer, where it has one.
    pub customer_reference: Option<String>,
    /// Whether the card is to be stored for later payments; the customer ticked it.
    pub store_method: bool,
    /// What is paid for.
    pub description: String,
    /// Where the customer comes back to.
    pub return_url: String,
}

/// A request to store a method.
#[derive(Debug, Clone)]
pub struct SetupOrder {
    /// Our reference and idempotency key.
    pub reference: String,
    /// Whose it will be.
    pub customer: Id<kind::Customer>,
    /// The gateway's reference of the customer, where it has one.
    pub customer_reference: Option<String>,
    /// Where the customer comes back to.
    pub return_url: String,
}

/// A page of the gateway's to send the customer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedPage {
    /// The gateway's reference of what happens there.
    pub reference: String,
    /// The address.
    pub url: String,
}

/// What we know of a charge that we look for.
#[derive(Debug, Clone)]
pub struct ChargeTrace {
    /// Our reference.
    pub attempt: Id<kind::Attempt>,
    /// The gateway's reference, if an answer or a webhook told it.
    pub reference: Option<String>,
    /// The gateway's reference of the customer, where it has one.
    pub customer_reference: Option<String>,
    /// When it was first sent; some look-ups go by time.
    pub first_sent_at: DateTime<Utc>,
}

/// What a look-up saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// The charge is there and stands so.
    Found(Outcome),
    /// No such charge, as far as the gateway's index reaches.
    NotFound,
}

/// A refund order.
#[derive(Debug, Clone)]
pub struct RefundOrder {
    /// The refund: our reference and idempotency key.
    pub refund: Id<kind::Refund>,
    /// The gateway's reference of the charge.
    pub charge_reference: String,
    /// How much goes back.
    pub amount: Money,
}

/// How a refund stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundOutcome {
    /// On its way back.
    Refunded {
        /// The gateway's reference.
        reference: String,
    },
    /// Accepted; the answer comes later.
    Pending {
        /// The gateway's reference.
        reference: String,
    },
    /// Refused, in the gateway's words.
    Failed {
        /// Why.
        reason: String,
    },
}

/// What a look-up of a refund saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundSighting {
    /// The refund is there and stands so.
    Found(RefundOutcome),
    /// No such refund.
    NotFound,
}

/// What became of a set-up page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupState {
    /// The customer is not done.
    Open,
    /// A method was stored.
    Stored(StoredMethod),
    /// The page expired, or the bank refused.
    Failed,
}

pub use crate::domain::payment::{
    attempt::Initiator,
    method::{Expiry, StoredMethod},
    outcome::{Outcome, Paid},
};

/// A webhook as it came.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
}

impl Delivery {
    /// The first header of this name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What a verified webhook says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookNews {
    /// The gateway's id of the event, or the body's SHA-256 where it has none (RULES WIN-3).
    pub event_id: String,
    /// What happened. Empty: nothing that concerns us, stored all the same.
    pub news: Vec<News>,
    /// What the gateway wants to read in the reply; most want nothing.
    pub reply_body: Option<String>,
}

/// One piece of news from a webhook. It is a hint: what moves money is checked by a look-up where
/// the webhook cannot be ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// A charge stands so.
    Charge {
        /// The attempt, if the gateway echoes our reference.
        attempt: Option<Id<kind::Attempt>>,
        /// The gateway's reference.
        reference: String,
        /// How it stands.
        outcome: Outcome,
    },
    /// A refund stands so.
    Refund {
        /// Our refund, if the gateway echoes our reference.
        refund: Option<Id<kind::Refund>>,
        /// How it stands.
        outcome: RefundOutcome,
    },
    /// A set-up page was finished.
    Setup {
        /// The gateway's reference.
        reference: String,
    },
    /// The card behind a token changed (new expiry or number).
    MethodUpdated(StoredMethod),
}

/// Why a webhook is not believed.
#[derive(Debug, Error)]
pub enum WebhookError {
    /// The signature is missing, wrong or too old: answer 401, keep nothing.
    #[error("the webhook's signature does not verify")]
    Signature,
    /// Signed, but not readable as this gateway's event.
    #[error("the webhook cannot be read: {0}")]
    Unreadable(String),
    /// The gateway could not be asked whether it is genuine.
    #[error("the webhook could not be verified just now")]
    Unverifiable(#[source] GatewayError),
}

/// Why there is no answer. By what the caller can do about it.
#[derive(Debug, Error)]
pub enum GatewayError {
    /// No byte left: name, connect or TLS failed. The same key may be sent again.
    #[error("the call never left")]
    NotSent(#[source] reqwest::Error),
    /// The gateway asks to slow down and did nothing. The same key may be sent again.
    #[error("the gateway asks to slow down")]
    RateLimited {
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// Refused before execution: our order was wrong. Sending it again is no use.
    #[error("the gateway refused the order before trying it: {reason}")]
    Rejected {
        /// The gateway's words, free of secrets.
        reason: String,
    },
    /// Our credentials were refused.
    #[error("the gateway refused our credentials")]
    Unauthorised,
    /// Timed out after sending, reset, 5xx, or unreadable: the charge may exist.
    #[error("no usable answer; the charge may exist")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// This gateway cannot do that at all; see its [`Capabilities`].
    #[error("this gateway cannot {0}")]
    Unsupported(&'static str),
}

/// What to do about a [`GatewayError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing happened: send the same key again, later.
    SendSameKeyAgain,
    /// Something may have happened: look it up.
    ResolveFirst,
    /// Nothing happened and nothing will until staff acts.
    TellStaff,
}

impl GatewayError {
    /// What to do next.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::NotSent(_) | Self::RateLimited { .. } => Remedy::SendSameKeyAgain,
            Self::Unknown(_) => Remedy::ResolveFirst,
            Self::Rejected { .. } | Self::Unauthorised | Self::Unsupported(_) => Remedy::TellStaff,
        }
    }
}

/// How to reach one account at one gateway: from the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// Which adapter speaks to it.
    pub kind: GatewayKind,
    /// Where it is; the adapter's public address if absent.
    pub base_url: Option<String>,
    /// The secret key.
    pub secret_key: SecretString,
    /// The secrets that its webhooks may be signed with; two during a rotation.
    #[serde(default)]
    pub webhook_secrets: Vec<SecretString>,
    /// Calls a second that the account allows.
    #[serde(default = "AccountConfig::default_rate")]
    pub calls_per_second: u32,
    /// Calls that may be open at once.
    #[serde(default = "AccountConfig::default_concurrency")]
    pub calls_in_flight: u32,
}

impl AccountConfig {
    const fn default_rate() -> u32 {
        20
    }

    const fn default_concurrency() -> u32 {
        16
    }
}

/// The adapters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayKind {
    /// Rondo's own gateway that lies like real ones do.
    Sandbox,
    /// Stripe's payment intents.
    Stripe,
}

/// The gateway behind the account called `name`, over the shared `client` (see [`http::client`]).
pub fn connect(
    name: &str,
    account: &AccountConfig,
    client: reqwest::Client,
) -> Result<Arc<dyn Gateway>, GatewayError> {
    let channel = http::Channel::new(client.clone(), limiter::Limiter::from(account));
    match account.kind {
        GatewayKind::Sandbox => {
            let sandbox =
                sandbox::Sandbox::new(account, channel).ok_or_else(|| GatewayError::Rejected {
                    reason: format!("the account {name} is a sandbox and needs a base_url"),
                })?;
            Ok(Arc::new(sandbox))
        }
        GatewayKind::Stripe => Ok(Arc::new(stripe::Stripe::new(client, account)?)),
    }
}
