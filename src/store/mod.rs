//! The port to the database: what Rondo asks of it, and what both engines promise.
//!
//! A [`Repository`] is one transaction. Reads give whole aggregates; [`Repository::write`] commits
//! what a decision changed, all of it or nothing, guarded by each object's version. Every question
//! names its merchant first, so that the data can be spread by merchant.

mod fault;
mod open;
#[expect(clippy::duplicate_mod, reason = "one SQL source, compiled once per engine")]
pub mod postgres;
pub mod sqlite;

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::{
    api_key::ApiKey,
    catalog::{Plan, PlanState, PlanVersion, VersionNumber},
    changes::Changes,
    customer::{Customer, PaymentMethod},
    dunning::{DunningCase, DunningPolicy},
    event::{Event, EventKind, WebhookEndpoint},
    ids::{Id, Kind, kind},
    invoice::{Invoice, InvoiceState},
    ledger::Journal,
    merchant::Merchant,
    money::{Currency, Money},
    notice::Notice,
    payment::{Payment, PaymentState, attempt::Attempt, refund::Refund},
    subscription::{Subscription, SubscriptionState},
};

pub use open::{Durability, OpenOptions, open};

/// What any question to the store may come to.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A merchant's id, which nearly every question names.
pub type MerchantId = Id<kind::Merchant>;

/// A database, SQLite or Postgres.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// Begins a transaction that may write.
    async fn begin(&self) -> Result<Box<dyn Repository>>;

    /// Begins a read-only transaction: one consistent picture, which blocks nobody.
    async fn snapshot(&self) -> Result<Box<dyn Repository>>;

    /// Tells of work that was committed, here or by another replica. A hint: it may come late,
    /// twice or never, and the tick does the rest.
    fn wakes(&self) -> tokio::sync::broadcast::Receiver<Work>;

    /// Brings the schema up to date.
    async fn migrate(&self) -> Result<()>;

    /// The migrations that are still to be run, by name.
    async fn pending_migrations(&self) -> Result<Vec<String>>;

    /// The name of the engine and its version, for logs.
    async fn describe(&self) -> Result<String>;

    /// Closes all connections, after what is under way.
    async fn close(&self);
}

/// The kinds of due work, one for each loop of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Subscriptions that need a decision.
    Renew,
    /// Payments to attempt, refunds to send.
    Collect,
    /// Attempts to ask after, and webhooks to apply.
    Resolve,
    /// Dunning steps.
    Dun,
    /// Reminders.
    Remind,
    /// Mails.
    SendMail,
    /// Webhooks out.
    DeliverEvents,
    /// Test clocks on their way.
    AdvanceClocks,
}

impl Work {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Renew,
        Self::Collect,
        Self::Resolve,
        Self::Dun,
        Self::Remind,
        Self::SendMail,
        Self::DeliverEvents,
        Self::AdvanceClocks,
    ];

    /// The name in logs, metrics and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Renew => "renew",
            Self::Collect => "collect",
            Self::Resolve => "resolve",
            Self::Dun => "dun",
            Self::Remind => "remind",
            Self::SendMail => "send_mail",
            Self::DeliverEvents => "deliver_events",
            Self::AdvanceClocks => "advance_clocks",
        }
    }
}

/// Two times: the merchant's own, by which things are due, and the world's, by which leases run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// The merchant's time.
    pub now: DateTime<Utc>,
    /// The world's time.
    pub world: DateTime<Utc>,
}

/// What a claim took: locked until the transaction ends, oldest first, and those rows that could
/// not be read, which the caller sets aside so that they never block the others.
#[derive(Debug)]
pub struct Claim<T> {
    /// The readable ones.
    pub rows: Vec<T>,
    /// The others.
    pub broken: Vec<Broken>,
}

/// A row that cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The object's id as text, with its prefix.
    pub id: String,
    /// Which column, and why.
    pub reason: String,
}

/// An object that was taken out of its loop, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// Whose.
    pub merchant: MerchantId,
    /// Which loop could not go on with it.
    pub work: Work,
    /// Its id as text, with its prefix.
    pub object: String,
    /// Why.
    pub reason: String,
    /// Since when, in the world's time.
    pub since: DateTime<Utc>,
}

/// A page of a list in the order of ids, which is the order of making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<K: Kind> {
    /// What was last seen; from the beginning if absent.
    pub after: Option<Id<K>>,
    /// How many at most.
    pub limit: usize,
}

