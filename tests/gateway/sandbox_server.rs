//! What the sandbox promises beyond the contract: its faults, its ledger, and its manners.

use std::{collections::BTreeMap, fs, io::Write, time::Duration};

use chrono::TimeDelta;
use reqwest::StatusCode;
use rondo::gateway::{
    GatewayError, Outcome, Sighting, http::Timeouts, sandbox::server::SandboxServer,
};
use serde_json::json;

use crate::{
    provider::{
        Card, Provider, charge, checkout, eur, find, id, is_paid, is_unknown, paid_amount, refund,
        trace,
    },
    sandbox::{SECRET_KEY, SandboxWorld, connect},
};

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_unknown_and_the_charge_is_found() {
    let world = SandboxWorld::start().await;
    let timeouts = Timeouts { total: Duration::from_secs(1), ..Timeouts::default() };
    let hasty = connect(world.base_url(), SECRET_KEY, timeouts);
    let order = charge(1, "tok_visa_slow_60000");
    let answer = hasty.charge(&order).await;
    assert!(is_unknown(&answer), "{answer:?}");
    assert!(is_paid(&find(&world, order.attempt).await));
}

#[tokio::test]
async fn a_key_whose_first_call_is_still_being_answered_leaves_the_second_in_doubt() {
    let world = SandboxWorld::start().await;
    let timeouts = Timeouts { total: Duration::from_secs(1), ..Timeouts::default() };
    let hasty = connect(world.base_url(), SECRET_KEY, timeouts);
    let order = charge(1, "tok_visa_slow_60000");
    let (first, second) = tokio::join!(hasty.charge(&order), hasty.charge(&order));
    assert!(is_unknown(&first) && is_unknown(&second), "{first:?} {second:?}");
    assert_eq!(world.captures(order.attempt).await, [order.amount]);
}

#[tokio::test]
async fn a_sandbox_that_is_not_there_was_never_reached() {
    let gateway = SandboxWorld::start().await.stop().await;
    let answer = gateway.charge(&charge(1, "tok_visa")).await;
    assert!(matches!(answer, Err(GatewayError::NotSent(_))), "{answer:?}");
}

#[tokio::test]
async fn a_wrong_secret_key_is_refused_and_does_nothing() {
    let world = SandboxWorld::start().await;
    let stranger = connect(world.base_url(), "sk_sandbox_guess", Timeouts::default());
    let order = charge(1, "tok_visa");
    let answer = stranger.charge(&order).await;
    assert!(matches!(answer, Err(GatewayError::Unauthorised)), "{answer:?}");
    assert_eq!(world.captures(order.attempt).await, []);
}

#[tokio::test]
async fn the_index_can_lag_and_the_look_up_can_be_down() {
    let world = SandboxWorld::start().await;
    let stale = charge(1, "tok_visa_reply_lost_lookup_stale_2");
    assert!(is_unknown(&world.gateway().charge(&stale).await));
    for expected in [false, false, true, true] {
        assert_eq!(is_paid(&find(&world, stale.attempt).await), expected);
    }

    let down = charge(2, "tok_visa_reply_lost_lookup_down_1");
    assert!(is_unknown(&world.gateway().charge(&down).await));
    assert!(is_unknown(&world.gateway().find_charge(&trace(down.attempt)).await));
    assert!(is_paid(&find(&world, down.attempt).await));
}

#[tokio::test]
async fn a_key_that_is_forgotten_early_makes_a_second_charge_and_the_witness_tells() {
    let world = SandboxWorld::start().await;
    let order = charge(1, "tok_visa_reply_lost_key_forgotten_x1_then_ok");
    assert!(is_unknown(&world.gateway().charge(&order).await));
    world.gateway().charge(&order).await.unwrap();
    let again = BTreeMap::from([(order.attempt.to_string(), 2)]);
    assert_eq!(world.summary().await.captured_again, again);
}

#[tokio::test]
async fn keys_live_for_their_time_and_can_be_forgotten_or_ignored_on_demand() {
    let world = SandboxWorld::start().await;
    let order = charge(1, "tok_visa");
    let mut expected = 1;
    world.gateway().charge(&order).await.unwrap();
    world.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
    world.gateway().charge(&order).await.unwrap();
    assert_eq!(world.captures(order.attempt).await.len(), expected);

    world.advance(TimeDelta::seconds(1));
    for control in [json!({}), json!({ "forget_keys": true }), json!({ "ignore_keys": true })] {
        assert_eq!(world.post("/control", control.clone()).await, StatusCode::OK);
        world.gateway().charge(&order).await.unwrap();
        expected += 1;
        assert_eq!(world.captures(order.attempt).await.len(), expected, "{control}");
    }
}

