//! One call to a gateway: what is ordered, and what its answer or silence is taken for.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Rondo,
    record::Heard,
    restored::{self, Asked, Looked},
};
use crate::{
    domain::{
        ids::{Id, kind},
        invoice::Invoice,
        payment::attempt::{Attempt, News},
    },
    gateway::{ChargeOrder, GatewayError, Remedy},
};

/// A charge to be sent, all of it committed.
#[derive(Debug, Clone)]
pub(super) struct Errand {
    attempt: Id<kind::Attempt>,
    gateway: String,
    leased_until: DateTime<Utc>,
    order: ChargeOrder,
}

impl Errand {
    /// The first sending of an attempt. None, for what the customer pays on the gateway's page.
    pub(super) fn first(
        attempt: &Attempt,
        invoice: &Invoice,
        leased_until: DateTime<Utc>,
    ) -> Option<Self> {
        let credential = attempt.credential.clone()?;
        let description = invoice.number.clone().unwrap_or_else(|| invoice.id.to_string());
        Some(Self {
            attempt: attempt.id,
            gateway: attempt.gateway.clone(),
            leased_until,
            order: ChargeOrder {
                attempt: attempt.id,
                invoice: attempt.invoice,
                amount: attempt.amount,
                method_token: credential.token,
                customer_reference: credential.customer_reference,
                initiator: attempt.initiator,
                original_transaction: credential.original_transaction,
                description,
            },
        })
    }

    /// Another sending of an attempt, if it says what the first one said: under one key, a gateway that is told
    /// anything else refuses it, or charges that (RULES CHG-2, CHG-3).
    pub(super) fn again(
        attempt: &Attempt,
        invoice: &Invoice,
        leased_until: DateTime<Utc>,
    ) -> Option<Self> {
        let errand = Self::first(attempt, invoice, leased_until)?;
        let told = attempt.request_hash.as_ref();
        let is_the_same = told.is_none_or(|told| *told == errand.request_hash());
        if !is_the_same {
            tracing::warn!(attempt = %attempt.id, "not sent again: it would read otherwise");
        }
        is_the_same.then_some(errand)
    }

    /// What is committed of the order with its attempt.
    pub(super) fn request_hash(&self) -> String {
        self.order.request_hash()
    }
}

/// Sends a charge and tells what was heard. Never fails: silence is an answer of its own.
pub(super) async fn send(rondo: &Rondo, errand: Errand) -> Heard {
    let (attempt, leased_until) = (errand.attempt, Some(errand.leased_until));
    Heard { attempt, leased_until, word: told(rondo, errand).await }
}

async fn told(rondo: &Rondo, errand: Errand) -> Word {
    let Errand { attempt, gateway, leased_until, order } = errand;
    if !rondo.may_begin(leased_until) {
        return Word::SendAgain { wait: None };
    }
    let Some(port) = rondo.gateways.get(&gateway) else {
        let reason = format!("no gateway named `{gateway}` is configured");
        return Word::News(News::Rejected { reason });
    };
    let asked = Asked {
        account: &gateway,
        attempt,
        invoice: order.invoice,
        customer_reference: order.customer_reference.as_deref(),
    };
    match restored::look_first(rondo, port.as_ref(), asked).await {
        Looked::Found { news, .. } => return Word::News(*news),
        Looked::Free if rondo.may_begin(leased_until) => {}
        Looked::Free | Looked::NotNow => return Word::SendAgain { wait: None },
    }
    match port.charge(&order).await {
        Ok(outcome) => Word::News(outcome.into()),
        Err(error) => of_error(&error),
    }
}

/// What came back of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// News of the attempt.
    News(News),
    /// A look-up saw no such charge.
    NotFound {
        /// How long after the last sending that proves something.
        proves_after: TimeDelta,
    },
    /// This gateway cannot look the charge up, and its key protects it no more.
    CannotTell,
    /// Nothing left, or the gateway did nothing: the same key is sent again after a while.
    SendAgain {
        /// How long the gateway asks to wait.
        wait: Option<Duration>,
    },
}

/// What an error says of the attempt. Only what surely did nothing may be sent again (RULES §3).
fn of_error(error: &GatewayError) -> Word {
    match error.remedy() {
        Remedy::SendSameKeyAgain => {
            let wait = match error {
                GatewayError::RateLimited { retry_after } => *retry_after,
                GatewayError::NotSent(_)
                | GatewayError::Rejected { .. }
                | GatewayError::Unauthorised
                | GatewayError::Unknown(_)
                | GatewayError::Unsupported(_) => None,
            };
            Word::SendAgain { wait }
        }
        Remedy::ResolveFirst => Word::News(News::Silence),
        Remedy::TellStaff => Word::News(News::Rejected { reason: error.to_string() }),
    }
}
