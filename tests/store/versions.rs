//! Nobody writes over what they have not seen.

use rondo::{
    domain::{
        changes::Changes,
        customer::Customer,
        subscription::{Subscription, SubscriptionState},
        version::Version,
    },
    store::{EventFilter, StoreError},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    given::{Shop, write},
    open,
};

#[rstest]
#[tokio::test]
async fn each_write_makes_the_next_version(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    for read in 1..4 {
        let customer = Customer { version: Version::from_count(read), ..shop.customer.clone() };
        let changes = Changes { customers: vec![customer], ..Changes::default() };
        write(&*store, changes).await.unwrap();
    }
    let mut repo = store.snapshot().await.unwrap();
    let read = repo.customers(shop.merchant.id, &[shop.customer.id]).await.unwrap();
    assert_eq!(read[0].version, Version::from_count(4));
}

#[rstest]
#[tokio::test]
async fn a_stale_write_is_refused_and_leaves_no_trace(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let other = Subscription { id: shop.id(), ..owed.subscription.clone() };
    let stale = Subscription { state: SubscriptionState::Paused, ..owed.subscription.clone() };
    let changes = Changes {
        customers: vec![Customer { id: shop.id(), ..shop.customer.clone() }],
        subscriptions: vec![other.clone(), stale.clone()],
        events: vec![shop.event()],
        ..Changes::default()
    };

    let mut repo = store.begin().await.unwrap();
    let error = repo.write(changes).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { table: "subscription" }), "{error:?}");
    assert!(error.is_transient());
    assert!(repo.commit().await.is_err());

    let mut repo = store.snapshot().await.unwrap();
    let read = repo.subscriptions(shop.merchant.id, &[stale.id, other.id]).await.unwrap();
    assert_eq!(read, [Subscription { version: Version::from_count(1), ..owed.subscription }]);
    let events = repo.events_after(shop.merchant.id, 0, &EventFilter::default(), 9).await;
    assert_eq!(events.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn of_two_who_read_the_same_one_writes(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let read = Customer { version: Version::from_count(1), ..shop.customer.clone() };
    let changes = |name: &str| Changes {
        customers: vec![Customer { name: name.into(), ..read.clone() }],
        ..Changes::default()
    };
    let both = tokio::join!(write(&*store, changes("first")), write(&*store, changes("second")));
    let outcomes = [both.0, both.1];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let lost = outcomes.into_iter().find_map(Result::err).unwrap();
    assert!(matches!(lost, StoreError::Conflict { table: "customer" }), "{lost:?}");
}

#[rstest]
#[tokio::test]
async fn what_is_dropped_was_never_written(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owed();
    let mut repo = store.begin().await.unwrap();
    repo.write(owed.changes()).await.unwrap();
    assert_eq!(repo.invoices(shop.merchant.id, &[owed.invoice.id]).await.unwrap().len(), 1);
    drop(repo);
    let mut repo = store.snapshot().await.unwrap();
    assert_eq!(repo.invoices(shop.merchant.id, &[owed.invoice.id]).await.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn a_snapshot_sees_one_moment_and_cannot_write(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let mut before = store.snapshot().await.unwrap();
    let merchant = shop.merchant.id;
    assert_eq!(before.customers(merchant, &[shop.customer.id]).await.unwrap().len(), 1);

    let owed = shop.owes(&*store).await;
    assert_eq!(before.invoices(merchant, &[owed.invoice.id]).await.unwrap(), []);
    assert!(before.write(shop.owed().changes()).await.is_err());
}
