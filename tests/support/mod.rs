//! What stories need: an engine and an empty database of one's own, things to put into it
//! ([`given`]), and a whole [`world`] in which Rondo is served and members live.

#![allow(dead_code, reason = "which parts are used differs by test program")]
#![expect(clippy::unwrap_used, reason = "a story that cannot go on fails there")]

pub mod api;
pub mod barrier;
pub mod browser;
pub mod cards;
pub mod claims;
pub mod course;
pub mod given;
pub mod line;
pub mod member;
pub mod offer;
pub mod provider;
pub mod served;
pub mod staff;
pub mod witness;
pub mod world;

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    ops::Deref,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use rondo::store::{Access, Durability, OpenOptions, Store};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection, migrate::Migrator};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// A database engine. Every story about a database is told on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file of the test's own.
    Sqlite,
    /// A database of the test's own, on the server at `RONDO_TEST_PG`.
    Postgres,
}

/// What an awaited wish comes to.
pub type Later<T> = Pin<Box<dyn Future<Output = T>>>;

/// How tests open a database: it need not outlive a loss of power.
pub const THROWAWAY: OpenOptions =
    OpenOptions { access: Access::Engine, durability: Durability::TestOnly, connections: 8 };

/// An empty database with Rondo's schema, which goes away with the value.
#[derive(Debug)]
pub struct Database {
    /// What to open it by, a second time for example.
    pub url: String,
    store: Arc<dyn Store>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Folder { _folder: TempDir },
    Server { admin: String, name: String },
}

impl Database {
    /// The store, to be shared.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// Writes past the store, as a fault or a foreign program would.
    pub async fn damage(&self, statement: &'static str) {
        match &self.place {
            Place::Folder { .. } => {
                let mut file = SqliteConnection::connect(&self.url).await.unwrap();
                sqlx::query(statement).execute(&mut file).await.unwrap();
            }
            Place::Server { .. } => {
                let mut server = PgConnection::connect(&self.url).await.unwrap();
                sqlx::query(statement).execute(&mut server).await.unwrap();
            }
        }
    }

    /// Every row of every table, as text: two that are alike hold the same.
    pub async fn whole(&self) -> BTreeMap<String, Vec<String>> {
        let mut whole = BTreeMap::new();
        match &self.place {
            Place::Folder { .. } => {
                let mut file = SqliteConnection::connect(&self.url).await.unwrap();
                let questions = sqlx::query_as(
                    "select m.name, 'select json_array(' || group_concat('quote(' || c.name || ')')
                         || ') from ' || m.name
                     from sqlite_schema as m join pragma_table_info(m.name) as c
                     where m.type = 'table' and m.name not like 'sqlite\\_%' escape '\\'
                     group by m.name",
                );
                let questions: Vec<(String, String)> =
                    questions.fetch_all(&mut file).await.unwrap();
                for (table, question) in questions {
                    let rows = sqlx::query_scalar(AssertSqlSafe(question));
                    whole.insert(table, rows.fetch_all(&mut file).await.unwrap());
                }
            }
            Place::Server { .. } => {
                let mut server = PgConnection::connect(&self.url).await.unwrap();
                let tables = sqlx::query_scalar(
                    "select table_name::text from information_schema.tables
                     where table_schema = 'public'",
                );
                let tables: Vec<String> = tables.fetch_all(&mut server).await.unwrap();
                for table in tables {
                    let question = format!("select t::text from {table} as t order by t::text");
                    let rows = sqlx::query_scalar(AssertSqlSafe(question));
                    whole.insert(table, rows.fetch_all(&mut server).await.unwrap());
                }
            }
        }
        whole
    }
}

impl Deref for Database {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        self.store.as_ref()
    }
}

/// Opens a database of the test's own, with the schema up to date.
pub async fn open(engine: Engine) -> Database {
    let (url, place) = empty(engine).await;
    let store = rondo::store::open(&url, THROWAWAY).await.unwrap();
    Database { url, store, place }
}

