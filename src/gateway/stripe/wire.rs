//! Stripe's JSON, as far as we read it. Nobody outside this adapter sees these shapes.
//!
//! Fields that Stripe may leave out, or that newer versions added, are options: a reply is only
//! unreadable when what decides is missing.

use std::collections::HashMap;

use serde::Deserialize;

/// What we attach to everything that we make, to know it again.
pub type Metadata = HashMap<String, String>;

/// The metadata key that holds the attempt's id.
pub const ATTEMPT: &str = "rondo_attempt";
/// The metadata key that holds the customer's id.
pub const CUSTOMER: &str = "rondo_customer";
/// The metadata key that holds the invoice's id.
pub const INVOICE: &str = "rondo_invoice";
/// The metadata key that holds the refund's id.
pub const REFUND: &str = "rondo_refund";
/// The metadata key that marks a payment as made on a page, where a refused card is not the end.
pub const PAGE: &str = "rondo_page";
/// The metadata value of [`PAGE`].
pub const CHECKOUT: &str = "checkout";

/// A reference that is an id, or the whole object where `expand` asked for it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Expandable<T> {
    Id(String),
    Object(Box<T>),
}

impl<T> Expandable<T> {
    pub fn object(&self) -> Option<&T> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

/// The only part of a customer that we want; a deleted one still has it.
#[derive(Debug, Clone, Deserialize)]
pub struct Identified {
    pub id: String,
}

impl Expandable<Identified> {
    pub fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Object(object) => &object.id,
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct PaymentIntent {
    pub id: String,
    pub amount: i64,
    pub amount_received: Option<i64>,
    pub currency: String,
    pub status: IntentStatus,
    pub livemode: Option<bool>,
    #[serde(default)]
    pub metadata: Metadata,
    pub latest_charge: Option<Expandable<Charge>>,
    pub payment_method: Option<Expandable<PaymentMethod>>,
    pub setup_future_usage: Option<String>,
    pub next_action: Option<NextAction>,
    pub last_payment_error: Option<ApiError>,
    pub cancellation_reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Canceled,
    Succeeded,
    /// A status newer than this adapter.
    #[serde(other)]
    Unheard,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Charge {
    pub amount_refunded: Option<i64>,
    pub payment_method_details: Option<ChargeMethod>,
    pub outcome: Option<ChargeOutcome>,
}

/// What the network said beside its answer.
#[derive(Debug, Clone, Deserialize)]
pub struct ChargeOutcome {
    pub network_advice_code: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ChargeMethod {
    pub card: Option<ChargeCard>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ChargeCard {
    pub network_transaction_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct NextAction {
    pub redirect_to_url: Option<Redirect>,
}

#[derive(Debug, Deserialize)]
pub struct Redirect {
    pub url: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct PaymentMethod {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub customer: Option<Expandable<Identified>>,
    pub card: Option<Card>,
    pub sepa_debit: Option<BankAccount>,
    pub us_bank_account: Option<BankAccount>,
    pub bacs_debit: Option<BankAccount>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Card {
    pub brand: String,
    pub last4: String,
    pub exp_month: u8,
    pub exp_year: u16,
    pub fingerprint: Option<String>,
    pub networks: Option<CardNetworks>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct CardNetworks {
    pub preferred: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct BankAccount {
    pub last4: Option<String>,
    pub fingerprint: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Session {
    pub id: String,
    pub url: Option<String>,
    pub mode: SessionMode,
    pub status: Option<SessionStatus>,
    pub livemode: Option<bool>,
    #[serde(default)]
    pub metadata: Metadata,
    pub customer: Option<Expandable<Identified>>,
    pub payment_intent: Option<Expandable<PaymentIntent>>,
    pub setup_intent: Option<Expandable<SetupIntent>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionMode {
    Payment,
    Setup,
    Subscription,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    Open,
    Complete,
    Expired,
}

#[derive(Debug, Clone, Deserialize)]
pub struct SetupIntent {
    pub status: String,
    pub payment_method: Option<Expandable<PaymentMethod>>,
}

#[derive(Debug, Deserialize)]
pub struct Refund {
    pub id: String,
    pub status: Option<String>,
    pub failure_reason: Option<String>,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub payment_intent: Option<Expandable<Identified>>,
    #[serde(default)]
    pub metadata: Metadata,
}

#[derive(Debug, Deserialize)]
pub struct Dispute {
    pub id: String,
    pub amount: i64,
    pub currency: String,
    pub payment_intent: Option<Expandable<Identified>>,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub balance_transactions: Vec<Moved>,
    pub payment_method_details: Option<DisputedMethod>,
}

/// A movement of the account's balance.
#[derive(Debug, Deserialize)]
pub struct Moved {
    pub amount: i64,
}

#[derive(Debug, Deserialize)]
pub struct DisputedMethod {
    pub card: Option<DisputedCard>,
}

#[derive(Debug, Deserialize)]
pub struct DisputedCard {
    pub network_reason_code: Option<String>,
}

/// A charge whose refunds are told of: what matters is its payment.
#[derive(Debug, Deserialize)]
pub struct RefundedCharge {
    pub payment_intent: Option<Expandable<Identified>>,
}

/// One page of a list, newest first.
#[derive(Debug, Deserialize)]
pub struct List<T> {
    pub data: Vec<T>,
    pub has_more: bool,
}

#[derive(Debug, Deserialize)]
pub struct ErrorBody {
    pub error: ApiError,
}

/// Why Stripe said no. The same shape stands in an intent's `last_payment_error`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ApiError {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub code: Option<String>,
    pub decline_code: Option<String>,
    pub advice_code: Option<String>,
    pub network_decline_code: Option<String>,
    pub network_advice_code: Option<String>,
    pub message: Option<String>,
    pub param: Option<String>,
    pub payment_intent: Option<Expandable<Identified>>,
}

#[derive(Debug, Deserialize)]
pub struct Event {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub livemode: Option<bool>,
    pub data: EventData,
}

#[derive(Debug, Deserialize)]
pub struct EventData {
    pub object: serde_json::Value,
}
