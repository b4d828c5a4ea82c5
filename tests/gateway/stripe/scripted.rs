//! What localstripe cannot do: pages to pay on, refusals with all their codes, lost answers, long
//! lists. The peer's answers are written here or recorded in `fixtures/`.

use chrono::{DateTime, Utc};
use rondo::{
    domain::payment::decline::DeclineClass,
    gateway::{
        ChargeTrace, CheckoutOrder, Delivery, Gateway, GatewayError, Initiator, News, Outcome,
        RefundOutcome, RefundSighting,
        Remedy::{self, ResolveFirst, SendSameKeyAgain, TellStaff},
        SetupOrder, SetupState, Sighting, WebhookError,
        stripe::Stripe,
    },
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    WEBHOOK_SECRET, account, at, channel, dollars, id,
    peer::{Peer, Reply},
    refund_of, renewal, stripe, trace,
};

const PAID: &str = include_str!("fixtures/payment_intent_succeeded.json");
const NO_FUNDS: &str = include_str!("fixtures/error_insufficient_funds.json");
const WANTS_AUTHENTICATION: &str = include_str!("fixtures/error_authentication_required.json");
const PAGE_TO_PAY: &str = include_str!("fixtures/checkout_session_payment_open.json");
const CARD_STORED: &str = include_str!("fixtures/checkout_session_setup_complete.json");
const REFUNDED: &str = include_str!("fixtures/refund_succeeded.json");

fn edited(fixture: &str, edit: impl FnOnce(&mut Value)) -> Value {
    let mut object = serde_json::from_str(fixture).expect("a fixture is JSON");
    edit(&mut object);
    object
}

fn list(data: &[Value], has_more: bool) -> Reply {
    Reply::ok(&json!({ "object": "list", "data": data, "has_more": has_more }))
}

fn page_order(customer: Option<&str>, store_method: bool) -> CheckoutOrder {
    CheckoutOrder {
        attempt: id(1),
        invoice: id(2),
        amount: dollars(1999),
        customer_reference: customer.map(str::to_owned),
        store_method,
        description: "A course".to_owned(),
        return_url: "https://academy.example/pay/back?i=inv&n={x}".to_owned(),
    }
}

fn setup_order(customer: Option<&str>) -> SetupOrder {
    SetupOrder {
        reference: "setup-1".to_owned(),
        customer: id(3),
        customer_reference: customer.map(str::to_owned),
        return_url: "https://academy.example/pay/back".to_owned(),
    }
}

async fn refused_charge(reply: Reply) -> GatewayError {
    let peer = Peer::answering([reply]).await;
    stripe(&peer.url).charge(&renewal("cus_1", "pm_1")).await.unwrap_err()
}

#[tokio::test]
async fn a_charge_is_one_call_under_the_attempts_own_key() {
    let peer = Peer::answering([Reply::ok(PAID)]).await;
    let order = renewal("cus_1", "pm_1");
    let Outcome::Paid(paid) = stripe(&peer.url).charge(&order).await.unwrap() else {
        panic!("not paid")
    };
    assert_eq!((paid.reference.as_str(), paid.amount), ("pi_1", dollars(1999)));
    assert_eq!(paid.network_transaction.as_deref(), Some("104102978678771"));

    let [call] = &peer.calls()[..] else { panic!("not one call") };
    let attempt = order.attempt.to_string();
    assert_eq!(call.header("idempotency-key"), Some(attempt.as_str()));
    assert_eq!(call.header("authorization"), Some("Bearer sk_test_of_localstripe"));
    assert!(call.header("stripe-version").is_some());
    let sent = |name| call.value(name).unwrap_or_default().to_owned();
    assert_eq!([sent("amount"), sent("currency")], ["1999", "usd"]);
    assert_eq!([sent("off_session"), sent("confirm")], ["true", "true"]);
    assert_eq!([sent("customer"), sent("payment_method")], ["cus_1", "pm_1"]);
    assert_eq!(sent("metadata[rondo_attempt]"), attempt);
    assert_eq!(sent("metadata[rondo_invoice]"), order.invoice.to_string());
}

