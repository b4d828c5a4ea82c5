//! The sandbox: Rondo's own payment provider, which lies like real ones do. This is its adapter;
//! [`server`] is the provider itself, and they share nothing but JSON over HTTP.
//!
//! - Cards and debits by stored token, off-session; hosted pages to store a card and to pay.
//! - A repeated key gets the first answer again for 24 hours, errors included. A key whose first
//!   call is still being answered gets 409: the charge may exist.
//! - One reference can have several charges: a customer who tries three cards on a checkout page
//!   leaves two declined ones and a paid one. The most conclusive one is the answer.
//! - Code 94, a duplicate, is no decline: an earlier charge exists, and only a look-up tells how it
//!   ended (RULES §1.1).
//! - A charge cancelled by staff and a page given up are told as declined.

pub mod server;
mod webhook;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use reqwest::{RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    AccountConfig, Capabilities, ChargeOrder, ChargeTrace, CheckoutOrder, Delivery, Gateway,
    GatewayError, HostedPage, Idempotency, Initiator, Lookup, News, Outcome, Paid, RefundOrder,
    RefundOutcome, RefundSighting, RefundState, Returns, Reversal, ReversalState, SetupOrder,
    SetupState, Sighting, Statement, StoredMethod, Taking, ToldRefund, WebhookError, WebhookNews,
    http::{Channel, NoAnswer, Reply, unknown},
};
use crate::domain::{
    money::Money,
    payment::{
        decline::{Decline, DeclineClass, Network},
        method::Expiry,
    },
};

/// What the sandbox can do.
pub const CAPABILITIES: Capabilities = Capabilities {
    idempotency: Idempotency::FrozenReplay { ttl: Duration::from_hours(24) },
    lookup: Lookup::ByReference,
    max_latency: Duration::from_hours(1),
    answers_later: true,
    late_success: true,
    webhooks_cover_declines: true,
    can_cancel: true,
    has_statement: true,
    partial_refunds: true,
    hosted_setup: true,
    hosted_checkout: true,
};

/// One account at a sandbox.
#[derive(Debug)]
pub struct Sandbox {
    channel: Channel,
    /// Without a slash at the end.
    base_url: String,
    secret_key: SecretString,
    webhook_secrets: Vec<SecretString>,
}

impl Sandbox {
    /// The account over this channel. A sandbox is nowhere by default: `None` without a base URL.
    pub fn new(account: &AccountConfig, channel: Channel) -> Option<Self> {
        let base_url = account.base_url.as_deref()?.trim_end_matches('/').to_owned();
        Some(Self {
            channel,
            base_url,
            secret_key: account.secret_key.clone(),
            webhook_secrets: account.webhook_secrets.clone(),
        })
    }

