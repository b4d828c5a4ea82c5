//! The port to the database: what Rondo asks of it, and what both engines promise.
//!
//! A [`Repository`] is one transaction. Reads give whole aggregates; [`Repository::write`] commits
//! what a decision changed, all of it or nothing, guarded by each object's version. Every question
//! names its merchant first, so that the data can be spread by merchant.

mod audit;
pub mod bench;
mod due;
mod error;
mod fault;
mod lists;
mod open;
#[expect(clippy::duplicate_mod, reason = "one SQL source, compiled once per engine")]
pub mod postgres;
mod question;
pub mod sqlite;
mod trouble;

use std::{fmt, path::Path};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    api_key::ApiKey,
    catalog::{Plan, PlanVersion, VersionNumber},
    changes::Changes,
    customer::{Customer, PaymentMethod},
    dunning::{DunningCase, DunningPolicy},
    event::{Event, WebhookEndpoint},
    ids::{Id, kind},
    invoice::Invoice,
    ledger::Journal,
    merchant::Merchant,
    notice::Notice,
    payment::{Payment, attempt::Attempt, reading::Readings, refund::Refund},
    subscription::Subscription,
};

pub use audit::{Check, Flaw};
pub use due::{Broken, Claim, Stuck, Times, Work};
pub use error::StoreError;
pub use lists::Lists;
pub use open::{Access, Durability, OpenOptions, open, open_in_trouble};
pub use question::{
    Balance, CustomerFilter, Dunned, EventFilter, InboxItem, InvoiceFilter, MonthFigures, Page,
    PaymentFilter, PlanFilter, Restored, SentBefore, StoredReply, SubscriptionFilter,
};
pub use trouble::{Moment, Trouble};

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

    /// What time it is by the database, on whose clock leases are told (RULES WRK-1); none, if it has
    /// no other clock than this machine's.
    async fn time(&self) -> Result<Option<DateTime<Utc>>>;

    /// Copies the whole database, as it is at one instant and while it is in use, into a new file, which
    /// knows of itself that it is a backup of `now` (see [`Restored`]). Fails with [`StoreError::Unfit`] where the engine has tools of its own for that.
    async fn backup(&self, file: &Path, now: DateTime<Utc>) -> Result<()>;

    /// Which settings of the database may lose what was committed, each in a sentence that says what
    /// would be right (RULES WRK-5). An engine opens none that has any.
    async fn weaknesses(&self) -> Result<Vec<String>>;

    /// The name of the engine and its version, for logs.
    async fn describe(&self) -> Result<String>;

    /// Closes all connections, after what is under way.
    async fn close(&self);
}

/// One transaction. Dropped without [`Repository::commit`], it leaves no trace.
///
/// To add a question: one method here with its promise, one SQL text in `sql/` under the
/// aggregate that answers, one story in the conformance suite.
#[async_trait]
pub trait Repository: Lists {
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

    /// Until this transaction ends, nobody else locks what bears one of these names. See the locks below.
    async fn lock(&mut self, merchant: MerchantId, names: &[String]) -> Result<()>;

    /// Until this transaction ends, nobody else decides by what was sent on these cards: two replicas
    /// at one instant would each see one try less than there is (RULES RET-1).
    async fn lock_cards(&mut self, merchant: MerchantId, card_keys: &[String]) -> Result<()> {
        self.lock(merchant, card_keys).await
    }

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

    /// Lists an object for staff without taking it out of its loop. `false` if it stands there with the same
    /// reason already.
    async fn tell_staff(&mut self, task: &Stuck) -> Result<bool>;

    /// Objects that were set aside, oldest first.
    async fn stuck(&mut self, merchant: Option<MerchantId>, limit: usize) -> Result<Vec<Stuck>>;

    /// Puts an object back into its loop, due at `now` unless its state has nothing due any more.
    /// `false` if it was not set aside. A test clock stands until it is told to advance.
    async fn put_back(&mut self, object: &str, now: DateTime<Utc>) -> Result<bool>;

    /// Takes these objects of one loop off staff's list: they are over, or go on by themselves.
    async fn take_off_list(
        &mut self,
        merchant: MerchantId,
        work: Work,
        objects: &[String],
    ) -> Result<()>;

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

    /// When the next webhook in the inbox is due, or was.
    async fn next_in_inbox(&mut self) -> Result<Option<DateTime<Utc>>>;

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

    // Aggregates by id: those that exist, in the order of their ids.

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

    /// All that these customers have ever stored, also what was detached, oldest first.
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

    /// The open invoices of these subscriptions that dunning has taken up, whether its ladder has come
    /// to its end or not.
    async fn overdue_invoices(
        &mut self,
        merchant: MerchantId,
        subscriptions: &[Id<kind::Subscription>],
    ) -> Result<Vec<(Id<kind::Subscription>, Id<kind::Invoice>)>>;

    /// Which of these open invoices had a dunning case that is closed: that came to its end.
    async fn given_up_invoices(
        &mut self,
        merchant: MerchantId,
        invoices: &[Id<kind::Invoice>],
    ) -> Result<Vec<Id<kind::Invoice>>>;