/// A webhook from a gateway, verified, as it waits to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxItem {
    /// The gateway account.
    pub gateway: String,
    /// The gateway's id of the event: kept for good, so that it is applied once (RULES WIN-3).
    pub event_id: String,
    /// The raw body.
    pub body: Vec<u8>,
    /// What it says, as JSON of the gateway port's news.
    pub news: serde_json::Value,
    /// When it came, in the world's time.
    pub received_at: DateTime<Utc>,
    /// When it is applied or tried again, in the world's time; none once applied or given up.
    pub due_at: Option<DateTime<Utc>>,
    /// How often it was tried.
    pub tries: u32,
    /// Why it could not be applied.
    pub failure: Option<String>,
}

/// The reply to a mutating request, kept so that the same `request_id` gets the same reply (RULES
/// API-3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// Caller and method.
    pub scope: String,
    /// The caller's id of the request.
    pub request_id: uuid::Uuid,
    /// SHA-256 of the request.
    pub request_hash: [u8; 32],
    /// The reply, encoded.
    pub reply: Vec<u8>,
    /// When it was made, in the world's time.
    pub at: DateTime<Utc>,
}

/// Which subscriptions to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each narrows the list to what its name says")]
pub struct SubscriptionFilter {
    pub customer: Option<Id<kind::Customer>>,
    pub plan: Option<Id<kind::Plan>>,
    pub states: Vec<SubscriptionState>,
}

/// Which invoices to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each narrows the list to what its name says")]
pub struct InvoiceFilter {
    pub customer: Option<Id<kind::Customer>>,
    pub subscription: Option<Id<kind::Subscription>>,
    pub states: Vec<InvoiceState>,
}

/// Which payments to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each narrows the list to what its name says")]
pub struct PaymentFilter {
    pub customer: Option<Id<kind::Customer>>,
    pub invoice: Option<Id<kind::Invoice>>,
    pub states: Vec<PaymentState>,
}

/// Which events to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each narrows the list to what its name says")]
pub struct EventFilter {
    pub customer: Option<Id<kind::Customer>>,
    pub kinds: Vec<EventKind>,
}

/// An earlier sending on the same card, for the networks' limits (RULES RET-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentBefore {
    /// The card: fingerprint, else token.
    pub card_key: String,
    /// The invoice it was for.
    pub invoice: Id<kind::Invoice>,
    /// How much.
    pub amount: Money,
    /// Who set it off.
    pub initiator: crate::domain::payment::attempt::Initiator,
    /// When it left.
    pub sent_at: DateTime<Utc>,
}

/// One line of the month-by-month report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MonthFigures {
    /// The first day of the month, UTC.
    pub month: chrono::NaiveDate,
    /// In what.
    pub currency: Currency,
    /// Invoices issued.
    pub invoices: i64,
    /// Of these, settled by now.
    pub paid: i64,
    /// Of these, those whose first attempt came to nothing.
    pub failed: i64,
    /// Of the failed, settled by now.
    pub recovered: i64,
    /// Given up: uncollectible, or void after dunning.
    pub given_up: i64,
    /// Money taken in the month less money sent back in it, minor units.
    pub revenue_minor: i64,
}

/// A sum of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// The account, as text.
    pub account: String,
    /// In what.
    pub currency: Currency,
    /// Debits less credits, minor units.
    pub minor: i64,
}

/// One transaction. Dropped without [`Repository::commit`], it leaves no trace.
///
/// To add a question: one method here with its promise, one SQL text in `sql/` under the
/// aggregate that answers, one story in the conformance suite.
#[async_trait]
pub trait Repository: Send {
    /// Commits, and wakes the loops for which work was written.
    async fn commit(self: Box<Self>) -> Result<()>;

    /// Writes all of `changes`. Invoices without a number get the merchant's next ones and events
    /// their places, in the order given, as the transaction's last statements; webhook endpoints
    /// that have events before them become due. Fails with [`StoreError::Conflict`] if an object was
    /// written since it was read, and with [`StoreError::Duplicate`] if a rule of uniqueness is
    /// broken; then nothing is written, and the transaction can only be dropped.
    async fn write(&mut self, changes: Changes) -> Result<()>;

    // Due work.

