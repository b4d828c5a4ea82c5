//! Labels: what a portal keeps with its objects, and finds them by.

use std::{collections::BTreeMap, slice::from_ref};

use rondo::grpc::proto::v1::{
    self, invoices_service_client::InvoicesServiceClient,
    subscriptions_service_client::SubscriptionsServiceClient,
};
use rstest::rstest;

use crate::{
    bad_input::{Row, check, fields, mask, once, stale},
    given,
    portal::{Portal, euro, monthly},
    support::Engine::{self, Postgres, Sqlite},
};

fn words(words: &[(&str, &str)]) -> BTreeMap<String, String> {
    words.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[rstest]
#[tokio::test]
async fn labels_of_a_plan_are_kept_replaced_and_found(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let mut plans = portal.plans();
    let create = |labels| v1::CreatePlanRequest {
        plan: Some(v1::Plan {
            display_name: "Monthly".to_owned(),
            terms: Some(monthly(2_000)),
            labels,
            ..Default::default()
        }),
        ..Default::default()
    };
    let told = words(&[("course/level", "beginner"), ("team", "Zoë \"Z\" 'ß'\n{}")]);
    let made = plans.create_plan(portal.ask(create(told.clone()))).await.unwrap().into_inner();
    assert_eq!(made.labels, told);
    plans.create_plan(portal.ask(create(BTreeMap::new()))).await.unwrap();

    let found = async |labels| {
        let list = v1::ListPlansRequest { labels, ..Default::default() };
        let listed = portal.plans().list_plans(portal.ask(list)).await.unwrap().into_inner();
        listed.plans.into_iter().map(|plan| plan.name).collect::<Vec<_>>()
    };
    assert_eq!(found(BTreeMap::new()).await.len(), 2);
    for (labels, is_found) in [
        (told.clone(), true),
        (words(&[("team", "Zoë \"Z\" 'ß'\n{}")]), true),
        (words(&[("course/level", "expert")]), false),
        (words(&[("course/level", "beginner"), ("team", "A")]), false),
        (words(&[("course", "beginner")]), false),
        (words(&[("other", "")]), false),
    ] {
        let expected: &[&String] = if is_found { &[&made.name] } else { &[] };
        assert_eq!(found(labels.clone()).await.iter().collect::<Vec<_>>(), expected, "{labels:?}");
    }

    let update = |etag: &str, labels, paths: &[&str]| v1::UpdatePlanRequest {
        plan: Some(v1::Plan {
            name: made.name.clone(),
            etag: etag.to_owned(),
            labels,
            ..Default::default()
        }),
        update_mask: mask(paths),
        ..Default::default()
    };
    let fewer = words(&[("team", "A")]);
    let request = update(&made.etag, fewer.clone(), &[]);
    let updated = plans.update_plan(portal.ask(request)).await.unwrap().into_inner().plan.unwrap();
    assert_eq!((updated.labels.clone(), updated.current_version), (fewer, 1));
    assert_eq!(found(words(&[("team", "A")])).await, from_ref(&made.name));
    // Without a mask what is empty stays; by the mask it goes.
    let request = update(&updated.etag, BTreeMap::new(), &["labels"]);
    let updated = plans.update_plan(portal.ask(request)).await.unwrap().into_inner().plan.unwrap();
    assert_eq!(updated.labels, BTreeMap::new());
}

#[rstest]
#[tokio::test]
async fn labels_of_a_customer_are_kept_replaced_and_found(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let mut customers = portal.customers();
    let create = v1::CreateCustomerRequest {
        customer: Some(v1::Customer {
            email: "ana@example.org".to_owned(),
            display_name: "Ana".to_owned(),
            labels: words(&[("campus", "Lisbon")]),
            ..Default::default()
        }),
        ..Default::default()
    };
    let ana = customers.create_customer(portal.ask(create)).await.unwrap().into_inner();
    portal.world.member("Bo", "tok_visa_ok").await;
    let found = async |labels| {
        let list = v1::ListCustomersRequest { labels, ..Default::default() };
        let listed = portal.customers().list_customers(portal.ask(list)).await.unwrap();
        listed.into_inner().customers.into_iter().map(|found| found.name).collect::<Vec<_>>()
    };
    assert_eq!(found(words(&[("campus", "Lisbon")])).await, from_ref(&ana.name));
    let update = v1::UpdateCustomerRequest {
        customer: Some(v1::Customer {
            name: ana.name.clone(),
            labels: words(&[("campus", "Porto")]),
            ..Default::default()
        }),
        ..Default::default()
    };
    let moved = customers.update_customer(portal.ask(update)).await.unwrap().into_inner();
    assert_eq!((moved.labels, moved.display_name.as_str()), (words(&[("campus", "Porto")]), "Ana"));
    assert!(found(words(&[("campus", "Lisbon")])).await.is_empty());
    assert_eq!(found(words(&[("campus", "Porto")])).await, [ana.name]);
}

#[rstest]
#[tokio::test]
async fn labels_of_a_subscription_and_of_an_invoice_change_nothing_else(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let plan = portal.plan("Monthly", 2_000).await;
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let customer = format!("customers/{}", ana.id);
    let mut subscriptions = SubscriptionsServiceClient::new(portal.channel.clone());
    let request = v1::CreateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            customer: customer.clone(),
            plan: plan.name,
            labels: words(&[("cohort", "spring")]),
            ..Default::default()
        }),
        request_id: once(),
        ..Default::default()
    };
    let begun = subscriptions.create_subscription(portal.ask(request)).await.unwrap().into_inner();
    assert_eq!(begun.labels, words(&[("cohort", "spring")]));
    let mut invoices = InvoicesServiceClient::new(portal.channel.clone());
    let request = v1::CreateInvoiceRequest {
        invoice: Some(v1::Invoice {
            customer,
            lines: vec![v1::invoice::Line {
                label: "Rust in a week".to_owned(),
                unit_price: Some(euro(4_900)),
                ..Default::default()
            }],
            labels: words(&[("order", "1017")]),
            ..Default::default()
        }),
        request_id: once(),
        ..Default::default()
    };
    let bought = invoices.create_invoice(portal.ask(request)).await.unwrap().into_inner();
    assert_eq!(bought.labels, words(&[("order", "1017")]));

    // They stay through renewals and payments.
    portal.world.advance_to("2026-03-01").await;
    let list = v1::ListSubscriptionsRequest {
        labels: words(&[("cohort", "spring")]),
        ..Default::default()
    };
    let listed = subscriptions.list_subscriptions(portal.ask(list)).await.unwrap().into_inner();
    let [renewed] = &listed.subscriptions[..] else { panic!("{listed:?}") };
    let list =
        v1::ListInvoicesRequest { labels: words(&[("order", "1017")]), ..Default::default() };
    let listed = invoices.list_invoices(portal.ask(list)).await.unwrap().into_inner();
    let [paid] = &listed.invoices[..] else { panic!("{listed:?}") };
    assert_eq!((paid.name.as_str(), paid.state()), (&*bought.name, v1::invoice::State::Paid));

    let request = v1::UpdateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            name: renewed.name.clone(),
            etag: renewed.etag.clone(),
            labels: words(&[("cohort", "autumn")]),
            ..Default::default()
        }),
        ..Default::default()
    };
    let updated = subscriptions.update_subscription(portal.ask(request)).await.unwrap();
    let updated = updated.into_inner();
    let expected = v1::Subscription {
        etag: updated.etag.clone(),
        labels: words(&[("cohort", "autumn")]),
        ..renewed.clone()
    };
    assert_eq!(updated, expected);
    let request = v1::UpdateInvoiceRequest {
        invoice: Some(v1::Invoice {
            name: paid.name.clone(),
            etag: paid.etag.clone(),
            ..Default::default()
        }),
        update_mask: mask(&["*"]),
        ..Default::default()
    };
    let updated = invoices.update_invoice(portal.ask(request)).await.unwrap().into_inner();
    let expected =
        v1::Invoice { etag: updated.etag.clone(), labels: BTreeMap::new(), ..paid.clone() };
    assert_eq!(updated, expected);

    let list = v1::ListEventsRequest {
        types: vec!["subscription.updated".to_owned(), "invoice.updated".to_owned()],
        ..Default::default()
    };
    let events = portal.events().list_events(portal.ask(list)).await.unwrap().into_inner().events;
    let kinds: Vec<_> = events.iter().map(|event| event.r#type.as_str()).collect();
    assert_eq!(kinds, ["subscription.updated", "invoice.updated"]);
}

