//! The sandbox's JSON, as the adapter writes and reads it.

use serde::{Deserialize, Serialize};

use crate::domain::money::Currency;

#[derive(Debug, Serialize)]
pub(super) struct NewCharge<'a> {
    pub reference: &'a str,
    pub invoice: String,
    pub amount: i64,
    pub currency: Currency,
    pub method: &'a str,
    pub customer: Option<&'a str>,
    pub initiator: &'static str,
    pub original_transaction: Option<&'a str>,
    pub description: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct NewCheckout<'a> {
    pub reference: &'a str,
    pub invoice: String,
    pub amount: i64,
    pub currency: Currency,
    pub customer: Option<&'a str>,
    pub store_method: bool,
    pub description: &'a str,
    pub return_url: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct NewRefund<'a> {
    pub reference: &'a str,
    pub charge: &'a str,
    pub amount: i64,
    pub currency: Currency,
}

#[derive(Debug, Serialize)]
pub(super) struct NewSetup<'a> {
    pub reference: &'a str,
    pub customer: &'a str,
    pub return_url: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct Charge {
    pub id: String,
    pub reference: String,
    pub status: ChargeStatus,
    pub amount: i64,
    #[serde(default)]
    pub amount_refunded: i64,
    #[serde(default)]
    pub amount_reversed: i64,
    pub currency: Currency,
    pub decline: Option<Decline>,
    pub action_url: Option<String>,
    pub network_transaction: Option<String>,
    #[serde(default)]
    pub network_advice: Option<String>,
    pub method: Option<Method>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChargeStatus {
    Succeeded,
    Declined,
    Pending,
    ActionRequired,
    Canceled,
}

#[derive(Debug, Deserialize)]
pub(super) struct Decline {
    pub code: String,
    pub advice: Option<String>,
    pub response_code: String,
    pub network_advice: Option<String>,
    pub retry_after_hours: Option<u32>,
    pub message: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Method {
    pub token: String,
    pub customer: Option<String>,
    pub network: String,
    pub brand: String,
    pub last_four: String,
    pub exp_month: Option<u8>,
    pub exp_year: Option<u16>,
    pub fingerprint: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Refund {
    pub id: String,
    pub reference: String,
    pub status: RefundStatus,
    pub reason: Option<String>,
    #[serde(default)]
    pub charge: String,
    #[serde(default)]
    pub charge_reference: String,
    pub amount: Option<i64>,
    pub currency: Option<Currency>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reversal {
    pub id: String,
    pub charge: String,
    pub charge_reference: String,
    pub amount: i64,
    pub currency: Currency,
    pub status: ReversalStatus,
    pub reason: Decline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReversalStatus {
    TakenBack,
    Reinstated,
}

/// What went back of charges.
#[derive(Debug, Deserialize)]
pub(super) struct Returned {
    pub returns: Vec<Return>,
    pub next: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "object", rename_all = "snake_case")]
pub(super) enum Return {
    Refund(Refund),
    Reversal(Reversal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RefundStatus {
    Succeeded,
    Pending,
    Failed,
}

#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub id: String,
    pub url: String,
    pub purpose: Purpose,
    pub status: PageStatus,
    pub method: Option<Method>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    Setup,
    Checkout,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PageStatus {
    Open,
    Stored,
    Paid,
    Failed,
}

/// A stretch of all charges.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    pub charges: Vec<Charge>,
    pub has_more: bool,
}

/// What a look-up by reference tells.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    pub charges: Vec<Charge>,
    pub checkout: Option<Page>,
}

/// Why a call was refused.
#[derive(Debug, Deserialize)]
pub(super) struct Refused {
    pub error: RefusedWhy,
}

#[derive(Debug, Deserialize)]
pub(super) struct RefusedWhy {
    pub message: String,
}

/// A webhook's body.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub object: serde_json::Value,
}
