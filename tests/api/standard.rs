//! What every gRPC server is asked in the same way: how it is, and what it has.

use std::{num::NonZeroU32, sync::Arc};

use futures::{StreamExt, stream};
use rondo::grpc::{self, Services};
use rstest::rstest;
use tonic::{Code, Request};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::{
    v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    },
    v1alpha,
};

use crate::{
    portal::{Portal, reason},
    support::Engine::{self, Postgres, Sqlite},
};

#[rstest]
#[tokio::test]
async fn health_is_told_of_all_and_of_each_service_as_long_as_the_database_answers(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let mut health = HealthClient::new(portal.channel.clone());
    let of = |service: &str| HealthCheckRequest { service: service.to_owned() };
    for service in ["", "rondo.v1.PlansService"] {
        let told = health.check(of(service)).await.unwrap().into_inner();
        assert_eq!(told.status(), ServingStatus::Serving, "{service:?}");
    }
    let nowhere = health.check(of("rondo.v1.NoService")).await.unwrap_err();
    assert_eq!(nowhere.code(), Code::NotFound);
    let mut watch = health.watch(of("")).await.unwrap().into_inner();
    let first = watch.next().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);

    portal.world.rondo.store.close().await;
    let told = health.check(of("")).await.unwrap().into_inner();
    assert_eq!(told.status(), ServingStatus::NotServing);
}

fn list() -> Request<impl StreamExt<Item = ServerReflectionRequest>> {
    let asked = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    Request::new(stream::iter([asked]))
}

fn check_listed(names: &[String]) {
    assert!(names.contains(&"rondo.v1.PaymentsService".to_owned()), "{names:?}");
    assert_eq!(names.iter().filter(|name| name.starts_with("rondo.v1.")).count(), 12, "{names:?}");
}

#[tokio::test]
async fn reflection_lists_every_service() {
    let portal = Portal::on(Sqlite).await;
    let mut reflection = ServerReflectionClient::new(portal.channel.clone());
    let answers = reflection.server_reflection_info(list());
    let answer = answers.await.unwrap().into_inner().next().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(listed)) = answer.message_response else {
        panic!("{answer:?}")
    };
    check_listed(&listed.service.into_iter().map(|service| service.name).collect::<Vec<_>>());
}

/// Older tools ask by the name that reflection had before it was stable.
#[tokio::test]
async fn reflection_lists_every_service_by_its_older_name_too() {
    use v1alpha::{
        server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest::ListServices,
        server_reflection_response::MessageResponse::ListServicesResponse,
    };
    let portal = Portal::on(Sqlite).await;
    let asked = v1alpha::ServerReflectionRequest {
        message_request: Some(ListServices(String::new())),
        ..Default::default()
    };
    let mut reflection = ServerReflectionClient::new(portal.channel.clone());
    let answers = reflection.server_reflection_info(Request::new(stream::iter([asked])));
    let answer = answers.await.unwrap().into_inner().next().await.unwrap().unwrap();
    let Some(ListServicesResponse(listed)) = answer.message_response else { panic!("{answer:?}") };
    check_listed(&listed.service.into_iter().map(|service| service.name).collect::<Vec<_>>());
}

#[tokio::test]
async fn reflection_is_off_unless_it_is_wanted() {
    let portal = Portal::on(Sqlite).await;
    let plenty = NonZeroU32::new(100).unwrap();
    let routes = grpc::routes(Services {
        rondo: Arc::new(portal.world.rondo.clone()),
        calls_per_second: plenty,
        burst: plenty,
        reflection: false,
    });
    let mut reflection = ServerReflectionClient::new(routes.clone());
    let refused = reflection.server_reflection_info(list()).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Unimplemented, "METHOD_UNKNOWN")
    );
    let mut older = v1alpha::server_reflection_client::ServerReflectionClient::new(routes);
    let nothing = Request::new(stream::iter([v1alpha::ServerReflectionRequest::default()]));
    let refused = older.server_reflection_info(nothing).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Unimplemented, "METHOD_UNKNOWN")
    );
}