#[rstest]
#[tokio::test]
async fn each_bad_label_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let key = |key: &str| {
        format!(
            "must have keys of 1 to 40 letters without accents, digits, `_`, `-`, `.` and `/`, of \
             which the first is a letter or a digit; not `{key}`"
        )
    };
    let many = (0..65).map(|n| (n.to_string(), String::new())).collect();
    let long = "x".repeat(501);
    let card = words(&[("note", "my card is 4111 1111 1111 1111")]);
    let card_told = "must not hold a card number; send the gateway's token instead";
    for (labels, field, told) in [
        (many, "labels", "must hold at most 64".to_owned()),
        (words(&[("", "x")]), "labels", key("")),
        (words(&[("$.a", "x")]), "labels", key("$.a")),
        (words(&[("Größe", "x")]), "labels", key("Größe")),
        (words(&[(&"k".repeat(41), "x")]), "labels", key(&"k".repeat(40))),
        (
            words(&[("note", &long)]),
            "labels",
            "must have values of at most 500 characters, also under `note`".to_owned(),
        ),
        (card, "labels[0].value", card_told.to_owned()),
        (words(&[("4111111111111111", "x")]), "labels[0].key", card_told.to_owned()),
    ] {
        let row = |method: &str, request: &dyn Fn() -> Row| (method.to_owned(), request());
        let told = told.as_str();
        let within = |outer: &str| format!("{outer}.{field}");
        let plan = v1::Plan {
            display_name: "Monthly".to_owned(),
            terms: Some(monthly(2_000)),
            labels: labels.clone(),
            ..Default::default()
        };
        let customer = v1::Customer {
            email: "eve@example.org".to_owned(),
            display_name: "Eve".to_owned(),
            labels: labels.clone(),
            ..Default::default()
        };
        let subscription = v1::Subscription {
            name: names.subscription.clone(),
            etag: "\"1\"".to_owned(),
            labels: labels.clone(),
            ..Default::default()
        };
        let invoice = v1::Invoice {
            name: names.invoice.clone(),
            etag: "\"1\"".to_owned(),
            labels: labels.clone(),
            ..Default::default()
        };
        let rows = [
            row("PlansService", &|| {
                let request =
                    v1::CreatePlanRequest { plan: Some(plan.clone()), ..Default::default() };
                fields("CreatePlan", &request, &[(&within("plan"), told)])
            }),
            row("PlansService", &|| {
                let request = v1::ListPlansRequest { labels: labels.clone(), ..Default::default() };
                fields("ListPlans", &request, &[(field, told)])
            }),
            row("CustomersService", &|| {
                let customer = Some(customer.clone());
                let request = v1::CreateCustomerRequest { customer, ..Default::default() };
                fields("CreateCustomer", &request, &[(&within("customer"), told)])
            }),
            row("SubscriptionsService", &|| {
                let subscription = Some(subscription.clone());
                let request = v1::UpdateSubscriptionRequest { subscription, ..Default::default() };
                fields("UpdateSubscription", &request, &[(&within("subscription"), told)])
            }),
            row("InvoicesService", &|| {
                let invoice = Some(invoice.clone());
                let request = v1::UpdateInvoiceRequest { invoice, ..Default::default() };
                fields("UpdateInvoice", &request, &[(&within("invoice"), told)])
            }),
        ];
        for (service, row) in rows {
            check(&portal, &service, vec![row]).await;
        }
    }
}

