//! Invoice numbers and event places have no gaps, whatever fails and whoever else writes.

use rondo::{
    domain::{changes::Changes, invoice::Invoice, merchant::Merchant},
    store::{EventFilter, InvoiceFilter, Page, Store},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    given::{Shop, write},
    open,
};

/// An invoice that stands alone, with an event.
fn sold(shop: &Shop) -> Changes {
    let alone = Invoice { subscription: None, period: None, ..shop.invoice(&shop.subscription()) };
    Changes { invoices: vec![alone], events: vec![shop.event()], ..Changes::default() }
}

async fn numbers(store: &dyn Store, shop: &Shop) -> Vec<String> {
    let mut repo = store.snapshot().await.unwrap();
    let all = Page { after: None, limit: 999 };
    let filter = InvoiceFilter::default();
    let invoices = repo.list_invoices(shop.merchant.id, &filter, all).await.unwrap();
    let mut numbers: Vec<_> = invoices.into_iter().filter_map(|invoice| invoice.number).collect();
    numbers.sort();
    numbers
}

async fn places(store: &dyn Store, shop: &Shop) -> Vec<i64> {
    let mut repo = store.snapshot().await.unwrap();
    let events = repo.events_after(shop.merchant.id, 0, &EventFilter::default(), 999).await;
    events.unwrap().iter().map(|event| event.sequence.unwrap()).collect()
}

#[rstest]
#[tokio::test]
async fn numbers_follow_the_order_given(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let mut changes = sold(&shop);
    changes.append(sold(&shop));
    changes.append(sold(&shop));
    changes.invoices.reverse();
    let order: Vec<_> = changes.invoices.iter().map(|invoice| invoice.id).collect();
    let told: Vec<_> = changes.events.iter().map(|event| event.id).collect();
    write(&*store, changes).await.unwrap();

    let mut repo = store.snapshot().await.unwrap();
    for (id, number) in order.into_iter().zip(1..) {
        let read = repo.invoices(shop.merchant.id, &[id]).await.unwrap();
        assert_eq!(read[0].number, Some(format!("OA-{number:06}")));
    }
    let events = repo.events_after(shop.merchant.id, 0, &EventFilter::default(), 9).await.unwrap();
    assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), told);
}

#[rstest]
#[tokio::test]
async fn a_rollback_leaves_no_gap(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    write(&*store, sold(&shop)).await.unwrap();
    let mut repo = store.begin().await.unwrap();
    repo.write(sold(&shop)).await.unwrap();
    drop(repo);
    write(&*store, sold(&shop)).await.unwrap();
    assert_eq!(numbers(&*store, &shop).await, ["OA-000001", "OA-000002"]);
    assert_eq!(places(&*store, &shop).await, [1, 2]);
}

#[rstest]
#[tokio::test]
async fn writers_at_the_same_time_leave_no_gap(#[values(Sqlite, Postgres)] engine: Engine) {
    const WRITERS: usize = 8;
    const SALES: usize = 5;
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let writers = (0..WRITERS).map(|_| async {
        for _ in 0..SALES {
            write(&*store, sold(&shop)).await.unwrap();
        }
    });
    futures::future::join_all(writers).await;
    let expected: Vec<_> = (1..=WRITERS * SALES).map(|number| format!("OA-{number:06}")).collect();
    assert_eq!(numbers(&*store, &shop).await, expected);
    assert_eq!(places(&*store, &shop).await, (1..=40).collect::<Vec<_>>());
}

#[rstest]
#[tokio::test]
async fn every_merchant_counts_for_itself(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened_as(&*store, 1).await;
    let mut neighbour = Shop::new(2);
    neighbour.merchant = Merchant { invoice_prefix: "NB".into(), ..neighbour.merchant };
    write(&*store, neighbour.changes()).await.unwrap();
    let mut both = sold(&shop);
    both.append(sold(&neighbour));
    both.append(sold(&shop));
    write(&*store, both).await.unwrap();
    assert_eq!(numbers(&*store, &shop).await, ["OA-000001", "OA-000002"]);
    assert_eq!(numbers(&*store, &neighbour).await, ["NB-000001"]);
    assert_eq!(places(&*store, &neighbour).await, [1]);
}

#[rstest]
#[tokio::test]
async fn a_number_stays(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    write(&*store, sold(&shop)).await.unwrap();
    let mut repo = store.begin().await.unwrap();
    let all = Page { after: None, limit: 9 };
    let filter = InvoiceFilter::default();
    let invoices = repo.list_invoices(shop.merchant.id, &filter, all).await.unwrap();
    repo.write(Changes { invoices, ..Changes::default() }).await.unwrap();
    repo.commit().await.unwrap();
    assert_eq!(numbers(&*store, &shop).await, ["OA-000001"]);
}
