//! Opening a database by its URL: which engine, and how sure it must be.

use std::sync::Arc;

use super::{Result, Store, StoreError, postgres::Postgres, sqlite::Sqlite};

/// How a database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// How sure a commit must be.
    pub durability: Durability,
    /// How many connections to Postgres at most. SQLite has one writer and four readers.
    pub connections: u32,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { durability: Durability::Full, connections: 16 }
    }
}

/// How sure a commit must be (RULES WRK-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// What was committed outlives a loss of power. A database that is set to less is refused.
    Full,
    /// A throwaway database, which may lose what was committed. Never for money.
    TestOnly,
}

/// Opens the database at `url`: `sqlite:rondo.db`, made if it is not there, or `postgres://…`.
/// Migrations are not run.
pub async fn open(url: &str, options: OpenOptions) -> Result<Arc<dyn Store>> {
    if url.starts_with("sqlite:") {
        Ok(Arc::new(Sqlite::open(url, options).await?))
    } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        Ok(Arc::new(Postgres::open(url, options).await?))
    } else {
        Err(StoreError::Unfit(
            "the database's URL must begin with sqlite: or postgres://, \
             for example sqlite:rondo.db"
                .to_owned(),
        ))
    }
}
