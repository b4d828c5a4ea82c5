//! One delivery: to the address that was vetted, under the host's own name, once, without redirects
//! or proxies, and without reading an answer that never ends (RULES SSRF-1, SSRF-2, WOUT-4).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Client, Response, StatusCode, header, redirect, retry};

use super::{
    Reach,
    address::{self, Vetted},
    body, signature,
};
use crate::{
    domain::event::{Event, WebhookEndpoint},
    security::tls,
};

/// How long a receiver may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The most that is read of an answer.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// What a receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// A 2xx: it has the event.
    Taken,
    /// 410: it wants none any more.
    Gone,
    /// Anything else, silence included.
    Refused {
        /// Why, for logs: no address and no secret in it.
        reason: String,
        /// How long it asks to be left alone.
        retry_after: Option<TimeDelta>,
    },
}

impl Answer {
    fn refused(error: &dyn std::error::Error) -> Self {
        Self::Refused { reason: error.to_string(), retry_after: None }
    }
}

/// Sends one event to one endpoint, once.
pub(super) async fn send(
    endpoint: &WebhookEndpoint,
    event: &Event,
    world: DateTime<Utc>,
    reach: Reach,
) -> Answer {
    let vetted = match address::vet(&endpoint.url, reach).await {
        Ok(vetted) => vetted,
        Err(refusal) => {
            let reason = format!("the address {refusal}");
            return Answer::Refused { reason, retry_after: None };
        }
    };
    let client = match client(&vetted) {
        Ok(client) => client,
        Err(error) => return Answer::refused(&error.without_url()),
    };
    let body = body::of(event);
    let mut request = client.post(vetted.url).header(header::CONTENT_TYPE, "application/json");
    for (name, value) in signature::headers(&event.id.to_string(), world, &body, &endpoint.secrets)
    {
        request = request.header(name, value);
    }
    match request.body(body).send().await {
        Ok(response) => answer(response).await,
        Err(error) => Answer::refused(&error.without_url()),
    }
}

/// A client of this one delivery: it knows no other address of the host than those that were vetted.
fn client(vetted: &Vetted) -> reqwest::Result<Client> {
    tls::install();
    Client::builder()
        .resolve_to_addrs(&vetted.host, &vetted.addresses)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("rondo-webhooks/", env!("CARGO_PKG_VERSION")))
        .build()
}

async fn answer(response: Response) -> Answer {
    let status = response.status();
    let retry_after = retry_after(&response);
    if let Err(reason) = read_to_the_end(response).await {
        return Answer::Refused { reason, retry_after };
    }
    match status {
        StatusCode::GONE => Answer::Gone,
        _ if status.is_success() => Answer::Taken,
        _ => Answer::Refused { reason: format!("answered {status}"), retry_after },
    }
}

async fn read_to_the_end(mut response: Response) -> Result<(), String> {
    let mut read = 0;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => read += chunk.len(),
            Ok(None) => return Ok(()),
            Err(error) => return Err(error.without_url().to_string()),
        }
        if read > ANSWER_MAX_BYTES {
            return Err("the answer is too long".to_owned());
        }
    }
}

/// Whole seconds; a date would need to trust the receiver's clock.
fn retry_after(response: &Response) -> Option<TimeDelta> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    TimeDelta::try_seconds(seconds).filter(|wait| *wait > TimeDelta::zero())
}