#[tokio::test]
async fn an_outage_is_an_unknown_outcome_that_the_witness_sees_through() {
    let world = SandboxWorld::start().await;
    let order = charge(1, "tok_visa");
    world.post("/control", json!({ "outage": true })).await;
    assert!(is_unknown(&world.gateway().charge(&order).await));
    assert_eq!(world.summary().await.charges, BTreeMap::new());
    world.post("/control", json!({ "outage": false })).await;
    assert!(world.gateway().charge(&order).await.is_ok());
}

#[tokio::test]
async fn beyond_the_rate_limit_calls_are_refused_until_the_clock_moves_on() {
    let world = SandboxWorld::start_with(|options| options.calls_per_second = Some(2)).await;
    for number in 1..=2 {
        world.gateway().charge(&charge(number, "tok_visa")).await.unwrap();
    }
    let answer = world.gateway().charge(&charge(3, "tok_visa")).await;
    assert!(matches!(answer, Err(GatewayError::RateLimited { .. })), "{answer:?}");
    world.advance(TimeDelta::seconds(1));
    assert!(world.gateway().charge(&charge(3, "tok_visa")).await.is_ok());
}

#[tokio::test]
async fn a_card_that_recovers_does_so_after_its_declines() {
    let world = SandboxWorld::start().await;
    let token = "tok_visa_insufficient_funds_x2_then_ok.ana";
    let mut paid = Vec::new();
    for number in 1..=4 {
        let outcome = world.gateway().charge(&charge(number, token)).await.unwrap();
        paid.push(matches!(outcome, Outcome::Paid(_)));
    }
    assert_eq!(paid, [false, false, true, true]);
}

