//! localstripe, an independent stand-in for Stripe, in a process of its own.
//!
//! It speaks a part of Stripe's API, so a bridge stands before it. The bridge first judges every
//! request by Stripe's description, then leaves out the few parameters that localstripe 1.15.10
//! does not know (an intent's description, the filters of the intents' list), and plays checkout
//! sessions, which it lacks, on its set-up intents.

use std::{path::PathBuf, process::Stdio};

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
};
use reqwest::{Client, Method};
use rondo::gateway::HostedPage;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::peer::{Call, answer, serve};

pub const KEY: &str = "sk_test_of_localstripe";

/// A port that is free when asked for may be taken when used.
const PORTS_TO_TRY: usize = 5;

type Output = Lines<BufReader<ChildStdout>>;

/// A running localstripe.
pub struct LocalStripe {
    /// Where the adapter finds it, over the bridge.
    pub url: String,
    direct: Direct,
    _process: Child,
    /// Held open: a Python that cannot print dies.
    _output: Output,
}

#[derive(Clone)]
struct Direct {
    client: Client,
    url: String,
}

impl LocalStripe {
    pub async fn start(client: Client) -> Self {
        for _ in 0..PORTS_TO_TRY {
            let port = free_port();
            if let Some((process, output)) = listening_on(port).await {
                let direct = Direct { client, url: format!("http://127.0.0.1:{port}") };
                let url = serve(Router::new().fallback(bridge).with_state(direct.clone())).await;
                return Self { url, direct, _process: process, _output: output };
            }
        }
        panic!("localstripe does not come to listen");
    }

    /// A new customer.
    pub async fn customer(&self) -> String {
        let made = self.direct.post("/v1/customers", &[("email", "ana@example.org")]).await;
        made["id"].as_str().expect("a customer has an id").to_owned()
    }

    /// The customer types a card on the page that stores one.
    pub async fn enter_card(&self, page: &HostedPage, number: &str) {
        let path = format!("/v1/setup_intents/{}/confirm", setup_intent(&page.reference));
        let card = "payment_method_data[card]";
        let form = [
            ("payment_method_data[type]", "card"),
            (&format!("{card}[number]"), number),
            (&format!("{card}[exp_month]"), "8"),
            (&format!("{card}[exp_year]"), "2030"),
            (&format!("{card}[cvc]"), "123"),
        ];
        self.direct.post(&path, &form).await;
    }

    /// Events of this kind go to `url`, signed with `secret`.
    pub async fn tell(&self, url: &str, kind: &str, secret: &str) {
        let form = [("url", url), ("secret", secret), ("events[]", kind)];
        let path = format!("{}/_config/webhooks/rondo", self.direct.url);
        let reply = self.direct.client.post(path).form(&form).send().await.expect("it listens");
        assert!(reply.status().is_success());
    }
}

impl Direct {
    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(KEY).form(form);
        request.send().await.expect("it listens").json().await.expect("it speaks JSON")
    }

    async fn forward(&self, call: &Call, without: &[&str]) -> Response {
        let kept = call.pairs.iter().filter(|(name, _)| !without.contains(&name.as_str()));
        let kept: Vec<_> = kept.collect();
        let method: Method = call.method.parse().expect("a method");
        let is_question = method == Method::GET;
        let request = self.client.request(method, format!("{}{}", self.url, call.path));
        let request = match call.header("authorization") {
            Some(key) => request.header("authorization", key),
            None => request,
        };
        let request = if is_question { request.query(&kept) } else { request.form(&kept) };
        let reply = request.send().await.expect("it listens");
        answer(reply.status().as_u16(), reply.text().await.expect("it answers in text"))
    }

    async fn open_session(&self, call: &Call) -> Response {
        assert_eq!(call.value("mode"), Some("setup"), "localstripe has no page to pay on");
        let customer = call.value("customer").expect("the story's customer is known");
        let made = self.post("/v1/setup_intents", &[("customer", customer)]).await;
        self.session(made["id"].as_str().expect("a set-up has an id")).await
    }

    async fn session(&self, setup: &str) -> Response {
        let path = format!("{}/v1/setup_intents/{setup}", self.url);
        let question = self.client.get(path).query(&[("expand[0]", "payment_method")]);
        let reply = question.bearer_auth(KEY).send().await.expect("it listens");
        let setup: Value = reply.json().await.expect("it speaks JSON");
        let is_open = setup["status"] == "requires_payment_method";
        let id = format!("cs_test_{}", setup["id"].as_str().expect("a set-up has an id"));
        let session = json!({
            "id": id, "object": "checkout.session", "mode": "setup", "livemode": false,
            "url": format!("{}/pages/{id}", self.url), "customer": setup["customer"],
            "status": if is_open { "open" } else { "complete" }, "setup_intent": setup,
        });
        answer(200, session.to_string())
    }
}

async fn bridge(State(direct): State<Direct>, request: Request) -> Response {
    let call = Call::read(request).await;
    if let Some(refusal) = call.refusal() {
        return refusal;
    }
    match (call.method.as_str(), call.path.as_str()) {
        ("POST", "/v1/checkout/sessions") => direct.open_session(&call).await,
        ("GET", path) if path.starts_with("/v1/checkout/sessions/") => {
            direct.session(setup_intent(path.trim_start_matches("/v1/checkout/sessions/"))).await
        }
        ("POST", "/v1/payment_intents") => direct.forward(&call, &["description"]).await,
        ("GET", "/v1/payment_intents") => {
            direct.forward(&call, &["customer", "created[gte]"]).await
        }
        _ => direct.forward(&call, &[]).await,
    }
}

/// localstripe once it listens on `port`, or nothing if it ended instead.
async fn listening_on(port: u16) -> Option<(Child, Output)> {
    let mut process = Command::new(program())
        .args(["--from-scratch", "--port", &port.to_string()])
        .env("PYTHONUNBUFFERED", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("localstripe starts");
    let output = process.stdout.take().expect("its output is piped");
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await.expect("its output is text") {
        if line.contains("Running on") {
            return Some((process, lines));
        }
    }
    None
}

fn setup_intent(session: &str) -> &str {
    session.strip_prefix("cs_test_").expect("a session of the bridge's")
}

fn program() -> PathBuf {
    let root = env!("CARGO_MANIFEST_DIR");
    let venv = std::env::var_os("RONDO_TEST_VENV")
        .map_or_else(|| PathBuf::from(root).join("target/test-venv"), PathBuf::from);
    let program = venv.join("bin/localstripe");
    assert!(
        program.exists(),
        "there is no {}: run ./test, or make the environment yourself with \
         `python3 -m venv {venv} && {venv}/bin/pip install -r tests/python-requirements.txt`",
        program.display(),
        venv = venv.display(),
    );
    program
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("[::]:0").expect("a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}
