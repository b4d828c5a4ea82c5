//! `PaymentsService`: what became of collecting an invoice, sending money back, and staff's word.

use tonic::{Request, Response, Status};

use super::{
    Api,
    auth::admitted,
    convert::{etag, money, payments as convert},
    idempotency::Mutation,
    names,
    proto::v1::{self, payments_service_server::PaymentsService},
};
use crate::{
    app::{Act, AppError, payments, refunds, settle_attempt},
    store::PaymentFilter,
};

/// The longest reason of a refund, in characters.
const REASON_MAX_CHARS: usize = 500;

#[tonic::async_trait]
impl PaymentsService for Api {
    async fn get_payment(
        &self,
        request: Request<v1::GetPaymentRequest>,
    ) -> Result<Response<v1::Payment>, Status> {
        let (caller, request) = admitted(request)?;
        let id = names::id("name", &request.name)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        let found = payments::with_attempts(&mut act, id).await?;
        Ok(Response::new(convert::payment(&found.payment, &found.attempts)))
    }

    async fn list_payments(
        &self,
        request: Request<v1::ListPaymentsRequest>,
    ) -> Result<Response<v1::ListPaymentsResponse>, Status> {
        let (caller, mut request) = admitted(request)?;
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let list = self.list(&caller, "/rondo.v1.PaymentsService/ListPayments", &request);
        let wanted = list.page(size, &token)?;
        let filter = PaymentFilter {
            customer: names::optional_id("customer", &request.customer)?,
            invoice: names::optional_id("invoice", &request.invoice)?,
            states: convert::wanted_states(request.states())?,
        };
        let (mut repo, merchant) = self.read(&caller).await?;
        let rows = repo.list_payments(merchant.id, &filter, wanted.to_page()).await;
        let (rows, next_page_token) = wanted.cut(rows.map_err(AppError::from)?, |row| row.id);
        let payments = rows.iter().map(|payment| convert::payment(payment, &[])).collect();
        Ok(Response::new(v1::ListPaymentsResponse { payments, next_page_token }))
    }

    async fn refund_payment(
        &self,
        request: Request<v1::RefundPaymentRequest>,
    ) -> Result<Response<v1::Refund>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        let id = names::id("name", &request.name)?;
        let seen = etag("etag", &request.etag)?;
        let amount = request.amount.as_ref();
        let amount = amount.map(|amount| money::amount("amount", amount)).transpose()?;
        let reason = request.reason.trim().to_owned();
        if reason.chars().count() > REASON_MAX_CHARS {
            let message = format!("must have at most {REASON_MAX_CHARS} characters");
            return Err(AppError::invalid("reason", message).into());
        }
        self.mutate(&mutation, |act| {
            let reason = reason.clone();
            Box::pin(async move {
                let payment = act.payment(id).await?;
                AppError::check_etag(id, seen, payment.version)?;
                Ok(convert::refund(&refunds::request(act, id, amount, reason).await?))
            })
        })
        .await
    }

    async fn settle_attempt(
        &self,
        request: Request<v1::SettleAttemptRequest>,
    ) -> Result<Response<v1::Payment>, Status> {
        let (caller, request) = admitted(request)?;
        let mutation = Mutation::read(&caller, &request)?;
        // Once it is settled, the checks below would refuse the same request.
        if let Some(reply) = self.earlier_reply(&mutation).await? {
            return Ok(Response::new(reply));
        }
        let id = names::id("name", &request.name)?;
        let verdict = convert::verdict(request.verdict.as_ref())?;
        let note = convert::note(&request.note)?;
        let (repo, merchant) = self.read(&caller).await?;
        drop(repo);
        let asked = if request.validate_only {
            // What the gateway tells is recorded, so nobody is asked who is only tried.
            settle_attempt::check(self.rondo(), &merchant, id, &verdict).await.map(drop)
        } else {
            settle_attempt::ask_first(self.rondo(), &merchant, id, &verdict).await
        };
        if let Err(refusal) = asked {
            // The same request, sent twice at once, may have been done by the other meanwhile.
            let reply = self.earlier_reply(&mutation).await?.ok_or(refusal)?;
            return Ok(Response::new(reply));
        }
        self.mutate(&mutation, |act| {
            let (verdict, note) = (verdict.clone(), note.clone());
            Box::pin(async move {
                let settled = settle_attempt::settle(act, id, &verdict, &note).await?;
                Ok(convert::payment(&settled.payment, &settled.attempts))
            })
        })
        .await
    }

    async fn get_refund(
        &self,
        request: Request<v1::GetRefundRequest>,
    ) -> Result<Response<v1::Refund>, Status> {
        let (caller, request) = admitted(request)?;
        let id = names::id("name", &request.name)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        Ok(Response::new(convert::refund(&refunds::refund(&mut act, id).await?)))
    }

    async fn list_refunds(
        &self,
        request: Request<v1::ListRefundsRequest>,
    ) -> Result<Response<v1::ListRefundsResponse>, Status> {
        let (caller, mut request) = admitted(request)?;
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let list = self.list(&caller, "/rondo.v1.PaymentsService/ListRefunds", &request);
        let wanted = list.page(size, &token)?;
        let payment = names::id("payment", &request.payment)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        let mut rows = refunds::of_payment(&mut act, payment).await?;
        rows.sort_unstable_by_key(|refund| refund.id);
        let (rows, next_page_token) = wanted.of_whole(rows, |refund| refund.id);
        let refunds = rows.iter().map(convert::refund).collect();
        Ok(Response::new(v1::ListRefundsResponse { refunds, next_page_token }))
    }
}