#[tokio::test]
async fn a_customer_who_is_present_is_shown_the_banks_challenge() {
    let challenged = edited(PAID, |intent| {
        intent["status"] = json!("requires_action");
        intent["next_action"] = json!({ "type": "use_stripe_sdk", "use_stripe_sdk": {} });
    });
    let peer = Peer::answering([Reply::ok(&challenged)]).await;
    let mut order = renewal("cus_1", "pm_1");
    order.initiator = Initiator::Customer;
    let outcome = stripe(&peer.url).charge(&order).await.unwrap();
    assert_eq!(outcome, Outcome::ActionRequired { reference: "pi_1".to_owned(), url: None });
    assert_eq!(peer.calls()[0].value("off_session"), None);
}

#[rstest]
#[case::a_challenge("pi_1", "/v1/payment_intents/pi_1/cancel", Some("abandoned"))]
#[case::a_page("cs_1", "/v1/checkout/sessions/cs_1/expire", None)]
#[tokio::test]
async fn what_waits_for_the_customer_is_ended_in_stripes_way(
    #[case] reference: &str,
    #[case] path: &str,
    #[case] reason: Option<&str>,
) {
    let ended = json!({
        "id": reference, "mode": "payment", "livemode": false, "amount": 1999, "currency": "usd",
        "status": if reference == "pi_1" { "canceled" } else { "expired" },
    });
    let ended = ended.to_string();
    let peer = Peer::answering([Reply::ok("{}"), Reply::ok(&ended)]).await;
    let order = renewal("cus_1", "pm_1");
    let known = ChargeTrace { reference: Some(reference.to_owned()), ..trace(&order) };
    let found = stripe(&peer.url).cancel_charge(&known).await.unwrap();
    assert!(matches!(found, Sighting::Found(Outcome::Declined { .. })), "{found:?}");
    assert_eq!(peer.calls()[0].path, path);
    assert_eq!(peer.calls()[0].value("cancellation_reason"), reason);
}

#[tokio::test]
async fn what_stripe_does_not_end_because_it_is_paid_is_paid() {
    let refused = r#"{ "error": { "type": "invalid_request_error",
        "code": "payment_intent_unexpected_state" } }"#;
    let peer = Peer::answering([Reply::status(400, refused), Reply::ok(PAID)]).await;
    let order = renewal("cus_1", "pm_1");
    let known = ChargeTrace { reference: Some("pi_1".to_owned()), ..trace(&order) };
    let found = stripe(&peer.url).cancel_charge(&known).await.unwrap();
    assert!(matches!(found, Sighting::Found(Outcome::Paid(_))), "{found:?}");
}

#[tokio::test]
async fn stripes_list_tells_what_was_taken_and_goes_on() {
    let taken = edited(PAID, |intent| intent["latest_charge"]["amount_refunded"] = json!(500));
    let attempt = taken["metadata"]["rondo_attempt"].as_str().unwrap().to_owned();
    let declined = edited(PAID, |intent| intent["status"] = json!("requires_payment_method"));
    let last = edited(&declined.to_string(), |intent| intent["id"] = json!("pi_last"));
    let peer = Peer::answering([list(&[taken, last], true), list(&[], false)]).await;
    let gateway = stripe(&peer.url);
    let since = at("2026-08-01T00:00:00Z");

    let first = gateway.statement(since, None).await.unwrap();
    let [taking] = &first.takings[..] else { panic!("{first:?}") };
    assert_eq!(taking.attempt.unwrap().to_string(), attempt);
    assert_eq!((taking.amount, taking.returned), (dollars(1999), dollars(500)));
    assert_eq!(first.next.as_deref(), Some("pi_last"));
    let second = gateway.statement(since, first.next.as_deref()).await.unwrap();
    assert_eq!((second.takings, second.next), (Vec::new(), None));
    let call = &peer.calls()[1];
    assert_eq!(call.value("starting_after"), Some("pi_last"));
    assert_eq!(call.value("created[gte]"), Some(since.timestamp().to_string().as_str()));
}

