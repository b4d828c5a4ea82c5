//! What `rondo audit` finds in books that someone wrote past Rondo, and that it finds nothing else.

use std::collections::BTreeSet;

use rondo::store::{Check, Stuck, Work};
use rstest::rstest;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    cards,
    world::World,
};

/// For each claim, what breaks it, and which other claims that breaks too.
const DAMAGES: [(Check, &str, &[Check]); 21] = [
    (
        Check::Journals,
        "update posting set amount_minor = amount_minor + 1
         where entry = 'issued' and account = 'revenue'",
        &[],
    ),
    (
        Check::Receivables,
        "update posting set account = 'bad_debt' where account = 'receivable' and entry = 'issued'",
        &[],
    ),
    (
        Check::Payments,
        "update payment set state = 'abandoned' where state = 'succeeded' and refunded_minor = 0",
        &[],
    ),
    (
        Check::Captures,
        "update attempt set state = 'declined'
         where attempt_id not in (select attempt_id from refund)",
        &[],
    ),
    (Check::DoubleCharges, "update refund set unowed_minor = amount_minor", &[Check::RefundTotals]),
    (
        Check::Applied,
        "update attempt set applied_minor = applied_minor - 1 where applied_minor > 0",
        &[],
    ),
    (Check::Reversals, "update payment set reversed_minor = reversed_minor + 1", &[]),
    (Check::Refunds, "update refund set amount_minor = amount_minor - 1", &[Check::RefundTotals]),
    (Check::RefundTotals, "update payment set refunded_minor = refunded_minor + 1", &[]),
    (Check::InvoiceNumbers, "update counter set value = value + 1 where series = 'invoice'", &[]),
    (Check::EventSequence, "update counter set value = value - 1 where series = 'event'", &[]),
    (
        Check::Cycles,
        "update invoice set period_end = (
             select max(last.period_end) from invoice as last
             where last.subscription_id = invoice.subscription_id
         )",
        &[],
    ),
    (
        Check::Orphans,
        "update customer set backup_method_id = merchant_id where backup_method_id is null",
        &[],
    ),
    (Check::SubscriptionsGoOn, "update subscription set due_at = null", &[]),
    (
        Check::PaymentsGoOn,
        "update payment set state = 'collecting', collect_at = null where state = 'waiting'",
        &[],
    ),
    (Check::DebtsGoOn, "delete from dunning_case where closed_at is null", &[]),
    (
        Check::AttemptsGoOn,
        "update attempt set state = 'unknown', probe_at = null where state = 'declined'",
        &[Check::PaymentsGoOn],
    ),
    (Check::RefundsGoOn, "update refund set state = 'pending', due_at = null", &[Check::Refunds]),
    (Check::CasesGoOn, "update dunning_case set due_at = null where closed_at is null", &[]),
    (
        Check::CasesEnd,
        "update invoice set state = 'void' where state = 'open'",
        &[Check::Receivables],
    ),
    (Check::MailsGoOn, "update notice set state = 'queued', due_at = null", &[]),
];

/// Ana, who pays and got a part back, and Bo, whose second charge is declined.
async fn two_members(engine: Engine) -> World {
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscription(&ana).monthly("20.00 EUR").create().await;
    world.gives_back(&course.payment().await.name, Some("5.00 EUR")).await;
    let bo = world.member("Bo", cards::EMPTY_AFTER_ONE).await;
    world.subscription(&bo).monthly("20.00 EUR").create().await;
    world.advance_to("2026-03-01").await;
    world
}

async fn broken(world: &World) -> BTreeSet<Check> {
    world.flaws().await.into_iter().map(|flaw| flaw.check).collect()
}

/// What the damages touch.
const TABLES: [&str; 10] = [
    "posting",
    "payment",
    "attempt",
    "refund",
    "counter",
    "invoice",
    "customer",
    "subscription",
    "dunning_case",
    "notice",
];

/// Writes past Rondo, whatever the schema says of other tables.
async fn write(engine: Engine, world: &World, statements: Vec<String>) {
    let url = &world.database.url;
    match engine {
        Sqlite => {
            let mut file = SqliteConnection::connect(url).await.unwrap();
            sqlx::query("pragma foreign_keys = off").execute(&mut file).await.unwrap();
            for statement in statements {
                sqlx::query(AssertSqlSafe(statement)).execute(&mut file).await.unwrap();
            }
        }
        Postgres => {
            let mut server = PgConnection::connect(url).await.unwrap();
            let unbound = "set session_replication_role = replica";
            sqlx::query(unbound).execute(&mut server).await.unwrap();
            for statement in statements {
                sqlx::query(AssertSqlSafe(statement)).execute(&mut server).await.unwrap();
            }
        }
    }
}

#[rstest]
#[tokio::test]
async fn each_claim_about_the_books_finds_what_breaks_it(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = two_members(engine).await;
    assert_eq!(broken(&world).await, BTreeSet::new(), "the books are in order");
    let keep = |table| format!("create table whole_{table} as select * from {table}");
    write(engine, &world, TABLES.map(keep).to_vec()).await;

    for (check, damage, others) in DAMAGES {
        write(engine, &world, vec![damage.to_owned()]).await;
        let expected: BTreeSet<_> = others.iter().copied().chain([check]).collect();
        assert_eq!(broken(&world).await, expected, "{}", check.name());
        let mended = TABLES.iter().flat_map(|table| {
            [
                format!("delete from {table}"),
                format!("insert into {table} select * from whole_{table}"),
            ]
        });
        write(engine, &world, mended.collect()).await;
    }
    assert_eq!(broken(&world).await, BTreeSet::new(), "all damage was mended");
    let broken_once: BTreeSet<_> = DAMAGES.iter().map(|(check, ..)| *check).collect();
    assert_eq!(broken_once, Check::ALL.into(), "each claim was broken");
}

#[rstest]
#[tokio::test]
async fn what_was_set_aside_for_staff_is_no_flaw(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = two_members(engine).await;
    let payments = "select payment_id from payment where state = 'waiting'";
    let planned = format!(
        "update payment set state = 'scheduled', collect_at = null where payment_id in ({payments})"
    );
    write(engine, &world, vec![planned]).await;
    let flaws = world.flaws().await;
    let [flaw] = &flaws[..] else { panic!("one payment does not go on: {flaws:?}") };

    let stuck = Stuck {
        merchant: world.merchant_id,
        work: Work::Collect,
        object: flaw.object.clone(),
        reason: "our set-up is wrong".to_owned(),
        since: world.now().await,
    };
    let mut repo = world.rondo.store.begin().await.unwrap();
    repo.set_aside(&stuck).await.unwrap();
    repo.commit().await.unwrap();
    assert_eq!(world.flaws().await, []);
}
