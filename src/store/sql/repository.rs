//! One transaction of this engine, as the port wants it: each question goes to its aggregate's file.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::broadcast;

use super::{
    super::{Db, commit},
    api_key, attempt, audit, catalog, customer, due, dunning, event, invoice, ledger, merchant,
    notice, payment, payment_method, reading, refund, report, request, restored, row, stuck,
    subscription, write,
};
use crate::{
    domain::{
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
    },
    store::{
        Balance, Check, Claim, Dunned, EventFilter, Flaw, InboxItem, MerchantId, Moment,
        MonthFigures, Page, Repository, Restored, Result, SentBefore, StoreError, StoredReply,
        Stuck, Times, Work, trouble::Luck,
    },
};

/// A transaction.
pub struct Transaction {
    pub(super) inner: sqlx::Transaction<'static, Db>,
    wakes: BTreeSet<Work>,
    bell: broadcast::Sender<Work>,
    luck: Luck,
    is_spoilt: bool,
}

impl Transaction {
    /// A transaction that was just begun, the bell that is rung when it is committed, and its luck.
    pub fn new(
        inner: sqlx::Transaction<'static, Db>,
        bell: broadcast::Sender<Work>,
        luck: Luck,
    ) -> Self {
        Self { inner, wakes: BTreeSet::new(), bell, luck, is_spoilt: false }
    }
}

#[async_trait]
impl Repository for Transaction {
    async fn commit(self: Box<Self>) -> Result<()> {
        if self.is_spoilt {
            let reason = "a transaction in which a write failed cannot be committed";
            return Err(StoreError::Statement(reason.into()));
        }
        self.luck.at(Moment::Commit).await?;
        commit(self.inner, self.wakes, &self.bell).await?;
        self.luck.at(Moment::Committed).await
    }

    async fn write(&mut self, changes: Changes) -> Result<()> {
        let was_spoilt = std::mem::replace(&mut self.is_spoilt, true);
        self.luck.at(Moment::Write).await?;
        self.wakes.extend(write::write(&mut self.inner, changes).await?);
        self.is_spoilt = was_spoilt;
        Ok(())
    }

