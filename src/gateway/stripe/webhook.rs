//! Stripe's webhooks: whether they are genuine, and what they say.
//!
//! A signature is checked over the raw bytes before anything is read (RULES WIN-1, WIN-2). An event
//! may be of an older version than our requests, and it never holds more than ids of the objects
//! around it; what needs more is read back by the caller.

use chrono::{DateTime, TimeDelta, Utc};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

use super::{
    method, outcome, returns,
    transport::Mode,
    wire::{self, Expandable, SessionMode},
};
use crate::gateway::{Delivery, GatewayError, News, ReversalState, WebhookError};

/// How far the signature's time may be from ours, either way (RULES WIN-2).
const TOLERANCE: TimeDelta = TimeDelta::seconds(300);

/// Whether one of `secrets` signed the delivery, lately.
pub fn verify(
    delivery: &Delivery,
    secrets: &[SecretString],
    now: DateTime<Utc>,
) -> Result<(), WebhookError> {
    let header = delivery.header("stripe-signature").ok_or(WebhookError::Signature)?;
    let signed = Signed::read(header).ok_or(WebhookError::Signature)?;
    if (now - signed.at).abs() > TOLERANCE {
        return Err(WebhookError::Signature);
    }
    let genuine = secrets.iter().fold(false, |genuine, secret| {
        let expected = signature(secret, signed.time, &delivery.body);
        signed.signatures.iter().fold(genuine, |genuine, offered| {
            genuine | bool::from(expected.as_bytes().ct_eq(offered.as_bytes()))
        })
    });
    genuine.then_some(()).ok_or(WebhookError::Signature)
}

/// The `Stripe-Signature` header: `t=1760000000,v1=…,v1=…,v0=…`. Only `v1` counts.
struct Signed<'a> {
    /// The time as it was written, which is what was signed.
    time: &'a str,
    at: DateTime<Utc>,
    signatures: Vec<&'a str>,
}

impl<'a> Signed<'a> {
    fn read(header: &'a str) -> Option<Self> {
        let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
        let time = parts().find(|(name, _)| *name == "t")?.1;
        let at = DateTime::from_timestamp(time.parse().ok()?, 0)?;
        let signatures = parts().filter(|(name, _)| *name == "v1").map(|(_, hex)| hex).collect();
        Some(Self { time, at, signatures })
    }
}

fn signature(secret: &SecretString, time: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(time.as_bytes());
    context.update(b".");
    context.update(body);
    hex::encode(context.sign())
}

/// What a verified event says.
#[derive(Debug)]
pub enum Said {
    /// This, complete. Nothing, if it does not concern us.
    News(Vec<News>),
    /// That something became of this payment; the rest must be asked for.
    ReadBack(String),
    /// That money of this payment went back; the refunds must be asked for.
    ReadRefunds(String),
}

const NOTHING: Said = Said::News(Vec::new());

/// The event of a verified delivery.
pub fn read_event(body: &[u8], mode: Mode) -> Result<wire::Event, WebhookError> {
    let event: wire::Event = serde_json::from_slice(body).map_err(|why| not_ours(&why))?;
    if !mode.admits(event.livemode) {
        return Err(WebhookError::Unreadable("it is of the other mode (test or live)".to_owned()));
    }
    Ok(event)
}

/// What an event says.
pub fn said(event: &wire::Event, mode: Mode) -> Result<Said, WebhookError> {
    match event.kind.as_str() {
        "payment_intent.succeeded"
        | "payment_intent.payment_failed"
        | "payment_intent.processing"
        | "payment_intent.requires_action"
        | "payment_intent.canceled" => payment(&object(event)?, &event.kind, mode),
        "checkout.session.completed"
        | "checkout.session.async_payment_succeeded"
        | "checkout.session.async_payment_failed"
        | "checkout.session.expired" => page(&object(event)?, &event.kind, mode),
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            let news = returns::of_refund(&object(event)?).map_err(|why| not_ours(&why))?;
            Ok(Said::News(news.into_iter().collect()))
        }
        "charge.refunded" => {
            let charge: wire::RefundedCharge = object(event)?;
            let intent = charge.payment_intent.as_ref().map(|intent| intent.id().to_owned());
            Ok(intent.map_or(NOTHING, Said::ReadRefunds))
        }
        "charge.dispute.created" | "charge.dispute.updated" | "charge.dispute.closed" => {
            dispute(event, None)
        }
        "charge.dispute.funds_withdrawn" => dispute(event, Some(ReversalState::TakenBack)),
        "charge.dispute.funds_reinstated" => dispute(event, Some(ReversalState::Reinstated)),
        "payment_method.updated" | "payment_method.automatically_updated" => {
            Ok(Said::News(vec![News::MethodUpdated(method::stored(&object(event)?))]))
        }
        _ => Ok(NOTHING),
    }
}

