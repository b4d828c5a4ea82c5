//! A member's life with a card, told against localstripe.

use std::time::Duration;

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use chrono::{DateTime, TimeDelta, Utc};
use rondo::{
    domain::payment::{decline::DeclineClass, decline::Network},
    gateway::{
        Delivery, Expiry, Gateway, News, Outcome, RefundOutcome, RefundSighting, SetupOrder,
        SetupState, Sighting, StoredMethod, WebhookError, stripe::Stripe,
    },
};
use tokio::sync::mpsc;

use crate::{
    WEBHOOK_SECRET, client, dollars, id, localstripe::LocalStripe, peer::serve, refund_of, renewal,
    stripe, trace,
};

mod cards {
    pub const GOOD: &str = "4242424242424242";
    pub const REFUSED_AT_ONCE: &str = "4000000000000002";
    pub const REFUSED_LATER: &str = "4000000000000341";
    pub const WANTS_AUTHENTICATION: &str = "4000002760003184";
}

struct World {
    peer: LocalStripe,
    stripe: Stripe,
    customer: String,
}

impl World {
    async fn new() -> Self {
        let peer = LocalStripe::start(client()).await;
        let stripe = stripe(&peer.url);
        let customer = peer.customer().await;
        Self { peer, stripe, customer }
    }

    /// What becomes of a page on which the customer enters this card.
    async fn card_entered(&self, number: &str) -> SetupState {
        let order = SetupOrder {
            reference: "setup-1".to_owned(),
            customer: id(3),
            customer_reference: Some(self.customer.clone()),
            return_url: "https://academy.example/pay/back".to_owned(),
        };
        let page = self.stripe.setup(&order).await.unwrap();
        assert_eq!(self.stripe.find_setup(&page.reference).await.unwrap(), SetupState::Open);
        self.peer.enter_card(&page, number).await;
        self.stripe.find_setup(&page.reference).await.unwrap()
    }

    async fn stored_card(&self, number: &str) -> StoredMethod {
        match self.card_entered(number).await {
            SetupState::Stored(method) => method,
            state => panic!("the card is not stored but {state:?}"),
        }
    }

    /// Charges the renewal to this card.
    async fn renewed_by(&self, number: &str) -> Outcome {
        let method = self.stored_card(number).await;
        self.stripe.charge(&renewal(&self.customer, &method.token)).await.unwrap()
    }
}

#[tokio::test]
async fn a_card_stored_on_a_page_pays_a_renewal_and_the_payment_is_found_again() {
    let world = World::new().await;
    let method = world.stored_card(cards::GOOD).await;
    assert_eq!(method.customer_reference.as_ref(), Some(&world.customer));
    assert_eq!((method.network, method.brand.as_str()), (Network::Visa, "Visa"));
    assert_eq!(method.last_four, "4242");
    assert_eq!(method.expiry, Some(Expiry { year: 2030, month: 8 }));
    assert!(method.fingerprint.is_some());

    let order = renewal(&world.customer, &method.token);
    let Outcome::Paid(paid) = world.stripe.charge(&order).await.unwrap() else {
        panic!("not paid")
    };
    assert_eq!(paid.amount, dollars(1999));

    let found = Sighting::Found(Outcome::Paid(paid.clone()));
    let lost = trace(&order);
    assert_eq!(world.stripe.find_charge(&lost).await.unwrap(), found);
    let known = rondo::gateway::ChargeTrace { reference: Some(paid.reference), ..lost.clone() };
    assert_eq!(world.stripe.find_charge(&known).await.unwrap(), found);
    let other = rondo::gateway::ChargeTrace { attempt: id(99), ..lost };
    assert_eq!(world.stripe.find_charge(&other).await.unwrap(), Sighting::NotFound);
}

