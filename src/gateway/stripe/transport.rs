//! How a request reaches Stripe, and what a refusing answer of Stripe's own means.
//!
//! Knows addresses, headers and status codes; nothing of payments. What a missing answer means, or
//! one that every gateway means alike, is said by [`Channel`]. A doubt about whether Stripe acted is
//! always [`GatewayError::Unknown`]: a 5xx is kept under the key and replayed, so only a look-up
//! tells what became of it.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use super::{form::Form, wire};
use crate::gateway::{AccountConfig, GatewayError, http::Channel};

const PUBLIC_ADDRESS: &str = "https://api.stripe.com";
/// The version that our shapes are written for. With later ones the stored-credential indicator
/// must be sent; with this one Stripe derives it from `off_session` and how the card was stored.
const VERSION: &str = "2026-06-24.dahlia";

/// Whether money is real. The key decides it, and every object says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Live,
    Test,
}

impl Mode {
    /// Whether an object that says `livemode` belongs to this mode. Some objects do not say.
    pub fn admits(self, livemode: Option<bool>) -> bool {
        livemode.is_none_or(|live| live == (self == Self::Live))
    }

    pub fn of_key(key: &str) -> Option<Self> {
        let is = |word: &str| {
            ["sk", "rk"].iter().any(|kind| key.starts_with(&format!("{kind}_{word}_")))
        };
        match (is("live"), is("test")) {
            (true, _) => Some(Self::Live),
            (_, true) => Some(Self::Test),
            _ => None,
        }
    }
}

/// One account's way to Stripe.
#[derive(Debug)]
pub struct Transport {
    channel: Channel,
    base: Url,
    key: SecretString,
    mode: Mode,
}

/// Why a call brought nothing that we asked for.
#[derive(Debug)]
pub enum Failure {
    /// Stripe said why.
    Refused(Box<Refusal>),
    /// It is not known what Stripe did, or it did nothing.
    NoAnswer(GatewayError),
}

/// An answer that says no.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    retry_after: Option<Duration>,
    /// Stripe's reason.
    pub error: wire::ApiError,
}

impl Refusal {
    /// Whether the order was right and the payment itself failed.
    pub fn is_payment_failure(&self) -> bool {
        self.status == StatusCode::PAYMENT_REQUIRED
    }
}

impl From<Failure> for GatewayError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => remedy_of(&refusal),
            Failure::NoAnswer(error) => error,
        }
    }
}

impl Transport {
    pub fn new(account: &AccountConfig, channel: Channel) -> Result<Self, GatewayError> {
        let refused = |reason: &str| GatewayError::Rejected { reason: reason.to_owned() };
        let mode = Mode::of_key(account.secret_key.expose_secret())
            .ok_or_else(|| refused("a Stripe key starts with sk_ or rk_, then live_ or test_"))?;
        let base = Url::parse(account.base_url.as_deref().unwrap_or(PUBLIC_ADDRESS))
            .ok()
            .filter(|url| !url.cannot_be_a_base())
            .ok_or_else(|| refused("the base URL of the Stripe account is not a URL"))?;
        Ok(Self { channel, base, key: account.secret_key.clone(), mode })
    }

    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Sends an order under its idempotency key.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        idempotency_key: &str,
        form: &Form,
    ) -> Result<T, Failure> {
        let request = self
            .channel
            .client()
            .post(self.url(path))
            .header("Idempotency-Key", idempotency_key)
            .form(form.pairs());
        self.send(request).await
    }

    /// Asks, without changing anything.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &Form,
    ) -> Result<T, Failure> {
        self.send(self.channel.client().get(self.url(path)).query(query.pairs())).await
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let request =
            request.bearer_auth(self.key.expose_secret()).header("Stripe-Version", VERSION);
        let reply = self.channel.send(request).await.map_err(Failure::NoAnswer)?;
        let status = reply.status;
        let request_id = reply.header("request-id").unwrap_or_default();
        let replayed = reply.header("idempotent-replayed") == Some("true");
        tracing::debug!(%status, request_id, replayed, "Stripe answered");
        if status.is_success() {
            return reply.json().map_err(Failure::NoAnswer);
        }
        let retry_after = reply.retry_after();
        match reply.json::<wire::ErrorBody>() {
            Ok(body) => {
                Err(Failure::Refused(Box::new(Refusal { status, retry_after, error: body.error })))
            }
            // A failed payment that does not say so is none; elsewhere the status says enough.
            Err(error) if status == StatusCode::PAYMENT_REQUIRED => Err(Failure::NoAnswer(error)),
            Err(_) => {
                let error = wire::ApiError::default();
                Err(Failure::NoAnswer(remedy_of(&Refusal { status, retry_after, error })))
            }
        }
    }

    /// The address of `path`, whose parts are escaped: a reference never changes the address.
    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("the constructor refuses a base without a path")
            .pop_if_empty()
            .extend(["v1"].iter().chain(path));
        url
    }
}

