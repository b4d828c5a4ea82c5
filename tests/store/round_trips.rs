//! What is written is what is read: every field of every aggregate, in every state.

use chrono::TimeDelta;
use rondo::{
    domain::{
        api_key::{ApiKey, Role},
        calendar::Period,
        catalog::{PlanState, VersionNumber},
        changes::Changes,
        customer::{Customer, PaymentMethod},
        dunning::{DunningCase, DunningPolicy},
        event::{Event, EventKind, Subject, WebhookEndpoint},
        ids::{Id, kind},
        invoice::{Invoice, InvoiceState},
        labels::Labels,
        ledger::{Heading, Movement},
        merchant::{Merchant, TestClock},
        notice::{Facts, Notice, NoticeState},
        payment::{
            Payment, PaymentState,
            attempt::{Attempt, AttemptState, Initiator},
            decline::{DeclineClass, Network},
            refund::{Refund, RefundOrigin, RefundState},
            reversal::{Reversal, ReversalState},
        },
        subscription::{
            Access, Cancellation, CancellationCause, Pause, ScheduledChange, Subscription,
            SubscriptionState,
        },
        version::Version,
    },
    store::{EventFilter, Page},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    given::{Shop, at, euro, no_funds, write},
    open,
};

const NETWORKS: [Network; 10] = [
    Network::Visa,
    Network::Mastercard,
    Network::Amex,
    Network::Discover,
    Network::Jcb,
    Network::UnionPay,
    Network::Ach,
    Network::Sepa,
    Network::Bacs,
    Network::Other,
];

fn labels() -> Labels {
    let words = [("course/level", "a \"b\" 'c' \\"), ("empty", "")];
    Labels::new(words.map(|(key, value)| (key.into(), value.into())).into()).unwrap()
}

#[rstest]
#[tokio::test]
async fn a_merchant_on_a_test_clock(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::new(1);
    let clock = TestClock {
        id: shop.id(),
        now: at("2026-02-01"),
        target: at("2027-02-01") + TimeDelta::microseconds(1),
    };
    let merchant = Merchant {
        other_gateways: vec!["old-stripe".into(), "paypal".into()],
        reply_to: Some("help@example.com".into()),
        portal_url: Some("https://portal.example".into()),
        dunning_policy: Some(shop.id()),
        test_clock: Some(clock),
        name: "Ünïcödé \"quoted\" 'n' \\ slashed\n".into(),
        ..shop.merchant.clone()
    };
    write(&*store, Changes { merchants: vec![merchant.clone()], ..Changes::default() })
        .await
        .unwrap();
    let read = store.snapshot().await.unwrap().merchant(merchant.id).await.unwrap();
    assert_eq!(read, Some(Merchant { version: Version::from_count(1), ..merchant }));
}

#[rstest]
#[tokio::test]
async fn keys_of_every_role(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let key = |role, merchant, byte| ApiKey {
        id: shop.id(),
        merchant,
        role,
        name: "of staff".into(),
        shown_prefix: "rk_live_ab".into(),
        hash: [byte; 32],
        created_at: shop.opening,
        expires_at: Some(at("2027-01-01")),
        last_used_at: None,
        revoked_at: Some(at("2026-06-01")),
        version: Version::NEW,
    };
    let of = Some(shop.merchant.id);
    let keys =
        [key(Role::Admin, None, 1), key(Role::Merchant, of, 2), key(Role::ReadOnly, of, 255)];
    write(&*store, Changes { api_keys: keys.to_vec(), ..Changes::default() }).await.unwrap();

    let mut repo = store.begin().await.unwrap();
    let at_noon = at("2026-03-01") + TimeDelta::minutes(12 * 60 + 34);
    repo.touch_api_key(keys[1].id, at_noon).await.unwrap();
    repo.commit().await.unwrap();

    let mut repo = store.snapshot().await.unwrap();
    let written = |key: &ApiKey| ApiKey { version: Version::from_count(1), ..key.clone() };
    let touched =
        ApiKey { last_used_at: Some(at("2026-03-01") + TimeDelta::hours(12)), ..written(&keys[1]) };
    let all = Page { after: None, limit: 9 };
    assert_eq!(repo.api_key_by_hash([1; 32]).await.unwrap(), Some(written(&keys[0])));
    assert_eq!(repo.api_key_by_hash([9; 32]).await.unwrap(), None);
    assert_eq!(repo.api_key(keys[1].id).await.unwrap(), Some(touched.clone()));
    assert_eq!(repo.api_keys(None, all).await.unwrap(), [written(&keys[0])]);
    let of_merchant = repo.api_keys(of, all).await.unwrap();
    assert_eq!(of_merchant.len(), 2);
    assert!(of_merchant.contains(&touched) && of_merchant.contains(&written(&keys[2])));
}

