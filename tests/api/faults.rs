//! What a caller is told where neither they nor the state of an object stand in the way: no gateway, no
//! database, books that cannot be read.

use std::time::Duration;

use rondo::{
    domain::{changes::Changes, merchant::Merchant},
    gateway::GatewayError,
    grpc::proto::v1,
};
use rstest::rstest;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    bad_input::{Row, check, once, other, state, told},
    given,
    portal::Portal,
    support::{
        Engine::{self, Postgres, Sqlite},
        line::Call,
        member::Member,
    },
};

const SERVICE: &str = "PaymentMethodsService";
const SECONDS: Duration = Duration::from_secs(2);

fn page_for(member: &Member) -> v1::CreateSetupSessionRequest {
    v1::CreateSetupSessionRequest {
        customer: member.name.clone(),
        return_url: "https://academy.example/back".to_owned(),
        request_id: once(),
    }
}

async fn open_page(
    portal: &Portal,
    request: v1::CreateSetupSessionRequest,
) -> Result<v1::SetupSession, Status> {
    Ok(portal.methods().create_setup_session(portal.ask(request)).await?.into_inner())
}

fn lost() -> Box<dyn std::error::Error + Send + Sync> {
    "connection reset by gateway.example".into()
}

/// A way in which a gateway fails, all that is told of it, and when to try again.
type Failure = (fn() -> GatewayError, Code, &'static str, &'static str, Option<Duration>);

/// The ways in which a gateway fails.
fn failures() -> [Failure; 7] {
    let later = Code::Unavailable;
    let never = Code::FailedPrecondition;
    [
        (
            || GatewayError::NotSent(lost()),
            later,
            "GATEWAY_UNREACHABLE",
            "the call never left",
            Some(SECONDS),
        ),
        (
            || GatewayError::RateLimited { retry_after: Some(Duration::from_secs(30)) },
            later,
            "GATEWAY_BUSY",
            "the gateway asks to slow down",
            Some(Duration::from_secs(30)),
        ),
        (
            || GatewayError::RateLimited { retry_after: None },
            later,
            "GATEWAY_BUSY",
            "the gateway asks to slow down",
            Some(SECONDS),
        ),
        (
            || GatewayError::Unknown(lost()),
            later,
            "GATEWAY_SILENT",
            "the payment gateway gave no usable answer",
            Some(SECONDS),
        ),
        (
            || GatewayError::Rejected { reason: "no such locale".to_owned() },
            never,
            "GATEWAY_REFUSED",
            "the gateway refused the order before trying it: no such locale",
            None,
        ),
        (
            || GatewayError::Unauthorised,
            never,
            "GATEWAY_CREDENTIALS_REFUSED",
            "the gateway refused our credentials",
            None,
        ),
        (
            || GatewayError::Unsupported("store a card on a page of its own"),
            never,
            "GATEWAY_CANNOT",
            "this gateway cannot store a card on a page of its own",
            None,
        ),
    ]
}

#[rstest]
#[tokio::test]
async fn each_failure_of_the_gateway_is_told_as_what_it_is(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let ana = portal.world.customer("Ana").create().await;
    for (how, code, reason, message, again_after) in failures() {
        portal.world.line.fails(Call::Setup, how);
        let refused = open_page(&portal, page_for(&ana)).await.unwrap_err();
        assert_eq!(told(&refused), format!("{code:?} {reason}: {message} "));
        let again = refused.get_details_retry_info().and_then(|told| told.retry_delay);
        assert_eq!(again, again_after, "{reason}");
    }
}

#[rstest]
#[tokio::test]
async fn a_page_that_came_to_nothing_stores_no_card(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let ana = portal.world.customer("Ana").create().await;
    let opened = open_page(&portal, page_for(&ana)).await.unwrap();
    let keep = v1::CreatePaymentMethodRequest {
        payment_method: Some(v1::PaymentMethod {
            customer: ana.name.clone(),
            ..Default::default()
        }),
        source: Some(v1::create_payment_method_request::Source::SetupSession(opened.name)),
        request_id: once(),
        ..Default::default()
    };
    let row =
        |code, reason, message| vec![other("CreatePaymentMethod", &keep, code, reason, message)];

    portal.world.line.refuses(&[Call::FindSetup]);
    let refused = "the gateway refused our credentials";
    let rows = row(Code::FailedPrecondition, "GATEWAY_CREDENTIALS_REFUSED", refused);
    check(&portal, SERVICE, rows).await;

    portal.world.line.refuses(&[]);
    portal.world.browser().give_up_and_leave(&opened.url).await;
    let told = "no card was stored, or the page expired; open a new one";
    let rows = row(Code::FailedPrecondition, "SETUP_SESSION_FAILED", told);
    check(&portal, SERVICE, rows).await;
}

/// An operator may take an account out of the configuration that a merchant still goes by.
#[rstest]
#[tokio::test]
async fn an_account_that_is_configured_no_more_is_named(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let ana = portal.world.customer("Ana").create().await;
    let mut repo = portal.world.rondo.store.begin().await.unwrap();
    let merchant = repo.merchant(portal.world.merchant_id).await.unwrap().unwrap();
    let merchants = vec![Merchant { gateway: "closed".to_owned(), ..merchant }];
    repo.write(Changes { merchants, ..Changes::default() }).await.unwrap();
    repo.commit().await.unwrap();

    let rows = vec![state(
        "CreateSetupSession",
        &page_for(&ana),
        "GATEWAY_NOT_CONFIGURED",
        "the gateway account closed is not configured here",
    )];
    check(&portal, SERVICE, rows).await;
}

#[rstest]
#[tokio::test]
async fn a_database_that_is_away_is_told_with_when_to_try_again(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    portal.world.rondo.store.close().await;
    let request = v1::ListPlansRequest::default();
    let refused = portal.plans().list_plans(portal.ask(request)).await.unwrap_err();
    let away = "the database is not available just now; try again ";
    assert_eq!(told(&refused), format!("Unavailable DATABASE_UNAVAILABLE: {away}"));
    let again = refused.get_details_retry_info().and_then(|told| told.retry_delay);
    assert_eq!(again, Some(SECONDS));
}

/// Rows that no program of ours writes. What is told names neither table nor row.
#[rstest]
#[tokio::test]
async fn what_cannot_be_read_is_a_fault_of_ours(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let fault = "Rondo could not do this, by a fault of its own, which is logged";
    let row = |method, request: &v1::RefundPaymentRequest| -> Vec<Row> {
        vec![other(method, request, Code::Internal, "INTERNAL_FAULT", fault)]
    };
    let request = v1::RefundPaymentRequest {
        name: names.payment.clone(),
        request_id: once(),
        ..Default::default()
    };
    // Nothing of its charge is left, while something of the payment is.
    portal.world.database.damage("update attempt set applied_minor = 0").await;
    check(&portal, "PaymentsService", row("RefundPayment", &request)).await;

    portal.world.database.damage("update merchant set zone = 'Atlantis/Capital'").await;
    check(&portal, "PaymentsService", row("RefundPayment", &request)).await;
}
