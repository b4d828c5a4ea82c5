//! The pages that links in mails lead to: what one owes and why, the way to the gateway's own page
//! to pay or to store a card, and back. Plain HTML without a script and without a cookie.
//!
//! Opening a link changes nothing, so that whatever scans mails cannot pay, store or use anything up.

mod frame;
mod guard;
mod page;
mod words;

use std::sync::Arc;

use axum::{
    Form, Router,
    extract::{Path, Query, Request, State, rejection::FormRejection},
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
    domain::{customer::Customer, merchant::Merchant},
    mail::Locale,
};

use self::{
    frame::Frame,
    guard::Limits,
    page::{Note, Onward, Target},
};

/// The pages under `/pay/`. One address may open so many of them a minute.
pub fn routes(rondo: Rondo, pages_per_minute: u32) -> Router {
    let desk = Arc::new(Desk {
        is_over_tls: rondo.public_url.starts_with("https://"),
        limits: Limits::new(pages_per_minute),
        rondo,
    });
    Router::new()
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
            let visit = Visit::of(&Asked::default(), request.headers());
            let frame = Frame::of_nobody(visit.locale(None, None));
            let page = titled(frame, "busy-title", "busy-lead");
            let wait = [(header::RETRY_AFTER, seconds.to_string())];
            (StatusCode::TOO_MANY_REQUESTS, wait, page).into_response()
        }
    };
    guard::with_headers(response, desk.is_over_tls)
}

/// What an address can ask for beside its page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    lang: Option<String>,
    note: Option<Remark>,
}

/// What happened just now, told after a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Remark {
    Unreachable,
    UnderWay,
    NotOffered,
    Form,
}

impl Remark {
    const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::UnderWay => "under-way",
            Self::NotOffered => "not-offered",
            Self::Form => "form",
        }
    }

    fn note(self, frame: &Frame) -> Note {
        Note { tone: "warn", text: frame.word(&format!("note-{}", self.name())) }
    }
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

/// Who is reading, as far as the request tells.
struct Visit {
    link: Option<Locale>,
    browser: Vec<String>,
}

impl Visit {
    fn of(asked: &Asked, headers: &HeaderMap) -> Self {
        let wishes = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let wishes = wishes.into_iter().flat_map(|list| list.split(','));
        let tag = |wish: &str| wish.split(';').next().unwrap_or_default().trim().to_owned();
        Self {
            link: asked.lang.as_deref().and_then(Locale::from_tag),
            browser: wishes.map(tag).collect(),
        }
    }

    /// The link's language, else the customer's, the browser's, the merchant's.
    fn locale(&self, merchant: Option<&Merchant>, customer: Option<&Customer>) -> Locale {
        let link = self.link.map(Locale::tag);
        let customer = customer.and_then(|customer| customer.locale.as_deref());
        let browser = self.browser.iter().map(String::as_str);
        let merchant = merchant.map(|merchant| merchant.locale.as_str());
        Locale::negotiate(link.into_iter().chain(customer).chain(browser).chain(merchant))
    }

    fn frame(&self, merchant: &Merchant, customer: Option<&Customer>) -> Frame {
        let zone = customer.and_then(|customer| customer.zone).unwrap_or(merchant.zone);
        Frame::of(merchant, self.locale(Some(merchant), customer), zone)
    }

    /// An address under `/pay/`, in the language that the link asked for.
    fn path(&self, token: &str, rest: &str, remark: Option<Remark>) -> String {
        let lang = self.link.map(|locale| format!("lang={}", locale.tag()));
        let note = remark.map(|remark| format!("note={}", remark.name()));
        let query: Vec<_> = lang.into_iter().chain(note).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("/pay/{token}{rest}{mark}{}", query.join("&"))
    }

    fn target(&self, rondo: &Rondo, token: &str, link: PayLink) -> Target {
        Target {
            checkout: self.path(token, "/checkout", None),
            card: self.path(token, "/card", None),
            look: self.path(token, "/return", None),
            token: guard::form_token(rondo, link),
        }
    }