/// What to do after a 4xx that is no verdict on a payment. What every gateway means alike, 401, 403,
/// 408, 429 and 5xx, never comes here: [`Channel::send`] says what those mean.
fn remedy_of(refusal: &Refusal) -> GatewayError {
    let Refusal { status, retry_after, ref error } = *refusal;
    let in_use = ["idempotency_key_in_use", "lock_timeout"];
    match status {
        // The first call under this key is still running, or something holds the object's lock.
        StatusCode::CONFLICT => GatewayError::RateLimited { retry_after },
        _ if error.code.as_deref().is_some_and(|code| in_use.contains(&code)) => {
            GatewayError::RateLimited { retry_after }
        }
        // A bank's silence: the request may have gone through.
        StatusCode::FAILED_DEPENDENCY => GatewayError::Unknown(reason(status, error).into()),
        status => GatewayError::Rejected { reason: reason(status, error) },
    }
}

/// The refusal in one line, for staff.
fn reason(status: StatusCode, error: &wire::ApiError) -> String {
    let said = [&error.kind, &error.code, &error.param, &error.message];
    let said: Vec<_> = said.into_iter().flatten().map(String::as_str).collect();
    format!("HTTP {}: {}", status.as_u16(), said.join(": "))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::gateway::Remedy::{self, ResolveFirst, SendSameKeyAgain, TellStaff};

    #[rstest]
    #[case::parameters_of_another_order(400, "idempotency_error", "", TellStaff)]
    #[case::a_wrong_parameter(400, "invalid_request_error", "parameter_unknown", TellStaff)]
    #[case::an_absent_object(404, "invalid_request_error", "resource_missing", TellStaff)]
    #[case::the_first_call_still_runs(
        409,
        "idempotency_error",
        "idempotency_key_in_use",
        SendSameKeyAgain
    )]
    #[case::a_locked_object(409, "invalid_request_error", "lock_timeout", SendSameKeyAgain)]
    #[case::a_locked_object(400, "invalid_request_error", "lock_timeout", SendSameKeyAgain)]
    #[case::a_silent_bank(424, "api_error", "", ResolveFirst)]
    fn a_refusal_says_what_to_do_next(
        #[case] status: u16,
        #[case] kind: &str,
        #[case] code: &str,
        #[case] remedy: Remedy,
    ) {
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let refusal = Refusal {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: None,
            error: wire::ApiError { kind: said(kind), code: said(code), ..Default::default() },
        };
        assert_eq!(remedy_of(&refusal).remedy(), remedy);
    }

    #[rstest]
    #[case("sk_live_1", Some(Mode::Live))]
    #[case("rk_live_1", Some(Mode::Live))]
    #[case("sk_test_1", Some(Mode::Test))]
    #[case("rk_test_1", Some(Mode::Test))]
    #[case("pk_live_1", None)]
    #[case("", None)]
    fn a_key_tells_whether_money_is_real(#[case] key: &str, #[case] mode: Option<Mode>) {
        assert_eq!(Mode::of_key(key), mode);
    }

    #[test]
    fn an_object_of_the_other_mode_is_not_ours() {
        assert!(Mode::Live.admits(Some(true)) && Mode::Test.admits(Some(false)));
        assert!(!Mode::Live.admits(Some(false)) && !Mode::Test.admits(Some(true)));
        assert!(Mode::Live.admits(None) && Mode::Test.admits(None));
    }
}
