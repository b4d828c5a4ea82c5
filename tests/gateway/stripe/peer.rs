//! A stand-in for Stripe that answers what the test says, notes what it was asked, and refuses any
//! request that Stripe's published description does not allow.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use reqwest::Url;

use crate::schema;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    /// The names and values of the query or of the form.
    pub pairs: Vec<(String, String)>,
}

impl Call {
    pub async fn read(request: Request) -> Self {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, 1 << 20).await.expect("a small request");
        let form = String::from_utf8(body.to_vec()).expect("a form is text");
        let mut pairs = read_pairs(head.uri.query().unwrap_or_default());
        pairs.extend(read_pairs(&form));
        let (method, path) = (head.method.to_string(), head.uri.path().to_owned());
        Self { method, path, headers: head.headers, pairs }
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Stripe's answer to a request that it does not understand, if this is one.
    pub fn refusal(&self) -> Option<Response> {
        let found = schema::violations(&self.method, &self.path, &self.pairs);
        let message = serde_json::json!({ "error": {
            "type": "invalid_request_error", "message": found.join("; "),
        } });
        (!found.is_empty()).then(|| answer(400, message.to_string()))
    }
}

fn read_pairs(encoded: &str) -> Vec<(String, String)> {
    let mut url = Url::parse("http://localhost").expect("a URL");
    url.set_query(Some(encoded));
    url.query_pairs().into_owned().filter(|(name, _)| !name.is_empty()).collect()
}

/// What the peer is to answer.
#[derive(Debug, Clone)]
pub enum Reply {
    Says {
        status: u16,
        headers: Vec<(&'static str, &'static str)>,
        body: String,
    },
    /// Begins to answer, then the line breaks.
    BreaksOff,
}

impl Reply {
    pub fn ok(body: &(impl ToString + ?Sized)) -> Self {
        Self::status(200, body)
    }

    pub fn status(status: u16, body: &(impl ToString + ?Sized)) -> Self {
        Self::Says { status, headers: Vec::new(), body: body.to_string() }
    }

    pub fn with_header(self, name: &'static str, value: &'static str) -> Self {
        match self {
            Self::Says { status, mut headers, body } => {
                headers.push((name, value));
                Self::Says { status, headers, body }
            }
            Self::BreaksOff => Self::BreaksOff,
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Self::Says { status, headers, body } => {
                let mut response = answer(status, body);
                for (name, value) in headers {
                    response.headers_mut().insert(name, value.parse().expect("a header"));
                }
                response
            }
            Self::BreaksOff => {
                let parts = [Ok(Bytes::from("{")), Err(std::io::Error::other("the line broke"))];
                Body::from_stream(futures::stream::iter(parts)).into_response()
            }
        }
    }
}

pub fn answer(status: u16, body: String) -> Response {
    let builder = Response::builder().status(status).header("content-type", "application/json");
    builder.body(body.into()).expect("a valid answer")
}

/// The stand-in, listening.
#[derive(Clone)]
pub struct Peer {
    pub url: String,
    script: Arc<Mutex<Script>>,
}

struct Script {
    replies: VecDeque<Reply>,
    calls: Vec<Call>,
}

impl Peer {
    /// A peer that gives these answers in turn.
    pub async fn answering(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = replies.into_iter().collect();
        let script = Arc::new(Mutex::new(Script { replies, calls: Vec::new() }));
        let router = Router::new().fallback(take_call).with_state(Arc::clone(&script));
        Self { url: serve(router).await, script }
    }

    /// What it was asked so far.
    pub fn calls(&self) -> Vec<Call> {
        self.script.lock().unwrap().calls.clone()
    }
}

async fn take_call(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let call = Call::read(request).await;
    let refusal = call.refusal();
    let mut script = script.lock().unwrap();
    script.calls.push(call);
    refusal.unwrap_or_else(|| match script.replies.pop_front() {
        Some(reply) => reply.into_response(),
        None => answer(404, "the test expects no such call".to_owned()),
    })
}

/// Serves `router` on a port of this machine until the test ends; returns where.
pub async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}
