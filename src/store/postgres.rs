//! Postgres: any number of processes on one database.
//!
//! Claims lock their rows and pass over what others have locked. Work that was committed is told to
//! all processes by `notify`, in the transaction itself.

#[path = "sql/mod.rs"]
mod sql;

use std::{collections::BTreeSet, io::ErrorKind, path::Path, str::FromStr as _, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{
    Connection as _, Encode, Type,
    encode::IsNull,
    error::{BoxDynError, DatabaseError},
    migrate::Migrator,
    postgres::{
        PgArgumentBuffer, PgConnectOptions, PgListener, PgPool, PgPoolOptions, PgTypeInfo,
        PgValueRef,
    },
};
use tokio::{sync::broadcast, task::JoinHandle};

use super::{
    Access, Durability, MerchantId, Moment, OpenOptions, Repository, Result, Store, StoreError,
    Work,
    fault::{self as faults, Told},
    trouble::Luck,
};

type Db = sqlx::Postgres;
type Connection = sqlx::PgConnection;
type Row = sqlx::postgres::PgRow;
type Query<'q> = sqlx::query::Query<'q, Db, <Db as sqlx::Database>::Arguments>;

pub use sql::statements;

/// The words that SQLite says differently.
mod dialect {
    use chrono::{DateTime, SecondsFormat, Utc};

    use super::sql::table::CellKind;

    /// Others claim at the same time.
    pub const SKIP_LOCKED: &str = "for update skip locked";

    /// The rows of a JSON array.
    pub fn rows(bind: &str) -> String {
        format!("jsonb_array_elements({bind}::text::jsonb) as travelling (value)")
    }

    /// A cell of such a row.
    pub fn cell(kind: CellKind, place: usize) -> String {
        match kind {
            CellKind::Id => format!("(travelling.value->>{place})::uuid"),
            CellKind::Text => format!("travelling.value->>{place}"),
            CellKind::Int => format!("(travelling.value->>{place})::bigint"),
            CellKind::Bool => format!("(travelling.value->>{place})::boolean"),
            CellKind::Time => format!("(travelling.value->>{place})::timestamptz"),
            CellKind::Json => format!("nullif(travelling.value->{place}, 'null')"),
            CellKind::Bytes => format!("decode(travelling.value->>{place}, 'hex')"),
        }
    }

    /// The first day of an instant's month, UTC.
    pub fn month(time: &str) -> String {
        format!("to_char({time} at time zone 'UTC', 'YYYY-MM-\"01\"')")
    }

    /// An instant as it travels.
    pub fn time_cell(time: DateTime<Utc>) -> String {
        time.to_rfc3339_opts(SecondsFormat::Micros, true)
    }
}

/// An instant: Postgres keeps microseconds.
struct Ts(DateTime<Utc>);

impl Type<Db> for Ts {
    fn type_info() -> PgTypeInfo {
        <DateTime<Utc> as Type<Db>>::type_info()
    }
}

impl Encode<'_, Db> for Ts {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <DateTime<Utc> as Encode<'_, Db>>::encode_by_ref(&self.0, buffer)
    }
}

impl<'r> sqlx::Decode<'r, Db> for Ts {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        <DateTime<Utc> as sqlx::Decode<'r, Db>>::decode(value).map(Self)
    }
}

static MIGRATOR: Migrator = sqlx::migrate!("migrations/postgres");

/// What committed work is told on.
const CHANNEL: &str = "rondo_work";
/// More hints than a loop can be behind by; who is further behind looks at everything anyway.
const HINTS: usize = 256;
/// How long a server may take to let us in before it counts as unreachable.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// How long to wait before listening again after the connection was lost.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// A Postgres database.
#[derive(Debug)]
pub struct Postgres {
    pool: PgPool,
    bell: broadcast::Sender<Work>,
    luck: Luck,
    listener: JoinHandle<()>,
}

impl Postgres {
    /// Connects, and begins to listen for work. Fails within seconds where nobody answers.
    pub(super) async fn open(url: &str, options: OpenOptions, luck: Luck) -> Result<Self> {
        let unfit = |error: sqlx::Error| {
            let cause = faults::cause(error);
            StoreError::Unfit(format!("`database_url` names no Postgres database: {cause}"))
        };
        let connection = PgConnectOptions::from_str(url)
            .map_err(unfit)?
            .application_name("rondo")
            // Nobody waits for ever: not for a lock, and not for a transaction that was forgotten.
            .options([("lock_timeout", "10s"), ("idle_in_transaction_session_timeout", "60s")]);
        greet(&connection).await?;
        // One connection listens.
        let pool = PgPoolOptions::new().max_connections(options.connections.max(1) + 1);
        let pool = pool.connect_with(connection).await.map_err(fault)?;
        if options.access != Access::Command && options.durability == Durability::Full {
            let weaknesses = weaknesses(&pool).await?;
            if !weaknesses.is_empty() {
                return Err(StoreError::Unfit(weaknesses.join("; ")));
            }
        }
        let (bell, _) = broadcast::channel(HINTS);
        let mut listener = PgListener::connect_with(&pool).await.map_err(fault)?;
        listener.listen(CHANNEL).await.map_err(fault)?;
        let listener = tokio::spawn(listen(listener, bell.clone()));
        Ok(Self { pool, bell, luck, listener })
    }
}

