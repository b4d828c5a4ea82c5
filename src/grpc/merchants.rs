//! `MerchantsService`: the portals that bill through this installation.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{
    Api,
    auth::admitted,
    convert::{merchants as convert, needed_etag},
    errors::ApiError,
    faults::required,
    idempotency::Mutation,
    names,
    permissions::Permission,
    proto::v1::{self, merchants_service_server::MerchantsService},
};
use crate::app::{AppError, merchants};

#[tonic::async_trait]
impl MerchantsService for Api {
    async fn create_merchant(
        &self,
        request: Request<v1::CreateMerchantRequest>,
    ) -> Result<Response<v1::Merchant>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let new = convert::merchant_terms(required("merchant", request.merchant.as_ref())?)?;
        let now = self.now();
        self.administer(&mutation, Clone::clone, |repo| {
            let (rondo, new) = (Arc::clone(self.rondo()), new.clone());
            Box::pin(async move {
                let merchant = merchants::create_merchant(&rondo, repo, now, new).await?;
                Ok(convert::merchant(&merchant))
            })
        })
        .await
    }

    async fn get_merchant(
        &self,
        request: Request<v1::GetMerchantRequest>,
    ) -> Result<Response<v1::Merchant>, Status> {
        let (caller, request) = admitted(request)?;
        let id = names::id("name", &request.name)?;
        if !caller.has(Permission::Administer) && caller.merchant != Some(id) {
            return Err(AppError::not_found(id).into());
        }
        let mut repo = self.store().snapshot().await.map_err(ApiError::from)?;
        Ok(Response::new(convert::merchant(&merchants::merchant(repo.as_mut(), id).await?)))
    }

    async fn list_merchants(
        &self,
        request: Request<v1::ListMerchantsRequest>,
    ) -> Result<Response<v1::ListMerchantsResponse>, Status> {
        let (caller, mut request) = admitted(request)?;
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let list = self.list(&caller, "/rondo.v1.MerchantsService/ListMerchants", &request);
        let wanted = list.page(size, &token)?;
        let mut repo = self.store().snapshot().await.map_err(ApiError::from)?;
        let rows = repo.merchants(wanted.to_page()).await.map_err(AppError::from)?;
        let (rows, next_page_token) = wanted.cut(rows, |merchant| merchant.id);
        let merchants = rows.iter().map(convert::merchant).collect();
        Ok(Response::new(v1::ListMerchantsResponse { merchants, next_page_token }))
    }

    async fn update_merchant(
        &self,
        request: Request<v1::UpdateMerchantRequest>,
    ) -> Result<Response<v1::Merchant>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let told = required("merchant", request.merchant.as_ref())?;
        let id = names::id("merchant.name", &told.name)?;
        let seen = needed_etag("merchant.etag", &told.etag)?;
        let update = convert::merchant_update(told, &request)?;
        self.administer(&mutation, Clone::clone, |repo| {
            let (rondo, update) = (Arc::clone(self.rondo()), update.clone());
            Box::pin(async move {
                let merchant = merchants::update_merchant(&rondo, repo, id, seen, update).await?;
                Ok(convert::merchant(&merchant))
            })
        })
        .await
    }
}