#[tokio::test]
async fn an_amount_that_stripe_cannot_charge_is_not_sent() {
    let peer = Peer::answering([]).await;
    let mut order = renewal("cus_1", "pm_1");
    order.amount = dollars(0);
    let error = stripe(&peer.url).charge(&order).await.unwrap_err();
    assert_eq!(error.remedy(), TellStaff);
    assert!(peer.calls().is_empty());
}

#[rstest]
#[case::without_funds(NO_FUNDS, DeclineClass::WaitFunds)]
#[case::for_want_of_authentication(WANTS_AUTHENTICATION, DeclineClass::NeedsSca)]
#[tokio::test]
async fn a_refused_charge_keeps_the_payment_it_left_behind(
    #[case] body: &str,
    #[case] class: DeclineClass,
) {
    let peer = Peer::answering([Reply::status(402, body)]).await;
    let outcome = stripe(&peer.url).charge(&renewal("cus_1", "pm_1")).await.unwrap();
    let Outcome::Declined { reference, decline } = outcome else { panic!("not declined") };
    assert_eq!((reference.as_deref(), decline.class), (Some("pi_2"), class));
}

#[rstest]
#[case::a_key_used_for_another_order(400, json!({ "type": "idempotency_error" }), TellStaff)]
#[case::a_wrong_secret_key(401, json!({ "type": "invalid_request_error" }), TellStaff)]
#[case::a_key_without_the_right(403, json!({ "type": "invalid_request_error" }), TellStaff)]
#[case::the_first_call_still_runs(409, json!({ "code": "idempotency_key_in_use" }), SendSameKeyAgain)]
#[case::a_locked_object(429, json!({ "code": "lock_timeout" }), SendSameKeyAgain)]
#[case::a_repeat_to_the_issuer(402, json!({ "decline_code": "duplicate_transaction" }), ResolveFirst)]
#[case::stripe_fails(500, json!({ "type": "api_error" }), ResolveFirst)]
#[case::stripe_is_away(503, json!({}), ResolveFirst)]
#[case::an_unfollowed_redirect(302, json!({}), ResolveFirst)]
#[case::a_silent_bank(424, json!({ "type": "api_error" }), ResolveFirst)]
#[tokio::test]
async fn a_refusal_that_is_no_verdict_says_what_to_do(
    #[case] status: u16,
    #[case] error: Value,
    #[case] remedy: Remedy,
) {
    let reply = Reply::status(status, &json!({ "error": error }));
    assert_eq!(refused_charge(reply).await.remedy(), remedy);
}

#[tokio::test]
async fn a_replayed_failure_stays_unknown() {
    let reply = Reply::status(500, &json!({ "error": { "type": "api_error" } }))
        .with_header("idempotent-replayed", "true");
    assert!(matches!(refused_charge(reply).await, GatewayError::Unknown(_)));
}

#[rstest]
#[case::no_json(Reply::ok("<html>"))]
#[case::no_payment(Reply::ok("{}"))]
#[case::a_refusal_without_a_reason(Reply::status(402, "<html>"))]
#[case::half_an_answer(Reply::BreaksOff)]
#[case::live_money_under_a_test_key(
    Reply::ok(&edited(PAID, |intent| intent["livemode"] = json!(true)))
)]
#[tokio::test]
async fn an_answer_that_cannot_be_read_leaves_the_charge_unknown(#[case] reply: Reply) {
    assert!(matches!(refused_charge(reply).await, GatewayError::Unknown(_)));
}

#[rstest]
#[case::too_fast(429, "rate_limit")]
#[case::the_first_call_still_runs(409, "idempotency_key_in_use")]
#[tokio::test]
async fn stripe_says_how_long_to_wait(#[case] status: u16, #[case] code: &str) {
    let reply = Reply::status(status, &json!({ "error": { "code": code } }))
        .with_header("retry-after", "7");
    let GatewayError::RateLimited { retry_after } = refused_charge(reply).await else {
        panic!("not asked to slow down")
    };
    assert_eq!(retry_after.map(|wait| wait.as_secs()), Some(7));
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = stripe(&nobody).charge(&renewal("cus_1", "pm_1")).await.unwrap_err();
    assert!(matches!(error, GatewayError::NotSent(_)));
}

