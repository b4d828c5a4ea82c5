//! The pages that links in mails lead to: what one owes and why, the way to the gateway's own page
//! to pay or to store a card, and back. Plain HTML without a script and without a cookie.
//!
//! Opening a link changes nothing, so that whatever scans mails cannot pay, store or use anything up.

mod frame;
mod guard;
mod page;
mod visit;
mod words;

use std::sync::Arc;

use axum::{
    Form, Router,
    extract::{Request, State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

use crate::{
    app::{
        AppError, Rondo,
        pay::{self, CardState, NotOpened, Obstacle, PayLink, Stage, Started, Wish},
    },
    domain::merchant::Merchant,
};

use self::{
    frame::Frame,
    guard::Limits,
    page::{Onward, Target},
    visit::{Remark, Visit},
};

/// The pages under `/pay/`. One address may open so many of them a minute.
pub fn routes(rondo: Rondo, pages_per_minute: u32) -> Router {
    let desk = Arc::new(Desk {
        is_over_tls: rondo.public_url.starts_with("https://"),
        limits: Limits::new(pages_per_minute),
        rondo,
    });
    Router::new()
        .route("/pay/", get(show))
        .route("/pay/{token}", get(show))
        .route("/pay/{token}/checkout", post(checkout))
        .route("/pay/{token}/card", post(card))
        .route("/pay/{token}/go", get(hand_over))
        .route("/pay/{token}/return", get(come_back))
        .layer(middleware::from_fn_with_state(Arc::clone(&desk), admit))
        .with_state(desk)
}

/// What every page works with.
struct Desk {
    rondo: Rondo,
    limits: Limits,
    is_over_tls: bool,
}

async fn admit(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let response = match desk.limits.admit(&request) {
        Ok(()) => next.run(request).await,
        Err(seconds) => {
            let visit = Visit::of(request.uri(), request.headers());
            let frame = Frame::of_nobody(visit.locale(None, None));
            let page = titled(frame, "busy-title", "busy-lead");
            let wait = [(header::RETRY_AFTER, seconds.to_string())];
            (StatusCode::TOO_MANY_REQUESTS, wait, page).into_response()
        }
    };
    guard::with_headers(response, desk.is_over_tls)
}

impl From<Obstacle> for Option<Remark> {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            // The page itself says so.
            Obstacle::Settled | Obstacle::Planned => None,
            Obstacle::UnderWay => Some(Remark::UnderWay),
            Obstacle::Unreachable => Some(Remark::Unreachable),
            Obstacle::NotOffered => Some(Remark::NotOffered),
        }
    }
}

impl Visit {
    fn target(&self, rondo: &Rondo, link: PayLink) -> Target {
        let token = &self.token;
        Target {
            checkout: self.path(token, "/checkout", None),
            card: self.path(token, "/card", None),
            look: self.path(token, "/return", None),
            token: guard::form_token(rondo, link),
        }
    }

