//! Webhook endpoints.

use super::time;
use crate::{
    domain::event::WebhookEndpoint,
    grpc::{
        names,
        proto::v1::{self, webhook_endpoint::State},
    },
};

/// An endpoint as the API writes it: never its secrets.
pub fn webhook_endpoint(known: &WebhookEndpoint) -> v1::WebhookEndpoint {
    let state = match (known.disabled_at, known.failing_since) {
        (Some(_), _) => State::Disabled,
        (None, Some(_)) => State::Failing,
        (None, None) => State::Enabled,
    };
    v1::WebhookEndpoint {
        name: names::name(known.id),
        uid: known.id.uuid().to_string(),
        url: known.url.clone(),
        state: state.into(),
        delivered_sequence: known.cursor,
        failing_since_time: known.failing_since.map(time::timestamp),
        disable_time: known.disabled_at.map(time::timestamp),
        etag: known.version.to_string(),
        create_time: Some(time::timestamp(known.created_at)),
    }
}
