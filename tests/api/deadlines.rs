//! A caller who stops waiting finds a change made whole or not at all. Calls are made without a gRPC
//! library, which would stop waiting by itself.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use futures::StreamExt as _;
use prost::Message;
use rondo::{
    domain::{
        changes::Changes,
        ids::{Id, kind},
    },
    grpc::proto::v1,
    store::Repository,
};
use rstest::rstest;
use tonic::{Code, Request};
use tonic_types::pb;

use crate::{
    bad_input::once,
    portal::Portal,
    support::{
        Engine::{self, Postgres, Sqlite},
        api::id_of,
    },
};

/// What an HTTP answer says of a call: its code, its reason and its sentence.
async fn ask(
    portal: &Portal,
    path: &str,
    request: &impl Message,
    timeout: &str,
) -> (Code, String, String) {
    let message = request.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap();
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let answer = client
        .post(format!("{}{path}", portal.world.rondo.public_url))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {}", portal.key))
        .header("grpc-timeout", timeout)
        .body([&[0], &length.to_be_bytes()[..], &message].concat())
        .send()
        .await
        .unwrap();
    let header = |name| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    // A call that succeeds says so behind its message.
    let code = header("grpc-status").map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()));
    let details = header("grpc-status-details-bin").unwrap_or_default();
    let details = STANDARD_NO_PAD.decode(details.trim_end_matches('=')).unwrap();
    let status = pb::Status::decode(details.as_slice()).unwrap();
    let reasons = status.details.iter().filter(|any| any.type_url.ends_with("ErrorInfo"));
    let reasons = reasons.map(|any| pb::ErrorInfo::decode(any.value.as_slice()).unwrap().reason);
    (code, reasons.collect(), status.message)
}

/// A transaction that has written this customer, and is in the way of all who want to.
async fn in_the_way(portal: &Portal, customer: Id<kind::Customer>) -> Box<dyn Repository> {
    let world = &portal.world;
    let mut repo = world.rondo.store.begin().await.unwrap();
    let customers = repo.customers(world.merchant_id, &[customer]).await.unwrap();
    repo.write(Changes { customers, ..Changes::default() }).await.unwrap();
    repo
}

#[rstest]
#[tokio::test]
async fn a_change_whose_caller_stopped_waiting_is_not_made_until_it_is_sent_again(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let ana = portal.world.member("Ana", "tok_visa_ok").await;
    let name = format!("customers/{}", ana.id);
    let get = v1::GetCustomerRequest { name: name.clone(), ..Default::default() };
    let before = portal.customers().get_customer(portal.ask(get)).await.unwrap().into_inner();
    let request = v1::UpdateCustomerRequest {
        customer: Some(v1::Customer {
            name: name.clone(),
            display_name: "Ana Braun".to_owned(),
            ..Default::default()
        }),
        request_id: once(),
        ..Default::default()
    };
    let whole = portal.world.database.whole().await;
    let path = "/rondo.v1.CustomersService/UpdateCustomer";

    let other = in_the_way(&portal, id_of(&name)).await;
    let (code, reason, message) = ask(&portal, path, &request, "200m").await;
    assert_eq!((code, reason.as_str()), (Code::DeadlineExceeded, "DEADLINE_PASSED"));
    assert_eq!(
        message,
        "the call's deadline of 200 ms has passed, and it may have been carried out; send it again \
         with the same request_id"
    );
    drop(other);
    assert_eq!(portal.world.database.whole().await, whole, "nothing of it was kept");

    // Not even begun, when there is no time at all.
    assert_eq!(ask(&portal, path, &request, "0n").await.0, Code::DeadlineExceeded);

    assert_eq!(ask(&portal, path, &request, "60S").await.0, Code::Ok);
    let mut customers = portal.customers();
    let again = customers.update_customer(portal.ask(request)).await.unwrap().into_inner();
    assert_eq!(again.display_name, "Ana Braun");
    let next: i64 = before.etag.trim_matches('"').parse().unwrap();
    assert_eq!(again.etag, format!("\"{}\"", next + 1), "it was made once");
}

#[rstest]
#[tokio::test]
async fn a_deadline_is_a_number_and_its_unit(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let path = "/rondo.v1.PlansService/ListPlans";
    let list = v1::ListPlansRequest::default();
    for timeout in ["soon", "10", "123456789S", "-1S"] {
        let (code, reason, message) = ask(&portal, path, &list, timeout).await;
        assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "DEADLINE_UNREADABLE"));
        assert_eq!(
            message,
            "the metadata `grpc-timeout` must be a number of at most 8 digits and its unit, like 10S"
        );
    }
}

#[rstest]
#[tokio::test]
async fn a_stream_sends_until_its_deadline(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let plan = portal.plan("Monthly", 2_000).await;
    let stream = async |timeout: Option<&'static str>| {
        let mut request: Request<_> = portal.ask(v1::StreamEventsRequest::default());
        if let Some(timeout) = timeout {
            request.metadata_mut().insert("grpc-timeout", timeout.parse().unwrap());
        }
        portal.events().stream_events(request).await.unwrap().into_inner()
    };
    let mut for_long = stream(None).await;
    let for_a_while: Vec<_> = stream(Some("1500m")).await.collect().await;
    let (last, sent) = for_a_while.split_last().unwrap();
    assert_eq!(last.as_ref().unwrap_err().code(), Code::DeadlineExceeded);
    let kinds = |sent: &[Result<v1::StreamEventsResponse, _>]| -> Vec<String> {
        let sent = sent.iter().map(|sent: &Result<_, tonic::Status>| sent.as_ref().unwrap());
        sent.filter_map(|sent| sent.event.clone()).map(|event| event.r#type).collect()
    };
    assert_eq!(kinds(sent), ["plan.created"]);

    // Who set no deadline hears on.
    let first = for_long.next().await.unwrap();
    assert_eq!(kinds(&[first]), ["plan.created"]);
    let request = v1::CancelPlanRequest {
        name: plan.name,
        etag: plan.etag,
        existing_subscriptions: Some(v1::cancel_plan_request::ExistingSubscriptions::RunOn(
            v1::cancel_plan_request::RunOn {},
        )),
        ..Default::default()
    };
    portal.plans().cancel_plan(portal.ask(request)).await.unwrap();
    let second = for_long.next().await.unwrap();
    assert_eq!(kinds(&[second]), ["plan.retired"]);
}