/// News of a payment, as Stripe's answer to a question or an event tells it. One that was refused as the
/// repeat of another is none: it is looked up as planned.
pub fn charge_news(intent: &wire::PaymentIntent, mode: Mode) -> Result<Vec<News>, GatewayError> {
    if outcome::is_a_repeat(intent) {
        return Ok(Vec::new());
    }
    Ok(vec![News::Charge {
        attempt: outcome::own_id(&intent.metadata, wire::ATTEMPT),
        reference: intent.id.clone(),
        outcome: outcome::of_intent(intent, mode)?,
    }])
}

fn payment(intent: &wire::PaymentIntent, kind: &str, mode: Mode) -> Result<Said, WebhookError> {
    let is_a_try =
        matches!(kind, "payment_intent.payment_failed" | "payment_intent.requires_action");
    if is_a_try && outcome::is_made_on_a_page(intent) {
        // The page stays open for another card; its own events tell the end.
        return Ok(NOTHING);
    }
    if kind == "payment_intent.succeeded" && outcome::stores_its_method(intent) {
        return Ok(Said::ReadBack(intent.id.clone()));
    }
    charge_news(intent, mode).map(Said::News).map_err(|why| not_ours(&why))
}

fn dispute(event: &wire::Event, told: Option<ReversalState>) -> Result<Said, WebhookError> {
    let news = returns::of_dispute(&object(event)?, told).map_err(|why| not_ours(&why))?;
    Ok(Said::News(news.into_iter().collect()))
}

fn page(session: &wire::Session, kind: &str, mode: Mode) -> Result<Said, WebhookError> {
    match (session.mode, &session.payment_intent) {
        (SessionMode::Setup, _) => {
            Ok(Said::News(vec![News::Setup { reference: session.id.clone() }]))
        }
        (SessionMode::Payment, _) if kind == "checkout.session.expired" => {
            Ok(Said::News(vec![News::Charge {
                attempt: outcome::own_id(&session.metadata, wire::ATTEMPT),
                reference: session.id.clone(),
                outcome: outcome::of_checkout(session, mode).map_err(|why| not_ours(&why))?,
            }]))
        }
        (SessionMode::Payment, Some(Expandable::Id(intent))) => Ok(Said::ReadBack(intent.clone())),
        (SessionMode::Payment, Some(Expandable::Object(intent))) => {
            Ok(Said::ReadBack(intent.id.clone()))
        }
        // Free of charge, or a subscription that Stripe itself bills.
        (SessionMode::Payment, None) | (SessionMode::Subscription, _) => Ok(NOTHING),
    }
}

fn object<T: DeserializeOwned>(event: &wire::Event) -> Result<T, WebhookError> {
    T::deserialize(&event.data.object).map_err(|why| not_ours(&why))
}