    /// Merchants that have work of this kind due now, each by its own clock, at most `limit`.
    async fn merchants_due(
        &mut self,
        work: Work,
        world: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Merchant>>;

    /// Claims subscriptions whose `due_at` has come.
    async fn claim_due_subscriptions(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<Subscription>>;

    /// Claims subscriptions whose `remind_at` has come.
    async fn claim_reminders(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<Subscription>>;

    /// Claims payments whose `collect_at` has come.
    async fn claim_due_payments(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<Payment>>;

    /// Claims attempts whose `probe_at` has come, and open ones whose lease ran out: their worker
    /// died. Never one whose lease still runs.
    async fn claim_probes(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<Attempt>>;

    /// Claims refunds whose `due_at` has come and that nobody holds a lease on.
    async fn claim_due_refunds(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<Refund>>;

    /// Claims dunning cases whose `due_at` has come.
    async fn claim_due_cases(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<DunningCase>>;

    /// Claims notices whose `due_at` has come and that nobody holds a lease on.
    async fn claim_due_notices(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<Notice>>;

    /// Claims webhook endpoints whose `due_at` has come and that nobody holds a lease on.
    async fn claim_due_endpoints(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<WebhookEndpoint>>;

    /// Takes an object out of its loop, with the reason: its due time is cleared. A test clock
    /// stands where it is.
    async fn set_aside(&mut self, stuck: &Stuck) -> Result<()>;

    /// Objects that were set aside, oldest first.
    async fn stuck(&mut self, merchant: Option<MerchantId>, limit: usize) -> Result<Vec<Stuck>>;

    /// Puts an object back into its loop, due at `now` unless its state has nothing due any more.
    /// `false` if it was not set aside. A test clock stands until it is told to advance.
    async fn put_back(&mut self, object: &str, now: DateTime<Utc>) -> Result<bool>;

    /// The earliest instant after `now` at which anything of this merchant is due, by its clock.
    async fn next_due(
        &mut self,
        merchant: MerchantId,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>>;

    /// Whether anything of this merchant is due at `now` or in a worker's hands, but for webhook
    /// endpoints that fail: a portal's broken server does not hold up time.
    async fn is_busy(&mut self, merchant: MerchantId, now: DateTime<Utc>) -> Result<bool>;

    /// For each kind of work, when the oldest of what is due was due; live merchants only.
    async fn oldest_due(&mut self, world: DateTime<Utc>) -> Result<Vec<(Work, DateTime<Utc>)>>;

    // Merchants and keys.

    /// A merchant.
    async fn merchant(&mut self, merchant: MerchantId) -> Result<Option<Merchant>>;

    /// Merchants in the order of their making.
    async fn merchants(&mut self, page: Page<kind::Merchant>) -> Result<Vec<Merchant>>;

    /// The key with this SHA-256.
    async fn api_key_by_hash(&mut self, hash: [u8; 32]) -> Result<Option<ApiKey>>;

    /// Keys of a merchant, or of the administrators.
    async fn api_keys(
        &mut self,
        merchant: Option<MerchantId>,
        page: Page<kind::ApiKey>,
    ) -> Result<Vec<ApiKey>>;

    /// A key.
    async fn api_key(&mut self, key: Id<kind::ApiKey>) -> Result<Option<ApiKey>>;

    /// Notes that a key was used.
    async fn touch_api_key(&mut self, key: Id<kind::ApiKey>, at: DateTime<Utc>) -> Result<()>;

    // Aggregates by id: those that exist, in no particular order.

    /// Customers.
    async fn customers(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::Customer>],
    ) -> Result<Vec<Customer>>;

    /// Payment methods.
    async fn payment_methods(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::PaymentMethod>],
    ) -> Result<Vec<PaymentMethod>>;

    /// Plans.
    async fn plans(&mut self, merchant: MerchantId, ids: &[Id<kind::Plan>]) -> Result<Vec<Plan>>;

    /// Versions of plans.
    async fn plan_versions(
        &mut self,
        merchant: MerchantId,
        keys: &[(Id<kind::Plan>, VersionNumber)],
    ) -> Result<Vec<PlanVersion>>;

    /// Dunning policies, each in its newest version.
    async fn dunning_policies(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::DunningPolicy>],
    ) -> Result<Vec<DunningPolicy>>;

    /// Subscriptions.
    async fn subscriptions(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::Subscription>],
    ) -> Result<Vec<Subscription>>;

    /// Invoices.
    async fn invoices(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::Invoice>],
    ) -> Result<Vec<Invoice>>;

    /// Payments.
    async fn payments(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::Payment>],
    ) -> Result<Vec<Payment>>;

    /// Attempts.
    async fn attempts(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::Attempt>],
    ) -> Result<Vec<Attempt>>;

    /// Refunds.
    async fn refunds(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::Refund>],
    ) -> Result<Vec<Refund>>;

    /// Dunning cases.
    async fn dunning_cases(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::DunningCase>],
    ) -> Result<Vec<DunningCase>>;

    /// Notices.
    async fn notices(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::Mail>],
    ) -> Result<Vec<Notice>>;

