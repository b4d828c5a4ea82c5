//! `InvoicesService`.

use rondo::grpc::proto::v1::{self, create_invoice_request::Collection, invoice::Line};
use rstest::rstest;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{
    CUSTOMER, INSTANT, METHOD, NO_CUSTOMER, NO_INSTANT, NO_METHOD, SUBSCRIPTION, check, fields,
    instant, nowhere, once, state, with,
};
use crate::{
    given,
    portal::{Portal, euro},
    support::Engine::{self, Postgres, Sqlite},
};

const SERVICE: &str = "InvoicesService";
const LABEL: &str = "must have 1 to 200 characters";
const USABLE: &str = "must be one of the customer's payment methods that can still be charged";

type Spoil = fn(&mut v1::Invoice);

fn line(label: &str, minor: i64) -> Line {
    Line { label: label.to_owned(), unit_price: Some(euro(minor)), ..Default::default() }
}

#[rstest]
#[tokio::test]
async fn each_bad_invoice_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let good = v1::CreateInvoiceRequest {
        invoice: Some(v1::Invoice {
            customer: names.customer.clone(),
            lines: vec![line("Rust in a week", 4_900)],
            ..Default::default()
        }),
        request_id: once(),
        ..Default::default()
    };
    let price = "invoice.lines[0].unit_price";
    let wrong: [(Spoil, &str, &str); 21] = [
        (|i| i.customer.clear(), "invoice.customer", CUSTOMER),
        (|i| i.customer = "ana".to_owned(), "invoice.customer", CUSTOMER),
        (|i| i.customer = NO_METHOD.to_owned(), "invoice.customer", CUSTOMER),
        (|i| i.due_time = NO_INSTANT, "invoice.due_time", INSTANT),
        (
            |i| i.due_time = instant("2026-02-02T11:59:59Z"),
            "invoice.due_time",
            "must not lie in the past; leave it out for at once",
        ),
        (|i| i.lines.clear(), "invoice.lines", "must hold 1 to 100 lines"),
        (|i| i.lines = vec![line("Book", 100); 101], "invoice.lines", "must hold 1 to 100 lines"),
        (|i| i.lines[0].label = " ".to_owned(), "invoice.lines[0].label", LABEL),
        (|i| i.lines[0].label = "x".repeat(201), "invoice.lines[0].label", LABEL),
        (|i| i.lines[0].unit_price = None, price, "must be set"),
        (|i| i.lines[0].unit_price = Some(euro(-1)), price, "must not be negative"),
        (
            |i| i.lines[0].unit_price.as_mut().unwrap().currency_code = "euro".to_owned(),
            "invoice.lines[0].unit_price.currency_code",
            "must be an ISO 4217 currency code such as EUR, in capitals",
        ),
        (
            |i| i.lines[0].unit_price.as_mut().unwrap().currency_code = "XAU".to_owned(),
            "invoice.lines[0].unit_price.currency_code",
            "must be an ISO 4217 currency code such as EUR, in capitals",
        ),
        (
            |i| i.lines[0].unit_price.as_mut().unwrap().nanos = 1,
            "invoice.lines[0].unit_price.nanos",
            "must be a multiple of 10000000, because EUR has 2 digits behind the point",
        ),
        (
            |i| i.lines[0].unit_price.as_mut().unwrap().units = i64::MAX,
            "invoice.lines[0].unit_price.units",
            "is too large",
        ),
        (
            |i| {
                i.lines.push(line("Book", 100));
                i.lines[1].unit_price.as_mut().unwrap().currency_code = "USD".to_owned();
            },
            "invoice.lines[1].unit_price.currency_code",
            "must be in EUR, as the first line is",
        ),
        (|i| i.lines[0].quantity = -1, "invoice.lines[0].quantity", "must not be negative"),
        (
            |i| i.lines = vec![line("Castle", i64::MAX - 1), line("Moat", 2)],
            "invoice.lines",
            "must sum to what can be billed: the amount is too large",
        ),
        (
            |i| {
                i.lines = vec![line("Castle", i64::MAX - 1)];
                i.lines[0].quantity = 2;
            },
            "invoice.lines",
            "must sum to what can be billed: the amount is too large",
        ),
        (
            |i| i.entitlements = vec!["course:rust".to_owned(), " course".to_owned()],
            "invoice.entitlements[1]",
            "must have 1 to 200 characters, without spaces around them",
        ),
        (
            |i| i.entitlements = vec!["course:rust".to_owned(); 65],
            "invoice.entitlements",
            "must hold at most 64",
        ),
    ];
    let mut rows: Vec<_> = wrong
        .into_iter()
        .map(|(spoil, field, told)| {
            let bad = with(&good, |r| spoil(r.invoice.as_mut().unwrap()));
            fields("CreateInvoice", &bad, &[(field, told)])
        })
        .collect();
    let by = |method: &str| with(&good, |r| r.payment_method = method.to_owned());
    rows.extend([
        fields("CreateInvoice", &with(&good, |r| r.invoice = None), &[("invoice", "must be set")]),
        nowhere(
            "CreateInvoice",
            &with(&good, |r| r.invoice.as_mut().unwrap().customer = NO_CUSTOMER.to_owned()),
            NO_CUSTOMER,
        ),
        fields("CreateInvoice", &by("visa"), &[("payment_method", METHOD)]),
        fields("CreateInvoice", &by(NO_METHOD), &[("payment_method", USABLE)]),
        fields("CreateInvoice", &by(&names.other_method), &[("payment_method", USABLE)]),
        fields(
            "CreateInvoice",
            &with(&by(&names.payment_method), |r| r.collection = Collection::Link.into()),
            &[("payment_method", "must be empty for an invoice that is paid by link")],
        ),
        fields(
            "CreateInvoice",
            &with(&by("visa"), |r| {
                let invoice = r.invoice.as_mut().unwrap();
                invoice.customer.clear();
                invoice.due_time = NO_INSTANT;
                invoice.lines[0].quantity = -1;
            }),
            &[
                ("invoice.customer", CUSTOMER),
                ("invoice.due_time", INSTANT),
                ("payment_method", METHOD),
                ("invoice.lines[0].quantity", "must not be negative"),
            ],
        ),
    ]);
    check(&portal, SERVICE, rows).await;

    let mut invoices =
        v1::invoices_service_client::InvoicesServiceClient::new(portal.channel.clone());
    invoices.create_invoice(portal.ask(good.clone())).await.unwrap();
    let reused = with(&good, |r| r.invoice.as_mut().unwrap().lines[0].label.push('!'));
    let refused = invoices.create_invoice(portal.ask(reused)).await.unwrap_err();
    assert_eq!(
        super::told(&refused),
        format!(
            "InvalidArgument REQUEST_ID_REUSED: request_id {} was used for a different request; \
             use a new one [request_id] must be new for a new request",
            good.request_id
        )
    );
}

