//! Thirteen months of a portal, lived on both engines: the same invoices, payments and mails.

use std::collections::BTreeMap;

use rondo::domain::calendar::Interval;

use crate::support::{Engine, world::World};

/// Members and what their cards do.
const MEMBERS: [(&str, &str); 14] = [
    ("Ana", "tok_visa_ok"),
    ("Ben", "tok_mastercard_ok"),
    ("Cem", "tok_visa_ok_x2_then_insufficient_funds_x2_then_ok"),
    ("Dora", "tok_visa_ok_x3_then_lost_card"),
    ("Emil", "tok_visa_exp_0626"),
    ("Flo", "tok_visa_ok_x1_then_authentication_required"),
    ("Gil", "tok_visa_slow_5"),
    ("Hana", "tok_visa_reply_lost_x1_then_ok"),
    ("Ivo", "tok_visa_ok_x4_then_insufficient_funds"),
    ("Jana", "tok_mastercard_ok_x2_then_mac_25_x1_then_ok"),
    ("Kai", "tok_visa_settles_after_2"),
    ("Lea", "tok_visa_ok_x5_then_issuer_down_x2_then_ok"),
    ("Mia", "tok_visa_error_after_x1_then_ok"),
    ("Nils", "tok_visa_late_success_after_1_x1_then_ok"),
];

/// What can be told of a year without naming an id, of which no two runs have the same.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    papers: BTreeMap<String, Vec<String>>,
    mails: BTreeMap<String, Vec<String>>,
    captured: i64,
}

async fn live_through(engine: Engine) -> Told {
    let world = World::on(engine, "2026-01-31").await.in_order();
    let monthly = world.plan("Membership monthly", 2_000, Interval::MONTHLY, 0).await;
    let trial = world.plan("Membership with trial", 1_500, Interval::MONTHLY, 14).await;
    let yearly = world.plan("Membership yearly", 18_000, Interval::YEARLY, 7).await;
    let mut memberships = Vec::new();
    for (place, (name, token)) in MEMBERS.into_iter().enumerate() {
        let member = world.member(name, token).await;
        let plan = [&monthly, &trial, &yearly][if place % 7 == 6 { 2 } else { place % 2 }];
        memberships.push((name, world.subscribe(&member, plan).await));
    }
    for month in 2..=14 {
        let (year, month) = if month > 12 { (2027, month - 12) } else { (2026, month) };
        world.advance_to(&format!("{year}-{month:02}-28")).await;
    }

    let mut papers = BTreeMap::new();
    let mut mails = BTreeMap::new();
    for (name, membership) in memberships {
        let subscription = world.subscription(membership).await;
        let mut told = vec![format!("{:?} {:?}", subscription.state, subscription.access)];
        for invoice in world.invoices(membership).await {
            let payment = world.payment_of(&invoice).await;
            told.push(format!(
                "{} {:?} {} {:?} of {:?}; {:?} after {} attempts, {:?}",
                invoice.number.clone().unwrap_or_default(),
                invoice.period,
                invoice.total,
                invoice.state,
                invoice.closed_at,
                payment.state,
                payment.attempts,
                payment.succeeded_at,
            ));
        }
        papers.insert(name.to_owned(), told);
        mails.insert(name.to_owned(), world.mail_kinds(name));
    }
    assert_eq!(world.booked().await, world.captured().await, "{engine:?}");
    let captured = world.captured().await.values().sum();
    Told { papers, mails, captured }
}

#[tokio::test]
async fn a_year_is_the_same_on_both_engines() {
    let on_sqlite = live_through(Engine::Sqlite).await;
    let on_postgres = live_through(Engine::Postgres).await;

    assert_eq!(on_sqlite.papers, on_postgres.papers);
    assert_eq!(on_sqlite.mails, on_postgres.mails);
    assert_eq!(on_sqlite.captured, on_postgres.captured);
    assert!(on_sqlite.captured > 0, "something was paid");
}
