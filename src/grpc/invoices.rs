//! `InvoicesService`: what customers owe, collecting it now, taking it back.

use chrono::{DateTime, Utc};
use tonic::{Request, Response, Status};

use super::{
    Api,
    auth::admitted,
    convert::{etag, invoices as convert, labels, needed_etag, time},
    faults::required,
    idempotency::Mutation,
    names,
    proto::v1::{self, invoices_service_server::InvoicesService},
};
use crate::{
    app::{Act, AppError, Rondo, invoices, labels::relabel_invoice, pay::PayLink},
    domain::invoice::{Invoice, InvoiceState},
    security::links::{BadLink, Purpose},
    store::InvoiceFilter,
};

#[tonic::async_trait]
impl InvoicesService for Api {
    async fn create_invoice(
        &self,
        request: Request<v1::CreateInvoiceRequest>,
    ) -> Result<Response<v1::Invoice>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let new = convert::new_invoice(&request)?;
        self.mutate(&mutation, |act| {
            let new = new.clone();
            Box::pin(async move { Ok(convert::invoice(&invoices::create(act, new).await?)) })
        })
        .await
    }

    async fn get_invoice(
        &self,
        request: Request<v1::GetInvoiceRequest>,
    ) -> Result<Response<v1::Invoice>, Status> {
        let (caller, request) = admitted(request)?;
        let id = names::id("name", &request.name)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        Ok(Response::new(convert::invoice(&invoices::billed(&mut act, id).await?)))
    }

    async fn list_invoices(
        &self,
        request: Request<v1::ListInvoicesRequest>,
    ) -> Result<Response<v1::ListInvoicesResponse>, Status> {
        let (caller, mut request) = admitted(request)?;
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let list = self.list(&caller, "/rondo.v1.InvoicesService/ListInvoices", &request);
        let wanted = list.page(size, &token)?;
        let filter = InvoiceFilter {
            customer: names::optional_id("customer", &request.customer)?,
            subscription: names::optional_id("subscription", &request.subscription)?,
            states: convert::wanted_states(request.states())?,
            labels: labels("labels", &request.labels)?,
            ..InvoiceFilter::default()
        };
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        let rows = act.repo.list_invoices(merchant.id, &filter, wanted.to_page()).await;
        let (rows, next_page_token) = wanted.cut(rows.map_err(AppError::from)?, |row| row.id);
        let billed = invoices::with_payments(&mut act, rows).await?;
        let invoices = billed.iter().map(convert::invoice).collect();
        Ok(Response::new(v1::ListInvoicesResponse { invoices, next_page_token }))
    }

    async fn update_invoice(
        &self,
        request: Request<v1::UpdateInvoiceRequest>,
    ) -> Result<Response<v1::Invoice>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let told = required("invoice", request.invoice.as_ref())?;
        let id = names::id("invoice.name", &told.name)?;
        let seen = needed_etag("invoice.etag", &told.etag)?;
        let labels = convert::new_labels(told, &request)?;
        self.mutate(&mutation, |act| {
            let labels = labels.clone();
            Box::pin(
                async move { Ok(convert::invoice(&relabel_invoice(act, id, seen, labels).await?)) },
            )
        })
        .await
    }

    async fn pay_invoice(
        &self,
        request: Request<v1::PayInvoiceRequest>,
    ) -> Result<Response<v1::Invoice>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        let method = names::optional_id("payment_method", &request.payment_method)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move {
                Ok(convert::invoice(&invoices::pay_now(act, id, seen, method).await?))
            })
        })
        .await
    }

    async fn void_invoice(
        &self,
        request: Request<v1::VoidInvoiceRequest>,
    ) -> Result<Response<v1::Invoice>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        self.mutate(&mutation, |act| {
            Box::pin(async move { Ok(convert::invoice(&invoices::void(act, id, seen).await?)) })
        })
        .await
    }

    async fn get_pay_link(
        &self,
        request: Request<v1::GetPayLinkRequest>,
    ) -> Result<Response<v1::PayLink>, Status> {
        let (caller, request) = admitted(request)?;
        let id = names::id("name", &request.name)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        let invoice = act.invoice(id).await?;
        if invoice.state != InvoiceState::Open {
            let message = "the invoice is not open, so there is nothing to pay";
            return Err(AppError::precondition("INVOICE_NOT_OPEN", id, message).into());
        }
        Ok(Response::new(pay_link(self.rondo(), &invoice, act.now())))
    }
}

fn pay_link(rondo: &Rondo, invoice: &Invoice, now: DateTime<Utc>) -> v1::PayLink {
    let link = PayLink::Invoice { merchant: invoice.merchant, invoice: invoice.id };
    // How long a link holds is the pages' to say; the token tells it to whoever comes too late.
    let token = link.token(rondo, now);
    let at_the_end = rondo.links.verify(Purpose::Pay, &token, DateTime::<Utc>::MAX_UTC);
    let expire_time = match at_the_end {
        Err(BadLink::Expired { at, .. }) => Some(time::timestamp(at)),
        Ok(_) | Err(BadLink::Forged) => None,
    };
    v1::PayLink { url: link.url(rondo, now), expire_time }
}
