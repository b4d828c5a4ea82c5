//! The one HTTP client that speaks to gateways, and the one place that says what a broken call means.
//!
//! It decides where "nothing happened" ends and "something may have happened" begins: before the
//! first byte leaves it is [`GatewayError::NotSent`], after it [`GatewayError::Unknown`] (RULES §3).
//! It never repeats a call, never follows a redirect and never reads a body without end.

use std::time::Duration;

use reqwest::{
    Client, RequestBuilder, Response, StatusCode, header, header::HeaderMap, redirect, retry,
};
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::time::Instant;

use super::{GatewayError, limiter::Limiter};

/// The most that is read of a reply; no gateway's answer to one call comes near it.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The longest that a gateway may ask us to wait; what is longer is a mistake of its.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// How long a call may take (RULES WRK-2: shorter than the lease of the job that makes it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// Until the last byte of the answer.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), total: Duration::from_secs(25) }
    }
}

/// A client for calls to gateways. Make one and share it: it holds the pool of connections.
///
/// It takes ring for TLS; where the process chose no provider yet, this chooses it.
pub fn client(timeouts: Timeouts) -> reqwest::Result<Client> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Err means that another thread has just chosen: there is a provider either way.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    Client::builder()
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.total)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("rondo/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The way to one account at one gateway: the shared client, and the account's own limits.
#[derive(Debug)]
pub struct Channel {
    client: Client,
    limiter: Limiter,
    patience: Duration,
}

impl Channel {
    /// A channel of its own limits over the shared client. A call is over after `patience`, the wait for its
    /// turn included.
    pub const fn new(client: Client, limiter: Limiter, patience: Duration) -> Self {
        Self { client, limiter, patience }
    }

    /// The client, to build a request with. Send it by [`Channel::send`] and nothing else.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Sends one request once, within the account's limits, and reads the whole answer.
    ///
    /// What every gateway means alike is an error here: 401 and 403, 429, 408, 3xx and 5xx. All
    /// else, a 2xx or a 4xx with its reason, is the adapter's to translate.
    pub async fn send(&self, request: RequestBuilder) -> Result<Reply, GatewayError> {
        let called = Instant::now();
        let _permit = self.limiter.enter(self.patience).await?;
        let left = self.patience.saturating_sub(called.elapsed());
        let response = request.timeout(left).send().await.map_err(broken)?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = read(response).await;
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(GatewayError::Unauthorised),
            StatusCode::TOO_MANY_REQUESTS => {
                Err(GatewayError::RateLimited { retry_after: retry_after(&headers) })
            }
            StatusCode::REQUEST_TIMEOUT => Err(unknown(NoAnswer::Status(status))),
            _ if status.is_success() || status.is_client_error() => {
                Ok(Reply { status, headers, body: body? })
            }
            _ => Err(unknown(NoAnswer::Status(status))),
        }
    }
}

/// A whole answer: a 2xx, or a 4xx that has a reason in it.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    headers: HeaderMap,
    /// The raw body, at most [`MAX_BODY_BYTES`].
    pub body: Vec<u8>,
}

impl Reply {
    /// A header's text, if it is there and is one.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the gateway asks to wait, an hour at most.
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers)
    }

    /// The body read as JSON. What cannot be read is no answer, whatever its status says.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, GatewayError> {
        serde_json::from_slice(&self.body).map_err(|error| unknown(NoAnswer::Unreadable(error)))
    }
}