#[rstest]
#[tokio::test]
async fn each_bad_move_of_an_invoice_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let pay = |name: &str, method: &str| v1::PayInvoiceRequest {
        name: name.to_owned(),
        payment_method: method.to_owned(),
        request_id: once(),
        ..Default::default()
    };
    let void = |name: &str| v1::VoidInvoiceRequest { name: name.to_owned(), ..Default::default() };
    let link = |name: &str| v1::GetPayLinkRequest { name: name.to_owned() };
    let list = v1::ListInvoicesRequest::default();
    let paid = "the invoice is paid; refund its payment to give money back";
    let rows = vec![
        fields("PayInvoice", &pay(&names.open_invoice, "visa"), &[("payment_method", METHOD)]),
        fields("PayInvoice", &pay(&names.open_invoice, NO_METHOD), &[("payment_method", USABLE)]),
        fields(
            "PayInvoice",
            &pay(&names.open_invoice, &names.payment_method),
            &[("payment_method", USABLE)],
        ),
        state("PayInvoice", &pay(&names.invoice, ""), "INVOICE_NOT_OPEN", paid),
        state("VoidInvoice", &void(&names.invoice), "INVOICE_NOT_OPEN", paid),
        state(
            "GetPayLink",
            &link(&names.invoice),
            "INVOICE_NOT_OPEN",
            "the invoice is not open, so there is nothing to pay",
        ),
        fields(
            "ListInvoices",
            &v1::ListInvoicesRequest { customer: "ana".to_owned(), ..list.clone() },
            &[("customer", CUSTOMER)],
        ),
        fields(
            "ListInvoices",
            &v1::ListInvoicesRequest { subscription: "monthly".to_owned(), ..list.clone() },
            &[("subscription", SUBSCRIPTION)],
        ),
        fields(
            "ListInvoices",
            &v1::ListInvoicesRequest { states: vec![1, 0], ..list },
            &[("states", "must not be unspecified")],
        ),
    ];
    check(&portal, SERVICE, rows).await;

    // Bo's only card is refused for good.
    let eva = portal.world.member("Eva", "tok_visa_lost_card").await;
    let lost = given::course(&portal, &eva).await.name;
    let bi = portal.world.member("Bi", "tok_mastercard_mac_26").await;
    let waiting = given::course(&portal, &bi).await.name;
    portal.world.advance_to("2026-02-03").await;
    let mut invoices =
        v1::invoices_service_client::InvoicesServiceClient::new(portal.channel.clone());
    invoices.pay_invoice(portal.ask(pay(&names.open_invoice, ""))).await.unwrap();
    let voided = given::course(&portal, &eva).await.name;
    invoices.void_invoice(portal.ask(void(&voided))).await.unwrap();
    let gone = "the invoice was taken back";
    let rows = vec![
        state("PayInvoice", &pay(&voided, ""), "INVOICE_NOT_OPEN", gone),
        state("VoidInvoice", &void(&voided), "INVOICE_NOT_OPEN", gone),
        state(
            "PayInvoice",
            &pay(&lost, ""),
            "NO_PAYMENT_METHOD",
            "the customer has no payment method that can be charged; send them a pay link",
        ),
        state(
            "PayInvoice",
            &pay(&names.open_invoice, ""),
            "PAYMENT_UNDER_WAY",
            "an attempt has no outcome yet; wait for it",
        ),
    ];
    check(&portal, SERVICE, rows).await;
    let early = invoices.pay_invoice(portal.ask(pay(&waiting, ""))).await.unwrap_err();
    let told = super::told(&early);
    assert_eq!(early.code(), Code::FailedPrecondition);
    assert!(told.contains("NETWORK_LIMIT: an attempt is not allowed before 2026-02-0"), "{told}");
    assert!(early.get_details_error_info().unwrap().metadata["notBefore"].starts_with("2026-02-0"));
}
