//! The gateway's own pages, walked through as a customer's browser does.

use rondo::gateway::{ChargeTrace, Outcome, SetupState, Sighting};

use crate::provider::{
    Card, Visit, all, charge, checkout, find, is_paid, paid_amount, setup, trace,
};

#[tokio::test]
async fn a_card_stored_on_the_set_up_page_can_be_charged_later() {
    for provider in all().await {
        if !provider.gateway().capabilities().hosted_setup {
            continue;
        }
        let page = provider.gateway().setup(&setup(1)).await.unwrap();
        let state = provider.gateway().find_setup(&page.reference).await.unwrap();
        assert_eq!(state, SetupState::Open);

        provider.visit(&page, Visit::Chooses(Card::Pays)).await;
        let state = provider.gateway().find_setup(&page.reference).await.unwrap();
        let SetupState::Stored(method) = state else { panic!("{state:?}") };
        assert_eq!(method.last_four.len(), 4);

        let mut order = charge(1, &method.token);
        order.customer_reference = method.customer_reference;
        let outcome = provider.gateway().charge(&order).await.unwrap();
        assert_eq!(paid_amount(&outcome), order.amount);
    }
}

#[tokio::test]
async fn one_set_up_asked_for_twice_is_one_page() {
    for provider in all().await {
        if !provider.gateway().capabilities().hosted_setup {
            continue;
        }
        let first = provider.gateway().setup(&setup(1)).await.unwrap();
        let second = provider.gateway().setup(&setup(1)).await.unwrap();
        assert_eq!(first, second);
    }
}

#[tokio::test]
async fn a_set_up_page_that_is_given_up_stores_nothing() {
    for provider in all().await {
        if !provider.gateway().capabilities().hosted_setup {
            continue;
        }
        let page = provider.gateway().setup(&setup(1)).await.unwrap();
        provider.visit(&page, Visit::GivesUp).await;
        let state = provider.gateway().find_setup(&page.reference).await.unwrap();
        assert_eq!(state, SetupState::Failed);
    }
}

#[tokio::test]
async fn a_payment_on_the_checkout_page_is_found_under_its_attempt() {
    for provider in all().await {
        if !provider.gateway().capabilities().hosted_checkout {
            continue;
        }
        for (number, keeps) in [(1, true), (2, false)] {
            let order = checkout(number, keeps);
            let page = provider.gateway().checkout(&order).await.unwrap();
            let waiting = find(&*provider, order.attempt).await;
            assert!(
                matches!(waiting, Sighting::Found(Outcome::ActionRequired { .. })),
                "{waiting:?}"
            );

            provider.visit(&page, Visit::Chooses(Card::Pays)).await;
            let Sighting::Found(Outcome::Paid(paid)) = find(&*provider, order.attempt).await else {
                panic!("the customer has paid");
            };
            assert_eq!(paid.amount, order.amount);
            assert_eq!(paid.method.is_some(), keeps);
            assert_eq!(provider.captures(order.attempt).await, [order.amount]);
        }
    }
}

#[tokio::test]
async fn a_card_that_is_declined_on_the_checkout_page_can_be_replaced_by_a_good_one() {
    for provider in all().await {
        if !provider.gateway().capabilities().hosted_checkout {
            continue;
        }
        let order = checkout(1, false);
        let page = provider.gateway().checkout(&order).await.unwrap();
        provider.visit(&page, Visit::Chooses(Card::LacksFunds)).await;
        let waiting = find(&*provider, order.attempt).await;
        assert!(matches!(waiting, Sighting::Found(Outcome::ActionRequired { .. })), "{waiting:?}");

        provider.visit(&page, Visit::Chooses(Card::Pays)).await;
        assert!(is_paid(&find(&*provider, order.attempt).await));
        assert_eq!(provider.captures(order.attempt).await, [order.amount]);
    }
}

