//! The goals to collect what invoices say.

use super::{
    super::{Connection, Ts},
    list::List,
    row::{self, Reader, Stored},
    statement::{Statement, statements},
    table::{
        Cell::{Bool, Id as Uuid, Int, MaybeId, MaybeTime, Text, Time},
        Made, Rewrite, Table, ids_json, name, written,
    },
};
use crate::{
    domain::{
        ids::{Id, kind},
        payment::Payment,
    },
    store::{Claim, MerchantId, Page, PaymentFilter, Result, Times},
};

static TABLE: Table<Payment> = Table {
    name: "payment",
    key: &["merchant_id", "payment_id"],
    columns: &[
        ("merchant_id", Uuid(|p| p.merchant.uuid())),
        ("payment_id", Uuid(|p| p.id.uuid())),
        ("invoice_id", Uuid(|p| p.invoice.uuid())),
        ("customer_id", Uuid(|p| p.customer.uuid())),
        ("currency", Text(|p| p.amount.currency().code().into())),
        ("amount_minor", Int(|p| p.amount.minor())),
        ("state", Text(|p| name(&p.state))),
        ("payment_method_id", MaybeId(|p| p.method.map(Id::uuid))),
        ("on_backup", Bool(|p| p.on_backup)),
        ("collect_at", MaybeTime(|p| p.collect_at)),
        ("attempts", Int(|p| p.attempts.into())),
        ("refunded_minor", Int(|p| p.refunded.minor())),
        ("reversed_minor", Int(|p| p.reversed.minor())),
        ("succeeded_at", MaybeTime(|p| p.succeeded_at)),
        ("created_at", Time(|p| p.created_at)),
        ("version", Int(|p| written(p.version))),
    ],
    rewrite: Rewrite::IfVersionMatches,
    made: Made::new(),
};

impl Stored for Payment {
    type Kind = kind::Payment;
    const ID: &'static str = "payment_id";

    fn table() -> &'static Table<Self> {
        &TABLE
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            merchant: row.id("merchant_id")?,
            id: row.id("payment_id")?,
            invoice: row.id("invoice_id")?,
            customer: row.id("customer_id")?,
            amount: row.money("amount_minor")?,
            state: row.named("state")?,
            method: row.maybe_id("payment_method_id")?,
            on_backup: row.get("on_backup")?,
            collect_at: row.maybe_time("collect_at")?,
            attempts: row.int("attempts")?,
            refunded: row.money("refunded_minor")?,
            reversed: row.money("reversed_minor")?,
            succeeded_at: row.maybe_time("succeeded_at")?,
            created_at: row.time("created_at")?,
            version: row.version()?,
        })
    }
}

statements! {
    CLAIM_DUE = "
        select {payment}
        from payment
        where merchant_id = $1 and collect_at <= $2
        order by collect_at, payment_id
        limit $3 {skip_locked}";

    OF_INVOICES = "
        select {payment}
        from payment
        where merchant_id = $1
          and invoice_id in (select {id 0} from {rows $2})";
}

pub async fn claim_due(
    connection: &mut Connection,
    merchant: MerchantId,
    times: Times,
    limit: usize,
) -> Result<Claim<Payment>> {
    let query = sqlx::query(CLAIM_DUE.text()).bind(merchant.uuid()).bind(Ts(times.now));
    row::claim(connection, query.bind(row::limit(limit))).await
}

pub async fn of_invoices(
    connection: &mut Connection,
    merchant: MerchantId,
    invoices: &[Id<kind::Invoice>],
) -> Result<Vec<Payment>> {
    let invoices = ids_json(invoices.iter().map(|id| id.uuid()));
    let query = sqlx::query(OF_INVOICES.text()).bind(merchant.uuid()).bind(invoices);
    row::all(connection, query).await
}

pub async fn list(
    connection: &mut Connection,
    merchant: MerchantId,
    filter: &PaymentFilter,
    page: Page<kind::Payment>,
) -> Result<Vec<Payment>> {
    List::of(merchant)
        .with_id("customer_id", filter.customer)
        .with_id("invoice_id", filter.invoice)
        .among("state", filter.states.iter().map(name).collect())
        .page(connection, page)
        .await
}
