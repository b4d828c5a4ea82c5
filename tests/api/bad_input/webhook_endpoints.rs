//! `WebhookEndpointsService`.

use rondo::grpc::proto::v1;
use rstest::rstest;

use super::{check, fields, state};
use crate::{
    portal::Portal,
    support::Engine::{self, Postgres, Sqlite},
};

/// The server of these tests lets webhooks reach its own machine, and no network beside it.
const INWARD: &str = "must lead to a public host: this machine and private networks are written to \
                      only where the operator allows it (the setting `webhook_reach`)";

#[rstest]
#[tokio::test]
async fn each_bad_input_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let wish = |url: &str| v1::CreateWebhookEndpointRequest {
        webhook_endpoint: Some(v1::WebhookEndpoint { url: url.to_owned(), ..Default::default() }),
        ..Default::default()
    };
    let mut rows = vec![fields(
        "CreateWebhookEndpoint",
        &v1::CreateWebhookEndpointRequest::default(),
        &[("webhook_endpoint", "must be set")],
    )];
    for (url, told) in [
        ("", "must be an address like https://portal.example/rondo"),
        ("portal.example/rondo", "must be an address like https://portal.example/rondo"),
        ("http://portal.example/", "must begin with https://"),
        ("https://portal.example:8443/", "must not name another port than 443"),
        ("https://8.8.8.8/", "must name a host, not a number"),
        ("https://10.0.0.1/", INWARD),
        ("http://169.254.169.254/latest", INWARD),
        ("https://[fd00::1]/", INWARD),
        ("https://ana:secret@portal.example/", "must not hold a user name or a password"),
        ("https://portal.example/#rondo", "must not hold a fragment, the part after #"),
        (
            &format!("https://portal.example/{}", "x".repeat(2_000)),
            "must have at most 2000 characters",
        ),
    ] {
        let told = [("webhook_endpoint.url", told)];
        rows.push(fields("CreateWebhookEndpoint", &wish(url), &told));
    }
    check(&portal, "WebhookEndpointsService", rows).await;

    let mut endpoints = v1::webhook_endpoints_service_client::WebhookEndpointsServiceClient::new(
        portal.channel.clone(),
    );
    let good = wish("https://portal.example/rondo");
    for _ in 0..16 {
        endpoints.create_webhook_endpoint(portal.ask(good.clone())).await.unwrap();
    }
    let told = "there are 16 endpoints already; delete one first";
    let rows = vec![state("CreateWebhookEndpoint", &good, "TOO_MANY_ENDPOINTS", told)];
    check(&portal, "WebhookEndpointsService", rows).await;
}
