//! A portal that is told what happened: signed, in order, at least once.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::hmac;
use rondo::{
    app::webhooks_out::{self, Reach},
    domain::{changes::Changes, event::WebhookEndpoint, version::Version},
};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{site::Site, support::Engine::Sqlite};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A portal's server: it believes only what is signed, and answers as it is told.
#[derive(Clone, Default)]
struct Portal(Arc<Mutex<Desk>>);

#[derive(Default)]
struct Desk {
    heard: Vec<(String, Value)>,
    answers: Vec<Response>,
}

impl Portal {
    async fn open(&self) -> String {
        let routes = Router::new().route("/hooks", post(hear)).with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        url
    }

    /// Gives these answers first, the last one first.
    fn answers(&self, answers: Vec<Response>) {
        self.0.lock().unwrap().answers = answers;
    }

    fn heard(&self) -> Vec<(String, Value)> {
        self.0.lock().unwrap().heard.clone()
    }

    fn types(&self) -> Vec<String> {
        self.heard().iter().map(|(_, body)| body["type"].as_str().unwrap().to_owned()).collect()
    }
}

async fn hear(State(portal): State<Portal>, headers: HeaderMap, body: Bytes) -> Response {
    let told = |name| headers[name].to_str().unwrap();
    let (id, time) = (told("webhook-id"), told("webhook-timestamp"));
    let secret = BASE64_STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let signed = [format!("{id}.{time}.").as_bytes(), &body].concat();
    let is_ours = told("webhook-signature").split(' ').any(|signature| {
        let tag = signature.strip_prefix("v1,").map(|tag| BASE64_STANDARD.decode(tag).unwrap());
        tag.is_some_and(|tag| hmac::verify(&key, &signed, &tag).is_ok())
    });
    let mut desk = portal.0.lock().unwrap();
    if !is_ours || id.contains('.') {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    desk.heard.push((id.to_owned(), serde_json::from_slice(&body).unwrap()));
    desk.answers.pop().unwrap_or_else(|| StatusCode::NO_CONTENT.into_response())
}

async fn endpoint(site: &Site, url: String) {
    let merchant = site.world.merchant().await;
    let now = merchant.test_clock.unwrap().now;
    let endpoint = WebhookEndpoint {
        merchant: merchant.id,
        id: site.rondo().mint.id(now),
        url,
        secrets: vec![
            "whsec_bmV3IGFuZCBub3Qga25vd24geWV0IHRvIHRoZSBwb3J0YWw=".into(),
            SECRET.into(),
        ],
        cursor: 0,
        due_at: None,
        tries: 0,
        failing_since: None,
        disabled_at: None,
        leased_until: None,
        created_at: now,
        version: Version::NEW,
    };
    site.world.write(Changes { webhook_endpoints: vec![endpoint], ..Changes::default() }).await;
}

async fn the_endpoint(site: &Site) -> WebhookEndpoint {
    let merchant = site.world.merchant().await.id;
    let mut repo = site.rondo().store.snapshot().await.unwrap();
    repo.webhook_endpoints(merchant).await.unwrap().remove(0)
}

/// A membership begins: some events.
async fn something_happens(site: &Site) {
    let plan = site.world.plan("Membership", "20.00 EUR").create().await;
    let ana = site.world.member("Ana", "tok_visa").await;
    site.world.subscribe(&ana, &plan).await;
}

#[tokio::test]
async fn a_portal_hears_every_event_in_order_and_once() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let portal = Portal::default();
    endpoint(&site, portal.open().await).await;
    something_happens(&site).await;
    site.settle().await;
    let types = portal.types();
    assert!(types.contains(&"invoice.issued".to_owned()), "{types:?}");
    assert!(types.contains(&"invoice.paid".to_owned()), "{types:?}");
    let sequences: Vec<_> =
        portal.heard().iter().map(|(_, body)| body["data"]["sequence"].as_i64().unwrap()).collect();
    assert_eq!(sequences, (1..=i64::try_from(sequences.len()).unwrap()).collect::<Vec<_>>());

    site.world.advance_to("2026-02-28").await;
    assert!(portal.types().len() > types.len());
    assert_eq!(the_endpoint(&site).await.due_at, None);
}

#[tokio::test]
async fn a_portal_that_was_down_hears_the_same_event_again_before_the_next_one() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let portal = Portal::default();
    let elsewhere = [(header::LOCATION, "http://127.0.0.1:1/")];
    portal.answers(vec![
        (StatusCode::FOUND, elsewhere).into_response(),
        StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    ]);
    endpoint(&site, portal.open().await).await;
    something_happens(&site).await;
    site.settle().await;
    assert_eq!(portal.heard().len(), 1);
    let failing = the_endpoint(&site).await;
    assert_eq!((failing.cursor, failing.tries), (0, 1));

    site.world.advance_to("2026-02-01").await;
    let heard = portal.heard();
    assert!(heard.len() > 3);
    assert_eq!(heard[0], heard[1]);
    assert_eq!(heard[1], heard[2]);
    assert_ne!(heard[2].0, heard[3].0);
    let whole = the_endpoint(&site).await;
    assert_eq!((whole.tries, whole.failing_since, whole.due_at), (0, None, None));
}

#[tokio::test]
async fn a_portal_that_is_gone_is_left_alone() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let portal = Portal::default();
    portal.answers(vec![StatusCode::GONE.into_response()]);
    endpoint(&site, portal.open().await).await;
    something_happens(&site).await;
    site.world.advance_to("2026-02-28").await;
    assert_eq!(portal.heard().len(), 1);
    assert!(the_endpoint(&site).await.disabled_at.is_some());
}

#[tokio::test]
async fn a_portal_that_fails_for_five_days_is_switched_off() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let portal = Portal::default();
    let down = || StatusCode::SERVICE_UNAVAILABLE.into_response();
    portal.answers((0..100).map(|_| down()).collect());
    endpoint(&site, portal.open().await).await;
    something_happens(&site).await;
    site.world.advance_to("2026-02-28").await;
    assert!(the_endpoint(&site).await.disabled_at.is_some());
    // Ten tries in three days and some hours, then one a day.
    assert!((11..=13).contains(&portal.heard().len()), "{}", portal.heard().len());
}

#[tokio::test]
async fn a_portal_on_our_own_machine_is_refused_unless_that_is_allowed() {
    let site = Site::on(Sqlite, "2026-01-31").await;
    let portal = Portal::default();
    let url = portal.open().await;
    endpoint(&site, url.replace("http://127.0.0.1", "https://localhost")).await;
    something_happens(&site).await;
    let merchant = site.world.merchant().await;
    webhooks_out::turn_with(site.rondo(), &merchant, Reach::Public, 10).await.unwrap();
    assert_eq!(portal.heard().len(), 0);
    assert!(the_endpoint(&site).await.tries > 0);
}
