//! `WebhookEndpointsService`: the addresses of a portal that events are sent to.

use tonic::{Request, Response, Status};

use super::{
    Api,
    auth::admitted,
    convert::{etag, webhook_endpoints as convert},
    faults::required,
    idempotency::Mutation,
    names,
    proto::v1::{self, webhook_endpoints_service_server::WebhookEndpointsService},
};
use crate::app::{Act, AppError, webhook_endpoints};

/// What is kept of the answer: all but the secret, which is told once.
fn without_secret(reply: &v1::CreateWebhookEndpointResponse) -> v1::CreateWebhookEndpointResponse {
    v1::CreateWebhookEndpointResponse { secret: String::new(), ..reply.clone() }
}

#[tonic::async_trait]
impl WebhookEndpointsService for Api {
    async fn create_webhook_endpoint(
        &self,
        request: Request<v1::CreateWebhookEndpointRequest>,
    ) -> Result<Response<v1::CreateWebhookEndpointResponse>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let url = required("webhook_endpoint", request.webhook_endpoint.as_ref())?.url.clone();
        let reach = self.rondo().webhook_reach;
        let merchant = caller.merchant()?;
        let (mint, now) = (self.rondo().mint.clone(), self.now());
        self.administer(&mutation, without_secret, |repo| {
            let (url, mint) = (url.clone(), mint.clone());
            Box::pin(async move {
                let found = repo.merchant(merchant).await?;
                let merchant = found.ok_or_else(|| AppError::not_found(merchant))?;
                let mut act = Act::new(repo, &merchant, now, &mint);
                let new = webhook_endpoints::create(&mut act, &url, reach).await?;
                Ok(v1::CreateWebhookEndpointResponse {
                    webhook_endpoint: Some(convert::webhook_endpoint(&new.endpoint)),
                    secret: new.secret,
                })
            })
        })
        .await
    }

    async fn get_webhook_endpoint(
        &self,
        request: Request<v1::GetWebhookEndpointRequest>,
    ) -> Result<Response<v1::WebhookEndpoint>, Status> {
        let (caller, request) = admitted(request)?;
        let id = names::id("name", &request.name)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        let found = webhook_endpoints::endpoint(&mut act, id).await?;
        Ok(Response::new(convert::webhook_endpoint(&found)))
    }

    async fn list_webhook_endpoints(
        &self,
        request: Request<v1::ListWebhookEndpointsRequest>,
    ) -> Result<Response<v1::ListWebhookEndpointsResponse>, Status> {
        let (caller, mut request) = admitted(request)?;
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let path = "/rondo.v1.WebhookEndpointsService/ListWebhookEndpoints";
        let list = self.list(&caller, path, &request);
        let wanted = list.page(size, &token)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut rows = repo.webhook_endpoints(merchant.id).await.map_err(AppError::from)?;
        rows.sort_unstable_by_key(|endpoint| endpoint.id);
        let (rows, next_page_token) = wanted.of_whole(rows, |endpoint| endpoint.id);
        let webhook_endpoints = rows.iter().map(convert::webhook_endpoint).collect();
        Ok(Response::new(v1::ListWebhookEndpointsResponse { webhook_endpoints, next_page_token }))
    }

    async fn delete_webhook_endpoint(
        &self,
        request: Request<v1::DeleteWebhookEndpointRequest>,
    ) -> Result<Response<()>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move { webhook_endpoints::delete(act, id, seen).await })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_kept_with_its_answer() {
        let reply = v1::CreateWebhookEndpointResponse {
            webhook_endpoint: Some(v1::WebhookEndpoint::default()),
            secret: "whsec_told_once".to_owned(),
        };
        let kept = without_secret(&reply);
        assert!(kept.secret.is_empty());
        assert_eq!(kept.webhook_endpoint, reply.webhook_endpoint);
    }
}
