//! Charges, look-ups and refunds: what the engine relies on at every gateway.

use chrono::TimeDelta;
use rondo::{
    domain::money::Money,
    gateway::{
        GatewayError, Idempotency, Lookup, Outcome, RefundOutcome, RefundSighting, Sighting, Taking,
    },
};

use crate::provider::{
    Card, all, charge, eur, find, id, is_paid, is_unknown, now, paid_amount, refund,
};

#[tokio::test]
async fn a_good_card_is_charged_the_amount_of_the_order() {
    for provider in all().await {
        let order = charge(1, &provider.card(Card::Pays).unwrap());
        let outcome = provider.gateway().charge(&order).await.unwrap();
        assert_eq!(paid_amount(&outcome), order.amount);
        assert_eq!(provider.captures(order.attempt).await, [order.amount]);
        assert_eq!(find(&*provider, order.attempt).await, Sighting::Found(outcome));
    }
}

#[tokio::test]
async fn one_key_is_one_charge_however_often_it_is_sent() {
    for provider in all().await {
        let order = charge(1, &provider.card(Card::Pays).unwrap());
        let first = provider.gateway().charge(&order).await.unwrap();
        let second = provider.gateway().charge(&order).await;
        match provider.gateway().capabilities().idempotency {
            Idempotency::FrozenReplay { .. }
            | Idempotency::LatestState { .. }
            | Idempotency::ClientNamed => assert_eq!(second.unwrap(), first),
            Idempotency::UniqueReference | Idempotency::DuplicateWindow { .. } => {
                assert!(is_unknown(&second), "{second:?}");
            }
            Idempotency::None => continue,
        }
        assert_eq!(provider.captures(order.attempt).await, [order.amount]);
    }
}

#[tokio::test]
async fn one_key_sent_many_times_at_once_is_one_charge() {
    for provider in all().await {
        if provider.gateway().capabilities().idempotency == Idempotency::None {
            continue;
        }
        let order = charge(1, &provider.card(Card::Pays).unwrap());
        let calls = (0..12).map(|_| provider.gateway().charge(&order));
        for answer in futures::future::join_all(calls).await {
            assert!(is_unknown(&answer) || matches!(answer, Ok(Outcome::Paid(_))), "{answer:?}");
        }
        assert_eq!(provider.captures(order.attempt).await, [order.amount]);
    }
}

#[tokio::test]
async fn a_decline_stays_what_it_was_for_its_own_key() {
    for provider in all().await {
        let Idempotency::FrozenReplay { .. } = provider.gateway().capabilities().idempotency else {
            continue;
        };
        let order = charge(1, &provider.card(Card::LacksFunds).unwrap());
        let first = provider.gateway().charge(&order).await.unwrap();
        assert!(matches!(first, Outcome::Declined { .. }), "{first:?}");
        assert_eq!(provider.gateway().charge(&order).await.unwrap(), first);
    }
}

#[tokio::test]
async fn a_key_with_another_order_is_refused() {
    for provider in all().await {
        let Idempotency::FrozenReplay { .. } = provider.gateway().capabilities().idempotency else {
            continue;
        };
        let order = charge(1, &provider.card(Card::Pays).unwrap());
        provider.gateway().charge(&order).await.unwrap();
        let mut dearer = order.clone();
        dearer.amount = eur(30_00);
        let answer = provider.gateway().charge(&dearer).await;
        assert!(matches!(answer, Err(GatewayError::Rejected { .. })), "{answer:?}");
        assert_eq!(provider.captures(order.attempt).await, [order.amount]);
    }
}

#[tokio::test]
async fn every_decline_is_understood_and_takes_nothing() {
    for provider in all().await {
        for (number, (token, class)) in (1..).zip(provider.declining_cards()) {
            let order = charge(number, &token);
            match provider.gateway().charge(&order).await.unwrap() {
                Outcome::Declined { decline, .. } => assert_eq!(decline.class, class, "{token}"),
                other => panic!("{token} was not declined: {other:?}"),
            }
            assert_eq!(provider.captures(order.attempt).await, [], "{token}");
        }
    }
}

#[tokio::test]
async fn a_charge_whose_answer_was_lost_is_unknown_and_then_found() {
    for provider in all().await {
        for (number, card) in
            (1..).zip([Card::LosesTheReply, Card::FailsAfterCharging, Card::AnswersGibberish])
        {
            let Some(token) = provider.card(card) else { continue };
            let order = charge(number, &token);
            let answer = provider.gateway().charge(&order).await;
            assert!(is_unknown(&answer), "{card:?}: {answer:?}");
            if provider.gateway().capabilities().lookup == Lookup::ByReference {
                assert!(is_paid(&find(&*provider, order.attempt).await), "{card:?}");
            }
            assert_eq!(provider.captures(order.attempt).await, [order.amount], "{card:?}");
        }
    }
}

