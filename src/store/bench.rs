//! The measure that the benches hold Rondo against: the rows that it wrote, written again by SQL
//! tuned by hand, one statement a table, each row once, in one transaction, into the same schema with
//! the same keys and indexes, as durable as the server allows. Nothing of Rondo is faster than that.
//!
//! Works on throwaway databases alone, which are made for it here and removed again.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr as _,
    time::{Duration, Instant},
};

use futures::TryStreamExt as _;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, SqliteConnection,
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{Result, StoreError, fault as faults, postgres};

/// What is there before a renewal; written again without being measured.
const SEEDED: [&str; 6] =
    ["merchant", "plan", "plan_version", "customer", "payment_method", "subscription"];
/// What renewals and their payments write, those that are referred to first.
const WRITTEN: [&str; 6] = ["invoice", "payment", "attempt", "posting", "notice", "event"];
/// And what they rewrite: each subscription once.
const REWRITE: &str = "update subscription set version = version + 1";

/// What writing by hand came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Baseline {
    /// Rows written or rewritten.
    pub rows: u64,
    /// How long it took, the commit included.
    pub elapsed: Duration,
}

/// A throwaway database: a file of its own, or a database of its own on a server.
#[derive(Debug)]
pub struct Scratch {
    url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    File(PathBuf),
    Server { admin: Box<PgConnectOptions>, name: String },
}

impl Scratch {
    /// An empty file called `name` in `folder`.
    pub fn file(folder: &Path, name: &str) -> Self {
        let path = folder.join(format!("{name}.db"));
        Self { url: format!("sqlite:{}", path.display()), place: Place::File(path) }
    }

    /// An empty database called `name` on the Postgres server at `url`, whose user must be allowed
    /// to make one. The database at `url` itself is not touched.
    pub async fn on_server(url: &str, name: &str) -> Result<Self> {
        let admin = PgConnectOptions::from_str(url).map_err(fault)?;
        postgres::greet(&admin).await?;
        let mut connection = PgConnection::connect_with(&admin).await.map_err(fault)?;
        sqlx::query(AssertSqlSafe(format!(r#"create database "{name}""#)))
            .execute(&mut connection)
            .await
            .map_err(fault)?;
        connection.close().await.map_err(fault)?;
        let url = admin.clone().database(name).to_url_lossy().to_string();
        Ok(Self { url, place: Place::Server { admin: Box::new(admin), name: name.to_owned() } })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Removes it. Nobody may be connected.
    pub async fn remove(self) -> Result<()> {
        match self.place {
            Place::File(path) => {
                for ending in ["", "-wal", "-shm", ".lock"] {
                    let mut file = path.clone().into_os_string();
                    file.push(ending);
                    match fs::remove_file(&file) {
                        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                            return Err(StoreError::Unfit(format!("{}: {error}", path.display())));
                        }
                        Ok(()) | Err(_) => {}
                    }
                }
                Ok(())
            }
            Place::Server { admin, name } => {
                let mut connection = PgConnection::connect_with(&admin).await.map_err(fault)?;
                sqlx::query(AssertSqlSafe(format!(r#"drop database "{name}" with (force)"#)))
                    .execute(&mut connection)
                    .await
                    .map_err(fault)?;
                connection.close().await.map_err(fault)
            }
        }
    }
}

/// Writes what stands in `from` into `into`, which has the schema and no rows, and measures those
/// rows that a renewal writes. Both are of one engine, and nobody else is at work on them.
pub async fn baseline(from: &Scratch, into: &Scratch) -> Result<Baseline> {
    match (&from.place, &into.place) {
        (Place::File(from), Place::File(into)) => in_sqlite(from, into).await.map_err(fault),
        (Place::Server { .. }, Place::Server { .. }) => {
            in_postgres(&from.url, &into.url).await.map_err(fault)
        }
        (Place::File(_), Place::Server { .. }) | (Place::Server { .. }, Place::File(_)) => {
            Err(StoreError::Unfit("the two databases must be of one engine".to_owned()))
        }
    }
}

/// The source is attached, so that rows go from file to file inside SQLite.
async fn in_sqlite(from: &Path, into: &Path) -> sqlx::Result<Baseline> {
    let file = SqliteConnectOptions::new()
        .filename(into)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&file).await?;
    sqlx::query("attach database $1 as source")
        .bind(from.to_string_lossy().into_owned())
        .execute(&mut connection)
        .await?;
    let copy = |table: &str| {
        AssertSqlSafe(format!("insert into main.{table} select * from source.{table}"))
    };
    for table in SEEDED {
        sqlx::query(copy(table)).execute(&mut connection).await?;
    }
    let began = Instant::now();
    let mut rows = 0;
    let mut transaction = connection.begin().await?;
    for table in WRITTEN {
        rows += sqlx::query(copy(table)).execute(&mut *transaction).await?.rows_affected();
    }
    rows += sqlx::query(REWRITE).execute(&mut *transaction).await?.rows_affected();
    transaction.commit().await?;
    let elapsed = began.elapsed();
    connection.close().await?;
    Ok(Baseline { rows, elapsed })
}

/// Rows are copied out of one connection and into the other as they come, in the server's own
/// binary format.
async fn in_postgres(from: &str, into: &str) -> sqlx::Result<Baseline> {
    let mut source = PgConnection::connect(from).await?;
    let mut target = PgConnection::connect(into).await?;
    for table in SEEDED {
        copy_over(&mut source, &mut target, table).await?;
    }
    let began = Instant::now();
    let mut rows = 0;
    let mut transaction = target.begin().await?;
    for table in WRITTEN {
        rows += copy_over(&mut source, &mut transaction, table).await?;
    }
    rows += sqlx::query(REWRITE).execute(&mut *transaction).await?.rows_affected();
    transaction.commit().await?;
    let elapsed = began.elapsed();
    source.close().await?;
    target.close().await?;
    Ok(Baseline { rows, elapsed })
}

async fn copy_over(
    source: &mut PgConnection,
    target: &mut PgConnection,
    table: &str,
) -> sqlx::Result<u64> {
    let out = format!("copy {table} to stdout (format binary)");
    let mut rows = source.copy_out_raw(&out).await?;
    let mut copy = target.copy_in_raw(&format!("copy {table} from stdin (format binary)")).await?;
    while let Some(bytes) = rows.try_next().await? {
        copy.send(bytes).await?;
    }
    copy.finish().await
}

fn fault(error: sqlx::Error) -> StoreError {
    StoreError::Statement(faults::cause(error))
}
