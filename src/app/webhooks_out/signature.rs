//! How a webhook is signed, so that its receiver can tell that it is ours (RULES WOUT-1, WOUT-2).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use ring::hmac;

const SECRET_PREFIX: &str = "whsec_";

/// The headers of one attempt, made at `at`: the id, the time and a signature for each secret. Two
/// secrets are in force while one is being replaced.
pub(super) fn headers(
    id: &str,
    at: DateTime<Utc>,
    body: &[u8],
    secrets: &[String],
) -> [(&'static str, String); 3] {
    let seconds = at.timestamp().to_string();
    let signatures: Vec<_> =
        secrets.iter().filter_map(|secret| sign(secret, id, &seconds, body)).collect();
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds),
        ("webhook-signature", signatures.join(" ")),
    ]
}

/// `v1,` and the base64 of the HMAC-SHA256 over `id.seconds.body`. Nothing for a text that is no
/// secret; the webhook then goes out without that signature and is not believed.
fn sign(secret: &str, id: &str, seconds: &str, body: &[u8]) -> Option<String> {
    let bytes = BASE64_STANDARD.decode(secret.strip_prefix(SECRET_PREFIX)?).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
    let signed = [id.as_bytes(), b".", seconds.as_bytes(), b".", body].concat();
    Some(format!("v1,{}", BASE64_STANDARD.encode(hmac::sign(&key, &signed))))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The signature was computed with `openssl dgst -sha256 -mac HMAC`.
    const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const BODY: &[u8] = br#"{"type":"invoice.paid"}"#;

    fn signature(secrets: &[&str]) -> String {
        let secrets: Vec<_> = secrets.iter().map(|&secret| secret.to_owned()).collect();
        let at = DateTime::from_timestamp(1_772_236_800, 999_000_000).unwrap();
        let [id, time, signature] = headers("evt_1", at, BODY, &secrets);
        assert_eq!(id, ("webhook-id", "evt_1".to_owned()));
        assert_eq!(time, ("webhook-timestamp", "1772236800".to_owned()));
        signature.1
    }

    #[test]
    fn a_webhook_is_signed_over_id_time_and_body() {
        assert_eq!(signature(&[SECRET]), "v1,kERYbF7vh2uaB2+OGiSDF4rO6b8G6e753l6abzY3MNE=");
    }

    #[test]
    fn while_a_secret_is_replaced_both_sign() {
        let other = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
        let both = signature(&[other, SECRET]);
        let [new, old] = both.split(' ').collect::<Vec<_>>()[..] else { panic!("{both}") };
        assert_eq!((new, old), (signature(&[other]).as_str(), signature(&[SECRET]).as_str()));
    }

    #[test]
    fn what_is_no_secret_signs_nothing() {
        assert_eq!(signature(&["plain", "whsec_***"]), "");
    }
}