fn not_ours(why: &impl ToString) -> WebhookError {
    WebhookError::Unreadable(why.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        domain::payment::decline::DeclineClass,
        gateway::{Outcome, RefundOutcome},
    };

    const SECRET: &str = "whsec_rondo_test_secret";
    const BODY: &str = concat!(
        r#"{"id":"evt_rondo_1","object":"event","type":"payment_intent.succeeded","#,
        r#""data":{"object":{"id":"pi_rondo_1","object":"payment_intent","#,
        r#""amount":1999,"currency":"usd","status":"succeeded"}}}"#,
    );
    const SIGNED_AT: i64 = 1_760_000_000;
    /// Made with another implementation of HMAC than ours.
    const SIGNATURE: &str = "5348c02fbf286ce003d7759fc2b64a59c18db45ecdb99b48c0d565aef3ce29a5";

    fn delivery(header: &str, body: &[u8]) -> Delivery {
        let header = ("stripe-signature".to_owned(), header.to_owned());
        Delivery { headers: vec![header], body: body.to_vec() }
    }

    fn verdict(header: &str, secrets: &[&str], seconds_later: i64) -> Result<(), WebhookError> {
        let secrets: Vec<_> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
        let now = DateTime::from_timestamp(SIGNED_AT + seconds_later, 0).unwrap();
        verify(&delivery(header, BODY.as_bytes()), &secrets, now)
    }

    #[rstest]
    #[case::as_signed(&[SECRET], 0)]
    #[case::at_the_edge_of_lateness(&[SECRET], 300)]
    #[case::at_the_edge_of_earliness(&[SECRET], -300)]
    #[case::while_secrets_rotate(&["whsec_new", SECRET], 0)]
    fn a_genuine_delivery_is_believed(#[case] secrets: &[&str], #[case] seconds_later: i64) {
        let header = format!("t={SIGNED_AT},v1={SIGNATURE}");
        verdict(&header, secrets, seconds_later).unwrap();
    }

    #[test]
    fn any_of_several_signatures_is_enough() {
        let wrong = "0".repeat(64);
        let header = format!("t={SIGNED_AT},v1={wrong},v1={SIGNATURE},v0={wrong}");
        verdict(&header, &[SECRET], 0).unwrap();
    }

    #[rstest]
    #[case::another_secret("t=1760000000,v1={}", &["whsec_other"], 0)]
    #[case::no_secret("t=1760000000,v1={}", &[], 0)]
    #[case::too_old("t=1760000000,v1={}", &[SECRET], 301)]
    #[case::from_the_future("t=1760000000,v1={}", &[SECRET], -301)]
    #[case::another_time("t=1760000001,v1={}", &[SECRET], 0)]
    #[case::another_scheme("t=1760000000,v0={}", &[SECRET], 0)]
    #[case::a_longer_signature("t=1760000000,v1={}00", &[SECRET], 0)]
    #[case::no_time("v1={}", &[SECRET], 0)]
    #[case::no_number("t=now,v1={}", &[SECRET], 0)]
    #[case::no_date("t=9223372036854775807,v1={}", &[SECRET], 0)]
    #[case::nothing("", &[SECRET], 0)]
    fn anything_else_is_not(
        #[case] header: &str,
        #[case] secrets: &[&str],
        #[case] seconds_later: i64,
    ) {
        let header = header.replace("{}", SIGNATURE);
        assert!(matches!(verdict(&header, secrets, seconds_later), Err(WebhookError::Signature)));
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_noticed(place in 0..BODY.len(), flip in 1_u8..=255) {
            let mut body = BODY.as_bytes().to_vec();
            body[place] ^= flip;
            let header = format!("t={SIGNED_AT},v1={SIGNATURE}");
            let now = DateTime::from_timestamp(SIGNED_AT, 0).unwrap();
            prop_assert!(verify(&delivery(&header, &body), &[SECRET.into()], now).is_err());
        }

        #[test]
        fn no_header_makes_the_reader_panic(header: String) {
            let _ = Signed::read(&header);
        }
    }

    fn told(kind: &str, object: &Value) -> Said {
        let event = json!({
            "id": "evt_1", "object": "event", "type": kind, "livemode": false,
            "data": { "object": object },
        });
        let event = read_event(event.to_string().as_bytes(), Mode::Test).unwrap();
        said(&event, Mode::Test).unwrap()
    }

    fn news(kind: &str, object: &Value) -> Vec<News> {
        match told(kind, object) {
            Said::News(news) => news,
            Said::ReadBack(reference) | Said::ReadRefunds(reference) => {
                panic!("{reference} is to be asked for")
            }
        }
    }

    const ATTEMPT: &str = "att_00000000000000000000000007";

    fn intent(status: &str, page: &str, setup_future_usage: &Value) -> Value {
        json!({
            "id": "pi_1", "amount": 1999, "amount_received": 1999, "currency": "usd",
            "status": status, "setup_future_usage": setup_future_usage,
            "metadata": { "rondo_attempt": ATTEMPT, "rondo_page": page },
            "last_payment_error": { "code": "card_declined", "decline_code": "lost_card" },
        })
    }

    #[test]
    fn a_charge_tells_its_attempt_and_outcome() {
        let declined = intent("requires_payment_method", "", &json!(null));
        let [News::Charge { attempt, reference, outcome }] =
            &news("payment_intent.payment_failed", &declined)[..]
        else {
            panic!("no news of a charge")
        };
        assert_eq!(attempt.map(|attempt| attempt.to_string()).as_deref(), Some(ATTEMPT));
        assert_eq!(reference, "pi_1");
        assert!(matches!(
            outcome,
            Outcome::Declined { decline, .. } if decline.class == DeclineClass::Never
        ));
    }

    #[test]
    fn a_refusal_as_a_repeat_tells_nothing() {
        let mut refused = intent("requires_payment_method", "", &json!(null));
        refused["last_payment_error"] = json!({ "network_decline_code": "94" });
        assert_eq!(news("payment_intent.payment_failed", &refused), []);
    }

    #[rstest]
    #[case::a_charge("payment_intent.succeeded", "", json!(null), "News([Charge")]
    #[case::a_page("payment_intent.succeeded", "checkout", json!(null), "News([Charge")]
    #[case::a_page_that_stores_the_card(
        "payment_intent.succeeded", "checkout", json!("off_session"), "ReadBack"
    )]
    #[case::a_refused_card_on_an_open_page(
        "payment_intent.payment_failed", "checkout", json!(null), "News([])"
    )]
    #[case::a_challenge_on_an_open_page(
        "payment_intent.requires_action", "checkout", json!(null), "News([])"
    )]
    #[case::not_followed("payment_intent.partially_funded", "", json!(null), "News([])")]
    fn a_payments_news_depends_on_where_it_is_made(
        #[case] kind: &str,
        #[case] page: &str,
        #[case] setup_future_usage: Value,
        #[case] expected: &str,
    ) {
        let said = format!("{:?}", told(kind, &intent("succeeded", page, &setup_future_usage)));
        assert!(said.starts_with(expected), "{said}");
    }

    #[rstest]
    #[case::set_up("checkout.session.completed", "setup", json!(null), "News([Setup")]
    #[case::set_up_in_vain("checkout.session.expired", "setup", json!(null), "News([Setup")]
    #[case::paid("checkout.session.completed", "payment", json!("pi_1"), "ReadBack(\"pi_1\")")]
    #[case::a_bank_refused(
        "checkout.session.async_payment_failed", "payment", json!("pi_1"), "ReadBack"
    )]
    #[case::given_up("checkout.session.expired", "payment", json!(null), "News([Charge")]
    #[case::free("checkout.session.completed", "payment", json!(null), "News([])")]
    fn a_pages_end_is_told_by_its_session(
        #[case] kind: &str,
        #[case] mode: &str,
        #[case] payment_intent: Value,
        #[case] expected: &str,
    ) {
        let status =
            kind.rsplit('.').next().map(|end| if end == "expired" { end } else { "complete" });
        let session = json!({
            "id": "cs_1", "mode": mode, "status": status, "payment_intent": payment_intent,
            "metadata": { "rondo_attempt": ATTEMPT },
        });
        let said = format!("{:?}", told(kind, &session));
        assert!(said.starts_with(expected), "{said}");
    }

    #[rstest]
    #[case("refund.created")]
    #[case("refund.updated")]
    #[case("charge.refund.updated")]
    fn a_refund_tells_whose_it_is(#[case] kind: &str) {
        let ours = "ref_00000000000000000000000007";
        let refund =
            json!({ "id": "re_1", "status": "succeeded", "metadata": { "rondo_refund": ours } });
        let [News::Refund { refund, outcome }] = &news(kind, &refund)[..] else {
            panic!("no news of a refund")
        };
        assert_eq!(refund.map(|refund| refund.to_string()).as_deref(), Some(ours));
        assert_eq!(*outcome, RefundOutcome::Refunded { reference: "re_1".to_owned() });
    }

    #[rstest]
    #[case("charge.dispute.created", "News([])")]
    #[case("charge.dispute.funds_withdrawn", "News([Reversal")]
    #[case("charge.dispute.funds_reinstated", "News([Reversal")]
    fn a_dispute_is_news_once_its_funds_move(#[case] kind: &str, #[case] expected: &str) {
        let dispute = json!({
            "id": "dp_1", "amount": 1999, "currency": "usd", "payment_intent": "pi_1",
            "reason": "fraudulent", "balance_transactions": [],
        });
        let said = format!("{:?}", told(kind, &dispute));
        assert!(said.starts_with(expected), "{said}");
    }

    #[test]
    fn a_refunded_charge_has_its_refunds_asked_for() {
        let charge = json!({ "id": "ch_1", "amount_refunded": 500, "payment_intent": "pi_1" });
        assert!(
            matches!(told("charge.refunded", &charge), Said::ReadRefunds(intent) if intent == "pi_1")
        );
    }

    #[test]
    fn a_renewed_card_is_told_whole() {
        let card = json!({ "id": "pm_1", "type": "card", "customer": "cus_1", "card": {
            "brand": "mastercard", "last4": "4444", "exp_month": 1, "exp_year": 2031,
        } });
        let [News::MethodUpdated(method)] =
            &news("payment_method.automatically_updated", &card)[..]
        else {
            panic!("no news of a card")
        };
        assert_eq!((method.brand.as_str(), method.last_four.as_str()), ("Mastercard", "4444"));
    }

    #[test]
    fn an_event_of_the_other_mode_is_refused() {
        let event = json!({
            "id": "evt_1", "type": "customer.deleted", "livemode": true, "data": { "object": {} },
        });
        assert!(matches!(
            read_event(event.to_string().as_bytes(), Mode::Test),
            Err(WebhookError::Unreadable(_))
        ));
    }

    #[test]
    fn an_event_that_cannot_be_read_says_so() {
        assert!(matches!(read_event(b"{", Mode::Test), Err(WebhookError::Unreadable(_))));
    }
}
