//! The sandbox, started for one test: its server on a port of its own, its ledger in a folder of
//! its own, its clock at the stories' day.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{StatusCode, header};
use rondo::{
    domain::{
        ids::{Id, kind},
        money::{Currency, Money},
        payment::decline::DeclineClass,
    },
    gateway::{
        self, AccountConfig, Gateway, GatewayKind, HostedPage,
        http::{self, Timeouts},
        sandbox::server::{Clock, LedgerCharge, SandboxOptions, SandboxServer, Summary},
    },
};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::provider::{Card, Provider, RETURN_URL, Visit, now};

pub const SECRET_KEY: &str = "sk_sandbox_suite";

pub struct SandboxWorld {
    server: SandboxServer,
    gateway: Arc<dyn Gateway>,
    options: SandboxOptions,
    clock: Arc<Mutex<DateTime<Utc>>>,
    /// Gone with the world.
    _folder: TempDir,
}

impl SandboxWorld {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut SandboxOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Mutex::new(now()));
        let hand = Arc::clone(&clock);
        let mut options = SandboxOptions::new(
            folder.path().join("ledger.jsonl"),
            SECRET_KEY.into(),
            Clock::new(move || *hand.lock().unwrap()),
        );
        change(&mut options);
        let server = SandboxServer::start(options.clone()).await.unwrap();
        let gateway = connect(server.base_url(), SECRET_KEY, Timeouts::default());
        Self { server, gateway, options, clock, _folder: folder }
    }

    /// Stops the server, lets `meanwhile` have the ledger file, and starts a new one on it.
    pub async fn restart(self, meanwhile: impl FnOnce(&PathBuf)) -> Self {
        self.server.shutdown().await.unwrap();
        meanwhile(&self.options.ledger);
        let server = SandboxServer::start(self.options.clone()).await.unwrap();
        let gateway = connect(server.base_url(), SECRET_KEY, Timeouts::default());
        Self { server, gateway, ..self }
    }

    /// Stops the server; what is left is an adapter that calls nobody.
    pub async fn stop(self) -> Arc<dyn Gateway> {
        self.server.shutdown().await.unwrap();
        self.gateway
    }

    pub fn options(&self) -> SandboxOptions {
        self.options.clone()
    }

    pub fn base_url(&self) -> &str {
        self.server.base_url()
    }

    pub fn advance(&self, by: TimeDelta) {
        *self.clock.lock().unwrap() += by;
    }

    pub async fn summary(&self) -> Summary {
        self.get("/ledger/summary").await
    }

    pub async fn ledger(&self) -> Vec<LedgerCharge> {
        let text = self.text("/ledger/charges").await;
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        serde_json::from_str(&self.text(path).await).unwrap()
    }

    pub async fn post(&self, path: &str, body: serde_json::Value) -> StatusCode {
        let request = browser().post(format!("{}{path}", self.base_url()));
        request.bearer_auth(SECRET_KEY).json(&body).send().await.unwrap().status()
    }

    async fn text(&self, path: &str) -> String {
        let request = browser().get(format!("{}{path}", self.base_url()));
        let response = request.bearer_auth(SECRET_KEY).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.text().await.unwrap()
    }

    fn script(card: Card) -> &'static str {
        match card {
            Card::Pays => "tok_visa",
            Card::LacksFunds => "tok_visa_insufficient_funds",
            Card::AsksToAuthenticate => "tok_visa_authentication_required",
            Card::WaitsForTheCustomer => "tok_visa_action_required",
            Card::SettlesLater => "tok_sepa_settles_after_2",
            Card::FailsLater => "tok_sepa_fails_after_1",
            Card::SucceedsAfterItsDecline => "tok_visa_late_success_after_1",
            Card::LosesTheRequest => "tok_visa_request_lost_x1_then_ok",
            Card::LosesTheReply => "tok_visa_reply_lost",
            Card::FailsAfterCharging => "tok_visa_error_after",
            Card::FailsBeforeCharging => "tok_visa_error_before_x1_then_ok",
            Card::AnswersGibberish => "tok_visa_malformed",
            Card::AnswersDuplicate => "tok_visa_duplicate",
            Card::TakesTooLittle => "tok_visa_wrong_amount",
            Card::IsRateLimitedOnce => "tok_visa_rate_limited_x1_then_ok",
            Card::LosesTheRefundsReply => "tok_visa_refund_lost",
            Card::RefusesRefunds => "tok_visa_refund_refused",
            Card::RefundsLater => "tok_visa_refund_late_1",
        }
    }
}

/// The adapter, made as the product makes it.
pub fn connect(base_url: &str, secret_key: &str, timeouts: Timeouts) -> Arc<dyn Gateway> {
    let account = AccountConfig {
        kind: GatewayKind::Sandbox,
        base_url: Some(base_url.to_owned()),
        secret_key: secret_key.into(),
        webhook_secrets: vec!["whsec_new".into(), "whsec_old".into()],
        calls_per_second: 1_000,
        calls_in_flight: 16,
    };
    gateway::connect("main", &account, http::client(timeouts).unwrap(), timeouts.total).unwrap()
}

