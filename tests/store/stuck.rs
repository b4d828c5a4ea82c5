//! What was set aside waits for staff, and comes back when they say so.

use rondo::{
    domain::{
        changes::Changes,
        event::WebhookEndpoint,
        ids::{Id, Kind, kind},
        merchant::{Merchant, TestClock},
        notice::Notice,
        payment::{PaymentState, attempt::Attempt},
    },
    store::{StoreError, Stuck, Work},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    given::{Shop, at, times, write},
    open,
};

fn stuck<K: Kind>(shop: &Shop, work: Work, object: Id<K>) -> Stuck {
    Stuck {
        merchant: shop.merchant.id,
        work,
        object: object.to_string(),
        reason: "could not be decided".into(),
        since: at("2026-02-01"),
    }
}

#[rstest]
#[tokio::test]
async fn what_is_put_back_is_due_at_once(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let due = Some(at("2026-01-02"));
    let mut owed = shop.owed();
    owed.subscription.due_at = due;
    owed.subscription.remind_at = due;
    owed.payment.state = PaymentState::Scheduled;
    owed.payment.collect_at = due;
    let mut case = shop.case(&owed.payment);
    case.due_at = due;
    let attempt = Attempt { probe_at: due, leased_until: due, ..shop.attempt(&owed.payment) };
    let refund = shop.refund(&attempt);
    let notice = Notice { due_at: due, ..shop.notice("receipt") };
    let endpoint = WebhookEndpoint { due_at: due, ..shop.endpoint() };
    let changes = Changes {
        attempts: vec![attempt.clone()],
        refunds: vec![refund.clone()],
        dunning_cases: vec![case.clone()],
        notices: vec![notice.clone()],
        webhook_endpoints: vec![endpoint.clone()],
        ..owed.changes()
    };
    write(&*store, changes).await.unwrap();

    let all = [
        stuck(&shop, Work::Renew, owed.subscription.id),
        stuck(&shop, Work::Remind, owed.subscription.id),
        stuck(&shop, Work::Collect, owed.payment.id),
        stuck(&shop, Work::Collect, refund.id),
        stuck(&shop, Work::Resolve, attempt.id),
        stuck(&shop, Work::Dun, case.id),
        stuck(&shop, Work::SendMail, notice.id),
        stuck(&shop, Work::DeliverEvents, endpoint.id),
    ];
    let mut repo = store.begin().await.unwrap();
    for one in &all {
        repo.set_aside(one).await.unwrap();
    }
    repo.commit().await.unwrap();

    let world = at("2026-03-01");
    let mut repo = store.begin().await.unwrap();
    for one in &all {
        assert!(repo.merchants_due(one.work, world, 9).await.unwrap().is_empty(), "{one:?}");
    }
    assert!(!repo.is_busy(shop.merchant.id, world).await.unwrap());
    assert_eq!(repo.next_due(shop.merchant.id, at("2026-01-01")).await.unwrap(), None);
    assert_eq!(repo.stuck(Some(shop.merchant.id), 99).await.unwrap().len(), all.len());
    assert_eq!(repo.stuck(Some(shop.id()), 99).await.unwrap(), []);

    for one in &all {
        // The subscription comes back into both its loops at once.
        let was_stuck = repo.put_back(&one.object, world).await.unwrap();
        assert_eq!(was_stuck, one.work != Work::Remind, "{one:?}");
    }
    repo.commit().await.unwrap();
    let mut repo = store.begin().await.unwrap();
    for one in &all {
        assert_eq!(repo.merchants_due(one.work, world, 9).await.unwrap().len(), 1, "{one:?}");
    }
    assert_eq!(repo.stuck(None, 99).await.unwrap(), []);
    let claim = repo.claim_probes(shop.merchant.id, times("2026-03-01"), 9).await.unwrap();
    assert_eq!(claim.rows[0].probe_at, Some(world));
}

