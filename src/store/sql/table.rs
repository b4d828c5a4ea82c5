//! How an aggregate becomes a row: the columns of its table, each with what fills it.
//!
//! A whole batch travels as one JSON array of arrays in one bind, on both engines, so that a write
//! of a thousand objects is one statement per table. The statements are made from the columns, and
//! never from anything that came from outside.

use std::{borrow::Cow, sync::OnceLock};

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer, ser::SerializeSeq};
use uuid::Uuid;

use super::super::dialect;
use crate::domain::version::Version;

/// A table, and how a `T` fills its columns.
pub struct Table<T: 'static> {
    /// Its name.
    pub name: &'static str,
    /// The columns of its primary key.
    pub key: &'static [&'static str],
    /// Its columns, in the order in which rows travel.
    pub columns: &'static [(&'static str, Cell<T>)],
    /// What a write of an existing row does.
    pub rewrite: Rewrite,
    /// The statements made from the above.
    pub made: Made,
}

/// What a write of a row that exists does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rewrite {
    /// Replaces it, if its version is the one that was read.
    IfVersionMatches,
    /// Fails: rows of this table never change.
    Never,
}

/// What fills a column.
pub enum Cell<T> {
    /// An id.
    Id(fn(&T) -> Uuid),
    /// An id that may be absent.
    MaybeId(fn(&T) -> Option<Uuid>),
    /// Text, or the name of an enum's variant.
    Text(fn(&T) -> Cow<'_, str>),
    /// Text that may be absent.
    MaybeText(fn(&T) -> Option<Cow<'_, str>>),
    /// A whole number.
    Int(fn(&T) -> i64),
    /// A whole number that may be absent.
    MaybeInt(fn(&T) -> Option<i64>),
    /// A claim.
    Bool(fn(&T) -> bool),
    /// An instant.
    Time(fn(&T) -> DateTime<Utc>),
    /// An instant that may be absent.
    MaybeTime(fn(&T) -> Option<DateTime<Utc>>),
    /// A nested value object; absent if it is JSON's null.
    Json(fn(&T) -> serde_json::Value),
    /// Bytes.
    Bytes(fn(&T) -> &[u8]),
}

/// What the engines call the types of cells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// 16 bytes, travelling as 32 hexadecimal digits.
    Id,
    /// Text.
    Text,
    /// 64 bits.
    Int,
    /// True or false.
    Bool,
    /// Microseconds.
    Time,
    /// JSON in JSON.
    Json,
    /// Bytes, travelling as hexadecimal digits.
    Bytes,
}

/// Statements made from a table's columns, once each.
pub struct Made {
    write: OnceLock<&'static str>,
    by_ids: OnceLock<&'static str>,
    columns: OnceLock<&'static str>,
}

impl Made {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { write: OnceLock::new(), by_ids: OnceLock::new(), columns: OnceLock::new() }
    }
}

impl<T> Table<T> {
    /// The columns, each with the table's name before it, as a `select` lists them.
    pub fn column_list(&self) -> &'static str {
        self.made.columns.get_or_init(|| {
            let names: Vec<_> =
                self.columns.iter().map(|(name, _)| format!("{}.{name}", self.name)).collect();
            names.join(", ").leak()
        })
    }

    /// Writes the rows of `$1`.
    pub fn write_statement(&self) -> &'static str {
        self.made.write.get_or_init(|| {
            let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
            let cells = self.columns.iter().enumerate();
            let cells: Vec<_> =
                cells.map(|(place, (_, cell))| dialect::cell(cell.kind(), place)).collect();
            // SQLite's parser takes `on conflict` for a join's condition unless a `where` is there.
            let insert = format!(
                "insert into {} ({})\nselect {}\nfrom {}\nwhere true",
                self.name,
                names.join(", "),
                cells.join(", "),
                dialect::rows("$1"),
            );
            match self.rewrite {
                Rewrite::IfVersionMatches => insert + &self.rewrite_clause(&names),
                Rewrite::Never => insert,
            }
            .leak()
        })
    }

    fn rewrite_clause(&self, names: &[&str]) -> String {
        let sets: Vec<_> = names
            .iter()
            .filter(|name| !self.key.contains(name))
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        format!(
            "\non conflict ({}) do update set {}\nwhere {}.version = excluded.version - 1",
            self.key.join(", "),
            sets.join(", "),
            self.name,
        )
    }

    /// Reads the rows of merchant `$1` whose `id` is among `$2`, in the order of their ids: what is decided of them
    /// one after the other must not hang on the database's plan.
    pub fn by_ids_statement(&self, id: &'static str) -> &'static str {
        self.made.by_ids.get_or_init(|| {
            format!(
                "select {}\nfrom {}\nwhere merchant_id = $1\n  and {id} in (select {} from {})\norder by {id}",
                self.column_list(),
                self.name,
                dialect::cell(CellKind::Id, 0),
                dialect::rows("$2"),
            )
            .leak()
        })
    }
}

