//! `PaymentsService`.

use rondo::grpc::proto::v1;
use rstest::rstest;

use super::{CUSTOMER, INVOICE, PAYMENT, check, fields, nowhere, once, state, with};
use crate::{
    given,
    portal::{Portal, euro, reason},
    support::{
        Engine::{self, Postgres, Sqlite},
        line::Call,
        staff::{NOTE, charged, not_charged},
    },
};

const SERVICE: &str = "PaymentsService";

#[rstest]
#[tokio::test]
async fn each_bad_input_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let list =
        v1::ListInvoicesRequest { customer: names.other_customer.clone(), ..Default::default() };
    let mut invoices =
        v1::invoices_service_client::InvoicesServiceClient::new(portal.channel.clone());
    let open = invoices.list_invoices(portal.ask(list)).await.unwrap().into_inner();
    let open = open.invoices[0].payment.clone();
    let good = v1::RefundPaymentRequest {
        name: names.payment.clone(),
        amount: Some(euro(100)),
        request_id: once(),
        ..Default::default()
    };
    let of = |minor: i64| with(&good, |r| r.amount = Some(euro(minor)));
    // 5.00 of 20.00 EUR went back before.
    let left = "must be more than nothing and at most 15.00 EUR, which is left of it";
    let list = v1::ListPaymentsRequest::default();
    let rows = vec![
        fields("RefundPayment", &of(0), &[("amount", left)]),
        fields("RefundPayment", &of(-100), &[("amount", left)]),
        fields("RefundPayment", &of(1_501), &[("amount", left)]),
        fields("RefundPayment", &of(i64::MAX), &[("amount", left)]),
        fields(
            "RefundPayment",
            &with(&good, |r| r.amount.as_mut().unwrap().currency_code = "USD".to_owned()),
            &[("amount.currency_code", "must be in EUR, the currency of the payment")],
        ),
        fields(
            "RefundPayment",
            &with(&good, |r| r.amount.as_mut().unwrap().currency_code.clear()),
            &[(
                "amount.currency_code",
                "must be an ISO 4217 currency code such as EUR, in capitals",
            )],
        ),
        fields(
            "RefundPayment",
            &with(&good, |r| r.amount.as_mut().unwrap().nanos = 1),
            &[(
                "amount.nanos",
                "must be a multiple of 10000000, because EUR has 2 digits behind the point",
            )],
        ),
        fields(
            "RefundPayment",
            &with(&good, |r| r.reason = "x".repeat(501)),
            &[("reason", "must have at most 500 characters")],
        ),
        state(
            "RefundPayment",
            &with(&good, |r| r.name = open),
            "PAYMENT_NOT_SUCCEEDED",
            "only a payment that succeeded can be refunded",
        ),
        fields(
            "ListPayments",
            &v1::ListPaymentsRequest { customer: "ana".to_owned(), ..list.clone() },
            &[("customer", CUSTOMER)],
        ),
        fields(
            "ListPayments",
            &v1::ListPaymentsRequest { invoice: "OA-000001".to_owned(), ..list.clone() },
            &[("invoice", INVOICE)],
        ),
        fields(
            "ListPayments",
            &v1::ListPaymentsRequest { states: vec![0], ..list },
            &[("states", "must not be unspecified")],
        ),
        fields(
            "ListRefunds",
            &v1::ListRefundsRequest { payment: names.invoice, ..Default::default() },
            &[("payment", PAYMENT)],
        ),
    ];
    check(&portal, SERVICE, rows).await;

    let mut payments =
        v1::payments_service_client::PaymentsServiceClient::new(portal.channel.clone());
    let rest = with(&good, |r| (r.amount, r.request_id) = (None, once()));
    payments.refund_payment(portal.ask(rest.clone())).await.unwrap();
    let again = with(&rest, |r| r.request_id = once());
    let told = "all of the payment went back already, or is on its way";
    let rows = vec![state("RefundPayment", &again, "PAYMENT_REFUNDED", told)];
    check(&portal, SERVICE, rows).await;
}

