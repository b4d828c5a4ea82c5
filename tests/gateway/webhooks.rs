//! The sandbox's webhooks on their way into the adapter, over a real receiver.

use std::{collections::BTreeSet, time::Duration};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use chrono::TimeDelta;
use rondo::gateway::{
    Delivery, News, Outcome, RefundOutcome, RefundState, ReversalState, WebhookError,
    sandbox::server::WebhookOptions,
};
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

use crate::{
    provider::{Card, Provider, Visit, charge, eur, id, now, refund, setup},
    sandbox::SandboxWorld,
};

struct Receiver(mpsc::UnboundedReceiver<Delivery>);

impl Receiver {
    async fn next(&mut self) -> Delivery {
        timeout(Duration::from_secs(30), self.0.recv()).await.unwrap().unwrap()
    }
}

/// A sandbox that sends its webhooks to a receiver, which refuses the first `refusals` of them.
async fn listening(refusals: usize, max_delay: Duration) -> (SandboxWorld, Receiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let taken = move |State(left): State<std::sync::Arc<std::sync::Mutex<usize>>>,
                      headers: HeaderMap,
                      body: Bytes| {
        let sender = sender.clone();
        async move {
            {
                let mut left = left.lock().unwrap();
                if *left > 0 {
                    *left -= 1;
                    return StatusCode::SERVICE_UNAVAILABLE;
                }
            }
            let headers = headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect();
            sender.send(Delivery { headers, body: body.to_vec() }).unwrap();
            StatusCode::OK
        }
    };
    let routes = Router::new()
        .route("/hooks", post(taken))
        .with_state(std::sync::Arc::new(std::sync::Mutex::new(refusals)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let world = SandboxWorld::start_with(|options| {
        options.webhooks = Some(WebhookOptions { url, secret: "whsec_old".into(), max_delay });
    })
    .await;
    (world, Receiver(receiver))
}

#[tokio::test]
async fn a_charge_is_told_by_webhook_as_the_look_up_tells_it() {
    let (world, mut hooks) = listening(0, Duration::ZERO).await;
    for (number, token) in [
        (1, "tok_visa"),
        (2, "tok_visa_lost_card"),
        (3, "tok_sepa_settles_after_9"),
        (4, "tok_visa_action_required"),
    ] {
        let order = charge(number, token);
        let told = world.gateway().charge(&order).await.unwrap();
        let news = loop {
            let read = world.gateway().parse_webhook(&hooks.next().await, now()).await.unwrap();
            let [news] = <[News; 1]>::try_from(read.news).unwrap();
            // An earlier charge's second delivery may come in between.
            if matches!(&news, News::Charge { attempt, .. } if *attempt == Some(order.attempt)) {
                break news;
            }
        };
        let News::Charge { outcome, .. } = news else { panic!("{news:?}") };
        assert_eq!(outcome, told);
    }
}

#[tokio::test]
async fn a_late_success_is_told_after_its_decline() {
    let (world, mut hooks) = listening(0, Duration::ZERO).await;
    let order = charge(1, "tok_visa_late_success_after_0");
    let told = world.gateway().charge(&order).await.unwrap();
    assert!(matches!(told, Outcome::Declined { .. }));
    let mut events = BTreeSet::new();
    let mut statuses = BTreeSet::new();
    while statuses.len() < 2 {
        let read = world.gateway().parse_webhook(&hooks.next().await, now()).await.unwrap();
        let [News::Charge { outcome, .. }] = &read.news[..] else { panic!("{read:?}") };
        statuses.insert(matches!(outcome, Outcome::Paid(_)));
        events.insert(read.event_id);
    }
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn refunds_and_stored_cards_are_told_too() {
    let (world, mut hooks) = listening(0, Duration::ZERO).await;
    let Outcome::Paid(paid) = world.gateway().charge(&charge(1, "tok_visa")).await.unwrap() else {
        panic!("a good card pays");
    };
    world.gateway().refund(&refund(1, &paid.reference, eur(5_00))).await.unwrap();
    let page = world.gateway().setup(&setup(1)).await.unwrap();
    world.visit(&page, Visit::Chooses(Card::Pays)).await;

    let (mut refunded, mut stored) = (false, false);
    while !(refunded && stored) {
        let read = world.gateway().parse_webhook(&hooks.next().await, now()).await.unwrap();
        for news in read.news {
            match news {
                News::Refund { refund, outcome } => {
                    assert_eq!(refund, Some(id(1)));
                    assert!(matches!(outcome, RefundOutcome::Refunded { .. }));
                    refunded = true;
                }
                News::Setup { reference } => {
                    assert_eq!(reference, page.reference);
                    stored = true;
                }
                News::Charge { .. }
                | News::ForeignRefund(_)
                | News::Reversal { .. }
                | News::MethodUpdated(_) => {}
            }
        }
    }
}

#[tokio::test]
async fn what_goes_back_without_an_order_is_told_listed_and_outlives_a_restart() {
    let (world, mut hooks) = listening(0, Duration::ZERO).await;
    let order = charge(1, "tok_sepa");
    world.gateway().charge(&order).await.unwrap();
    let wish = json!({ "charge": order.attempt.to_string(), "amount": 1_200, "reason": "rc_md06" });
    assert_eq!(world.post("/control/take-back", wish).await, StatusCode::OK);
    let wish = json!({ "charge": order.attempt.to_string(), "amount": 300 });
    assert_eq!(world.post("/control/refund", wish).await, StatusCode::OK);
    // No more than what is left goes back, whoever wants it.
    let wish = json!({ "charge": order.attempt.to_string(), "amount": 501 });
    for what in ["take-back", "refund"] {
        let path = format!("/control/{what}");
        assert_eq!(world.post(&path, wish.clone()).await, StatusCode::BAD_REQUEST);
    }

    let mut told = Vec::new();
    while told.len() < 2 {
        let read = world.gateway().parse_webhook(&hooks.next().await, now()).await.unwrap();
        let went_back =
            |news: &News| matches!(news, News::Reversal { .. } | News::ForeignRefund(_));
        told.extend(read.news.into_iter().filter(went_back));
        told.sort_by_key(|news| matches!(news, News::ForeignRefund(_)));
        told.dedup();
    }
    let [News::Reversal { attempt, reversal, .. }, News::ForeignRefund(refund)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((*attempt, refund.attempt), (Some(order.attempt), Some(order.attempt)));
    assert_eq!((reversal.amount, reversal.state), (eur(1_200), ReversalState::TakenBack));
    assert_eq!(reversal.why.response_code.as_deref(), Some("MD06"));
    assert_eq!((refund.amount, refund.state), (eur(300), RefundState::Succeeded));

    let listed = world.gateway().returns(now() - TimeDelta::days(1), None).await.unwrap();
    assert_eq!((listed.news, listed.next), (told.clone(), None));
    let later = world.gateway().returns(now() + TimeDelta::days(1), None).await.unwrap();
    assert_eq!(later.news, []);
    let taken = world.gateway().statement(now() - TimeDelta::days(1), None).await.unwrap().takings;
    assert_eq!((taken[0].returned, taken[0].taken_back), (eur(300), Some(eur(1_200))));

    let won = json!({ "reversal": reversal.reference });
    assert_eq!(world.post("/control/reinstate", won.clone()).await, StatusCode::OK);
    assert_eq!(world.post("/control/reinstate", won).await, StatusCode::BAD_REQUEST);
    let ledger = world.ledger().await;
    assert_eq!((ledger[0].captured, ledger[0].refunded, ledger[0].reversed), (2_000, 300, 0));
    let before = (world.summary().await, ledger);
    let world = world.restart(|_| {}).await;
    assert_eq!((world.summary().await, world.ledger().await), before);
    let listed = world.gateway().returns(now() - TimeDelta::days(1), None).await.unwrap();
    let states = listed.news.iter().filter_map(|news| match news {
        News::Reversal { reversal, .. } => Some(reversal.state),
        _ => None,
    });
    // As often as it changed, each time as it stands now.
    assert_eq!(states.collect::<Vec<_>>(), [ReversalState::Reinstated; 2]);
}

#[tokio::test]
async fn webhooks_come_in_another_order_and_some_come_twice() {
    let (world, mut hooks) = listening(0, Duration::from_millis(400)).await;
    let count = 12;
    for number in 1..=count {
        world.gateway().charge(&charge(number, "tok_visa")).await.unwrap();
    }
    let sent: Vec<_> = (1..=count).map(|number| Some(id(number))).collect();
    let mut came = Vec::new();
    let mut deliveries = 0;
    while came.len() < sent.len() || deliveries == came.len() {
        let read = world.gateway().parse_webhook(&hooks.next().await, now()).await.unwrap();
        let [News::Charge { attempt, .. }] = read.news[..] else { panic!("{read:?}") };
        deliveries += 1;
        if !came.contains(&attempt) {
            came.push(attempt);
        }
    }
    assert_ne!(came, sent, "in the order of the charges");
}

#[tokio::test]
async fn a_webhook_that_is_refused_comes_again() {
    let (world, mut hooks) = listening(1, Duration::ZERO).await;
    let order = charge(1, "tok_visa");
    world.gateway().charge(&order).await.unwrap();
    let read = world.gateway().parse_webhook(&hooks.next().await, now()).await.unwrap();
    assert!(matches!(&read.news[..], [News::Charge { attempt: Some(attempt), .. }]
        if *attempt == order.attempt));
}

#[tokio::test]
async fn a_forged_an_altered_an_old_and_an_unsigned_webhook_are_not_believed() {
    let (world, mut hooks) = listening(0, Duration::ZERO).await;
    world.gateway().charge(&charge(1, "tok_visa")).await.unwrap();
    let genuine = hooks.next().await;
    assert!(world.gateway().parse_webhook(&genuine, now()).await.is_ok());

    let mut altered = genuine.clone();
    altered.body.push(b' ');
    let mut unsigned = genuine.clone();
    unsigned.headers.clear();
    let mut forged = genuine.clone();
    for (name, value) in &mut forged.headers {
        if name == "sandbox-signature" {
            let (time, _) = value.split_once(',').unwrap();
            *value = format!("{time},v1={}", "ab".repeat(32));
        }
    }
    let later = now() + TimeDelta::seconds(301);
    for (delivery, at) in [(altered, now()), (unsigned, now()), (forged, now()), (genuine, later)] {
        let answer = world.gateway().parse_webhook(&delivery, at).await;
        assert!(matches!(answer, Err(WebhookError::Signature)), "{answer:?}");
    }
}
