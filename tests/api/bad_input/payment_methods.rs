//! `PaymentMethodsService`.

use rondo::grpc::proto::v1::{
    self,
    create_payment_method_request::{Source, Token},
};
use rstest::rstest;

use super::{
    CUSTOMER, INSTANT, METHOD, NO_CUSTOMER, NO_ETAG, NO_INSTANT, NO_METHOD, check, fields, instant,
    nowhere, once, state, with,
};
use crate::{
    given,
    portal::Portal,
    support::Engine::{self, Postgres, Sqlite},
};

const SERVICE: &str = "PaymentMethodsService";
const REFERENCE: &str = "must have 1 to 500 letters, digits or signs, without spaces";

type Spoil = fn(&mut v1::PaymentMethod);
type SpoilToken = fn(&mut Token);

#[rstest]
#[tokio::test]
async fn each_bad_card_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let good = v1::CreatePaymentMethodRequest {
        payment_method: Some(v1::PaymentMethod {
            customer: names.customer.clone(),
            brand: "Visa".to_owned(),
            last_four: "4242".to_owned(),
            expiry_year: 2030,
            expiry_month: 12,
            ..Default::default()
        }),
        source: Some(Source::Token(Token {
            token: "tok_visa_ok".to_owned(),
            ..Default::default()
        })),
        request_id: once(),
        ..Default::default()
    };
    let wrong: [(Spoil, &str, &str); 14] = [
        (|m| m.customer.clear(), "payment_method.customer", CUSTOMER),
        (|m| m.customer = NO_METHOD.to_owned(), "payment_method.customer", CUSTOMER),
        (
            |m| m.gateway = "paypal".to_owned(),
            "payment_method.gateway",
            "must be one of your gateway accounts: sandbox",
        ),
        (|m| m.brand = "x".repeat(51), "payment_method.brand", "must have at most 50 characters"),
        (|m| m.last_four = "424".to_owned(), "payment_method.last_four", "must be four digits"),
        (|m| m.last_four = "42x2".to_owned(), "payment_method.last_four", "must be four digits"),
        (|m| m.expiry_month = 0, "payment_method.expiry_month", "must be 1 to 12"),
        (|m| m.expiry_month = 13, "payment_method.expiry_month", "must be 1 to 12"),
        (|m| m.expiry_month = -1, "payment_method.expiry_month", "must be 1 to 12"),
        (
            |m| m.expiry_year = 30,
            "payment_method.expiry_year",
            "must have four digits, 2000 to 2100",
        ),
        (
            |m| m.expiry_year = 0,
            "payment_method.expiry_year",
            "must have four digits, 2000 to 2100",
        ),
        (|m| m.consent_time = NO_INSTANT, "payment_method.consent_time", INSTANT),
        (
            |m| m.consent_time = instant("2026-02-02T12:00:01Z"),
            "payment_method.consent_time",
            "must not lie in the future",
        ),
        (
            |m| m.expiry_year = 2101,
            "payment_method.expiry_year",
            "must have four digits, 2000 to 2100",
        ),
    ];
    let method = "CreatePaymentMethod";
    let mut rows: Vec<_> = wrong
        .into_iter()
        .map(|(spoil, field, told)| {
            let bad = with(&good, |r| spoil(r.payment_method.as_mut().unwrap()));
            fields(method, &bad, &[(field, told)])
        })
        .collect();
    let wrong: [(SpoilToken, &str); 6] = [
        (|t| t.token.clear(), "token.token"),
        (|t| t.token = "two words".to_owned(), "token.token"),
        (|t| t.token = "x".repeat(501), "token.token"),
        (|t| t.customer_reference = "cus Q".to_owned(), "token.customer_reference"),
        (|t| t.fingerprint = "ä".to_owned(), "token.fingerprint"),
        (|t| t.original_transaction = " ".to_owned(), "token.original_transaction"),
    ];
    for (spoil, field) in wrong {
        let mut token = Token { token: "tok_visa_ok".to_owned(), ..Default::default() };
        spoil(&mut token);
        let bad = with(&good, |r| r.source = Some(Source::Token(token)));
        rows.push(fields(method, &bad, &[(field, REFERENCE)]));
    }
    let session = |name: &str| {
        let source = Some(Source::SetupSession(name.to_owned()));
        with(&good, |r| r.source = source)
    };
    let opened = "must be a session that CreateSetupSession opened";
    rows.extend([
        fields(
            method,
            &v1::CreatePaymentMethodRequest { request_id: once(), ..Default::default() },
            &[("payment_method", "must be set")],
        ),
        fields(
            method,
            &with(&good, |r| r.source = None),
            &[("source", "must be token or setup_session")],
        ),
        nowhere(
            method,
            &with(&good, |r| r.payment_method.as_mut().unwrap().customer = NO_CUSTOMER.to_owned()),
            NO_CUSTOMER,
        ),
        fields(method, &session(""), &[("setup_session", opened)]),
        fields(method, &session("seti_1Q"), &[("setup_session", opened)]),
        fields(method, &session("setupSessions/seti_1Q"), &[("setup_session", opened)]),
    ]);
    check(&portal, SERVICE, rows).await;

    let open = v1::CreateSetupSessionRequest {
        customer: names.customer.clone(),
        return_url: "https://academy.example/back".to_owned(),
        ..Default::default()
    };
    let opened = portal.methods().create_setup_session(portal.ask(open.clone())).await.unwrap();
    let opened = opened.into_inner().name;
    let url = "must be an address like https://academy.example/back";
    let back = |url: &str| with(&open, |r| r.return_url = url.to_owned());
    let rows = vec![
        state(
            method,
            &session(&opened),
            "SETUP_SESSION_OPEN",
            "the customer has not stored a card yet",
        ),
        fields(
            method,
            &with(&session(&opened), |r| {
                r.payment_method.as_mut().unwrap().customer = names.other_customer.clone();
            }),
            &[("payment_method.customer", "must be the customer for whom the session was opened")],
        ),
        fields(
            "CreateSetupSession",
            &with(&open, |r| r.customer.clear()),
            &[("customer", CUSTOMER)],
        ),
        nowhere(
            "CreateSetupSession",
            &with(&open, |r| r.customer = NO_CUSTOMER.to_owned()),
            NO_CUSTOMER,
        ),
        fields("CreateSetupSession", &back(""), &[("return_url", url)]),
        fields("CreateSetupSession", &back("http://academy.example/"), &[("return_url", url)]),
        fields("CreateSetupSession", &back("javascript:alert(1)"), &[("return_url", url)]),
        fields(
            "CreateSetupSession",
            &back(&format!("https://academy.example/{}", "x".repeat(500))),
            &[("return_url", url)],
        ),
    ];
    check(&portal, SERVICE, rows).await;
}

