//! Calls to gateways.

use chrono::{DateTime, Utc};

use super::{
    super::{Connection, Ts, fault},
    row::{self, Reader, Stored},
    statement::{Statement, statements},
    table::{
        Cell::{Bool, Id as Uuid, Int, Json, MaybeId, MaybeText, MaybeTime, Text, Time},
        Made, Rewrite, Table, ids_json, json, name, written,
    },
};
use crate::{
    domain::{
        ids::{Id, kind},
        payment::attempt::Attempt,
    },
    store::{Claim, MerchantId, Result, SentBefore, Times},
};

static TABLE: Table<Attempt> = Table {
    name: "attempt",
    key: &["merchant_id", "attempt_id"],
    columns: &[
        ("merchant_id", Uuid(|a| a.merchant.uuid())),
        ("attempt_id", Uuid(|a| a.id.uuid())),
        ("payment_id", Uuid(|a| a.payment.uuid())),
        ("invoice_id", Uuid(|a| a.invoice.uuid())),
        ("customer_id", Uuid(|a| a.customer.uuid())),
        ("payment_method_id", MaybeId(|a| a.method.map(Id::uuid))),
        ("credential", Json(|a| json(&a.credential))),
        ("request_hash", MaybeText(|a| a.request_hash.as_deref().map(Into::into))),
        ("gateway", Text(|a| (&a.gateway).into())),
        ("currency", Text(|a| a.amount.currency().code().into())),
        ("amount_minor", Int(|a| a.amount.minor())),
        ("applied_minor", Int(|a| a.applied.minor())),
        ("reversed_minor", Int(|a| a.reversed.minor())),
        ("reversals", Json(|a| json(&a.reversals))),
        ("initiator", Text(|a| name(&a.initiator))),
        ("state", Text(|a| name(&a.state))),
        ("reference", MaybeText(|a| a.reference.as_deref().map(Into::into))),
        ("decline", Json(|a| json(&a.decline))),
        ("network", Text(|a| name(&a.network))),
        ("card_key", Text(|a| (&a.card_key).into())),
        ("action_url", MaybeText(|a| a.action_url.as_deref().map(Into::into))),
        ("store_method", Bool(|a| a.store_method)),
        ("sent_at", Time(|a| a.sent_at)),
        ("key_born_at", Time(|a| a.key_born_at)),
        ("last_sent_at", Time(|a| a.last_sent_at)),
        ("leased_until", MaybeTime(|a| a.leased_until)),
        ("probe_at", MaybeTime(|a| a.probe_at)),
        ("probes", Int(|a| a.probes.into())),
        ("asked_at", MaybeTime(|a| a.asked_at)),
        ("not_found_at", MaybeTime(|a| a.not_found_at)),
        ("settled_at", MaybeTime(|a| a.settled_at)),
        ("version", Int(|a| written(a.version))),
    ],
    rewrite: Rewrite::IfVersionMatches,
    made: Made::new(),
};

impl Stored for Attempt {
    type Kind = kind::Attempt;
    const ID: &'static str = "attempt_id";

    fn table() -> &'static Table<Self> {
        &TABLE
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            merchant: row.id("merchant_id")?,
            id: row.id("attempt_id")?,
            payment: row.id("payment_id")?,
            invoice: row.id("invoice_id")?,
            customer: row.id("customer_id")?,
            method: row.maybe_id("payment_method_id")?,
            credential: row.maybe_json("credential")?,
            request_hash: row.get("request_hash")?,
            gateway: row.get("gateway")?,
            amount: row.money("amount_minor")?,
            applied: row.money("applied_minor")?,
            reversed: row.money("reversed_minor")?,
            reversals: row.json("reversals")?,
            initiator: row.named("initiator")?,
            state: row.named("state")?,
            reference: row.get("reference")?,
            decline: row.maybe_json("decline")?,
            network: row.named("network")?,
            card_key: row.get("card_key")?,
            action_url: row.get("action_url")?,
            store_method: row.get("store_method")?,
            sent_at: row.time("sent_at")?,
            key_born_at: row.time("key_born_at")?,
            last_sent_at: row.time("last_sent_at")?,
            leased_until: row.maybe_time("leased_until")?,
            probe_at: row.maybe_time("probe_at")?,
            probes: row.int("probes")?,
            asked_at: row.maybe_time("asked_at")?,
            not_found_at: row.maybe_time("not_found_at")?,
            settled_at: row.maybe_time("settled_at")?,
            version: row.version()?,
        })
    }
}