    async fn merchants_due(
        &mut self,
        work: Work,
        world: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Merchant>> {
        due::merchants(&mut self.inner, work, world, limit).await
    }

    async fn claim_due_subscriptions(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<Subscription>> {
        subscription::claim_due(&mut self.inner, merchant, times, limit).await
    }

    async fn claim_reminders(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<Subscription>> {
        subscription::claim_reminders(&mut self.inner, merchant, times, limit).await
    }

    async fn claim_due_payments(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<Payment>> {
        payment::claim_due(&mut self.inner, merchant, times, limit).await
    }

    async fn lock(&mut self, merchant: MerchantId, names: &[String]) -> Result<()> {
        super::super::lock_keys(&mut self.inner, merchant, names).await
    }

    async fn claim_probes(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<Attempt>> {
        attempt::claim_probes(&mut self.inner, merchant, times, limit).await
    }

    async fn claim_due_refunds(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<Refund>> {
        refund::claim_due(&mut self.inner, merchant, times, limit).await
    }

    async fn claim_due_cases(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<DunningCase>> {
        dunning::claim_due(&mut self.inner, merchant, times, limit).await
    }

    async fn claim_due_notices(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<Notice>> {
        notice::claim_due(&mut self.inner, merchant, times, limit).await
    }

    async fn claim_due_endpoints(
        &mut self,
        merchant: MerchantId,
        times: Times,
        limit: usize,
    ) -> Result<Claim<WebhookEndpoint>> {
        event::claim_due_endpoints(&mut self.inner, merchant, times, limit).await
    }

    async fn set_aside(&mut self, stuck: &Stuck) -> Result<()> {
        stuck::set_aside(&mut self.inner, stuck).await
    }

    async fn tell_staff(&mut self, task: &Stuck) -> Result<bool> {
        stuck::note(&mut self.inner, task).await
    }

    async fn stuck(&mut self, merchant: Option<MerchantId>, limit: usize) -> Result<Vec<Stuck>> {
        stuck::list(&mut self.inner, merchant, limit).await
    }

    async fn put_back(&mut self, object: &str, now: DateTime<Utc>) -> Result<bool> {
        let works = stuck::put_back(&mut self.inner, object, now).await?;
        let was_stuck = !works.is_empty();
        self.wakes.extend(works);
        Ok(was_stuck)
    }

    async fn take_off_list(
        &mut self,
        merchant: MerchantId,
        work: Work,
        objects: &[String],
    ) -> Result<()> {
        stuck::go_on(&mut self.inner, merchant, work, objects).await
    }

    async fn next_due(
        &mut self,
        merchant: MerchantId,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>> {
        due::next(&mut self.inner, merchant, now).await
    }

    async fn is_busy(&mut self, merchant: MerchantId, now: DateTime<Utc>) -> Result<bool> {
        due::is_busy(&mut self.inner, merchant, now).await
    }

    async fn oldest_due(&mut self, world: DateTime<Utc>) -> Result<Vec<(Work, DateTime<Utc>)>> {
        due::oldest(&mut self.inner, world).await
    }

    async fn next_in_inbox(&mut self) -> Result<Option<DateTime<Utc>>> {
        due::next_in_inbox(&mut self.inner).await
    }

    async fn merchant(&mut self, merchant: MerchantId) -> Result<Option<Merchant>> {
        merchant::by_id(&mut self.inner, merchant).await
    }

    async fn merchants(&mut self, page: Page<kind::Merchant>) -> Result<Vec<Merchant>> {
        merchant::page(&mut self.inner, page).await
    }

    async fn api_key_by_hash(&mut self, hash: [u8; 32]) -> Result<Option<ApiKey>> {
        api_key::by_hash(&mut self.inner, hash).await
    }

    async fn api_keys(
        &mut self,
        merchant: Option<MerchantId>,
        page: Page<kind::ApiKey>,
    ) -> Result<Vec<ApiKey>> {
        api_key::page(&mut self.inner, merchant, page).await
    }

    async fn api_key(&mut self, key: Id<kind::ApiKey>) -> Result<Option<ApiKey>> {
        api_key::by_id(&mut self.inner, key).await
    }

    async fn touch_api_key(&mut self, key: Id<kind::ApiKey>, at: DateTime<Utc>) -> Result<()> {
        api_key::touch(&mut self.inner, key, at).await
    }

    async fn customers(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::Customer>],
    ) -> Result<Vec<Customer>> {
        row::by_ids(&mut self.inner, merchant, ids).await
    }

    async fn payment_methods(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::PaymentMethod>],
    ) -> Result<Vec<PaymentMethod>> {
        row::by_ids(&mut self.inner, merchant, ids).await
    }

    async fn plans(&mut self, merchant: MerchantId, ids: &[Id<kind::Plan>]) -> Result<Vec<Plan>> {
        row::by_ids(&mut self.inner, merchant, ids).await
    }

    async fn plan_versions(
        &mut self,
        merchant: MerchantId,
        keys: &[(Id<kind::Plan>, VersionNumber)],
    ) -> Result<Vec<PlanVersion>> {
        catalog::versions(&mut self.inner, merchant, keys).await
    }

    async fn dunning_policies(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::DunningPolicy>],
    ) -> Result<Vec<DunningPolicy>> {
        row::by_ids(&mut self.inner, merchant, ids).await
    }

    async fn subscriptions(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::Subscription>],
    ) -> Result<Vec<Subscription>> {
        row::by_ids(&mut self.inner, merchant, ids).await
    }

    async fn invoices(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::Invoice>],
    ) -> Result<Vec<Invoice>> {
        row::by_ids(&mut self.inner, merchant, ids).await
    }

    async fn payments(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::Payment>],
    ) -> Result<Vec<Payment>> {
        row::by_ids(&mut self.inner, merchant, ids).await
    }

    async fn attempts(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::Attempt>],
    ) -> Result<Vec<Attempt>> {
        row::by_ids(&mut self.inner, merchant, ids).await
    }

    async fn refunds(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::Refund>],
    ) -> Result<Vec<Refund>> {
        row::by_ids(&mut self.inner, merchant, ids).await
    }

    async fn dunning_cases(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::DunningCase>],
    ) -> Result<Vec<DunningCase>> {
        row::by_ids(&mut self.inner, merchant, ids).await
    }

