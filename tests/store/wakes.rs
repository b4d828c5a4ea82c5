//! Loops are woken when work is committed, and only then.

use std::collections::BTreeSet;

use rondo::{
    domain::{
        changes::Changes,
        merchant::{Merchant, TestClock},
        subscription::Subscription,
        version::Version,
    },
    store::Work,
};
use rstest::rstest;
use tokio::sync::broadcast::Receiver;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    THROWAWAY,
    given::{Shop, at, write},
    open,
};

/// Everything that is told up to and with `last`.
async fn told_until(wakes: &mut Receiver<Work>, last: Work) -> BTreeSet<Work> {
    let mut told = BTreeSet::new();
    while !told.contains(&last) {
        told.insert(wakes.recv().await.unwrap());
    }
    told
}

/// A write that wakes the clocks' loop, and no other.
fn clock_advances(shop: &Shop) -> Changes {
    let clock = TestClock { id: shop.id(), now: at("2026-01-01"), target: at("2026-02-01") };
    let version = Version::from_count(1);
    let merchant = Merchant { test_clock: Some(clock), version, ..shop.merchant.clone() };
    Changes { merchants: vec![merchant], ..Changes::default() }
}

#[rstest]
#[tokio::test]
async fn loops_are_woken_after_commit_and_never_after_a_rollback(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let mut wakes = store.wakes();

    let due = Subscription { due_at: Some(at("2026-02-01")), ..shop.subscription() };
    let mut repo = store.begin().await.unwrap();
    repo.write(Changes { subscriptions: vec![due], ..Changes::default() }).await.unwrap();
    drop(repo);
    write(&*store, clock_advances(&shop)).await.unwrap();

    // What the dropped transaction would have told comes before what the later one tells.
    let told = told_until(&mut wakes, Work::AdvanceClocks).await;
    assert_eq!(told, [Work::AdvanceClocks].into());
}

#[rstest]
#[tokio::test]
async fn each_kind_of_work_wakes_its_loop(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let mut wakes = store.wakes();
    let attempt = shop.attempt(&owed.payment);
    let changes = Changes {
        refunds: vec![shop.refund(&attempt)],
        attempts: vec![attempt],
        notices: vec![shop.notice("receipt")],
        events: vec![shop.event()],
        webhook_endpoints: vec![shop.endpoint()],
        ..clock_advances(&shop)
    };
    write(&*store, changes).await.unwrap();
    let told = told_until(&mut wakes, Work::AdvanceClocks).await;
    let expected = [Work::Collect, Work::SendMail, Work::DeliverEvents, Work::AdvanceClocks];
    assert_eq!(told, expected.into());
}

#[tokio::test]
async fn another_process_hears_of_work_too() {
    let store = open(Postgres).await;
    let shop = Shop::opened(&*store).await;
    let replica = rondo::store::open(&store.url, THROWAWAY).await.unwrap();
    let mut wakes = replica.wakes();
    write(&*store, clock_advances(&shop)).await.unwrap();
    assert!(told_until(&mut wakes, Work::AdvanceClocks).await.contains(&Work::AdvanceClocks));
    replica.close().await;
}
