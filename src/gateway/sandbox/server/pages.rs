//! The pages on which a customer stores a card, pays, or confirms a payment. Plain HTML without a
//! script and without a field for a card number: the cards are the magic ones.
//!
//! A page is known by its unguessable id alone; it has no cookie that another site could ride on.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form, Router,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use serde::Deserialize;

use super::{
    book::{self, Entry, Page, PageState, Purpose},
    cards::ON_PAGES,
    charging,
    desk::Desk,
    ledger::Pen,
    script::{self, Card},
    wire::Refusal,
};
use crate::domain::money::Money;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/pages/setup/{id}", get(show).post(choose))
        .route("/pages/checkout/{id}", get(show).post(choose))
        .route("/pages/authenticate/{id}", get(show_authentication).post(authenticate))
        .route("/pages/sandbox.css", get(style))
        .layer(middleware::map_response(guarded))
}

#[derive(Debug, Template)]
#[template(path = "pages/sandbox_choose.html")]
struct ChoosePage {
    /// What is paid for, if it is a payment.
    payment: Option<(Money, String)>,
    keeps_method: bool,
    cards: &'static [(&'static str, &'static str)],
    /// Why the card chosen before did not do.
    refused: Option<&'static str>,
}

#[derive(Debug, Template)]
#[template(path = "pages/sandbox_authenticate.html")]
struct AuthenticatePage {
    payment: Option<Money>,
    /// The card chosen on the page before, to be sent along.
    card: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "pages/sandbox_done.html")]
struct DonePage {
    message: &'static str,
    return_url: Option<String>,
}

/// What the customer's browser sends.
#[derive(Debug, Deserialize)]
struct Choice {
    card: Option<String>,
    answer: Option<Reply>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Approve,
    Refuse,
    GiveUp,
}

/// What a browser gets back.
enum Sheet {
    Choose(ChoosePage),
    Authenticate(AuthenticatePage),
    Done(DonePage),
    Return(String),
}

