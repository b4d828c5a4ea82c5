//! The lists that people and programs look through, page by page, in the order of ids.

use async_trait::async_trait;

use super::{
    CustomerFilter, InvoiceFilter, MerchantId, Page, PaymentFilter, PlanFilter, Result,
    SubscriptionFilter,
};
use crate::domain::{
    catalog::Plan,
    customer::{Customer, PaymentMethod},
    dunning::{DunningCase, DunningPolicy},
    ids::{Id, kind},
    invoice::Invoice,
    notice::Notice,
    payment::Payment,
    subscription::Subscription,
};

/// What a transaction lists of a merchant's: at most a page, narrowed by what is asked for.
#[async_trait]
pub trait Lists: Send {
    /// Customers of a merchant.
    async fn list_customers(
        &mut self,
        merchant: MerchantId,
        filter: &CustomerFilter,
        page: Page<kind::Customer>,
    ) -> Result<Vec<Customer>>;

    /// Plans of a merchant.
    async fn list_plans(
        &mut self,
        merchant: MerchantId,
        filter: &PlanFilter,
        page: Page<kind::Plan>,
    ) -> Result<Vec<Plan>>;

    /// Payment methods of a customer.
    async fn list_payment_methods(
        &mut self,
        merchant: MerchantId,
        customer: Id<kind::Customer>,
        include_detached: bool,
        page: Page<kind::PaymentMethod>,
    ) -> Result<Vec<PaymentMethod>>;

    /// Dunning policies of a merchant.
    async fn list_dunning_policies(
        &mut self,
        merchant: MerchantId,
        include_deleted: bool,
        page: Page<kind::DunningPolicy>,
    ) -> Result<Vec<DunningPolicy>>;

    /// Dunning cases of a merchant.
    async fn list_dunning_cases(
        &mut self,
        merchant: MerchantId,
        open_only: bool,
        customer: Option<Id<kind::Customer>>,
        page: Page<kind::DunningCase>,
    ) -> Result<Vec<DunningCase>>;

    /// Subscriptions of a merchant.
    async fn list_subscriptions(
        &mut self,
        merchant: MerchantId,
        filter: &SubscriptionFilter,
        page: Page<kind::Subscription>,
    ) -> Result<Vec<Subscription>>;

    /// Invoices of a merchant.
    async fn list_invoices(
        &mut self,
        merchant: MerchantId,
        filter: &InvoiceFilter,
        page: Page<kind::Invoice>,
    ) -> Result<Vec<Invoice>>;

    /// Payments of a merchant.
    async fn list_payments(
        &mut self,
        merchant: MerchantId,
        filter: &PaymentFilter,
        page: Page<kind::Payment>,
    ) -> Result<Vec<Payment>>;

    /// Notices of a merchant, of one customer or of all.
    async fn list_notices(
        &mut self,
        merchant: MerchantId,
        customer: Option<Id<kind::Customer>>,
        page: Page<kind::Mail>,
    ) -> Result<Vec<Notice>>;
}
