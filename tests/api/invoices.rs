//! Invoices for what is sold once, collecting them now, taking them back, and refunds.

use rondo::grpc::proto::v1::{
    self,
    create_invoice_request::Collection,
    invoice::{Line, State},
    invoices_service_client::InvoicesServiceClient,
    payments_service_client::PaymentsServiceClient,
};
use rstest::rstest;
use tonic::{Code, transport::Channel};

use crate::{
    bad_input::once,
    portal::{Portal, euro, reason},
    support::{
        Engine::{self, Postgres, Sqlite},
        member::Member,
    },
};

fn request_id(of: u128) -> String {
    uuid::Uuid::from_u128(of).to_string()
}

fn invoices(portal: &Portal) -> InvoicesServiceClient<Channel> {
    InvoicesServiceClient::new(portal.channel.clone())
}

fn payments(portal: &Portal) -> PaymentsServiceClient<Channel> {
    PaymentsServiceClient::new(portal.channel.clone())
}

fn course(member: &Member, minor: i64) -> v1::CreateInvoiceRequest {
    v1::CreateInvoiceRequest {
        invoice: Some(v1::Invoice {
            customer: format!("customers/{}", member.id),
            lines: vec![Line {
                label: "Rust in a week".to_owned(),
                unit_price: Some(euro(minor)),
                ..Default::default()
            }],
            ..Default::default()
        }),
        request_id: request_id(1),
        ..Default::default()
    }
}

async fn issue(portal: &Portal, request: v1::CreateInvoiceRequest) -> v1::Invoice {
    invoices(portal).create_invoice(portal.ask(request)).await.unwrap().into_inner()
}

async fn get(portal: &Portal, name: &str) -> v1::Invoice {
    let request = v1::GetInvoiceRequest { name: name.to_owned() };
    invoices(portal).get_invoice(portal.ask(request)).await.unwrap().into_inner()
}

async fn payment(portal: &Portal, invoice: &v1::Invoice) -> v1::Payment {
    let request = v1::GetPaymentRequest { name: invoice.payment.clone() };
    payments(portal).get_payment(portal.ask(request)).await.unwrap().into_inner()
}

fn pay(invoice: &v1::Invoice, method: &str, id: u128) -> v1::PayInvoiceRequest {
    v1::PayInvoiceRequest {
        name: invoice.name.clone(),
        payment_method: method.to_owned(),
        request_id: request_id(id),
        ..Default::default()
    }
}

/// A second card of the member, which is not their default.
async fn second_card(portal: &Portal, member: &Member, token: &str) -> String {
    let request = v1::CreatePaymentMethodRequest {
        payment_method: Some(v1::PaymentMethod {
            customer: format!("customers/{}", member.id),
            gateway: "sandbox".to_owned(),
            brand: "Visa".to_owned(),
            last_four: "1881".to_owned(),
            network: v1::payment_method::Network::Visa.into(),
            ..Default::default()
        }),
        source: Some(v1::create_payment_method_request::Source::Token(
            v1::create_payment_method_request::Token {
                token: token.to_owned(),
                ..Default::default()
            },
        )),
        request_id: once(),
        ..Default::default()
    };
    portal.methods().create_payment_method(portal.ask(request)).await.unwrap().into_inner().name
}

#[rstest]
#[tokio::test]
async fn a_course_is_sold_once_and_charged_at_once(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let issued = issue(&portal, course(&ana, 4_900)).await;
    assert_eq!((issued.state(), issued.number.as_str()), (State::Open, "OA-000001"));
    assert_eq!(issued.lines[0].reason, "1 × 49.00 EUR");
    assert_eq!(issued.subscription, "");
    assert_eq!(issue(&portal, course(&ana, 4_900)).await, issued, "one request, one invoice");

    portal.world.advance_to("2026-02-01").await;
    let paid = get(&portal, &issued.name).await;
    assert_eq!((paid.state(), paid.amount_due), (State::Paid, Some(euro(0))));
    let payment = payment(&portal, &issued).await;
    assert_eq!((payment.state(), payment.attempt_count), (v1::payment::State::Succeeded, 1));
    assert_eq!(payment.attempts[0].state(), v1::attempt::State::Succeeded);
    assert_eq!(portal.world.mail_kinds("Ana"), ["receipt"]);
    assert_eq!(portal.world.captured().await, portal.world.booked().await);
}