    /// The page for what did not work.
    async fn sorry(&self, rondo: &Rondo, failure: Failure) -> Response {
        let nobody = || Frame::of_nobody(self.locale(None, None));
        match failure {
            Failure::Missing => {
                (StatusCode::NOT_FOUND, titled(nobody(), "missing-title", "missing-lead"))
                    .into_response()
            }
            Failure::Foreign => {
                (StatusCode::FORBIDDEN, titled(nobody(), "forbidden-title", "forbidden-lead"))
                    .into_response()
            }
            Failure::Expired { merchant, link } => {
                let frame = self.frame_of(rondo, &merchant, link).await;
                let title = frame.word("expired-title");
                let lead = frame.voice.say("expired-lead", &[("merchant", Some(&merchant.name))]);
                (StatusCode::GONE, page::message(frame, title, vec![lead], None)).into_response()
            }
            Failure::Broken { error, lead } => {
                let reference: u32 = u32::from_be_bytes(rondo.mint.bytes());
                let reference = format!("{reference:08X}");
                tracing::error!(reference, %error, "a pay page failed");
                let frame = nobody();
                let named = frame.voice.say("reference", &[("reference", Some(&reference))]);
                let (title, lead) = (frame.word("broken-title"), frame.word(lead));
                let page = page::message(frame, title, vec![lead, named], None);
                (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
            }
        }
    }
}

/// Why there is no page.
enum Failure {
    /// Nothing is there, or nothing that may be told.
    Missing,
    /// The link is ours, but too old.
    Expired { merchant: Box<Merchant>, link: PayLink },
    /// A form that another site sent.
    Foreign,
    /// A fault of ours or of the gateway's; `lead` says whether money may have moved.
    Broken { error: AppError, lead: &'static str },
}

impl From<NotOpened> for Failure {
    fn from(error: NotOpened) -> Self {
        match error {
            NotOpened::Forged => Self::Missing,
            NotOpened::Expired { merchant, link } => Self::Expired { merchant, link },
            NotOpened::Store(error) => AppError::Store(error).into(),
        }
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        match error {
            AppError::NotFound { .. } | AppError::NoCustomer { .. } => Self::Missing,
            error => Self::Broken { error, lead: "broken-lead" },
        }
    }
}

fn titled(frame: Frame, title: &str, lead: &str) -> Response {
    let (title, lead) = (frame.word(title), frame.word(lead));
    page::message(frame, title, vec![lead], None)
}

async fn show(State(desk): State<Arc<Desk>>, visit: Visit) -> Response {
    match shown(&desk.rondo, &visit).await {
        Ok(page) => page,
        Err(failure) => visit.sorry(&desk.rondo, failure).await,
    }
}

async fn shown(rondo: &Rondo, visit: &Visit) -> Result<Response, Failure> {
    let (merchant, link) = PayLink::open(rondo, &visit.token).await?;
    let target = visit.target(rondo, link);
    match link {
        PayLink::Invoice { invoice, .. } => {
            let view = pay::view(rondo, &merchant, invoice).await?;
            let frame = visit.frame(&merchant, Some(&view.customer));
            let note = visit.remark.map(|remark| remark.note(&frame));
            let now = merchant.now(rondo.clock.now());
            Ok(page::invoice(frame, &merchant, &view, target, note, now))
        }
        PayLink::Card { .. } => {
            let frame = visit.frame_of(rondo, &merchant, link).await;
            let note = visit.remark.map(|remark| remark.note(&frame));
            Ok(page::card(frame, &merchant, target, note))
        }
        PayLink::Setup { .. } => Err(Failure::Missing),
    }
}

/// What the form on a page sends.
#[derive(Debug, Deserialize)]
struct Choice {
    form: String,
    #[serde(default)]
    with: With,
    store: Option<Ticked>,
}

/// What the payer pays with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum With {
    /// A card that they choose on the gateway's page.
    #[default]
    Page,
    /// The stored card, once more.
    Again,
}

/// A box that was ticked; one that was not is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ticked {
    Yes,
}

type Sent = Result<Form<Choice>, FormRejection>;

async fn checkout(
    State(desk): State<Arc<Desk>>,
    visit: Visit,
    headers: HeaderMap,
    sent: Sent,
) -> Response {
    match paid(&desk.rondo, &visit, &headers, sent).await {
        Ok(page) => page,
        Err(failure) => visit.sorry(&desk.rondo, failure).await,
    }
}

async fn paid(
    rondo: &Rondo,
    visit: &Visit,
    headers: &HeaderMap,
    sent: Sent,
) -> Result<Response, Failure> {
    let token = &visit.token;
    let (merchant, link) = PayLink::open(rondo, token).await?;
    let PayLink::Invoice { invoice, .. } = link else { return Err(Failure::Missing) };
    let Some(choice) = own_form(rondo, headers, link, sent)? else {
        return Ok(Redirect::to(&visit.path(token, "", Some(Remark::Form))).into_response());
    };
    let obstacle = match choice.with {
        With::Again => pay::pay_again(rondo, &merchant, invoice).await?,
        With::Page => {
            let wish = Wish {
                invoice,
                store_method: choice.store == Some(Ticked::Yes),
                return_url: format!("{}{}", rondo.public_url, visit.path(token, "/return", None)),
            };
            match pay::start_checkout(rondo, &merchant, &wish).await? {
                Started::At(_) => {
                    return Ok(Redirect::to(&visit.path(token, "/go", None)).into_response());
                }
                Started::NotNow(obstacle) => Some(obstacle),
            }
        }
    };
    let remark = obstacle.and_then(Option::<Remark>::from);
    Ok(Redirect::to(&visit.path(token, "", remark)).into_response())
}

/// The form, if a page of ours has sent it and not too long ago.
fn own_form(
    rondo: &Rondo,
    headers: &HeaderMap,
    link: PayLink,
    sent: Sent,
) -> Result<Option<Choice>, Failure> {
    if !guard::is_from_our_page(headers, &rondo.public_url) {
        return Err(Failure::Foreign);
    }
    let choice = sent.ok().map(|Form(choice)| choice);
    Ok(choice.filter(|choice| guard::is_our_form(rondo, link, &choice.form)))
}

async fn card(
    State(desk): State<Arc<Desk>>,
    visit: Visit,
    headers: HeaderMap,
    sent: Sent,
) -> Response {
    match begun(&desk.rondo, &visit, &headers, sent).await {
        Ok(page) => page,
        Err(failure) => visit.sorry(&desk.rondo, failure).await,
    }
}

