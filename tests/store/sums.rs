//! What is told to people as sums, by hand and by the store.

use rondo::{
    domain::{
        changes::Changes,
        dunning::DunningCase,
        invoice::{Invoice, InvoiceState},
        ledger::Heading,
        notice::{Notice, NoticeState},
        payment::{
            attempt::{Attempt, AttemptState},
            refund::Refund,
        },
    },
    store::{Balance, MonthFigures, Page, Store},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    given::{Owed, Shop, at, euro, write},
    open,
};

/// An invoice of a day, the states of the attempts at it in order, and how it ended.
async fn billed(
    store: &dyn Store,
    shop: &Shop,
    day: &str,
    attempts: &[AttemptState],
    end: InvoiceState,
) -> (Owed, Vec<Attempt>) {
    let mut owed = shop.owed();
    owed.invoice = Invoice { issued_at: at(day), state: end, ..owed.invoice };
    let attempts: Vec<_> = attempts
        .iter()
        .zip(0..)
        .map(|(state, days)| Attempt {
            sent_at: at(day) + chrono::TimeDelta::days(days),
            ..shop.settled(&owed.payment, *state)
        })
        .collect();
    let changes = Changes { attempts: attempts.clone(), ..owed.changes() };
    write(store, changes).await.unwrap();
    (owed, attempts)
}

#[rstest]
#[tokio::test]
async fn months_tell_what_failed_recovered_and_was_given_up(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    use AttemptState::{Declined, NotExecuted, Succeeded, Unknown};
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let (paid, paid_by) =
        billed(&*store, &shop, "2026-01-01", &[Succeeded], InvoiceState::Paid).await;
    let (recovered, recovered_by) =
        billed(&*store, &shop, "2026-01-31", &[Declined, Succeeded], InvoiceState::Paid).await;
    billed(&*store, &shop, "2026-01-31", &[Unknown], InvoiceState::Open).await;
    billed(&*store, &shop, "2026-02-28", &[Declined, Declined], InvoiceState::Uncollectible).await;
    let (dunned, _) =
        billed(&*store, &shop, "2026-02-01", &[NotExecuted, Declined], InvoiceState::Void).await;
    billed(&*store, &shop, "2026-02-01", &[], InvoiceState::Void).await;
    // There was no card to charge.
    let (cardless, _) = billed(&*store, &shop, "2026-02-01", &[], InvoiceState::Void).await;

    let refund = shop.refund(&paid_by[0]);
    let closed =
        |owed: &Owed| DunningCase { closed_at: Some(at("2026-02-20")), ..shop.case(&owed.payment) };
    let heading = |day, owed: &Owed| {
        Heading { id: shop.id(), at: at(day), invoice: &owed.invoice.clone() }.issued()
    };
    let on = |day, invoice| Heading { id: shop.id(), at: at(day), invoice };
    let changes = Changes {
        journals: vec![
            heading("2026-01-01", &paid),
            on("2026-01-01", &paid.invoice).paid(paid_by[0].id, "sandbox", euro(2000)),
            on("2026-02-01", &recovered.invoice).paid(recovered_by[1].id, "sandbox", euro(2000)),
            on("2026-02-28", &paid.invoice).went_back(&refund, "sandbox"),
        ],
        refunds: vec![refund],
        dunning_cases: vec![closed(&dunned), closed(&cardless)],
        ..Changes::default()
    };
    write(&*store, changes).await.unwrap();

    let mut repo = store.snapshot().await.unwrap();
    let months = repo.months(shop.merchant.id).await.unwrap();
    let currency = euro(0).currency();
    let expected = [
        MonthFigures {
            month: at("2026-01-01").date_naive(),
            currency,
            invoices: 3,
            paid: 2,
            failed: 1,
            recovered: 1,
            given_up: 0,
            open: 1,
            revenue_minor: 2000,
        },
        MonthFigures {
            month: at("2026-02-01").date_naive(),
            currency,
            invoices: 4,
            paid: 0,
            failed: 3,
            recovered: 0,
            given_up: 3,
            open: 0,
            revenue_minor: 1500,
        },
    ];
    assert_eq!(months, expected);
}