#[rstest]
#[tokio::test]
async fn a_customer_with_everything_told(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let customer = Customer {
        id: shop.id(),
        locale: Some("de-AT".into()),
        zone: Some("America/Argentina/Buenos_Aires".parse().unwrap()),
        country: Some("AR".into()),
        backup_method: Some(shop.id()),
        email_suppressed: true,
        external_id: Some("portal-7".into()),
        labels: labels(),
        deleted_at: Some(at("2026-05-05") + TimeDelta::microseconds(123_456)),
        ..shop.customer.clone()
    };
    write(&*store, Changes { customers: vec![customer.clone()], ..Changes::default() })
        .await
        .unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let written = Customer { version: Version::from_count(1), ..customer };
    let by_external_id = repo.customer_by_external_id(shop.merchant.id, "portal-7").await;
    assert_eq!(by_external_id.unwrap().as_ref(), Some(&written));
    assert_eq!(repo.customers(shop.merchant.id, &[written.id]).await.unwrap(), [written]);
}

#[rstest]
#[tokio::test]
async fn methods_of_every_network_and_block(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let blocks = DeclineClass::ALL.into_iter().map(Some).chain([None]);
    let methods: Vec<_> = NETWORKS
        .into_iter()
        .zip(blocks)
        .map(|(network, blocked)| PaymentMethod {
            id: shop.id(),
            network,
            blocked,
            blocked_at: blocked.map(|_| at("2026-01-03")),
            customer_reference: Some("cus_at_gateway".into()),
            original_transaction: Some("ntid".into()),
            fingerprint: None,
            expiry: None,
            ..shop.card.clone()
        })
        .collect();
    write(&*store, Changes { payment_methods: methods.clone(), ..Changes::default() })
        .await
        .unwrap();
    let mut repo = store.snapshot().await.unwrap();
    for method in methods {
        let read = repo.payment_methods(shop.merchant.id, &[method.id]).await.unwrap();
        assert_eq!(read, [PaymentMethod { version: Version::from_count(1), ..method }]);
    }
    let card = repo.payment_methods(shop.merchant.id, &[shop.card.id]).await.unwrap();
    assert_eq!(card, [PaymentMethod { version: Version::from_count(1), ..shop.card.clone() }]);
}

#[rstest]
#[tokio::test]
async fn a_plan_and_its_versions(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let mut plan = shop.plan.clone();
    plan.version = Version::from_count(1);
    plan.state = PlanState::Retired;
    plan.current = VersionNumber(2);
    plan.dunning_policy = Some(shop.id());
    plan.labels = labels();
    plan.deleted_at = Some(at("2026-05-05"));
    let mut second = shop.terms.clone();
    second.number = VersionNumber(2);
    second.terms.trial_days = 14;
    let changes = Changes {
        plans: vec![plan.clone()],
        plan_versions: vec![second.clone()],
        ..Changes::default()
    };
    write(&*store, changes).await.unwrap();

    let mut repo = store.snapshot().await.unwrap();
    let merchant = shop.merchant.id;
    plan.version = Version::from_count(2);
    assert_eq!(repo.plans(merchant, &[plan.id]).await.unwrap(), [plan.clone()]);
    let both = [shop.terms.clone(), second.clone()];
    assert_eq!(repo.versions_of_plan(merchant, plan.id).await.unwrap(), both);
    let keys = [(plan.id, VersionNumber(2)), (plan.id, VersionNumber(3))];
    assert_eq!(repo.plan_versions(merchant, &keys).await.unwrap(), [second]);
}

