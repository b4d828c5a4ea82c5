//! Why the database did not do it.

use thiserror::Error;

/// Why the database did not do it. By what the caller can do about it.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Someone else wrote one of these objects first: read again, decide again.
    #[error("{table} was written by someone else meanwhile")]
    Conflict {
        /// The table.
        table: &'static str,
    },
    /// A rule of uniqueness would be broken, for example a second open attempt for an invoice.
    #[error("{constraint} must be unique")]
    Duplicate {
        /// The constraint, by its name in the schema.
        constraint: String,
    },
    /// A rule of the schema would be broken: the change is wrong.
    #[error("{constraint} does not hold")]
    Refused {
        /// The constraint, as the database tells it.
        constraint: String,
    },
    /// A row cannot be read back.
    #[error("{table}.{column} of {id} cannot be read: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's id as text.
        id: String,
        /// Why.
        reason: String,
    },
    /// The database is busy, restarting or gone: try the whole transaction again, later.
    #[error("the database is not available just now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nobody answers where the database should be: try again later, or look there.
    #[error("no Postgres answers at {place}: start it, or correct `database_url`")]
    Unreachable {
        /// Host and port, or the socket.
        place: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no SQLite file, and nobody asked for a new one.
    #[error("there is no database at {file}: `rondo init` sets one up")]
    Absent {
        /// The file.
        file: String,
    },
    /// The database is not fit for money: weaker durability, or a schema that is not ours.
    #[error("{0}")]
    Unfit(String),
    /// Anything else: a fault of ours.
    #[error("the database refused a statement")]
    Statement(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Whether the same transaction, run again, may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Unavailable(_) | Self::Unreachable { .. } => true,
            Self::Duplicate { .. }
            | Self::Refused { .. }
            | Self::Corrupt { .. }
            | Self::Absent { .. }
            | Self::Unfit(_)
            | Self::Statement(_) => false,
        }
    }
}