#[tokio::test]
async fn a_charge_that_was_lost_on_its_way_is_unknown_and_not_found_and_can_be_sent_again() {
    for provider in all().await {
        for (number, card) in (1..).zip([Card::LosesTheRequest, Card::FailsBeforeCharging]) {
            let Some(token) = provider.card(card) else { continue };
            let order = charge(number, &token);
            let answer = provider.gateway().charge(&order).await;
            assert!(is_unknown(&answer), "{card:?}: {answer:?}");
            assert_eq!(find(&*provider, order.attempt).await, Sighting::NotFound, "{card:?}");

            let resent = provider.gateway().charge(&order).await.unwrap();
            assert_eq!(paid_amount(&resent), order.amount, "{card:?}");
            assert_eq!(provider.captures(order.attempt).await, [order.amount], "{card:?}");
        }
    }
}

#[tokio::test]
async fn a_duplicate_is_no_decline_but_a_reason_to_look() {
    for provider in all().await {
        let Some(token) = provider.card(Card::AnswersDuplicate) else { continue };
        let order = charge(1, &token);
        let answer = provider.gateway().charge(&order).await;
        assert!(is_unknown(&answer), "{answer:?}");
        assert!(is_paid(&find(&*provider, order.attempt).await));
    }
}

#[tokio::test]
async fn a_gateway_that_asks_to_slow_down_has_done_nothing() {
    for provider in all().await {
        let Some(token) = provider.card(Card::IsRateLimitedOnce) else { continue };
        let order = charge(1, &token);
        let answer = provider.gateway().charge(&order).await;
        assert!(
            matches!(answer, Err(GatewayError::RateLimited { retry_after: Some(_) })),
            "{answer:?}"
        );
        assert_eq!(provider.captures(order.attempt).await, []);
        assert!(provider.gateway().charge(&order).await.is_ok());
    }
}

#[tokio::test]
async fn what_was_really_taken_is_told_even_if_it_is_not_what_was_ordered() {
    for provider in all().await {
        let Some(token) = provider.card(Card::TakesTooLittle) else { continue };
        let order = charge(1, &token);
        let outcome = provider.gateway().charge(&order).await.unwrap();
        assert_ne!(paid_amount(&outcome), order.amount);
        assert_eq!(provider.captures(order.attempt).await, [paid_amount(&outcome)]);
    }
}

#[tokio::test]
async fn what_is_answered_later_is_pending_until_a_look_up_finds_its_end() {
    for provider in all().await {
        if !provider.gateway().capabilities().answers_later {
            continue;
        }
        for (number, card, pays) in [(1, Card::SettlesLater, true), (2, Card::FailsLater, false)] {
            let Some(token) = provider.card(card) else { continue };
            let order = charge(number, &token);
            let outcome = provider.gateway().charge(&order).await.unwrap();
            assert!(matches!(outcome, Outcome::Pending { .. }), "{outcome:?}");
            let mut found = find(&*provider, order.attempt).await;
            if matches!(found, Sighting::Found(Outcome::Pending { .. })) {
                found = find(&*provider, order.attempt).await;
            }
            assert_eq!(is_paid(&found), pays, "{found:?}");
        }
    }
}

#[tokio::test]
async fn a_decline_can_turn_out_paid_where_the_gateway_says_so() {
    for provider in all().await {
        let late_success = provider.gateway().capabilities().late_success;
        let Some(token) = provider.card(Card::SucceedsAfterItsDecline) else {
            assert!(!late_success, "claimed, so it must be shown");
            continue;
        };
        let order = charge(1, &token);
        let outcome = provider.gateway().charge(&order).await.unwrap();
        assert!(matches!(outcome, Outcome::Declined { .. }), "{outcome:?}");
        assert!(is_paid(&find(&*provider, order.attempt).await));
    }
}

#[tokio::test]
async fn what_was_taken_is_listed_with_what_went_back_of_it() {
    for provider in all().await {
        let gateway = provider.gateway();
        if !gateway.capabilities().has_statement {
            continue;
        }
        let mut paid = Vec::new();
        for number in 1..=3 {
            let order = charge(number, &provider.card(Card::Pays).unwrap());
            let Outcome::Paid(told) = gateway.charge(&order).await.unwrap() else {
                panic!("it is paid")
            };
            paid.push((order, told));
        }
        let (declining, _) = provider.declining_cards().remove(0);
        gateway.charge(&charge(4, &declining)).await.unwrap();
        let back = eur(500);
        gateway.refund(&refund(9, &paid[1].1.reference, back)).await.unwrap();

        let since = now() - TimeDelta::days(1);
        let mut statement = gateway.statement(since, None).await.unwrap();
        assert_eq!(statement.next, None);
        // Nothing, where the list says so at all.
        for taking in &mut statement.takings {
            let taken_back = taking.taken_back.take();
            assert!(taken_back.is_none_or(Money::is_zero), "{taking:?}");
        }
        let expected: Vec<_> = paid
            .iter()
            .map(|(order, told)| Taking {
                attempt: Some(order.attempt),
                reference: told.reference.clone(),
                amount: order.amount,
                returned: if told.reference == paid[1].1.reference { back } else { eur(0) },
                taken_back: None,
            })
            .collect();
        assert_eq!(statement.takings, expected);
        let later = gateway.statement(now() + TimeDelta::days(1), None).await.unwrap();
        assert_eq!(later.takings, []);
    }
}