#[rstest]
#[tokio::test]
async fn subscriptions_in_every_state(#[values(Sqlite, Postgres)] engine: Engine) {
    use SubscriptionState as State;
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let states = [
        State::Incomplete,
        State::Trialing,
        State::Active,
        State::PastDue,
        State::Unpaid,
        State::Paused,
        State::Canceled,
        State::Expired,
    ];
    let causes = [
        CancellationCause::Requested,
        CancellationCause::Dunning,
        CancellationCause::PlanRetired,
        CancellationCause::MandateStopped,
    ];
    let accesses = [Access::Full, Access::Grace, Access::None];
    let mut subscriptions: Vec<_> = states
        .into_iter()
        .zip(causes.into_iter().cycle())
        .zip(accesses.into_iter().cycle())
        .map(|((state, cause), access)| Subscription {
            state,
            access,
            quantity: 7,
            next_cycle: 13,
            current_period: Some(Period::new(at("2026-01-31"), at("2026-02-28")).unwrap()),
            due_at: Some(at("2026-02-28")),
            remind_at: Some(at("2026-02-21")),
            reminded_for: Some(at("2026-03-01")),
            trial_end: Some(at("2026-01-15")),
            cancellation: Some(Cancellation {
                requested_at: at("2026-02-01"),
                ends_at: at("2026-02-28"),
                cause,
            }),
            scheduled_change: Some(ScheduledChange {
                plan: shop.plan.id,
                plan_version: VersionNumber(2),
                quantity: 9,
            }),
            pause: Some(Pause { since: at("2026-02-02"), resumes_at: Some(at("2026-03-02")) }),
            payment_method: Some(shop.card.id),
            ended_at: Some(at("2026-02-28")),
            ..shop.subscription()
        })
        .collect();
    subscriptions.push(shop.subscription());
    write(&*store, Changes { subscriptions: subscriptions.clone(), ..Changes::default() })
        .await
        .unwrap();
    let mut repo = store.snapshot().await.unwrap();
    for one in subscriptions {
        let read = repo.subscriptions(shop.merchant.id, &[one.id]).await.unwrap();
        assert_eq!(read, [Subscription { version: Version::from_count(1), ..one }]);
    }
}

#[rstest]
#[tokio::test]
async fn invoices_and_payments_in_every_state(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let invoice_states = [
        InvoiceState::Open,
        InvoiceState::Paid,
        InvoiceState::Void,
        InvoiceState::Uncollectible,
        InvoiceState::Paid,
    ];
    let payment_states = [
        PaymentState::Scheduled,
        PaymentState::Collecting,
        PaymentState::Waiting,
        PaymentState::Succeeded,
        PaymentState::Abandoned,
    ];
    for (invoice_state, payment_state) in invoice_states.into_iter().zip(payment_states) {
        let mut owed = shop.owed();
        owed.invoice = Invoice {
            number: Some(format!("OWN-{payment_state:?}")),
            state: invoice_state,
            paid: euro(1999),
            closed_at: Some(at("2026-02-02")),
            ..owed.invoice
        };
        owed.payment = Payment {
            state: payment_state,
            method: Some(shop.card.id),
            collect_at: (payment_state == PaymentState::Scheduled).then(|| at("2026-01-02")),
            attempts: 3,
            refunded: euro(500),
            reversed: euro(700),
            succeeded_at: Some(at("2026-01-03")),
            ..owed.payment
        };
        write(&*store, owed.changes()).await.unwrap();

        let mut repo = store.snapshot().await.unwrap();
        let merchant = shop.merchant.id;
        let invoice = Invoice { version: Version::from_count(1), ..owed.invoice };
        let payment = Payment { version: Version::from_count(1), ..owed.payment };
        let of_invoice = repo.payments_of_invoices(merchant, &[invoice.id]).await.unwrap();
        assert_eq!(of_invoice, repo.payments(merchant, &[payment.id]).await.unwrap());
        assert_eq!(of_invoice, [payment]);
        assert_eq!(repo.invoices(merchant, &[invoice.id]).await.unwrap(), [invoice]);
    }
}

#[rstest]
#[tokio::test]
async fn an_invoice_that_stands_alone(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let number = Some("OWN-1".to_owned());
    let alone =
        Invoice { number, subscription: None, period: None, ..shop.invoice(&shop.subscription()) };
    write(&*store, Changes { invoices: vec![alone.clone()], ..Changes::default() }).await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let read = repo.invoices(shop.merchant.id, &[alone.id]).await.unwrap();
    assert_eq!(read, [Invoice { version: Version::from_count(1), ..alone }]);
}

fn taken_back() -> Reversal {
    let (reference, state) = ("dp_1".to_owned(), ReversalState::TakenBack);
    Reversal { reference, amount: euro(700), state, why: no_funds() }
}

fn given_again() -> Reversal {
    let (reference, state) = ("dp_2".to_owned(), ReversalState::Reinstated);
    Reversal { reference, state, ..taken_back() }
}

