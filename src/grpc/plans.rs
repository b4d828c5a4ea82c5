//! `PlansService`: plans, their versions, and what changing them does.

use tonic::{Request, Response, Status};

use super::{
    Api,
    auth::admitted,
    convert::{etag, labels, needed_etag, plans as convert},
    faults::required,
    idempotency::Mutation,
    names,
    proto::v1::{self, plans_service_server::PlansService},
};
use crate::{
    app::{Act, AppError, plans},
    domain::{
        ids::{Id, kind},
        version::Version,
    },
    store::PlanFilter,
};

/// An update of a plan, read.
#[derive(Clone)]
struct Update {
    id: Id<kind::Plan>,
    seen: Option<Version>,
    fields: plans::PlanUpdate,
    existing: Option<plans::OnUpdate>,
}

impl Update {
    fn read(request: &v1::UpdatePlanRequest) -> Result<Self, AppError> {
        let told = required("plan", request.plan.as_ref())?;
        // Its etag first: without one, nobody knows of what the rest was read.
        let seen = needed_etag("plan.etag", &told.etag)?;
        Ok(Self {
            id: names::id("plan.name", &told.name)?,
            seen,
            fields: convert::plan_update(told, request)?,
            existing: convert::on_update(request.existing_subscriptions()),
        })
    }

    async fn run(self, act: &mut Act<'_>) -> Result<(v1::Plan, v1::PlanEffect), AppError> {
        let (plan, effect) =
            plans::update_plan(act, self.id, self.seen, self.fields, self.existing).await?;
        Ok((convert::plan(&plan), convert::effect(&effect)?))
    }
}

/// A cancellation of a plan, read.
#[derive(Clone, Copy)]
struct Cancel {
    id: Id<kind::Plan>,
    seen: Option<Version>,
    existing: plans::OnCancel,
}

impl Cancel {
    fn read(request: &v1::CancelPlanRequest) -> Result<Self, AppError> {
        Ok(Self {
            id: names::id("name", &request.name)?,
            seen: needed_etag("etag", &request.etag)?,
            existing: convert::on_cancel(request)?,
        })
    }

    async fn run(self, act: &mut Act<'_>) -> Result<(v1::Plan, v1::PlanEffect), AppError> {
        let (plan, effect) = plans::cancel_plan(act, self.id, self.seen, self.existing).await?;
        Ok((convert::plan(&plan), convert::effect(&effect)?))
    }
}