/// Why a call that left brought no usable answer.
#[derive(Debug, Error)]
pub enum NoAnswer {
    /// Timed out, or the connection broke.
    #[error("the connection failed after the call was sent")]
    Broken(#[source] reqwest::Error),
    /// A status that says neither yes nor no.
    #[error("the gateway answered {0}")]
    Status(StatusCode),
    /// More than [`MAX_BODY_BYTES`].
    #[error("the answer is too long")]
    TooLong,
    /// Not the JSON that was agreed on.
    #[error("the answer cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// The adapter could not make sense of a well-formed answer.
    #[error("the answer makes no sense: {0}")]
    Senseless(&'static str),
}

/// A reason for no answer, as the gateway error that it is.
pub fn unknown(reason: NoAnswer) -> GatewayError {
    GatewayError::Unknown(Box::new(reason))
}

/// Addresses can carry ids and tokens, so they are cut off the error before anyone can log it.
fn broken(error: reqwest::Error) -> GatewayError {
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        GatewayError::NotSent(error.into())
    } else {
        unknown(NoAnswer::Broken(error))
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, GatewayError> {
    let mut body = Vec::new();
    while let Some(chunk) =
        response.chunk().await.map_err(|error| unknown(NoAnswer::Broken(error.without_url())))?
    {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(unknown(NoAnswer::TooLong));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whole seconds only: gateways use that form, and the other (a date) would need a clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    const QUICK: Timeouts =
        Timeouts { connect: Duration::from_secs(1), total: Duration::from_millis(300) };

    fn channel() -> Channel {
        Channel::new(client(QUICK).unwrap(), Limiter::new(1_000, 8), QUICK.total)
    }

    /// A server that reads one request, says `reply` and hangs up.
    async fn says(reply: Vec<u8>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(&reply).await;
        });
        format!("http://{address}/charges?token=tok_secret")
    }

    async fn call(url: &str) -> Result<Reply, GatewayError> {
        let channel = channel();
        channel.send(channel.client().post(url)).await
    }

    #[tokio::test]
    async fn each_status_means_one_thing() {
        for (head, expected) in [
            ("200 OK", "Reply 200"),
            ("402 Payment Required", "Reply 402"),
            ("401 Unauthorized", "Unauthorised"),
            ("403 Forbidden", "Unauthorised"),
            ("429 Too Many Requests\r\nretry-after: 7", "RateLimited 7"),
            ("408 Request Timeout", "Unknown"),
            ("302 Found\r\nlocation: /elsewhere", "Unknown"),
            ("500 Internal Server Error", "Unknown"),
            ("503 Service Unavailable", "Unknown"),
        ] {
            let url =
                says(format!("HTTP/1.1 {head}\r\ncontent-length: 2\r\n\r\n{{}}").into()).await;
            let told = match call(&url).await {
                Ok(reply) => format!("Reply {}", reply.status.as_u16()),
                Err(GatewayError::Unauthorised) => "Unauthorised".to_owned(),
                Err(GatewayError::RateLimited { retry_after: Some(wait) }) => {
                    format!("RateLimited {}", wait.as_secs())
                }
                Err(GatewayError::Unknown(_)) => "Unknown".to_owned(),
                Err(other) => format!("{other:?}"),
            };
            assert_eq!(told, expected, "{head}");
        }
    }

    #[tokio::test]
    async fn a_refused_connection_is_a_call_that_never_left() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/?token=tok_secret", listener.local_addr().unwrap());
        drop(listener);
        assert!(matches!(call(&url).await, Err(GatewayError::NotSent(_))));
    }

    #[tokio::test]
    async fn silence_a_torn_answer_and_an_endless_one_leave_the_outcome_unknown() {
        let endless =
            [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; MAX_BODY_BYTES + 1]].concat();
        for reply in [
            Vec::new(),
            b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{".to_vec(),
            b"HTTP/1.1 2".to_vec(),
            endless,
        ] {
            let answer = call(&says(reply).await).await;
            assert!(matches!(answer, Err(GatewayError::Unknown(_))), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_takes_too_long_leaves_the_outcome_unknown() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        // The connection is accepted by the machine, and nobody ever answers.
        assert!(matches!(call(&url).await, Err(GatewayError::Unknown(_))));
        drop(listener);
    }

    #[tokio::test]
    async fn no_error_shows_the_address_that_was_called() {
        let url = says(Vec::new()).await;
        let error = call(&url).await.unwrap_err();
        assert!(!format!("{error:?}").contains("tok_secret"), "{error:?}");
    }
}
