//! How long a caller waits (RULES API-10): what is not done by then is not done at all.
//!
//! A deadline comes as the metadata `grpc-timeout`, which each gRPC library writes for itself. When it
//! passes, the call's work is dropped where it stands, and its transaction with it; one that was being
//! committed just then may have come through, so that the same `request_id` finds its answer. A stream
//! that has begun sends until then.

use std::time::Duration;

use axum::{extract::Request, http::HeaderMap, middleware::Next, response::Response};
use futures::{FutureExt as _, Stream, StreamExt as _, stream};
use tokio::time::Instant;
use tonic::Status;

use super::errors::ApiError;

/// The metadata in which it comes.
const HEADER: &str = "grpc-timeout";
/// The most digits that it may have, which is more than three years of seconds.
const DIGITS_MAX: usize = 8;

/// When a caller stops waiting.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    wait: Duration,
}

impl Deadline {
    fn passed(self) -> Status {
        ApiError::DeadlinePassed { wait: self.wait }.into()
    }

    /// The same stream, which ends when the caller stops waiting.
    pub fn end<T>(
        deadline: Option<Self>,
        stream: impl Stream<Item = Result<T, Status>>,
    ) -> impl Stream<Item = Result<T, Status>> {
        let at = deadline.map(|deadline| deadline.at);
        let passed = async move {
            match at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let last = stream::iter(deadline).map(|deadline| Err(deadline.passed()));
        stream.take_until(passed.boxed()).chain(last)
    }
}

/// Lets a call work until its caller stops waiting.
pub async fn keep(mut request: Request, next: Next) -> Response {
    let wait = match wait(request.headers()) {
        Ok(None) => return next.run(request).await,
        Ok(Some(wait)) => wait,
        Err(refusal) => return Status::from(refusal).into_http(),
    };
    let deadline = Deadline { at: Instant::now() + wait, wait };
    if wait.is_zero() {
        return deadline.passed().into_http();
    }
    request.extensions_mut().insert(deadline);
    let answer = tokio::time::timeout_at(deadline.at, next.run(request)).await;
    answer.unwrap_or_else(|_| deadline.passed().into_http())
}

fn wait(headers: &HeaderMap) -> Result<Option<Duration>, ApiError> {
    headers
        .get(HEADER)
        .map(|value| value.to_str().ok().and_then(read).ok_or(ApiError::DeadlineUnreadable))
        .transpose()
}

/// A number of at most eight digits, and its unit: `200m` are 200 milliseconds.
fn read(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = (1..=DIGITS_MAX).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit());
    let count: u64 = digits.parse().ok().filter(|_| is_number)?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3_600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_number_and_its_unit() {
        for (text, wait) in [
            ("1H", Some(Duration::from_hours(1))),
            ("99999999H", Some(Duration::from_hours(99_999_999))),
            ("2M", Some(Duration::from_mins(2))),
            ("10S", Some(Duration::from_secs(10))),
            ("0S", Some(Duration::ZERO)),
            ("200m", Some(Duration::from_millis(200))),
            ("7u", Some(Duration::from_micros(7))),
            ("5n", Some(Duration::from_nanos(5))),
            ("", None),
            ("S", None),
            ("10", None),
            ("-1S", None),
            ("+1S", None),
            ("1.5S", None),
            ("123456789S", None),
            ("10s", None),
            ("10 S", None),
            ("1µ", None),
        ] {
            assert_eq!(read(text), wait, "{text}");
        }
    }
}
