//! The sandbox's JSON: how charges, refunds and pages are told in answers and in webhooks.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    book::{Book, Charge, Page, PageState, Purpose, Refund, RefundState, State, Subject},
    chance::Chance,
    script::{self, Card, Spoken},
    webhooks::Event,
};
use crate::domain::money::Currency;

/// Renders the sandbox's objects: addresses of pages and fingerprints need a few facts of its own.
#[derive(Debug)]
pub(super) struct Wire {
    /// Where the pages are, without a slash at the end.
    pub public_url: String,
    pub chance: Chance,
}

/// A charge, as told.
#[derive(Debug, Serialize)]
pub(super) struct ChargeJson<'a> {
    pub id: &'a str,
    pub reference: &'a str,
    pub invoice: &'a str,
    pub status: &'static str,
    pub amount: i64,
    pub amount_refunded: i64,
    pub amount_reversed: i64,
    pub currency: Currency,
    pub decline: Option<DeclineJson>,
    pub action_url: Option<String>,
    pub network_transaction: Option<String>,
    pub network_advice: Option<String>,
    pub method: Option<MethodJson>,
    pub version: u32,
    pub created_at: DateTime<Utc>,
}

/// Why a charge was declined, as told.
#[derive(Debug, Serialize)]
pub(super) struct DeclineJson {
    pub code: &'static str,
    pub advice: Option<&'static str>,
    pub network: &'static str,
    pub response_code: String,
    pub network_advice: Option<String>,
    pub retry_after_hours: Option<u32>,
    pub message: &'static str,
}

/// A stored card, as told.
#[derive(Debug, Serialize)]
pub(super) struct MethodJson {
    pub token: String,
    pub customer: Option<String>,
    pub network: &'static str,
    pub brand: &'static str,
    pub last_four: &'static str,
    pub exp_month: Option<u8>,
    pub exp_year: Option<u16>,
    pub fingerprint: String,
}

/// A refund, as told.
#[derive(Debug, Serialize)]
pub(super) struct RefundJson<'a> {
    pub id: &'a str,
    pub reference: &'a str,
    pub charge: &'a str,
    pub amount: i64,
    pub currency: Currency,
    pub status: &'static str,
    pub reason: Option<&'a str>,
    pub created_at: DateTime<Utc>,
}

/// A refund in a webhook or a list: with the charge's own reference beside the sandbox's.
#[derive(Debug, Serialize)]
pub(super) struct ReturnedJson<'a> {
    pub object: &'static str,
    #[serde(flatten)]
    pub refund: RefundJson<'a>,
    pub charge_reference: &'a str,
}

/// Money taken back, as told.
#[derive(Debug, Serialize)]
pub(super) struct ReversalJson<'a> {
    pub object: &'static str,
    pub id: &'a str,
    pub charge: &'a str,
    pub charge_reference: &'a str,
    pub amount: i64,
    pub currency: Currency,
    pub status: &'static str,
    pub reason: DeclineJson,
    pub created_at: DateTime<Utc>,
}

/// A hosted page, as told.
#[derive(Debug, Serialize)]
pub(super) struct PageJson<'a> {
    pub id: &'a str,
    pub reference: &'a str,
    pub purpose: &'static str,
    pub status: &'static str,
    pub url: String,
    pub method: Option<MethodJson>,
}