    async fn post<O: Serialize + Sync>(
        &self,
        path: &str,
        key: &str,
        order: &O,
    ) -> Result<Reply, GatewayError> {
        let request = self.channel.client().post(format!("{}{path}", self.base_url));
        self.send(request.header("idempotency-key", key).json(order)).await
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Reply, GatewayError> {
        let request = self.channel.client().get(format!("{}{path}", self.base_url));
        self.send(request.query(query)).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Reply, GatewayError> {
        self.channel.send(request.bearer_auth(self.secret_key.expose_secret())).await
    }
}

#[async_trait]
impl Gateway for Sandbox {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn charge_prefix(&self) -> &'static str {
        "ch_"
    }

    fn moves_real_money(&self) -> bool {
        false
    }

    async fn charge(&self, order: &ChargeOrder) -> Result<Outcome, GatewayError> {
        let reference = order.attempt.to_string();
        let wanted = wire::NewCharge {
            reference: &reference,
            invoice: order.invoice.to_string(),
            amount: order.amount.minor(),
            currency: order.amount.currency(),
            method: &order.method_token,
            customer: order.customer_reference.as_deref(),
            initiator: match order.initiator {
                Initiator::Customer => "customer",
                Initiator::Merchant => "merchant",
            },
            original_transaction: order.original_transaction.as_deref(),
            description: &order.description,
        };
        outcome(accepted(&self.post("/v1/charges", &reference, &wanted).await?)?)
    }

    async fn checkout(&self, order: &CheckoutOrder) -> Result<HostedPage, GatewayError> {
        let reference = order.attempt.to_string();
        let wanted = wire::NewCheckout {
            reference: &reference,
            invoice: order.invoice.to_string(),
            amount: order.amount.minor(),
            currency: order.amount.currency(),
            customer: order.customer_reference.as_deref(),
            store_method: order.store_method,
            description: &order.description,
            return_url: &order.return_url,
        };
        let page: wire::Page = accepted(&self.post("/v1/checkouts", &reference, &wanted).await?)?;
        Ok(HostedPage { reference: page.id, url: page.url })
    }

    async fn find_charge(&self, trace: &ChargeTrace) -> Result<Sighting, GatewayError> {
        let reference = trace.attempt.to_string();
        let reply = self.get("/v1/lookup", &[("reference", &reference)]).await?;
        sighting(accepted(&reply)?)
    }

    async fn cancel_charge(&self, trace: &ChargeTrace) -> Result<Sighting, GatewayError> {
        if let Some(reference) = &trace.reference {
            let kind = if reference.starts_with("ch_") { "charges" } else { "pages" };
            let url = format!("{}/v1/{kind}/{reference}/cancel", self.base_url);
            // What has come to its end already says so to the look-up.
            self.send(self.channel.client().post(url)).await?;
        }
        self.find_charge(trace).await
    }

    async fn statement(
        &self,
        since: DateTime<Utc>,
        after: Option<&str>,
    ) -> Result<Statement, GatewayError> {
        let since = since.to_rfc3339();
        let mut query = vec![("since", since.as_str()), ("limit", "1000")];
        query.extend(after.map(|id| ("after", id)));
        let page: wire::Listed = accepted(&self.get("/v1/charges", &query).await?)?;
        let last = page.charges.last().map(|charge| charge.id.clone());
        let is_paid = |charge: &wire::Charge| charge.status == wire::ChargeStatus::Succeeded;
        let paid = page.charges.into_iter().filter(is_paid);
        let taking = |charge: wire::Charge| Taking {
            attempt: charge.reference.parse().ok(),
            reference: charge.id,
            amount: Money::new(charge.amount, charge.currency),
            returned: Money::new(charge.amount_refunded, charge.currency),
            taken_back: Some(Money::new(charge.amount_reversed, charge.currency)),
        };
        Ok(Statement { takings: paid.map(taking).collect(), next: last.filter(|_| page.has_more) })
    }

    async fn returns(
        &self,
        since: DateTime<Utc>,
        after: Option<&str>,
    ) -> Result<Returns, GatewayError> {
        let since = since.to_rfc3339();
        let mut query = vec![("since", since.as_str()), ("limit", "1000")];
        query.extend(after.map(|place| ("after", place)));
        let page: wire::Returned = accepted(&self.get("/v1/returns", &query).await?)?;
        let news = page.returns.into_iter().map(|one| match one {
            wire::Return::Refund(refund) => refund_news(refund),
            wire::Return::Reversal(reversal) => reversal_news(reversal),
        });
        Ok(Returns { news: news.collect(), next: page.next.map(|place| place.to_string()) })
    }

    async fn refund(&self, order: &RefundOrder) -> Result<RefundOutcome, GatewayError> {
        let reference = order.refund.to_string();
        let wanted = wire::NewRefund {
            reference: &reference,
            charge: &order.charge_reference,
            amount: order.amount.minor(),
            currency: order.amount.currency(),
        };
        Ok(refund_outcome(accepted(&self.post("/v1/refunds", &reference, &wanted).await?)?))
    }

    async fn find_refund(&self, order: &RefundOrder) -> Result<RefundSighting, GatewayError> {
        let reference = order.refund.to_string();
        let reply = self.get("/v1/refunds", &[("reference", &reference)]).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(RefundSighting::NotFound);
        }
        Ok(RefundSighting::Found(refund_outcome(accepted(&reply)?)))
    }

    async fn setup(&self, order: &SetupOrder) -> Result<HostedPage, GatewayError> {
        let customer = order.customer.to_string();
        let wanted = wire::NewSetup {
            reference: &order.reference,
            customer: order.customer_reference.as_deref().unwrap_or(&customer),
            return_url: &order.return_url,
        };
        let page: wire::Page =
            accepted(&self.post("/v1/setups", &order.reference, &wanted).await?)?;
        Ok(HostedPage { reference: page.id, url: page.url })
    }

    async fn find_setup(&self, reference: &str) -> Result<SetupState, GatewayError> {
        let page: wire::Page = accepted(&self.get(&format!("/v1/pages/{reference}"), &[]).await?)?;
        match (page.status, page.method) {
            (wire::PageStatus::Open, _) => Ok(SetupState::Open),
            (wire::PageStatus::Stored, Some(method)) => Ok(SetupState::Stored(stored(method))),
            (wire::PageStatus::Failed, _) => Ok(SetupState::Failed),
            (wire::PageStatus::Stored, None) | (wire::PageStatus::Paid, _) => {
                Err(unknown(NoAnswer::Senseless("a set-up page without its card")))
            }
        }
    }

    async fn parse_webhook(
        &self,
        delivery: &Delivery,
        now: DateTime<Utc>,
    ) -> Result<WebhookNews, WebhookError> {
        webhook::verify(delivery, &self.webhook_secrets, now)?;
        webhook::read(&delivery.body)
    }
}

