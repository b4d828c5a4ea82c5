//! Every merchant lives by its own clock.

use chrono::{DateTime, TimeDelta, Utc};
use rondo::{
    domain::{
        changes::Changes,
        event::WebhookEndpoint,
        merchant::TestClock,
        notice::Notice,
        payment::{
            PaymentState,
            attempt::{Attempt, AttemptState},
            refund::Refund,
        },
        subscription::Subscription,
    },
    store::{InboxItem, Store, Work},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    given::{Owed, Shop, at, write},
    open,
};

async fn shop_at(store: &dyn Store, seed: u8, clock: Option<(&str, &str)>) -> Shop {
    let mut shop = Shop::new(seed);
    shop.merchant.test_clock =
        clock.map(|(now, target)| TestClock { id: shop.id(), now: at(now), target: at(target) });
    write(store, shop.changes()).await.unwrap();
    shop
}

async fn renews_on(store: &dyn Store, shop: &Shop, day: &str) {
    let one = Subscription { due_at: Some(at(day)), ..shop.subscription() };
    write(store, Changes { subscriptions: vec![one], ..Changes::default() }).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn due_is_what_is_due_by_the_merchants_own_clock(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let live = shop_at(&*store, 1, None).await;
    let ahead = shop_at(&*store, 2, Some(("2030-01-01", "2030-01-01"))).await;
    let behind = shop_at(&*store, 3, Some(("2020-01-01", "2021-01-01"))).await;
    for shop in [&live, &ahead, &behind] {
        renews_on(&*store, shop, "2026-02-01").await;
    }
    let mut repo = store.snapshot().await.unwrap();
    let mut due = async |work, world, limit| -> Vec<_> {
        let merchants = repo.merchants_due(work, at(world), limit).await.unwrap();
        merchants.iter().map(|merchant| merchant.id).collect()
    };
    assert_eq!(due(Work::Renew, "2026-01-31", 9).await, [ahead.merchant.id]);
    let mut both = due(Work::Renew, "2026-02-01", 9).await;
    both.sort();
    let mut expected = vec![live.merchant.id, ahead.merchant.id];
    expected.sort();
    assert_eq!(both, expected);
    assert_eq!(due(Work::Renew, "2026-02-01", 1).await.len(), 1);
    assert_eq!(due(Work::Remind, "2026-02-01", 9).await, []);
    assert_eq!(due(Work::AdvanceClocks, "2026-02-01", 9).await, [behind.merchant.id]);
}

/// One object that is due at an instant, and which kind.
fn due_things(shop: &Shop, owed: &Owed, due: DateTime<Utc>) -> Vec<(&'static str, Changes)> {
    let due_at = Some(due);
    let none = Changes::default;
    let taken = shop.settled(&owed.payment, AttemptState::Succeeded);
    let asked = Attempt {
        state: AttemptState::Unknown,
        probe_at: due_at,
        ..shop.settled(&owed.payment, AttemptState::Unknown)
    };
    let mut collected = shop.owed();
    collected.payment.state = PaymentState::Scheduled;
    collected.payment.collect_at = due_at;
    let mut case = shop.case(&owed.payment);
    case.due_at = due_at;
    let renewal = Subscription { due_at, ..shop.subscription() };
    let reminder = Subscription { remind_at: due_at, ..shop.subscription() };
    let refund = Refund { due_at, ..shop.refund(&taken) };
    let notice = Notice { due_at, ..shop.notice("receipt") };
    let endpoint = WebhookEndpoint { due_at, ..shop.endpoint() };
    vec![
        ("renewal", Changes { subscriptions: vec![renewal], ..none() }),
        ("reminder", Changes { subscriptions: vec![reminder], ..none() }),
        ("payment", collected.changes()),
        ("probe", Changes { attempts: vec![asked], ..none() }),
        ("refund", Changes { attempts: vec![taken], refunds: vec![refund], ..none() }),
        ("case", Changes { dunning_cases: vec![case], ..none() }),
        ("notice", Changes { notices: vec![notice], ..none() }),
        ("endpoint", Changes { webhook_endpoints: vec![endpoint], ..none() }),
    ]
}

#[rstest]
#[tokio::test]
async fn a_clock_goes_from_due_instant_to_due_instant(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let due = at("2026-02-01");
    for seed in 0..8 {
        let shop = Shop::opened_as(&*store, seed + 1).await;
        let owed = shop.owes(&*store).await;
        let (name, changes) = due_things(&shop, &owed, due).remove(usize::from(seed));
        write(&*store, changes).await.unwrap();

        let mut repo = store.snapshot().await.unwrap();
        let merchant = shop.merchant.id;
        let before = due - TimeDelta::microseconds(1);
        assert_eq!(repo.next_due(merchant, before).await.unwrap(), Some(due), "{name}");
        assert_eq!(repo.next_due(merchant, due).await.unwrap(), None, "{name}");
        assert!(!repo.is_busy(merchant, before).await.unwrap(), "{name}");
        assert!(repo.is_busy(merchant, due).await.unwrap(), "{name}");
    }
}

#[rstest]
#[tokio::test]
async fn an_attempt_in_a_workers_hands_holds_the_clock(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let attempt = shop.attempt(&owed.payment);
    write(&*store, Changes { attempts: vec![attempt], ..Changes::default() }).await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    assert!(repo.is_busy(shop.merchant.id, at("2020-01-01")).await.unwrap());
}

#[rstest]
#[tokio::test]
async fn a_portals_broken_server_does_not_hold_the_clock(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let failing = WebhookEndpoint { due_at: Some(at("2026-02-01")), tries: 1, ..shop.endpoint() };
    write(&*store, Changes { webhook_endpoints: vec![failing], ..Changes::default() })
        .await
        .unwrap();
    let mut repo = store.snapshot().await.unwrap();
    assert!(!repo.is_busy(shop.merchant.id, at("2026-02-01")).await.unwrap());
}

#[rstest]
#[tokio::test]
async fn the_oldest_due_of_each_kind_is_told_for_live_merchants(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let live = shop_at(&*store, 1, None).await;
    let simulated = shop_at(&*store, 2, Some(("2026-01-01", "2026-01-01"))).await;
    renews_on(&*store, &live, "2026-02-02").await;
    renews_on(&*store, &live, "2026-02-01").await;
    renews_on(&*store, &live, "2026-04-01").await;
    renews_on(&*store, &simulated, "2025-01-01").await;
    let owed = live.owes(&*store).await;
    let later = Notice { due_at: Some(at("2026-05-01")), ..live.notice("receipt") };
    let changes = Changes {
        attempts: vec![Attempt {
            leased_until: Some(at("2026-02-03")),
            ..live.attempt(&owed.payment)
        }],
        notices: vec![later],
        ..Changes::default()
    };
    write(&*store, changes).await.unwrap();
    let mut repo = store.begin().await.unwrap();
    let item = InboxItem {
        gateway: "sandbox".into(),
        event_id: "1".into(),
        body: b"{}".to_vec(),
        news: serde_json::json!({}),
        received_at: at("2026-01-20"),
        due_at: Some(at("2026-01-20")),
        tries: 0,
        tries_read: 0,
        failure: None,
    };
    let world = at("2026-03-01");
    let renew = (Work::Renew, at("2026-02-01"));
    let worker_died = (Work::Resolve, at("2026-02-03"));
    assert_eq!(repo.oldest_due(world).await.unwrap(), [renew, worker_died]);
    repo.receive_webhook(&item).await.unwrap();
    let in_inbox = (Work::Resolve, at("2026-01-20"));
    assert_eq!(repo.oldest_due(world).await.unwrap(), [renew, in_inbox]);
}