impl Wire {
    /// A charge as it stood in `state`.
    pub fn charge<'a>(&self, charge: &'a Charge, state: &State) -> ChargeJson<'a> {
        let succeeded = *state == State::Succeeded;
        ChargeJson {
            id: &charge.id,
            reference: &charge.reference,
            invoice: &charge.invoice,
            status: status(state),
            amount: if succeeded { charge.takes } else { charge.ordered },
            amount_refunded: charge.refunded,
            amount_reversed: charge.reversed,
            currency: charge.currency,
            decline: decline(charge, state),
            action_url: (*state == State::ActionRequired)
                .then(|| self.page_url("authenticate", &charge.id)),
            network_transaction: succeeded.then(|| charge.id.replacen("ch_", "nt_", 1)),
            network_advice: charge.network_advice.clone().filter(|_| succeeded),
            method: charge
                .keeps_method
                .then(|| self.method(&charge.token, charge.customer.as_deref()))
                .flatten(),
            version: charge.version,
            created_at: charge.created_at,
        }
    }

    /// A page as it stands.
    pub fn page<'a>(&self, page: &'a Page) -> PageJson<'a> {
        let purpose = match page.purpose {
            Purpose::Setup => "setup",
            Purpose::Checkout { .. } => "checkout",
        };
        let (status, method) = match &page.state {
            PageState::Open => ("open", None),
            PageState::Stored { token } => ("stored", self.method(token, page.customer.as_deref())),
            PageState::Paid => ("paid", None),
            PageState::Failed => ("failed", None),
        };
        let url = self.page_url(purpose, &page.id);
        PageJson { id: &page.id, reference: &page.reference, purpose, status, url, method }
    }

    /// A refund as it stands.
    #[expect(clippy::unused_self, reason = "all that is told is asked of the wire")]
    pub fn refund<'a>(&self, book: &'a Book, at: usize) -> ReturnedJson<'a> {
        let refund = book.refund_at(at);
        ReturnedJson {
            object: "refund",
            refund: self::refund(refund, &refund.state),
            charge_reference: reference(book, &refund.charge),
        }
    }

    /// A reversal as it stands.
    #[expect(clippy::unused_self, reason = "all that is told is asked of the wire")]
    pub fn reversal<'a>(&self, book: &'a Book, at: usize) -> ReversalJson<'a> {
        let reversal = book.reversal_at(at);
        let token = book.charge(&reversal.charge).map_or("", |charge| charge.token.as_str());
        let spoken = reversal_reason(&reversal.reason).expect("only such reasons are taken in");
        let status = if reversal.reinstated_at.is_some() { "reinstated" } else { "taken_back" };
        ReversalJson {
            object: "reversal",
            id: &reversal.id,
            charge: &reversal.charge,
            charge_reference: reference(book, &reversal.charge),
            amount: reversal.amount,
            currency: reversal.currency,
            status,
            reason: DeclineJson::of(spoken, Card::parse(token).map_or("other", |c| c.network.word)),
            created_at: reversal.created_at,
        }
    }

    /// What a webhook tells of a change.
    pub fn event(&self, book: &Book, subject: Subject) -> Option<Event> {
        let (kind, status, id, version, object) = match subject {
            Subject::Charge(at) => {
                let charge = book.charge_at(at);
                let told = self.charge(charge, &charge.state);
                ("charge", told.status, &charge.id, charge.version, json!(told))
            }
            Subject::Refund(at) => {
                let refund = book.refund_at(at);
                let told = self.refund(book, at);
                ("refund", told.refund.status, &refund.id, 0, json!(told))
            }
            Subject::Reversal(at) => {
                let told = self.reversal(book, at);
                ("reversal", told.status, &book.reversal_at(at).id, 0, json!(told))
            }
            Subject::Page(at) => {
                let page = book.page_at(at);
                let told = self.page(page);
                (told.purpose, told.status, &page.id, 0, json!(told))
            }
            Subject::Nothing => return None,
        };
        let event_id = self.chance.id("evt", &[id, status, &version.to_string()]);
        let body = json!({ "id": event_id, "type": format!("{kind}.{status}"), "object": object });
        Some(Event { id: event_id, body: body.to_string() })
    }

    fn method(&self, token: &str, customer: Option<&str>) -> Option<MethodJson> {
        let card = Card::parse(token)?;
        // The script stands for the piece of plastic, the name behind the dot for one token of it.
        let (script, name) = token.split_once('.').unwrap_or((token, ""));
        Some(MethodJson {
            token: token.to_owned(),
            customer: customer.map(str::to_owned),
            network: card.network.word,
            brand: card.network.brand,
            last_four: card.network.last_four,
            exp_month: card.expiry.map(|(month, _)| month),
            exp_year: card.expiry.map(|(_, year)| year),
            fingerprint: self.chance.id("fp", &[script, customer.unwrap_or(name)]),
        })
    }

    fn page_url(&self, kind: &str, id: &str) -> String {
        format!("{}/pages/{kind}/{id}", self.public_url)
    }
}

