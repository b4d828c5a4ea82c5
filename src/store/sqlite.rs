//! SQLite: one file, one engine, one writer at a time.
//!
//! Writers begin with `immediate`, through a pool of one connection: they wait for each other, those
//! of other processes too, and never fail on a stale picture. Readers have their own connections, and
//! block nobody.

// A path attribute counts from the folder named after this file.
#[path = "sql/mod.rs"]
mod sql;

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fs::{File, TryLockError},
    future::{Ready, ready},
    path::Path,
    str::FromStr as _,
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{
    ConnectOptions as _, Connection as _, Encode, Row as _, Type,
    encode::IsNull,
    error::{BoxDynError, DatabaseError},
    migrate::Migrator,
    sqlite::{
        SqliteArgumentsBuffer, SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode,
        SqlitePool, SqlitePoolOptions, SqliteSynchronous, SqliteTypeInfo, SqliteValueRef,
    },
};
use tokio::sync::broadcast;

use super::{
    Access, Durability, MerchantId, Moment, OpenOptions, Repository, Restored, Result, Store,
    StoreError, Work,
    fault::{self as faults, Told},
    trouble::Luck,
};

type Db = sqlx::Sqlite;
type Connection = sqlx::SqliteConnection;
type Row = sqlx::sqlite::SqliteRow;
type Query<'q> = sqlx::query::Query<'q, Db, <Db as sqlx::Database>::Arguments>;

pub use sql::statements;

/// The words that Postgres says differently.
mod dialect {
    use chrono::{DateTime, Utc};

    use super::sql::table::CellKind;

    /// There is one writer, so nothing that it reads is locked by another.
    pub const SKIP_LOCKED: &str = "";

    /// The rows of a JSON array.
    pub fn rows(bind: &str) -> String {
        format!("json_each({bind}) as travelling")
    }

    /// A cell of such a row.
    pub fn cell(kind: CellKind, place: usize) -> String {
        match kind {
            CellKind::Id | CellKind::Bytes => format!("unhex(travelling.value->>{place})"),
            CellKind::Text | CellKind::Int | CellKind::Bool | CellKind::Time => {
                format!("travelling.value->>{place}")
            }
            CellKind::Json => format!("nullif(travelling.value->{place}, 'null')"),
        }
    }

    /// The first day of an instant's month, UTC.
    pub fn month(time: &str) -> String {
        format!("strftime('%Y-%m-01', {time} / 1000000, 'unixepoch')")
    }

    /// An instant as it travels.
    pub fn time_cell(time: DateTime<Utc>) -> i64 {
        time.timestamp_micros()
    }
}

/// An instant: whole microseconds since 1970.
struct Ts(DateTime<Utc>);

impl Type<Db> for Ts {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Db>>::type_info()
    }

    fn compatible(column: &SqliteTypeInfo) -> bool {
        <i64 as Type<Db>>::compatible(column)
    }
}

impl Encode<'_, Db> for Ts {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<'_, Db>>::encode(self.0.timestamp_micros(), buffer)
    }
}

impl<'r> sqlx::Decode<'r, Db> for Ts {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        let micros = <i64 as sqlx::Decode<'r, Db>>::decode(value)?;
        DateTime::from_timestamp_micros(micros)
            .map(Self)
            .ok_or_else(|| format!("{micros} microseconds are out of range").into())
    }
}

static MIGRATOR: Migrator = sqlx::migrate!("migrations/sqlite");

/// What a new file cannot know: that merchants have many rows, and that one index is worth its
/// look-ups where the primary key alone would read all of a merchant's. Without it, SQLite plans for
/// ten rows each. `analyze`, run on a file that has grown, replaces these guesses.
const EXPECT_GROWTH: [&str; 3] = [
    // A small table: this only makes the table of statistics.
    "analyze counter",
    "insert into sqlite_stat1 (tbl, idx, stat)
     select tbl, idx, stat
     from (
         select
             t.name as tbl,
             case when i.origin = 'pk' and t.wr then t.name else i.name end as idx,
             case when i.partial then '10000' else '1000000' end || (
                 select group_concat(
                     case
                         when i.\"unique\" and is_last then ' 1'
                         when seqno > 0 or name <> 'merchant_id' then ' 10'
                         when i.partial then ' 1000'
                         else ' 100000'
                     end,
                     ''
                 )
                 from (
                     select name, seqno, seqno + 1 = count(*) over () as is_last
                     from pragma_index_info(i.name)
                     order by seqno
                 )
             ) as stat
         from pragma_table_list as t
         join pragma_index_list(t.name) as i
         where t.schema = 'main' and t.type = 'table' and t.name not like 'sqlite%'
     ) as expected
     where not exists (
         select 1 from sqlite_stat1 as known
         where known.tbl = expected.tbl and known.idx = expected.idx
     )",
    "analyze sqlite_schema",
];