/// One connection, there and back: a pool would go on trying for half a minute and not say why.
pub(super) async fn greet(options: &PgConnectOptions) -> Result<()> {
    let silence = || {
        let seconds = ANSWERS_WITHIN.as_secs();
        std::io::Error::new(ErrorKind::TimedOut, format!("no answer within {seconds} seconds"))
    };
    let connected = tokio::time::timeout(ANSWERS_WITHIN, Connection::connect_with(options)).await;
    match connected.unwrap_or_else(|_| Err(silence().into())) {
        // That it answered is all we wanted to know.
        Ok(connection) => connection.close().await.map_err(fault),
        Err(error) => Err(unanswered(error, options)),
    }
}

/// Why there is no connection, with the place and never the password.
fn unanswered(error: sqlx::Error, options: &PgConnectOptions) -> StoreError {
    let place = options.get_socket().map_or_else(
        || format!("{}:{}", options.get_host(), options.get_port()),
        |socket| socket.display().to_string(),
    );
    let user = options.get_username();
    let code = error.as_database_error().and_then(DatabaseError::code).unwrap_or_default();
    let database = options.get_database().unwrap_or(user);
    let names_files = options.get_socket().is_none();
    match (&error, &*code) {
        (sqlx::Error::Io(told), _) if told.kind() == ErrorKind::InvalidData => {
            no_tls(error, &place)
        }
        (sqlx::Error::Tls(_), _) => no_tls(error, &place),
        (sqlx::Error::Io(told), _) if names_files && told.kind() == ErrorKind::NotFound => {
            StoreError::Unfit(format!(
                "a file that `sslrootcert`, `sslcert` or `sslkey` in `database_url` names is not \
                 there: correct its path ({})",
                faults::cause(error)
            ))
        }
        (sqlx::Error::Io(_), _) => StoreError::Unreachable { place, source: faults::cause(error) },
        (sqlx::Error::Protocol(_), _) => StoreError::Unfit(format!(
            "what answers at {place} is no Postgres: correct host and port in `database_url`"
        )),
        (_, "3D000") => StoreError::Unfit(format!(
            "Postgres at {place} has no database {database}: `createdb {database}` makes it, or \
             correct `database_url`"
        )),
        (_, "28P01" | "28000") => StoreError::Unfit(format!(
            "Postgres at {place} lets {user} not in: correct user or password in `database_url`, or \
             the server's pg_hba.conf ({})",
            faults::cause(error)
        )),
        (_, "42501") => StoreError::Unfit(format!(
            "Postgres at {place} keeps {user} out of the database {database}: `grant connect on \
             database {database} to {user}` lets them in, or correct `database_url` ({})",
            faults::cause(error)
        )),
        _ => fault(error),
    }
}