async fn begun(
    rondo: &Rondo,
    visit: &Visit,
    headers: &HeaderMap,
    sent: Sent,
) -> Result<Response, Failure> {
    let token = &visit.token;
    let (merchant, link) = PayLink::open(rondo, token).await?;
    let back = |remark| Ok(Redirect::to(&visit.path(token, "", Some(remark))).into_response());
    if own_form(rondo, headers, link, sent)?.is_none() {
        return back(Remark::Form);
    }
    let customer = match link {
        PayLink::Card { customer, .. } => customer,
        PayLink::Invoice { invoice, .. } => {
            let view = pay::view(rondo, &merchant, invoice).await?;
            match view.stage {
                Stage::Payable { by_new_card: true, .. } => view.customer.id,
                _ => return back(Remark::NotOffered),
            }
        }
        PayLink::Setup { .. } => return Err(Failure::Missing),
    };
    match pay::start_setup(rondo, &merchant, customer).await {
        Ok(page) => {
            let token = page.token(rondo, merchant.now(rondo.clock.now()));
            Ok(Redirect::to(&visit.path(&token, "/go", None)).into_response())
        }
        Err(AppError::Gateway(error)) => {
            tracing::warn!(%error, "the gateway's page to store a card did not open");
            back(Remark::Unreachable)
        }
        Err(error) => Err(error.into()),
    }
}

async fn hand_over(State(desk): State<Arc<Desk>>, visit: Visit) -> Response {
    match handed_over(&desk.rondo, &visit).await {
        Ok(page) => page,
        Err(failure) => visit.sorry(&desk.rondo, failure).await,
    }
}

async fn handed_over(rondo: &Rondo, visit: &Visit) -> Result<Response, Failure> {
    let token = &visit.token;
    let (merchant, link) = PayLink::open(rondo, token).await?;
    let (frame, url) = match link {
        PayLink::Invoice { invoice, .. } => {
            let view = pay::view(rondo, &merchant, invoice).await?;
            let frame = visit.frame(&merchant, Some(&view.customer));
            match view.stage {
                Stage::GoOn { url } => (frame, url),
                _ => return Ok(Redirect::to(&visit.path(token, "", None)).into_response()),
            }
        }
        PayLink::Setup { method, .. } => {
            let url = pay::setup_page(rondo, &merchant, method).await?;
            (visit.frame_of(rondo, &merchant, link).await, url)
        }
        PayLink::Card { .. } => return Err(Failure::Missing),
    };
    if frame::is_web(&url) { Ok(page::hand_over(frame, url)) } else { Err(Failure::Missing) }
}

async fn come_back(State(desk): State<Arc<Desk>>, visit: Visit) -> Response {
    match returned(&desk.rondo, &visit).await {
        Ok(page) => page,
        Err(Failure::Broken { error, .. }) => {
            let failure = Failure::Broken { error, lead: "broken-return-lead" };
            visit.sorry(&desk.rondo, failure).await
        }
        Err(failure) => visit.sorry(&desk.rondo, failure).await,
    }
}

async fn returned(rondo: &Rondo, visit: &Visit) -> Result<Response, Failure> {
    let token = &visit.token;
    let (merchant, link) = PayLink::open(rondo, token).await?;
    match link {
        PayLink::Invoice { invoice, .. } => {
            pay::finish(rondo, &merchant, invoice).await?;
            Ok(Redirect::to(&visit.path(token, "", None)).into_response())
        }
        PayLink::Setup { method, .. } => {
            let state = pay::finish_setup(rondo, &merchant, method).await?;
            Ok(card_state(visit.frame_of(rondo, &merchant, link).await, &merchant, &state))
        }
        PayLink::Card { .. } => Err(Failure::Missing),
    }
}

fn card_state(frame: Frame, merchant: &Merchant, state: &CardState) -> Response {
    let voice = &frame.voice;
    let name = [("merchant", Some(merchant.name.as_str()))];
    let (title, lead, onward) = match state {
        CardState::Stored(shown) => {
            let card = voice.card(shown);
            let title = voice.say("card-stored-title", &[("card", Some(&card))]);
            (title, voice.say("card-stored-lead", &name), None)
        }
        CardState::Open(url) => {
            let onward = Onward { url: url.clone(), label: voice.say("go-on", &[]) };
            let onward = Some(onward).filter(|onward| frame::is_web(&onward.url));
            (voice.say("card-open-title", &[]), voice.say("card-open-lead", &[]), onward)
        }
        CardState::Failed => {
            (voice.say("card-failed-title", &[]), voice.say("card-failed-lead", &[]), None)
        }
    };
    page::message(frame, title, vec![lead], onward)
}
