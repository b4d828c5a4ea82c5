//! The port to payment gateways: what Rondo asks of one, what one can do, and what it may answer.
//!
//! An adapter translates; it never decides. Whether to send again, look up or wait is decided by
//! the domain from [`Capabilities`] and the answer (RULES §3).

mod account;
mod answer;
mod capabilities;
pub mod http;
pub mod limiter;
mod order;
pub mod sandbox;
pub mod stripe;
mod webhook;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

pub use account::{AccountConfig, GatewayKind};
pub use answer::{
    GatewayError, HostedPage, RefundOutcome, RefundSighting, Remedy, Returns, SetupState, Sighting,
    Statement,
};
pub use capabilities::{Capabilities, Idempotency, Lookup};
pub use order::{ChargeOrder, ChargeTrace, CheckoutOrder, RefundOrder, SetupOrder};
pub use webhook::{Delivery, News, WebhookError, WebhookNews};

pub use crate::domain::payment::{
    attempt::Initiator,
    method::{Expiry, StoredMethod},
    outcome::{Outcome, Paid},
    reconcile::Taking,
    refund::{RefundState, ToldRefund},
    reversal::{Reversal, ReversalState},
};

/// A payment gateway's account, ready to be called.
#[async_trait]
pub trait Gateway: Send + Sync + fmt::Debug {
    /// What this gateway can do. The engine adapts to it and never to a gateway's name.
    fn capabilities(&self) -> &Capabilities;

    /// How the references of charges begin that this gateway tells, where it has several kinds: what a person
    /// has read there must be one by which later news finds the charge.
    fn charge_prefix(&self) -> &'static str {
        ""
    }

    /// Whether what is charged here is real money, and not a test.
    fn moves_real_money(&self) -> bool;

    /// Charges a stored method without the customer present. The order's key was stored before.
    async fn charge(&self, order: &ChargeOrder) -> Result<Outcome, GatewayError>;

    /// Opens a page on which the customer, present, pays one order with a card of their choice.
    async fn checkout(&self, order: &CheckoutOrder) -> Result<HostedPage, GatewayError>;

    /// Looks for a charge by what we know of it, without ever making one.
    async fn find_charge(&self, trace: &ChargeTrace) -> Result<Sighting, GatewayError>;

    /// Ends a charge that waits for the customer, so that no money can come of it any more, and tells
    /// how it stands then: it may have been paid a moment before. For gateways that
    /// [can](Capabilities::can_cancel).
    async fn cancel_charge(&self, trace: &ChargeTrace) -> Result<Sighting, GatewayError>;

    /// One page of the gateway's own list of what it took for charges begun since `since`; the first
    /// one, or the one after. For gateways that [have](Capabilities::has_statement) one.
    async fn statement(
        &self,
        since: DateTime<Utc>,
        after: Option<&str>,
    ) -> Result<Statement, GatewayError>;

    /// One page of what went back of charges: refunds, whoever ordered them, and what banks and card
    /// schemes took back; all of it that may have changed since `since`. For gateways that
    /// [have](Capabilities::has_statement) a list.
    async fn returns(
        &self,
        since: DateTime<Utc>,
        after: Option<&str>,
    ) -> Result<Returns, GatewayError>;

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

/// The gateway behind the account called `name`, over the shared `client` (see [`http::client`]). No call takes
/// longer than `patience`.
pub fn connect(
    name: &str,
    account: &AccountConfig,
    client: reqwest::Client,
    patience: Duration,
) -> Result<Arc<dyn Gateway>, GatewayError> {
    let channel = http::Channel::new(client, limiter::Limiter::from(account), patience);
    match account.kind {
        GatewayKind::Sandbox => {
            let sandbox =
                sandbox::Sandbox::new(account, channel).ok_or_else(|| GatewayError::Rejected {
                    reason: format!("the account {name} is a sandbox and needs a base_url"),
                })?;
            Ok(Arc::new(sandbox))
        }
        GatewayKind::Stripe => Ok(Arc::new(stripe::Stripe::new(account, channel)?)),
    }
}
