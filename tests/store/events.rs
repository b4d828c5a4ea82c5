//! Endpoints hear of events in order, and of none too late to be told.

use rondo::{
    domain::{
        changes::Changes,
        event::{Event, EventKind, WebhookEndpoint},
        version::Version,
    },
    store::{EventFilter, Store},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    given::{Shop, at, write},
    open,
};

async fn endpoints(store: &dyn Store, shop: &Shop) -> Vec<WebhookEndpoint> {
    store.snapshot().await.unwrap().webhook_endpoints(shop.merchant.id).await.unwrap()
}

fn happened(shop: &Shop, day: &str) -> Changes {
    Changes { events: vec![Event { at: at(day), ..shop.event() }], ..Changes::default() }
}

#[rstest]
#[tokio::test]
async fn an_event_makes_endpoints_due(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let idle = shop.endpoint();
    let retrying = WebhookEndpoint { due_at: Some(at("2026-09-09")), ..shop.endpoint() };
    let off = WebhookEndpoint { disabled_at: Some(at("2026-01-01")), ..shop.endpoint() };
    let changes = Changes {
        webhook_endpoints: vec![idle.clone(), retrying.clone(), off.clone()],
        ..Changes::default()
    };
    write(&*store, changes).await.unwrap();
    assert_eq!(
        endpoints(&*store, &shop).await.iter().filter(|one| one.due_at.is_some()).count(),
        1
    );

    write(&*store, happened(&shop, "2026-02-01")).await.unwrap();
    write(&*store, happened(&shop, "2026-02-02")).await.unwrap();
    for endpoint in endpoints(&*store, &shop).await {
        let due_at = match endpoint.id {
            id if id == idle.id => Some(at("2026-02-01")),
            id if id == retrying.id => Some(at("2026-09-09")),
            _ => None,
        };
        assert_eq!(endpoint.due_at, due_at);
    }
}

#[rstest]
#[tokio::test]
async fn an_endpoint_with_events_left_stays_due(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    write(&*store, Changes { webhook_endpoints: vec![shop.endpoint()], ..Changes::default() })
        .await
        .unwrap();
    for day in ["2026-02-01", "2026-02-02"] {
        write(&*store, happened(&shop, day)).await.unwrap();
    }
    // A worker that delivered the first and believes that nothing is left.
    for (delivered, due_at) in [(1, Some(at("2026-02-02"))), (2, None)] {
        let read = endpoints(&*store, &shop).await.remove(0);
        let done = WebhookEndpoint { cursor: delivered, due_at: None, ..read };
        write(&*store, Changes { webhook_endpoints: vec![done], ..Changes::default() })
            .await
            .unwrap();
        assert_eq!(endpoints(&*store, &shop).await[0].due_at, due_at);
    }
}

#[rstest]
#[tokio::test]
async fn being_rung_is_not_a_new_version(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    write(&*store, Changes { webhook_endpoints: vec![shop.endpoint()], ..Changes::default() })
        .await
        .unwrap();
    write(&*store, happened(&shop, "2026-02-01")).await.unwrap();
    assert_eq!(endpoints(&*store, &shop).await[0].version, Version::from_count(1));
}

#[rstest]
#[tokio::test]
async fn events_are_listed_from_a_place_on_and_filtered(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let kinds = [EventKind::InvoiceIssued, EventKind::InvoicePaid, EventKind::InvoiceIssued];
    let mut events: Vec<_> = kinds.into_iter().map(|kind| Event { kind, ..shop.event() }).collect();
    events.push(Event { customer: None, ..shop.event() });
    write(&*store, Changes { events, ..Changes::default() }).await.unwrap();

    let mut repo = store.snapshot().await.unwrap();
    let none = EventFilter::default();
    let issued = EventFilter { kinds: vec![EventKind::InvoiceIssued], ..none.clone() };
    let of_ana = EventFilter { customer: Some(shop.customer.id), ..none.clone() };
    let cases: [(i64, &EventFilter, usize, &[i64]); 5] = [
        (0, &none, 9, &[1, 2, 3, 4]),
        (2, &none, 9, &[3, 4]),
        (0, &none, 2, &[1, 2]),
        (0, &issued, 9, &[1, 3]),
        (1, &of_ana, 9, &[2, 3]),
    ];
    for (after, filter, limit, expected) in cases {
        let read = repo.events_after(shop.merchant.id, after, filter, limit).await.unwrap();
        let places: Vec<_> = read.iter().filter_map(|event| event.sequence).collect();
        assert_eq!(places, expected, "{filter:?}");
    }
}
