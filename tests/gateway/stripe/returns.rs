//! Disputes, and refunds that staff made in Stripe's dashboard: told by events, listed at night.

use chrono::TimeDelta;
use rondo::gateway::{Gateway, News, RefundState, ReversalState};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    at, dollars,
    peer::{Peer, Reply},
    scripted::signed,
    stripe,
};

fn refund(id: &str, metadata: &Value) -> Value {
    json!({
        "id": id, "object": "refund", "amount": 500, "currency": "usd", "status": "succeeded",
        "charge": "ch_1", "payment_intent": "pi_1", "metadata": metadata,
    })
}

fn dispute(moved: &[i64]) -> Value {
    let moved: Vec<_> = moved.iter().map(|amount| json!({ "amount": amount })).collect();
    json!({
        "id": "dp_1", "object": "dispute", "amount": 1999, "currency": "usd", "charge": "ch_1",
        "payment_intent": "pi_1", "reason": "fraudulent", "status": "needs_response",
        "balance_transactions": moved, "livemode": false,
    })
}

fn list(data: &[Value], has_more: bool) -> Reply {
    Reply::ok(&json!({ "object": "list", "data": data, "has_more": has_more }))
}

fn event(kind: &str, object: &Value) -> Value {
    json!({
        "id": "evt_1", "object": "event", "type": kind, "livemode": false,
        "data": { "object": object },
    })
}

/// What an event tells, with these answers to what is asked back.
async fn told(kind: &str, object: &Value, answers: Vec<Reply>) -> Vec<News> {
    let peer = Peer::answering(answers).await;
    let now = at("2026-02-28T09:00:00Z");
    let delivery = signed(&event(kind, object), now);
    stripe(&peer.url).parse_webhook(&delivery, now).await.unwrap().news
}

#[rstest]
#[case("charge.dispute.funds_withdrawn", &[-1999], ReversalState::TakenBack)]
#[case("charge.dispute.funds_reinstated", &[-1999, 1999], ReversalState::Reinstated)]
#[tokio::test]
async fn a_dispute_takes_money_and_gives_it_again(
    #[case] kind: &str,
    #[case] moved: &[i64],
    #[case] state: ReversalState,
) {
    let news = told(kind, &dispute(moved), Vec::new()).await;
    let [News::Reversal { charge, reversal, .. }] = &news[..] else { panic!("{news:?}") };
    assert_eq!((charge.as_str(), reversal.reference.as_str()), ("pi_1", "dp_1"));
    assert_eq!((reversal.amount, reversal.state), (dollars(1999), state));
}

#[tokio::test]
async fn a_refunded_charge_tells_of_each_refund_and_whose_it_is() {
    let ours = json!({ "rondo_refund": "ref_00000000000000000000000007" });
    let both = [refund("re_2", &json!({})), refund("re_1", &ours)];
    let charge = json!({ "id": "ch_1", "amount_refunded": 1000, "payment_intent": "pi_1" });
    let news = told("charge.refunded", &charge, vec![list(&both, false)]).await;
    let [News::ForeignRefund(theirs), News::Refund { refund: Some(_), .. }] = &news[..] else {
        panic!("{news:?}")
    };
    assert_eq!((theirs.reference.as_str(), theirs.charge.as_str()), ("re_2", "pi_1"));
    assert_eq!((theirs.amount, theirs.state), (dollars(500), RefundState::Succeeded));
}

#[tokio::test]
async fn what_went_back_is_listed_the_refunds_of_a_month_first_and_then_the_disputes_of_months() {
    let peer = Peer::answering([
        list(&[refund("re_1", &json!({}))], true),
        list(&[refund("re_2", &json!({}))], false),
        list(&[dispute(&[-1999])], false),
    ])
    .await;
    let gateway = stripe(&peer.url);
    let since = at("2026-08-01T00:00:00Z");
    let (mut news, mut after) = (Vec::new(), None);
    loop {
        let page = gateway.returns(since, after.as_deref()).await.unwrap();
        news.extend(page.news);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let [News::ForeignRefund(first), News::ForeignRefund(second), News::Reversal { .. }] =
        &news[..]
    else {
        panic!("{news:?}")
    };
    assert_eq!([&*first.reference, &*second.reference], ["re_1", "re_2"]);
    let calls = peer.calls();
    let paths: Vec<_> = calls.iter().map(|call| call.path.as_str()).collect();
    assert_eq!(paths, ["/v1/refunds", "/v1/refunds", "/v1/disputes"]);
    assert_eq!(calls[1].value("starting_after"), Some("re_1"));
    let from = |call: usize| calls[call].value("created[gte]").unwrap().parse::<i64>().unwrap();
    let a_month_before = (since - TimeDelta::days(30)).timestamp();
    assert_eq!([from(0), from(1)], [a_month_before; 2], "a refund may fail long after it was made");
    assert!(from(2) < from(0), "a dispute may end even longer after it began");
}
