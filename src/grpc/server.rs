//! What is served: the services behind their guard, health, and reflection where it is wanted.

use std::{num::NonZeroU32, sync::Arc};

use axum::{
    extract::Request,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use prost::Message;
use tonic::{Status, service::Routes};
use tonic_health::pb::health_server::HealthServer;

use super::{
    auth::{self, Caller},
    deadlines,
    errors::ApiError,
    health::Healthy,
    limits::Limits,
    paging::List,
    proto::{
        DESCRIPTORS,
        v1::{
            api_keys_service_server::ApiKeysServiceServer,
            customers_service_server::CustomersServiceServer,
            dunning_service_server::DunningServiceServer,
            events_service_server::EventsServiceServer,
            invoices_service_server::InvoicesServiceServer,
            merchants_service_server::MerchantsServiceServer,
            payment_methods_service_server::PaymentMethodsServiceServer,
            payments_service_server::PaymentsServiceServer,
            plans_service_server::PlansServiceServer,
            subscriptions_service_server::SubscriptionsServiceServer,
            test_clocks_service_server::TestClocksServiceServer,
            webhook_endpoints_service_server::WebhookEndpointsServiceServer,
        },
    },
};
use crate::{
    app::{AppError, Rondo},
    domain::{ids::Mint, merchant::Merchant},
    store::{Repository, Store},
};

/// The largest request, in bytes: far above any that makes sense.
const REQUEST_MAX_BYTES: usize = 1 << 20;

/// What the services work with.
#[derive(Debug)]
pub struct Services {
    /// The ports, the time and the chance that operations share.
    pub rondo: Arc<Rondo>,
    /// Calls that each key may make in a second.
    pub calls_per_second: NonZeroU32,
    /// Calls that each key may make at once.
    pub burst: NonZeroU32,
    /// Whether reflection answers (RULES API-11: off in production).
    pub reflection: bool,
}

/// All services in one: each file beside this one implements one of them for it.
#[derive(Debug, Clone)]
pub struct Api {
    rondo: Arc<Rondo>,
    limits: Arc<Limits>,
}

/// The routes of the API, ready to be merged with pages on the same port.
pub fn routes(services: Services) -> axum::Router {
    let has_reflection = services.reflection;
    let limits = Arc::new(Limits::new(services.calls_per_second, services.burst));
    let health = HealthServer::new(Healthy(Arc::clone(&services.rondo)));
    let api = Api { rondo: services.rondo, limits };
    let mut routes = Routes::default()
        .add_service(health)
        .add_service(
            ApiKeysServiceServer::new(api.clone()).max_decoding_message_size(REQUEST_MAX_BYTES),
        )
        .add_service(
            CustomersServiceServer::new(api.clone()).max_decoding_message_size(REQUEST_MAX_BYTES),
        )
        .add_service(
            DunningServiceServer::new(api.clone()).max_decoding_message_size(REQUEST_MAX_BYTES),
        )
        .add_service(
            EventsServiceServer::new(api.clone()).max_decoding_message_size(REQUEST_MAX_BYTES),
        )
        .add_service(
            InvoicesServiceServer::new(api.clone()).max_decoding_message_size(REQUEST_MAX_BYTES),
        )
        .add_service(
            MerchantsServiceServer::new(api.clone()).max_decoding_message_size(REQUEST_MAX_BYTES),
        )
        .add_service(
            PaymentMethodsServiceServer::new(api.clone())
                .max_decoding_message_size(REQUEST_MAX_BYTES),
        )
        .add_service(
            PaymentsServiceServer::new(api.clone()).max_decoding_message_size(REQUEST_MAX_BYTES),
        )
        .add_service(
            PlansServiceServer::new(api.clone()).max_decoding_message_size(REQUEST_MAX_BYTES),
        )
        .add_service(
            SubscriptionsServiceServer::new(api.clone())
                .max_decoding_message_size(REQUEST_MAX_BYTES),
        )
        .add_service(
            TestClocksServiceServer::new(api.clone()).max_decoding_message_size(REQUEST_MAX_BYTES),
        )
        .add_service(
            WebhookEndpointsServiceServer::new(api.clone())
                .max_decoding_message_size(REQUEST_MAX_BYTES),
        );
    if has_reflection {
        let describe = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
        };
        routes = routes
            .add_service(describe().build_v1().expect("the build script made the descriptors"))
            .add_service(
                describe().build_v1alpha().expect("the build script made the descriptors"),
            );
    }
    routes
        .into_axum_router()
        .fallback(unknown)
        .route_layer(axum::middleware::from_fn_with_state(api, auth::guard))
        .route_layer(axum::middleware::from_fn(deadlines::keep))
}

/// What is called that is not here: told to gRPC clients as every refusal is, and to others in a line.
async fn unknown(request: Request) -> Response {
    let is_grpc = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if is_grpc {
        let method = request.uri().path().to_owned();
        return Status::from(ApiError::MethodUnknown { method }).into_http();
    }
    (StatusCode::NOT_FOUND, "There is no such page.\n").into_response()
}

impl Api {
    /// What time it is in the world.
    pub fn now(&self) -> DateTime<Utc> {
        self.rondo.clock.now()
    }

    /// The database.
    pub fn store(&self) -> &dyn Store {
        self.rondo.store.as_ref()
    }

    /// Where ids come from.
    pub fn mint(&self) -> &Mint {
        &self.rondo.mint
    }

    /// The running service.
    pub fn rondo(&self) -> &Arc<Rondo> {
        &self.rondo
    }

    /// How fast callers may call.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// One consistent picture of what a merchant has, and the merchant.
    pub async fn read(&self, caller: &Caller) -> Result<(Box<dyn Repository>, Merchant), ApiError> {
        let id = caller.merchant()?;
        let mut repo = self.store().snapshot().await?;
        let merchant = repo.merchant(id).await?.ok_or_else(|| AppError::not_found(id))?;
        Ok((repo, merchant))
    }

    /// The list that the method at `path` gives to `caller` for `filter`: the request without its
    /// page's size and token.
    pub fn list(&self, caller: &Caller, path: &str, filter: &impl Message) -> List<'_> {
        let filter = filter.encode_to_vec();
        List::new(&self.rondo.links, self.now(), path, &caller.scope(), &filter)
    }
}
