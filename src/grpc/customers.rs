//! `CustomersService`: those who pay, and what they may see for it.

use tonic::{Request, Response, Status};

use super::{
    Api,
    auth::admitted,
    convert::{customers as convert, etag, labels, optional},
    faults::required,
    idempotency::Mutation,
    names,
    proto::v1::{self, customers_service_server::CustomersService},
};
use crate::{
    app::{Act, AppError, Result as AppResult, access, customers},
    domain::customer::Customer,
    store::CustomerFilter,
};

#[tonic::async_trait]
impl CustomersService for Api {
    async fn create_customer(
        &self,
        request: Request<v1::CreateCustomerRequest>,
    ) -> Result<Response<v1::Customer>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let new = convert::new_customer(required("customer", request.customer.as_ref())?)?;
        self.mutate(&mutation, |act| {
            let new = new.clone();
            Box::pin(
                async move { Ok(convert::customer(&customers::create_customer(act, new).await?)) },
            )
        })
        .await
    }

    async fn get_customer(
        &self,
        request: Request<v1::GetCustomerRequest>,
    ) -> Result<Response<v1::Customer>, Status> {
        let (caller, request) = admitted(request)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        let customer = named(&mut act, &request.name, &request.external_id).await?;
        Ok(Response::new(convert::customer(&customer)))
    }

    async fn list_customers(
        &self,
        request: Request<v1::ListCustomersRequest>,
    ) -> Result<Response<v1::ListCustomersResponse>, Status> {
        let (caller, mut request) = admitted(request)?;
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let list = self.list(&caller, "/rondo.v1.CustomersService/ListCustomers", &request);
        let wanted = list.page(size, &token)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let filter = CustomerFilter {
            show_deleted: request.show_deleted,
            labels: labels("labels", &request.labels)?,
        };
        let rows = repo.list_customers(merchant.id, &filter, wanted.to_page()).await;
        let (rows, next_page_token) =
            wanted.cut(rows.map_err(AppError::from)?, |customer| customer.id);
        let customers = rows.iter().map(convert::customer).collect();
        Ok(Response::new(v1::ListCustomersResponse { customers, next_page_token }))
    }

    async fn update_customer(
        &self,
        request: Request<v1::UpdateCustomerRequest>,
    ) -> Result<Response<v1::Customer>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let told = required("customer", request.customer.as_ref())?;
        let id = names::id("customer.name", &told.name)?;
        let seen = etag("customer.etag", &told.etag)?;
        let update = convert::customer_update(told, &request)?;
        self.mutate(&mutation, |act| {
            let update = update.clone();
            Box::pin(async move {
                let customer = customers::update_customer(act, id, seen, update).await?;
                Ok(convert::customer(&customer))
            })
        })
        .await
    }

    async fn delete_customer(
        &self,
        request: Request<v1::DeleteCustomerRequest>,
    ) -> Result<Response<v1::Customer>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move {
                Ok(convert::customer(&customers::delete_customer(act, id, seen).await?))
            })
        })
        .await
    }

    async fn undelete_customer(
        &self,
        request: Request<v1::UndeleteCustomerRequest>,
    ) -> Result<Response<v1::Customer>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move {
                Ok(convert::customer(&customers::undelete_customer(act, id, seen).await?))
            })
        })
        .await
    }

    async fn check_access(
        &self,
        request: Request<v1::CheckAccessRequest>,
    ) -> Result<Response<v1::CheckAccessResponse>, Status> {
        let (caller, request) = admitted(request)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        let customer = named(&mut act, &request.name, &request.external_id).await?;
        let entitlement = optional(&request.entitlement);
        let report = access::check_access(&mut act, customer.id, entitlement.as_deref()).await?;
        Ok(Response::new(convert::access_report(&report)))
    }
}

/// The customer whom a request names in one of two ways.
async fn named(act: &mut Act<'_>, name: &str, external_id: &str) -> AppResult<Customer> {
    match (name, external_id) {
        ("", "") => Err(AppError::invalid("name", "or external_id must be set")),
        (name, "") => act.customer(names::id("name", name)?).await,
        ("", external_id) => customers::customer_by_external_id(act, external_id).await,
        (_, _) => Err(AppError::invalid("external_id", "must be empty if name is set")),
    }
}
