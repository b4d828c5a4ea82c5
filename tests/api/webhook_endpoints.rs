//! Addresses of the portal: made, listed, deleted, with a secret that is told once.

use rondo::grpc::proto::v1::{
    self, webhook_endpoint::State, webhook_endpoints_service_client::WebhookEndpointsServiceClient,
};
use rstest::rstest;
use tonic::transport::Channel;

use crate::{
    portal::Portal,
    support::Engine::{self, Postgres, Sqlite},
};

fn endpoints(portal: &Portal) -> WebhookEndpointsServiceClient<Channel> {
    WebhookEndpointsServiceClient::new(portal.channel.clone())
}

fn wish(url: &str) -> v1::CreateWebhookEndpointRequest {
    v1::CreateWebhookEndpointRequest {
        webhook_endpoint: Some(v1::WebhookEndpoint { url: url.to_owned(), ..Default::default() }),
        request_id: "8f3b1c52-6d0a-4e7f-9b21-5c4d3e2f1a00".to_owned(),
        ..Default::default()
    }
}

#[rstest]
#[tokio::test]
async fn an_endpoint_hears_what_happens_from_then_on_and_its_secret_is_told_once(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    for name in ["One", "Two", "Three", "Four", "Five"] {
        portal.plan(name, 2_000).await;
    }
    let wish = wish("https://portal.example/rondo");
    let mut client = endpoints(&portal);
    let made = client.create_webhook_endpoint(portal.ask(wish.clone())).await.unwrap();
    let made = made.into_inner();
    assert!(made.secret.starts_with("whsec_"), "{}", made.secret);
    let endpoint = made.webhook_endpoint.unwrap();
    assert_eq!((endpoint.state(), endpoint.delivered_sequence), (State::Enabled, 5));
    let again = client.create_webhook_endpoint(portal.ask(wish)).await.unwrap().into_inner();
    assert_eq!((again.secret.as_str(), again.webhook_endpoint), ("", Some(endpoint.clone())));

    let delete =
        v1::DeleteWebhookEndpointRequest { name: endpoint.name.clone(), ..Default::default() };
    client.delete_webhook_endpoint(portal.ask(delete)).await.unwrap();
    let list = v1::ListWebhookEndpointsRequest::default();
    let listed = client.list_webhook_endpoints(portal.ask(list)).await.unwrap().into_inner();
    let states: Vec<_> = listed.webhook_endpoints.iter().map(|e| (&e.name, e.state())).collect();
    assert_eq!(states, [(&endpoint.name, State::Disabled)]);

    let get = v1::GetWebhookEndpointRequest { name: endpoint.name.clone() };
    let answer = client.get_webhook_endpoint(portal.ask(get)).await.unwrap().into_inner();
    assert_eq!(answer, listed.webhook_endpoints[0]);
    assert!(!format!("{answer:?}").contains(&made.secret), "{answer:?}");
}