#[tokio::test]
async fn a_network_that_asks_to_wait_is_heard() {
    let world = SandboxWorld::start().await;
    let outcome = world.gateway().charge(&charge(1, "tok_mastercard_mac_27")).await.unwrap();
    let Outcome::Declined { decline, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(decline.wait_hours, Some(96));
    assert_eq!(decline.response_code.as_deref(), Some("51"));
    assert_eq!(decline.network_advice.as_deref(), Some("27"));
}

#[tokio::test]
async fn what_is_not_decided_yet_can_be_cancelled_and_what_is_cannot() {
    let world = SandboxWorld::start().await;
    for (number, token, status) in [
        (1, "tok_sepa_settles_after_9", StatusCode::OK),
        (2, "tok_visa_action_required", StatusCode::OK),
        (3, "tok_visa", StatusCode::BAD_REQUEST),
        (4, "tok_visa_lost_card", StatusCode::BAD_REQUEST),
    ] {
        let order = charge(number, token);
        world.gateway().charge(&order).await.unwrap();
        let charges = world.ledger().await;
        let charge = charges.last().unwrap();
        let told = world.post(&format!("/v1/charges/{}/cancel", charge.id), json!({})).await;
        assert_eq!(told, status, "{token}");
        if status == StatusCode::OK {
            let found = find(&world, order.attempt).await;
            assert!(matches!(found, Sighting::Found(Outcome::Declined { .. })), "{found:?}");
        }
    }
}

#[tokio::test]
async fn charges_are_listed_in_pages_and_found_by_id() {
    let world = SandboxWorld::start().await;
    for number in 1..=5 {
        world.gateway().charge(&charge(number, "tok_visa")).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut path = "/v1/charges?limit=2".to_owned();
    loop {
        let page: serde_json::Value = world.get(&path).await;
        let ids = page["charges"].as_array().unwrap().iter().map(|charge| charge["id"].clone());
        seen.extend(ids);
        if page["has_more"] == json!(false) {
            break;
        }
        path = format!("/v1/charges?limit=2&after={}", seen.last().unwrap().as_str().unwrap());
    }
    let all: Vec<_> = world.ledger().await.into_iter().map(|charge| json!(charge.id)).collect();
    assert_eq!(seen, all);
    let one: serde_json::Value =
        world.get(&format!("/v1/charges/{}", all[3].as_str().unwrap())).await;
    assert_eq!(one["id"], all[3]);
}

#[tokio::test]
async fn the_summary_adds_up_what_was_taken_and_given_back() {
    let world = SandboxWorld::start().await;
    for (number, token) in [(1, "tok_visa"), (2, "tok_visa"), (3, "tok_visa_lost_card")] {
        world.gateway().charge(&charge(number, token)).await.unwrap();
    }
    let first = world.ledger().await.remove(0);
    world.gateway().refund(&refund(1, &first.id, eur(5_00))).await.unwrap();
    let summary = world.summary().await;
    assert_eq!(summary.captured, BTreeMap::from([("EUR".to_owned(), 40_00)]));
    assert_eq!(summary.refunded, BTreeMap::from([("EUR".to_owned(), 5_00)]));
    assert_eq!(
        summary.charges,
        BTreeMap::from([("succeeded".to_owned(), 2), ("declined".to_owned(), 1)])
    );
    assert_eq!(summary.captured_again, BTreeMap::new());
}

#[tokio::test]
async fn the_ledger_survives_a_restart_and_a_line_torn_by_a_crash() {
    let world = SandboxWorld::start().await;
    let order = charge(1, "tok_visa_insufficient_funds_x1_then_ok.ana");
    let declined = world.gateway().charge(&order).await.unwrap();
    let paid = world.gateway().charge(&charge(2, &order.method_token)).await.unwrap();
    let Outcome::Paid(paid) = paid else { panic!("{paid:?}") };
    world.gateway().refund(&refund(1, &paid.reference, eur(5_00))).await.unwrap();
    world.gateway().charge(&charge(3, "tok_visa_late_success_after_0")).await.unwrap();
    let page = world.gateway().checkout(&checkout(4, false)).await.unwrap();
    let before = (world.summary().await, world.ledger().await);

    let world = world
        .restart(|ledger| {
            let mut file = fs::OpenOptions::new().append(true).open(ledger).unwrap();
            file.write_all("{\"charge\":{\"id\":\"ch_torn\u{fc}".as_bytes()).unwrap();
        })
        .await;
    assert_eq!((world.summary().await, world.ledger().await), before);
    assert_eq!(world.gateway().charge(&order).await.unwrap(), declined);
    let again = world.gateway().checkout(&checkout(4, false)).await.unwrap();
    assert_eq!(again.reference, page.reference);
    let next = world.gateway().charge(&charge(5, &order.method_token)).await.unwrap();
    assert_eq!(paid_amount(&next), eur(20_00));

    let after = world.summary().await;
    let world = world.restart(|_| {}).await;
    assert_eq!(world.summary().await, after);
}

#[tokio::test]
async fn a_damaged_ledger_and_one_that_is_in_use_are_refused() {
    let world = SandboxWorld::start().await;
    let options = world.options();
    let error = SandboxServer::start(options.clone()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);

    drop(world);
    let folder = tempfile::tempdir().unwrap();
    let mut damaged = options;
    damaged.ledger = folder.path().join("ledger.jsonl");
    fs::write(&damaged.ledger, "{\"used\":{\"token\":\"tok_visa\"}}\nnonsense\n").unwrap();
    let error = SandboxServer::start(damaged).await.unwrap_err();
    assert!(error.to_string().starts_with("ledger line 2"), "{error}");
}

#[tokio::test]
async fn one_seed_gives_one_set_of_ids_whatever_the_order_of_calls() {
    let mut ids = Vec::new();
    for numbers in [[1, 2], [2, 1]] {
        let world = SandboxWorld::start().await;
        for number in numbers {
            world.gateway().charge(&charge(number, "tok_visa")).await.unwrap();
        }
        let mut seen: Vec<_> = world.ledger().await.into_iter().map(|charge| charge.id).collect();
        seen.sort();
        ids.push(seen);
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn cards_are_their_own_and_a_card_of_one_customer_is_known_again() {
    use crate::provider::{Visit, setup};
    use rondo::gateway::SetupState;

    let world = SandboxWorld::start().await;
    let mut stored = Vec::new();
    for (page, customer) in [(1, 1), (2, 1), (3, 2)] {
        let mut order = setup(page);
        order.customer = id(customer);
        let page = world.gateway().setup(&order).await.unwrap();
        world.visit(&page, Visit::Chooses(Card::Pays)).await;
        match world.gateway().find_setup(&page.reference).await.unwrap() {
            SetupState::Stored(method) => stored.push(method),
            other => panic!("{other:?}"),
        }
    }
    assert_ne!(stored[0].token, stored[1].token);
    assert_eq!(stored[0].fingerprint, stored[1].fingerprint);
    assert_ne!(stored[0].fingerprint, stored[2].fingerprint);
}
