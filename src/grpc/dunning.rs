//! `DunningService`: what follows a failed charge, as policies and as cases.

use tonic::{Request, Response, Status};

use super::{
    Api,
    auth::admitted,
    convert::{dunning as convert, etag, needed_etag, time},
    faults::required,
    idempotency::Mutation,
    names,
    proto::v1::{self, dunning_service_server::DunningService},
};
use crate::app::{Act, AppError, dunning};

#[tonic::async_trait]
impl DunningService for Api {
    async fn create_dunning_policy(
        &self,
        request: Request<v1::CreateDunningPolicyRequest>,
    ) -> Result<Response<v1::DunningPolicy>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let told = required("dunning_policy", request.dunning_policy.as_ref())?;
        let (name, ladder) = convert::new_policy(told)?;
        self.mutate(&mutation, |act| {
            let (name, ladder) = (name.clone(), ladder.clone());
            Box::pin(async move {
                Ok(convert::policy(&dunning::create_policy(act, &name, ladder).await?))
            })
        })
        .await
    }

    async fn get_dunning_policy(
        &self,
        request: Request<v1::GetDunningPolicyRequest>,
    ) -> Result<Response<v1::DunningPolicy>, Status> {
        let (caller, request) = admitted(request)?;
        let id = names::id("name", &request.name)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        Ok(Response::new(convert::policy(&dunning::policy(&mut act, id).await?)))
    }

    async fn list_dunning_policies(
        &self,
        request: Request<v1::ListDunningPoliciesRequest>,
    ) -> Result<Response<v1::ListDunningPoliciesResponse>, Status> {
        let (caller, mut request) = admitted(request)?;
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let list = self.list(&caller, "/rondo.v1.DunningService/ListDunningPolicies", &request);
        let wanted = list.page(size, &token)?;
        let show_deleted = request.show_deleted;
        let (mut repo, merchant) = self.read(&caller).await?;
        let rows = repo.list_dunning_policies(merchant.id, show_deleted, wanted.to_page()).await;
        let (rows, next_page_token) = wanted.cut(rows.map_err(AppError::from)?, |row| row.id);
        let dunning_policies = rows.iter().map(convert::policy).collect();
        Ok(Response::new(v1::ListDunningPoliciesResponse { dunning_policies, next_page_token }))
    }

    async fn update_dunning_policy(
        &self,
        request: Request<v1::UpdateDunningPolicyRequest>,
    ) -> Result<Response<v1::DunningPolicy>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let told = required("dunning_policy", request.dunning_policy.as_ref())?;
        let id = names::id("dunning_policy.name", &told.name)?;
        let seen = needed_etag("dunning_policy.etag", &told.etag)?;
        let update = convert::policy_update(told, &request)?;
        self.mutate(&mutation, |act| {
            let update = update.clone();
            Box::pin(async move {
                Ok(convert::policy(&dunning::update_policy(act, id, seen, update).await?))
            })
        })
        .await
    }

    async fn delete_dunning_policy(
        &self,
        request: Request<v1::DeleteDunningPolicyRequest>,
    ) -> Result<Response<v1::DunningPolicy>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = needed_etag("etag", &request.etag)?;
        self.mutate(&mutation, |act| {
            Box::pin(
                async move { Ok(convert::policy(&dunning::delete_policy(act, id, seen).await?)) },
            )
        })
        .await
    }

    async fn get_dunning_case(
        &self,
        request: Request<v1::GetDunningCaseRequest>,
    ) -> Result<Response<v1::DunningCase>, Status> {
        let (caller, request) = admitted(request)?;
        let id = names::id("name", &request.name)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        Ok(Response::new(convert::case(&dunning::case(&mut act, id).await?)))
    }

    async fn list_dunning_cases(
        &self,
        request: Request<v1::ListDunningCasesRequest>,
    ) -> Result<Response<v1::ListDunningCasesResponse>, Status> {
        let (caller, mut request) = admitted(request)?;
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let list = self.list(&caller, "/rondo.v1.DunningService/ListDunningCases", &request);
        let wanted = list.page(size, &token)?;
        let customer = names::optional_id("customer", &request.customer)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let page = wanted.to_page();
        let rows = repo.list_dunning_cases(merchant.id, request.open_only, customer, page).await;
        let (rows, next_page_token) = wanted.cut(rows.map_err(AppError::from)?, |row| row.id);
        let dunning_cases = rows.iter().map(convert::case).collect();
        Ok(Response::new(v1::ListDunningCasesResponse { dunning_cases, next_page_token }))
    }

    async fn hold_dunning_case(
        &self,
        request: Request<v1::HoldDunningCaseRequest>,
    ) -> Result<Response<v1::DunningCase>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        let until = required("hold_until_time", request.hold_until_time)?;
        let until = time::instant("hold_until_time", until)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move { Ok(convert::case(&dunning::hold(act, id, seen, until).await?)) })
        })
        .await
    }

    async fn release_dunning_case(
        &self,
        request: Request<v1::ReleaseDunningCaseRequest>,
    ) -> Result<Response<v1::DunningCase>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move { Ok(convert::case(&dunning::release(act, id, seen).await?)) })
        })
        .await
    }

    async fn retry_dunning_case_now(
        &self,
        request: Request<v1::RetryDunningCaseNowRequest>,
    ) -> Result<Response<v1::DunningCase>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move { Ok(convert::case(&dunning::retry_now(act, id, seen).await?)) })
        })
        .await
    }
}
