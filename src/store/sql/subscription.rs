//! Running agreements.

use super::{
    super::{Connection, Ts},
    list::List,
    row::{self, Reader, Stored},
    statement::{Statement, statements},
    table::{
        Cell::{Id as Uuid, Int, Json, MaybeId, MaybeTime, Text, Time},
        Made, Rewrite, Table, json, name, written,
    },
};
use crate::{
    domain::{
        catalog::VersionNumber,
        ids::{Id, kind},
        subscription::Subscription,
    },
    store::{Claim, MerchantId, Page, Result, SubscriptionFilter, Times},
};

static TABLE: Table<Subscription> = Table {
    name: "subscription",
    key: &["merchant_id", "subscription_id"],
    columns: &[
        ("merchant_id", Uuid(|s| s.merchant.uuid())),
        ("subscription_id", Uuid(|s| s.id.uuid())),
        ("customer_id", Uuid(|s| s.customer.uuid())),
        ("plan_id", Uuid(|s| s.plan.uuid())),
        ("plan_version", Int(|s| s.plan_version.0.into())),
        ("currency", Text(|s| s.currency.code().into())),
        ("quantity", Int(|s| s.quantity.into())),
        ("state", Text(|s| name(&s.state))),
        ("anchor", Json(|s| json(&s.anchor))),
        ("next_cycle", Int(|s| s.next_cycle.into())),
        ("current_period", Json(|s| json(&s.current_period))),
        ("due_at", MaybeTime(|s| s.due_at)),
        ("remind_at", MaybeTime(|s| s.remind_at)),
        ("reminded_for", MaybeTime(|s| s.reminded_for)),
        ("trial_end", MaybeTime(|s| s.trial_end)),
        ("cancellation", Json(|s| json(&s.cancellation))),
        ("scheduled_change", Json(|s| json(&s.scheduled_change))),
        ("pause", Json(|s| json(&s.pause))),
        ("payment_method_id", MaybeId(|s| s.payment_method.map(Id::uuid))),
        ("access", Text(|s| name(&s.access))),
        ("labels", Json(|s| json(&s.labels))),
        ("started_at", Time(|s| s.started_at)),
        ("ended_at", MaybeTime(|s| s.ended_at)),
        ("version", Int(|s| written(s.version))),
    ],
    rewrite: Rewrite::IfVersionMatches,
    made: Made::new(),
};

impl Stored for Subscription {
    type Kind = kind::Subscription;
    const ID: &'static str = "subscription_id";

    fn table() -> &'static Table<Self> {
        &TABLE
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            merchant: row.id("merchant_id")?,
            id: row.id("subscription_id")?,
            customer: row.id("customer_id")?,
            plan: row.id("plan_id")?,
            plan_version: VersionNumber(row.int("plan_version")?),
            currency: row.named("currency")?,
            quantity: row.int("quantity")?,
            state: row.named("state")?,
            anchor: row.json("anchor")?,
            next_cycle: row.int("next_cycle")?,
            current_period: row.maybe_json("current_period")?,
            due_at: row.maybe_time("due_at")?,
            remind_at: row.maybe_time("remind_at")?,
            reminded_for: row.maybe_time("reminded_for")?,
            trial_end: row.maybe_time("trial_end")?,
            cancellation: row.maybe_json("cancellation")?,
            scheduled_change: row.maybe_json("scheduled_change")?,
            pause: row.maybe_json("pause")?,
            payment_method: row.maybe_id("payment_method_id")?,
            access: row.named("access")?,
            labels: row.json("labels")?,
            started_at: row.time("started_at")?,
            ended_at: row.maybe_time("ended_at")?,
            version: row.version()?,
        })
    }
}

statements! {
    CLAIM_DUE = "
        select {subscription}
        from subscription
        where merchant_id = $1 and due_at <= $2
        order by due_at, subscription_id
        limit $3 {skip_locked}";

    CLAIM_REMINDERS = "
        select {subscription}
        from subscription
        where merchant_id = $1 and remind_at <= $2
        order by remind_at, subscription_id
        limit $3 {skip_locked}";
}

pub async fn claim_due(
    connection: &mut Connection,
    merchant: MerchantId,
    times: Times,
    limit: usize,
) -> Result<Claim<Subscription>> {
    let query = sqlx::query(CLAIM_DUE.text()).bind(merchant.uuid()).bind(Ts(times.now));
    row::claim(connection, query.bind(row::limit(limit))).await
}

pub async fn claim_reminders(
    connection: &mut Connection,
    merchant: MerchantId,
    times: Times,
    limit: usize,
) -> Result<Claim<Subscription>> {
    let query = sqlx::query(CLAIM_REMINDERS.text()).bind(merchant.uuid()).bind(Ts(times.now));
    row::claim(connection, query.bind(row::limit(limit))).await
}

pub async fn list(
    connection: &mut Connection,
    merchant: MerchantId,
    filter: &SubscriptionFilter,
    page: Page<kind::Subscription>,
) -> Result<Vec<Subscription>> {
    List::of(merchant)
        .with_id("customer_id", filter.customer)
        .with_id("plan_id", filter.plan)
        .among("state", filter.states.iter().map(name).collect())
        .bearing(&filter.labels)
        .page(connection, page)
        .await
}