/// How long a connection waits for a lock (RULES WRK-5).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;
/// More hints than a loop can be behind by; who is further behind looks at everything anyway.
const HINTS: usize = 256;

/// A SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    writer: SqlitePool,
    readers: SqlitePool,
    bell: broadcast::Sender<Work>,
    luck: Luck,
    /// Held by engines alone.
    lock: Option<File>,
}

impl Sqlite {
    /// Opens the file, which is made if it is not there and an engine wants it.
    pub(super) async fn open(url: &str, options: OpenOptions, fortune: Luck) -> Result<Self> {
        let unfit = |error: sqlx::Error| {
            StoreError::Unfit(format!("{url} names no SQLite file: {}", faults::cause(error)))
        };
        let file = SqliteConnectOptions::from_str(url).map_err(unfit)?.foreign_keys(true);
        let path = file.get_filename().to_owned();
        if url.contains(":memory:") || url.contains("mode=memory") {
            return Err(StoreError::Unfit(format!(
                "{url} ends with the process, and what was paid with it: name a file"
            )));
        }
        let lock = match options.access {
            Access::Engine => Some(lock(&path)?),
            Access::Command | Access::MoneyCommand if path.exists() => None,
            Access::Command | Access::MoneyCommand => {
                return Err(StoreError::Absent { file: path.display().to_string() });
            }
        };
        if options.access == Access::Engine {
            make(&path)?;
        }
        let writing = file.clone().busy_timeout(BUSY_TIMEOUT);
        let writing = match (options.durability, options.connections) {
            (Durability::TestOnly, 1) => in_memory(writing),
            (Durability::TestOnly, _) => {
                writing.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Off)
            }
            (Durability::Full, _) => {
                writing.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
            }
        };
        let writer = pool(1).connect_with(writing).await;
        let writer = writer.map_err(|error| unopened(error, &path))?;
        if options.durability == Durability::Full {
            refuse_weaker(&writer, url).await?;
        }
        if options.access == Access::Engine {
            refuse_unwritable(&writer, &path).await?;
        }
        let readers = if options.connections == 1 {
            writer.clone()
        } else {
            let reading = file.read_only(true).busy_timeout(BUSY_TIMEOUT);
            pool(READERS).connect_lazy_with(reading)
        };
        Ok(Self { writer, readers, bell: broadcast::channel(HINTS).0, luck: fortune, lock })
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn begin(&self) -> Result<Box<dyn Repository>> {
        self.luck.at(Moment::Begin).await?;
        let begun = self.writer.begin_with("begin immediate").await.map_err(fault)?;
        Ok(Box::new(sql::Transaction::new(begun, self.bell.clone(), self.luck.clone())))
    }

    async fn snapshot(&self) -> Result<Box<dyn Repository>> {
        let begun = self.readers.begin().await.map_err(fault)?;
        Ok(Box::new(sql::Transaction::new(begun, self.bell.clone(), Luck::GOOD)))
    }

    fn wakes(&self) -> broadcast::Receiver<Work> {
        self.bell.subscribe()
    }

    async fn migrate(&self) -> Result<()> {
        let migrated = MIGRATOR.run(&self.writer).await;
        migrated.map_err(|error| faults::of_migration(error, fault))?;
        for statement in EXPECT_GROWTH {
            sqlx::query(statement).execute(&self.writer).await.map_err(fault)?;
        }
        Ok(())
    }

    async fn pending_migrations(&self) -> Result<Vec<String>> {
        let known = sqlx::query("select 1 from sqlite_schema where name = '_sqlx_migrations'");
        let known = known.fetch_optional(&self.writer).await.map_err(fault)?.is_some();
        let applied: Vec<i64> = if known {
            let applied = sqlx::query_scalar("select version from _sqlx_migrations");
            applied.fetch_all(&self.writer).await.map_err(fault)?
        } else {
            Vec::new()
        };
        let pending = MIGRATOR.iter().filter(|migration| !applied.contains(&migration.version));
        Ok(pending.map(|one| format!("{:04} {}", one.version, one.description)).collect())
    }

    async fn time(&self) -> Result<Option<DateTime<Utc>>> {
        Ok(None)
    }

    async fn backup(&self, file: &Path, now: DateTime<Utc>) -> Result<()> {
        make(file)?;
        let target = file.to_string_lossy().into_owned();
        // A reader of its own: the writer goes on.
        sqlx::query("vacuum into $1").bind(target).execute(&self.readers).await.map_err(fault)?;
        let copy = SqliteConnectOptions::new().filename(file).synchronous(SqliteSynchronous::Full);
        let mut copy = copy.connect().await.map_err(fault)?;
        let of = sql::restored::read(&mut copy).await?;
        sql::restored::keep(&mut copy, Restored::from_backup(of, now)).await?;
        copy.close().await.map_err(fault)
    }