#[tokio::test]
async fn a_lost_charge_is_looked_for_through_the_whole_list() {
    let other = |place: u128| {
        edited(PAID, |intent| {
            intent["id"] = json!(format!("pi_other_{place}"));
            intent["metadata"] =
                json!({ "rondo_attempt": id::<rondo::domain::ids::kind::Attempt>(place) });
        })
    };
    let ours: Value = serde_json::from_str(PAID).unwrap();
    let pages = [list(&[other(7), other(8)], true), list(&[other(9), ours], false)];
    let peer = Peer::answering(pages).await;
    let lost = trace(&renewal("cus_1", "pm_1"));
    let sighting = stripe(&peer.url).find_charge(&lost).await.unwrap();
    assert!(matches!(sighting, Sighting::Found(Outcome::Paid(paid)) if paid.reference == "pi_1"));

    let [first, second] = &peer.calls()[..] else { panic!("not two pages") };
    assert_eq!(first.value("customer"), Some("cus_1"));
    let since: i64 = first.value("created[gte]").unwrap().parse().unwrap();
    assert_eq!(since, lost.not_before.timestamp());
    assert_eq!(first.value("starting_after"), None);
    assert_eq!(second.value("starting_after"), Some("pi_other_8"));
}

#[tokio::test]
async fn a_list_that_breaks_off_proves_nothing() {
    let other = edited(PAID, |intent| intent["metadata"] = json!({}));
    let lost = trace(&renewal("cus_1", "pm_1"));

    let replies = [list(std::slice::from_ref(&other), true), Reply::status(503, "")];
    let broken = Peer::answering(replies).await;
    let error = stripe(&broken.url).find_charge(&lost).await.unwrap_err();
    assert_eq!(error.remedy(), ResolveFirst);

    let endless = std::iter::repeat_n(list(&[other], true), 1000);
    let endless = Peer::answering(endless).await;
    let error = stripe(&endless.url).find_charge(&lost).await.unwrap_err();
    assert_eq!(error.remedy(), ResolveFirst);
}

#[tokio::test]
async fn a_known_charge_that_stripe_does_not_know_is_for_staff() {
    let absent = json!({ "error": { "code": "resource_missing" } });
    let peer = Peer::answering([Reply::status(404, &absent)]).await;
    let lost = trace(&renewal("cus_1", "pm_1"));
    let known = ChargeTrace { reference: Some("pi_1".to_owned()), ..lost };
    let error = stripe(&peer.url).find_charge(&known).await.unwrap_err();
    assert_eq!(error.remedy(), TellStaff);
}

#[rstest]
#[case::of_a_known_customer_who_stores_the_card(Some("cus_1"), true, [true, true, false])]
#[case::of_a_known_customer(Some("cus_1"), false, [true, false, false])]
#[case::of_someone_new_who_stores_the_card(None, true, [false, true, true])]
#[case::of_someone_new(None, false, [false, false, false])]
#[tokio::test]
async fn a_page_takes_a_payment(
    #[case] customer: Option<&str>,
    #[case] store_method: bool,
    #[case] names: [bool; 3],
) {
    let peer = Peer::answering([Reply::ok(PAGE_TO_PAY)]).await;
    let page = stripe(&peer.url).checkout(&page_order(customer, store_method)).await.unwrap();
    assert_eq!(page.reference, "cs_test_1");
    assert_eq!(page.url, "https://checkout.stripe.com/c/pay/cs_test_1");

    let [call] = &peer.calls()[..] else { panic!("not one call") };
    let optional = ["customer", "payment_intent_data[setup_future_usage]", "customer_creation"];
    assert_eq!(optional.map(|name| call.value(name).is_some()), names);
    assert_eq!(call.value("line_items[0][price_data][unit_amount]"), Some("1999"));
    let attempt = page_order(None, false).attempt.to_string();
    assert_eq!(call.value("payment_intent_data[metadata][rondo_attempt]"), Some(attempt.as_str()));
    assert_eq!(call.header("idempotency-key"), Some(attempt.as_str()));
}

