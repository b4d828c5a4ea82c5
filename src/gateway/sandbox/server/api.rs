//! The sandbox's API: reads a call, runs it at the desk, tells the answer.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, Path, Query, State},
    http::HeaderMap,
    response::Response,
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    book::{Entry, First, Page, PageState, Purpose, Sent},
    charging::{self, Answer, NewCharge, Seen},
    desk::{Call, Desk},
    ledger::Pen,
    line::Line,
    refunding::{self, NewRefund},
    wire::{self, Refusal},
};
use crate::domain::money::Currency;

type Told = Result<Json<Value>, Refusal>;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/v1/charges", get(list_charges).post(new_charge))
        .route("/v1/charges/{id}", get(get_charge))
        .route("/v1/charges/{id}/cancel", post(cancel_charge))
        .route("/v1/lookup", get(look_up))
        .route("/v1/refunds", get(find_refund).post(new_refund))
        .route("/v1/refunds/{id}", get(get_refund))
        .route("/v1/setups", post(new_setup))
        .route("/v1/checkouts", post(new_checkout))
        .route("/v1/pages/{id}", get(get_page))
        .route("/v1/pages/{id}/cancel", post(cancel_page))
}

async fn new_charge(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let call = Call::<NewCharge>::read("charge", &headers, &body)?;
    let _busy = desk.occupy(&call.sent.key)?;
    let answer = desk.commit(|pen| charging::charge(&desk, pen, &call)).await??;
    Ok(answer.tell(&desk, &line).await)
}