    /// The page for what did not work.
    fn sorry(&self, rondo: &Rondo, failure: Failure) -> Response {
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
            Failure::Expired(merchant) => {
                let frame = self.frame(&merchant, None);
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
    Expired(Box<Merchant>),
    /// A form that another site sent.
    Foreign,
    /// A fault of ours or of the gateway's; `lead` says whether money may have moved.
    Broken { error: AppError, lead: &'static str },
}

impl From<NotOpened> for Failure {
    fn from(error: NotOpened) -> Self {
        match error {
            NotOpened::Forged => Self::Missing,
            NotOpened::Expired(merchant) => Self::Expired(merchant),
            NotOpened::Store(error) => AppError::Store(error).into(),
        }
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        match error {
            AppError::NotFound { .. } => Self::Missing,
            error => Self::Broken { error, lead: "broken-lead" },
        }
    }
}

fn titled(frame: Frame, title: &str, lead: &str) -> Response {
    let (title, lead) = (frame.word(title), frame.word(lead));
    page::message(frame, title, vec![lead], None)
}

async fn show(
    State(desk): State<Arc<Desk>>,
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let visit = Visit::of(&asked, &headers);
    let shown = shown(&desk.rondo, &visit, &token, asked.note).await;
    shown.unwrap_or_else(|failure| visit.sorry(&desk.rondo, failure))
}

async fn shown(
    rondo: &Rondo,
    visit: &Visit,
    token: &str,
    remark: Option<Remark>,
) -> Result<Response, Failure> {
    let (merchant, link) = PayLink::open(rondo, token).await?;
    let target = visit.target(rondo, token, link);
    match link {
        PayLink::Invoice { invoice, .. } => {
            let view = pay::view(rondo, &merchant, invoice).await?;
            let frame = visit.frame(&merchant, Some(&view.customer));
            let note = remark.map(|remark| remark.note(&frame));
            let now = merchant.now(rondo.clock.now());
            Ok(page::invoice(frame, &merchant, &view, target, note, now))
        }
        PayLink::Card { .. } => {
            let frame = visit.frame(&merchant, None);
            let note = remark.map(|remark| remark.note(&frame));
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
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    sent: Sent,
) -> Response {
    let visit = Visit::of(&asked, &headers);
    let paid = paid(&desk.rondo, &visit, &token, &headers, sent).await;
    paid.unwrap_or_else(|failure| visit.sorry(&desk.rondo, failure))
}

async fn paid(
    rondo: &Rondo,
    visit: &Visit,
    token: &str,
    headers: &HeaderMap,
    sent: Sent,
) -> Result<Response, Failure> {
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
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    sent: Sent,
) -> Response {
    let visit = Visit::of(&asked, &headers);
    let begun = begun(&desk.rondo, &visit, &token, &headers, sent).await;
    begun.unwrap_or_else(|failure| visit.sorry(&desk.rondo, failure))
}

async fn begun(
    rondo: &Rondo,
    visit: &Visit,
    token: &str,
    headers: &HeaderMap,
    sent: Sent,
) -> Result<Response, Failure> {
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

async fn hand_over(
    State(desk): State<Arc<Desk>>,
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let visit = Visit::of(&asked, &headers);
    let handed = handed_over(&desk.rondo, &visit, &token).await;
    handed.unwrap_or_else(|failure| visit.sorry(&desk.rondo, failure))
}

async fn handed_over(rondo: &Rondo, visit: &Visit, token: &str) -> Result<Response, Failure> {
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
            (visit.frame(&merchant, None), url)
        }
        PayLink::Card { .. } => return Err(Failure::Missing),
    };
    if frame::is_web(&url) { Ok(page::hand_over(frame, url)) } else { Err(Failure::Missing) }
}

async fn come_back(
    State(desk): State<Arc<Desk>>,
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let visit = Visit::of(&asked, &headers);
    let back = returned(&desk.rondo, &visit, &token).await;
    back.unwrap_or_else(|failure| {
        let failure = match failure {
            Failure::Broken { error, .. } => Failure::Broken { error, lead: "broken-return-lead" },
            other => other,
        };
        visit.sorry(&desk.rondo, failure)
    })
}

async fn returned(rondo: &Rondo, visit: &Visit, token: &str) -> Result<Response, Failure> {
    let (merchant, link) = PayLink::open(rondo, token).await?;
    match link {
        PayLink::Invoice { invoice, .. } => {
            pay::finish(rondo, &merchant, invoice).await?;
            Ok(Redirect::to(&visit.path(token, "", None)).into_response())
        }
        PayLink::Setup { method, .. } => {
            let state = pay::finish_setup(rondo, &merchant, method).await?;
            Ok(card_state(visit.frame(&merchant, None), &merchant, &state))
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
