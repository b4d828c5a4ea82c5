//! Due work is claimed oldest first, by one worker at a time, and a row that cannot be read does
//! not stand in the way.

use std::sync::Arc;

use chrono::TimeDelta;
use rondo::{
    domain::{
        changes::Changes,
        event::WebhookEndpoint,
        ids::{Id, kind},
        notice::Notice,
        payment::{
            Payment, PaymentState,
            attempt::{Attempt, AttemptState},
            refund::Refund,
        },
        subscription::Subscription,
    },
    store::{StoreError, Stuck, Times, Work},
};
use rstest::rstest;
use tokio::sync::mpsc;

use crate::support::{
    Database,
    Engine::{self, Postgres, Sqlite},
    given::{Shop, at, times, write},
    open,
};

/// A shop with a subscription due on each of these days.
async fn due_on(store: &Database, days: &[&str]) -> (Shop, Vec<Id<kind::Subscription>>) {
    let shop = Shop::opened(&**store).await;
    let subscriptions: Vec<_> = days
        .iter()
        .map(|day| Subscription { due_at: Some(at(day)), ..shop.subscription() })
        .collect();
    let ids = subscriptions.iter().map(|one| one.id).collect();
    write(&**store, Changes { subscriptions, ..Changes::default() }).await.unwrap();
    (shop, ids)
}

fn ids(rows: &[Subscription]) -> Vec<Id<kind::Subscription>> {
    rows.iter().map(|one| one.id).collect()
}

#[tokio::test]
async fn two_replicas_decide_on_one_card_one_after_the_other() {
    let store = Arc::new(open(Postgres).await);
    let merchant = Shop::opened(&**store).await.merchant.id;
    let cards = ["one".to_owned(), "two".to_owned()];
    let (done, mut order) = mpsc::unbounded_channel();

    let mut first = store.begin().await.unwrap();
    first.lock_cards(merchant, &cards).await.unwrap();
    let second = tokio::spawn({
        let (store, done, mut cards) = (Arc::clone(&store), done.clone(), cards.clone());
        cards.reverse();
        async move {
            let mut second = store.begin().await.unwrap();
            second.lock_cards(merchant, &cards).await.unwrap();
            done.send("second").unwrap();
        }
    });
    // Long enough for the second to be done already, if nothing held it up.
    for _ in 0..50 {
        first.merchant(merchant).await.unwrap();
        tokio::task::yield_now().await;
    }
    done.send("first").unwrap();
    first.commit().await.unwrap();
    second.await.unwrap();
    assert_eq!([order.recv().await, order.recv().await], [Some("first"), Some("second")]);
}

#[rstest]
#[tokio::test]
async fn what_is_due_comes_oldest_first(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let (shop, due) = due_on(&store, &["2026-02-03", "2026-02-01", "2026-02-02"]).await;
    let mut repo = store.begin().await.unwrap();
    let claim =
        repo.claim_due_subscriptions(shop.merchant.id, times("2026-02-02"), 9).await.unwrap();
    assert_eq!(ids(&claim.rows), [due[1], due[2]]);
    let first =
        repo.claim_due_subscriptions(shop.merchant.id, times("2026-02-09"), 1).await.unwrap();
    assert_eq!(ids(&first.rows), [due[1]]);
}

#[tokio::test]
async fn two_transactions_claim_without_overlap() {
    let store = open(Postgres).await;
    let (shop, due) = due_on(&store, &["2026-02-01", "2026-02-02", "2026-02-03"]).await;
    let mut one = store.begin().await.unwrap();
    let mut two = store.begin().await.unwrap();
    let now = times("2026-03-01");
    let first = one.claim_due_subscriptions(shop.merchant.id, now, 2).await.unwrap();
    let second = two.claim_due_subscriptions(shop.merchant.id, now, 2).await.unwrap();
    assert_eq!(ids(&first.rows), [due[0], due[1]]);
    assert_eq!(ids(&second.rows), [due[2]]);
}

