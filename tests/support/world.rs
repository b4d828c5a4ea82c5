//! A portal's world: a database, the sandbox gateway and a mail server, all real, and a merchant
//! whose clock goes where the story wants it.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDate, Utc};
use rondo::{
    app::{Pace, Rondo, clock::ManualClock},
    domain::{
        calendar::{Alignment, BillingAnchor, Interval, Zone},
        catalog::{Plan, PlanState, PlanVersion, PriceComponent, PriceModel, Terms, VersionNumber},
        changes::Changes,
        customer::{Customer, PaymentMethod},
        ids::{Id, Kind, Mint, kind},
        invoice::{Invoice, InvoiceState},
        merchant::{Merchant, TestClock},
        money::{Currency, Money},
        notice::reminder,
        payment::{
            Payment,
            decline::Network,
            method::{Expiry, StoredMethod},
        },
        subscription::{
            Access, Subscription, SubscriptionState,
            renewal::{self, Due},
        },
        version::Version,
    },
    engine,
    gateway::{
        self, AccountConfig, GatewayKind,
        http::{Timeouts, client},
        sandbox::server::{Clock as SandboxClock, LedgerCharge, SandboxOptions, SandboxServer},
    },
    mail::{
        SmtpConfig, SmtpMailer,
        catcher::{Catcher, CatcherHandle},
    },
    security::links::LinkKey,
    store::{InvoiceFilter, Page},
};
use tempfile::TempDir;

use super::{Database, Engine};

/// Everything that a story happens in.
pub struct World {
    /// The running service.
    pub rondo: Rondo,
    /// The mail server.
    pub mails: CatcherHandle,
    /// The gateway's own server.
    pub sandbox: SandboxServer,
    merchant: Id<kind::Merchant>,
    _database: Database,
    _folder: TempDir,
}

/// A member of the portal.
#[derive(Debug, Clone)]
pub struct Member {
    /// Their id.
    pub id: Id<kind::Customer>,
}

const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
const SECRET: &str = "sk_sandbox_for_a_story";

impl World {
    /// A world on `engine` in which it is noon of `day` in Lisbon.
    pub async fn on(engine: Engine, day: &str) -> Self {
        let database = super::open(engine).await;
        let folder = TempDir::new().unwrap();
        let start =
            lisbon().instant_of(day.parse::<NaiveDate>().unwrap().and_hms_opt(12, 0, 0).unwrap());
        let clock = Arc::new(ManualClock::at(start));
        let of_sandbox = Arc::clone(&clock);
        let mut options = SandboxOptions::new(
            folder.path().join("ledger.jsonl"),
            SECRET.into(),
            SandboxClock::new(move || rondo::app::clock::Clock::now(of_sandbox.as_ref())),
        );
        options.calls_per_second = None;
        let sandbox = SandboxServer::start(options).await.unwrap();
        let account = AccountConfig {
            kind: GatewayKind::Sandbox,
            base_url: Some(sandbox.base_url().to_owned()),
            secret_key: SECRET.into(),
            webhook_secrets: vec![],
            calls_per_second: 100_000,
            calls_in_flight: 64,
        };
        let timeouts = Timeouts { connect: Duration::from_secs(2), total: Duration::from_secs(5) };
        let gateway = gateway::connect("sandbox", &account, client(timeouts).unwrap()).unwrap();
        let mails = Catcher::new().start(LOOPBACK, LOOPBACK).await.unwrap();
        let smtp: SmtpConfig = serde_json::from_value(serde_json::json!({
            "host": "127.0.0.1",
            "port": mails.smtp_addr.port(),
            "tls": "none",
            "from": "billing@academy.example",
        }))
        .unwrap();
        let rondo = Rondo {
            store: database.store(),
            clock,
            mint: Arc::new(Mint::seeded([7; 32])),
            gateways: BTreeMap::from([("sandbox".to_owned(), gateway)]),
            mailer: Arc::new(SmtpMailer::new(&smtp).unwrap()),
            mail_from: smtp.from.clone(),
            words: Arc::default(),
            links: Arc::new(LinkKey::from_secret(&[9; 32])),
            public_url: "http://127.0.0.1:8080".to_owned(),
            pace: Pace::default(),
        };
        let merchant = Merchant {
            id: rondo.mint.id(start),
            name: "Open Academy".to_owned(),
            zone: lisbon(),
            locale: "en".to_owned(),
            gateway: "sandbox".to_owned(),
            invoice_prefix: "OA".to_owned(),
            reply_to: None,
            legal_lines: "Open Academy Lda., Lisboa".to_owned(),
            portal_url: Some("https://academy.example".to_owned()),
            dunning_policy: None,
            test_clock: Some(TestClock { id: rondo.mint.id(start), now: start, target: start }),
            created_at: start,
            version: Version::NEW,
        };
        let id = merchant.id;
        let world =
            Self { rondo, mails, sandbox, merchant: id, _database: database, _folder: folder };
        world.write(Changes { merchants: vec![merchant], ..Changes::default() }).await;
        world
    }

