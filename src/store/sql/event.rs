//! What happened, and where it is told.

use std::collections::BTreeSet;

use super::{
    super::{Connection, Ts, fault},
    list::List,
    row::{self, Reader, Stored},
    statement::{Statement, statements},
    table::{
        Cell::{Id as Uuid, Int, Json, MaybeId, MaybeInt, MaybeText, MaybeTime, Text, Time},
        Made, Rewrite, Table, json, name, written,
    },
};
use crate::{
    domain::{
        event::{Event, Subject, WebhookEndpoint},
        ids::{Id, kind},
        money::Money,
        version::Version,
    },
    store::{Claim, EventFilter, MerchantId, Result, Times},
};

static EVENT: Table<Event> = Table {
    name: "event",
    key: &["merchant_id", "sequence"],
    columns: &[
        ("merchant_id", Uuid(|e| e.merchant.uuid())),
        ("sequence", MaybeInt(|e| e.sequence)),
        ("event_id", Uuid(|e| e.id.uuid())),
        ("at", Time(|e| e.at)),
        ("kind", Text(|e| name(&e.kind))),
        ("subject_type", Text(|e| subject_type(e.subject).into())),
        ("subject_id", Uuid(|e| subject_id(e.subject))),
        ("subject_version", Int(|e| e.subject_version.count())),
        ("customer_id", MaybeId(|e| e.customer.map(Id::uuid))),
        ("currency", MaybeText(|e| e.amount.map(|amount| amount.currency().code().into()))),
        ("amount_minor", MaybeInt(|e| e.amount.map(Money::minor))),
        ("reason", MaybeText(|e| e.reason.as_deref().map(Into::into))),
    ],
    rewrite: Rewrite::Never,
    made: Made::new(),
};

static ENDPOINT: Table<WebhookEndpoint> = Table {
    name: "webhook_endpoint",
    key: &["merchant_id", "webhook_endpoint_id"],
    columns: &[
        ("merchant_id", Uuid(|e| e.merchant.uuid())),
        ("webhook_endpoint_id", Uuid(|e| e.id.uuid())),
        ("url", Text(|e| (&e.url).into())),
        ("secrets", Json(|e| json(&e.secrets))),
        ("delivered_sequence", Int(|e| e.cursor)),
        ("due_at", MaybeTime(|e| e.due_at)),
        ("tries", Int(|e| e.tries.into())),
        ("failing_since", MaybeTime(|e| e.failing_since)),
        ("disabled_at", MaybeTime(|e| e.disabled_at)),
        ("leased_until", MaybeTime(|e| e.leased_until)),
        ("created_at", Time(|e| e.created_at)),
        ("version", Int(|e| written(e.version))),
    ],
    rewrite: Rewrite::IfVersionMatches,
    made: Made::new(),
};

impl Stored for Event {
    type Kind = kind::Event;
    const ID: &'static str = "event_id";

    fn table() -> &'static Table<Self> {
        &EVENT
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            merchant: row.id("merchant_id")?,
            id: row.id("event_id")?,
            sequence: row.get("sequence")?,
            at: row.time("at")?,
            kind: row.named("kind")?,
            subject: subject(row)?,
            subject_version: Version::from_count(row.get("subject_version")?),
            customer: row.maybe_id("customer_id")?,
            amount: row
                .get::<Option<i64>>("amount_minor")?
                .map(|_| row.money("amount_minor"))
                .transpose()?,
            reason: row.get("reason")?,
        })
    }
}

impl Stored for WebhookEndpoint {
    type Kind = kind::WebhookEndpoint;
    const ID: &'static str = "webhook_endpoint_id";

    fn table() -> &'static Table<Self> {
        &ENDPOINT
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            merchant: row.id("merchant_id")?,
            id: row.id("webhook_endpoint_id")?,
            url: row.get("url")?,
            secrets: row.json("secrets")?,
            cursor: row.get("delivered_sequence")?,
            due_at: row.maybe_time("due_at")?,
            tries: row.int("tries")?,
            failing_since: row.maybe_time("failing_since")?,
            disabled_at: row.maybe_time("disabled_at")?,
            leased_until: row.maybe_time("leased_until")?,
            created_at: row.time("created_at")?,
            version: row.version()?,
        })
    }
}