impl<T> Cell<T> {
    fn kind(&self) -> CellKind {
        match self {
            Self::Id(_) | Self::MaybeId(_) => CellKind::Id,
            Self::Text(_) | Self::MaybeText(_) => CellKind::Text,
            Self::Int(_) | Self::MaybeInt(_) => CellKind::Int,
            Self::Bool(_) => CellKind::Bool,
            Self::Time(_) | Self::MaybeTime(_) => CellKind::Time,
            Self::Json(_) => CellKind::Json,
            Self::Bytes(_) => CellKind::Bytes,
        }
    }
}

/// Objects as the JSON in which they travel.
pub fn rows_json<T>(table: &Table<T>, objects: &[T]) -> String {
    let rows: Vec<_> = objects.iter().map(|object| Row { table, object }).collect();
    serde_json::to_string(&rows).expect("cells are plain JSON values with text keys")
}

/// Ids as the JSON in which they travel: rows of one cell.
pub fn ids_json(ids: impl IntoIterator<Item = Uuid>) -> String {
    let rows: Vec<_> = ids.into_iter().map(|id| [id.simple().to_string()]).collect();
    serde_json::to_string(&rows).expect("texts are JSON")
}

struct Row<'a, T: 'static> {
    table: &'a Table<T>,
    object: &'a T,
}

impl<T> Serialize for Row<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let object = self.object;
        let mut row = serializer.serialize_seq(Some(self.table.columns.len()))?;
        for (_, cell) in self.table.columns {
            match cell {
                Cell::Id(of) => row.serialize_element(&of(object).simple().to_string())?,
                Cell::MaybeId(of) => {
                    row.serialize_element(&of(object).map(|id| id.simple().to_string()))?;
                }
                Cell::Text(of) => row.serialize_element(&of(object))?,
                Cell::MaybeText(of) => row.serialize_element(&of(object))?,
                Cell::Int(of) => row.serialize_element(&of(object))?,
                Cell::MaybeInt(of) => row.serialize_element(&of(object))?,
                Cell::Bool(of) => row.serialize_element(&of(object))?,
                Cell::Time(of) => row.serialize_element(&dialect::time_cell(of(object)))?,
                Cell::MaybeTime(of) => {
                    row.serialize_element(&of(object).map(dialect::time_cell))?;
                }
                Cell::Json(of) => row.serialize_element(&of(object))?,
                Cell::Bytes(of) => row.serialize_element(&hex(of(object)))?,
            }
        }
        row.end()
    }
}

/// The name of an enum's variant, as serde gives it.
pub fn name<E: Serialize>(variant: &E) -> Cow<'static, str> {
    match serde_json::to_value(variant) {
        Ok(serde_json::Value::String(name)) => name.into(),
        other => unreachable!("a variant without fields has a name, not {other:?}"),
    }
}

/// A nested value object as JSON.
pub fn json<V: Serialize>(value: &V) -> serde_json::Value {
    serde_json::to_value(value).expect("our value objects have text keys and finite numbers")
}

/// The version that a write makes of what was read.
pub fn written(read: Version) -> i64 {
    read.next().count()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half| char::from_digit(u32::from(half), 16).expect("half a byte is one digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
