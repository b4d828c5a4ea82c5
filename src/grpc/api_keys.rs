//! `ApiKeysService`: making, listing and taking back the keys that may call.

use tonic::{Request, Response, Status};

use super::{
    Api,
    auth::admitted,
    convert::{api_keys as convert, etag},
    errors::ApiError,
    faults::required,
    idempotency::Mutation,
    names,
    proto::v1::{self, api_keys_service_server::ApiKeysService},
};
use crate::app::{AppError, api_keys};

/// What is kept of the answer: all but the secret, which is kept nowhere (RULES KEY-2).
fn without_secret(reply: &v1::CreateApiKeyResponse) -> v1::CreateApiKeyResponse {
    v1::CreateApiKeyResponse { secret: String::new(), ..reply.clone() }
}

#[tonic::async_trait]
impl ApiKeysService for Api {
    async fn create_api_key(
        &self,
        request: Request<v1::CreateApiKeyRequest>,
    ) -> Result<Response<v1::CreateApiKeyResponse>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let told = required("api_key", request.api_key.as_ref())?;
        let new = convert::new_api_key(told, caller.merchant)?;
        let (mint, now) = (self.rondo().mint.clone(), self.now());
        self.administer(&mutation, without_secret, |repo| {
            let (new, mint) = (new.clone(), mint.clone());
            Box::pin(async move {
                let (key, secret) = api_keys::create_api_key(repo, &mint, now, new).await?;
                Ok(v1::CreateApiKeyResponse {
                    api_key: Some(convert::api_key(&key)),
                    secret: secret.expose().to_owned(),
                })
            })
        })
        .await
    }

    async fn get_api_key(
        &self,
        request: Request<v1::GetApiKeyRequest>,
    ) -> Result<Response<v1::ApiKey>, Status> {
        let (caller, request) = admitted(request)?;
        let id = names::id("name", &request.name)?;
        let mut repo = self.store().snapshot().await.map_err(ApiError::from)?;
        let key = api_keys::api_key(repo.as_mut(), caller.merchant, id).await?;
        Ok(Response::new(convert::api_key(&key)))
    }

    async fn list_api_keys(
        &self,
        request: Request<v1::ListApiKeysRequest>,
    ) -> Result<Response<v1::ListApiKeysResponse>, Status> {
        let (caller, mut request) = admitted(request)?;
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let list = self.list(&caller, "/rondo.v1.ApiKeysService/ListApiKeys", &request);
        let wanted = list.page(size, &token)?;
        let mut repo = self.store().snapshot().await.map_err(ApiError::from)?;
        let rows = repo.api_keys(caller.merchant, wanted.to_page()).await;
        let (rows, next_page_token) = wanted.cut(rows.map_err(AppError::from)?, |key| key.id);
        let api_keys = rows.iter().map(convert::api_key).collect();
        Ok(Response::new(v1::ListApiKeysResponse { api_keys, next_page_token }))
    }

    async fn revoke_api_key(
        &self,
        request: Request<v1::RevokeApiKeyRequest>,
    ) -> Result<Response<v1::ApiKey>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        let (merchant, now) = (caller.merchant, self.now());
        self.administer(&mutation, Clone::clone, |repo| {
            Box::pin(async move {
                let key = api_keys::revoke_api_key(repo, now, merchant, id, seen).await?;
                Ok(convert::api_key(&key))
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_kept_with_its_answer() {
        let told = v1::CreateApiKeyResponse {
            api_key: Some(v1::ApiKey { name: "apiKeys/key_1".to_owned(), ..Default::default() }),
            secret: "rk_live_1".to_owned(),
        };
        let kept = without_secret(&told);
        assert_eq!((kept.secret.as_str(), kept.api_key), ("", told.api_key));
    }
}