#[rstest]
#[tokio::test]
async fn an_invoice_by_link_waits_until_it_is_paid(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let by_link =
        v1::CreateInvoiceRequest { collection: Collection::Link.into(), ..course(&ana, 4_900) };
    let issued = issue(&portal, by_link).await;
    portal.world.advance_to("2026-02-03").await;
    assert_eq!(payment(&portal, &issued).await.state(), v1::payment::State::Waiting);

    let ask = v1::GetPayLinkRequest { name: issued.name.clone() };
    let link = invoices(&portal).get_pay_link(portal.ask(ask.clone())).await.unwrap().into_inner();
    let ours = format!("{}/pay/", portal.world.rondo.public_url);
    assert!(link.url.starts_with(&ours), "{}", link.url);
    assert!(link.expire_time.unwrap().seconds > issued.create_time.unwrap().seconds);

    invoices(&portal).pay_invoice(portal.ask(pay(&issued, "", 2))).await.unwrap();
    portal.world.advance_to("2026-02-04").await;
    assert_eq!(get(&portal, &issued.name).await.state(), State::Paid);
    let settled = invoices(&portal).get_pay_link(portal.ask(ask)).await.unwrap_err();
    assert_eq!(reason(&settled), "INVOICE_NOT_OPEN");
    let twice = invoices(&portal).pay_invoice(portal.ask(pay(&issued, "", 3))).await.unwrap_err();
    assert_eq!(
        (twice.code(), reason(&twice).as_str()),
        (Code::FailedPrecondition, "INVOICE_NOT_OPEN")
    );
}

#[rstest]
#[tokio::test]
async fn an_overdue_invoice_is_paid_with_the_card_that_is_named(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let eva = portal.world.member("Eva", "tok_visa_lost_card").await;
    let issued = issue(&portal, course(&eva, 4_900)).await;
    portal.world.advance_to("2026-02-01").await;
    let blocked = invoices(&portal).pay_invoice(portal.ask(pay(&issued, "", 2))).await.unwrap_err();
    assert_eq!(reason(&blocked), "NO_PAYMENT_METHOD");
    let nobody = "paymentMethods/pm_06ew5kkq3hx3d1qj9w2t7m8c0g";
    let foreign = invoices(&portal).pay_invoice(portal.ask(pay(&issued, nobody, 3))).await;
    assert!(foreign.unwrap_err().message().starts_with("payment_method must be one of the"));

    let good = second_card(&portal, &eva, "tok_visa_ok.second").await;
    let planned = invoices(&portal).pay_invoice(portal.ask(pay(&issued, &good, 4))).await.unwrap();
    assert_eq!(planned.into_inner().state(), State::Open, "the answer comes before the gateway's");
    portal.world.advance_to("2026-02-02").await;
    assert_eq!(get(&portal, &issued.name).await.state(), State::Paid);
    let payment = payment(&portal, &issued).await;
    assert_eq!(payment.attempts.last().unwrap().payment_method, good);
    assert_eq!(portal.world.mail_kinds("Eva"), ["payment_failed", "recovered"]);
}

#[rstest]
#[tokio::test]
async fn a_network_that_wants_to_wait_is_not_asked_again_by_hand(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    // Mastercard advice 26: not before two days.
    let bo = portal.world.member("Bo", "tok_mastercard_mac_26").await;
    let issued = issue(&portal, course(&bo, 4_900)).await;
    portal.world.advance_to("2026-02-01").await;
    let early = invoices(&portal).pay_invoice(portal.ask(pay(&issued, "", 2))).await.unwrap_err();
    assert_eq!(reason(&early), "NETWORK_LIMIT");
    assert!(early.message().starts_with("an attempt is not allowed before"), "{early}");
}

