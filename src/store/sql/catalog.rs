//! Plans, and the versions of their terms, which never change.

use super::{
    super::Connection,
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
        catalog::{Plan, PlanVersion, VersionNumber},
        ids::{Id, kind},
    },
    store::{MerchantId, Page, PlanFilter, Result},
};

static PLAN: Table<Plan> = Table {
    name: "plan",
    key: &["merchant_id", "plan_id"],
    columns: &[
        ("merchant_id", Uuid(|p| p.merchant.uuid())),
        ("plan_id", Uuid(|p| p.id.uuid())),
        ("name", Text(|p| (&p.name).into())),
        ("state", Text(|p| name(&p.state))),
        ("current_version", Int(|p| p.current.0.into())),
        ("dunning_policy_id", MaybeId(|p| p.dunning_policy.map(Id::uuid))),
        ("labels", Json(|p| json(&p.labels))),
        ("created_at", Time(|p| p.created_at)),
        ("deleted_at", MaybeTime(|p| p.deleted_at)),
        ("version", Int(|p| written(p.version))),
    ],
    rewrite: Rewrite::IfVersionMatches,
    made: Made::new(),
};

static PLAN_VERSION: Table<PlanVersion> = Table {
    name: "plan_version",
    key: &["merchant_id", "plan_id", "number"],
    columns: &[
        ("merchant_id", Uuid(|v| v.merchant.uuid())),
        ("plan_id", Uuid(|v| v.plan.uuid())),
        ("number", Int(|v| v.number.0.into())),
        ("terms", Json(|v| json(&v.terms))),
        ("created_at", Time(|v| v.created_at)),
    ],
    rewrite: Rewrite::Never,
    made: Made::new(),
};

impl Stored for Plan {
    type Kind = kind::Plan;
    const ID: &'static str = "plan_id";

    fn table() -> &'static Table<Self> {
        &PLAN
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            merchant: row.id("merchant_id")?,
            id: row.id("plan_id")?,
            name: row.get("name")?,
            state: row.named("state")?,
            current: VersionNumber(row.int("current_version")?),
            dunning_policy: row.maybe_id("dunning_policy_id")?,
            labels: row.json("labels")?,
            created_at: row.time("created_at")?,
            deleted_at: row.maybe_time("deleted_at")?,
            version: row.version()?,
        })
    }
}

impl Stored for PlanVersion {
    type Kind = kind::Plan;
    const ID: &'static str = "plan_id";

    fn table() -> &'static Table<Self> {
        &PLAN_VERSION
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            merchant: row.id("merchant_id")?,
            plan: row.id("plan_id")?,
            number: VersionNumber(row.int("number")?),
            terms: row.json("terms")?,
            created_at: row.time("created_at")?,
        })
    }
}

statements! {
    VERSIONS = "
        select {plan_version}
        from plan_version
        where merchant_id = $1
          and (plan_id, number) in (select {id 0}, {int 1} from {rows $2})";

    VERSIONS_OF_PLAN = "
        select {plan_version}
        from plan_version
        where merchant_id = $1 and plan_id = $2
        order by number";
}

pub async fn versions(
    connection: &mut Connection,
    merchant: MerchantId,
    keys: &[(Id<kind::Plan>, VersionNumber)],
) -> Result<Vec<PlanVersion>> {
    let keys: Vec<_> =
        keys.iter().map(|(plan, number)| (plan.uuid().simple().to_string(), number.0)).collect();
    let query = sqlx::query(VERSIONS.text()).bind(merchant.uuid()).bind(json(&keys).to_string());
    row::all(connection, query).await
}

pub async fn versions_of_plan(
    connection: &mut Connection,
    merchant: MerchantId,
    plan: Id<kind::Plan>,
) -> Result<Vec<PlanVersion>> {
    let query = sqlx::query(VERSIONS_OF_PLAN.text()).bind(merchant.uuid()).bind(plan.uuid());
    row::all(connection, query).await
}

pub async fn list(
    connection: &mut Connection,
    merchant: MerchantId,
    filter: &PlanFilter,
    page: Page<kind::Plan>,
) -> Result<Vec<Plan>> {
    let states = filter.state.iter().map(name).collect();
    let mut list = List::of(merchant);
    if !filter.show_deleted {
        list.only("deleted_at is null");
    }
    list.among("state", states).bearing(&filter.labels).page(connection, page).await
}