#[rstest]
#[tokio::test]
async fn attempts_in_every_state(#[values(Sqlite, Postgres)] engine: Engine) {
    use AttemptState as State;
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let states = [
        State::InFlight,
        State::Succeeded,
        State::Reversed,
        State::Declined,
        State::Rejected,
        State::NotExecuted,
        State::Pending,
        State::ActionRequired,
        State::Unknown,
    ];
    let initiators = [Initiator::Customer, Initiator::Merchant].into_iter().cycle();
    for ((state, initiator), network) in states.into_iter().zip(initiators).zip(NETWORKS) {
        let owed = shop.owes(&*store).await;
        let attempt = Attempt {
            state,
            initiator,
            network,
            applied: euro(500),
            reversed: euro(700),
            reversals: vec![taken_back(), given_again()],
            method: None,
            reference: Some("ch_1".into()),
            decline: Some(no_funds()),
            action_url: Some("https://bank.example/3ds".into()),
            store_method: true,
            probe_at: Some(at("2026-01-02")),
            probes: 4,
            not_found_at: Some(at("2026-01-03")),
            settled_at: Some(at("2026-01-04")),
            ..shop.attempt(&owed.payment)
        };
        write(&*store, Changes { attempts: vec![attempt.clone()], ..Changes::default() })
            .await
            .unwrap();
        let mut repo = store.snapshot().await.unwrap();
        let read = repo.attempts(shop.merchant.id, &[attempt.id]).await.unwrap();
        assert_eq!(repo.attempt_by_id(attempt.id).await.unwrap().as_ref(), read.first());
        assert_eq!(read, [Attempt { version: Version::from_count(1), ..attempt }]);
    }
}

#[rstest]
#[tokio::test]
async fn refunds_in_every_state(#[values(Sqlite, Postgres)] engine: Engine) {
    use RefundState as State;
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let attempt = shop.settled(&owed.payment, AttemptState::Succeeded);
    let states = [State::Queued, State::Pending, State::Succeeded, State::Failed];
    let origins = [RefundOrigin::Requested, RefundOrigin::LateSuccess, RefundOrigin::AtGateway];
    let origins = origins.into_iter().cycle();
    let refunds: Vec<_> = states
        .into_iter()
        .zip(origins)
        .map(|(state, origin)| Refund {
            state,
            origin,
            reference: Some(format!("re_{state:?}")),
            unowed: euro(300),
            failure: Some("account closed".into()),
            tries: 2,
            leased_until: Some(at("2026-01-02")),
            settled_at: Some(at("2026-01-03")),
            ..shop.refund(&attempt)
        })
        .collect();
    let changes =
        Changes { attempts: vec![attempt], refunds: refunds.clone(), ..Changes::default() };
    write(&*store, changes).await.unwrap();

    let mut repo = store.snapshot().await.unwrap();
    let merchant = shop.merchant.id;
    let written = refunds.into_iter().map(|one| Refund { version: Version::from_count(1), ..one });
    for refund in written {
        let read = repo.refunds(merchant, &[refund.id]).await.unwrap();
        assert_eq!(repo.refund_by_id(refund.id).await.unwrap().as_ref(), Some(&refund));
        assert_eq!(read, [refund]);
    }
    let of_payment = repo.refunds_of_payments(merchant, &[owed.payment.id]).await.unwrap();
    assert_eq!(of_payment.len(), 4);
}

#[rstest]
#[tokio::test]
async fn a_dunning_policy_and_a_case(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let policy = DunningPolicy { number: VersionNumber(3), ..shop.policy() };
    let case = DunningCase {
        subscription: Some(owed.subscription.id),
        policy: Some(policy.id),
        policy_version: VersionNumber(3),
        due_at: Some(at("2026-01-04")),
        closed_at: Some(at("2026-02-01")),
        ..shop.case(&owed.payment)
    };
    let changes = Changes {
        dunning_policies: vec![policy.clone()],
        dunning_cases: vec![case.clone()],
        ..Changes::default()
    };
    write(&*store, changes).await.unwrap();

    let mut repo = store.snapshot().await.unwrap();
    let read = repo.dunning_policies(shop.merchant.id, &[policy.id]).await.unwrap();
    assert_eq!(read, [DunningPolicy { version: Version::from_count(1), ..policy }]);
    let read = repo.dunning_cases(shop.merchant.id, &[case.id]).await.unwrap();
    assert_eq!(read, [DunningCase { version: Version::from_count(1), ..case }]);
}