/// A 2xx's JSON. Every 4xx but 409 refused before execution.
fn accepted<T: DeserializeOwned>(reply: &Reply) -> Result<T, GatewayError> {
    if reply.status.is_success() {
        return reply.json();
    }
    if reply.status == StatusCode::CONFLICT {
        return Err(unknown(NoAnswer::Status(reply.status)));
    }
    let reason = reply
        .json::<wire::Refused>()
        .map_or_else(|_| reply.status.to_string(), |refused| refused.error.message);
    Err(GatewayError::Rejected { reason })
}

fn outcome(charge: wire::Charge) -> Result<Outcome, GatewayError> {
    let reference = charge.id;
    match (charge.status, charge.decline) {
        (wire::ChargeStatus::Succeeded, _) => Ok(Outcome::Paid(Paid {
            network_transaction: charge.network_transaction,
            network_advice: charge.network_advice,
            method: charge.method.map(stored).map(Box::new),
            ..Paid::bare(reference, Money::new(charge.amount, charge.currency))
        })),
        (wire::ChargeStatus::Pending, _) => Ok(Outcome::Pending { reference }),
        (wire::ChargeStatus::ActionRequired, _) => {
            Ok(Outcome::ActionRequired { reference, url: charge.action_url })
        }
        (wire::ChargeStatus::Declined, Some(told)) if told.code == "duplicate" => {
            Err(unknown(NoAnswer::Senseless("a duplicate of an earlier charge")))
        }
        (wire::ChargeStatus::Declined, Some(told)) => {
            Ok(Outcome::Declined { reference: Some(reference), decline: decline(told) })
        }
        (wire::ChargeStatus::Declined, None) => {
            Err(unknown(NoAnswer::Senseless("a decline without a reason")))
        }
        (wire::ChargeStatus::Canceled, _) => Ok(given_up(reference, "canceled")),
    }
}

/// The most conclusive of what stands under one reference: money taken, then what may still take
/// it, then a page on which it may be taken, then the last refusal.
fn sighting(found: wire::Found) -> Result<Sighting, GatewayError> {
    let rank = |charge: &wire::Charge| match charge.status {
        wire::ChargeStatus::Succeeded => 3,
        wire::ChargeStatus::Pending => 2,
        wire::ChargeStatus::ActionRequired => 1,
        wire::ChargeStatus::Declined | wire::ChargeStatus::Canceled => 0,
    };
    // Of equals, the last: the latest charge.
    let best = found.charges.into_iter().max_by_key(rank);
    let is_over = best.as_ref().is_none_or(|charge| rank(charge) == 0);
    let is_checkout = |page: &wire::Page| page.purpose == wire::Purpose::Checkout;
    match (best, found.checkout.filter(is_checkout)) {
        (_, Some(page)) if is_over && page.status == wire::PageStatus::Open => {
            let waiting = Outcome::ActionRequired { reference: page.id, url: Some(page.url) };
            Ok(Sighting::Found(waiting))
        }
        (Some(charge), _) => outcome(charge).map(Sighting::Found),
        (None, Some(page)) if page.status == wire::PageStatus::Failed => {
            Ok(Sighting::Found(given_up(page.id, "given_up")))
        }
        (None, _) => Ok(Sighting::NotFound),
    }
}

fn given_up(reference: String, code: &str) -> Outcome {
    let decline =
        Decline { gateway_code: Some(code.to_owned()), ..Decline::of(DeclineClass::Generic) };
    Outcome::Declined { reference: Some(reference), decline }
}

fn decline(told: wire::Decline) -> Decline {
    let class = class(&told.code);
    Decline {
        gateway_code: Some(told.code),
        gateway_advice: told.advice,
        response_code: Some(told.response_code),
        network_advice: told.network_advice,
        message: Some(told.message),
        wait_hours: told.retry_after_hours,
        ..Decline::of(class)
    }
}

/// What the sandbox's own codes mean. One that is not known is nothing worse than generic (RULES
/// DEC-4).
fn class(code: &str) -> DeclineClass {
    match code {
        "insufficient_funds" | "limit_exceeded" | "try_later" => DeclineClass::WaitFunds,
        "issuer_unavailable" => DeclineClass::WaitIssuer,
        "lost_card" | "stolen_card" | "pick_up_card" | "closed_account" | "no_such_card"
        | "do_not_try_again" | "chargeback" => DeclineClass::Never,
        "stop_payment" | "stop_recurring" => DeclineClass::StopMandate,
        "expired_card" | "restricted_card" | "new_card_data" | "incorrect_account" => {
            DeclineClass::FixData
        }
        "authentication_required" | "authentication_failed" => DeclineClass::NeedsSca,
        "suspected_fraud" => DeclineClass::HoldRisk,
        "invalid_merchant" | "invalid_request" => DeclineClass::Config,
        _ => DeclineClass::Generic,
    }
}

