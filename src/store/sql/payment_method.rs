//! What customers pay with: tokens, never card numbers.

use super::{
    super::Connection,
    list::List,
    row::{self, Reader, Stored},
    statement::{Statement, statements},
    table::{
        Cell::{Id as Uuid, Int, MaybeInt, MaybeText, MaybeTime, Text, Time},
        Made, Rewrite, Table, ids_json, name, written,
    },
};
use crate::{
    domain::{
        customer::PaymentMethod,
        ids::{Id, kind},
        payment::method::Expiry,
    },
    store::{MerchantId, Page, Result},
};

static TABLE: Table<PaymentMethod> = Table {
    name: "payment_method",
    key: &["merchant_id", "payment_method_id"],
    columns: &[
        ("merchant_id", Uuid(|m| m.merchant.uuid())),
        ("payment_method_id", Uuid(|m| m.id.uuid())),
        ("customer_id", Uuid(|m| m.customer.uuid())),
        ("gateway", Text(|m| (&m.gateway).into())),
        ("token", Text(|m| (&m.token).into())),
        ("customer_reference", MaybeText(|m| m.customer_reference.as_deref().map(Into::into))),
        ("network", Text(|m| name(&m.network))),
        ("brand", Text(|m| (&m.brand).into())),
        ("last_four", Text(|m| (&m.last_four).into())),
        ("expiry_year", MaybeInt(|m| m.expiry.map(|expiry| expiry.year.into()))),
        ("expiry_month", MaybeInt(|m| m.expiry.map(|expiry| expiry.month.into()))),
        ("fingerprint", MaybeText(|m| m.fingerprint.as_deref().map(Into::into))),
        ("card_key", Text(|m| (&m.card_key).into())),
        ("original_transaction", MaybeText(|m| m.original_transaction.as_deref().map(Into::into))),
        ("consented_at", Time(|m| m.consented_at)),
        ("blocked", MaybeText(|m| m.blocked.as_ref().map(name))),
        ("blocked_at", MaybeTime(|m| m.blocked_at)),
        ("created_at", Time(|m| m.created_at)),
        ("deleted_at", MaybeTime(|m| m.deleted_at)),
        ("version", Int(|m| written(m.version))),
    ],
    rewrite: Rewrite::IfVersionMatches,
    made: Made::new(),
};

impl Stored for PaymentMethod {
    type Kind = kind::PaymentMethod;
    const ID: &'static str = "payment_method_id";

    fn table() -> &'static Table<Self> {
        &TABLE
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            merchant: row.id("merchant_id")?,
            id: row.id("payment_method_id")?,
            customer: row.id("customer_id")?,
            gateway: row.get("gateway")?,
            token: row.get("token")?,
            customer_reference: row.get("customer_reference")?,
            network: row.named("network")?,
            brand: row.get("brand")?,
            last_four: row.get("last_four")?,
            expiry: row
                .maybe_int("expiry_year")?
                .map(|year| Ok(Expiry { year, month: row.int("expiry_month")? }))
                .transpose()?,
            fingerprint: row.get("fingerprint")?,
            card_key: row.get("card_key")?,
            original_transaction: row.get("original_transaction")?,
            consented_at: row.time("consented_at")?,
            blocked: row.maybe_named("blocked")?,
            blocked_at: row.maybe_time("blocked_at")?,
            created_at: row.time("created_at")?,
            deleted_at: row.maybe_time("deleted_at")?,
            version: row.version()?,
        })
    }
}

statements! {
    OF_CUSTOMERS = "
        select {payment_method}
        from payment_method
        where merchant_id = $1
          and customer_id in (select {id 0} from {rows $2})
        order by created_at, payment_method_id";

    BY_TOKEN = "
        select {payment_method}
        from payment_method
        where gateway = $1 and token = $2
        order by created_at, payment_method_id";
}

pub async fn of_customers(
    connection: &mut Connection,
    merchant: MerchantId,
    customers: &[Id<kind::Customer>],
) -> Result<Vec<PaymentMethod>> {
    let customers = ids_json(customers.iter().map(|id| id.uuid()));
    let query = sqlx::query(OF_CUSTOMERS.text()).bind(merchant.uuid()).bind(customers);
    row::all(connection, query).await
}

pub async fn by_token(
    connection: &mut Connection,
    gateway: &str,
    token: &str,
) -> Result<Vec<PaymentMethod>> {
    let query = sqlx::query(BY_TOKEN.text()).bind(gateway.to_owned()).bind(token.to_owned());
    row::all(connection, query).await
}

pub async fn list(
    connection: &mut Connection,
    merchant: MerchantId,
    customer: Id<kind::Customer>,
    include_detached: bool,
    page: Page<kind::PaymentMethod>,
) -> Result<Vec<PaymentMethod>> {
    let mut list = List::of(merchant);
    list.with_id("customer_id", Some(customer));
    if !include_detached {
        list.only("deleted_at is null");
    }
    list.page(connection, page).await
}
