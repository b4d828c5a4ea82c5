//! The lists of this engine, as the port wants them.

use async_trait::async_trait;

use super::{
    catalog, customer, dunning, invoice, notice, payment, payment_method, repository::Transaction,
    subscription,
};
use crate::{
    domain::{
        catalog::Plan,
        customer::{Customer, PaymentMethod},
        dunning::{DunningCase, DunningPolicy},
        ids::{Id, kind},
        invoice::Invoice,
        notice::Notice,
        payment::Payment,
        subscription::Subscription,
    },
    store::{
        CustomerFilter, InvoiceFilter, Lists, MerchantId, Page, PaymentFilter, PlanFilter, Result,
        SubscriptionFilter,
    },
};

#[async_trait]
impl Lists for Transaction {
    async fn list_customers(
        &mut self,
        merchant: MerchantId,
        filter: &CustomerFilter,
        page: Page<kind::Customer>,
    ) -> Result<Vec<Customer>> {
        customer::list(&mut self.inner, merchant, filter, page).await
    }

    async fn list_plans(
        &mut self,
        merchant: MerchantId,
        filter: &PlanFilter,
        page: Page<kind::Plan>,
    ) -> Result<Vec<Plan>> {
        catalog::list(&mut self.inner, merchant, filter, page).await
    }

    async fn list_payment_methods(
        &mut self,
        merchant: MerchantId,
        customer: Id<kind::Customer>,
        include_detached: bool,
        page: Page<kind::PaymentMethod>,
    ) -> Result<Vec<PaymentMethod>> {
        payment_method::list(&mut self.inner, merchant, customer, include_detached, page).await
    }

    async fn list_dunning_policies(
        &mut self,
        merchant: MerchantId,
        include_deleted: bool,
        page: Page<kind::DunningPolicy>,
    ) -> Result<Vec<DunningPolicy>> {
        dunning::list_policies(&mut self.inner, merchant, include_deleted, page).await
    }

    async fn list_dunning_cases(
        &mut self,
        merchant: MerchantId,
        open_only: bool,
        customer: Option<Id<kind::Customer>>,
        page: Page<kind::DunningCase>,
    ) -> Result<Vec<DunningCase>> {
        dunning::list_cases(&mut self.inner, merchant, open_only, customer, page).await
    }

    async fn list_subscriptions(
        &mut self,
        merchant: MerchantId,
        filter: &SubscriptionFilter,
        page: Page<kind::Subscription>,
    ) -> Result<Vec<Subscription>> {
        subscription::list(&mut self.inner, merchant, filter, page).await
    }

    async fn list_invoices(
        &mut self,
        merchant: MerchantId,
        filter: &InvoiceFilter,
        page: Page<kind::Invoice>,
    ) -> Result<Vec<Invoice>> {
        invoice::list(&mut self.inner, merchant, filter, page).await
    }

    async fn list_payments(
        &mut self,
        merchant: MerchantId,
        filter: &PaymentFilter,
        page: Page<kind::Payment>,
    ) -> Result<Vec<Payment>> {
        payment::list(&mut self.inner, merchant, filter, page).await
    }

    async fn list_notices(
        &mut self,
        merchant: MerchantId,
        customer: Option<Id<kind::Customer>>,
        page: Page<kind::Mail>,
    ) -> Result<Vec<Notice>> {
        notice::list(&mut self.inner, merchant, customer, page).await
    }
}