#[rstest]
#[tokio::test]
async fn nothing_but_labels_is_updated_of_a_subscription_or_an_invoice(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let get = v1::GetSubscriptionRequest { name: names.subscription.clone() };
    let mut subscriptions = SubscriptionsServiceClient::new(portal.channel.clone());
    let known = subscriptions.get_subscription(portal.ask(get)).await.unwrap().into_inner();
    let update = |etag: &str, path: &str| v1::UpdateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            name: names.subscription.clone(),
            etag: etag.to_owned(),
            quantity: 9,
            ..Default::default()
        }),
        update_mask: mask(&[path]),
        ..Default::default()
    };
    let ask = portal.ask(update(&known.etag, "quantity"));
    let updated = subscriptions.update_subscription(ask).await.unwrap().into_inner();
    assert_eq!(updated.quantity, known.quantity, "what is output only is passed over");
    let rows = vec![
        fields(
            "UpdateSubscription",
            &v1::UpdateSubscriptionRequest::default(),
            &[("subscription", "must be set")],
        ),
        fields(
            "UpdateSubscription",
            &update(&updated.etag, "colour"),
            &[("update_mask", "must name labels, or *, not `colour`")],
        ),
        stale("UpdateSubscription", &update("\"1\"", "*"), &names.subscription, &updated.etag),
    ];
    check(&portal, "SubscriptionsService", rows).await;
    let rows = vec![fields(
        "UpdateInvoice",
        &v1::UpdateInvoiceRequest::default(),
        &[("invoice", "must be set")],
    )];
    check(&portal, "InvoicesService", rows).await;
}