#[tokio::test]
async fn an_open_page_is_a_payment_that_waits_for_the_customer() {
    let peer = Peer::answering([Reply::ok(PAGE_TO_PAY)]).await;
    let lost = trace(&renewal("cus_1", ""));
    let known = ChargeTrace { reference: Some("cs_test_1".to_owned()), ..lost };
    let sighting = stripe(&peer.url).find_charge(&known).await.unwrap();
    assert_eq!(
        sighting,
        Sighting::Found(Outcome::ActionRequired {
            reference: "cs_test_1".to_owned(),
            url: Some("https://checkout.stripe.com/c/pay/cs_test_1".to_owned()),
        })
    );
}

#[rstest]
#[case::of_a_known_customer(Some("cus_1"))]
#[case::of_someone_new(None)]
#[tokio::test]
async fn a_page_stores_a_card(#[case] customer: Option<&str>) {
    let open = edited(CARD_STORED, |session| {
        session["status"] = json!("open");
        session["url"] = json!("https://checkout.stripe.com/c/pay/cs_test_1");
    });
    let peer = Peer::answering([Reply::ok(&open), Reply::ok(CARD_STORED)]).await;
    let stripe = stripe(&peer.url);
    let page = stripe.setup(&setup_order(customer)).await.unwrap();
    let SetupState::Stored(method) = stripe.find_setup(&page.reference).await.unwrap() else {
        panic!("not stored")
    };
    assert_eq!((method.token.as_str(), method.last_four.as_str()), ("pm_1", "4242"));
    assert_eq!(method.customer_reference.as_deref(), Some("cus_1"));

    let calls = peer.calls();
    assert_eq!(calls[0].header("idempotency-key"), Some("setup-1"));
    assert_eq!(calls[0].value("customer"), customer);
    assert_eq!(calls[0].value("customer_creation").is_some(), customer.is_none());
    assert_eq!(calls[1].value("expand[0]"), Some("setup_intent.payment_method"));
}

#[tokio::test]
async fn a_reference_from_outside_cannot_change_the_address() {
    let peer = Peer::answering([]).await;
    let _ = stripe(&peer.url).find_setup("../../charges?limit=1#").await.unwrap_err();
    let [call] = &peer.calls()[..] else { panic!("not one call") };
    assert!(call.path.starts_with("/v1/checkout/sessions/"), "{}", call.path);
    assert_eq!(call.value("limit"), None);
}

#[rstest]
#[case::of_a_payment("pi_1", "payment_intent")]
#[case::of_an_older_charge("ch_1", "charge")]
#[tokio::test]
async fn a_refund_names_what_it_gives_back(#[case] reference: &str, #[case] name: &str) {
    let peer = Peer::answering([Reply::ok(REFUNDED)]).await;
    let order = refund_of(reference, 10, 500);
    let outcome = stripe(&peer.url).refund(&order).await.unwrap();
    assert_eq!(outcome, RefundOutcome::Refunded { reference: "re_1".to_owned() });
    let [call] = &peer.calls()[..] else { panic!("not one call") };
    let refund = order.refund.to_string();
    assert_eq!(call.header("idempotency-key"), Some(refund.as_str()));
    assert_eq!(call.value("metadata[rondo_refund]"), Some(refund.as_str()));
    assert_eq!(call.value(name), Some(reference));
}

#[rstest]
#[case::given_back_already(json!({ "code": "charge_already_refunded", "message": "No." }))]
#[case::more_than_is_left(json!({ "param": "amount", "message": "No." }))]
#[tokio::test]
async fn a_refund_that_the_charge_does_not_allow_has_failed(#[case] error: Value) {
    let peer = Peer::answering([Reply::status(400, &json!({ "error": error }))]).await;
    let outcome = stripe(&peer.url).refund(&refund_of("pi_1", 10, 500)).await.unwrap();
    assert_eq!(outcome, RefundOutcome::Failed { reason: "No.".to_owned() });
}