#[tokio::test]
async fn parts_of_a_charge_go_back_until_nothing_is_left() {
    for provider in all().await {
        if !provider.gateway().capabilities().partial_refunds {
            continue;
        }
        let order = charge(1, &provider.card(Card::Pays).unwrap());
        let Outcome::Paid(paid) = provider.gateway().charge(&order).await.unwrap() else {
            panic!("a good card pays");
        };
        for (number, amount, goes_back) in
            [(1, 5_00, true), (2, 15_01, false), (3, 15_00, true), (4, 1, false)]
        {
            let part = refund(number, &paid.reference, eur(amount));
            let outcome = provider.gateway().refund(&part).await.unwrap();
            let refunded = matches!(outcome, RefundOutcome::Refunded { .. });
            assert_eq!(refunded, goes_back, "{amount}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn one_refund_sent_twice_goes_back_once() {
    for provider in all().await {
        let order = charge(1, &provider.card(Card::Pays).unwrap());
        let Outcome::Paid(paid) = provider.gateway().charge(&order).await.unwrap() else {
            panic!("a good card pays");
        };
        let half = refund(1, &paid.reference, eur(10_00));
        let first = provider.gateway().refund(&half).await.unwrap();
        assert_eq!(provider.gateway().refund(&half).await.unwrap(), first);
        assert_eq!(
            provider.gateway().find_refund(&half).await.unwrap(),
            RefundSighting::Found(first)
        );
        let rest = refund(2, &paid.reference, eur(10_00));
        let rest = provider.gateway().refund(&rest).await.unwrap();
        assert!(matches!(rest, RefundOutcome::Refunded { .. }), "{rest:?}");
    }
}

#[tokio::test]
async fn a_refund_whose_answer_was_lost_is_found() {
    for provider in all().await {
        let Some(token) = provider.card(Card::LosesTheRefundsReply) else { continue };
        let Outcome::Paid(paid) = provider.gateway().charge(&charge(1, &token)).await.unwrap()
        else {
            panic!("the card pays");
        };
        let whole = refund(1, &paid.reference, eur(20_00));
        let unsent = provider.gateway().find_refund(&whole).await.unwrap();
        assert_eq!(unsent, RefundSighting::NotFound);
        let answer = provider.gateway().refund(&whole).await;
        assert!(is_unknown(&answer), "{answer:?}");
        let found = provider.gateway().find_refund(&whole).await.unwrap();
        assert!(matches!(found, RefundSighting::Found(RefundOutcome::Refunded { .. })));
    }
}

#[tokio::test]
async fn a_refund_can_be_refused_or_take_its_time() {
    for provider in all().await {
        for (number, card) in [(1, Card::RefusesRefunds), (2, Card::RefundsLater)] {
            let Some(token) = provider.card(card) else { continue };
            let outcome = provider.gateway().charge(&charge(number, &token)).await.unwrap();
            let Outcome::Paid(paid) = outcome else { panic!("{outcome:?}") };
            let whole = refund(number, &paid.reference, eur(20_00));
            let told = provider.gateway().refund(&whole).await.unwrap();
            let found = provider.gateway().find_refund(&whole).await.unwrap();
            match told {
                RefundOutcome::Pending { reference } if card == Card::RefundsLater => {
                    let done = RefundOutcome::Refunded { reference };
                    assert_eq!(found, RefundSighting::Found(done));
                }
                RefundOutcome::Failed { .. } if card == Card::RefusesRefunds => {
                    assert_eq!(found, RefundSighting::Found(told));
                }
                other => panic!("{card:?}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn an_order_for_a_card_that_does_not_exist_is_rejected_and_leaves_nothing() {
    for provider in all().await {
        let order = charge(1, "4242424242424242");
        let answer = provider.gateway().charge(&order).await;
        assert!(matches!(answer, Err(GatewayError::Rejected { .. })), "{answer:?}");
        assert_eq!(find(&*provider, id(1)).await, Sighting::NotFound);
    }
}
