//! `PaymentMethodsService`: what customers pay with, by a gateway's token or its own page.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tonic::{Request, Response, Status};

use super::{
    Api,
    auth::admitted,
    convert::{customers, etag, needed_etag, payment_methods as convert, time},
    faults::required,
    idempotency::Mutation,
    names,
    proto::v1::{
        self, create_payment_method_request::Source,
        payment_methods_service_server::PaymentMethodsService,
    },
};
use crate::{
    app::{
        Act, AppError, Result as AppResult, accounts, merchants::is_web_address, payment_methods,
        payment_methods::NewPaymentMethod,
    },
    domain::{
        ids::{Id, kind},
        merchant::Merchant,
        payment::method::StoredMethod,
    },
    gateway::{SetupOrder, SetupState},
    security::links::{BadLink, Purpose},
    store::MerchantId,
};

/// How long a setup session is good.
const SESSION_DAYS: i64 = 3;
/// What stands before a session's token.
const SESSIONS: &str = "setupSessions/";

/// What a setup session is about; its name is this, signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    merchant: MerchantId,
    customer: Id<kind::Customer>,
    gateway: String,
    reference: String,
}

impl Api {
    fn session_name(&self, session: &Session, expires: DateTime<Utc>) -> String {
        let payload = serde_json::to_vec(session).expect("a session holds texts alone");
        let token = self.rondo().links.sign(Purpose::SetupSession, &payload, expires);
        format!("{SESSIONS}{token}")
    }

    fn session(&self, merchant: MerchantId, name: &str) -> AppResult<Session> {
        let wrong = |message: &str| AppError::invalid("setup_session", message);
        let not_ours = || wrong("must be a session that CreateSetupSession opened");
        let token = name.strip_prefix(SESSIONS).ok_or_else(not_ours)?;
        let payload = match self.rondo().links.verify(Purpose::SetupSession, token, self.now()) {
            Ok(payload) => payload,
            Err(BadLink::Expired { .. }) => {
                return Err(wrong("must be less than three days old; open a new one"));
            }
            Err(BadLink::Forged) => return Err(not_ours()),
        };
        serde_json::from_slice(&payload)
            .ok()
            .filter(|session: &Session| session.merchant == merchant)
            .ok_or_else(not_ours)
    }

    /// What the customer has stored on the gateway's page. The customer's return proves nothing, so
    /// the gateway is asked.
    async fn stored_in(&self, merchant: &Merchant, session: &Session) -> AppResult<StoredMethod> {
        let gateway = accounts::usable(self.rondo(), merchant, &session.gateway)?;
        let (reason, message) = match gateway.find_setup(&session.reference).await? {
            SetupState::Stored(stored) => return Ok(stored),
            SetupState::Open => ("SETUP_SESSION_OPEN", "the customer has not stored a card yet"),
            SetupState::Failed => {
                ("SETUP_SESSION_FAILED", "no card was stored, or the page expired; open a new one")
            }
        };
        Err(AppError::precondition(reason, session.customer, message))
    }

    /// The payment method that a request wants to be kept; its gateway may still be unsaid.
    async fn new_method(
        &self,
        merchant: &Merchant,
        request: &v1::CreatePaymentMethodRequest,
    ) -> AppResult<NewPaymentMethod> {
        let told = required("payment_method", request.payment_method.as_ref())?;
        let customer = names::id("payment_method.customer", &told.customer)?;
        let consented_at = convert::consented_at(told)?;
        let is_default = request.set_default;
        match &request.source {
            Some(Source::Token(token)) => Ok(NewPaymentMethod {
                customer,
                gateway: told.gateway.clone(),
                stored: convert::stored_method(told, token)?,
                original_transaction: super::convert::optional(&token.original_transaction),
                consented_at,
                customer_present: false,
                is_default,
            }),
            Some(Source::SetupSession(name)) => {
                let session = self.session(merchant.id, name)?;
                if session.customer != customer {
                    let message = "must be the customer for whom the session was opened";
                    return Err(AppError::invalid("payment_method.customer", message));
                }
                Ok(NewPaymentMethod {
                    customer,
                    stored: self.stored_in(merchant, &session).await?,
                    gateway: session.gateway,
                    original_transaction: None,
                    consented_at,
                    customer_present: true,
                    is_default,
                })
            }
            None => Err(AppError::invalid("source", "must be token or setup_session")),
        }
    }
}