#[tokio::test]
async fn a_lost_refund_is_looked_for_among_the_charges_own() {
    let refund: Value = serde_json::from_str(REFUNDED).unwrap();
    let peer = Peer::answering([list(&[refund], false), list(&[], false)]).await;
    let stripe = stripe(&peer.url);
    let found = stripe.find_refund(&refund_of("pi_1", 10, 500)).await.unwrap();
    let reference = "re_1".to_owned();
    assert_eq!(found, RefundSighting::Found(RefundOutcome::Refunded { reference }));
    let absent = stripe.find_refund(&refund_of("pi_1", 11, 500)).await.unwrap();
    assert_eq!(absent, RefundSighting::NotFound);
    assert!(peer.calls().iter().all(|call| call.value("payment_intent") == Some("pi_1")));
}

/// A delivery signed by the test's own hand.
pub fn signed(event: &Value, sent_at: DateTime<Utc>) -> Delivery {
    let (body, time) = (event.to_string(), sent_at.timestamp());
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, WEBHOOK_SECRET.as_bytes());
    let tag = ring::hmac::sign(&key, format!("{time}.{body}").as_bytes());
    let hex: Vec<_> = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let header = format!("t={time},v1={}", hex.concat());
    Delivery { headers: vec![("stripe-signature".to_owned(), header)], body: body.into_bytes() }
}

fn paid_on_a_page() -> Value {
    edited(PAID, |intent| {
        intent["metadata"]["rondo_page"] = json!("checkout");
        intent["setup_future_usage"] = json!("off_session");
    })
}

fn event(intent: &Value) -> Value {
    json!({
        "id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "livemode": false,
        "data": { "object": intent },
    })
}

#[tokio::test]
async fn the_card_that_paid_on_a_page_is_read_back_before_the_news_is_told() {
    let card =
        edited(CARD_STORED, |session| *session = session["setup_intent"]["payment_method"].take());
    let mut whole = paid_on_a_page();
    whole["payment_method"] = card;
    let peer = Peer::answering([Reply::ok(&whole)]).await;
    let now = at("2026-02-28T09:00:00Z");
    let told = stripe(&peer.url).parse_webhook(&signed(&event(&paid_on_a_page()), now), now).await;
    let told = told.unwrap();
    assert_eq!((told.event_id.as_str(), told.reply_body), ("evt_1", None));
    let [News::Charge { attempt, outcome: Outcome::Paid(paid), .. }] = &told.news[..] else {
        panic!("no news of a payment")
    };
    assert_eq!(*attempt, Some(id(1)));
    assert_eq!(paid.method.as_ref().map(|method| method.token.as_str()), Some("pm_1"));
}

#[tokio::test]
async fn news_that_cannot_be_read_back_just_now_are_to_come_again() {
    let peer = Peer::answering([Reply::status(503, "")]).await;
    let now = at("2026-02-28T09:00:00Z");
    let told = stripe(&peer.url).parse_webhook(&signed(&event(&paid_on_a_page()), now), now).await;
    assert!(matches!(told, Err(WebhookError::Unverifiable(_))));
}

#[rstest]
#[case::no_key_of_stripes("https://api.stripe.com", "hunter2")]
#[case::a_publishable_key("https://api.stripe.com", "pk_test_1")]
#[case::no_address("stripe", "sk_test_1")]
#[case::no_address_to_send_to("mailto:stripe@example.org", "sk_test_1")]
fn an_account_that_cannot_work_is_refused_at_once(#[case] base_url: &str, #[case] key: &str) {
    let account = account(base_url, key);
    let refused = Stripe::new(&account, channel(&account));
    assert!(matches!(refused, Err(GatewayError::Rejected { .. })));
}

#[test]
fn the_secret_key_is_never_printed() {
    let printed = format!("{:?}", stripe("https://api.stripe.com"));
    assert!(!printed.contains("sk_test_of_localstripe") && !printed.contains(WEBHOOK_SECRET));
}
