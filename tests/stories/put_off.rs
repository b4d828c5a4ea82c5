//! Charges that do not leave: the gateway cannot be reached, or asks for patience without end.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use rondo::{
    gateway::GatewayError,
    grpc::proto::v1::attempt::State::{self, InFlight, Pending, Succeeded},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    api::bare,
    cards,
    line::Call,
    world::World,
};

fn cannot_be_reached() -> GatewayError {
    GatewayError::NotSent("no route to the gateway".into())
}

fn puts_calls_off() -> GatewayError {
    GatewayError::RateLimited { retry_after: Some(Duration::from_hours(1)) }
}

#[rstest]
#[case::it_is_paid_in_the_end(cannot_be_reached, cards::GOOD, Succeeded)]
#[case::it_is_accepted_in_the_end(puts_calls_off, cards::PAYS_AFTER_FOUR_DAYS, Pending)]
#[tokio::test]
async fn a_charge_that_has_not_left_for_a_day_is_told_to_staff_once(
    #[case] how: fn() -> GatewayError,
    #[case] card: &str,
    #[case] end: State,
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "20.00 EUR").yearly().with_trial(7).create().await;
    let ana = world.member("Ana", card).await;
    let course = world.subscribe(&ana, &plan).await;

    world.line.fails(Call::Charge, how);
    world.advance_to("2026-02-08 11:30").await;
    course.assert().was_tried([InFlight]).await;
    assert_eq!(world.stuck().await, []);

    world.advance_to("2026-02-08 14:00").await;
    let told = world.stuck().await;
    let [task] = &told[..] else { panic!("staff is told: {told:?}") };
    assert_eq!(task.object, bare(&course.payment().await.attempts[0].name));
    assert!(task.reason.contains("has not left for a day"), "{}", task.reason);

    world.line.calls();
    world.advance_to("2026-02-08 20:00").await;
    assert!(world.line.calls().contains(&Call::Charge), "it is tried on");
    assert_eq!(world.stuck().await, told);
    let once = "rondo_told_staff_total{work=\"resolve\"} 1\n";
    assert!(shown.render().contains(once), "{}", shown.render());

    world.line.works();
    world.advance_to("2026-02-09").await;
    course.assert().was_tried([end]).await;
    assert_eq!(world.stuck().await, []);
    world.assert_books_agree().await;
}