#[rstest]
#[tokio::test]
async fn an_overdue_invoice_that_is_taken_back_opens_the_subscription_again(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let plan = portal.plan("Monthly", 2_000).await;
    let eva = portal.world.member("Eva", "tok_visa_ok_x1_then_insufficient_funds").await;
    let begin = v1::CreateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            customer: format!("customers/{}", eva.id),
            plan: plan.name,
            ..Default::default()
        }),
        request_id: request_id(1),
        ..Default::default()
    };
    let mut subscriptions =
        v1::subscriptions_service_client::SubscriptionsServiceClient::new(portal.channel.clone());
    let begun = subscriptions.create_subscription(portal.ask(begin)).await.unwrap().into_inner();
    portal.world.advance_to("2026-03-01").await;
    let list = v1::ListInvoicesRequest {
        subscription: begun.name.clone(),
        states: vec![State::Open.into()],
        ..Default::default()
    };
    let open = invoices(&portal).list_invoices(portal.ask(list)).await.unwrap().into_inner();
    let [open] = &open.invoices[..] else { panic!("one is overdue") };

    let void = v1::VoidInvoiceRequest { name: open.name.clone(), ..Default::default() };
    let voided = invoices(&portal).void_invoice(portal.ask(void.clone())).await.unwrap();
    assert_eq!(voided.into_inner().state(), State::Void);
    let get = v1::GetSubscriptionRequest { name: begun.name };
    let reopened = subscriptions.get_subscription(portal.ask(get)).await.unwrap().into_inner();
    assert_eq!(reopened.state(), v1::subscription::State::Active);
    assert_eq!(reopened.access(), v1::Access::Full);
    let twice = invoices(&portal).void_invoice(portal.ask(void)).await.unwrap_err();
    assert_eq!(twice.message(), "the invoice was taken back");
}

#[rstest]
#[tokio::test]
async fn money_goes_back_in_parts_and_never_more_than_came(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let issued = issue(&portal, course(&ana, 4_900)).await;
    let refund = |minor: Option<i64>, id: u128| v1::RefundPaymentRequest {
        name: issued.payment.clone(),
        amount: minor.map(euro),
        reason: "did not like it".to_owned(),
        request_id: request_id(id),
        ..Default::default()
    };
    let early = payments(&portal).refund_payment(portal.ask(refund(None, 2))).await.unwrap_err();
    assert_eq!(reason(&early), "PAYMENT_NOT_SUCCEEDED");

    portal.world.advance_to("2026-02-01").await;
    let part = payments(&portal).refund_payment(portal.ask(refund(Some(900), 3))).await.unwrap();
    let part = part.into_inner();
    assert_eq!(part.amount, Some(euro(900)));
    let much = payments(&portal).refund_payment(portal.ask(refund(Some(4_001), 4))).await;
    assert_eq!(
        much.unwrap_err().message(),
        "amount must be more than nothing and at most 40.00 EUR, which is left of it"
    );
    let rest = payments(&portal).refund_payment(portal.ask(refund(None, 5))).await.unwrap();
    assert_eq!(rest.into_inner().amount, Some(euro(4_000)));

    portal.world.advance_to("2026-02-02").await;
    let list = v1::ListRefundsRequest { payment: issued.payment.clone(), ..Default::default() };
    let all = payments(&portal).list_refunds(portal.ask(list)).await.unwrap().into_inner().refunds;
    let states: Vec<_> = all.iter().map(v1::Refund::state).collect();
    assert_eq!(states, [v1::refund::State::Succeeded; 2]);
    let get = v1::GetRefundRequest { name: part.name.clone() };
    let told = payments(&portal).get_refund(portal.ask(get)).await.unwrap().into_inner();
    assert_eq!((told.reason.as_str(), told.payment), ("did not like it", issued.payment.clone()));
    assert_eq!(portal.world.captured().await, portal.world.booked().await);
}

/// How much of `course:rust` is open to a member, and why.
async fn access(portal: &Portal, member: &Member) -> v1::CheckAccessResponse {
    let request = v1::CheckAccessRequest {
        name: format!("customers/{}", member.id),
        entitlement: "course:rust".to_owned(),
        ..Default::default()
    };
    portal.customers().check_access(portal.ask(request)).await.unwrap().into_inner()
}

