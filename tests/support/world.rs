//! A portal's world: a database, the sandbox gateway and a mail server, all real, and Rondo, served
//! on a port as in production. A merchant whose clock goes where the story wants it.
//!
//! What a portal does goes over gRPC ([`Api`]); what the engine does is done here until nothing is
//! left to do, so that a story never waits.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use rondo::{
    app::{
        Rondo,
        api_keys::{NewApiKey, create_api_key},
        clock::{Clock as _, ManualClock},
    },
    domain::{api_key::Role, calendar::Zone},
    engine,
    gateway::sandbox::server::SandboxServer,
    grpc::{convert::time::timestamp, proto::v1},
    mail::catcher::CatcherHandle,
    store::{MerchantId, Stuck, Work},
};
use tempfile::TempDir;
use tonic::transport::Channel;

use super::{
    Database, Engine,
    api::{Api, id_of, instant, money},
    line::Line,
    served,
};

/// Everything that a story happens in.
pub struct World {
    /// The running service, whose loops the story turns.
    pub rondo: Rondo,
    /// The mail server.
    pub mails: CatcherHandle,
    /// The gateway's own server.
    pub sandbox: SandboxServer,
    /// The way there.
    pub line: Arc<Line>,
    /// The API, as the merchant's portal sees it.
    pub api: Api,
    /// The way there.
    pub channel: Channel,
    /// The portal's key.
    pub key: String,
    /// Its database.
    pub database: Database,
    /// Who bills.
    pub merchant_id: MerchantId,
    clock: Arc<ManualClock>,
    test_clock: Option<String>,
    _folder: TempDir,
}

/// How a world is to be.
#[must_use = "it begins when it is awaited"]
pub struct Beginning {
    engine: Engine,
    day: String,
    pages_per_minute: u32,
    has_test_clock: bool,
    is_in_order: bool,
}

impl Beginning {
    /// Each address may ask for so many pages a minute.
    pub fn with_page_limit(self, pages_per_minute: u32) -> Self {
        Self { pages_per_minute, ..self }
    }

    /// The merchant lives in the world's time, and not on a test clock.
    pub fn without_test_clock(self) -> Self {
        Self { has_test_clock: false, ..self }
    }

    /// One thing happens after the other, so that two runs are the same.
    pub fn in_order(self) -> Self {
        Self { is_in_order: true, ..self }
    }

    async fn begin(self) -> World {
        let start = at(&self.day);
        let clock = Arc::new(ManualClock::at(start));
        let database = super::open(self.engine).await;
        let folder = TempDir::new().unwrap();
        let sandbox = served::sandbox(&folder, &clock).await;
        let line = Arc::new(served::line(&sandbox));
        let mails = served::mail_server().await;
        let port = served::Port::open().await;
        let mut rondo = served::rondo(&database, &clock, &line, &mails, &port);
        if self.is_in_order {
            rondo.pace.calls_in_flight = 1;
            rondo.pace.mails_in_flight = 1;
        }
        let channel = port.serve(&rondo, self.pages_per_minute).await;

        let admin_key = new_key(&rondo, Role::Admin, None).await;
        let admin = Api::new(&channel, &admin_key, None);
        let request = v1::CreateMerchantRequest {
            merchant: Some(open_academy()),
            request_id: admin.request_id(),
            ..Default::default()
        };
        let merchant = admin.merchants().create_merchant(request).await.unwrap().into_inner().name;
        let admin = Api::new(&channel, &admin_key, Some(&merchant));
        let test_clock =
            if self.has_test_clock { Some(test_clock(&admin, start).await) } else { None };
        let key = portal_key(&admin).await;
        World {
            api: Api::new(&channel, &key, None),
            channel,
            key,
            merchant_id: id_of(&merchant),
            test_clock,
            rondo,
            mails,
            sandbox,
            line,
            clock,
            database,
            _folder: folder,
        }
    }
}