#[tokio::test]
async fn a_refused_renewal_is_a_decline_and_is_found_as_one() {
    let world = World::new().await;
    let Outcome::Declined { decline, .. } = world.renewed_by(cards::REFUSED_LATER).await else {
        panic!("not declined")
    };
    assert_eq!(decline.class, DeclineClass::Generic);
    assert_eq!(decline.gateway_code.as_deref(), Some("card_declined"));

    let lost = trace(&renewal(&world.customer, ""));
    let Sighting::Found(Outcome::Declined { reference: Some(reference), decline: found }) =
        world.stripe.find_charge(&lost).await.unwrap()
    else {
        panic!("not found as declined")
    };
    assert!(reference.starts_with("pi_"));
    assert_eq!(found, decline);
}

#[tokio::test]
async fn a_card_that_the_bank_refuses_is_not_stored() {
    let world = World::new().await;
    assert_eq!(world.card_entered(cards::REFUSED_AT_ONCE).await, SetupState::Failed);
}

#[tokio::test]
async fn a_card_is_not_stored_before_its_holder_has_authenticated() {
    let world = World::new().await;
    assert_eq!(world.card_entered(cards::WANTS_AUTHENTICATION).await, SetupState::Open);
}

#[tokio::test]
async fn a_payment_goes_back_in_part_and_then_the_rest() {
    let world = World::new().await;
    let Outcome::Paid(paid) = world.renewed_by(cards::GOOD).await else { panic!("not paid") };
    let part = refund_of(&paid.reference, 10, 500);
    let rest = refund_of(&paid.reference, 11, 1499);

    for order in [&part, &rest] {
        let nothing = world.stripe.find_refund(order).await.unwrap();
        assert_eq!(nothing, RefundSighting::NotFound);
        let outcome = world.stripe.refund(order).await.unwrap();
        assert!(matches!(outcome, RefundOutcome::Refunded { .. }));
        let found = world.stripe.find_refund(order).await.unwrap();
        assert_eq!(found, RefundSighting::Found(outcome));
    }
}

#[tokio::test]
async fn a_webhook_tells_of_the_payment_and_is_believed_only_while_fresh() {
    let world = World::new().await;
    let (sender, mut deliveries) = mpsc::channel(1);
    let inbox = Router::new().route("/hooks", post(keep)).with_state(sender);
    let url = format!("{}/hooks", serve(inbox).await);
    world.peer.tell(&url, "payment_intent.succeeded", WEBHOOK_SECRET).await;

    let Outcome::Paid(paid) = world.renewed_by(cards::GOOD).await else { panic!("not paid") };
    let delivery = tokio::time::timeout(Duration::from_secs(30), deliveries.recv());
    let delivery = delivery.await.expect("localstripe delivers").expect("the inbox is open");
    let sent_at = sent_at(&delivery);

    let late = sent_at + TimeDelta::seconds(301);
    let verdict = world.stripe.parse_webhook(&delivery, late).await;
    assert!(matches!(verdict, Err(WebhookError::Signature)));

    let told = world.stripe.parse_webhook(&delivery, sent_at).await.unwrap();
    assert!(told.event_id.starts_with("evt_"));
    let reference = paid.reference.clone();
    assert_eq!(
        told.news,
        [News::Charge { attempt: Some(id(1)), reference, outcome: Outcome::Paid(paid) }]
    );
}

async fn keep(State(sender): State<mpsc::Sender<Delivery>>, headers: HeaderMap, body: Bytes) {
    let header = |name: &str| headers[name].to_str().expect("a header is text").to_owned();
    let names = headers.keys().map(ToString::to_string);
    let headers = names.map(|name| (name.clone(), header(&name))).collect();
    sender.send(Delivery { headers, body: body.to_vec() }).await.expect("the test listens");
}

fn sent_at(delivery: &Delivery) -> DateTime<Utc> {
    let event: serde_json::Value = serde_json::from_slice(&delivery.body).expect("JSON");
    let created = event["created"].as_i64().expect("an event has its time");
    DateTime::from_timestamp(created, 0).expect("a time of our days")
}