#[tonic::async_trait]
impl PaymentMethodsService for Api {
    async fn create_payment_method(
        &self,
        request: Request<v1::CreatePaymentMethodRequest>,
    ) -> Result<Response<v1::PaymentMethod>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        // A session may have expired since the answer was given.
        if let Some(reply) = self.earlier_reply(&mutation).await? {
            return Ok(Response::new(reply));
        }
        let (_, merchant) = self.read(&caller).await?;
        let mut new = self.new_method(&merchant, &request).await?;
        if new.gateway.is_empty() {
            new.gateway.clone_from(&merchant.gateway);
        }
        let field = "payment_method.gateway";
        accounts::check_own(self.rondo(), &merchant, field, &new.gateway)?;
        self.mutate(&mutation, |act| {
            let new = new.clone();
            Box::pin(async move {
                Ok(convert::payment_method(&payment_methods::attach(act, new).await?))
            })
        })
        .await
    }

    async fn get_payment_method(
        &self,
        request: Request<v1::GetPaymentMethodRequest>,
    ) -> Result<Response<v1::PaymentMethod>, Status> {
        let (caller, request) = admitted(request)?;
        let id = names::id("name", &request.name)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let found = repo.payment_methods(merchant.id, &[id]).await.map_err(AppError::from)?;
        let found = found.first().ok_or_else(|| AppError::not_found(id))?;
        Ok(Response::new(convert::payment_method(found)))
    }

    async fn list_payment_methods(
        &self,
        request: Request<v1::ListPaymentMethodsRequest>,
    ) -> Result<Response<v1::ListPaymentMethodsResponse>, Status> {
        let (caller, mut request) = admitted(request)?;
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let path = "/rondo.v1.PaymentMethodsService/ListPaymentMethods";
        let list = self.list(&caller, path, &request);
        let wanted = list.page(size, &token)?;
        let customer = names::id("customer", &request.customer)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        act.customer(customer).await?;
        let (show_deleted, page) = (request.show_deleted, wanted.to_page());
        let rows = repo.list_payment_methods(merchant.id, customer, show_deleted, page).await;
        let (rows, next_page_token) = wanted.cut(rows.map_err(AppError::from)?, |row| row.id);
        let payment_methods = rows.iter().map(convert::payment_method).collect();
        Ok(Response::new(v1::ListPaymentMethodsResponse { payment_methods, next_page_token }))
    }

    async fn delete_payment_method(
        &self,
        request: Request<v1::DeletePaymentMethodRequest>,
    ) -> Result<Response<v1::PaymentMethod>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = needed_etag("etag", &request.etag)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move {
                Ok(convert::payment_method(&payment_methods::detach(act, id, seen).await?))
            })
        })
        .await
    }

    async fn create_setup_session(
        &self,
        request: Request<v1::CreateSetupSessionRequest>,
    ) -> Result<Response<v1::SetupSession>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        if let Some(reply) = self.earlier_reply(&mutation).await? {
            return Ok(Response::new(reply));
        }
        let customer = names::id("customer", &request.customer)?;
        if !is_web_address(&request.return_url) {
            let message = "must be an address like https://academy.example/back";
            return Err(AppError::invalid("return_url", message).into());
        }
        let (mut repo, merchant) = self.read(&caller).await?;
        let found = repo.customers(merchant.id, &[customer]).await.map_err(AppError::from)?;
        if !found.iter().any(|customer| customer.deleted_at.is_none()) {
            return Err(AppError::not_found(customer).into());
        }
        self.limits().setup(customer)?;
        let methods = repo.methods_of_customers(merchant.id, &[customer]).await;
        let customer_reference = methods
            .map_err(AppError::from)?
            .into_iter()
            .filter(|known| known.deleted_at.is_none() && known.gateway == merchant.gateway)
            .find_map(|method| method.customer_reference);
        // Nobody waits for a gateway within a transaction.
        drop(repo);
        let order = SetupOrder {
            reference: mutation.key(self.mint()),
            customer,
            customer_reference,
            return_url: request.return_url.clone(),
        };
        let gateway = accounts::usable(self.rondo(), &merchant, &merchant.gateway)?;
        let page = gateway.setup(&order).await.map_err(AppError::from)?;
        let expires = self.now() + TimeDelta::days(SESSION_DAYS);
        let session = Session {
            merchant: merchant.id,
            customer,
            gateway: merchant.gateway.clone(),
            reference: page.reference,
        };
        let reply = v1::SetupSession {
            name: self.session_name(&session, expires),
            customer: names::name(customer),
            url: page.url,
            expire_time: Some(time::timestamp(expires)),
        };
        self.mutate(&mutation, |_| {
            let reply = reply.clone();
            Box::pin(async move { Ok(reply) })
        })
        .await
    }

    async fn set_default_payment_method(
        &self,
        request: Request<v1::SetDefaultPaymentMethodRequest>,
    ) -> Result<Response<v1::Customer>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let customer = names::id("customer", &request.customer)?;
        let seen = etag("etag", &request.etag)?;
        let method = names::id("payment_method", &request.payment_method)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move {
                let customer = payment_methods::set_default(act, customer, seen, method).await?;
                Ok(customers::customer(&customer))
            })
        })
        .await
    }

    async fn set_backup_payment_method(
        &self,
        request: Request<v1::SetBackupPaymentMethodRequest>,
    ) -> Result<Response<v1::Customer>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let customer = names::id("customer", &request.customer)?;
        let seen = etag("etag", &request.etag)?;
        let method = names::optional_id("payment_method", &request.payment_method)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move {
                let customer = payment_methods::set_backup(act, customer, seen, method).await?;
                Ok(customers::customer(&customer))
            })
        })
        .await
    }
}
