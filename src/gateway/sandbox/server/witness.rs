//! The witness: what was really taken and given back, for check lines and crash tests. It reads the
//! book as it is: no fault of a card touches it, and it counts as nobody's look-up.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};

use super::{
    book::{self, Book, Charge, RefundState},
    desk::{Control, Desk},
    wire::{Refusal, status},
};

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/ledger/summary", get(summary))
        .route("/ledger/charges", get(charges))
        .route("/control", post(control))
}

/// The answer of `GET /ledger/summary`. Amounts are minor units by currency code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Taken, before refunds.
    pub captured: BTreeMap<String, i64>,
    /// Given back, for certain.
    pub refunded: BTreeMap<String, i64>,
    /// Taken back and not given again.
    #[serde(default)]
    pub reversed: BTreeMap<String, i64>,
    /// How many charges stand in each state.
    pub charges: BTreeMap<String, u64>,
    /// The references that were captured more than once, with how often: none, if all is well.
    pub captured_again: BTreeMap<String, u64>,
}

/// A line of `GET /ledger/charges`: newline-delimited JSON, the oldest charge first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerCharge {
    /// The sandbox's id.
    pub id: String,
    /// The caller's reference.
    pub reference: String,
    /// The caller's invoice.
    pub invoice: String,
    /// The card's token.
    pub token: String,
    /// How it stands.
    pub status: String,
    /// The currency's code.
    pub currency: String,
    /// Taken, in minor units.
    pub captured: i64,
    /// Given back or on its way, in minor units.
    pub refunded: i64,
    /// Taken back and not given again, in minor units.
    #[serde(default)]
    pub reversed: i64,
}

async fn summary(State(desk): State<Arc<Desk>>) -> Result<Json<Summary>, Refusal> {
    desk.commit(|pen| summarise(pen.book())).await.map(Json)
}

async fn charges(State(desk): State<Arc<Desk>>) -> Result<Response, Refusal> {
    let lines = desk.commit(|pen| pen.book().charges().iter().map(line).collect::<Vec<_>>());
    let text = lines.await?.iter().fold(String::new(), |mut text, charge| {
        text.push_str(&serde_json::to_string(charge).expect("its fields are text and numbers"));
        text.push('\n');
        text
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from(text)).into_response())
}

async fn control(
    State(desk): State<Arc<Desk>>,
    Json(control): Json<Control>,
) -> Result<(), Refusal> {
    desk.behave(control).await
}

fn summarise(book: &Book) -> Summary {
    let mut summary = Summary::default();
    let mut captures = BTreeMap::<&str, u64>::new();
    for charge in book.charges() {
        *summary.charges.entry(status(&charge.state).to_owned()).or_default() += 1;
        if charge.state == book::State::Succeeded {
            let code = charge.currency.code().to_owned();
            *summary.captured.entry(code).or_default() += charge.takes;
            *captures.entry(&charge.reference).or_default() += 1;
            if charge.reversed != 0 {
                let code = charge.currency.code().to_owned();
                *summary.reversed.entry(code).or_default() += charge.reversed;
            }
        }
    }
    for refund in book.refunds() {
        if refund.state == RefundState::Succeeded {
            let code = refund.currency.code().to_owned();
            *summary.refunded.entry(code).or_default() += refund.amount;
        }
    }
    let again = captures.into_iter().filter(|(_, times)| *times > 1);
    summary.captured_again =
        again.map(|(reference, times)| (reference.to_owned(), times)).collect();
    summary
}

fn line(charge: &Charge) -> LedgerCharge {
    LedgerCharge {
        id: charge.id.clone(),
        reference: charge.reference.clone(),
        invoice: charge.invoice.clone(),
        token: charge.token.clone(),
        status: status(&charge.state).to_owned(),
        currency: charge.currency.code().to_owned(),
        captured: if charge.state == book::State::Succeeded { charge.takes } else { 0 },
        refunded: charge.refunded,
        reversed: charge.reversed,
    }
}
