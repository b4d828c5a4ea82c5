//! Keys that may call the API.

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};

use super::{
    super::{Connection, Ts, fault},
    row::{self, Reader, Stored},
    statement::{Statement, statements},
    table::{
        Cell::{Bytes, Id as Uuid, Int, MaybeId, MaybeTime, Text, Time},
        Made, Rewrite, Table, name, written,
    },
};
use crate::{
    domain::{
        api_key::ApiKey,
        ids::{Id, kind},
    },
    store::{MerchantId, Page, Result},
};

static TABLE: Table<ApiKey> = Table {
    name: "api_key",
    key: &["api_key_id"],
    columns: &[
        ("api_key_id", Uuid(|k| k.id.uuid())),
        ("merchant_id", MaybeId(|k| k.merchant.map(Id::uuid))),
        ("role", Text(|k| name(&k.role))),
        ("name", Text(|k| (&k.name).into())),
        ("shown_prefix", Text(|k| (&k.shown_prefix).into())),
        ("hash", Bytes(|k| &k.hash)),
        ("created_at", Time(|k| k.created_at)),
        ("expires_at", MaybeTime(|k| k.expires_at)),
        ("last_used_at", MaybeTime(|k| k.last_used_at)),
        ("revoked_at", MaybeTime(|k| k.revoked_at)),
        ("version", Int(|k| written(k.version))),
    ],
    rewrite: Rewrite::IfVersionMatches,
    made: Made::new(),
};

impl Stored for ApiKey {
    type Kind = kind::ApiKey;
    const ID: &'static str = "api_key_id";

    fn table() -> &'static Table<Self> {
        &TABLE
    }

    fn read(row: &Reader<'_>) -> Result<Self> {
        Ok(Self {
            id: row.id("api_key_id")?,
            merchant: row.maybe_id("merchant_id")?,
            role: row.named("role")?,
            name: row.get("name")?,
            shown_prefix: row.get("shown_prefix")?,
            hash: row.hash("hash")?,
            created_at: row.time("created_at")?,
            expires_at: row.maybe_time("expires_at")?,
            last_used_at: row.maybe_time("last_used_at")?,
            revoked_at: row.maybe_time("revoked_at")?,
            version: row.version()?,
        })
    }
}

statements! {
    BY_HASH = "
        select {api_key}
        from api_key
        where hash = $1";

    BY_ID = "
        select {api_key}
        from api_key
        where api_key_id = $1";

    OF_MERCHANT = "
        select {api_key}
        from api_key
        where merchant_id = $1 and api_key_id > $2
        order by api_key_id
        limit $3";

    OF_ADMINISTRATORS = "
        select {api_key}
        from api_key
        where merchant_id is null and api_key_id > $1
        order by api_key_id
        limit $2";

    /// Not a new version: being used does not change a key. The hour of its first use may begin before
    /// it was made.
    TOUCH = "
        update api_key
        set last_used_at = case when created_at > $2 then created_at else $2 end
        where api_key_id = $1 and (last_used_at is null or last_used_at < $2)";
}

pub async fn by_hash(connection: &mut Connection, hash: [u8; 32]) -> Result<Option<ApiKey>> {
    row::one(connection, sqlx::query(BY_HASH.text()).bind(hash.to_vec())).await
}

pub async fn by_id(connection: &mut Connection, key: Id<kind::ApiKey>) -> Result<Option<ApiKey>> {
    row::one(connection, sqlx::query(BY_ID.text()).bind(key.uuid())).await
}

pub async fn page(
    connection: &mut Connection,
    merchant: Option<MerchantId>,
    page: Page<kind::ApiKey>,
) -> Result<Vec<ApiKey>> {
    let query = match merchant {
        Some(merchant) => sqlx::query(OF_MERCHANT.text()).bind(merchant.uuid()),
        None => sqlx::query(OF_ADMINISTRATORS.text()),
    };
    let after = page.after.map_or(uuid::Uuid::nil(), Id::uuid);
    row::all(connection, query.bind(after).bind(row::limit(page.limit))).await
}

/// Notes the hour in which a key was used: once an hour, so that keys cost no write per call.
pub async fn touch(
    connection: &mut Connection,
    key: Id<kind::ApiKey>,
    at: DateTime<Utc>,
) -> Result<()> {
    let hour = at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at);
    let query = sqlx::query(TOUCH.text()).bind(key.uuid()).bind(Ts(hour));
    query.execute(connection).await.map_err(fault)?;
    Ok(())
}