#[tokio::test]
async fn a_customer_who_authenticates_has_paid_and_one_who_refuses_has_not() {
    for provider in all().await {
        if !provider.gateway().capabilities().hosted_checkout {
            continue;
        }
        let card = Card::AsksToAuthenticate;
        for (number, visit, pays) in
            [(1, Visit::ChoosesAndApproves(card), true), (2, Visit::ChoosesAndRefuses(card), false)]
        {
            let order = checkout(number, false);
            let page = provider.gateway().checkout(&order).await.unwrap();
            provider.visit(&page, visit).await;
            assert_eq!(is_paid(&find(&*provider, order.attempt).await), pays, "{visit:?}");
        }
    }
}

#[tokio::test]
async fn a_checkout_that_is_given_up_ends_as_a_decline() {
    for provider in all().await {
        if !provider.gateway().capabilities().hosted_checkout {
            continue;
        }
        let order = checkout(1, false);
        let page = provider.gateway().checkout(&order).await.unwrap();
        provider.visit(&page, Visit::GivesUp).await;
        let found = find(&*provider, order.attempt).await;
        assert!(matches!(found, Sighting::Found(Outcome::Declined { .. })), "{found:?}");
        assert_eq!(provider.captures(order.attempt).await, []);
    }
}

#[tokio::test]
async fn a_page_that_is_ended_takes_no_money_any_more() {
    for provider in all().await {
        let can = provider.gateway().capabilities();
        if !(can.hosted_checkout && can.can_cancel) {
            continue;
        }
        let order = checkout(1, false);
        let page = provider.gateway().checkout(&order).await.unwrap();
        let known = ChargeTrace { reference: Some(page.reference.clone()), ..trace(order.attempt) };
        for _ in 0..2 {
            let ended = provider.gateway().cancel_charge(&known).await.unwrap();
            assert!(matches!(ended, Sighting::Found(Outcome::Declined { .. })), "{ended:?}");
        }
        assert_eq!(provider.captures(order.attempt).await, []);
    }
}

#[tokio::test]
async fn what_was_paid_a_moment_before_its_end_is_told_as_paid() {
    for provider in all().await {
        let can = provider.gateway().capabilities();
        if !(can.hosted_checkout && can.can_cancel) {
            continue;
        }
        let order = checkout(1, false);
        let page = provider.gateway().checkout(&order).await.unwrap();
        provider.visit(&page, Visit::Chooses(Card::Pays)).await;
        let known = ChargeTrace { reference: Some(page.reference.clone()), ..trace(order.attempt) };
        assert!(is_paid(&provider.gateway().cancel_charge(&known).await.unwrap()));
    }
}

#[tokio::test]
async fn a_challenge_that_is_ended_takes_no_money_any_more() {
    for provider in all().await {
        let can_cancel = provider.gateway().capabilities().can_cancel;
        let card = provider.card(Card::WaitsForTheCustomer).filter(|_| can_cancel);
        let Some(token) = card else { continue };
        let order = charge(1, &token);
        let outcome = provider.gateway().charge(&order).await.unwrap();
        let Outcome::ActionRequired { reference, .. } = outcome else { panic!("{outcome:?}") };
        let known = ChargeTrace { reference: Some(reference), ..trace(order.attempt) };
        let ended = provider.gateway().cancel_charge(&known).await.unwrap();
        assert!(matches!(ended, Sighting::Found(Outcome::Declined { .. })), "{ended:?}");
        assert_eq!(provider.captures(order.attempt).await, []);
    }
}

#[tokio::test]
async fn a_charge_that_waits_for_the_customer_goes_on_once_they_confirm() {
    for provider in all().await {
        let Some(token) = provider.card(Card::WaitsForTheCustomer) else { continue };
        let order = charge(1, &token);
        let outcome = provider.gateway().charge(&order).await.unwrap();
        let Outcome::ActionRequired { reference, url: Some(url) } = outcome else {
            panic!("{outcome:?}")
        };
        let page = rondo::gateway::HostedPage { reference, url };
        provider.visit(&page, Visit::ChoosesAndApproves(Card::WaitsForTheCustomer)).await;
        assert!(is_paid(&find(&*provider, order.attempt).await));
    }
}