#[rstest]
#[tokio::test]
async fn each_bad_choice_of_a_card_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let v1::PaymentMethod { name: detached, etag, .. } =
        given::card(&portal, &names.customer, "tok_visa_ok.second").await;
    let delete = v1::DeletePaymentMethodRequest {
        name: detached.clone(),
        etag,
        request_id: once(),
        ..Default::default()
    };
    portal.methods().delete_payment_method(portal.ask(delete.clone())).await.unwrap();
    let eva = portal.world.member("Eva", "tok_visa_lost_card").await;
    given::course(&portal, &eva).await;
    portal.world.advance_to("2026-02-03").await;
    let eva = format!("customers/{}", eva.id);
    let list = v1::ListPaymentMethodsRequest { customer: eva.clone(), ..Default::default() };
    let of_eva = portal.methods().list_payment_methods(portal.ask(list)).await.unwrap();
    let lost = of_eva.into_inner().payment_methods[0].name.clone();

    let default = |customer: &str, method: &str| v1::SetDefaultPaymentMethodRequest {
        customer: customer.to_owned(),
        payment_method: method.to_owned(),
        request_id: once(),
        ..Default::default()
    };
    let backup = |customer: &str, method: &str| v1::SetBackupPaymentMethodRequest {
        customer: customer.to_owned(),
        payment_method: method.to_owned(),
        ..Default::default()
    };
    let (ana, own) = (names.customer.as_str(), names.payment_method.as_str());
    let theirs = "must be one of this customer's and not detached";
    let blocked = "it was refused for good (never); the customer must store another";
    let rows = vec![
        fields("SetDefaultPaymentMethod", &default("", own), &[("customer", CUSTOMER)]),
        fields("SetDefaultPaymentMethod", &default(ana, ""), &[("payment_method", METHOD)]),
        fields("SetDefaultPaymentMethod", &default(ana, "visa"), &[("payment_method", METHOD)]),
        fields("SetDefaultPaymentMethod", &default(ana, NO_METHOD), &[("payment_method", theirs)]),
        fields(
            "SetDefaultPaymentMethod",
            &default(ana, &names.other_method),
            &[("payment_method", theirs)],
        ),
        fields("SetDefaultPaymentMethod", &default(ana, &detached), &[("payment_method", theirs)]),
        state("SetDefaultPaymentMethod", &default(&eva, &lost), "PAYMENT_METHOD_BLOCKED", blocked),
        fields("SetBackupPaymentMethod", &backup("ana", ""), &[("customer", CUSTOMER)]),
        fields("SetBackupPaymentMethod", &backup(ana, "visa"), &[("payment_method", METHOD)]),
        fields(
            "SetBackupPaymentMethod",
            &backup(ana, own),
            &[("payment_method", "must be another than the default, which is tried first anyway")],
        ),
        fields(
            "SetBackupPaymentMethod",
            &backup(ana, &names.other_method),
            &[("payment_method", theirs)],
        ),
        state("SetBackupPaymentMethod", &backup(&eva, &lost), "PAYMENT_METHOD_BLOCKED", blocked),
        fields(
            "DeletePaymentMethod",
            &v1::DeletePaymentMethodRequest {
                etag: String::new(),
                request_id: once(),
                ..delete.clone()
            },
            &[("etag", NO_ETAG)],
        ),
        state(
            "DeletePaymentMethod",
            &v1::DeletePaymentMethodRequest {
                etag: "\"2\"".to_owned(),
                request_id: once(),
                ..delete.clone()
            },
            "PAYMENT_METHOD_DETACHED",
            "the payment method is detached already",
        ),
        fields(
            "ListPaymentMethods",
            &v1::ListPaymentMethodsRequest { customer: "ana".to_owned(), ..Default::default() },
            &[("customer", CUSTOMER)],
        ),
        nowhere(
            "ListPaymentMethods",
            &v1::ListPaymentMethodsRequest {
                customer: NO_CUSTOMER.to_owned(),
                ..Default::default()
            },
            NO_CUSTOMER,
        ),
    ];
    check(&portal, SERVICE, rows).await;
}