    /// The same world, in which one thing happens after the other, so that two runs are the same.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.rondo.pace.calls_in_flight = 1;
        self.rondo.pace.mails_in_flight = 1;
        self
    }

    /// Commits `changes`.
    pub async fn write(&self, changes: Changes) {
        let mut repo = self.rondo.store.begin().await.unwrap();
        repo.write(changes).await.unwrap();
        repo.commit().await.unwrap();
    }

    /// The merchant as it is now.
    pub async fn merchant(&self) -> Merchant {
        let mut repo = self.rondo.store.snapshot().await.unwrap();
        repo.merchant(self.merchant).await.unwrap().unwrap()
    }

    async fn now(&self) -> DateTime<Utc> {
        self.merchant().await.test_clock.unwrap().now
    }

    fn id<K: Kind>(&self, now: DateTime<Utc>) -> Id<K> {
        self.rondo.mint.id(now)
    }

    /// Lets the merchant live until noon of `day`, in Lisbon.
    pub async fn advance_to(&self, day: &str) {
        let target =
            lisbon().instant_of(day.parse::<NaiveDate>().unwrap().and_hms_opt(12, 0, 0).unwrap());
        let mut merchant = self.merchant().await;
        let clock = merchant.test_clock.unwrap();
        merchant.test_clock = Some(TestClock { target, ..clock });
        self.write(Changes { merchants: vec![merchant], ..Changes::default() }).await;
        engine::run_until_idle(&self.rondo).await.unwrap();
        assert_eq!(self.now().await, target, "the clock arrives");
    }

    /// A plan that costs `minor` cents of euro every `interval`.
    pub async fn plan(&self, name: &str, minor: i64, interval: Interval, trial_days: u32) -> Plan {
        let now = self.now().await;
        let eur = Currency::from_code("EUR").unwrap();
        let plan = Plan {
            merchant: self.merchant,
            id: self.id(now),
            name: name.to_owned(),
            state: PlanState::Active,
            current: VersionNumber::FIRST,
            dunning_policy: None,
            created_at: now,
            version: Version::NEW,
        };
        let version = PlanVersion {
            merchant: self.merchant,
            plan: plan.id,
            number: VersionNumber::FIRST,
            terms: Terms {
                interval,
                alignment: Alignment::Anniversary,
                trial_days,
                components: vec![PriceComponent {
                    label: "Membership".to_owned(),
                    model: PriceModel::Flat,
                    amounts: BTreeMap::from([(eur, minor)]),
                }],
                entitlements: vec!["courses".to_owned()],
            },
            created_at: now,
        };
        self.write(Changes {
            plans: vec![plan.clone()],
            plan_versions: vec![version],
            ..Changes::default()
        })
        .await;
        plan
    }

    /// A member whose card is the sandbox's `token`.
    pub async fn member(&self, name: &str, token: &str) -> Member {
        let now = self.now().await;
        let customer = Customer {
            merchant: self.merchant,
            id: self.id(now),
            email: format!("{}@example.org", name.to_lowercase()),
            name: name.to_owned(),
            locale: None,
            zone: None,
            country: None,
            default_method: None,
            backup_method: None,
            email_suppressed: false,
            external_id: None,
            created_at: now,
            deleted_at: None,
            version: Version::NEW,
        };
        let stored = StoredMethod {
            token: format!("{token}.{}", name.to_lowercase()),
            customer_reference: None,
            network: Network::Visa,
            brand: "Visa".to_owned(),
            last_four: "4242".to_owned(),
            expiry: Some(Expiry { year: 2030, month: 12 }),
            fingerprint: Some(format!("fp_{name}")),
        };
        let method = PaymentMethod::from_stored(
            self.merchant,
            self.id(now),
            customer.id,
            "sandbox".to_owned(),
            stored,
            now,
        );
        let id = customer.id;
        self.write(Changes {
            customers: vec![Customer { default_method: Some(method.id), ..customer }],
            payment_methods: vec![method],
            ..Changes::default()
        })
        .await;
        Member { id }
    }

    /// Subscribes a member to a plan, and lets what is due now happen.
    pub async fn subscribe(&self, member: &Member, plan: &Plan) -> Id<kind::Subscription> {
        let now = self.now().await;
        let eur = Currency::from_code("EUR").unwrap();
        let mut repo = self.rondo.store.begin().await.unwrap();
        let versions = repo.versions_of_plan(self.merchant, plan.id).await.unwrap();
        let terms = versions.last().unwrap().terms.clone();
        let customer = repo.customers(self.merchant, &[member.id]).await.unwrap().remove(0);
        drop(repo);
        let mut subscription = Subscription {
            merchant: self.merchant,
            id: self.id(now),
            customer: member.id,
            plan: plan.id,
            plan_version: VersionNumber::FIRST,
            currency: eur,
            quantity: 1,
            state: SubscriptionState::Incomplete,
            anchor: BillingAnchor::at(now, lisbon()),
            next_cycle: 0,
            current_period: None,
            due_at: None,
            remind_at: None,
            trial_end: None,
            cancellation: None,
            scheduled_change: None,
            pause: None,
            payment_method: None,
            access: Access::None,
            started_at: now,
            ended_at: None,
            version: Version::NEW,
        };
        let id = subscription.id;
        subscription.begin(&terms, now).unwrap();
        let changes = if terms.trial_days == 0 {
            let due = Due {
                subscription,
                customer,
                plan_name: plan.name.clone(),
                terms,
                open: vec![],
                card_expiry: None,
            };
            renewal::renew(due, now, &self.rondo.mint).unwrap()
        } else {
            reminder::plan(&mut subscription, None, now);
            Changes { subscriptions: vec![subscription], ..Changes::default() }
        };
        self.write(changes).await;
        engine::run_until_idle(&self.rondo).await.unwrap();
        id
    }

    /// The subscription as it is now.
    pub async fn subscription(&self, id: Id<kind::Subscription>) -> Subscription {
        let mut repo = self.rondo.store.snapshot().await.unwrap();
        repo.subscriptions(self.merchant, &[id]).await.unwrap().remove(0)
    }

    /// The invoices of a subscription, oldest first.
    pub async fn invoices(&self, subscription: Id<kind::Subscription>) -> Vec<Invoice> {
        let mut repo = self.rondo.store.snapshot().await.unwrap();
        let filter = InvoiceFilter { subscription: Some(subscription), ..InvoiceFilter::default() };
        let page = Page { after: None, limit: 1_000 };
        repo.list_invoices(self.merchant, &filter, page).await.unwrap()
    }

    /// What is collected for an invoice.
    pub async fn payment_of(&self, invoice: &Invoice) -> Payment {
        let mut repo = self.rondo.store.snapshot().await.unwrap();
        repo.payments_of_invoices(self.merchant, &[invoice.id]).await.unwrap().remove(0)
    }

    /// The states of a subscription's invoices, oldest first.
    pub async fn invoice_states(&self, id: Id<kind::Subscription>) -> Vec<InvoiceState> {
        self.invoices(id).await.into_iter().map(|invoice| invoice.state).collect()
    }

    /// The kinds of the mails that a member got, in the order of their coming.
    pub fn mail_kinds(&self, name: &str) -> Vec<String> {
        let address = format!("{}@example.org", name.to_lowercase());
        let mut mails: Vec<_> = self
            .mails
            .mails()
            .into_iter()
            .filter(|mail| mail.to.iter().any(|to| to.contains(&address)))
            .collect();
        mails.sort_by_key(|mail| mail.number);
        mails.into_iter().filter_map(|mail| mail.kind.clone()).collect()
    }

    /// What the gateway itself says that it took less what it gave back, by our reference.
    pub async fn captured(&self) -> BTreeMap<String, i64> {
        let http = client(Timeouts::default()).unwrap();
        let url = format!("{}/ledger/charges", self.sandbox.base_url());
        let reply = http.get(url).bearer_auth(SECRET).send().await.unwrap();
        let mut captured = BTreeMap::new();
        for line in reply.text().await.unwrap().lines() {
            let charge: LedgerCharge = serde_json::from_str(line).unwrap();
            *captured.entry(charge.reference).or_default() += charge.captured - charge.refunded;
        }
        captured.retain(|_, minor| *minor != 0);
        captured
    }

    /// What our ledger says that each attempt took less what went back of it.
    pub async fn booked(&self) -> BTreeMap<String, i64> {
        let mut repo = self.rondo.store.snapshot().await.unwrap();
        let page = Page { after: None, limit: 100_000 };
        let booked = repo.money_by_attempt(self.merchant, page).await.unwrap();
        booked
            .into_iter()
            .filter(|(_, minor)| *minor != 0)
            .map(|(attempt, minor)| (attempt.to_string(), minor))
            .collect()
    }

    /// An amount of euro.
    pub fn euro(minor: i64) -> Money {
        Money::new(minor, Currency::from_code("EUR").unwrap())
    }
}

fn lisbon() -> Zone {
    "Europe/Lisbon".parse().unwrap()
}