#[rstest]
#[tokio::test]
async fn balances_add_up_to_nothing(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let (owed, attempts) =
        billed(&*store, &shop, "2026-01-01", &[AttemptState::Succeeded], InvoiceState::Paid).await;
    let on = |day| Heading { id: shop.id(), at: at(day), invoice: &owed.invoice };
    let journals = vec![
        on("2026-01-01").issued(),
        on("2026-01-02").paid(attempts[0].id, "sandbox", euro(1900)),
        on("2026-01-03").written_off(euro(100)),
    ];
    write(&*store, Changes { journals, ..Changes::default() }).await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let balances = repo.balances(shop.merchant.id).await.unwrap();
    let balance = |account: &str, minor| Balance {
        account: account.into(),
        currency: euro(0).currency(),
        minor,
    };
    let expected = [
        balance("bad_debt", 100),
        balance("clearing:sandbox", 1900),
        balance("receivable", 0),
        balance("revenue", -2000),
    ];
    assert_eq!(balances, expected);
}

#[rstest]
#[tokio::test]
async fn an_attempts_money_is_what_it_took_less_what_went_back(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let states = [AttemptState::Declined, AttemptState::Succeeded];
    let (owed, attempts) = billed(&*store, &shop, "2026-01-01", &states, InvoiceState::Paid).await;
    let unowed = Refund { amount: euro(70), unowed: euro(70), ..shop.refund(&attempts[1]) };
    let refunds = [shop.refund(&attempts[1]), unowed];
    let on = || Heading { id: shop.id(), at: at("2026-01-02"), invoice: &owed.invoice };
    let changes = Changes {
        journals: vec![
            on().paid(attempts[1].id, "sandbox", euro(2000)),
            on().overpaid(attempts[1].id, "sandbox", euro(70)),
            on().went_back(&refunds[0], "sandbox"),
            on().went_back(&refunds[1], "sandbox"),
            on().reversed(attempts[1].id, "sandbox", euro(400), euro(0)),
            on().reinstated(attempts[1].id, "sandbox", euro(100), euro(0)),
        ],
        refunds: refunds.to_vec(),
        ..Changes::default()
    };
    write(&*store, changes).await.unwrap();

    let mut repo = store.snapshot().await.unwrap();
    let merchant = shop.merchant.id;
    let all = repo.money_by_attempt(merchant, Page { after: None, limit: 9 }).await.unwrap();
    let mut expected = vec![(attempts[0].id, 0), (attempts[1].id, 1200)];
    expected.sort();
    assert_eq!(all, expected);
    let first = repo.money_by_attempt(merchant, Page { after: None, limit: 1 }).await.unwrap();
    let after = Some(first[0].0);
    let second = repo.money_by_attempt(merchant, Page { after, limit: 1 }).await.unwrap();
    assert_eq!([first, second].concat(), expected);
}

#[rstest]
#[tokio::test]
async fn mails_are_counted_by_kind_and_month(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let sent = |fact: &str, day: &str| Notice {
        state: NoticeState::Sent,
        sent_at: Some(at(day)),
        ..shop.notice(fact)
    };
    let notices = vec![
        sent("1", "2026-01-01"),
        sent("2", "2026-01-31"),
        sent("3", "2026-02-01"),
        shop.notice("not sent"),
    ];
    write(&*store, Changes { notices, ..Changes::default() }).await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let mails = repo.mails_by_month(shop.merchant.id).await.unwrap();
    let month = |day| at(day).date_naive();
    let expected = [
        (month("2026-01-01"), "receipt".to_owned(), 2),
        (month("2026-02-01"), "receipt".to_owned(), 1),
    ];
    assert_eq!(mails, expected);
}