fn browser() -> reqwest::Client {
    http::client(Timeouts { total: Duration::from_secs(20), ..Timeouts::default() }).unwrap()
}

#[async_trait]
impl Provider for SandboxWorld {
    fn gateway(&self) -> &dyn Gateway {
        &*self.gateway
    }

    fn card(&self, card: Card) -> Option<String> {
        Some(format!("{}.ana", Self::script(card)))
    }

    fn declining_cards(&self) -> Vec<(String, DeclineClass)> {
        use DeclineClass::{
            Config, FixData, Generic, HoldRisk, NeedsSca, Never, StopMandate, WaitFunds, WaitIssuer,
        };
        [
            ("visa_insufficient_funds", WaitFunds),
            ("visa_over_limit", WaitFunds),
            ("visa_too_often", WaitFunds),
            ("visa_rc_65", WaitFunds),
            ("visa_do_not_honor", Generic),
            ("visa_rc_zz", Generic),
            ("visa_issuer_down", WaitIssuer),
            ("visa_system_error", WaitIssuer),
            ("visa_lost_card", Never),
            ("visa_stolen_card", Never),
            ("visa_pick_up_card", Never),
            ("visa_closed_account", Never),
            ("visa_no_such_card", Never),
            ("visa_stop_payment", StopMandate),
            ("visa_stop_recurring", StopMandate),
            ("visa_stop_all", StopMandate),
            ("visa_expired_card", FixData),
            ("visa_restricted_card", FixData),
            ("visa_blocked_by_issuer", FixData),
            ("visa_authentication_required", NeedsSca),
            ("visa_suspected_fraud", HoldRisk),
            ("visa_security_violation", HoldRisk),
            ("visa_invalid_merchant", Config),
            ("visa_invalid_amount", Config),
            ("mastercard_mac_01", FixData),
            ("mastercard_mac_02", WaitFunds),
            ("mastercard_mac_03", Never),
            ("mastercard_rc_79_mac_03", Never),
            ("mastercard_mac_04", Config),
            ("mastercard_mac_21", StopMandate),
            ("mastercard_mac_24", WaitFunds),
            ("mastercard_mac_25", WaitFunds),
            ("mastercard_mac_26", WaitFunds),
            ("mastercard_mac_27", WaitFunds),
            ("mastercard_mac_28", WaitFunds),
            ("mastercard_mac_29", WaitFunds),
            ("mastercard_mac_30", WaitFunds),
            ("ach_ach_no_funds", WaitFunds),
            ("ach_ach_closed", FixData),
            ("ach_ach_revoked", StopMandate),
            ("sepa_sepa_no_funds", WaitFunds),
            ("sepa_sepa_closed", FixData),
            ("sepa_sepa_no_mandate", StopMandate),
        ]
        .map(|(script, class)| (format!("tok_{script}"), class))
        .to_vec()
    }

    async fn captures(&self, attempt: Id<kind::Attempt>) -> Vec<Money> {
        let reference = attempt.to_string();
        let charges = self.ledger().await;
        charges
            .iter()
            .filter(|charge| charge.reference == reference && charge.status == "succeeded")
            .map(|charge| {
                Money::new(charge.captured, Currency::from_code(&charge.currency).unwrap())
            })
            .collect()
    }

    async fn visit(&self, page: &HostedPage, visit: Visit) {
        let form = |fields: Vec<(&'static str, &'static str)>| async move {
            let shown = browser().get(&page.url).send().await.unwrap();
            assert_eq!(shown.status(), StatusCode::OK);
            assert!(shown.text().await.unwrap().contains("<form method=\"post\">"));
            browser().post(&page.url).form(&fields).send().await.unwrap()
        };
        let chosen = |card| ("card", Self::script(card));
        let is_confirmation = page.reference.starts_with("ch_");
        match visit {
            Visit::Chooses(card) => {
                let answer = form(vec![chosen(card)]).await;
                if card == Card::LacksFunds {
                    assert!(answer.text().await.unwrap().contains("not enough money"));
                } else {
                    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
                    assert_eq!(answer.headers()[header::LOCATION], RETURN_URL);
                }
            }
            Visit::ChoosesAndApproves(_) if is_confirmation => {
                let answer = form(vec![("answer", "approve")]).await;
                assert!(answer.text().await.unwrap().contains("confirmed"));
            }
            Visit::ChoosesAndApproves(card) => {
                let asked = form(vec![chosen(card)]).await;
                assert!(asked.text().await.unwrap().contains("Confirm with your bank"));
                let answer = form(vec![chosen(card), ("answer", "approve")]).await;
                assert_eq!(answer.headers()[header::LOCATION], RETURN_URL);
            }
            Visit::ChoosesAndRefuses(card) => {
                let answer = form(vec![chosen(card), ("answer", "refuse")]).await;
                assert!(answer.text().await.unwrap().contains("not authenticated"));
            }
            Visit::GivesUp => {
                let answer = form(vec![("answer", "give_up")]).await;
                assert_eq!(answer.headers()[header::LOCATION], RETURN_URL);
            }
        }
    }
}