statements! {
    /// A lease that still runs belongs to a worker that may be alive. An open attempt whose lease
    /// ran out was left behind by one that died.
    CLAIM_PROBES = "
        select {attempt}
        from attempt
        where merchant_id = $1
          and (
              (probe_at <= $2 and (leased_until is null or leased_until <= $4))
              or (
                  leased_until <= $4
                  and state in ('in_flight', 'pending', 'action_required', 'unknown')
              )
          )
        order by coalesce(probe_at, sent_at), attempt_id
        limit $3 {skip_locked}";

    OF_PAYMENTS = "
        select {attempt}
        from attempt
        where merchant_id = $1
          and payment_id in (select {id 0} from {rows $2})
        order by sent_at, attempt_id";

    /// What never reached the network does not count against its limits, nor does what was paid. What was
    /// tried on a gateway's page bears the page's own key, as nobody tells which card it was.
    /// Two tokens of one fingerprint are one card, since whenever that is known (RULES RET-2).
    SENT_ON_CARDS = "
        with asked as (select {text 0} as card_key from {rows $2}),
        own as (
            select payment_method.card_key, payment_method.fingerprint
            from asked
            join payment_method on payment_method.card_key = asked.card_key
            where payment_method.merchant_id = $1
              and payment_method.fingerprint is not null
        ),
        card (asked_for, card_key) as (
            select card_key, card_key from asked
            union
            select card_key, fingerprint from own
            union
            select own.card_key, twin.card_key
            from own
            join payment_method as twin on twin.fingerprint = own.fingerprint
            where twin.merchant_id = $1
        )
        select
            card.asked_for, attempt_id, invoice_id, currency, amount_minor, initiator, sent_at
        from card
        join attempt on attempt.card_key = card.card_key
        where merchant_id = $1
          and sent_at >= $3
          and state not in ('succeeded', 'rejected', 'not_executed')
        order by sent_at, attempt_id";

    BY_ID_AT_GATEWAY = "
        select {attempt}
        from attempt
        where attempt_id = $1 and gateway = $2";

    ANYWHERE = "
        select {attempt}
        from attempt
        where attempt_id = $1";

    THROUGH = "
        select {attempt}
        from attempt
        where attempt_id in (select {id 0} from {rows $2}) and gateway = $1
        order by attempt_id";

    TAKEN_THROUGH = "
        select attempt_id
        from attempt
        where gateway = $1 and key_born_at >= $2 and key_born_at <= $3 and state = 'succeeded'
        order by key_born_at, attempt_id";

    BY_REFERENCE = "
        select {attempt}
        from attempt
        where gateway = $1 and reference = $2
        order by sent_at desc
        limit 1";
}

pub async fn claim_probes(
    connection: &mut Connection,
    merchant: MerchantId,
    times: Times,
    limit: usize,
) -> Result<Claim<Attempt>> {
    let query = sqlx::query(CLAIM_PROBES.text()).bind(merchant.uuid()).bind(Ts(times.now));
    row::claim(connection, query.bind(row::limit(limit)).bind(Ts(times.world))).await
}

pub async fn of_payments(
    connection: &mut Connection,
    merchant: MerchantId,
    payments: &[Id<kind::Payment>],
) -> Result<Vec<Attempt>> {
    let payments = ids_json(payments.iter().map(|id| id.uuid()));
    let query = sqlx::query(OF_PAYMENTS.text()).bind(merchant.uuid()).bind(payments);
    row::all(connection, query).await
}

pub async fn sent_on_cards(
    connection: &mut Connection,
    merchant: MerchantId,
    card_keys: &[String],
    since: DateTime<Utc>,
) -> Result<Vec<SentBefore>> {
    let cards: Vec<_> = card_keys.iter().map(|key| [key]).collect();
    let rows = sqlx::query(SENT_ON_CARDS.text())
        .bind(merchant.uuid())
        .bind(json(&cards).to_string())
        .bind(Ts(since))
        .fetch_all(connection)
        .await
        .map_err(fault)?;
    let read = |row| {
        let row = Reader::of::<Attempt>(row);
        Ok(SentBefore {
            card_key: row.get("asked_for")?,
            attempt: row.id("attempt_id")?,
            invoice: row.id("invoice_id")?,
            amount: row.money("amount_minor")?,
            initiator: row.named("initiator")?,
            sent_at: row.time("sent_at")?,
        })
    };
    rows.iter().map(read).collect()
}

pub async fn anywhere(
    connection: &mut Connection,
    attempt: Id<kind::Attempt>,
) -> Result<Option<Attempt>> {
    row::one(connection, sqlx::query(ANYWHERE.text()).bind(attempt.uuid())).await
}

pub async fn through(
    connection: &mut Connection,
    gateway: &str,
    attempts: &[Id<kind::Attempt>],
) -> Result<Vec<Attempt>> {
    let attempts = ids_json(attempts.iter().map(|id| id.uuid()));
    row::all(connection, sqlx::query(THROUGH.text()).bind(gateway.to_owned()).bind(attempts)).await
}

pub async fn taken_through(
    connection: &mut Connection,
    gateway: &str,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Id<kind::Attempt>>> {
    let query = sqlx::query(TAKEN_THROUGH.text()).bind(gateway.to_owned());
    let rows = query.bind(Ts(since)).bind(Ts(until)).fetch_all(connection).await.map_err(fault)?;
    rows.iter().map(|row| Reader::of::<Attempt>(row).id("attempt_id")).collect()
}

pub async fn by_gateway(
    connection: &mut Connection,
    gateway: &str,
    attempt: Option<Id<kind::Attempt>>,
    reference: &str,
) -> Result<Option<Attempt>> {
    let query =
        sqlx::query(BY_REFERENCE.text()).bind(gateway.to_owned()).bind(reference.to_owned());
    let known = row::one(&mut *connection, query).await?;
    let (None, Some(id)) = (&known, attempt) else { return Ok(known) };
    let query = sqlx::query(BY_ID_AT_GATEWAY.text()).bind(id.uuid()).bind(gateway.to_owned());
    row::one(connection, query).await
}