#[rstest]
#[tokio::test]
async fn reminders_payments_and_cases_are_claimed_when_due(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let mut owed = shop.owed();
    owed.subscription.remind_at = Some(at("2026-02-01"));
    owed.payment.state = PaymentState::Scheduled;
    owed.payment.collect_at = Some(at("2026-02-01"));
    let mut case = shop.case(&owed.payment);
    case.due_at = Some(at("2026-02-01"));
    let changes = Changes { dunning_cases: vec![case.clone()], ..owed.changes() };
    write(&*store, changes).await.unwrap();

    let merchant = shop.merchant.id;
    for (day, count) in [("2026-01-31", 0), ("2026-02-01", 1)] {
        let mut repo = store.begin().await.unwrap();
        let reminders = repo.claim_reminders(merchant, times(day), 9).await.unwrap();
        let payments = repo.claim_due_payments(merchant, times(day), 9).await.unwrap();
        let cases = repo.claim_due_cases(merchant, times(day), 9).await.unwrap();
        let claimed = [reminders.rows.len(), payments.rows.len(), cases.rows.len()];
        assert_eq!(claimed, [count; 3], "{day}");
    }
}

#[rstest]
#[tokio::test]
async fn what_another_holds_a_lease_on_is_left_alone(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let due_at = Some(at("2026-01-01"));
    let leased_until = Some(at("2026-02-01") + TimeDelta::seconds(30));
    let taken = shop.settled(&owed.payment, AttemptState::Succeeded);
    let changes = Changes {
        refunds: vec![Refund { due_at, leased_until, ..shop.refund(&taken) }],
        attempts: vec![taken],
        notices: vec![Notice { due_at, leased_until, ..shop.notice("receipt") }],
        webhook_endpoints: vec![WebhookEndpoint { due_at, leased_until, ..shop.endpoint() }],
        ..Changes::default()
    };
    write(&*store, changes).await.unwrap();

    let merchant = shop.merchant.id;
    let world = at("2026-02-01");
    for (seconds, count) in [(29, 0), (30, 1)] {
        let times = Times { now: world, world: world + TimeDelta::seconds(seconds) };
        let mut repo = store.begin().await.unwrap();
        let refunds = repo.claim_due_refunds(merchant, times, 9).await.unwrap();
        let notices = repo.claim_due_notices(merchant, times, 9).await.unwrap();
        let endpoints = repo.claim_due_endpoints(merchant, times, 9).await.unwrap();
        let claimed = [refunds.rows.len(), notices.rows.len(), endpoints.rows.len()];
        assert_eq!(claimed, [count; 3], "after {seconds} seconds");
        for work in [Work::Collect, Work::SendMail, Work::DeliverEvents] {
            let due = repo.merchants_due(work, times.world, 9).await.unwrap();
            assert_eq!(due.len(), count, "{work:?} after {seconds} seconds");
        }
    }
}

