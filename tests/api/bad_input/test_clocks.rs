//! `TestClocksService`.

use rondo::grpc::proto::v1;
use rstest::rstest;
use tonic::Code;

use super::{INSTANT, NO_INSTANT, check, check_as, fields, instant, other, state};
use crate::{
    given,
    portal::{Portal, with_key},
    support::Engine::{self, Postgres, Sqlite},
};

const SERVICE: &str = "TestClocksService";

#[rstest]
#[tokio::test]
async fn each_bad_input_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let clock = given::merchant(&portal).await.test_clock;
    let clock = clock.split_once('/').unwrap().1;
    let create = |current_time| v1::CreateTestClockRequest {
        test_clock: Some(v1::TestClock { current_time, ..Default::default() }),
        ..Default::default()
    };
    let advance = |target_time| v1::AdvanceTestClockRequest {
        name: format!("testClocks/{clock}"),
        target_time,
        ..Default::default()
    };
    let years = "must lie in the years 2000 to 2100";
    let rows = vec![
        fields(
            "CreateTestClock",
            &v1::CreateTestClockRequest::default(),
            &[("test_clock", "must be set")],
        ),
        fields("CreateTestClock", &create(None), &[("test_clock.current_time", "must be set")]),
        fields("CreateTestClock", &create(NO_INSTANT), &[("test_clock.current_time", INSTANT)]),
        fields(
            "CreateTestClock",
            &create(instant("1969-07-20T00:00:00Z")),
            &[("test_clock.current_time", years)],
        ),
        fields(
            "CreateTestClock",
            &create(instant("2101-01-01T00:00:00Z")),
            &[("test_clock.current_time", years)],
        ),
        other(
            "CreateTestClock",
            &create(instant("2026-01-31T00:00:00Z")),
            Code::AlreadyExists,
            "RESOURCE_EXISTS",
            &format!("a test clock of this merchant exists already: {clock}"),
        ),
        fields("AdvanceTestClock", &advance(None), &[("target_time", "must be set")]),
        fields("AdvanceTestClock", &advance(NO_INSTANT), &[("target_time", INSTANT)]),
        fields(
            "AdvanceTestClock",
            &advance(instant("2026-01-31T12:00:00Z")),
            &[("target_time", "must be later than the clock shows, 2026-01-31T12:00:00+00:00")],
        ),
        fields(
            "AdvanceTestClock",
            &advance(instant("2036-02-02T12:00:00Z")),
            &[("target_time", "must be at most ten years ahead")],
        ),
    ];
    check(&portal, SERVICE, rows).await;

    let sent = advance(instant("2026-03-01T00:00:00Z"));
    let mut clocks =
        v1::test_clocks_service_client::TestClocksServiceClient::new(portal.channel.clone());
    clocks.advance_test_clock(portal.ask(sent)).await.unwrap();
    let rows = vec![state(
        "AdvanceTestClock",
        &advance(instant("2026-04-01T00:00:00Z")),
        "TEST_CLOCK_ADVANCING",
        "it is on its way to 2026-03-01T00:00:00+00:00; wait until it is there",
    )];
    check(&portal, SERVICE, rows).await;

    let merchant = given::another_merchant(&portal).await;
    let request = v1::CreateCustomerRequest {
        customer: Some(v1::Customer {
            email: "ana@example.org".to_owned(),
            display_name: "Ana".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    portal.customers().create_customer(with_key(request, &merchant)).await.unwrap();
    let rows = vec![state(
        "CreateTestClock",
        &create(instant("2026-01-31T00:00:00Z")),
        "MERCHANT_IN_USE",
        "a merchant with customers or plans stays on the world's time; make a new merchant",
    )];
    check_as(&portal, &merchant, SERVICE, rows).await;
}