#[rstest]
#[tokio::test]
async fn notices_in_every_state(#[values(Sqlite, Postgres)] engine: Engine) {
    use NoticeState as State;
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let notices: Vec<_> = [State::Queued, State::Sent, State::Failed, State::Superseded]
        .into_iter()
        .map(|state| Notice {
            state,
            subscription: Some(owed.subscription.id),
            invoice: Some(owed.invoice.id),
            thread: Some(shop.id()),
            facts: Facts::PaymentFailed {
                taken_back: true,
                is_final: true,
                lapses_at: Some(at("2026-01-04")),
                amount: euro(2000),
                failed_at: at("2026-01-01"),
                class: DeclineClass::WaitFunds,
                next_try_at: Some(at("2026-01-04")),
                access_until: None,
                tried: Some(shop.card.shown()),
            },
            tries: 3,
            leased_until: Some(at("2026-01-02")),
            sent_at: Some(at("2026-01-03")),
            failure: Some("550 no such user".into()),
            ..shop.notice(&format!("{state:?}"))
        })
        .collect();
    write(&*store, Changes { notices: notices.clone(), ..Changes::default() }).await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    for notice in notices {
        let read = repo.notices(shop.merchant.id, &[notice.id]).await.unwrap();
        assert_eq!(read, [Notice { version: Version::from_count(1), ..notice }]);
    }
}

#[rstest]
#[tokio::test]
async fn events_about_every_subject(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let subjects = [
        Subject::Customer(shop.customer.id),
        Subject::PaymentMethod(shop.card.id),
        Subject::Plan(shop.plan.id),
        Subject::Subscription(shop.id()),
        Subject::Invoice(shop.id()),
        Subject::Payment(shop.id()),
        Subject::Refund(shop.id()),
        Subject::DunningCase(shop.id()),
    ];
    let events: Vec<_> = subjects
        .into_iter()
        .map(|subject| Event {
            subject,
            kind: EventKind::DunningStepTaken,
            subject_version: Version::from_count(5),
            customer: None,
            amount: Some(euro(-3)),
            reason: Some("wait_funds".into()),
            ..shop.event()
        })
        .chain([shop.event()])
        .collect();
    write(&*store, Changes { events: events.clone(), ..Changes::default() }).await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let read = repo.events_after(shop.merchant.id, 0, &EventFilter::default(), 99).await.unwrap();
    let placed: Vec<_> = events
        .into_iter()
        .zip(1..)
        .map(|(event, n)| Event { sequence: Some(n), ..event })
        .collect();
    assert_eq!(read, placed);
}

#[rstest]
#[tokio::test]
async fn a_webhook_endpoint_that_fails(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let endpoint = WebhookEndpoint {
        secrets: vec!["whsec_bmV3".into(), "whsec_b2xk".into()],
        cursor: 41,
        due_at: Some(at("2026-01-02")),
        tries: 6,
        failing_since: Some(at("2026-01-01")),
        disabled_at: Some(at("2026-01-05")),
        leased_until: Some(at("2026-01-03")),
        ..shop.endpoint()
    };
    write(&*store, Changes { webhook_endpoints: vec![endpoint.clone()], ..Changes::default() })
        .await
        .unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let read = repo.webhook_endpoints(shop.merchant.id).await.unwrap();
    assert_eq!(read, [WebhookEndpoint { version: Version::from_count(1), ..endpoint }]);
}

#[rstest]
#[tokio::test]
async fn journals_with_what_moved_the_money(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let shop = Shop::opened(&*store).await;
    let owed = shop.owes(&*store).await;
    let attempt: Id<kind::Attempt> = shop.id();
    let taken = shop.attempt(&owed.payment);
    let refund = shop.refund(&taken);
    let unowed = Refund { unowed: refund.amount, ..shop.refund(&taken) };
    let on = |day| Heading { id: shop.id(), at: at(day), invoice: &owed.invoice };
    let journals = vec![
        on("2026-01-01").issued(),
        on("2026-01-02").paid(attempt, "sandbox", euro(2000)),
        on("2026-01-03").overpaid(attempt, "sandbox", euro(100)),
        on("2026-01-04").went_back(&refund, "sandbox"),
        on("2026-01-05").went_back(&unowed, "sandbox"),
        on("2026-01-05").bounced(&unowed, "sandbox"),
        on("2026-01-05").reversed(attempt, "sandbox", euro(300), euro(50)),
        on("2026-01-05").reinstated(attempt, "sandbox", euro(300), euro(0)),
        on("2026-01-06").voided(euro(1)),
        on("2026-01-07").written_off(euro(2)),
    ];
    assert_eq!(journals[1].movement, Some(Movement::Attempt(attempt)));
    write(&*store, Changes { journals: journals.clone(), ..Changes::default() }).await.unwrap();
    let mut repo = store.snapshot().await.unwrap();
    let read = repo.journals_of_invoice(shop.merchant.id, owed.invoice.id).await.unwrap();
    assert_eq!(read, journals);
}