#[rstest]
#[tokio::test]
async fn an_attempt_is_probed_when_due_or_when_its_worker_died(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let world = at("2026-02-01");
    let lease = |seconds| Some(world + TimeDelta::seconds(seconds));
    // Whether it is claimed: (state, probe_at, leased_until).
    let rows = [
        (AttemptState::Unknown, Some(world), None, true),
        (AttemptState::Pending, Some(world + TimeDelta::seconds(1)), None, false),
        (AttemptState::InFlight, None, lease(0), true),
        (AttemptState::InFlight, None, lease(1), false),
        (AttemptState::Unknown, Some(world), lease(1), false),
        (AttemptState::Unknown, None, lease(-1), true),
        (AttemptState::Declined, None, lease(-1), false),
        (AttemptState::ActionRequired, None, None, false),
    ];
    let mut expected = Vec::new();
    for (state, probe_at, leased_until, is_claimed) in rows {
        let owed = shop.owes(&*store).await;
        let attempt = Attempt { state, probe_at, leased_until, ..shop.attempt(&owed.payment) };
        if is_claimed {
            expected.push(attempt.id);
        }
        write(&*store, Changes { attempts: vec![attempt], ..Changes::default() }).await.unwrap();
    }
    let mut repo = store.begin().await.unwrap();
    let claim = repo.claim_probes(shop.merchant.id, Times { now: world, world }, 99).await;
    let mut claimed: Vec<_> = claim.unwrap().rows.iter().map(|attempt| attempt.id).collect();
    claimed.sort();
    expected.sort();
    assert_eq!(claimed, expected);
    assert_eq!(repo.merchants_due(Work::Resolve, world, 9).await.unwrap().len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_row_that_cannot_be_read_is_set_aside_and_blocks_nobody(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let (shop, due) = due_on(&store, &["2026-02-01"]).await;
    store.damage("update subscription set anchor = '{\"local\": \"yesterday\"}'").await;
    let good = Subscription { due_at: Some(at("2026-02-02")), ..shop.subscription() };
    write(&*store, Changes { subscriptions: vec![good.clone()], ..Changes::default() })
        .await
        .unwrap();

    let mut repo = store.begin().await.unwrap();
    let merchant = shop.merchant.id;
    let error = repo.subscriptions(merchant, &due).await.unwrap_err();
    let StoreError::Corrupt { table, column, id, .. } = error else { panic!("{error:?}") };
    assert_eq!((table, column, id), ("subscription", "anchor", due[0].to_string()));

    let now = times("2026-03-01");
    let claim = repo.claim_due_subscriptions(merchant, now, 9).await.unwrap();
    assert_eq!(ids(&claim.rows), [good.id]);
    assert_eq!(claim.broken[0].id, due[0].to_string());
    assert!(claim.broken[0].reason.starts_with("anchor: "), "{}", claim.broken[0].reason);

    let aside = Stuck {
        merchant,
        work: Work::Renew,
        object: claim.broken[0].id.clone(),
        reason: claim.broken[0].reason.clone(),
        since: now.world,
    };
    repo.set_aside(&aside).await.unwrap();
    repo.commit().await.unwrap();

    let mut repo = store.begin().await.unwrap();
    let claim = repo.claim_due_subscriptions(merchant, now, 9).await.unwrap();
    assert_eq!((ids(&claim.rows), claim.broken), (vec![good.id], vec![]));
    assert_eq!(repo.stuck(None, 9).await.unwrap(), [aside]);
}

#[rstest]
#[tokio::test]
async fn a_merchant_claims_its_own_alone(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let neighbour = Shop::opened_as(&*store, 2).await;
    let shop = Shop::opened_as(&*store, 1).await;
    let mut owed = shop.owed();
    owed.payment = Payment {
        state: PaymentState::Scheduled,
        collect_at: Some(at("2026-01-01")),
        ..owed.payment
    };
    write(&*store, owed.changes()).await.unwrap();
    let mut repo = store.begin().await.unwrap();
    let now = times("2026-03-01");
    let claim = repo.claim_due_payments(neighbour.merchant.id, now, 9).await.unwrap();
    assert!(claim.rows.is_empty());
    let due = repo.merchants_due(Work::Collect, now.world, 9).await.unwrap();
    assert_eq!(due.iter().map(|merchant| merchant.id).collect::<Vec<_>>(), [shop.merchant.id]);
    assert_eq!(repo.payments(neighbour.merchant.id, &[owed.payment.id]).await.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn a_merchant_that_cannot_be_read_holds_no_other_up(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    due_on(&store, &["2026-02-01"]).await;
    store.damage("update merchant set zone = 'Atlantis/Capital'").await;
    let shop = Shop::opened_as(&*store, 2).await;
    let due = Subscription { due_at: Some(at("2026-02-02")), ..shop.subscription() };
    write(&*store, Changes { subscriptions: vec![due], ..Changes::default() }).await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let due = repo.merchants_due(Work::Renew, at("2026-03-01"), 9).await.unwrap();
    assert_eq!(due.iter().map(|merchant| merchant.id).collect::<Vec<_>>(), [shop.merchant.id]);
}