#[rstest]
#[tokio::test]
async fn what_is_taken_off_the_list_is_off_it_in_that_loop_alone(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let [renewal, reminder] =
        [Work::Renew, Work::Remind].map(|work| stuck(&shop, work, owed.subscription.id));
    let other = stuck(&shop, Work::Renew, shop.id::<kind::Subscription>());
    let mut repo = store.begin().await.unwrap();
    for one in [&renewal, &reminder, &other] {
        repo.set_aside(one).await.unwrap();
    }
    let objects = [renewal.object];
    repo.take_off_list(shop.merchant.id, Work::Renew, &objects).await.unwrap();
    repo.take_off_list(shop.id(), Work::Remind, &objects).await.unwrap();
    let mut listed = repo.stuck(Some(shop.merchant.id), 99).await.unwrap();
    listed.sort_by_key(|one| one.work != Work::Renew);
    assert_eq!(listed, [other, reminder]);
}

#[rstest]
#[tokio::test]
async fn what_is_over_is_not_put_back(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let mut owed = shop.owed();
    owed.payment.state = PaymentState::Succeeded;
    write(&*store, owed.changes()).await.unwrap();
    let mut repo = store.begin().await.unwrap();
    let aside = stuck(&shop, Work::Collect, owed.payment.id);
    repo.set_aside(&aside).await.unwrap();
    assert!(repo.put_back(&aside.object, at("2026-03-01")).await.unwrap());
    assert!(!repo.put_back(&aside.object, at("2026-03-01")).await.unwrap());
    let read = repo.payments(shop.merchant.id, &[owed.payment.id]).await.unwrap();
    assert_eq!(read[0].collect_at, None);
}

#[rstest]
#[tokio::test]
async fn what_is_put_back_is_due_at_once_by_its_merchants_own_clock(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let mut shop = Shop::new(1);
    let clock = TestClock { id: shop.id(), now: at("2026-01-20"), target: at("2026-01-20") };
    shop.merchant.test_clock = Some(clock);
    write(&*store, shop.changes()).await.unwrap();
    let owed = shop.owes(&*store).await;
    let mut repo = store.begin().await.unwrap();
    let aside = stuck(&shop, Work::Renew, owed.subscription.id);
    repo.set_aside(&aside).await.unwrap();
    assert!(repo.put_back(&aside.object, at("2026-11-28")).await.unwrap());
    let read = repo.subscriptions(shop.merchant.id, &[owed.subscription.id]).await.unwrap();
    assert_eq!(read[0].due_at, Some(at("2026-01-20")));
}

#[rstest]
#[tokio::test]
async fn a_worker_that_still_holds_it_cannot_write_it(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let mut owed = shop.owes(&*store).await;
    let mut repo = store.begin().await.unwrap();
    repo.set_aside(&stuck(&shop, Work::Renew, owed.subscription.id)).await.unwrap();
    repo.commit().await.unwrap();
    owed.subscription.version = owed.subscription.version.next();
    let late = Changes { subscriptions: vec![owed.subscription], ..Changes::default() };
    let outcome = write(&*store, late).await;
    assert!(matches!(outcome, Err(StoreError::Conflict { table: "subscription" })));
}

#[rstest]
#[tokio::test]
async fn a_clock_that_is_set_aside_stands(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::new(1);
    let clock = TestClock { id: shop.id(), now: at("2026-01-01"), target: at("2027-01-01") };
    let merchant = Merchant { test_clock: Some(clock), ..shop.merchant.clone() };
    write(&*store, Changes { merchants: vec![merchant], ..Changes::default() }).await.unwrap();
    let mut repo = store.begin().await.unwrap();
    let world = at("2026-03-01");
    assert_eq!(repo.merchants_due(Work::AdvanceClocks, world, 9).await.unwrap().len(), 1);
    repo.set_aside(&stuck(&shop, Work::AdvanceClocks, shop.merchant.id)).await.unwrap();
    assert!(repo.merchants_due(Work::AdvanceClocks, world, 9).await.unwrap().is_empty());
}

#[rstest]
#[tokio::test]
async fn only_what_is_in_a_loop_can_leave_it(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let mut repo = store.begin().await.unwrap();
    let outcome = repo.set_aside(&stuck(&shop, Work::Dun, shop.customer.id)).await;
    assert!(matches!(outcome, Err(StoreError::Refused { .. })), "{outcome:?}");
}
