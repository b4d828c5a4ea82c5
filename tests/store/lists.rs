//! Lists for people and loads for decisions: what belongs to what, narrowed and page by page.

use rondo::{
    domain::{
        calendar::Period,
        catalog::PlanState,
        changes::Changes,
        customer::{Customer, PaymentMethod},
        dunning::{DunningCase, DunningPolicy},
        invoice::{Invoice, InvoiceState},
        notice::{Notice, NoticeState},
        payment::{
            PaymentState,
            attempt::{Attempt, AttemptState},
        },
        subscription::{Subscription, SubscriptionState},
    },
    store::{
        CustomerFilter, Dunned, InvoiceFilter, Page, PaymentFilter, PlanFilter, SubscriptionFilter,
    },
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    given::{Shop, at, month, write},
    open,
};

#[rstest]
#[tokio::test]
async fn a_list_comes_page_by_page(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let gone = Some(at("2026-02-01"));
    let more: Vec<_> = (0..5)
        .map(|n| Customer {
            id: shop.id(),
            deleted_at: gone.filter(|_| n == 0),
            ..shop.customer.clone()
        })
        .collect();
    write(&*store, Changes { customers: more.clone(), ..Changes::default() }).await.unwrap();
    let mut expected: Vec<_> = more.iter().map(|customer| customer.id).collect();
    expected.push(shop.customer.id);
    expected.sort();

    let mut repo = store.snapshot().await.unwrap();
    let everyone = CustomerFilter { show_deleted: true, ..Default::default() };
    let mut listed = Vec::new();
    loop {
        let page = Page { after: listed.last().copied(), limit: 4 };
        let customers = repo.list_customers(shop.merchant.id, &everyone, page).await.unwrap();
        listed.extend(customers.iter().map(|customer| customer.id));
        if customers.len() < 4 {
            break;
        }
    }
    assert_eq!(listed, expected);
    let page = Page { after: None, limit: 99 };
    let present = CustomerFilter::default();
    assert_eq!(repo.list_customers(shop.merchant.id, &present, page).await.unwrap().len(), 5);
    let merchants = Page { after: None, limit: 99 };
    assert_eq!(repo.merchants(merchants).await.unwrap().len(), 1);
    let after = Page { after: Some(shop.merchant.id), limit: 99 };
    assert_eq!(repo.merchants(after).await.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn lists_are_narrowed_by_every_filter(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let open_one = shop.owes(&*store).await;
    let mut paid = shop.owed();
    paid.subscription.state = SubscriptionState::Paused;
    paid.invoice.state = InvoiceState::Paid;
    paid.invoice.entitlements = vec!["course:rust".into()];
    paid.payment.state = PaymentState::Succeeded;
    write(&*store, paid.changes()).await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let merchant = shop.merchant.id;

    let all = Page { after: None, limit: 9 };
    let filters = [
        (SubscriptionFilter::default(), 2),
        (SubscriptionFilter { customer: Some(shop.customer.id), ..Default::default() }, 2),
        (SubscriptionFilter { customer: Some(shop.id()), ..Default::default() }, 0),
        (SubscriptionFilter { plan: Some(shop.plan.id), ..Default::default() }, 2),
        (SubscriptionFilter { plan: Some(shop.id()), ..Default::default() }, 0),
        (SubscriptionFilter { states: vec![SubscriptionState::Paused], ..Default::default() }, 1),
    ];
    for (filter, count) in filters {
        let listed = repo.list_subscriptions(merchant, &filter, all).await.unwrap();
        assert_eq!(listed.len(), count, "{filter:?}");
    }

    let all = Page { after: None, limit: 9 };
    let subscription = Some(open_one.subscription.id);
    let both = vec![InvoiceState::Open, InvoiceState::Paid];
    let filters = [
        (InvoiceFilter::default(), 2),
        (InvoiceFilter { customer: Some(shop.id()), ..Default::default() }, 0),
        (InvoiceFilter { subscription, ..Default::default() }, 1),
        (InvoiceFilter { states: vec![InvoiceState::Open], ..Default::default() }, 1),
        (InvoiceFilter { states: both, ..Default::default() }, 2),
        (InvoiceFilter { entitling_only: true, ..Default::default() }, 1),
    ];
    for (filter, count) in filters {
        let listed = repo.list_invoices(merchant, &filter, all).await.unwrap();
        assert_eq!(listed.len(), count, "{filter:?}");
    }

    let all = Page { after: None, limit: 9 };
    let invoice = Some(open_one.invoice.id);
    let filters = [
        (PaymentFilter::default(), 2),
        (PaymentFilter { customer: Some(shop.customer.id), ..Default::default() }, 2),
        (PaymentFilter { invoice, ..Default::default() }, 1),
        (PaymentFilter { states: vec![PaymentState::Abandoned], ..Default::default() }, 0),
    ];
    for (filter, count) in filters {
        let listed = repo.list_payments(merchant, &filter, all).await.unwrap();
        assert_eq!(listed.len(), count, "{filter:?}");
    }

    let all = Page { after: None, limit: 9 };
    for (state, count) in [(None, 1), (Some(PlanState::Active), 1), (Some(PlanState::Retired), 0)] {
        let filter = PlanFilter { state, ..Default::default() };
        let plans = repo.list_plans(merchant, &filter, all).await.unwrap();
        assert_eq!(plans.len(), count, "{state:?}");
    }
}

#[rstest]
#[tokio::test]
async fn cases_policies_and_notices_are_listed(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let running = shop.case(&owed.payment);
    let mut over = shop.case(&owed.payment);
    over.closed_at = Some(at("2026-02-01"));
    let kept = shop.policy();
    let deleted = DunningPolicy { deleted_at: Some(at("2026-02-01")), ..shop.policy() };
    let changes = Changes {
        dunning_cases: vec![running.clone(), over],
        dunning_policies: vec![kept.clone(), deleted],
        notices: vec![shop.notice("one"), shop.notice("two")],
        ..Changes::default()
    };
    write(&*store, changes).await.unwrap();

    let mut repo = store.snapshot().await.unwrap();
    let merchant = shop.merchant.id;
    let cases = Page { after: None, limit: 9 };
    let open_cases = repo.list_dunning_cases(merchant, true, None, cases).await.unwrap();
    assert_eq!(open_cases.iter().map(|case| case.id).collect::<Vec<_>>(), [running.id]);
    let of = Some(shop.customer.id);
    assert_eq!(repo.list_dunning_cases(merchant, false, of, cases).await.unwrap().len(), 2);
    let of_invoice = repo.open_cases_of_invoices(merchant, &[owed.invoice.id]).await.unwrap();
    assert_eq!(of_invoice, open_cases);
    let invoices = [owed.invoice.id, shop.id()];
    assert_eq!(repo.given_up_invoices(merchant, &invoices).await.unwrap(), [owed.invoice.id]);
    let ana = shop.customer.id;
    assert_eq!(repo.open_cases_of_customers(merchant, &[ana]).await.unwrap(), open_cases);
    assert_eq!(repo.open_cases_of_customers(merchant, &[shop.id()]).await.unwrap(), []);
    let policies = Page { after: None, limit: 9 };
    let listed = repo.list_dunning_policies(merchant, false, policies).await.unwrap();
    assert_eq!(listed.iter().map(|policy| policy.id).collect::<Vec<_>>(), [kept.id]);
    let all = repo.list_dunning_policies(merchant, true, policies).await.unwrap();
    assert_eq!(all.len(), 2);
    let notices = Page { after: None, limit: 9 };
    assert_eq!(repo.list_notices(merchant, of, notices).await.unwrap().len(), 2);
    assert_eq!(repo.list_notices(merchant, Some(shop.id()), notices).await.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn an_open_invoice_is_overdue_from_its_first_decline_on_even_past_the_ladders_end(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let subscription = shop.subscription();
    let billed = |state, day: &str, case: Option<Option<&str>>| {
        let mut owed = shop.owed();
        owed.invoice.subscription = Some(subscription.id);
        owed.invoice.state = state;
        owed.invoice.period = Some(Period::new(at(day), at("2027-01-01")).unwrap());
        let case = case.map(|closed| {
            let closed_at = closed.map(at);
            DunningCase { closed_at, ..shop.case(&owed.payment) }
        });
        (owed, case)
    };
    let in_dunning = billed(InvoiceState::Open, "2026-01-01", Some(None));
    let unpaid = billed(InvoiceState::Open, "2026-02-01", Some(Some("2026-03-01")));
    let recovered = billed(InvoiceState::Paid, "2026-03-01", Some(Some("2026-03-09")));
    let just_issued = billed(InvoiceState::Open, "2026-04-01", None);
    let expected = [&in_dunning, &unpaid].map(|(owed, _)| (subscription.id, owed.invoice.id));
    let mut changes = Changes { subscriptions: vec![subscription.clone()], ..Changes::default() };
    for (owed, case) in [in_dunning, unpaid, recovered, just_issued] {
        changes.append(owed.changes());
        changes.dunning_cases.extend(case);
    }
    write(&*store, changes).await.unwrap();

    let mut repo = store.snapshot().await.unwrap();
    let merchant = shop.merchant.id;
    let mut overdue = repo.overdue_invoices(merchant, &[subscription.id]).await.unwrap();
    overdue.sort_unstable();
    assert_eq!(overdue, expected);
    assert_eq!(repo.overdue_invoices(merchant, &[shop.id()]).await.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn methods_are_found_by_customer_and_by_token(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let detached =
        PaymentMethod { id: shop.id(), deleted_at: Some(at("2026-02-01")), ..shop.card.clone() };
    let newer = PaymentMethod {
        id: shop.id(),
        token: "tok_new".into(),
        created_at: at("2026-03-01"),
        ..shop.card.clone()
    };
    let changes =
        Changes { payment_methods: vec![newer.clone(), detached.clone()], ..Changes::default() };
    write(&*store, changes).await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let of_ana = repo.methods_of_customers(shop.merchant.id, &[shop.customer.id]).await.unwrap();
    let found: Vec<_> = of_ana.iter().map(|method| method.id).collect();
    assert_eq!(found, [shop.card.id, detached.id, newer.id]);
    let (merchant, ana) = (shop.merchant.id, shop.customer.id);
    let page = Page { after: None, limit: 9 };
    for (customer, include_detached, count) in
        [(ana, false, 2), (ana, true, 3), (shop.id(), true, 0)]
    {
        let listed = repo.list_payment_methods(merchant, customer, include_detached, page).await;
        assert_eq!(listed.unwrap().len(), count);
    }
    assert_eq!(repo.methods_by_token("sandbox", "tok_good").await.unwrap().len(), 2);
    assert_eq!(repo.methods_by_token("stripe", "tok_good").await.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn open_invoices_of_a_subscription_come_oldest_first(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let subscription = shop.subscription();
    let bill = |n, day, state| Invoice {
        period: Some(month(n)),
        issued_at: at(day),
        state,
        ..shop.invoice(&subscription)
    };
    let later = bill(3, "2026-03-01", InvoiceState::Open);
    let earlier = bill(2, "2026-02-01", InvoiceState::Open);
    let paid = bill(1, "2026-01-01", InvoiceState::Paid);
    let changes = Changes {
        subscriptions: vec![subscription.clone()],
        invoices: vec![later.clone(), earlier.clone(), paid],
        ..Changes::default()
    };
    write(&*store, changes).await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let merchant = shop.merchant.id;
    let found = repo.open_invoices_of_subscriptions(merchant, &[subscription.id]).await.unwrap();
    let found: Vec<_> = found.iter().map(|invoice| invoice.id).collect();
    assert_eq!(found, [earlier.id, later.id]);
}

#[rstest]
#[tokio::test]
async fn a_gateways_news_finds_its_attempt(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let attempt = Attempt {
        reference: Some("ch_1".into()),
        ..shop.settled(&owed.payment, AttemptState::Succeeded)
    };
    write(&*store, Changes { attempts: vec![attempt.clone()], ..Changes::default() })
        .await
        .unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let unknown = Some(shop.id());
    let cases = [
        ("sandbox", Some(attempt.id), "", true),
        ("sandbox", None, "ch_1", true),
        ("sandbox", unknown, "ch_1", true),
        ("sandbox", unknown, "ch_2", false),
        ("stripe", Some(attempt.id), "ch_1", false),
    ];
    for (gateway, id, reference, is_found) in cases {
        let found = repo.attempt_by_gateway(gateway, id, reference).await.unwrap();
        let found = found.map(|found| found.id);
        assert_eq!(found, is_found.then_some(attempt.id), "{gateway} {id:?} {reference}");
    }
    let of_payment = repo.attempts_of_payments(shop.merchant.id, &[owed.payment.id]).await.unwrap();
    assert_eq!(of_payment.len(), 1);
}

#[rstest]
#[tokio::test]
async fn what_was_sent_on_a_card_counts_unless_it_never_left_or_was_paid(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let sent = |day, state, card: &str| Attempt {
        sent_at: at(day),
        card_key: card.into(),
        ..shop.settled(&owed.payment, state)
    };
    let attempts = vec![
        sent("2026-01-09", AttemptState::Declined, "a"),
        sent("2026-01-05", AttemptState::Unknown, "a"),
        sent("2026-01-06", AttemptState::Declined, "b"),
        sent("2026-01-06", AttemptState::Succeeded, "a"),
        sent("2026-01-07", AttemptState::Rejected, "a"),
        sent("2026-01-08", AttemptState::NotExecuted, "a"),
        sent("2025-12-31", AttemptState::Declined, "a"),
        sent("2026-01-06", AttemptState::Declined, "c"),
    ];
    write(&*store, Changes { attempts, ..Changes::default() }).await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let cards = ["a".to_owned(), "b".to_owned()];
    let sent = repo.sent_on_cards(shop.merchant.id, &cards, at("2026-01-01")).await.unwrap();
    let days: Vec<_> = sent.iter().map(|one| (one.card_key.as_str(), one.sent_at)).collect();
    let expected = [("a", at("2026-01-05")), ("b", at("2026-01-06")), ("a", at("2026-01-09"))];
    assert_eq!(days, expected);
    assert_eq!((sent[0].invoice, sent[0].amount), (owed.invoice.id, owed.invoice.total));
}

#[rstest]
#[tokio::test]
async fn two_tokens_of_one_fingerprint_are_one_card(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let card = |key: &str, fingerprint: Option<&str>| PaymentMethod {
        id: shop.id(),
        card_key: key.into(),
        fingerprint: fingerprint.map(Into::into),
        ..shop.card.clone()
    };
    let sent = |key: &str| Attempt {
        card_key: key.into(),
        ..shop.settled(&owed.payment, AttemptState::Declined)
    };
    let attempts = vec![sent("learned"), sent("print"), sent("unknown"), sent("other")];
    let methods = vec![
        card("learned", Some("print")),
        card("print", Some("print")),
        card("unknown", None),
        card("other", Some("other")),
    ];
    write(
        &*store,
        Changes { attempts: attempts.clone(), payment_methods: methods, ..Changes::default() },
    )
    .await
    .unwrap();
    let mut repo = store.snapshot().await.unwrap();
    for (asked, expected) in [
        ("learned", vec![attempts[0].id, attempts[1].id]),
        ("print", vec![attempts[0].id, attempts[1].id]),
        ("unknown", vec![attempts[2].id]),
        ("other", vec![attempts[3].id]),
    ] {
        let cards = [asked.to_owned()];
        let sent = repo.sent_on_cards(shop.merchant.id, &cards, shop.opening).await.unwrap();
        let ids: Vec<_> = sent.iter().map(|sent| sent.attempt).collect();
        assert_eq!(ids, expected, "{asked}");
        assert!(sent.iter().all(|sent| sent.card_key == asked), "{sent:?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_thread_starts_with_its_first_mail_sent(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let (case, silent) = (shop.id(), shop.id());
    let mail = |fact, sent: Option<&str>| Notice {
        thread: Some(case),
        sent_at: sent.map(at),
        ..shop.notice(fact)
    };
    let first = mail("first", Some("2026-01-02"));
    let notices = vec![
        mail("second", Some("2026-01-05")),
        first.clone(),
        mail("not sent", None),
        Notice { thread: Some(silent), ..shop.notice("other") },
    ];
    write(&*store, Changes { notices, ..Changes::default() }).await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let starts = repo.thread_starts(shop.merchant.id, &[case, silent]).await.unwrap();
    assert_eq!(starts, [(case, first.id)]);
}

#[rstest]
#[tokio::test]
async fn who_was_dunned_last_is_who_got_or_will_get_the_latest_of_those_mails(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let mail = |fact, state, sent: Option<&str>, due: Option<&str>| Notice {
        thread: Some(shop.id()),
        state,
        sent_at: sent.map(at),
        due_at: due.map(at),
        ..shop.dunning(fact)
    };
    let leased_until = Some(at("2026-01-07"));
    let notices = vec![
        mail("sent", NoticeState::Sent, Some("2026-01-05"), None),
        Notice { leased_until, ..mail("going", NoticeState::Queued, None, Some("2026-01-04")) },
        mail("set aside", NoticeState::Queued, None, None),
        mail("to come", NoticeState::Queued, None, Some("2026-01-06")),
        mail("never sent", NoticeState::Superseded, None, Some("2026-01-08")),
        Notice { due_at: Some(at("2026-01-09")), ..shop.notice("a receipt") },
    ];
    write(&*store, Changes { notices, ..Changes::default() }).await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let (merchant, ana) = (shop.merchant.id, shop.customer.id);
    let dunned = repo.last_dunning_mails(merchant, &[ana, shop.id()]).await.unwrap();
    let (told_at, sent_at) = (at("2026-01-06"), Some(at("2026-01-05")));
    assert_eq!(dunned, [Dunned { customer: ana, told_at, sent_at, leased_until }]);
}

#[rstest]
#[tokio::test]
async fn what_went_through_an_account_is_found_by_id_and_by_time(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let attempt =
        |state, day| Attempt { key_born_at: at(day), ..shop.settled(&owed.payment, state) };
    let paid = attempt(AttemptState::Succeeded, "2026-01-10");
    let older = attempt(AttemptState::Succeeded, "2026-01-08");
    let declined = attempt(AttemptState::Declined, "2026-01-10");
    let attempts = vec![paid.clone(), older.clone(), declined.clone()];
    write(&*store, Changes { attempts, ..Changes::default() }).await.unwrap();

    let mut repo = store.snapshot().await.unwrap();
    let account = paid.gateway.as_str();
    let (since, until) = (at("2026-01-09"), at("2026-01-11"));
    assert_eq!(repo.taken_through(account, since, until).await.unwrap(), [paid.id]);
    assert_eq!(repo.taken_through("another", since, until).await.unwrap(), []);
    let named = [paid.id, declined.id, shop.id()];
    let mut found = repo.attempts_through(account, &named).await.unwrap();
    found.sort_by_key(|attempt| attempt.id);
    assert_eq!(found.iter().map(|a| a.id).collect::<Vec<_>>(), [paid.id, declined.id]);
    assert_eq!(repo.attempts_through("another", &named).await.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn no_ids_find_nothing(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let mut repo = store.snapshot().await.unwrap();
    assert_eq!(repo.customers(shop.merchant.id, &[]).await.unwrap(), []);
    assert_eq!(repo.plan_versions(shop.merchant.id, &[]).await.unwrap(), []);
    assert_eq!(repo.attempts_of_payments(shop.merchant.id, &[]).await.unwrap(), []);
    let subscriptions: Vec<Subscription> =
        repo.subscriptions(shop.merchant.id, &[shop.id()]).await.unwrap();
    assert_eq!(subscriptions, []);
}
