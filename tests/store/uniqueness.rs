//! What must never be there twice, and what must never be there at all.

use rondo::{
    domain::{
        changes::Changes,
        customer::Customer,
        event::Event,
        invoice::Invoice,
        money::Money,
        notice::Notice,
        payment::{
            Payment,
            attempt::{Attempt, AttemptState},
            refund::Refund,
        },
        version::Version,
    },
    store::{Store, StoreError},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    given::{Shop, at, euro, month, write},
    open,
};

async fn refused(store: &dyn Store, changes: Changes) -> String {
    match write(store, changes).await {
        Err(StoreError::Duplicate { constraint }) => constraint,
        other => panic!("a duplicate was not refused: {other:?}"),
    }
}

#[rstest]
#[tokio::test]
async fn an_invoice_has_one_open_attempt(
    #[values(Sqlite, Postgres)] engine: Engine,
    #[values(
        AttemptState::InFlight,
        AttemptState::Pending,
        AttemptState::ActionRequired,
        AttemptState::Unknown
    )]
    first: AttemptState,
) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let first = Attempt { state: first, ..shop.attempt(&owed.payment) };
    let second = shop.attempt(&owed.payment);
    write(&*store, Changes { attempts: vec![first.clone()], ..Changes::default() }).await.unwrap();
    let both = Changes { attempts: vec![second.clone()], ..Changes::default() };
    assert_eq!(refused(&*store, both).await, "attempt_open");

    // Once the first is over, in the same write even, the next may begin.
    let over = Attempt { state: AttemptState::Declined, version: Version::from_count(1), ..first };
    write(&*store, Changes { attempts: vec![second, over], ..Changes::default() }).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_refund_is_recorded_once(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let attempt = shop.settled(&owed.payment, AttemptState::Succeeded);
    let told =
        |reference: &str| Refund { reference: Some(reference.to_owned()), ..shop.refund(&attempt) };
    let (first, unnamed) = (told("re_1"), [shop.refund(&attempt), shop.refund(&attempt)]);
    let refunds = [first].into_iter().chain(unnamed).collect();
    let changes = Changes { attempts: vec![attempt.clone()], refunds, ..Changes::default() };
    write(&*store, changes).await.unwrap();
    let again = Changes { refunds: vec![told("re_1")], ..Changes::default() };
    assert_eq!(refused(&*store, again).await, "refund_reference");
    let another = Changes { refunds: vec![told("re_2")], ..Changes::default() };
    write(&*store, another).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_cycle_is_billed_once(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let again = Changes { invoices: vec![shop.invoice(&owed.subscription)], ..Changes::default() };
    assert_eq!(refused(&*store, again).await, "invoice_cycle");
    let next = Invoice { period: Some(month(2)), ..shop.invoice(&owed.subscription) };
    write(&*store, Changes { invoices: vec![next], ..Changes::default() }).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn an_invoice_number_is_given_once(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let number = Some("OA-000001".into());
    let again = Invoice { period: Some(month(2)), number, ..shop.invoice(&owed.subscription) };
    let again = Changes { invoices: vec![again], ..Changes::default() };
    assert_eq!(refused(&*store, again).await, "invoice_number");
}

#[rstest]
#[tokio::test]
async fn an_invoice_has_one_payment(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let again = Changes { payments: vec![shop.payment(&owed.invoice)], ..Changes::default() };
    assert_eq!(refused(&*store, again).await, "payment_invoice");
}

#[rstest]
#[tokio::test]
async fn an_invoice_has_one_open_case(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let first = shop.case(&owed.payment);
    write(&*store, Changes { dunning_cases: vec![first.clone()], ..Changes::default() })
        .await
        .unwrap();
    let second = shop.case(&owed.payment);
    let both = Changes { dunning_cases: vec![second.clone()], ..Changes::default() };
    assert_eq!(refused(&*store, both).await, "dunning_case_open");

    let mut over = first;
    over.version = Version::from_count(1);
    over.closed_at = Some(at("2026-02-01"));
    let changes = Changes { dunning_cases: vec![second, over], ..Changes::default() };
    write(&*store, changes).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_fact_is_told_once(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let receipt = shop.notice("receipt of 1");
    write(&*store, Changes { notices: vec![receipt.clone()], ..Changes::default() }).await.unwrap();
    let again = Notice { id: shop.id(), ..receipt };
    let again = Changes { notices: vec![again], ..Changes::default() };
    assert_eq!(refused(&*store, again).await, "notice_fact");
}

#[rstest]
#[tokio::test]
async fn a_portal_names_a_customer_once(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let [shop, neighbour] = [Shop::opened_as(&*store, 1).await, Shop::opened_as(&*store, 2).await];
    let named = |shop: &Shop| Changes {
        customers: vec![Customer {
            id: shop.id(),
            external_id: Some("7".into()),
            ..shop.customer.clone()
        }],
        ..Changes::default()
    };
    write(&*store, named(&shop)).await.unwrap();
    write(&*store, named(&neighbour)).await.unwrap();
    assert_eq!(refused(&*store, named(&shop)).await, "customer_external_id");
}

#[rstest]
#[tokio::test]
async fn an_event_happens_once(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let event = shop.event();
    let changes = |events: Vec<Event>| Changes { events, ..Changes::default() };
    write(&*store, changes(vec![event.clone()])).await.unwrap();
    assert_eq!(refused(&*store, changes(vec![event])).await, "event_id");
}

#[rstest]
#[tokio::test]
async fn published_terms_never_change(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let mut changed = shop.terms.clone();
    changed.terms.trial_days = 30;
    let changes = Changes { plan_versions: vec![changed], ..Changes::default() };
    assert_eq!(refused(&*store, changes).await, "plan_version_pkey");
    let mut repo = store.snapshot().await.unwrap();
    let terms = repo.versions_of_plan(shop.merchant.id, shop.plan.id).await.unwrap();
    assert_eq!(terms, [shop.terms]);
}

#[rstest]
#[tokio::test]
async fn wrong_changes_are_refused(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let next = || Invoice { period: Some(month(2)), ..shop.invoice(&owed.subscription) };
    let paid_too_much = Invoice { paid: euro(2001), ..next() };
    let negative = Invoice { total: Money::new(-1, euro(0).currency()), ..next() };
    let of_nobody = Customer { merchant: shop.id(), id: shop.id(), ..shop.customer.clone() };
    let kept_too_much = Attempt {
        applied: euro(1500),
        reversed: euro(501),
        ..shop.settled(&owed.payment, AttemptState::Reversed)
    };
    let for_nothing = Payment { invoice: shop.id(), ..shop.payment(&owed.invoice) };
    let cases = [
        Changes { invoices: vec![paid_too_much], ..Changes::default() },
        Changes { invoices: vec![negative], ..Changes::default() },
        Changes { customers: vec![of_nobody], ..Changes::default() },
        Changes { attempts: vec![kept_too_much], ..Changes::default() },
        Changes { payments: vec![for_nothing], ..Changes::default() },
    ];
    for changes in cases {
        let outcome = write(&*store, changes.clone()).await;
        assert!(matches!(outcome, Err(StoreError::Refused { .. })), "{changes:?}\n{outcome:?}");
    }
}
