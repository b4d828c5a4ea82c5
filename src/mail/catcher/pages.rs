//! The catcher's pages: a list with search, and one mail as HTML, text or source.
//!
//! A caught mail is shown in a frame that may not run scripts or load anything, whatever it holds.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;

use super::shelf::{CaughtMail, Shelf, Wanted};

const PAGE: usize = 50;
const OURS: &str = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; \
                    base-uri 'none'; frame-ancestors 'none'";
/// Inline styles are what mails are made of; everything else stays outside.
const THEIRS: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                      frame-ancestors 'self'; \
                      sandbox allow-popups allow-popups-to-escape-sandbox";

pub fn router(shelf: Arc<Shelf>) -> Router {
    Router::new()
        .route("/", get(list))
        .route("/mails/{number}", get(mail))
        .route("/mails/{number}/html", get(html))
        .route("/mails/{number}/source", get(source))
        .route("/catcher.css", get(stylesheet))
        .fallback(async || not_found())
        .layer(middleware::from_fn(only_by_its_own_name))
        .with_state(shelf)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Search {
    q: String,
    kind: String,
    before: Option<u64>,
}

#[derive(Template)]
#[template(path = "pages/catcher_list.html")]
struct List {
    search: Search,
    counts: BTreeMap<String, u64>,
    total: u64,
    mails: Vec<Arc<CaughtMail>>,
    older: Option<String>,
}

async fn list(State(shelf): State<Arc<Shelf>>, Query(search): Query<Search>) -> Response {
    let words = search.q.trim().to_lowercase();
    let wanted = Wanted { words: &words, kind: &search.kind, before: search.before };
    let mut mails = shelf.find(&wanted, PAGE + 1);
    let has_older = mails.len() > PAGE;
    mails.truncate(PAGE);
    let older = mails.last().filter(|_| has_older).map(|last| {
        let (q, kind) = (in_url(&search.q), in_url(&search.kind));
        format!("/?q={q}&kind={kind}&before={}", last.number)
    });
    let counts = shelf.counts();
    let total = counts.values().sum();
    page(&List { search, counts, total, mails, older })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct View {
    view: String,
}

#[derive(Template)]
#[template(path = "pages/catcher_mail.html")]
struct One {
    mail: Arc<CaughtMail>,
    /// The text part, if that is what is looked at.
    text: Option<String>,
}

async fn mail(
    State(shelf): State<Arc<Shelf>>,
    Path(number): Path<u64>,
    Query(View { view }): Query<View>,
) -> Response {
    let Some(mail) = shelf.mail(number) else { return not_found() };
    let text = (view == "text").then(|| mail.text().unwrap_or_default());
    page(&One { mail, text })
}

async fn html(State(shelf): State<Arc<Shelf>>, Path(number): Path<u64>) -> Response {
    let Some(html) = shelf.mail(number).and_then(|mail| mail.html()) else { return not_found() };
    // Links open beside the catcher: a pay page refuses to be framed.
    let html = html.replacen("<head>", "<head><base target=\"_blank\">", 1);
    with_policy(THEIRS, Html(html))
}

async fn source(State(shelf): State<Arc<Shelf>>, Path(number): Path<u64>) -> Response {
    let Some(mail) = shelf.mail(number) else { return not_found() };
    let text = String::from_utf8_lossy(&mail.source).into_owned();
    with_policy(OURS, ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

async fn stylesheet() -> Response {
    let css = include_str!("../../../templates/pages/catcher.css");
    with_policy(OURS, ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], css))
}

#[derive(Template)]
#[template(path = "pages/catcher_missing.html")]
struct Missing;

fn not_found() -> Response {
    let mut response = page(&Missing);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

fn page(template: &impl Template) -> Response {
    let html = template.render().expect("writing to a string does not fail");
    with_policy(OURS, Html(html))
}

fn with_policy(policy: &'static str, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Answers only to an IP address or `localhost`, so that no foreign site can point its own name
/// here and read the mails through a visitor's browser.
async fn only_by_its_own_name(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    let is_own = name.is_some_and(|name| {
        name == "localhost" || name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
    });
    if is_own { next.run(request).await } else { StatusCode::MISDIRECTED_REQUEST.into_response() }
}

/// `text` as the value of a query.
fn in_url(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut url, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            write!(url, "%{byte:02X}").expect("writing to a string does not fail");
        }
        url
    })
}