#[tonic::async_trait]
impl PlansService for Api {
    async fn create_plan(
        &self,
        request: Request<v1::CreatePlanRequest>,
    ) -> Result<Response<v1::Plan>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let new = convert::new_plan(&request)?;
        self.mutate(&mutation, |act| {
            let new = new.clone();
            Box::pin(async move { Ok(convert::plan(&plans::create_plan(act, new).await?)) })
        })
        .await
    }

    async fn get_plan(
        &self,
        request: Request<v1::GetPlanRequest>,
    ) -> Result<Response<v1::Plan>, Status> {
        let (caller, request) = admitted(request)?;
        let id = names::id("name", &request.name)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        Ok(Response::new(convert::plan(&plans::plan_with_terms(&mut act, id).await?)))
    }

    async fn list_plans(
        &self,
        request: Request<v1::ListPlansRequest>,
    ) -> Result<Response<v1::ListPlansResponse>, Status> {
        let (caller, mut request) = admitted(request)?;
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let list = self.list(&caller, "/rondo.v1.PlansService/ListPlans", &request);
        let wanted = list.page(size, &token)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        let filter = PlanFilter {
            state: convert::wanted_state(request.state()),
            show_deleted: request.show_deleted,
            labels: labels("labels", &request.labels)?,
        };
        let rows = act.repo.list_plans(merchant.id, &filter, wanted.to_page()).await;
        let rows = rows.map_err(AppError::from)?;
        let (rows, next_page_token) = wanted.cut(rows, |plan| plan.id);
        let plans = plans::with_terms(&mut act, rows).await?;
        let plans = plans.iter().map(convert::plan).collect();
        Ok(Response::new(v1::ListPlansResponse { plans, next_page_token }))
    }

    async fn update_plan(
        &self,
        request: Request<v1::UpdatePlanRequest>,
    ) -> Result<Response<v1::UpdatePlanResponse>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let update = Update::read(&request)?;
        self.mutate(&mutation, |act| {
            let update = update.clone();
            Box::pin(async move {
                let (plan, effect) = update.run(act).await?;
                Ok(v1::UpdatePlanResponse { plan: Some(plan), effect: Some(effect) })
            })
        })
        .await
    }

    async fn cancel_plan(
        &self,
        request: Request<v1::CancelPlanRequest>,
    ) -> Result<Response<v1::CancelPlanResponse>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let cancel = Cancel::read(&request)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move {
                let (plan, effect) = cancel.run(act).await?;
                Ok(v1::CancelPlanResponse { plan: Some(plan), effect: Some(effect) })
            })
        })
        .await
    }

    async fn delete_plan(
        &self,
        request: Request<v1::DeletePlanRequest>,
    ) -> Result<Response<v1::Plan>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = needed_etag("etag", &request.etag)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move { Ok(convert::plan(&plans::delete_plan(act, id, seen).await?)) })
        })
        .await
    }

    async fn undelete_plan(
        &self,
        request: Request<v1::UndeletePlanRequest>,
    ) -> Result<Response<v1::Plan>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move { Ok(convert::plan(&plans::undelete_plan(act, id, seen).await?)) })
        })
        .await
    }

    async fn preview_plan_update(
        &self,
        request: Request<v1::PreviewPlanUpdateRequest>,
    ) -> Result<Response<v1::PlanEffect>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let update = Update::read(required("update", request.update.as_ref())?);
        let update = update.map_err(|refusal| refusal.within("update"))?;
        self.mutate(&mutation, |act| {
            let update = update.clone();
            Box::pin(async move {
                let done = update.run(act).await;
                done.map(|(_, effect)| effect).map_err(|refusal| refusal.within("update"))
            })
        })
        .await
    }

    async fn preview_plan_cancel(
        &self,
        request: Request<v1::PreviewPlanCancelRequest>,
    ) -> Result<Response<v1::PlanEffect>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let cancel = Cancel::read(required("cancel", request.cancel.as_ref())?);
        let cancel = cancel.map_err(|refusal| refusal.within("cancel"))?;
        self.mutate(&mutation, |act| {
            Box::pin(async move {
                let done = cancel.run(act).await;
                done.map(|(_, effect)| effect).map_err(|refusal| refusal.within("cancel"))
            })
        })
        .await
    }

    async fn list_plan_versions(
        &self,
        request: Request<v1::ListPlanVersionsRequest>,
    ) -> Result<Response<v1::ListPlanVersionsResponse>, Status> {
        let (caller, mut request) = admitted(request)?;
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let list = self.list(&caller, "/rondo.v1.PlansService/ListPlanVersions", &request);
        let wanted = list.page(size, &token)?;
        let id = names::id("parent", &request.parent)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let rows = repo.versions_of_plan(merchant.id, id).await.map_err(AppError::from)?;
        if rows.is_empty() {
            return Err(AppError::not_found(id).into());
        }
        let (rows, next_page_token) = wanted.of_whole(rows, |row| i64::from(row.number.0));
        let plan_versions = rows.iter().map(convert::version).collect();
        Ok(Response::new(v1::ListPlanVersionsResponse { plan_versions, next_page_token }))
    }

    async fn get_plan_version(
        &self,
        request: Request<v1::GetPlanVersionRequest>,
    ) -> Result<Response<v1::PlanVersion>, Status> {
        let (caller, request) = admitted(request)?;
        let (plan, number) = names::plan_version("name", &request.name)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        let version = plans::plan_version(&mut act, plan, number).await?;
        Ok(Response::new(convert::version(&version)))
    }
}
