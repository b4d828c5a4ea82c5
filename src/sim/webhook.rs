//! The webhooks of a simulated provider: JSON with a signature, which a stranger cannot make.

use serde::{Deserialize, Serialize};

use crate::{
    domain::hash::fnv1a,
    gateway::{Delivery, News, WebhookError, WebhookNews},
};

const SIGNATURE: &str = "signature";

#[derive(Serialize, Deserialize)]
struct Told {
    id: String,
    news: Vec<News>,
}

/// A webhook, signed with an account's secret.
pub(super) fn signed(id: String, news: Vec<News>, secret: &str) -> Delivery {
    let body = serde_json::to_vec(&Told { id, news }).expect("news can be written as JSON");
    let headers = vec![(SIGNATURE.to_owned(), signature(&body, secret))];
    Delivery { headers, body }
}

/// What a webhook tells, if this account's secret has signed it.
pub(super) fn read(delivery: &Delivery, secret: &str) -> Result<WebhookNews, WebhookError> {
    if delivery.header(SIGNATURE) != Some(&signature(&delivery.body, secret)) {
        return Err(WebhookError::Signature);
    }
    let told: Told = serde_json::from_slice(&delivery.body)
        .map_err(|error| WebhookError::Unreadable(error.to_string()))?;
    Ok(WebhookNews { event_id: told.id, news: told.news, reply_body: None })
}

fn signature(body: &[u8], secret: &str) -> String {
    format!("{:016x}", fnv1a(body.iter().copied().chain(secret.bytes())))
}
