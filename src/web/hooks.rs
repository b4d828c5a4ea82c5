//! Where gateways send their webhooks. Bounded, verified over the raw bytes, kept before they are
//! acknowledged, and applied later (RULES WIN-1, WIN-4, WIN-6).

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};

use crate::{
    app::{
        Rondo,
        inbox::{self, NotReceived},
    },
    gateway::{Delivery, WebhookError},
};

const BODY_MAX_BYTES: usize = 1024 * 1024;
const HEADERS_MAX_BYTES: usize = 16 * 1024;

/// The route: `/hooks/{gateway}`, by the account's name in the configuration.
pub fn routes(rondo: Rondo) -> Router {
    Router::new().route("/hooks/{gateway}", post(receive)).with_state(rondo)
}

async fn receive(
    State(rondo): State<Rondo>,
    Path(gateway): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > HEADERS_MAX_BYTES {
        return StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response();
    }
    let Ok(body) = to_bytes(body, BODY_MAX_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let delivery = Delivery { headers: readable(&headers), body: body.to_vec() };
    let bytes = delivery.body.len();
    match inbox::receive(&rondo, &gateway, delivery).await {
        Ok(received) => {
            let outcome = if received.is_repeated { "repeated" } else { "kept" };
            count(&gateway, outcome);
            received.reply_body.unwrap_or_default().into_response()
        }
        Err(refusal) => {
            let (status, outcome) = meaning(&refusal);
            if status != StatusCode::NOT_FOUND {
                // By size alone: what is not believed is not written down (RULES WIN-6).
                tracing::warn!(gateway, bytes, outcome, "webhook not taken");
                count(&gateway, outcome);
            }
            status.into_response()
        }
    }
}

/// What a gateway is told: 503 makes it send again, what is not believed is told nothing.
fn meaning(refusal: &NotReceived) -> (StatusCode, &'static str) {
    match refusal {
        NotReceived::NoAccount => (StatusCode::NOT_FOUND, "no account"),
        NotReceived::Webhook(WebhookError::Signature) => (StatusCode::UNAUTHORIZED, "forged"),
        NotReceived::Webhook(WebhookError::Unreadable(_)) => {
            (StatusCode::BAD_REQUEST, "unreadable")
        }
        NotReceived::Webhook(WebhookError::Unverifiable(_)) => {
            (StatusCode::SERVICE_UNAVAILABLE, "unverifiable")
        }
        NotReceived::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "not kept"),
    }
}

/// The headers that are text; no gateway signs in others.
fn readable(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    headers.iter().filter_map(text).collect()
}

fn count(gateway: &str, outcome: &'static str) {
    metrics::counter!("rondo_webhooks_in_total", "gateway" => gateway.to_owned(), "outcome" => outcome)
        .increment(1);
}
