//! The outbox of e-mails.

use super::{
    super::{Connection, Ts, fault},
    list::List,
    row::{self, Reader, Stored},
    statement::{Statement, statements},
    table::{
        Cell::{Id as Uuid, Int, Json, MaybeId, MaybeText, MaybeTime, Text, Time},
        Made, Rewrite, Table, ids_json, json, name, written,
    },
};
use crate::{
    domain::{
        ids::{Id, kind},
        notice::Notice,
    },
    store::{Claim, Dunned, MerchantId, Page, Result, Times},
};

static TABLE: Table<Notice> = Table {
    name: "notice",
    key: &["merchant_id", "notice_id"],
    columns: &[
        ("merchant_id", Uuid(|n| n.merchant.uuid())),
        ("notice_id", Uuid(|n| n.id.uuid())),
        ("customer_id", Uuid(|n| n.customer.uuid())),
        ("subscription_id", MaybeId(|n| n.subscription.map(Id::uuid))),
        ("invoice_id", MaybeId(|n| n.invoice.map(Id::uuid))),
        ("thread_id", MaybeId(|n| n.thread.map(Id::uuid))),
        ("fact_key", Text(|n| (&n.fact_key).into())),
        ("kind", Text(|n| n.facts.kind().into())),
        ("facts", Json(|n| json(&n.facts))),
        ("state", Text(|n| name(&n.state))),
        ("due_at", MaybeTime(|n| n.due_at)),
        ("tries", Int(|n| n.tries.into())),
        ("leased_until", MaybeTime(|n| n.leased_until)),
        ("sent_at", MaybeTime(|n| n.sent_at)),
        ("failure", MaybeText(|n| n.failure.as_deref().map(Into::into))),
        ("created_at", Time(|n| n.created_at)),
        ("version", Int(|n| written(n.version))),
    ],
    rewrite: Rewrite::IfVersionMatches,
    made: Made::new(),
};

impl Stored for Notice {
    type Kind = kind::Mail;
    const ID: &'static str = "notice_id";

    fn table() -> &'static Table<Self> {
        &TABLE
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            merchant: row.id("merchant_id")?,
            id: row.id("notice_id")?,
            customer: row.id("customer_id")?,
            subscription: row.maybe_id("subscription_id")?,
            invoice: row.maybe_id("invoice_id")?,
            thread: row.maybe_id("thread_id")?,
            fact_key: row.get("fact_key")?,
            facts: row.json("facts")?,
            state: row.named("state")?,
            due_at: row.maybe_time("due_at")?,
            tries: row.int("tries")?,
            leased_until: row.maybe_time("leased_until")?,
            sent_at: row.maybe_time("sent_at")?,
            failure: row.get("failure")?,
            created_at: row.time("created_at")?,
            version: row.version()?,
        })
    }
}

statements! {
    LAST_OF_DUNNING = "
        select
            customer_id,
            max(coalesce(sent_at, due_at)) as told_at,
            max(sent_at) as sent_at,
            max(leased_until) as leased_until
        from notice
        where merchant_id = $1
          and customer_id in (select {id 0} from {rows $2})
          and kind in ('payment_failed', 'authentication_needed', 'suspended', 'cancelled')
          and (kind <> 'cancelled' or thread_id is not null)
          and state in ('queued', 'sent')
          -- One that was set aside has no time; it tells nobody anything.
          and coalesce(sent_at, due_at) is not null
        group by customer_id";

    CLAIM_DUE = "
        select {notice}
        from notice
        where merchant_id = $1 and due_at <= $2
          and (leased_until is null or leased_until <= $4)
        order by due_at, notice_id
        limit $3 {skip_locked}";

    THREAD_STARTS = "
        select thread_id, notice_id
        from (
            select
                thread_id,
                notice_id,
                row_number() over (partition by thread_id order by sent_at, notice_id) as place
            from notice
            where merchant_id = $1
              and thread_id in (select {id 0} from {rows $2})
              and sent_at is not null
        ) as sent
        where place = 1";
}

pub async fn claim_due(
    connection: &mut Connection,
    merchant: MerchantId,
    times: Times,
    limit: usize,
) -> Result<Claim<Notice>> {
    let query = sqlx::query(CLAIM_DUE.text()).bind(merchant.uuid()).bind(Ts(times.now));
    row::claim(connection, query.bind(row::limit(limit)).bind(Ts(times.world))).await
}

pub async fn last_of_dunning(
    connection: &mut Connection,
    merchant: MerchantId,
    customers: &[Id<kind::Customer>],
) -> Result<Vec<Dunned>> {
    let rows = sqlx::query(LAST_OF_DUNNING.text())
        .bind(merchant.uuid())
        .bind(ids_json(customers.iter().map(|id| id.uuid())))
        .fetch_all(connection)
        .await
        .map_err(fault)?;
    let read = |row: &_| {
        let row = Reader::of::<Notice>(row);
        Ok(Dunned {
            customer: row.id("customer_id")?,
            told_at: row.time("told_at")?,
            sent_at: row.maybe_time("sent_at")?,
            leased_until: row.maybe_time("leased_until")?,
        })
    };
    rows.iter().map(read).collect()
}

pub async fn thread_starts(
    connection: &mut Connection,
    merchant: MerchantId,
    cases: &[Id<kind::DunningCase>],
) -> Result<Vec<(Id<kind::DunningCase>, Id<kind::Mail>)>> {
    let rows = sqlx::query(THREAD_STARTS.text())
        .bind(merchant.uuid())
        .bind(ids_json(cases.iter().map(|id| id.uuid())))
        .fetch_all(connection)
        .await
        .map_err(fault)?;
    let read = |row: &_| {
        let row = Reader::of::<Notice>(row);
        Ok((row.id("thread_id")?, row.id("notice_id")?))
    };
    rows.iter().map(read).collect()
}

pub async fn list(
    connection: &mut Connection,
    merchant: MerchantId,
    customer: Option<Id<kind::Customer>>,
    page: Page<kind::Mail>,
) -> Result<Vec<Notice>> {
    List::of(merchant).with_id("customer_id", customer).page(connection, page).await
}