async fn get_charge(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Told {
    desk.commit(|pen| match charging::look_up(pen, &id) {
        Seen::Charge => told_charge(&desk, pen, &id),
        Seen::Nothing => Err(Refusal::NotFound),
        Seen::Failure => Err(Refusal::Failed),
    })
    .await?
}

async fn cancel_charge(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Told {
    desk.commit(|pen| {
        charging::cancel(pen, &id)?;
        told_charge(&desk, pen, &id)
    })
    .await?
}

fn told_charge(desk: &Desk, pen: &Pen, id: &str) -> Told {
    let charge = pen.book().charge(id).ok_or(Refusal::NotFound)?;
    Ok(Json(json!(desk.wire.charge(charge, &charge.state))))
}

#[derive(Debug, Deserialize)]
struct Reference {
    reference: String,
}

/// Everything under one reference: its charges, the oldest first, and its checkout page.
async fn look_up(State(desk): State<Arc<Desk>>, Query(by): Query<Reference>) -> Told {
    desk.commit(|pen| {
        let ids: Vec<_> = pen.book().charges_of(&by.reference).map(|c| c.id.clone()).collect();
        let mut seen = Vec::new();
        for id in ids {
            match charging::look_up(pen, &id) {
                Seen::Charge => seen.push(id),
                Seen::Nothing => {}
                Seen::Failure => return Err(Refusal::Failed),
            }
        }
        let charges: Vec<_> = seen
            .iter()
            .filter_map(|id| pen.book().charge(id))
            .map(|charge| desk.wire.charge(charge, &charge.state))
            .collect();
        let checkout = pen.book().page_of(&by.reference).map(|page| desk.wire.page(page));
        Ok(Json(json!({ "charges": charges, "checkout": checkout })))
    })
    .await?
}

#[derive(Debug, Deserialize)]
struct Stretch {
    after: Option<String>,
    since: Option<DateTime<Utc>>,
    limit: Option<usize>,
}

async fn list_charges(State(desk): State<Arc<Desk>>, Query(stretch): Query<Stretch>) -> Told {
    desk.commit(|pen| {
        let book = pen.book();
        let from = match (stretch.after, stretch.since) {
            (Some(id), _) => book.place_of(&id).ok_or(Refusal::NotFound)? + 1,
            (None, Some(since)) => book.charges().partition_point(|c| c.created_at < since),
            (None, None) => 0,
        };
        let limit = stretch.limit.unwrap_or(100).clamp(1, 1_000);
        let rest = &book.charges()[from..];
        let page: Vec<_> = rest.iter().take(limit).map(|c| desk.wire.charge(c, &c.state)).collect();
        Ok(Json(json!({ "charges": page, "has_more": rest.len() > limit })))
    })
    .await?
}

async fn new_refund(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let call = Call::<NewRefund>::read("refund", &headers, &body)?;
    let _busy = desk.occupy(&call.sent.key)?;
    let answer = desk.commit(|pen| refunding::refund(&desk, pen, &call)).await??;
    Ok(answer.tell(&desk, &line).await)
}

async fn get_refund(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Told {
    desk.commit(|pen| told_refund(&desk, pen, &id)).await?
}

async fn find_refund(State(desk): State<Arc<Desk>>, Query(by): Query<Reference>) -> Told {
    desk.commit(|pen| {
        let refund = pen.book().refund_of(&by.reference).ok_or(Refusal::NotFound)?;
        let id = refund.id.clone();
        told_refund(&desk, pen, &id)
    })
    .await?
}

fn told_refund(desk: &Desk, pen: &mut Pen, id: &str) -> Told {
    refunding::look_up(desk, pen, id)?;
    let refund = pen.book().refund(id).ok_or(Refusal::NotFound)?;
    Ok(Json(json!(wire::refund(refund, &refund.state))))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSetup {
    reference: String,
    customer: String,
    return_url: String,
}

async fn new_setup(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Told {
    let call = Call::<NewSetup>::read("setup", &headers, &body)?;
    let NewSetup { reference, customer, return_url } = call.order;
    open_page(&desk, call.sent, |sent| Page {
        id: desk.wire.chance.id("se", &[&reference, &sent.key]),
        reference,
        customer: Some(customer),
        return_url,
        purpose: Purpose::Setup,
        opened_at: desk.now(),
        state: PageState::Open,
        sent,
    })
    .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCheckout {
    reference: String,
    invoice: String,
    amount: i64,
    currency: Currency,
    customer: Option<String>,
    store_method: bool,
    description: String,
    return_url: String,
}

async fn new_checkout(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Told {
    let Call { sent, order } = Call::<NewCheckout>::read("checkout", &headers, &body)?;
    if order.amount <= 0 {
        return Err(Refusal::Invalid("the amount must be more than nothing"));
    }
    open_page(&desk, sent, |sent| Page {
        id: desk.wire.chance.id("co", &[&order.reference, &sent.key]),
        reference: order.reference,
        customer: order.customer,
        return_url: order.return_url,
        purpose: Purpose::Checkout {
            invoice: order.invoice,
            amount: order.amount,
            currency: order.currency,
            description: order.description,
            keeps_method: order.store_method,
        },
        opened_at: desk.now(),
        state: PageState::Open,
        sent,
    })
    .await
}

async fn open_page(desk: &Desk, sent: Sent, opened: impl FnOnce(Sent) -> Page) -> Told {
    let key = sent.key.clone();
    let _busy = desk.occupy(&key)?;
    let answer = desk
        .commit(|pen| {
            let page = match desk.answered(pen, &sent)?.map(|first| first.what) {
                Some(First::Page(at)) => return Ok(told_page(desk, pen.book().page_at(at))),
                Some(First::Charge(..) | First::Refund(..)) => return Err(Refusal::KeyReused),
                None => opened(sent),
            };
            let is_web = |url: &str| url.starts_with("https://") || url.starts_with("http://");
            if !is_web(&page.return_url) {
                return Err(Refusal::Invalid("the return address must be a web address"));
            }
            let told = told_page(desk, &page);
            pen.write(Entry::Page(Box::new(page)));
            Ok(told)
        })
        .await??;
    Ok(Json(answer.body))
}

async fn get_page(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Told {
    desk.commit(|pen| {
        let page = pen.book().page(&id).ok_or(Refusal::NotFound)?;
        Ok(Json(told_page(&desk, page).body))
    })
    .await?
}

async fn cancel_page(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Told {
    desk.commit(|pen| {
        let page = pen.book().page(&id).ok_or(Refusal::NotFound)?;
        match page.state {
            PageState::Open => {
                pen.write(Entry::PageClosed { page: id.clone(), state: PageState::Failed });
            }
            PageState::Failed => {}
            PageState::Stored { .. } | PageState::Paid => {
                return Err(Refusal::Invalid("the page has come to its end"));
            }
        }
        let page = pen.book().page(&id).ok_or(Refusal::NotFound)?;
        Ok(Json(told_page(&desk, page).body))
    })
    .await?
}

fn told_page(desk: &Desk, page: &Page) -> Answer {
    Answer::plain(json!(desk.wire.page(page)))
}