impl IntoResponse for Sheet {
    fn into_response(self) -> Response {
        let page = match &self {
            Self::Choose(page) => page.render(),
            Self::Authenticate(page) => page.render(),
            Self::Done(page) => page.render(),
            Self::Return(url) => return Redirect::to(url).into_response(),
        };
        match page {
            Ok(page) => Html(page).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

async fn show(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Result<Sheet, Refusal> {
    desk.commit(|pen| {
        let page = pen.book().page(&id).ok_or(Refusal::NotFound)?;
        Ok(closed(page).unwrap_or_else(|| choices(page, None)))
    })
    .await?
}

async fn choose(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    Form(choice): Form<Choice>,
) -> Result<Sheet, Refusal> {
    desk.commit(|pen| {
        let page = pen.book().page(&id).ok_or(Refusal::NotFound)?.clone();
        if let Some(sheet) = closed(&page) {
            return Ok(sheet);
        }
        if choice.answer == Some(Reply::GiveUp) {
            pen.write(Entry::PageClosed { page: id, state: PageState::Failed });
            return Ok(Sheet::Return(page.return_url));
        }
        let Some(card) = choice.card else {
            return Ok(choices(&page, Some("Choose a card.")));
        };
        if Card::parse(&card).is_none() {
            return Ok(choices(&page, Some("There is no such card. Choose another.")));
        }
        let token = token_of(&card, &page);
        if choice.answer.is_none() && charging::asks_to_authenticate(pen, &token)? {
            let payment = payment(&page).map(|(amount, _)| amount);
            return Ok(Sheet::Authenticate(AuthenticatePage { payment, card: Some(card) }));
        }
        let approved = choice.answer == Some(Reply::Approve);
        match page.purpose {
            Purpose::Setup => store(pen, page, token, approved),
            Purpose::Checkout { .. } => pay(&desk, pen, page, &token, approved),
        }
    })
    .await?
}

fn store(pen: &mut Pen, page: Page, token: String, approved: bool) -> Result<Sheet, Refusal> {
    if charging::asks_to_authenticate(pen, &token)? {
        pen.write(Entry::Used { token: token.clone() });
        if !approved {
            return Ok(choices(&page, Some("The bank did not confirm it. Choose another card.")));
        }
    }
    pen.write(Entry::PageClosed { page: page.id, state: PageState::Stored { token } });
    Ok(Sheet::Return(page.return_url))
}

fn pay(
    desk: &Desk,
    pen: &mut Pen,
    page: Page,
    token: &str,
    approved: bool,
) -> Result<Sheet, Refusal> {
    match charging::charge_on_page(desk, pen, &page, token, approved)? {
        book::State::Succeeded | book::State::Pending { .. } => {
            pen.write(Entry::PageClosed { page: page.id, state: PageState::Paid });
            Ok(Sheet::Return(page.return_url))
        }
        book::State::Declined { reason, .. } => {
            let message = script::reason(&reason).map_or("Declined.", |spoken| spoken.message);
            Ok(choices(&page, Some(message)))
        }
        book::State::ActionRequired | book::State::Canceled => {
            Ok(choices(&page, Some("The bank did not confirm it. Choose another card.")))
        }
    }
}

async fn show_authentication(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
) -> Result<Sheet, Refusal> {
    desk.commit(|pen| {
        let charge = pen.book().charge(&id).ok_or(Refusal::NotFound)?;
        Ok(match charge.state {
            book::State::ActionRequired => Sheet::Authenticate(AuthenticatePage {
                payment: Some(Money::new(charge.ordered, charge.currency)),
                card: None,
            }),
            book::State::Succeeded
            | book::State::Declined { .. }
            | book::State::Pending { .. }
            | book::State::Canceled => done("This payment needs nothing more from you.", None),
        })
    })
    .await?
}

async fn authenticate(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    Form(choice): Form<Choice>,
) -> Result<Sheet, Refusal> {
    desk.commit(|pen| {
        let charge = pen.book().charge(&id).ok_or(Refusal::NotFound)?;
        if charge.state != book::State::ActionRequired {
            return Ok(done("This payment needs nothing more from you.", None));
        }
        let (state, message) = if choice.answer == Some(Reply::Approve) {
            (book::State::Succeeded, "Thank you. The payment is confirmed.")
        } else {
            let reason = "authentication_failed".to_owned();
            let declined = book::State::Declined { reason, succeeds_after: None };
            (declined, "The payment was not confirmed.")
        };
        pen.write(Entry::Turned { charge: id, state });
        Ok(done(message, None))
    })
    .await?
}

fn closed(page: &Page) -> Option<Sheet> {
    let message = match page.state {
        PageState::Open => return None,
        PageState::Stored { .. } => "The card is stored.",
        PageState::Paid => "The payment is made.",
        PageState::Failed => "This page is closed.",
    };
    Some(done(message, Some(page.return_url.clone())))
}

fn done(message: &'static str, return_url: Option<String>) -> Sheet {
    Sheet::Done(DonePage { message, return_url })
}

fn choices(page: &Page, refused: Option<&'static str>) -> Sheet {
    let keeps_method = match page.purpose {
        Purpose::Setup => true,
        Purpose::Checkout { keeps_method, .. } => keeps_method,
    };
    Sheet::Choose(ChoosePage { payment: payment(page), keeps_method, cards: ON_PAGES, refused })
}

fn payment(page: &Page) -> Option<(Money, String)> {
    match &page.purpose {
        Purpose::Setup => None,
        Purpose::Checkout { amount, currency, description, .. } => {
            Some((Money::new(*amount, *currency), description.clone()))
        }
    }
}

/// Each page makes a card of its own out of the script that was chosen.
fn token_of(card: &str, page: &Page) -> String {
    let script = card.split_once('.').map_or(card, |(script, _)| script);
    let name = page.id.split_once('_').map_or(page.id.as_str(), |(_, digits)| digits);
    format!("{script}.{name}")
}

async fn style() -> impl IntoResponse {
    let css = include_str!("../../../../templates/pages/sandbox_style.css");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], css)
}

/// `form-action` stays unset: browsers would apply it to the way back to the merchant too.
async fn guarded(mut response: Response) -> Response {
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