async fn empty(engine: Engine) -> (String, Place) {
    match engine {
        Engine::Sqlite => {
            let folder = TempDir::new().unwrap();
            let file = folder.path().join("rondo.db");
            std::fs::write(&file, migrated_file().await).unwrap();
            (format!("sqlite:{}", file.display()), Place::Folder { _folder: folder })
        }
        Engine::Postgres => {
            let admin = server();
            let template = template(&admin).await;
            let name = unique_name();
            let copy = format!("create database {name} template {template} strategy file_copy");
            run(&admin, &copy).await;
            (at_server(&admin, &name), Place::Server { admin, name })
        }
    }
}

/// The file that every SQLite test begins with: migrated once per test program.
async fn migrated_file() -> &'static [u8] {
    static FILE: OnceCell<Vec<u8>> = OnceCell::const_new();
    FILE.get_or_init(|| async {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("rondo.db");
        let url = format!("sqlite:{}", file.display());
        let store = rondo::store::open(&url, THROWAWAY).await.unwrap();
        store.migrate().await.unwrap();
        store.close().await;
        std::fs::read(file).unwrap()
    })
    .await
}

/// The database that every Postgres test is a copy of: made once per schema and server.
async fn template(admin: &str) -> String {
    static MADE: OnceCell<String> = OnceCell::const_new();
    /// Any number, as long as it is nobody else's.
    const LOCK: &str = "select pg_advisory_lock(7243910)";
    MADE.get_or_init(|| async {
        let migrator: Migrator = sqlx::migrate!("migrations/postgres");
        let mut schema = DefaultHasher::new();
        migrator.iter().for_each(|migration| migration.checksum.hash(&mut schema));
        let name = format!("rondo_template_{:x}", schema.finish());

        let mut server = PgConnection::connect(admin).await.unwrap();
        sqlx::query(LOCK).execute(&mut server).await.unwrap();
        let made = sqlx::query("select 1 from pg_database where datname = $1").bind(&name);
        if made.fetch_optional(&mut server).await.unwrap().is_none() {
            // Under another name until it is whole, and with nobody connected when it is copied.
            let draft = format!("{name}_draft");
            run(admin, &format!("drop database if exists {draft} with (force)")).await;
            run(admin, &format!("create database {draft}")).await;
            let mut draft_server = PgConnection::connect(&at_server(admin, &draft)).await.unwrap();
            migrator.run(&mut draft_server).await.unwrap();
            draft_server.close().await.unwrap();
            run(admin, &format!("alter database {draft} rename to {name}")).await;
        }
        server.close().await.unwrap();
        name
    })
    .await
    .clone()
}

fn server() -> String {
    std::env::var("RONDO_TEST_PG").expect(
        "this story needs a Postgres server: run ./test, or `tests/pg.sh cargo test` for a \
         throwaway one, or name one in RONDO_TEST_PG",
    )
}

/// The same server, another database.
fn at_server(admin: &str, database: &str) -> String {
    let (address, query) = admin.split_once('?').unwrap_or((admin, ""));
    let (server, _) = address.rsplit_once('/').expect("RONDO_TEST_PG names a database");
    format!("{server}/{database}?{query}")
}

fn unique_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("rondo_test_{}_{count}", std::process::id())
}

async fn run(admin: &str, statement: &str) {
    let mut server = PgConnection::connect(admin).await.unwrap();
    sqlx::query(AssertSqlSafe(statement)).execute(&mut server).await.unwrap();
    server.close().await.unwrap();
}

/// Databases on a server outlive the process; they are dropped from a thread of their own, because
/// the test's runtime may be gone by now.
impl Drop for Database {
    fn drop(&mut self) {
        let Place::Server { admin, name } = &self.place else { return };
        let (admin, name) = (admin.clone(), name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let statement = format!("drop database if exists {name} with (force)");
            runtime.unwrap().block_on(run(&admin, &statement));
        });
        // A test that has failed already tells more than the drop can.
        let _ = dropping.join();
    }
}