    async fn weaknesses(&self) -> Result<Vec<String>> {
        // They are each connection's own, and were looked at when it was opened.
        Ok(Vec::new())
    }

    async fn describe(&self) -> Result<String> {
        let version = sqlx::query_scalar("select sqlite_version()");
        let version: String = version.fetch_one(&self.writer).await.map_err(fault)?;
        Ok(format!("SQLite {version}"))
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
        // If it fails, the end of the process unlocks.
        let _ = self.lock.as_ref().map(File::unlock);
    }
}

/// Commits, and wakes the loops of this process. Where a command of another process commits, the
/// engine's tick finds the work.
async fn commit(
    transaction: sqlx::Transaction<'static, Db>,
    wakes: BTreeSet<Work>,
    bell: &broadcast::Sender<Work>,
) -> Result<()> {
    transaction.commit().await.map_err(fault)?;
    for work in wakes {
        // Nobody listens in a command that only writes.
        let _ = bell.send(work);
    }
    Ok(())
}

/// There is one writer: whoever decides here is alone anyway.
fn lock_keys(_: &mut Connection, _: MerchantId, _: &[String]) -> Ready<Result<()>> {
    ready(Ok(()))
}

/// Keeps a second engine out: it would not hear of the work that this one commits.
fn lock(database: &Path) -> Result<File> {
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(StoreError::Unfit(format!(
            "there is no folder {} for the database: make it first, or correct `database_url`",
            folder.display()
        )));
    }
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let shown = path.to_string_lossy().into_owned();
    let unfit = |error: std::io::Error| StoreError::Unfit(format!("cannot lock {shown}: {error}"));
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(unfit)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Unfit(format!(
            "{} is in use by another Rondo process: stop that one first, \
             or use Postgres, which serves any number of them",
            database.display()
        ))),
        Err(TryLockError::Error(error)) => Err(unfit(error)),
    }
}

/// Makes the file if it is not there, for its owner's eyes alone: it holds people's addresses. What
/// SQLite lays beside it is closed likewise.
fn make(database: &Path) -> Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(database) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => {
            Err(StoreError::Unfit(format!("{} cannot be made: {error}", database.display())))
        }
    }
}

/// Why the file does not open, where its owner can help it.
fn unopened(error: sqlx::Error, path: &Path) -> StoreError {
    const READ_ONLY: &str = "8";
    const CANNOT_OPEN: &str = "14";
    const NOT_A_DATABASE: &str = "26";
    let code = error.as_database_error().and_then(DatabaseError::code).unwrap_or_default();
    let path = path.display();
    match &*code {
        READ_ONLY => StoreError::Unfit(format!(
            "{path} cannot be written: it and its folder must be this user's to read and write"
        )),
        CANNOT_OPEN => StoreError::Unfit(format!(
            "{path} cannot be opened: it must be a file that this user may read and write"
        )),
        NOT_A_DATABASE => StoreError::Unfit(format!(
            "{path} is no SQLite database: move it away, or correct `database_url`"
        )),
        _ => fault(error),
    }
}

/// All that SQLite can keep in memory: the file is only where pages end up. For a throwaway database
/// with one connection, whose pages nobody else changes.
fn in_memory(file: SqliteConnectOptions) -> SqliteConnectOptions {
    file.journal_mode(SqliteJournalMode::Memory)
        .synchronous(SqliteSynchronous::Off)
        .locking_mode(SqliteLockingMode::Exclusive)
        .pragma("cache_size", "-262144")
}

/// A pool of so many connections. When a full disk fails a commit, SQLite rolls back by itself, and the
/// driver, whose own rollback then fails, takes the connection to be in that transaction for ever:
/// such a one is closed, or no transaction would begin any more.
fn pool(connections: u32) -> SqlitePoolOptions {
    // A file does not hang up: asking each time whether it is there would only cost a round trip.
    let options = SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false);
    options.before_acquire(|connection, _| {
        let is_free = !connection.is_in_transaction();
        Box::pin(ready(Ok(is_free)))
    })
}

/// SQLite opens a file for reading that it may not write, and says so only at the first write.
async fn refuse_unwritable(writer: &SqlitePool, path: &Path) -> Result<()> {
    let unwritable = |error| unopened(error, path);
    let mut begun = writer.begin_with("begin immediate").await.map_err(unwritable)?;
    // Rolled back: what counts is that it may be written.
    sqlx::query("pragma user_version = 1").execute(&mut *begun).await.map_err(unwritable)?;
    begun.rollback().await.map_err(fault)
}

