//! The sandbox's webhooks: believed only with a fresh signature over the raw bytes (RULES WIN-1,
//! WIN-2), then translated.

use chrono::{DateTime, Utc};
use hex::FromHex as _;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use super::{outcome, refund_news, reversal_news, wire};
use crate::gateway::{Delivery, News, WebhookError, WebhookNews};

/// How far the signed time may be from ours, either way.
const TOLERANCE_S: u64 = 300;

/// Verifies `sandbox-signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`. There may be
/// several `v1`, and several secrets while one is being replaced: one match is enough.
pub(super) fn verify(
    delivery: &Delivery,
    secrets: &[SecretString],
    now: DateTime<Utc>,
) -> Result<(), WebhookError> {
    let header = delivery.header("sandbox-signature").ok_or(WebhookError::Signature)?;
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let at = parts().find(|(name, _)| *name == "t").map(|(_, at)| at);
    let at = at.ok_or(WebhookError::Signature)?;
    let seconds: i64 = at.parse().map_err(|_| WebhookError::Signature)?;
    if now.timestamp().abs_diff(seconds) > TOLERANCE_S {
        return Err(WebhookError::Signature);
    }
    let signed = [at.as_bytes(), b".", &delivery.body].concat();
    let tags: Vec<_> = parts()
        .filter(|(name, _)| *name == "v1")
        .filter_map(|(_, tag)| <[u8; 32]>::from_hex(tag).ok())
        .collect();
    let is_genuine = secrets.iter().any(|secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        tags.iter().any(|tag| hmac::verify(&key, &signed, tag).is_ok())
    });
    if is_genuine { Ok(()) } else { Err(WebhookError::Signature) }
}

/// Reads a verified body. A type that we do not know is an event without news (RULES WIN-4).
pub(super) fn read(body: &[u8]) -> Result<WebhookNews, WebhookError> {
    let event: wire::Event = serde_json::from_slice(body).map_err(unreadable)?;
    let subject = event.kind.split_once('.').map_or(event.kind.as_str(), |(subject, _)| subject);
    let news = match subject {
        "charge" => {
            let charge: wire::Charge = object(event.object)?;
            let attempt = charge.reference.parse().ok();
            let reference = charge.id.clone();
            let outcome =
                outcome(charge).map_err(|error| WebhookError::Unreadable(error.to_string()))?;
            vec![News::Charge { attempt, reference, outcome }]
        }
        "refund" => {
            vec![refund_news(object(event.object)?)]
        }
        "reversal" => vec![reversal_news(object(event.object)?)],
        "setup" => {
            let page: wire::Page = object(event.object)?;
            match page.status {
                wire::PageStatus::Stored | wire::PageStatus::Failed => {
                    vec![News::Setup { reference: page.id }]
                }
                wire::PageStatus::Open | wire::PageStatus::Paid => Vec::new(),
            }
        }
        _ => Vec::new(),
    };
    Ok(WebhookNews { event_id: event.id, news, reply_body: None })
}

fn object<T: DeserializeOwned>(object: serde_json::Value) -> Result<T, WebhookError> {
    serde_json::from_value(object).map_err(unreadable)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unreadable(error: serde_json::Error) -> WebhookError {
    WebhookError::Unreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // The digest was computed with `openssl dgst -sha256 -hmac whsec_new`.
    const BODY: &str = r#"{"id":"evt_1","type":"later.invented","object":{}}"#;
    const TAG: &str = "e8d7f2ec81f77cec3550b02e2b284e6bee6dacb60f4a9b46efa7b7f65b402a92";
    const AT: i64 = 1_772_236_800;

    fn delivery(signature: &str, body: &str) -> Delivery {
        let headers = vec![("sandbox-signature".to_owned(), signature.to_owned())];
        Delivery { headers, body: body.as_bytes().to_vec() }
    }

    fn is_believed(signature: &str, body: &str, secrets: &[&str], seconds_later: i64) -> bool {
        let secrets: Vec<_> = secrets.iter().map(|&s| SecretString::from(s)).collect();
        let now = DateTime::from_timestamp(AT + seconds_later, 0).unwrap();
        verify(&delivery(signature, body), &secrets, now).is_ok()
    }

    #[test]
    fn only_a_fresh_signature_with_one_of_our_secrets_is_believed() {
        let good = &format!("t={AT},v1={TAG}");
        let two = &format!("t={AT},v1={},v1={TAG}", "0".repeat(64));
        let moved = &format!("t={},v1={TAG}", AT + 1);
        let new = &["whsec_new"][..];
        for (signature, body, secrets, later, expected) in [
            (good, BODY, new, 0, true),
            (good, BODY, new, 300, true),
            (good, BODY, new, -300, true),
            (good, BODY, new, 301, false),
            (good, BODY, new, -301, false),
            (good, BODY, &["whsec_old", "whsec_new"][..], 0, true),
            (two, BODY, new, 0, true),
            (good, BODY, &["whsec_old"][..], 0, false),
            (good, BODY, &[][..], 0, false),
            (good, "{}", new, 0, false),
            (moved, BODY, new, 0, false),
            (&format!("v1={TAG}"), BODY, new, 0, false),
            (&format!("t={AT}"), BODY, new, 0, false),
            (&String::new(), BODY, new, 0, false),
        ] {
            let told = is_believed(signature, body, secrets, later);
            assert_eq!(told, expected, "{signature} {body} {secrets:?} {later}");
        }
    }

    #[test]
    fn an_event_of_a_type_that_is_not_known_yet_is_no_news() {
        let told = read(BODY.as_bytes()).unwrap();
        assert_eq!((told.event_id.as_str(), told.news), ("evt_1", Vec::new()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_or_the_verifier_panic(body: Vec<u8>, header: String) {
            let _ = read(&body);
            let headers = vec![("sandbox-signature".to_owned(), header)];
            let secrets = [SecretString::from("s")];
            let _ = verify(&Delivery { headers, body }, &secrets, DateTime::UNIX_EPOCH);
        }
    }
}
