//! What we send to Stripe: one function a request, each returning the whole form.
//!
//! Stripe reads forms whose names nest by brackets. The list of pairs is the request exactly as it
//! goes out, so that a reader (and the test against Stripe's published schema) sees all of it.

use chrono::{DateTime, Utc};

use super::{amount, wire};
use crate::gateway::{
    ChargeOrder, ChargeTrace, CheckoutOrder, GatewayError, Initiator, RefundOrder, SetupOrder,
};

/// The most that one page of a list may hold.
const PAGE_SIZE: &str = "100";

/// Names and values in the order of sending.
#[derive(Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    fn maybe(self, name: &str, value: Option<&String>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    fn metadata(self, below: &str, key: &str, value: &impl ToString) -> Self {
        self.with(&format!("{below}[{key}]"), value.to_string())
    }

    /// Asks for the objects behind these references.
    pub fn expanding(self, paths: &[&str]) -> Self {
        paths
            .iter()
            .enumerate()
            .fold(self, |form, (place, path)| form.with(&format!("expand[{place}]"), *path))
    }

    /// The page after the one that ended with `id`.
    pub fn after(self, id: Option<&String>) -> Self {
        self.maybe("starting_after", id)
    }

    /// The pairs to send.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

/// Makes and confirms a payment in one call.
pub fn charge(order: &ChargeOrder) -> Result<Form, GatewayError> {
    let form = Form::default()
        .with("amount", amount::encode(order.amount)?.to_string())
        .with("currency", amount::currency_code(order.amount))
        .maybe("customer", order.customer_reference.as_ref())
        .with("payment_method", &order.method_token)
        .with("payment_method_types[0]", "card")
        .with("confirm", "true");
    let form = match order.initiator {
        Initiator::Merchant => form.with("off_session", "true"),
        // Present, so that a challenge is shown to the customer and not refused.
        Initiator::Customer => form,
    };
    Ok(form
        .with("description", &order.description)
        .metadata("metadata", wire::ATTEMPT, &order.attempt)
        .metadata("metadata", wire::INVOICE, &order.invoice)
        .expanding(&["latest_charge"]))
}

/// Opens a page for one payment.
pub fn checkout(order: &CheckoutOrder) -> Result<Form, GatewayError> {
    let item = "line_items[0]";
    let form = session("payment", &order.return_url)
        .with("client_reference_id", order.attempt.to_string())
        .metadata("metadata", wire::ATTEMPT, &order.attempt)
        .maybe("customer", order.customer_reference.as_ref())
        .with(&format!("{item}[quantity]"), "1")
        .with(&format!("{item}[price_data][currency]"), amount::currency_code(order.amount))
        .with(
            &format!("{item}[price_data][unit_amount]"),
            amount::encode(order.amount)?.to_string(),
        )
        .with(&format!("{item}[price_data][product_data][name]"), &order.description)
        .with("payment_intent_data[description]", &order.description)
        .metadata("payment_intent_data[metadata]", wire::ATTEMPT, &order.attempt)
        .metadata("payment_intent_data[metadata]", wire::INVOICE, &order.invoice)
        .metadata("payment_intent_data[metadata]", wire::PAGE, &wire::CHECKOUT);
    if !order.store_method {
        return Ok(form);
    }
    let form = form.with("payment_intent_data[setup_future_usage]", "off_session");
    Ok(owned_by(form, order.customer_reference.as_ref()))
}

/// Opens a page that stores a card.
pub fn setup(order: &SetupOrder) -> Form {
    let form = session("setup", &order.return_url)
        .with("client_reference_id", &order.reference)
        .maybe("customer", order.customer_reference.as_ref())
        .metadata("metadata", wire::CUSTOMER, &order.customer);
    owned_by(form, order.customer_reference.as_ref())
}

/// A payment that its customer left.
pub fn abandoned() -> Form {
    Form::default().with("cancellation_reason", "abandoned")
}

/// Sends money back.
pub fn refund(order: &RefundOrder) -> Result<Form, GatewayError> {
    Ok(of_charge(&order.charge_reference)
        .with("amount", amount::encode(order.amount)?.to_string())
        .metadata("metadata", wire::REFUND, &order.refund))
}

/// The refunds of one charge.
pub fn refunds_of(order: &RefundOrder) -> Form {
    of_charge(&order.charge_reference).with("limit", PAGE_SIZE)
}

/// The refunds of one payment, whoever ordered them.
pub fn refunds_of_payment(intent: &str) -> Form {
    of_charge(intent).with("limit", PAGE_SIZE)
}

/// What was made since then: refunds, or disputes.
pub fn made_since(since: DateTime<Utc>) -> Form {
    Form::default().with("created[gte]", since.timestamp().to_string()).with("limit", PAGE_SIZE)
}

/// The payments that may be the one we look for. No upper bound in time: a late resend counts too.
pub fn payments_since(trace: &ChargeTrace) -> Form {
    Form::default()
        .maybe("customer", trace.customer_reference.as_ref())
        .with("created[gte]", trace.not_before.timestamp().to_string())
        .with("limit", PAGE_SIZE)
        .expanding(&["data.latest_charge", "data.payment_method"])
}

/// All payments since then, whosever they are.
pub fn taken_since(since: DateTime<Utc>) -> Form {
    Form::default()
        .with("created[gte]", since.timestamp().to_string())
        .with("limit", PAGE_SIZE)
        .expanding(&["data.latest_charge"])
}

fn session(mode: &str, return_url: &str) -> Form {
    Form::default()
        .with("mode", mode)
        .with("payment_method_types[0]", "card")
        .with("success_url", return_url)
        .with("cancel_url", return_url)
}

/// A card can only be charged later if a customer of Stripe's holds it.
fn owned_by(form: Form, customer: Option<&String>) -> Form {
    match customer {
        Some(_) => form,
        None => form.with("customer_creation", "always"),
    }
}

fn of_charge(reference: &str) -> Form {
    let name = if reference.starts_with("pi_") { "payment_intent" } else { "charge" };
    Form::default().with(name, reference)
}