/// A refund as it stood in `state`.
pub(super) fn refund<'a>(refund: &'a Refund, state: &'a RefundState) -> RefundJson<'a> {
    let (status, reason) = match state {
        RefundState::Succeeded => ("succeeded", None),
        RefundState::Pending { .. } => ("pending", None),
        RefundState::Failed { reason } => ("failed", Some(reason.as_str())),
    };
    RefundJson {
        id: &refund.id,
        reference: &refund.reference,
        charge: &refund.charge,
        amount: refund.amount,
        currency: refund.currency,
        status,
        reason,
        created_at: refund.created_at,
    }
}

/// A state's word.
pub(super) fn status(state: &State) -> &'static str {
    match state {
        State::Succeeded => "succeeded",
        State::Declined { .. } => "declined",
        State::Pending { .. } => "pending",
        State::ActionRequired => "action_required",
        State::Canceled => "canceled",
    }
}

fn decline(charge: &Charge, state: &State) -> Option<DeclineJson> {
    let State::Declined { reason, .. } = state else { return None };
    let spoken = script::reason(reason)?;
    Some(DeclineJson::of(spoken, Card::parse(&charge.token)?.network.word))
}

impl DeclineJson {
    fn of(spoken: Spoken, network: &'static str) -> Self {
        Self {
            code: spoken.code,
            advice: spoken.advice,
            network,
            response_code: spoken.response_code,
            network_advice: spoken.network_advice,
            retry_after_hours: spoken.wait_hours,
            message: spoken.message,
        }
    }
}

/// The word for a payment that the cardholder disputed.
pub(super) const CHARGEBACK: &str = "chargeback";

/// Why money is taken back, by this word: a chargeback, or any reason to decline.
pub(super) fn reversal_reason(word: &str) -> Option<Spoken> {
    let chargeback = || Spoken {
        code: CHARGEBACK,
        response_code: String::new(),
        network_advice: None,
        advice: None,
        wait_hours: None,
        message: "the cardholder disputes the payment",
    };
    if word == CHARGEBACK { Some(chargeback()) } else { script::reason(word) }
}

/// The caller's reference of the charge with this id.
fn reference<'a>(book: &'a Book, charge: &str) -> &'a str {
    book.charge(charge).map_or("", |charge| charge.reference.as_str())
}

/// How a declined charge looks that the sandbox takes for a repetition of another (94).
pub(super) fn as_duplicate(mut told: Value) -> Value {
    told["status"] = json!("declined");
    told["network_transaction"] = Value::Null;
    told["network_advice"] = Value::Null;
    told["decline"] = json!({
        "code": "duplicate",
        "network": "other",
        "response_code": "94",
        "message": "a duplicate transmission",
    });
    told
}

/// A call that is refused, and why.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The call makes no sense.
    Invalid(&'static str),
    /// The key was used with another order.
    KeyReused,
    /// The key's first call is still being answered.
    KeyInUse,
    /// The secret key is wrong.
    Unauthorised,
    /// There is no such thing.
    NotFound,
    /// Too fast; come back after so many seconds.
    TooFast { retry_after_s: u64 },
    /// The sandbox is down, or says so.
    Down,
    /// The sandbox failed.
    Failed,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, kind, message) = match self {
            Self::Invalid(why) => (StatusCode::BAD_REQUEST, "invalid", why),
            Self::KeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "key_reused",
                "this idempotency key came with another order",
            ),
            Self::KeyInUse => {
                (StatusCode::CONFLICT, "key_in_use", "this idempotency key is being answered")
            }
            Self::Unauthorised => {
                (StatusCode::UNAUTHORIZED, "unauthorised", "the secret key is wrong")
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "there is no such thing"),
            Self::TooFast { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_fast", "slow down"),
            Self::Down => (StatusCode::SERVICE_UNAVAILABLE, "down", "come back later"),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "failed", "something broke"),
        };
        let body = Json(json!({ "error": { "type": kind, "message": message } }));
        match self {
            Self::TooFast { retry_after_s } => {
                (status, [(header::RETRY_AFTER, retry_after_s.to_string())], body).into_response()
            }
            _ => (status, body).into_response(),
        }
    }
}
