//! `TestClocksService`: a merchant's own time.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{
    Api,
    auth::admitted,
    convert::{test_clocks as convert, time},
    faults::required,
    idempotency::Mutation,
    names,
    proto::v1::{self, test_clocks_service_server::TestClocksService},
};
use crate::app::test_clocks;

#[tonic::async_trait]
impl TestClocksService for Api {
    async fn create_test_clock(
        &self,
        request: Request<v1::CreateTestClockRequest>,
    ) -> Result<Response<v1::TestClock>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let told = required("test_clock", request.test_clock.as_ref())?;
        let field = "test_clock.current_time";
        let shows = time::instant(field, required(field, told.current_time)?)?;
        self.mutate(&mutation, |act| {
            let rondo = Arc::clone(self.rondo());
            Box::pin(async move {
                let clock = test_clocks::create_test_clock(&rondo, act, shows).await?;
                Ok(convert::test_clock(clock))
            })
        })
        .await
    }

    async fn get_test_clock(
        &self,
        request: Request<v1::GetTestClockRequest>,
    ) -> Result<Response<v1::TestClock>, Status> {
        let (caller, request) = admitted(request)?;
        let id = names::id("name", &request.name)?;
        let (_, merchant) = self.read(&caller).await?;
        Ok(Response::new(convert::test_clock(test_clocks::test_clock(&merchant, id)?)))
    }

    async fn advance_test_clock(
        &self,
        request: Request<v1::AdvanceTestClockRequest>,
    ) -> Result<Response<v1::TestClock>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let target = time::instant("target_time", required("target_time", request.target_time)?)?;
        self.mutate(&mutation, |act| {
            let rondo = Arc::clone(self.rondo());
            Box::pin(async move {
                let clock = test_clocks::advance_test_clock(&rondo, act, id, target).await?;
                Ok(convert::test_clock(clock))
            })
        })
        .await
    }
}