impl IntoFuture for Beginning {
    type Output = World;
    type IntoFuture = super::Later<World>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

fn open_academy() -> v1::Merchant {
    v1::Merchant {
        display_name: "Open Academy".to_owned(),
        time_zone: "Europe/Lisbon".to_owned(),
        gateway: "sandbox".to_owned(),
        invoice_prefix: "OA".to_owned(),
        legal_lines: "Open Academy Lda., Lisboa".to_owned(),
        portal_url: "https://academy.example".to_owned(),
        ..Default::default()
    }
}

async fn test_clock(admin: &Api, start: DateTime<Utc>) -> String {
    let shows = Some(timestamp(start));
    let request = v1::CreateTestClockRequest {
        test_clock: Some(v1::TestClock { current_time: shows, ..Default::default() }),
        request_id: admin.request_id(),
        ..Default::default()
    };
    admin.clocks().create_test_clock(request).await.unwrap().into_inner().name
}

async fn portal_key(admin: &Api) -> String {
    let request = v1::CreateApiKeyRequest {
        api_key: Some(v1::ApiKey {
            display_name: "portal".to_owned(),
            role: v1::api_key::Role::Merchant.into(),
            ..Default::default()
        }),
        request_id: admin.request_id(),
        ..Default::default()
    };
    admin.keys().create_api_key(request).await.unwrap().into_inner().secret
}

/// A new key, made as `rondo keys` makes it: the first one of an installation comes from there.
pub async fn new_key(rondo: &Rondo, role: Role, merchant: Option<MerchantId>) -> String {
    let new = NewApiKey { name: "story".to_owned(), role, merchant, expires_at: None };
    let mut repo = rondo.store.begin().await.unwrap();
    let now = rondo.clock.now();
    let (_, secret) = create_api_key(repo.as_mut(), &rondo.mint, now, new).await.unwrap();
    repo.commit().await.unwrap();
    secret.expose().to_owned()
}

impl World {
    /// A world on `engine` in which it is noon of `day` in Lisbon.
    pub fn on(engine: Engine, day: &str) -> Beginning {
        Beginning {
            engine,
            day: day.to_owned(),
            pages_per_minute: 100_000,
            has_test_clock: true,
            is_in_order: false,
        }
    }

    /// From now on the story is of another merchant, in the world's time.
    pub async fn turns_to_another_merchant(&mut self) {
        let admin_key = new_key(&self.rondo, Role::Admin, None).await;
        let admin = Api::new(&self.channel, &admin_key, None);
        let request =
            v1::CreateMerchantRequest { merchant: Some(open_academy()), ..Default::default() };
        let merchant = admin.merchants().create_merchant(request).await.unwrap().into_inner().name;
        self.merchant_id = id_of(&merchant);
        self.key = new_key(&self.rondo, Role::Merchant, Some(self.merchant_id)).await;
        self.api = Api::new(&self.channel, &self.key, None);
        self.test_clock = None;
    }

    /// What the merchant's clock shows.
    pub async fn now(&self) -> DateTime<Utc> {
        match &self.test_clock {
            Some(_) => instant(self.clock().await.current_time),
            None => self.clock.now(),
        }
    }

    async fn clock(&self) -> v1::TestClock {
        let name = self.test_clock.clone().unwrap();
        let request = v1::GetTestClockRequest { name };
        self.api.clocks().get_test_clock(request).await.unwrap().into_inner()
    }

    /// Lets everything that is due happen.
    pub async fn settle(&self) {
        Box::pin(engine::run_until_idle(&self.rondo)).await.unwrap();
    }

    /// Lets the merchant live until `when` (see [`at`]).
    pub async fn advance_to(&self, when: &str) {
        self.send_clock_to(when).await;
        self.arrive().await;
    }

