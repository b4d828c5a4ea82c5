//! Health over gRPC (`grpc.health.v1`): whether calls can be answered, of all services or of one by its name. It
//! is asked of the database each time, as `/readyz` is.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures::{Stream, stream};
use tonic::{Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_server::Health,
};

use super::permissions;
use crate::app::Rondo;

/// How often a watcher's answer is looked at anew.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

/// Answers for the whole process.
#[derive(Debug, Clone)]
pub struct Healthy(pub Arc<Rondo>);

impl Healthy {
    async fn status(&self, service: &str) -> Option<ServingStatus> {
        let is_known = service.is_empty() || permissions::is_service(service);
        if !is_known {
            return None;
        }
        match self.0.is_ready().await {
            Ok(()) => Some(ServingStatus::Serving),
            Err(_) => Some(ServingStatus::NotServing),
        }
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl Health for Healthy {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        let status = self.status(&service).await;
        let unknown = || Status::not_found(format!("there is no service named {service:?}"));
        status.map(|status| Response::new(answer(status))).ok_or_else(unknown)
    }

    /// The state at once, and each change of it.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let states = stream::unfold((self.clone(), None), move |(healthy, told)| {
            let service = service.clone();
            async move {
                loop {
                    let now = healthy.status(&service).await;
                    let now = now.unwrap_or(ServingStatus::ServiceUnknown);
                    if told != Some(now) {
                        return Some((Ok(answer(now)), (healthy, Some(now))));
                    }
                    tokio::time::sleep(LOOKED_AT_EVERY).await;
                }
            }
        });
        Ok(Response::new(Box::pin(states)))
    }
}
