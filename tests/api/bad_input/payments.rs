//! `PaymentsService`.

use rondo::grpc::proto::v1;
use rstest::rstest;

use super::{CUSTOMER, INVOICE, PAYMENT, check, fields, once, state, with};
use crate::{
    given,
    portal::{Portal, euro},
    support::Engine::{self, Postgres, Sqlite},
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
