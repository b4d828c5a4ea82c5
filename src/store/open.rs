//! Opening a database by its URL: which engine, and how sure it must be.

use std::sync::Arc;

use super::{
    Result, Store, StoreError, Trouble, postgres::Postgres, sqlite::Sqlite, trouble::Luck,
};

/// How a database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// What for.
    pub access: Access,
    /// How sure a commit must be.
    pub durability: Durability,
    /// How many connections at most. On SQLite, one means one for all; with more there are one writer
    /// and four readers.
    pub connections: u32,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { access: Access::Engine, durability: Durability::Full, connections: 16 }
    }
}

/// What a database is opened for.
///
/// Two engines on one SQLite file would not hear of each other's work, so a lock keeps the second
/// out. Questions and small writes need none: SQLite itself lets several processes in, one writer at
/// a time. Postgres serves any number of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To run the loops, or to change the schema. A SQLite file is made if it is not there, and is
    /// no other engine's meanwhile.
    Engine,
    /// To ask or to write something small, beside an engine that may be at work. The database must
    /// be there.
    Command,
    /// As a command, for one that records what became of money, or lets it be charged or given back: it asks as
    /// much of a database as an engine does.
    MoneyCommand,
}

/// How sure a commit must be (RULES WRK-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// What was committed outlives a loss of power. An engine refuses a database that is set to less, as do
    /// commands about money; others can ask for its [`Store::weaknesses`].
    Full,
    /// A throwaway database, which may lose what was committed. Never for money.
    TestOnly,
}

/// Opens the database at `url`: `sqlite:rondo.db` or `postgres://…`. Migrations are not run.
pub async fn open(url: &str, options: OpenOptions) -> Result<Arc<dyn Store>> {
    open_with(url, options, Luck::GOOD).await
}

/// As [`open()`], for a simulation: what `trouble` says befalls each transaction that writes.
pub async fn open_in_trouble(
    url: &str,
    options: OpenOptions,
    trouble: Arc<dyn Trouble>,
) -> Result<Arc<dyn Store>> {
    open_with(url, options, Luck::as_said_by(trouble)).await
}

async fn open_with(url: &str, options: OpenOptions, luck: Luck) -> Result<Arc<dyn Store>> {
    // Connecting takes a large future, and most commands begin with it.
    if url.starts_with("sqlite:") {
        Ok(Arc::new(Box::pin(Sqlite::open(url, options, luck)).await?))
    } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        Ok(Arc::new(Box::pin(Postgres::open(url, options, luck)).await?))
    } else {
        Err(StoreError::Unfit(
            "the database's URL must begin with sqlite: or postgres://, \
             for example sqlite:rondo.db"
                .to_owned(),
        ))
    }
}