    // Aggregates by what they belong to.

    /// The customer whom the portal knows by this id.
    async fn customer_by_external_id(
        &mut self,
        merchant: MerchantId,
        external_id: &str,
    ) -> Result<Option<Customer>>;

    /// The methods of these customers that were not detached, oldest first.
    async fn methods_of_customers(
        &mut self,
        merchant: MerchantId,
        customers: &[Id<kind::Customer>],
    ) -> Result<Vec<PaymentMethod>>;

    /// The payments of these invoices.
    async fn payments_of_invoices(
        &mut self,
        merchant: MerchantId,
        invoices: &[Id<kind::Invoice>],
    ) -> Result<Vec<Payment>>;

    /// The attempts of these payments, oldest first.
    async fn attempts_of_payments(
        &mut self,
        merchant: MerchantId,
        payments: &[Id<kind::Payment>],
    ) -> Result<Vec<Attempt>>;

    /// The refunds of these payments, oldest first.
    async fn refunds_of_payments(
        &mut self,
        merchant: MerchantId,
        payments: &[Id<kind::Payment>],
    ) -> Result<Vec<Refund>>;

    /// The open dunning cases of these invoices.
    async fn open_cases_of_invoices(
        &mut self,
        merchant: MerchantId,
        invoices: &[Id<kind::Invoice>],
    ) -> Result<Vec<DunningCase>>;

    /// The open invoices of these subscriptions, oldest first.
    async fn open_invoices_of_subscriptions(
        &mut self,
        merchant: MerchantId,
        subscriptions: &[Id<kind::Subscription>],
    ) -> Result<Vec<Invoice>>;

    /// The first sent notice of each of these cases, for threading.
    async fn thread_starts(
        &mut self,
        merchant: MerchantId,
        cases: &[Id<kind::DunningCase>],
    ) -> Result<Vec<(Id<kind::DunningCase>, Id<kind::Mail>)>>;

    /// What was sent on these cards since `since`, oldest first, less what never reached a network:
    /// attempts rejected, or proven not to have been carried out.
    async fn sent_on_cards(
        &mut self,
        merchant: MerchantId,
        card_keys: &[String],
        since: DateTime<Utc>,
    ) -> Result<Vec<SentBefore>>;

    /// The attempt that a gateway's webhook speaks of, whosever it is.
    async fn attempt_by_gateway(
        &mut self,
        gateway: &str,
        attempt: Option<Id<kind::Attempt>>,
        reference: &str,
    ) -> Result<Option<Attempt>>;

    /// The refund that a gateway's webhook speaks of, whosever it is.
    async fn refund_by_id(&mut self, refund: Id<kind::Refund>) -> Result<Option<Refund>>;

    /// The methods behind a gateway's token, whosever they are.
    async fn methods_by_token(&mut self, gateway: &str, token: &str) -> Result<Vec<PaymentMethod>>;

    // Lists.

    /// Customers of a merchant.
    async fn list_customers(
        &mut self,
        merchant: MerchantId,
        include_deleted: bool,
        page: Page<kind::Customer>,
    ) -> Result<Vec<Customer>>;

    /// Plans of a merchant.
    async fn list_plans(
        &mut self,
        merchant: MerchantId,
        state: Option<PlanState>,
        page: Page<kind::Plan>,
    ) -> Result<Vec<Plan>>;

    /// All versions of a plan, oldest first.
    async fn versions_of_plan(
        &mut self,
        merchant: MerchantId,
        plan: Id<kind::Plan>,
    ) -> Result<Vec<PlanVersion>>;

    /// Dunning policies of a merchant that were not deleted.
    async fn list_dunning_policies(
        &mut self,
        merchant: MerchantId,
        page: Page<kind::DunningPolicy>,
    ) -> Result<Vec<DunningPolicy>>;

    /// Dunning cases of a merchant.
    async fn list_dunning_cases(
        &mut self,
        merchant: MerchantId,
        open_only: bool,
        customer: Option<Id<kind::Customer>>,
        page: Page<kind::DunningCase>,
    ) -> Result<Vec<DunningCase>>;

    /// Subscriptions of a merchant.
    async fn list_subscriptions(
        &mut self,
        merchant: MerchantId,
        filter: &SubscriptionFilter,
        page: Page<kind::Subscription>,
    ) -> Result<Vec<Subscription>>;

