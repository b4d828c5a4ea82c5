//! `SubscriptionsService`: members' running agreements to plans.

use tonic::{Request, Response, Status};

use super::{
    Api,
    auth::admitted,
    convert::{etag, labels, needed_etag, subscriptions as convert, time},
    faults::required,
    idempotency::Mutation,
    names,
    proto::v1::{self, subscriptions_service_server::SubscriptionsService},
};
use crate::{
    app::{Act, AppError, labels::relabel_subscription, subscriptions},
    store::SubscriptionFilter,
};

#[tonic::async_trait]
impl SubscriptionsService for Api {
    async fn create_subscription(
        &self,
        request: Request<v1::CreateSubscriptionRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let new = convert::new_subscription(&request)?;
        self.mutate(&mutation, |act| {
            let new = new.clone();
            Box::pin(async move {
                let subscription = subscriptions::create(act, new).await?;
                Ok(convert::subscription(&subscription))
            })
        })
        .await
    }

    async fn get_subscription(
        &self,
        request: Request<v1::GetSubscriptionRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (caller, request) = admitted(request)?;
        let id = names::id("name", &request.name)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        Ok(Response::new(convert::subscription(&act.subscription(id).await?)))
    }

    async fn list_subscriptions(
        &self,
        request: Request<v1::ListSubscriptionsRequest>,
    ) -> Result<Response<v1::ListSubscriptionsResponse>, Status> {
        let (caller, mut request) = admitted(request)?;
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let list = self.list(&caller, "/rondo.v1.SubscriptionsService/ListSubscriptions", &request);
        let wanted = list.page(size, &token)?;
        let filter = SubscriptionFilter {
            customer: names::optional_id("customer", &request.customer)?,
            plan: names::optional_id("plan", &request.plan)?,
            states: convert::wanted_states(request.states())?,
            labels: labels("labels", &request.labels)?,
        };
        let (mut repo, merchant) = self.read(&caller).await?;
        let rows = repo.list_subscriptions(merchant.id, &filter, wanted.to_page()).await;
        let (rows, next_page_token) = wanted.cut(rows.map_err(AppError::from)?, |row| row.id);
        let subscriptions = rows.iter().map(convert::subscription).collect();
        Ok(Response::new(v1::ListSubscriptionsResponse { subscriptions, next_page_token }))
    }

    async fn update_subscription(
        &self,
        request: Request<v1::UpdateSubscriptionRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let told = required("subscription", request.subscription.as_ref())?;
        let id = names::id("subscription.name", &told.name)?;
        let seen = needed_etag("subscription.etag", &told.etag)?;
        let labels = convert::new_labels(told, &request)?;
        self.mutate(&mutation, |act| {
            let labels = labels.clone();
            Box::pin(async move {
                let subscription = relabel_subscription(act, id, seen, labels).await?;
                Ok(convert::subscription(&subscription))
            })
        })
        .await
    }

    async fn change_subscription(
        &self,
        request: Request<v1::ChangeSubscriptionRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        let change = convert::change(&request)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move {
                let subscription = subscriptions::change(act, id, seen, change).await?;
                Ok(convert::subscription(&subscription))
            })
        })
        .await
    }

    async fn undo_change_subscription(
        &self,
        request: Request<v1::UndoChangeSubscriptionRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move {
                let subscription = subscriptions::undo_change(act, id, seen).await?;
                Ok(convert::subscription(&subscription))
            })
        })
        .await
    }

    async fn cancel_subscription(
        &self,
        request: Request<v1::CancelSubscriptionRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        let when = convert::end_when(request.when())?;
        self.mutate(&mutation, |act| {
            Box::pin(async move {
                let subscription = subscriptions::cancel(act, id, seen, when).await?;
                Ok(convert::subscription(&subscription))
            })
        })
        .await
    }

    async fn undo_cancel_subscription(
        &self,
        request: Request<v1::UndoCancelSubscriptionRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move {
                let subscription = subscriptions::undo_cancellation(act, id, seen).await?;
                Ok(convert::subscription(&subscription))
            })
        })
        .await
    }

    async fn pause_subscription(
        &self,
        request: Request<v1::PauseSubscriptionRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        let resumes_at = time::optional_instant("resume_time", request.resume_time)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move {
                let subscription = subscriptions::pause(act, id, seen, resumes_at).await?;
                Ok(convert::subscription(&subscription))
            })
        })
        .await
    }

    async fn resume_subscription(
        &self,
        request: Request<v1::ResumeSubscriptionRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move {
                let subscription = subscriptions::resume(act, id, seen).await?;
                Ok(convert::subscription(&subscription))
            })
        })
        .await
    }
}
