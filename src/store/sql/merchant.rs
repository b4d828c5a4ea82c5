//! Merchants, and the clocks that they live on.

use super::{
    super::Connection,
    row::{self, Reader, Stored},
    statement::{Statement, statements},
    table::{
        Cell::{Id as Uuid, Int, Json, MaybeId, MaybeText, MaybeTime, Text, Time},
        Made, Rewrite, Table, json, name, written,
    },
};
use crate::{
    domain::{
        ids::{Id, kind},
        merchant::{Merchant, TestClock},
    },
    store::{MerchantId, Page, Result},
};

static TABLE: Table<Merchant> = Table {
    name: "merchant",
    key: &["merchant_id"],
    columns: &[
        ("merchant_id", Uuid(|m| m.id.uuid())),
        ("name", Text(|m| (&m.name).into())),
        ("zone", Text(|m| name(&m.zone))),
        ("locale", Text(|m| (&m.locale).into())),
        ("gateway", Text(|m| (&m.gateway).into())),
        ("other_gateways", Json(|m| json(&m.other_gateways))),
        ("invoice_prefix", Text(|m| (&m.invoice_prefix).into())),
        ("reply_to", MaybeText(|m| m.reply_to.as_deref().map(Into::into))),
        ("legal_lines", Text(|m| (&m.legal_lines).into())),
        ("portal_url", MaybeText(|m| m.portal_url.as_deref().map(Into::into))),
        ("dunning_policy_id", MaybeId(|m| m.dunning_policy.map(Id::uuid))),
        ("test_clock_id", MaybeId(|m| m.test_clock.map(|clock| clock.id.uuid()))),
        ("clock_now", MaybeTime(|m| m.test_clock.map(|clock| clock.now))),
        ("clock_target", MaybeTime(|m| m.test_clock.map(|clock| clock.target))),
        ("created_at", Time(|m| m.created_at)),
        ("version", Int(|m| written(m.version))),
    ],
    rewrite: Rewrite::IfVersionMatches,
    made: Made::new(),
};

impl Stored for Merchant {
    type Kind = kind::Merchant;
    const ID: &'static str = "merchant_id";

    fn table() -> &'static Table<Self> {
        &TABLE
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            id: row.id("merchant_id")?,
            name: row.get("name")?,
            zone: row.named("zone")?,
            locale: row.get("locale")?,
            gateway: row.get("gateway")?,
            other_gateways: row.json("other_gateways")?,
            invoice_prefix: row.get("invoice_prefix")?,
            reply_to: row.get("reply_to")?,
            legal_lines: row.get("legal_lines")?,
            portal_url: row.get("portal_url")?,
            dunning_policy: row.maybe_id("dunning_policy_id")?,
            test_clock: row
                .maybe_id("test_clock_id")?
                .map(|id| {
                    let (now, target) = (row.time("clock_now")?, row.time("clock_target")?);
                    Ok(TestClock { id, now, target })
                })
                .transpose()?,
            created_at: row.time("created_at")?,
            version: row.version()?,
        })
    }
}

statements! {
    BY_ID = "
        select {merchant}
        from merchant
        where merchant_id = $1";

    PAGE = "
        select {merchant}
        from merchant
        where merchant_id > $1
        order by merchant_id
        limit $2";
}

pub async fn by_id(connection: &mut Connection, merchant: MerchantId) -> Result<Option<Merchant>> {
    row::one(connection, sqlx::query(BY_ID.text()).bind(merchant.uuid())).await
}

pub async fn page(
    connection: &mut Connection,
    page: Page<kind::Merchant>,
) -> Result<Vec<Merchant>> {
    let after = page.after.map_or(uuid::Uuid::nil(), Id::uuid);
    let query = sqlx::query(PAGE.text()).bind(after).bind(row::limit(page.limit));
    row::all(connection, query).await
}