#[rstest]
#[tokio::test]
async fn each_bad_word_of_staffs_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let (_, course) = portal.world.undecided("Cem", "tok_visa_reply_lost").await;
    portal.world.look_ups_work();
    let undecided = course.payment().await.attempts.remove(0).name;
    let good = v1::SettleAttemptRequest {
        name: undecided,
        verdict: Some(not_charged()),
        note: NOTE.to_owned(),
        request_id: once(),
        ..Default::default()
    };
    let named = |reference: &str| with(&good, |r| r.verdict = Some(charged(reference)));
    let noted = |note: &str| with(&good, |r| r.note = note.to_owned());
    let reference = "charged.gateway_reference";
    let taken = known_reference(&portal, &names).await;
    let pending = accepted(&portal, "Dia", "tok_sepa_settles_after_20").await;
    let asked = accepted(&portal, "Eva", "tok_visa_action_required").await;
    let about = |name: &str| with(&good, |r| r.name = name.to_owned());
    let absent = given::nowhere(&names.attempt);
    let method = "SettleAttempt";
    let rows = vec![
        fields(
            method,
            &with(&good, |r| r.verdict = None),
            &[("verdict", "must be charged or not_charged")],
        ),
        fields(method, &named(" "), &[(reference, "must be set")]),
        fields(
            method,
            &named("ch_1 or so"),
            &[(reference, "must be one word, as the gateway shows it")],
        ),
        fields(
            method,
            &named(&"x".repeat(256)),
            &[(reference, "must have at most 255 characters")],
        ),
        fields(method, &noted(" \n"), &[("note", "must be set")]),
        fields(method, &noted(&"x".repeat(501)), &[("note", "must have at most 500 characters")]),
        fields(
            method,
            &noted("they paid with 4111 1111 1111 1111"),
            &[("note", "must not hold a card number; send the gateway's token instead")],
        ),
        nowhere(method, &about(&absent), &absent),
        state(
            method,
            &about(&names.attempt),
            "ATTEMPT_SETTLED",
            "the attempt took the money; there is nothing left to say",
        ),
        state(
            method,
            &about(&pending),
            "ATTEMPT_STILL_ASKED",
            "the gateway may still tell, and is asked again at 2026-02-20T13:00:00+00:00; wait until `rondo stuck` lists the attempt",
        ),
        state(
            method,
            &about(&asked),
            "ATTEMPT_STILL_ASKED",
            "the gateway may still tell, and is asked again at 2026-02-21T12:00:00+00:00; wait until `rondo stuck` lists the attempt",
        ),
    ];
    check(&portal, SERVICE, rows).await;

    // Once the gateway is asked, its word counts; so this one comes last.
    portal.world.line.refuses(&[Call::FindCharge]);
    let rows = vec![fields(
        method,
        &named(&taken),
        &[(reference, "must be the reference of this charge; it is that of another one")],
    )];
    check(&portal, SERVICE, rows).await;
}

/// The gateway's reference of the charge that succeeded.
async fn known_reference(portal: &Portal, names: &given::Names) -> String {
    let get = v1::GetPaymentRequest { name: names.payment.clone() };
    let mut payments =
        v1::payments_service_client::PaymentsServiceClient::new(portal.channel.clone());
    let paid = payments.get_payment(portal.ask(get)).await.unwrap().into_inner();
    paid.attempts[0].gateway_reference.clone()
}

/// The attempt at a charge that is under way, by its name.
async fn accepted(portal: &Portal, called: &str, token: &str) -> String {
    let member = portal.world.member(called, token).await;
    let course = portal.world.subscription(&member).monthly("20.00 EUR").create().await;
    course.payment().await.attempts.remove(0).name
}

#[rstest]
#[tokio::test]
async fn staffs_word_is_taken_once(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let (_, course) = portal.world.undecided("Cem", "tok_visa_request_lost_x1_then_ok").await;
    let request = v1::SettleAttemptRequest {
        name: course.payment().await.attempts.remove(0).name,
        verdict: Some(not_charged()),
        note: NOTE.to_owned(),
        request_id: once(),
        ..Default::default()
    };
    let mut payments =
        v1::payments_service_client::PaymentsServiceClient::new(portal.channel.clone());
    let first = payments.settle_attempt(portal.ask(request.clone())).await.unwrap().into_inner();
    portal.world.line.calls();
    let again = payments.settle_attempt(portal.ask(request.clone())).await.unwrap().into_inner();
    assert_eq!(again, first);
    assert_eq!(portal.world.line.calls(), [], "nobody is asked for an answer that is known");

    let other = with(&request, |r| r.verdict = Some(charged("ch_1")));
    let refused = payments.settle_attempt(portal.ask(other)).await.unwrap_err();
    assert_eq!(reason(&refused), "REQUEST_ID_REUSED");
}
