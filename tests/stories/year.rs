//! Thirteen months of a portal, lived on both engines: the same invoices, payments and mails.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Engine, api::shown, world::World};

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
    let world = World::on(engine, "2026-01-31").in_order().await;
    let monthly = world.plan("Membership monthly", "20.00 EUR").create().await;
    let trial = world.plan("Membership with trial", "15.00 EUR").with_trial(14).create().await;
    let yearly =
        world.plan("Membership yearly", "180.00 EUR").yearly().with_trial(7).create().await;
    let mut courses = Vec::new();
    for (place, (name, token)) in MEMBERS.into_iter().enumerate() {
        let member = world.member(name, token).await;
        let plan = [&monthly, &trial, &yearly][if place % 7 == 6 { 2 } else { place % 2 }];
        courses.push((name, world.subscribe(&member, plan).await));
    }
    for month in 2..=14 {
        let (year, month) = if month > 12 { (2027, month - 12) } else { (2026, month) };
        world.advance_to(&format!("{year}-{month:02}-28")).await;
    }

    let mut papers = BTreeMap::new();
    let mut mails = BTreeMap::new();
    for (name, course) in courses {
        let now = course.get().await;
        let mut told = vec![format!("{:?} {:?}", now.state(), now.access())];
        for invoice in course.invoices().await {
            let payment = course.payment_of(&invoice).await;
            let attempts = course.attempts_at(&invoice).await;
            told.push(format!(
                "{} {:?} {} {:?} of {:?}; {:?} after {attempts:?}, {:?}",
                invoice.number,
                invoice.period,
                shown(invoice.total.as_ref()),
                invoice.state(),
                invoice.close_time,
                payment.state(),
                payment.success_time,
            ));
        }
        papers.insert(name.to_owned(), told);
        mails.insert(name.to_owned(), world.mail_kinds(name));
    }
    world.assert_books_agree().await;
    let captured = world.captured().await.values().sum();
    Told { papers, mails, captured }
}

#[tokio::test]
async fn a_year_is_the_same_on_both_engines() {
    let (on_sqlite, on_postgres) =
        tokio::join!(live_through(Engine::Sqlite), live_through(Engine::Postgres));

    assert_eq!(on_sqlite.papers, on_postgres.papers);
    assert_eq!(on_sqlite.mails, on_postgres.mails);
    assert_eq!(on_sqlite.captured, on_postgres.captured);
    assert!(on_sqlite.captured > 0, "something was paid");
    let mut papers = on_sqlite.papers.values().flatten();
    assert!(papers.any(|paper| paper.contains("Declined")), "something was declined");
    let mails: BTreeSet<_> = on_sqlite.mails.values().flatten().map(String::as_str).collect();
    for kind in ["payment_failed", "recovered", "suspended"] {
        assert!(mails.contains(kind), "{kind} is not among {mails:?}");
    }
}
