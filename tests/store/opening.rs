//! A database is opened if it is fit for money, and by one process if it is a file.

use rondo::store::{Access, Durability, OpenOptions, Store, StoreError, open};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::support::{self, Engine, THROWAWAY, given::Shop};

async fn refusal(url: &str, options: OpenOptions) -> String {
    match open(url, options).await {
        Err(StoreError::Unfit(sentence)) => sentence,
        other => panic!("{url} was not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_new_file_is_made_migrated_and_kept() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}", folder.path().join("rondo.db").display());
    let store = open(&url, OpenOptions::default()).await.unwrap();
    assert_eq!(store.pending_migrations().await.unwrap().len(), 12);
    store.migrate().await.unwrap();
    assert_eq!(store.pending_migrations().await.unwrap(), Vec::<String>::new());
    assert!(store.describe().await.unwrap().starts_with("SQLite 3."));
    let shop = Shop::opened(&*store).await;
    store.close().await;

    let store = open(&url, OpenOptions::default()).await.unwrap();
    store.migrate().await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    assert!(repo.merchant(shop.merchant.id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_second_process_on_one_file_is_refused() {
    let store = support::open(Engine::Sqlite).await;
    let sentence = refusal(&store.url, OpenOptions::default()).await;
    assert!(sentence.contains("is in use by another Rondo process"), "{sentence}");
}

#[tokio::test]
async fn a_database_in_memory_is_refused() {
    let sentence = refusal("sqlite::memory:", OpenOptions::default()).await;
    assert!(sentence.contains("ends with the process"), "{sentence}");
}

#[tokio::test]
async fn a_command_asks_and_writes_beside_an_engine() {
    let engine = support::open(Engine::Sqlite).await;
    let command = open(&engine.url, OpenOptions { access: Access::Command, ..THROWAWAY }).await;
    let command = command.unwrap();
    let shop = Shop::opened(&*command).await;
    let read = async |store: &dyn Store| {
        let mut repo = store.snapshot().await.unwrap();
        repo.merchant(shop.merchant.id).await.unwrap().is_some()
    };
    assert!(read(&*engine).await && read(&*command).await);
    command.close().await;
    let other = Shop::opened_as(&*engine, 2).await;
    assert_ne!(other.merchant.id, shop.merchant.id, "the engine writes on");
}

#[tokio::test]
async fn a_command_makes_no_file() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}", folder.path().join("rondo.db").display());
    let options = OpenOptions { access: Access::Command, ..OpenOptions::default() };
    let refused = open(&url, options).await;
    assert!(matches!(refused, Err(StoreError::Absent { .. })), "{refused:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_server_without_the_database_says_how_to_make_it() {
    let database = support::open(Engine::Postgres).await;
    let name = database.url.rsplit('/').find(|part| part.starts_with("rondo_test")).unwrap();
    let name = name.split('?').next().unwrap();
    let url = database.url.replace(name, "rondo_never_made");
    let sentence = refusal(&url, THROWAWAY).await;
    assert!(sentence.contains("`createdb rondo_never_made` makes it"), "{sentence}");
}

#[tokio::test]
async fn what_the_database_says_is_told_once() {
    let store = support::open(Engine::Sqlite).await;
    let mut file = SqliteConnection::connect(&store.url).await.unwrap();
    sqlx::query("drop table stuck").execute(&mut file).await.unwrap();
    let error = store.snapshot().await.unwrap().stuck(None, 1).await.unwrap_err();
    let reason = rondo::app::whole_reason(&error);
    assert_eq!(reason, "the database refused a statement: (code: 1) no such table: stuck");
}

#[tokio::test]
async fn a_server_that_may_lose_commits_is_refused() {
    let database = support::open(Engine::Postgres).await;
    let name = database.url.rsplit('/').find(|part| part.starts_with("rondo_test")).unwrap();
    let name = name.split('?').next().unwrap();
    let strict = OpenOptions { durability: Durability::Full, ..THROWAWAY };
    let mut server = PgConnection::connect(&database.url).await.unwrap();
    for (setting, is_weak) in [("off", true), ("local", true), ("on", false)] {
        let set = format!("alter database {name} set synchronous_commit = {setting}");
        sqlx::query(sqlx::AssertSqlSafe(set)).execute(&mut server).await.unwrap();
        let outcome = open(&database.url, strict).await;
        let said = format!("{outcome:?}");
        assert_eq!(said.contains("synchronous_commit is"), is_weak, "{said}");
        // So it is to a command about money, beside an engine.
        let settling = OpenOptions { access: Access::MoneyCommand, ..strict };
        assert_eq!(
            format!("{:?}", open(&database.url, settling).await.err()),
            format!("{:?}", outcome.err())
        );
        // A question is answered all the same, and hears of it.
        let asking = OpenOptions { access: Access::Command, ..strict };
        let weaknesses = open(&database.url, asking).await.unwrap().weaknesses().await.unwrap();
        let told = weaknesses.iter().any(|one| one.starts_with("synchronous_commit is"));
        assert_eq!(told, is_weak, "{weaknesses:?}");
        assert!(weaknesses.iter().all(|one| said.contains(one)), "all at once: {said}");
    }
    // What is left depends on the server that runs the tests: only a real one syncs its files.
    let syncs: String = sqlx::query_scalar("show fsync").fetch_one(&mut server).await.unwrap();
    assert_eq!(open(&database.url, strict).await.is_ok(), syncs == "on");
}

#[tokio::test]
async fn a_postgres_is_migrated_and_described() {
    let database = support::open(Engine::Postgres).await;
    assert_eq!(database.pending_migrations().await.unwrap(), Vec::<String>::new());
    database.migrate().await.unwrap();
    assert!(database.describe().await.unwrap().starts_with("PostgreSQL "));
}

#[tokio::test]
async fn a_schema_from_the_future_is_refused() {
    let store = support::open(Engine::Sqlite).await;
    let mut file = SqliteConnection::connect(&store.url).await.unwrap();
    let newer = "insert into _sqlx_migrations
         (version, description, success, checksum, execution_time)
         values (9999, 'from the future', true, x'00', 0)";
    sqlx::query(newer).execute(&mut file).await.unwrap();
    let Err(StoreError::Unfit(sentence)) = store.migrate().await else { panic!("was accepted") };
    assert!(sentence.contains("migration 9999"), "{sentence}");
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused() {
    let sentence = refusal("mysql://somewhere", OpenOptions::default()).await;
    assert!(sentence.contains("sqlite: or postgres://"), "{sentence}");
}
