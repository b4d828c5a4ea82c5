//! One schema and one set of statements for two engines.

use std::collections::{BTreeMap, BTreeSet};

use rondo::store::{postgres, sqlite};
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlSafeStr as _, SqliteConnection,
};

use crate::support::{Engine, open};

type Columns = BTreeMap<String, BTreeSet<String>>;

fn by_table(columns: Vec<(String, String)>) -> Columns {
    let mut tables = Columns::new();
    for (table, column) in columns {
        tables.entry(table).or_default().insert(column);
    }
    tables
}

#[tokio::test]
async fn both_schemas_have_the_same_tables_and_columns() {
    let file = open(Engine::Sqlite).await;
    let mut file = SqliteConnection::connect(&file.url).await.unwrap();
    let columns = sqlx::query_as(
        "select m.name, c.name
         from sqlite_schema as m
         join pragma_table_info(m.name) as c
         where m.type = 'table'
           and m.name not like 'sqlite\\_%' escape '\\'
           and m.name not like '\\_%' escape '\\'",
    );
    let of_sqlite = by_table(columns.fetch_all(&mut file).await.unwrap());

    let server = open(Engine::Postgres).await;
    let mut server = PgConnection::connect(&server.url).await.unwrap();
    let columns = sqlx::query_as(
        "select table_name::text, column_name::text
         from information_schema.columns
         where table_schema = 'public' and table_name not like '\\_%'",
    );
    let of_postgres = by_table(columns.fetch_all(&mut server).await.unwrap());

    assert_eq!(of_sqlite, of_postgres);
    assert_eq!(of_sqlite.len(), 23);
}

#[tokio::test]
async fn both_schemas_have_the_same_indexes() {
    let file = open(Engine::Sqlite).await;
    let mut file = SqliteConnection::connect(&file.url).await.unwrap();
    let names =
        sqlx::query_scalar("select name from sqlite_schema where type = 'index' and sql != ''");
    let of_sqlite: BTreeSet<String> =
        names.fetch_all(&mut file).await.unwrap().into_iter().collect();

    let server = open(Engine::Postgres).await;
    let mut server = PgConnection::connect(&server.url).await.unwrap();
    // Keys that are part of a table have no index of their own in the other engine's list.
    let names = sqlx::query_scalar(
        "select indexname::text from pg_indexes
         where schemaname = 'public'
           and indexname not in (select conname from pg_constraint)",
    );
    let of_postgres: BTreeSet<String> =
        names.fetch_all(&mut server).await.unwrap().into_iter().collect();
    assert_eq!(of_sqlite, of_postgres);
}

#[tokio::test]
async fn sqlite_accepts_every_statement() {
    let database = open(Engine::Sqlite).await;
    let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
    for statement in sqlite::statements() {
        let prepared = connection.prepare(statement.into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement}\n{:?}", prepared.err());
    }
}

/// A merchant's whole table is read for sums and by an audit alone: SQLite takes a narrower index for all else, even
/// in a new file.
#[tokio::test]
async fn sqlite_reads_no_more_rows_than_are_asked_for() {
    const GROW_WITHOUT_END: [&str; 12] = [
        "subscription",
        "invoice",
        "payment",
        "attempt",
        "refund",
        "dunning_case",
        "notice",
        "posting",
        "event",
        "payment_method",
        "stored_reply",
        "webhook_inbox",
    ];
    let database = open(Engine::Sqlite).await;
    let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
    let is_narrow = |statement: &&&str| {
        let of_all = ["group by", "as subject_id"];
        !statement.starts_with("insert") && !of_all.iter().any(|words| statement.contains(words))
    };
    for statement in sqlite::statements().iter().filter(is_narrow) {
        let explained = AssertSqlSafe(format!("explain query plan {statement}"));
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(explained).fetch_all(&mut connection).await.unwrap();
        for (.., step) in plan {
            for table in GROW_WITHOUT_END {
                let all_of_merchant = format!("SEARCH {table} USING PRIMARY KEY (merchant_id=?)");
                let whole = step == format!("SCAN {table}") || step == all_of_merchant;
                assert!(!whole, "{step}\n{statement}");
            }
        }
    }
}

#[tokio::test]
async fn postgres_accepts_every_statement() {
    let database = open(Engine::Postgres).await;
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    for statement in postgres::statements() {
        let prepared = connection.prepare(statement.into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement}\n{:?}", prepared.err());
    }
}
