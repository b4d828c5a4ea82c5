//! Money on its way back.

use super::{
    super::{Connection, Ts},
    row::{self, Reader, Stored},
    statement::{Statement, statements},
    table::{
        Cell::{Id as Uuid, Int, MaybeText, MaybeTime, Text, Time},
        Made, Rewrite, Table, ids_json, name, written,
    },
};
use crate::{
    domain::{
        ids::{Id, kind},
        payment::refund::Refund,
    },
    store::{Claim, MerchantId, Result, Times},
};

static TABLE: Table<Refund> = Table {
    name: "refund",
    key: &["merchant_id", "refund_id"],
    columns: &[
        ("merchant_id", Uuid(|r| r.merchant.uuid())),
        ("refund_id", Uuid(|r| r.id.uuid())),
        ("payment_id", Uuid(|r| r.payment.uuid())),
        ("invoice_id", Uuid(|r| r.invoice.uuid())),
        ("customer_id", Uuid(|r| r.customer.uuid())),
        ("attempt_id", Uuid(|r| r.attempt.uuid())),
        ("currency", Text(|r| r.amount.currency().code().into())),
        ("amount_minor", Int(|r| r.amount.minor())),
        ("unowed_minor", Int(|r| r.unowed.minor())),
        ("reason", Text(|r| (&r.reason).into())),
        ("origin", Text(|r| name(&r.origin))),
        ("state", Text(|r| name(&r.state))),
        ("reference", MaybeText(|r| r.reference.as_deref().map(Into::into))),
        ("failure", MaybeText(|r| r.failure.as_deref().map(Into::into))),
        ("due_at", MaybeTime(|r| r.due_at)),
        ("tries", Int(|r| r.tries.into())),
        ("first_sent_at", MaybeTime(|r| r.first_sent_at)),
        ("leased_until", MaybeTime(|r| r.leased_until)),
        ("created_at", Time(|r| r.created_at)),
        ("settled_at", MaybeTime(|r| r.settled_at)),
        ("version", Int(|r| written(r.version))),
    ],
    rewrite: Rewrite::IfVersionMatches,
    made: Made::new(),
};

impl Stored for Refund {
    type Kind = kind::Refund;
    const ID: &'static str = "refund_id";

    fn table() -> &'static Table<Self> {
        &TABLE
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            merchant: row.id("merchant_id")?,
            id: row.id("refund_id")?,
            payment: row.id("payment_id")?,
            invoice: row.id("invoice_id")?,
            customer: row.id("customer_id")?,
            attempt: row.id("attempt_id")?,
            amount: row.money("amount_minor")?,
            unowed: row.money("unowed_minor")?,
            reason: row.get("reason")?,
            origin: row.named("origin")?,
            state: row.named("state")?,
            reference: row.get("reference")?,
            failure: row.get("failure")?,
            due_at: row.maybe_time("due_at")?,
            tries: row.int("tries")?,
            first_sent_at: row.maybe_time("first_sent_at")?,
            leased_until: row.maybe_time("leased_until")?,
            created_at: row.time("created_at")?,
            settled_at: row.maybe_time("settled_at")?,
            version: row.version()?,
        })
    }
}

statements! {
    CLAIM_DUE = "
        select {refund}
        from refund
        where merchant_id = $1 and due_at <= $2
          and (leased_until is null or leased_until <= $4)
        order by due_at, refund_id
        limit $3 {skip_locked}";

    OF_PAYMENTS = "
        select {refund}
        from refund
        where merchant_id = $1
          and payment_id in (select {id 0} from {rows $2})
        order by created_at, refund_id";

    ANYWHERE = "
        select {refund}
        from refund
        where refund_id = $1";
}

pub async fn claim_due(
    connection: &mut Connection,
    merchant: MerchantId,
    times: Times,
    limit: usize,
) -> Result<Claim<Refund>> {
    let query = sqlx::query(CLAIM_DUE.text()).bind(merchant.uuid()).bind(Ts(times.now));
    row::claim(connection, query.bind(row::limit(limit)).bind(Ts(times.world))).await
}

pub async fn of_payments(
    connection: &mut Connection,
    merchant: MerchantId,
    payments: &[Id<kind::Payment>],
) -> Result<Vec<Refund>> {
    let payments = ids_json(payments.iter().map(|id| id.uuid()));
    let query = sqlx::query(OF_PAYMENTS.text()).bind(merchant.uuid()).bind(payments);
    row::all(connection, query).await
}

pub async fn anywhere(
    connection: &mut Connection,
    refund: Id<kind::Refund>,
) -> Result<Option<Refund>> {
    row::one(connection, sqlx::query(ANYWHERE.text()).bind(refund.uuid())).await
}