async fn refuse_weaker(writer: &SqlitePool, url: &str) -> Result<()> {
    let wanted = [
        ("pragma journal_mode", "wal", "a write-ahead log"),
        ("pragma synchronous", "2", "synchronous = FULL"),
        ("pragma foreign_keys", "1", "foreign keys"),
        ("pragma busy_timeout", "5000", "a busy timeout of 5 seconds"),
    ];
    for (pragma, value, name) in wanted {
        let row = sqlx::query(pragma).fetch_one(writer).await.map_err(fault)?;
        let actual = row
            .try_get_unchecked::<String, _>(0)
            .or_else(|_| row.try_get_unchecked::<i64, _>(0).map(|number| number.to_string()));
        if actual.map_err(fault)? != value {
            return Err(StoreError::Unfit(format!(
                "{url} cannot be opened with {name}, without which a loss of power may lose \
                 payments: use a file on a local disk"
            )));
        }
    }
    Ok(())
}

fn fault(error: sqlx::Error) -> StoreError {
    faults::sorted(error, told)
}

/// SQLite names the columns of a broken key, not the key. What is not here is a primary key.
const KEYS: [(&str, &str); 10] = [
    ("api_key.hash", "api_key_hash"),
    ("customer.merchant_id, customer.external_id", "customer_external_id"),
    ("invoice.merchant_id, invoice.number", "invoice_number"),
    ("invoice.merchant_id, invoice.subscription_id, invoice.period_start", "invoice_cycle"),
    ("payment.merchant_id, payment.invoice_id", "payment_invoice"),
    ("attempt.merchant_id, attempt.invoice_id", "attempt_open"),
    ("refund.merchant_id, refund.attempt_id, refund.reference", "refund_reference"),
    ("dunning_case.merchant_id, dunning_case.invoice_id", "dunning_case_open"),
    ("notice.merchant_id, notice.customer_id, notice.fact_key", "notice_fact"),
    ("event.merchant_id, event.event_id", "event_id"),
];

fn told(error: &dyn DatabaseError) -> Told {
    let message = error.message();
    let broken = message.rsplit_once("failed: ").map_or(message, |(_, what)| what);
    let key = KEYS.iter().find(|(columns, _)| *columns == broken);
    let constraint = match (key, broken.split_once('.')) {
        (Some((_, name)), _) => (*name).to_owned(),
        (None, Some((table, _))) if error.is_unique_violation() => format!("{table}_pkey"),
        (None, _) => broken.to_owned(),
    };
    let code: i32 = error.code().unwrap_or(Cow::Borrowed("0")).parse().unwrap_or_default();
    Told {
        constraint,
        // The primary code is the lowest byte: busy, locked, out of memory, interrupted,
        // input or output failed, disk full, cannot open.
        passes: matches!(code & 0xff, 5 | 6 | 7 | 9 | 10 | 13 | 14),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    async fn number(pool: &SqlitePool, pragma: &'static str) -> i64 {
        sqlx::query_scalar(pragma).fetch_one(pool).await.unwrap()
    }

    #[tokio::test]
    async fn an_engines_connections_keep_what_was_committed() {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite:{}", folder.path().join("rondo.db").display());
        let opened = Sqlite::open(&url, OpenOptions::default(), Luck::GOOD).await.unwrap();
        for connections in [&opened.writer, &opened.readers] {
            let mode = sqlx::query_scalar("pragma journal_mode");
            let mode: String = mode.fetch_one(connections).await.unwrap();
            assert_eq!(mode, "wal");
            assert_eq!(number(connections, "pragma synchronous").await, 2, "FULL");
            assert_eq!(number(connections, "pragma foreign_keys").await, 1);
            assert!(number(connections, "pragma busy_timeout").await >= 5_000);
        }
    }

    #[tokio::test]
    async fn a_weaker_connection_is_refused() {
        let folder = TempDir::new().unwrap();
        let file = SqliteConnectOptions::new()
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let rows = [
            (file.clone(), None),
            (file.clone().journal_mode(SqliteJournalMode::Delete), Some("a write-ahead log")),
            (file.clone().synchronous(SqliteSynchronous::Normal), Some("synchronous = FULL")),
            (file.clone().foreign_keys(false), Some("foreign keys")),
            (file.busy_timeout(Duration::from_secs(1)), Some("a busy timeout of 5 seconds")),
        ];
        for (place, (options, lacks)) in rows.into_iter().enumerate() {
            let options = options.filename(folder.path().join(format!("{place}.db")));
            let opened = pool(1).connect_with(options).await.unwrap();
            let told = refuse_weaker(&opened, "it").await.err().map(|error| error.to_string());
            let expected = lacks.map(|lacks| format!("it cannot be opened with {lacks}, "));
            assert_eq!(told.is_some(), expected.is_some(), "{told:?}");
            assert!(told.unwrap_or_default().starts_with(&expected.unwrap_or_default()));
        }
    }
}
