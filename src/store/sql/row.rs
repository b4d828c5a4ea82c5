//! How a row becomes an aggregate again, and what is said when it does not.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use sqlx::{Row as _, types::Json};
use uuid::Uuid;

use super::{
    super::{Connection, Db, Query, Row, Ts, fault},
    table::Table,
};
use crate::{
    domain::{
        ids::{Id, Kind},
        money::{Currency, Money},
        version::Version,
    },
    store::{Broken, Claim, MerchantId, Result, StoreError},
};

/// An aggregate that is kept as one row.
pub trait Stored: Sized + Send + Sync + 'static {
    /// The kind of its id.
    type Kind: Kind;
    /// The column of its id.
    const ID: &'static str;

    /// Its table.
    fn table() -> &'static Table<Self>;

    /// Reads it back.
    fn read(row: &Reader<'_>) -> Result<Self>;
}

/// A row being read: each column by its name and type.
pub struct Reader<'r> {
    row: &'r Row,
    table: &'static str,
    id: String,
}

impl<'r> Reader<'r> {
    /// Reads a row of `T`'s table.
    pub fn of<T: Stored>(row: &'r Row) -> Self {
        let id = row.try_get::<Uuid, _>(T::ID).map_or_else(
            |_| format!("{} without an id", T::table().name),
            |id| Id::<T::Kind>::from_uuid(id).to_string(),
        );
        Self { row, table: T::table().name, id }
    }

    /// A column as the database gives it.
    pub fn get<V>(&self, column: &'static str) -> Result<V>
    where
        V: sqlx::Decode<'r, Db> + sqlx::Type<Db>,
    {
        self.row.try_get(column).map_err(|error| self.corrupt(column, &error))
    }

    /// An id.
    pub fn id<K: Kind>(&self, column: &'static str) -> Result<Id<K>> {
        self.get::<Uuid>(column).map(Id::from_uuid)
    }

    /// An id that may be absent.
    pub fn maybe_id<K: Kind>(&self, column: &'static str) -> Result<Option<Id<K>>> {
        Ok(self.get::<Option<Uuid>>(column)?.map(Id::from_uuid))
    }

    /// A whole number.
    pub fn int<N: TryFrom<i64>>(&self, column: &'static str) -> Result<N> {
        let number: i64 = self.get(column)?;
        N::try_from(number).map_err(|_| self.corrupt(column, &format!("{number} is out of range")))
    }

    /// A whole number that may be absent.
    pub fn maybe_int<N: TryFrom<i64>>(&self, column: &'static str) -> Result<Option<N>> {
        match self.get::<Option<i64>>(column)? {
            Some(_) => self.int(column).map(Some),
            None => Ok(None),
        }
    }

    /// An instant.
    pub fn time(&self, column: &'static str) -> Result<DateTime<Utc>> {
        self.get::<Ts>(column).map(|Ts(time)| time)
    }

    /// An instant that may be absent.
    pub fn maybe_time(&self, column: &'static str) -> Result<Option<DateTime<Utc>>> {
        Ok(self.get::<Option<Ts>>(column)?.map(|Ts(time)| time))
    }

    /// A variant of an enum, or a newtype around text, by its serde name.
    pub fn named<E: DeserializeOwned>(&self, column: &'static str) -> Result<E> {
        self.name_read(column, self.get(column)?)
    }

    /// The same, that may be absent.
    pub fn maybe_named<E: DeserializeOwned>(&self, column: &'static str) -> Result<Option<E>> {
        self.get::<Option<String>>(column)?.map(|name| self.name_read(column, name)).transpose()
    }

    /// A nested value object.
    pub fn json<V: DeserializeOwned + 'r>(&self, column: &'static str) -> Result<V> {
        self.get::<Json<V>>(column).map(|Json(value)| value)
    }

    /// A nested value object that may be absent.
    pub fn maybe_json<V: DeserializeOwned + 'r>(&self, column: &'static str) -> Result<Option<V>> {
        Ok(self.get::<Option<Json<V>>>(column)?.map(|Json(value)| value))
    }

    /// An amount in the row's currency.
    pub fn money(&self, column: &'static str) -> Result<Money> {
        let currency: Currency = self.named("currency")?;
        Ok(Money::new(self.get(column)?, currency))
    }

    /// 32 bytes.
    pub fn hash(&self, column: &'static str) -> Result<[u8; 32]> {
        let bytes: Vec<u8> = self.get(column)?;
        bytes.try_into().map_err(|_| self.corrupt(column, &"must be 32 bytes"))
    }

    /// The version.
    pub fn version(&self) -> Result<Version> {
        self.get("version").map(Version::from_count)
    }

    /// Why this row cannot be read.
    pub fn corrupt(&self, column: &'static str, reason: &dyn ToString) -> StoreError {
        let (table, id, reason) = (self.table, self.id.clone(), reason.to_string());
        StoreError::Corrupt { table, column, id, reason }
    }

    fn name_read<E: DeserializeOwned>(&self, column: &'static str, name: String) -> Result<E> {
        serde_json::from_value(name.into()).map_err(|error| self.corrupt(column, &error))
    }
}

/// All rows of a query.
pub async fn all<T: Stored>(connection: &mut Connection, query: Query<'_>) -> Result<Vec<T>> {
    let rows = query.fetch_all(connection).await.map_err(fault)?;
    rows.iter().map(|row| T::read(&Reader::of::<T>(row))).collect()
}

/// The only row of a query, if there is one.
pub async fn one<T: Stored>(connection: &mut Connection, query: Query<'_>) -> Result<Option<T>> {
    let row = query.fetch_optional(connection).await.map_err(fault)?;
    row.map(|row| T::read(&Reader::of::<T>(&row))).transpose()
}

/// All rows of a query, those apart that cannot be read, so that they never block the others.
pub async fn claim<T: Stored>(connection: &mut Connection, query: Query<'_>) -> Result<Claim<T>> {
    let mut claim = Claim { rows: Vec::new(), broken: Vec::new() };
    for row in query.fetch_all(connection).await.map_err(fault)? {
        match T::read(&Reader::of::<T>(&row)) {
            Ok(object) => claim.rows.push(object),
            Err(StoreError::Corrupt { column, id, reason, .. }) => {
                claim.broken.push(Broken { id, reason: format!("{column}: {reason}") });
            }
            Err(other) => return Err(other),
        }
    }
    Ok(claim)
}

/// A merchant's objects with these ids, in the order of their ids.
pub async fn by_ids<T: Stored>(
    connection: &mut Connection,
    merchant: MerchantId,
    ids: &[Id<T::Kind>],
) -> Result<Vec<T>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = sqlx::query(T::table().by_ids_statement(T::ID))
        .bind(merchant.uuid())
        .bind(super::table::ids_json(ids.iter().map(|id| id.uuid())));
    all(connection, query).await
}

/// Writes objects, each one version further than it was read.
pub async fn write<T: Stored>(connection: &mut Connection, objects: &[T]) -> Result<()> {
    if objects.is_empty() {
        return Ok(());
    }
    let table = T::table();
    let written = sqlx::query(table.write_statement())
        .bind(super::table::rows_json(table, objects))
        .execute(connection)
        .await
        .map_err(fault)?;
    if written.rows_affected() == objects.len() as u64 {
        Ok(())
    } else {
        Err(StoreError::Conflict { table: table.name })
    }
}

/// A limit as both engines take it.
pub fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
