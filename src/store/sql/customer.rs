//! Those who pay.

use super::{
    super::Connection,
    list::List,
    row::{self, Reader, Stored},
    statement::{Statement, statements},
    table::{
        Cell::{Bool, Id as Uuid, Int, Json, MaybeId, MaybeText, MaybeTime, Text, Time},
        Made, Rewrite, Table, json, name, written,
    },
};
use crate::{
    domain::{
        customer::Customer,
        ids::{Id, kind},
    },
    store::{CustomerFilter, MerchantId, Page, Result},
};

static TABLE: Table<Customer> = Table {
    name: "customer",
    key: &["merchant_id", "customer_id"],
    columns: &[
        ("merchant_id", Uuid(|c| c.merchant.uuid())),
        ("customer_id", Uuid(|c| c.id.uuid())),
        ("email", Text(|c| (&c.email).into())),
        ("name", Text(|c| (&c.name).into())),
        ("locale", MaybeText(|c| c.locale.as_deref().map(Into::into))),
        ("zone", MaybeText(|c| c.zone.as_ref().map(name))),
        ("country", MaybeText(|c| c.country.as_deref().map(Into::into))),
        ("default_method_id", MaybeId(|c| c.default_method.map(Id::uuid))),
        ("backup_method_id", MaybeId(|c| c.backup_method.map(Id::uuid))),
        ("email_suppressed", Bool(|c| c.email_suppressed)),
        ("external_id", MaybeText(|c| c.external_id.as_deref().map(Into::into))),
        ("labels", Json(|c| json(&c.labels))),
        ("created_at", Time(|c| c.created_at)),
        ("deleted_at", MaybeTime(|c| c.deleted_at)),
        ("version", Int(|c| written(c.version))),
    ],
    rewrite: Rewrite::IfVersionMatches,
    made: Made::new(),
};

impl Stored for Customer {
    type Kind = kind::Customer;
    const ID: &'static str = "customer_id";

    fn table() -> &'static Table<Self> {
        &TABLE
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            merchant: row.id("merchant_id")?,
            id: row.id("customer_id")?,
            email: row.get("email")?,
            name: row.get("name")?,
            locale: row.get("locale")?,
            zone: row.maybe_named("zone")?,
            country: row.get("country")?,
            default_method: row.maybe_id("default_method_id")?,
            backup_method: row.maybe_id("backup_method_id")?,
            email_suppressed: row.get("email_suppressed")?,
            external_id: row.get("external_id")?,
            labels: row.json("labels")?,
            created_at: row.time("created_at")?,
            deleted_at: row.maybe_time("deleted_at")?,
            version: row.version()?,
        })
    }
}

statements! {
    BY_EXTERNAL_ID = "
        select {customer}
        from customer
        where merchant_id = $1 and external_id = $2";
}

pub async fn by_external_id(
    connection: &mut Connection,
    merchant: MerchantId,
    external_id: &str,
) -> Result<Option<Customer>> {
    let query =
        sqlx::query(BY_EXTERNAL_ID.text()).bind(merchant.uuid()).bind(external_id.to_owned());
    row::one(connection, query).await
}

pub async fn list(
    connection: &mut Connection,
    merchant: MerchantId,
    filter: &CustomerFilter,
    page: Page<kind::Customer>,
) -> Result<Vec<Customer>> {
    let mut list = List::of(merchant);
    if !filter.show_deleted {
        list.only("deleted_at is null");
    }
    list.bearing(&filter.labels).page(connection, page).await
}