fn refund_outcome(refund: wire::Refund) -> RefundOutcome {
    match refund.status {
        wire::RefundStatus::Succeeded => RefundOutcome::Refunded { reference: refund.id },
        wire::RefundStatus::Pending => RefundOutcome::Pending { reference: refund.id },
        wire::RefundStatus::Failed => {
            RefundOutcome::Failed { reason: refund.reason.unwrap_or_default() }
        }
    }
}

/// What a webhook or a list tells of a refund: one that bears no reference of ours is not ours.
fn refund_news(refund: wire::Refund) -> News {
    let told = refund.amount.zip(refund.currency).filter(|_| refund.reference.is_empty());
    let Some((amount, currency)) = told else {
        let named = refund.reference.parse().ok();
        return News::Refund { refund: named, outcome: refund_outcome(refund) };
    };
    News::ForeignRefund(ToldRefund {
        attempt: refund.charge_reference.parse().ok(),
        charge: refund.charge,
        reference: refund.id,
        amount: Money::new(amount, currency),
        state: match refund.status {
            wire::RefundStatus::Succeeded => RefundState::Succeeded,
            wire::RefundStatus::Pending => RefundState::Pending,
            wire::RefundStatus::Failed => RefundState::Failed,
        },
        failure: refund.reason,
    })
}

fn reversal_news(told: wire::Reversal) -> News {
    let why = decline(told.reason);
    let response_code = why.response_code.filter(|code| !code.is_empty());
    News::Reversal {
        attempt: told.charge_reference.parse().ok(),
        charge: told.charge,
        reversal: Reversal {
            reference: told.id,
            amount: Money::new(told.amount, told.currency),
            state: match told.status {
                wire::ReversalStatus::TakenBack => ReversalState::TakenBack,
                wire::ReversalStatus::Reinstated => ReversalState::Reinstated,
            },
            why: Decline { response_code, ..why },
        },
    }
}

fn stored(method: wire::Method) -> StoredMethod {
    let expiry = method.exp_year.zip(method.exp_month);
    StoredMethod {
        token: method.token,
        customer_reference: method.customer,
        network: match method.network.as_str() {
            "visa" => Network::Visa,
            "mastercard" => Network::Mastercard,
            "amex" => Network::Amex,
            "discover" => Network::Discover,
            "jcb" => Network::Jcb,
            "unionpay" => Network::UnionPay,
            "ach" => Network::Ach,
            "sepa" => Network::Sepa,
            "bacs" => Network::Bacs,
            _ => Network::Other,
        },
        brand: method.brand,
        last_four: method.last_four,
        expiry: expiry.map(|(year, month)| Expiry { year, month }),
        fingerprint: Some(method.fingerprint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(charges: &[&str], checkout: Option<&str>) -> Sighting {
        let charges: Vec<_> = charges
            .iter()
            .map(|status| {
                serde_json::json!({
                    "id": format!("ch_{status}"), "reference": "att_1", "status": status,
                    "amount": 2000, "currency": "EUR",
                    "decline": { "code": "lost_card", "response_code": "41", "message": "lost" },
                })
            })
            .collect();
        let checkout = checkout.map(|status| {
            serde_json::json!({
                "id": "co_1", "url": "https://pay.example/co_1", "status": status,
                "purpose": "checkout",
            })
        });
        let text = serde_json::json!({ "charges": charges, "checkout": checkout }).to_string();
        sighting(serde_json::from_str(&text).unwrap()).unwrap()
    }

    #[test]
    fn the_most_conclusive_of_several_charges_is_the_answer() {
        for (charges, checkout, expected) in [
            (&[][..], None, "nothing"),
            (&["declined", "succeeded", "declined"], Some("paid"), "paid"),
            (&["succeeded", "pending"], None, "paid"),
            (&["declined", "pending"], Some("open"), "pending"),
            (&["declined"], Some("open"), "waits at co_1"),
            (&[], Some("open"), "waits at co_1"),
            (&["action_required"], None, "waits at ch_action_required"),
            (&["declined"], Some("failed"), "declined ch_declined"),
            (&[], Some("failed"), "declined co_1"),
            (&["canceled"], None, "declined ch_canceled"),
        ] {
            let told = match found(charges, checkout) {
                Sighting::NotFound => "nothing".to_owned(),
                Sighting::Found(Outcome::Paid(_)) => "paid".to_owned(),
                Sighting::Found(Outcome::Pending { .. }) => "pending".to_owned(),
                Sighting::Found(Outcome::ActionRequired { reference, .. }) => {
                    format!("waits at {reference}")
                }
                Sighting::Found(Outcome::Declined { reference, .. }) => {
                    format!("declined {}", reference.unwrap())
                }
            };
            assert_eq!(told, expected, "{charges:?} {checkout:?}");
        }
    }
}