fn subject_type(subject: Subject) -> &'static str {
    match subject {
        Subject::Customer(_) => "customer",
        Subject::PaymentMethod(_) => "payment_method",
        Subject::Plan(_) => "plan",
        Subject::Subscription(_) => "subscription",
        Subject::Invoice(_) => "invoice",
        Subject::Payment(_) => "payment",
        Subject::Refund(_) => "refund",
        Subject::DunningCase(_) => "dunning_case",
    }
}

fn subject_id(subject: Subject) -> uuid::Uuid {
    match subject {
        Subject::Customer(id) => id.uuid(),
        Subject::PaymentMethod(id) => id.uuid(),
        Subject::Plan(id) => id.uuid(),
        Subject::Subscription(id) => id.uuid(),
        Subject::Invoice(id) => id.uuid(),
        Subject::Payment(id) => id.uuid(),
        Subject::Refund(id) => id.uuid(),
        Subject::DunningCase(id) => id.uuid(),
    }
}

fn subject(row: &Reader<'_>) -> Result<Subject> {
    let id = "subject_id";
    Ok(match row.get::<String>("subject_type")?.as_str() {
        "customer" => Subject::Customer(row.id(id)?),
        "payment_method" => Subject::PaymentMethod(row.id(id)?),
        "plan" => Subject::Plan(row.id(id)?),
        "subscription" => Subject::Subscription(row.id(id)?),
        "invoice" => Subject::Invoice(row.id(id)?),
        "payment" => Subject::Payment(row.id(id)?),
        "refund" => Subject::Refund(row.id(id)?),
        "dunning_case" => Subject::DunningCase(row.id(id)?),
        other => return Err(row.corrupt("subject_type", &format!("`{other}` is unknown"))),
    })
}

statements! {
    CLAIM_DUE_ENDPOINTS = "
        select {webhook_endpoint}
        from webhook_endpoint
        where merchant_id = $1 and due_at <= $2
          and (leased_until is null or leased_until <= $4)
        order by due_at, webhook_endpoint_id
        limit $3 {skip_locked}";

    ENDPOINTS = "
        select {webhook_endpoint}
        from webhook_endpoint
        where merchant_id = $1
        order by webhook_endpoint_id";

    /// An endpoint with nothing due gets the time of the next event that it was not told. All of the
    /// merchant's are locked, so that a worker that is just writing 'nothing left' and a
    /// transaction that is just adding events cannot miss each other.
    RING_ENDPOINTS = "
        update webhook_endpoint
        set due_at = coalesce(due_at, (
            select event.at
            from event
            where event.merchant_id = webhook_endpoint.merchant_id
              and event.sequence = webhook_endpoint.delivered_sequence + 1
        ))
        where merchant_id = $1 and disabled_at is null";
}

pub async fn claim_due_endpoints(
    connection: &mut Connection,
    merchant: MerchantId,
    times: Times,
    limit: usize,
) -> Result<Claim<WebhookEndpoint>> {
    let query = sqlx::query(CLAIM_DUE_ENDPOINTS.text()).bind(merchant.uuid()).bind(Ts(times.now));
    row::claim(connection, query.bind(row::limit(limit)).bind(Ts(times.world))).await
}

pub async fn endpoints(
    connection: &mut Connection,
    merchant: MerchantId,
) -> Result<Vec<WebhookEndpoint>> {
    row::all(connection, sqlx::query(ENDPOINTS.text()).bind(merchant.uuid())).await
}

/// Makes the endpoints of these merchants due that have events before them.
pub async fn ring_endpoints(
    connection: &mut Connection,
    merchants: &BTreeSet<MerchantId>,
) -> Result<bool> {
    let mut rung = 0;
    for merchant in merchants {
        let query = sqlx::query(RING_ENDPOINTS.text()).bind(merchant.uuid());
        rung += query.execute(&mut *connection).await.map_err(fault)?.rows_affected();
    }
    Ok(rung > 0)
}

pub async fn after(
    connection: &mut Connection,
    merchant: MerchantId,
    sequence: i64,
    filter: &EventFilter,
    limit: usize,
) -> Result<Vec<Event>> {
    List::of(merchant)
        .above("sequence", sequence)
        .with_id("customer_id", filter.customer)
        .among("kind", filter.kinds.iter().map(name).collect())
        .ordered_by(connection, "sequence", limit)
        .await
}