/// Why no TLS came about. What does not speak Postgres at all may look like that too.
fn no_tls(error: sqlx::Error, place: &str) -> StoreError {
    StoreError::Unfit(format!(
        "no TLS comes about with {place}: in `database_url`, `?sslmode=disable`, `require` or \
         `verify-full` says what is wanted, `sslrootcert=FILE` who vouches for the certificate; or \
         correct host and port, if no Postgres is there ({})",
        faults::cause(error)
    ))
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

#[async_trait]
impl Store for Postgres {
    async fn begin(&self) -> Result<Box<dyn Repository>> {
        self.luck.at(Moment::Begin).await?;
        let begun = self.pool.begin().await.map_err(fault)?;
        Ok(Box::new(sql::Transaction::new(begun, self.bell.clone(), self.luck.clone())))
    }

    async fn snapshot(&self) -> Result<Box<dyn Repository>> {
        let begun = self.pool.begin_with("begin isolation level repeatable read, read only").await;
        Ok(Box::new(sql::Transaction::new(begun.map_err(fault)?, self.bell.clone(), Luck::GOOD)))
    }

    fn wakes(&self) -> broadcast::Receiver<Work> {
        self.bell.subscribe()
    }

    async fn migrate(&self) -> Result<()> {
        MIGRATOR.run(&self.pool).await.map_err(|error| faults::of_migration(error, fault))
    }

    async fn pending_migrations(&self) -> Result<Vec<String>> {
        let known = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null");
        let applied: Vec<i64> = if known.fetch_one(&self.pool).await.map_err(fault)? {
            let applied = sqlx::query_scalar("select version from _sqlx_migrations");
            applied.fetch_all(&self.pool).await.map_err(fault)?
        } else {
            Vec::new()
        };
        let pending = MIGRATOR.iter().filter(|migration| !applied.contains(&migration.version));
        Ok(pending.map(|one| format!("{:04} {}", one.version, one.description)).collect())
    }

    async fn time(&self) -> Result<Option<DateTime<Utc>>> {
        let time = sqlx::query_scalar("select clock_timestamp()");
        time.fetch_one(&self.pool).await.map(Some).map_err(fault)
    }

    async fn backup(&self, _: &Path, _: DateTime<Utc>) -> Result<()> {
        Err(StoreError::Unfit(
            "a Postgres database is backed up by its own tools: pg_dump for one database, \
             pg_basebackup and WAL archiving to go back to any instant"
                .to_owned(),
        ))
    }

    async fn weaknesses(&self) -> Result<Vec<String>> {
        weaknesses(&self.pool).await
    }

    async fn describe(&self) -> Result<String> {
        Ok(format!("PostgreSQL {}", show(&self.pool, "show server_version").await?))
    }

    async fn close(&self) {
        self.listener.abort();
        self.pool.close().await;
    }
}

/// Commits, and tells all processes of the work, this one too.
async fn commit(
    mut transaction: sqlx::Transaction<'static, Db>,
    wakes: BTreeSet<Work>,
    _bell: &broadcast::Sender<Work>,
) -> Result<()> {
    if !wakes.is_empty() {
        let names: Vec<_> = wakes.iter().map(|work| work.name()).collect();
        sqlx::query("select pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(names.join(" "))
            .execute(&mut *transaction)
            .await
            .map_err(fault)?;
    }
    transaction.commit().await.map_err(fault)
}

/// Waits its turn for each of these cards or customers, always in the same order, so that two never wait for each
/// other.
async fn lock_keys(
    connection: &mut Connection,
    merchant: MerchantId,
    keys: &[String],
) -> Result<()> {
    sqlx::query(
        "select pg_advisory_xact_lock(place)
        from (
            select distinct hashtextextended($1::text || key, 0) as place
            from unnest($2::text[]) as wanted (key)
            order by place
            offset 0
        ) as in_order",
    )
    .bind(merchant.uuid().to_string())
    .bind(keys)
    .execute(connection)
    .await
    .map_err(fault)?;
    Ok(())
}

/// Passes on what is told. After a lost connection some of it is lost too: the tick does the rest.
async fn listen(mut listener: PgListener, bell: broadcast::Sender<Work>) {
    loop {
        match listener.recv().await {
            Ok(told) => {
                let names = told.payload().split(' ');
                let works =
                    names.filter_map(|name| Work::ALL.into_iter().find(|work| work.name() == name));
                for work in works {
                    // Nobody listens in a command that only writes.
                    let _ = bell.send(work);
                }
            }
            Err(sqlx::Error::PoolClosed) => return,
            Err(error) => {
                tracing::warn!(%error, "cannot hear of new work just now; the tick finds it");
                tokio::time::sleep(LISTEN_AGAIN).await;
            }
        }
    }
}

async fn weaknesses(pool: &PgPool) -> Result<Vec<String>> {
    let mut weaknesses = Vec::new();
    let commits = show(pool, "show synchronous_commit").await?;
    if !["on", "remote_write", "remote_apply"].contains(&commits.as_str()) {
        weaknesses.push(format!(
            "synchronous_commit is {commits}, so a loss of power may lose payments: \
             set it to on for this database (alter database … set synchronous_commit = on)"
        ));
    }
    for setting in ["show fsync", "show full_page_writes"] {
        if show(pool, setting).await? != "on" {
            weaknesses.push(format!(
                "{} is off, so a crash may lose payments: \
                 set it to on in postgresql.conf and reload the server",
                setting.trim_start_matches("show ")
            ));
        }
    }
    Ok(weaknesses)
}

async fn show(pool: &PgPool, setting: &'static str) -> Result<String> {
    sqlx::query_scalar(setting).fetch_one(pool).await.map_err(fault)
}

fn fault(error: sqlx::Error) -> StoreError {
    faults::sorted(error, told)
}

fn told(error: &dyn DatabaseError) -> Told {
    let code = error.code().unwrap_or_default();
    // Connection lost, serialisation or deadlock, out of resources, lock not to be had, a snapshot
    // or transaction timed out, a statement took too long or was cancelled, the server is shutting down or
    // starting up.
    let passing = ["08", "40", "53", "55P03", "25P03", "57014", "57P"];
    Told {
        constraint: error.constraint().unwrap_or(error.message()).to_owned(),
        passes: passing.iter().any(|class| code.starts_with(class)),
    }
}
