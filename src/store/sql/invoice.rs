//! What is owed.

use super::{
    super::{Connection, fault},
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
        calendar::Period,
        ids::{Id, kind},
        invoice::Invoice,
    },
    store::{InvoiceFilter, MerchantId, Page, Result},
};

static TABLE: Table<Invoice> = Table {
    name: "invoice",
    key: &["merchant_id", "invoice_id"],
    columns: &[
        ("merchant_id", Uuid(|i| i.merchant.uuid())),
        ("invoice_id", Uuid(|i| i.id.uuid())),
        ("number", MaybeText(|i| i.number.as_deref().map(Into::into))),
        ("customer_id", Uuid(|i| i.customer.uuid())),
        ("subscription_id", MaybeId(|i| i.subscription.map(Id::uuid))),
        ("state", Text(|i| name(&i.state))),
        ("currency", Text(|i| i.total.currency().code().into())),
        ("total_minor", Int(|i| i.total.minor())),
        ("paid_minor", Int(|i| i.paid.minor())),
        ("lines", Json(|i| json(&i.lines))),
        ("entitlements", Json(|i| json(&i.entitlements))),
        ("labels", Json(|i| json(&i.labels))),
        ("period_start", MaybeTime(|i| i.period.map(Period::start))),
        ("period_end", MaybeTime(|i| i.period.map(Period::end))),
        ("issued_at", Time(|i| i.issued_at)),
        ("due_at", Time(|i| i.due_at)),
        ("closed_at", MaybeTime(|i| i.closed_at)),
        ("version", Int(|i| written(i.version))),
    ],
    rewrite: Rewrite::IfVersionMatches,
    made: Made::new(),
};

impl Stored for Invoice {
    type Kind = kind::Invoice;
    const ID: &'static str = "invoice_id";

    fn table() -> &'static Table<Self> {
        &TABLE
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            merchant: row.id("merchant_id")?,
            id: row.id("invoice_id")?,
            number: row.get("number")?,
            customer: row.id("customer_id")?,
            subscription: row.maybe_id("subscription_id")?,
            state: row.named("state")?,
            total: row.money("total_minor")?,
            paid: row.money("paid_minor")?,
            lines: row.json("lines")?,
            entitlements: row.json("entitlements")?,
            labels: row.json("labels")?,
            period: period(row)?,
            issued_at: row.time("issued_at")?,
            due_at: row.time("due_at")?,
            closed_at: row.maybe_time("closed_at")?,
            version: row.version()?,
        })
    }
}

fn period(row: &Reader<'_>) -> Result<Option<Period>> {
    let ends = row.maybe_time("period_start")?.zip(row.maybe_time("period_end")?);
    ends.map(|(start, end)| Period::new(start, end))
        .transpose()
        .map_err(|error| row.corrupt("period_end", &error))
}

statements! {
    OPEN_OF_SUBSCRIPTIONS = "
        select {invoice}
        from invoice
        where merchant_id = $1
          and subscription_id in (select {id 0} from {rows $2})
          and state = 'open'
        order by issued_at, invoice_id";

    OVERDUE = "
        select invoice.invoice_id, invoice.subscription_id
        from invoice
        where invoice.merchant_id = $1
          and invoice.subscription_id in (select {id 0} from {rows $2})
          and invoice.state = 'open'
          and exists (
              select 1 from dunning_case
              where dunning_case.merchant_id = invoice.merchant_id
                and dunning_case.invoice_id = invoice.invoice_id
          )";
}

pub async fn open_of_subscriptions(
    connection: &mut Connection,
    merchant: MerchantId,
    subscriptions: &[Id<kind::Subscription>],
) -> Result<Vec<Invoice>> {
    let subscriptions = ids_json(subscriptions.iter().map(|id| id.uuid()));
    let query = sqlx::query(OPEN_OF_SUBSCRIPTIONS.text()).bind(merchant.uuid()).bind(subscriptions);
    row::all(connection, query).await
}

pub async fn overdue(
    connection: &mut Connection,
    merchant: MerchantId,
    subscriptions: &[Id<kind::Subscription>],
) -> Result<Vec<(Id<kind::Subscription>, Id<kind::Invoice>)>> {
    if subscriptions.is_empty() {
        return Ok(Vec::new());
    }
    let subscriptions = ids_json(subscriptions.iter().map(|id| id.uuid()));
    let query = sqlx::query(OVERDUE.text()).bind(merchant.uuid()).bind(subscriptions);
    let rows = query.fetch_all(connection).await.map_err(fault)?;
    let read = |row: &_| {
        let row = Reader::of::<Invoice>(row);
        Ok((row.id("subscription_id")?, row.id("invoice_id")?))
    };
    rows.iter().map(read).collect()
}

pub async fn list(
    connection: &mut Connection,
    merchant: MerchantId,
    filter: &InvoiceFilter,
    page: Page<kind::Invoice>,
) -> Result<Vec<Invoice>> {
    let mut list = List::of(merchant);
    if filter.entitling_only {
        list.only("entitlements <> '[]'");
    }
    list.with_id("customer_id", filter.customer)
        .with_id("subscription_id", filter.subscription)
        .among("state", filter.states.iter().map(name).collect())
        .bearing(&filter.labels)
        .page(connection, page)
        .await
}
