//! The gateway's own pages, walked through as a customer's browser does.

use rondo::gateway::{Outcome, SetupState, Sighting};

use crate::provider::{Card, Visit, all, charge, checkout, find, is_paid, paid_amount, setup};

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