    /// The open cases of these customers, oldest first.
    async fn open_cases_of_customers(
        &mut self,
        merchant: MerchantId,
        customers: &[Id<kind::Customer>],
    ) -> Result<Vec<DunningCase>>;

    /// When these customers were last written to because of dunning; of each to whom that ever
    /// happened.
    async fn last_dunning_mails(
        &mut self,
        merchant: MerchantId,
        customers: &[Id<kind::Customer>],
    ) -> Result<Vec<Dunned>>;

    /// Until this transaction ends, nobody else decides about these customers: two at one instant would each
    /// see one mail less than there is (RULES EML-5), or one debt more, and write no row in common. What is
    /// decided by is read after it.
    async fn lock_customers(
        &mut self,
        merchant: MerchantId,
        customers: &[Id<kind::Customer>],
    ) -> Result<()> {
        let names: Vec<_> = customers.iter().map(ToString::to_string).collect();
        self.lock(merchant, &names).await
    }

    /// Until this transaction ends, nobody else retires or changes these plans, or puts someone on them: whoever
    /// joins while a plan ends would be missed. What is decided by is read after it.
    async fn lock_plans(&mut self, merchant: MerchantId, plans: &[Id<kind::Plan>]) -> Result<()> {
        let names: Vec<_> = plans.iter().map(ToString::to_string).collect();
        self.lock(merchant, &names).await
    }

    /// The first sent notice of each of these cases, for threading.
    async fn thread_starts(
        &mut self,
        merchant: MerchantId,
        cases: &[Id<kind::DunningCase>],
    ) -> Result<Vec<(Id<kind::DunningCase>, Id<kind::Mail>)>>;

    /// What counts as tries on these cards since `since`, oldest first: less what was paid, and what
    /// never reached a network, as [`Attempt::counts_as_try`] has it.
    async fn sent_on_cards(
        &mut self,
        merchant: MerchantId,
        card_keys: &[String],
        since: DateTime<Utc>,
    ) -> Result<Vec<SentBefore>>;

    /// The attempt that a gateway's webhook speaks of, whosever it is: by the charge's own reference, or
    /// else by our name for it, which two charges may bear.
    async fn attempt_by_gateway(
        &mut self,
        gateway: &str,
        attempt: Option<Id<kind::Attempt>>,
        reference: &str,
    ) -> Result<Option<Attempt>>;

    /// The attempt that staff speaks of, whosever it is.
    async fn attempt_by_id(&mut self, attempt: Id<kind::Attempt>) -> Result<Option<Attempt>>;

    /// Of these attempts those that went through the account `gateway`, whosever they are.
    async fn attempts_through(
        &mut self,
        gateway: &str,
        attempts: &[Id<kind::Attempt>],
    ) -> Result<Vec<Attempt>>;

    /// The attempts through the account `gateway` that have succeeded, of those first sent from
    /// `since` to `until` by the world's clock, whosever they are.
    async fn taken_through(
        &mut self,
        gateway: &str,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Id<kind::Attempt>>>;

    /// The refund that a gateway's webhook speaks of, whosever it is.
    async fn refund_by_id(&mut self, refund: Id<kind::Refund>) -> Result<Option<Refund>>;

    /// The methods behind a gateway's token, whosever they are.
    async fn methods_by_token(&mut self, gateway: &str, token: &str) -> Result<Vec<PaymentMethod>>;

    // Lists.

    /// All versions of a plan, oldest first.
    async fn versions_of_plan(
        &mut self,
        merchant: MerchantId,
        plan: Id<kind::Plan>,
    ) -> Result<Vec<PlanVersion>>;

    /// Events of a merchant, in no particular order.
    async fn events(&mut self, merchant: MerchantId, ids: &[Id<kind::Event>])
    -> Result<Vec<Event>>;

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

    /// Objects of a merchant for which `check` does not hold, at most `limit`.
    async fn flaws(
        &mut self,
        merchant: MerchantId,
        check: Check,
        limit: usize,
    ) -> Result<Vec<Flaw>>;

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

    /// Whether the database was restored from a backup.
    async fn restored(&mut self) -> Result<Option<Restored>>;

    /// Keeps that it was, in place of what was kept of that before.
    async fn keep_restored(&mut self, restored: Restored) -> Result<()>;

    /// When a gateway account's own list was last read to its end.
    async fn readings(&mut self, account: &str) -> Result<Option<Readings>>;

    /// Keeps that, in place of what was kept of it before.
    async fn keep_readings(&mut self, account: &str, readings: Readings) -> Result<()>;

    /// Claims webhooks that are due, whosever they are, oldest first.
    async fn claim_inbox(&mut self, world: DateTime<Utc>, limit: usize) -> Result<Vec<InboxItem>>;

    /// Writes back how far webhooks came: the `due_at`, `tries` and `failure` of each.
    async fn update_inbox(&mut self, items: &[InboxItem]) -> Result<()>;
}