#[rstest]
#[tokio::test]
async fn a_course_is_open_from_its_payment_until_all_of_it_went_back(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    use v1::check_access_response::Reason;
    let portal = Portal::on(engine).await;
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let mut request = course(&ana, 4_900);
    request.invoice.as_mut().unwrap().entitlements = vec!["course:rust".to_owned()];
    let issued = issue(&portal, request).await;
    assert_eq!(issued.entitlements, ["course:rust"]);
    let open = access(&portal, &ana).await;
    assert_eq!((open.access(), open.reason()), (v1::Access::None, Reason::AwaitingPayment));
    assert_eq!((open.invoice.as_str(), open.entitlements.len()), (issued.name.as_str(), 0));

    portal.world.advance_to("2026-02-01").await;
    let paid = access(&portal, &ana).await;
    assert_eq!((paid.access(), paid.reason()), (v1::Access::Full, Reason::Purchased));
    assert_eq!((paid.access_until, paid.subscription.as_str()), (None, ""));
    assert_eq!((paid.invoice, paid.entitlements), (issued.name.clone(), issued.entitlements));

    let refund = |minor: Option<i64>, id: u128| v1::RefundPaymentRequest {
        name: issued.payment.clone(),
        amount: minor.map(euro),
        request_id: request_id(id),
        ..Default::default()
    };
    payments(&portal).refund_payment(portal.ask(refund(Some(4_800), 2))).await.unwrap();
    portal.world.advance_to("2026-02-02").await;
    assert_eq!(access(&portal, &ana).await.reason(), Reason::Purchased);
    payments(&portal).refund_payment(portal.ask(refund(None, 3))).await.unwrap();
    let gone = access(&portal, &ana).await;
    assert_eq!((gone.access(), gone.reason()), (v1::Access::None, Reason::Ended));
    let nothing = payments(&portal).refund_payment(portal.ask(refund(None, 4))).await.unwrap_err();
    assert_eq!(reason(&nothing), "PAYMENT_REFUNDED");
}

#[rstest]
#[tokio::test]
async fn of_a_membership_and_a_purchase_the_better_one_answers(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    use v1::check_access_response::Reason;
    let portal = Portal::on(engine).await;
    let plan = portal.plan("Monthly", 2_000).await;
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let begin = v1::CreateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            customer: format!("customers/{}", ana.id),
            plan: plan.name,
            ..Default::default()
        }),
        request_id: request_id(2),
        ..Default::default()
    };
    let mut subscriptions =
        v1::subscriptions_service_client::SubscriptionsServiceClient::new(portal.channel.clone());
    let begun = subscriptions.create_subscription(portal.ask(begin)).await.unwrap().into_inner();
    let mut request = course(&ana, 4_900);
    request.invoice.as_mut().unwrap().entitlements =
        vec!["course:rust".to_owned(), "courses".to_owned()];
    issue(&portal, request).await;
    portal.world.advance_to("2026-02-01").await;

    let asked = |entitlement: &str| v1::CheckAccessRequest {
        name: format!("customers/{}", ana.id),
        entitlement: entitlement.to_owned(),
        ..Default::default()
    };
    let mut customers = portal.customers();
    // The membership opens it for a month, the purchase for good.
    let both = customers.check_access(portal.ask(asked("courses"))).await.unwrap().into_inner();
    assert_eq!((both.access(), both.reason()), (v1::Access::Full, Reason::Purchased));
    assert_eq!(both.entitlements, ["course:rust", "courses"]);

    let end = v1::CancelSubscriptionRequest {
        name: begun.name,
        when: v1::cancel_subscription_request::When::Now.into(),
        ..Default::default()
    };
    subscriptions.cancel_subscription(portal.ask(end)).await.unwrap();
    let left = customers.check_access(portal.ask(asked(""))).await.unwrap().into_inner();
    assert_eq!((left.access(), left.reason()), (v1::Access::Full, Reason::Purchased));
}
