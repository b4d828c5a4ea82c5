//! Dunning policies and cases.

use super::{
    super::{Connection, Ts, fault},
    list::List,
    row::{self, Reader, Stored},
    statement::{Statement, statements},
    table::{
        Cell::{Id as Uuid, Int, Json, MaybeId, MaybeTime, Text, Time},
        Made, Rewrite, Table, ids_json, json, written,
    },
};
use crate::{
    domain::{
        catalog::VersionNumber,
        dunning::{DunningCase, DunningPolicy},
        ids::{Id, kind},
    },
    store::{Claim, MerchantId, Page, Result, Times},
};

static POLICY: Table<DunningPolicy> = Table {
    name: "dunning_policy",
    key: &["merchant_id", "dunning_policy_id"],
    columns: &[
        ("merchant_id", Uuid(|p| p.merchant.uuid())),
        ("dunning_policy_id", Uuid(|p| p.id.uuid())),
        ("name", Text(|p| (&p.name).into())),
        ("number", Int(|p| p.number.0.into())),
        ("ladder", Json(|p| json(&p.ladder))),
        ("created_at", Time(|p| p.created_at)),
        ("deleted_at", MaybeTime(|p| p.deleted_at)),
        ("version", Int(|p| written(p.version))),
    ],
    rewrite: Rewrite::IfVersionMatches,
    made: Made::new(),
};

static CASE: Table<DunningCase> = Table {
    name: "dunning_case",
    key: &["merchant_id", "dunning_case_id"],
    columns: &[
        ("merchant_id", Uuid(|c| c.merchant.uuid())),
        ("dunning_case_id", Uuid(|c| c.id.uuid())),
        ("invoice_id", Uuid(|c| c.invoice.uuid())),
        ("payment_id", Uuid(|c| c.payment.uuid())),
        ("subscription_id", MaybeId(|c| c.subscription.map(Id::uuid))),
        ("customer_id", Uuid(|c| c.customer.uuid())),
        ("dunning_policy_id", MaybeId(|c| c.policy.map(Id::uuid))),
        ("policy_version", Int(|c| c.policy_version.0.into())),
        ("standing", Json(|c| json(&c.case))),
        ("due_at", MaybeTime(|c| c.due_at)),
        ("opened_at", Time(|c| c.opened_at)),
        ("closed_at", MaybeTime(|c| c.closed_at)),
        ("version", Int(|c| written(c.version))),
    ],
    rewrite: Rewrite::IfVersionMatches,
    made: Made::new(),
};

impl Stored for DunningPolicy {
    type Kind = kind::DunningPolicy;
    const ID: &'static str = "dunning_policy_id";

    fn table() -> &'static Table<Self> {
        &POLICY
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            merchant: row.id("merchant_id")?,
            id: row.id("dunning_policy_id")?,
            name: row.get("name")?,
            number: VersionNumber(row.int("number")?),
            ladder: row.json("ladder")?,
            created_at: row.time("created_at")?,
            deleted_at: row.maybe_time("deleted_at")?,
            version: row.version()?,
        })
    }
}

impl Stored for DunningCase {
    type Kind = kind::DunningCase;
    const ID: &'static str = "dunning_case_id";

    fn table() -> &'static Table<Self> {
        &CASE
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            merchant: row.id("merchant_id")?,
            id: row.id("dunning_case_id")?,
            invoice: row.id("invoice_id")?,
            payment: row.id("payment_id")?,
            subscription: row.maybe_id("subscription_id")?,
            customer: row.id("customer_id")?,
            policy: row.maybe_id("dunning_policy_id")?,
            policy_version: VersionNumber(row.int("policy_version")?),
            case: row.json("standing")?,
            due_at: row.maybe_time("due_at")?,
            opened_at: row.time("opened_at")?,
            closed_at: row.maybe_time("closed_at")?,
            version: row.version()?,
        })
    }
}

statements! {
    CLAIM_DUE = "
        select {dunning_case}
        from dunning_case
        where merchant_id = $1 and due_at <= $2
        order by due_at, dunning_case_id
        limit $3 {skip_locked}";

    OPEN_OF_INVOICES = "
        select {dunning_case}
        from dunning_case
        where merchant_id = $1
          and invoice_id in (select {id 0} from {rows $2})
          and closed_at is null";

    GIVEN_UP = "
        select distinct invoice_id
        from dunning_case
        where merchant_id = $1
          and invoice_id in (select {id 0} from {rows $2})
          and closed_at is not null
        order by invoice_id";

    OPEN_OF_CUSTOMERS = "
        select {dunning_case}
        from dunning_case
        where merchant_id = $1
          and customer_id in (select {id 0} from {rows $2})
          and closed_at is null
        order by dunning_case_id";
}

pub async fn claim_due(
    connection: &mut Connection,
    merchant: MerchantId,
    times: Times,
    limit: usize,
) -> Result<Claim<DunningCase>> {
    let query = sqlx::query(CLAIM_DUE.text()).bind(merchant.uuid()).bind(Ts(times.now));
    row::claim(connection, query.bind(row::limit(limit))).await
}

pub async fn open_of_customers(
    connection: &mut Connection,
    merchant: MerchantId,
    customers: &[Id<kind::Customer>],
) -> Result<Vec<DunningCase>> {
    let customers = ids_json(customers.iter().map(|id| id.uuid()));
    let query = sqlx::query(OPEN_OF_CUSTOMERS.text()).bind(merchant.uuid()).bind(customers);
    row::all(connection, query).await
}

pub async fn open_of_invoices(
    connection: &mut Connection,
    merchant: MerchantId,
    invoices: &[Id<kind::Invoice>],
) -> Result<Vec<DunningCase>> {
    let invoices = ids_json(invoices.iter().map(|id| id.uuid()));
    let query = sqlx::query(OPEN_OF_INVOICES.text()).bind(merchant.uuid()).bind(invoices);
    row::all(connection, query).await
}

pub async fn given_up(
    connection: &mut Connection,
    merchant: MerchantId,
    invoices: &[Id<kind::Invoice>],
) -> Result<Vec<Id<kind::Invoice>>> {
    let invoices = ids_json(invoices.iter().map(|id| id.uuid()));
    let query = sqlx::query(GIVEN_UP.text()).bind(merchant.uuid()).bind(invoices);
    let rows = query.fetch_all(connection).await.map_err(fault)?;
    rows.iter().map(|row| Reader::of::<DunningCase>(row).id("invoice_id")).collect()
}

pub async fn list_policies(
    connection: &mut Connection,
    merchant: MerchantId,
    include_deleted: bool,
    page: Page<kind::DunningPolicy>,
) -> Result<Vec<DunningPolicy>> {
    let mut list = List::of(merchant);
    if !include_deleted {
        list.only("deleted_at is null");
    }
    list.page(connection, page).await
}

pub async fn list_cases(
    connection: &mut Connection,
    merchant: MerchantId,
    open_only: bool,
    customer: Option<Id<kind::Customer>>,
    page: Page<kind::DunningCase>,
) -> Result<Vec<DunningCase>> {
    let mut list = List::of(merchant);
    if open_only {
        list.only("closed_at is null");
    }
    list.with_id("customer_id", customer).page(connection, page).await
}
