//! What `/metrics` tells of what happened. Each story counts by itself: its engine turns on its own thread.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use rondo::engine::audit_all;
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    cards,
    world::World,
};

/// What counts, and what shows the figures.
fn counters() -> (PrometheusRecorder, PrometheusHandle) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    (recorder, shown)
}

#[rstest]
#[tokio::test]
async fn a_code_that_stands_in_no_table_is_counted(#[values(Sqlite, Postgres)] engine: Engine) {
    let (recorder, shown) = counters();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let world = World::on(engine, "2026-01-31").await;
    for (name, card) in [("Ana", cards::GOOD), ("Bo", cards::EMPTY)] {
        let member = world.member(name, card).await;
        world.subscription(&member).monthly("20.00 EUR").create().await;
    }
    let name = "rondo_unknown_response_codes_total";
    assert!(!shown.render().contains(name), "a known code is no surprise: {}", shown.render());

    let cem = world.member("Cem", "tok_visa_rc_zz").await;
    world.subscription(&cem).monthly("20.00 EUR").create().await;
    let line = format!("{name}{{gateway=\"sandbox\"}} 1");
    assert!(shown.render().contains(&line), "{}", shown.render());
}

#[rstest]
#[tokio::test]
async fn flaws_that_are_found_at_night_are_shown(#[values(Sqlite, Postgres)] engine: Engine) {
    let (recorder, shown) = counters();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let world = World::on(engine, "2026-01-31").await;
    let ana = world.member("Ana", cards::GOOD).await;
    world.subscription(&ana).monthly("20.00 EUR").create().await;
    let gauge = |flaws: usize| format!("rondo_audit_flaws {flaws}\n");

    assert_eq!(audit_all(&world.rondo).await.unwrap(), 0);
    assert!(shown.render().contains(&gauge(0)), "{}", shown.render());

    world.database.damage("update counter set value = value + 1 where series = 'invoice'").await;
    assert_eq!(audit_all(&world.rondo).await.unwrap(), 1);
    assert!(shown.render().contains(&gauge(1)), "{}", shown.render());

    world.database.damage("update counter set value = value - 1 where series = 'invoice'").await;
    assert_eq!(audit_all(&world.rondo).await.unwrap(), 0);
    assert!(shown.render().contains(&gauge(0)), "{}", shown.render());
}

#[rstest]
#[tokio::test]
async fn what_is_set_aside_for_staff_is_counted(#[values(Sqlite, Postgres)] engine: Engine) {
    let (recorder, shown) = counters();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let world = World::on(engine, "2026-01-31").without_test_clock().await;
    let bo = world.member("Bo", cards::GOOD).await;
    world.subscription(&bo).monthly("20.00 EUR").create().await;
    assert!(!shown.render().contains("rondo_set_aside_total"), "{}", shown.render());

    world.database.damage("update customer set zone = 'Atlantis/Capital'").await;
    world.is_down_until("2026-03-01").await;
    let line = "rondo_set_aside_total{work=\"renew\"} 1\n";
    assert!(shown.render().contains(line), "{}", shown.render());
}