    async fn notices(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::Mail>],
    ) -> Result<Vec<Notice>> {
        row::by_ids(&mut self.inner, merchant, ids).await
    }

    async fn customer_by_external_id(
        &mut self,
        merchant: MerchantId,
        external_id: &str,
    ) -> Result<Option<Customer>> {
        customer::by_external_id(&mut self.inner, merchant, external_id).await
    }

    async fn methods_of_customers(
        &mut self,
        merchant: MerchantId,
        customers: &[Id<kind::Customer>],
    ) -> Result<Vec<PaymentMethod>> {
        payment_method::of_customers(&mut self.inner, merchant, customers).await
    }

    async fn payments_of_invoices(
        &mut self,
        merchant: MerchantId,
        invoices: &[Id<kind::Invoice>],
    ) -> Result<Vec<Payment>> {
        payment::of_invoices(&mut self.inner, merchant, invoices).await
    }

    async fn attempts_of_payments(
        &mut self,
        merchant: MerchantId,
        payments: &[Id<kind::Payment>],
    ) -> Result<Vec<Attempt>> {
        attempt::of_payments(&mut self.inner, merchant, payments).await
    }

    async fn refunds_of_payments(
        &mut self,
        merchant: MerchantId,
        payments: &[Id<kind::Payment>],
    ) -> Result<Vec<Refund>> {
        refund::of_payments(&mut self.inner, merchant, payments).await
    }

    async fn open_cases_of_invoices(
        &mut self,
        merchant: MerchantId,
        invoices: &[Id<kind::Invoice>],
    ) -> Result<Vec<DunningCase>> {
        dunning::open_of_invoices(&mut self.inner, merchant, invoices).await
    }

    async fn open_invoices_of_subscriptions(
        &mut self,
        merchant: MerchantId,
        subscriptions: &[Id<kind::Subscription>],
    ) -> Result<Vec<Invoice>> {
        invoice::open_of_subscriptions(&mut self.inner, merchant, subscriptions).await
    }

    async fn overdue_invoices(
        &mut self,
        merchant: MerchantId,
        subscriptions: &[Id<kind::Subscription>],
    ) -> Result<Vec<(Id<kind::Subscription>, Id<kind::Invoice>)>> {
        invoice::overdue(&mut self.inner, merchant, subscriptions).await
    }

    async fn given_up_invoices(
        &mut self,
        merchant: MerchantId,
        invoices: &[Id<kind::Invoice>],
    ) -> Result<Vec<Id<kind::Invoice>>> {
        dunning::given_up(&mut self.inner, merchant, invoices).await
    }

    async fn open_cases_of_customers(
        &mut self,
        merchant: MerchantId,
        customers: &[Id<kind::Customer>],
    ) -> Result<Vec<DunningCase>> {
        dunning::open_of_customers(&mut self.inner, merchant, customers).await
    }

    async fn last_dunning_mails(
        &mut self,
        merchant: MerchantId,
        customers: &[Id<kind::Customer>],
    ) -> Result<Vec<Dunned>> {
        notice::last_of_dunning(&mut self.inner, merchant, customers).await
    }

    async fn thread_starts(
        &mut self,
        merchant: MerchantId,
        cases: &[Id<kind::DunningCase>],
    ) -> Result<Vec<(Id<kind::DunningCase>, Id<kind::Mail>)>> {
        notice::thread_starts(&mut self.inner, merchant, cases).await
    }

    async fn sent_on_cards(
        &mut self,
        merchant: MerchantId,
        card_keys: &[String],
        since: DateTime<Utc>,
    ) -> Result<Vec<SentBefore>> {
        attempt::sent_on_cards(&mut self.inner, merchant, card_keys, since).await
    }

    async fn attempt_by_gateway(
        &mut self,
        gateway: &str,
        attempt: Option<Id<kind::Attempt>>,
        reference: &str,
    ) -> Result<Option<Attempt>> {
        attempt::by_gateway(&mut self.inner, gateway, attempt, reference).await
    }

    async fn attempt_by_id(&mut self, attempt: Id<kind::Attempt>) -> Result<Option<Attempt>> {
        attempt::anywhere(&mut self.inner, attempt).await
    }

    async fn attempts_through(
        &mut self,
        gateway: &str,
        attempts: &[Id<kind::Attempt>],
    ) -> Result<Vec<Attempt>> {
        attempt::through(&mut self.inner, gateway, attempts).await
    }

    async fn taken_through(
        &mut self,
        gateway: &str,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Id<kind::Attempt>>> {
        attempt::taken_through(&mut self.inner, gateway, since, until).await
    }

    async fn refund_by_id(&mut self, refund: Id<kind::Refund>) -> Result<Option<Refund>> {
        refund::anywhere(&mut self.inner, refund).await
    }

    async fn methods_by_token(&mut self, gateway: &str, token: &str) -> Result<Vec<PaymentMethod>> {
        payment_method::by_token(&mut self.inner, gateway, token).await
    }

    async fn versions_of_plan(
        &mut self,
        merchant: MerchantId,
        plan: Id<kind::Plan>,
    ) -> Result<Vec<PlanVersion>> {
        catalog::versions_of_plan(&mut self.inner, merchant, plan).await
    }

    async fn events(
        &mut self,
        merchant: MerchantId,
        ids: &[Id<kind::Event>],
    ) -> Result<Vec<Event>> {
        row::by_ids(&mut self.inner, merchant, ids).await
    }

    async fn events_after(
        &mut self,
        merchant: MerchantId,
        sequence: i64,
        filter: &EventFilter,
        limit: usize,
    ) -> Result<Vec<Event>> {
        event::after(&mut self.inner, merchant, sequence, filter, limit).await
    }

    async fn webhook_endpoints(&mut self, merchant: MerchantId) -> Result<Vec<WebhookEndpoint>> {
        event::endpoints(&mut self.inner, merchant).await
    }

    async fn journals_of_invoice(
        &mut self,
        merchant: MerchantId,
        invoice: Id<kind::Invoice>,
    ) -> Result<Vec<Journal>> {
        ledger::of_invoice(&mut self.inner, merchant, invoice).await
    }

    async fn balances(&mut self, merchant: MerchantId) -> Result<Vec<Balance>> {
        ledger::balances(&mut self.inner, merchant).await
    }

    async fn money_by_attempt(
        &mut self,
        merchant: MerchantId,
        page: Page<kind::Attempt>,
    ) -> Result<Vec<(Id<kind::Attempt>, i64)>> {
        ledger::money_by_attempt(&mut self.inner, merchant, page).await
    }

    async fn months(&mut self, merchant: MerchantId) -> Result<Vec<MonthFigures>> {
        report::months(&mut self.inner, merchant).await
    }

    async fn mails_by_month(
        &mut self,
        merchant: MerchantId,
    ) -> Result<Vec<(chrono::NaiveDate, String, i64)>> {
        report::mails_by_month(&mut self.inner, merchant).await
    }

    async fn flaws(
        &mut self,
        merchant: MerchantId,
        check: Check,
        limit: usize,
    ) -> Result<Vec<Flaw>> {
        audit::flaws(&mut self.inner, merchant, check, limit).await
    }

    async fn stored_reply(
        &mut self,
        scope: &str,
        request_id: uuid::Uuid,
    ) -> Result<Option<StoredReply>> {
        request::reply(&mut self.inner, scope, request_id).await
    }

    async fn store_reply(&mut self, reply: &StoredReply) -> Result<()> {
        request::keep_reply(&mut self.inner, reply).await
    }

    async fn forget_replies(&mut self, before: DateTime<Utc>, limit: usize) -> Result<u64> {
        request::forget_replies(&mut self.inner, before, limit).await
    }

    async fn receive_webhook(&mut self, item: &InboxItem) -> Result<bool> {
        let is_new = request::receive(&mut self.inner, item).await?;
        if is_new && item.due_at.is_some() {
            self.wakes.insert(Work::Resolve);
        }
        Ok(is_new)
    }

    async fn restored(&mut self) -> Result<Option<Restored>> {
        restored::read(&mut self.inner).await
    }

    async fn keep_restored(&mut self, restored: Restored) -> Result<()> {
        restored::keep(&mut self.inner, restored).await
    }

    async fn readings(&mut self, account: &str) -> Result<Option<Readings>> {
        reading::of(&mut self.inner, account).await
    }

    async fn keep_readings(&mut self, account: &str, readings: Readings) -> Result<()> {
        reading::keep(&mut self.inner, account, readings).await
    }

    async fn claim_inbox(&mut self, world: DateTime<Utc>, limit: usize) -> Result<Vec<InboxItem>> {
        request::claim_inbox(&mut self.inner, world, limit).await
    }

    async fn update_inbox(&mut self, items: &[InboxItem]) -> Result<()> {
        request::update_inbox(&mut self.inner, items).await
    }
}