    /// Invoices of a merchant.
    async fn list_invoices(
        &mut self,
        merchant: MerchantId,
        filter: &InvoiceFilter,
        page: Page<kind::Invoice>,
    ) -> Result<Vec<Invoice>>;

    /// Payments of a merchant.
    async fn list_payments(
        &mut self,
        merchant: MerchantId,
        filter: &PaymentFilter,
        page: Page<kind::Payment>,
    ) -> Result<Vec<Payment>>;

    /// Notices of a merchant, of one customer or of all.
    async fn list_notices(
        &mut self,
        merchant: MerchantId,
        customer: Option<Id<kind::Customer>>,
        page: Page<kind::Mail>,
    ) -> Result<Vec<Notice>>;

    /// Events of a merchant after a place in their order.
    async fn events_after(
        &mut self,
        merchant: MerchantId,
        sequence: i64,
        filter: &EventFilter,
        limit: usize,
    ) -> Result<Vec<Event>>;

    /// Webhook endpoints of a merchant.
    async fn webhook_endpoints(&mut self, merchant: MerchantId) -> Result<Vec<WebhookEndpoint>>;

    /// The journals about an invoice, oldest first.
    async fn journals_of_invoice(
        &mut self,
        merchant: MerchantId,
        invoice: Id<kind::Invoice>,
    ) -> Result<Vec<Journal>>;

    // Sums.

    /// The balance of each account.
    async fn balances(&mut self, merchant: MerchantId) -> Result<Vec<Balance>>;

    /// What each attempt moved by the ledger, less what went back of it: attempt, minor units.
    /// Attempts that moved nothing are in the page too.
    async fn money_by_attempt(
        &mut self,
        merchant: MerchantId,
        page: Page<kind::Attempt>,
    ) -> Result<Vec<(Id<kind::Attempt>, i64)>>;

    /// The figures of each month that has any, by the merchant's issued and paid times.
    async fn months(&mut self, merchant: MerchantId) -> Result<Vec<MonthFigures>>;

    /// How many mails of each kind were sent in each month.
    async fn mails_by_month(
        &mut self,
        merchant: MerchantId,
    ) -> Result<Vec<(chrono::NaiveDate, String, i64)>>;

    // Requests and webhooks.

    /// The kept reply to a request.
    async fn stored_reply(
        &mut self,
        scope: &str,
        request_id: uuid::Uuid,
    ) -> Result<Option<StoredReply>>;

    /// Keeps a reply. [`StoreError::Duplicate`] if another came first.
    async fn store_reply(&mut self, reply: &StoredReply) -> Result<()>;

    /// Forgets replies from before `before`, at most `limit`; how many it forgot.
    async fn forget_replies(&mut self, before: DateTime<Utc>, limit: usize) -> Result<u64>;

    /// Keeps a webhook; `false` if it was kept before.
    async fn receive_webhook(&mut self, item: &InboxItem) -> Result<bool>;

    /// Claims webhooks that are due, whosever they are, oldest first.
    async fn claim_inbox(&mut self, world: DateTime<Utc>, limit: usize) -> Result<Vec<InboxItem>>;

    /// Writes back how far a webhook came: its `due_at`, `tries` and `failure`.
    async fn update_inbox(&mut self, item: &InboxItem) -> Result<()>;
}

/// Why the database did not do it. By what the caller can do about it.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Someone else wrote one of these objects first: read again, decide again.
    #[error("{table} was written by someone else meanwhile")]
    Conflict {
        /// The table.
        table: &'static str,
    },
    /// A rule of uniqueness would be broken, for example a second open attempt for an invoice.
    #[error("{constraint} must be unique")]
    Duplicate {
        /// The constraint, by its name in the schema.
        constraint: String,
    },
    /// A rule of the schema would be broken: the change is wrong.
    #[error("{constraint} does not hold")]
    Refused {
        /// The constraint, as the database tells it.
        constraint: String,
    },
    /// A row cannot be read back.
    #[error("{table}.{column} of {id} cannot be read: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's id as text.
        id: String,
        /// Why.
        reason: String,
    },
    /// The database is busy, restarting or gone: try the whole transaction again, later.
    #[error("the database is not available just now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database is not fit for money: weaker durability, or a schema that is not ours.
    #[error("{0}")]
    Unfit(String),
    /// Anything else: a fault of ours.
    #[error("the database refused a statement")]
    Statement(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Whether the same transaction, run again, may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Unavailable(_) => true,
            Self::Duplicate { .. }
            | Self::Refused { .. }
            | Self::Corrupt { .. }
            | Self::Unfit(_)
            | Self::Statement(_) => false,
        }
    }
}
