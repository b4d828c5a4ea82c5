//! The Stripe adapter against two peers: localstripe, an independent stand-in that keeps real
//! state, and a scripted one for what localstripe cannot do. Both refuse any request that Stripe's
//! published description does not allow.

#![expect(clippy::unwrap_used, reason = "a test that unwraps in vain has failed, as it should")]

#[path = "gateway/stripe/localstripe.rs"]
mod localstripe;
#[path = "gateway/stripe/peer.rs"]
mod peer;
#[path = "gateway/stripe/returns.rs"]
mod returns;
#[path = "gateway/stripe/schema.rs"]
mod schema;
#[path = "gateway/stripe/scripted.rs"]
mod scripted;
#[path = "gateway/stripe/stories.rs"]
mod stories;

use chrono::{DateTime, Utc};
use rondo::{
    domain::{
        ids::{Id, Kind},
        money::{Currency, Money},
    },
    gateway::{
        AccountConfig, ChargeOrder, ChargeTrace, GatewayKind, Initiator, RefundOrder,
        http::{self, Channel},
        limiter::Limiter,
        stripe::Stripe,
    },
};
use uuid::Uuid;

const WEBHOOK_SECRET: &str = "whsec_of_the_test";

fn client() -> reqwest::Client {
    http::client(http::Timeouts::default()).expect("a client for the test")
}

/// A way to the peer with the limits of `account`.
fn channel(account: &AccountConfig) -> Channel {
    Channel::new(client(), Limiter::from(account), http::Timeouts::default().total)
}

fn account(base_url: &str, key: &str) -> AccountConfig {
    AccountConfig {
        kind: GatewayKind::Stripe,
        base_url: Some(base_url.to_owned()),
        secret_key: key.into(),
        webhook_secrets: vec![WEBHOOK_SECRET.into()],
        calls_per_second: 20,
        calls_in_flight: 16,
    }
}

fn stripe(base_url: &str) -> Stripe {
    let account = account(base_url, localstripe::KEY);
    Stripe::new(&account, channel(&account)).expect("a test account")
}

fn id<K: Kind>(number: u128) -> Id<K> {
    Id::from_uuid(Uuid::from_u128(number))
}

fn dollars(minor: i64) -> Money {
    Money::new(minor, Currency::from_code("USD").expect("a currency"))
}

fn at(instant: &str) -> DateTime<Utc> {
    instant.parse().expect("an instant")
}

/// A renewal of 19.99 USD: attempt 1 for invoice 2.
fn renewal(customer: &str, method: &str) -> ChargeOrder {
    ChargeOrder {
        attempt: id(1),
        invoice: id(2),
        amount: dollars(1999),
        method_token: method.to_owned(),
        customer_reference: Some(customer.to_owned()),
        initiator: Initiator::Merchant,
        original_transaction: None,
        description: "Open Academy, membership".to_owned(),
    }
}

/// What is known of a charge whose answer was lost.
fn trace(order: &ChargeOrder) -> ChargeTrace {
    ChargeTrace {
        attempt: order.attempt,
        reference: None,
        customer_reference: order.customer_reference.clone(),
        not_before: at("2026-02-28T09:00:00Z"),
    }
}

fn refund_of(charge: &str, number: u128, minor: i64) -> RefundOrder {
    RefundOrder { refund: id(number), charge_reference: charge.to_owned(), amount: dollars(minor) }
}