    /// Says where the merchant's clock is going to; the engine takes it there.
    pub async fn send_clock_to(&self, when: &str) {
        let request = v1::AdvanceTestClockRequest {
            name: self.test_clock.clone().unwrap(),
            target_time: Some(timestamp(at(when))),
            request_id: self.api.request_id(),
            ..Default::default()
        };
        self.api.clocks().advance_test_clock(request).await.unwrap();
    }

    /// Lets the clock go where it was sent.
    pub async fn arrive(&self) {
        self.settle().await;
        let clock = self.clock().await;
        assert_eq!(clock.state(), v1::test_clock::State::Ready, "it arrives: {clock:?}");
    }

    /// Turns the loops until a call is stuck on the line, and lets the worker die there: it is cut
    /// off where it stands, and all that it had begun stays as it is.
    pub async fn worker_dies_on_the_line(&self) {
        tokio::select! {
            idle = engine::run_until_idle(&self.rondo) => {
                idle.unwrap();
                panic!("no call got stuck");
            }
            () = self.line.is_stuck() => {}
        }
    }

    /// Time passes in the world, for leases too; the merchant's own clock stands, if it has one.
    pub fn time_passes(&self, time: TimeDelta) {
        self.clock.advance(time);
    }

    /// Nothing runs until `when`; then all that was missed is caught up with.
    pub async fn is_down_until(&self, when: &str) {
        self.clock.set(at(when));
        self.settle().await;
    }

    /// Staff gives money of a payment back: so much, or all that is left.
    pub async fn gives_back(&self, payment: &str, amount: Option<&str>) -> v1::Refund {
        let request = v1::RefundPaymentRequest {
            name: payment.to_owned(),
            amount: amount.map(money),
            reason: "a week without lessons".to_owned(),
            request_id: self.api.request_id(),
            ..Default::default()
        };
        self.api.payments().refund_payment(request).await.unwrap().into_inner()
    }

    /// What is set aside for staff.
    pub async fn stuck(&self) -> Vec<Stuck> {
        let mut repo = self.rondo.store.snapshot().await.unwrap();
        repo.stuck(Some(self.merchant_id), 100).await.unwrap()
    }

    /// Takes an object out of its loop, as the engine does where it cannot go on with it.
    pub async fn set_aside(&self, work: Work, object: &str) {
        let (merchant, object) = (self.merchant_id, object.to_owned());
        let (reason, since) = ("it could not be written".to_owned(), self.rondo.clock.now());
        let mut repo = self.rondo.store.begin().await.unwrap();
        repo.set_aside(&Stuck { merchant, work, object, reason, since }).await.unwrap();
        repo.commit().await.unwrap();
    }

    /// Staff puts an object back to work, as `rondo stuck retry` does.
    pub async fn put_back(&self, object: &str) {
        let mut repo = self.rondo.store.begin().await.unwrap();
        let is_back = repo.put_back(object, self.rondo.clock.now()).await.unwrap();
        repo.commit().await.unwrap();
        assert!(is_back, "{object} was set aside");
    }

    /// The kinds of the mails that a member got, in the order of their coming.
    pub fn mail_kinds(&self, name: &str) -> Vec<String> {
        let address = super::member::address(name);
        let mut mails = self.mails.mails();
        mails.retain(|mail| mail.to.iter().any(|to| to.contains(&address)));
        mails.sort_by_key(|mail| mail.number);
        mails.iter().filter_map(|mail| mail.kind.clone()).collect()
    }
}

/// An instant in Lisbon: `2026-01-31`, which is noon, or `2026-01-31 18:30`.
pub fn at(when: &str) -> DateTime<Utc> {
    let lisbon: Zone = "Europe/Lisbon".parse().unwrap();
    let noon = |day: NaiveDate| day.and_hms_opt(12, 0, 0).unwrap();
    let local = match when.parse::<NaiveDate>() {
        Ok(day) => noon(day),
        Err(_) => NaiveDateTime::parse_from_str(when, "%Y-%m-%d %H:%M").unwrap(),
    };
    lisbon.instant_of(local)
}
