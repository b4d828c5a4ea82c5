//! One act: one transaction of one merchant at one time.

use chrono::{DateTime, Utc};

use super::{AppError, Result};
use crate::{
    domain::{
        changes::Changes,
        customer::{Customer, PaymentMethod},
        ids::{Id, Kind, Mint, kind},
        invoice::Invoice,
        merchant::Merchant,
        payment::Payment,
        subscription::Subscription,
    },
    store::{MerchantId, Repository, Times},
};

/// What an operation works with: a transaction, whose it is, what time it is, and chance.
pub struct Act<'a> {
    /// The transaction.
    pub repo: &'a mut dyn Repository,
    /// Whose.
    pub merchant: &'a Merchant,
    /// The merchant's time and the world's.
    pub times: Times,
    /// Where ids come from.
    pub mint: &'a Mint,
}

impl<'a> Act<'a> {
    /// Begins to act for `merchant` when the world's time is `world`.
    pub fn new(
        repo: &'a mut dyn Repository,
        merchant: &'a Merchant,
        world: DateTime<Utc>,
        mint: &'a Mint,
    ) -> Self {
        let times = Times { now: merchant.now(world), world };
        Self { repo, merchant, times, mint }
    }

    /// The merchant's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.times.now
    }

    /// The merchant's id.
    pub fn merchant_id(&self) -> MerchantId {
        self.merchant.id
    }

    /// A new id.
    pub fn id<K: Kind>(&self) -> Id<K> {
        self.mint.id(self.times.now)
    }

    /// Writes what was decided.
    pub async fn write(&mut self, changes: Changes) -> Result<()> {
        Ok(self.repo.write(changes).await?)
    }

    /// A customer, or that there is none.
    pub async fn customer(&mut self, id: Id<kind::Customer>) -> Result<Customer> {
        let found = self.repo.customers(self.merchant.id, &[id]).await?;
        found.into_iter().next().ok_or_else(|| AppError::not_found(id))
    }

    /// A payment method, or that there is none.
    pub async fn payment_method(&mut self, id: Id<kind::PaymentMethod>) -> Result<PaymentMethod> {
        let found = self.repo.payment_methods(self.merchant.id, &[id]).await?;
        found.into_iter().next().ok_or_else(|| AppError::not_found(id))
    }

    /// A subscription, or that there is none.
    pub async fn subscription(&mut self, id: Id<kind::Subscription>) -> Result<Subscription> {
        let found = self.repo.subscriptions(self.merchant.id, &[id]).await?;
        found.into_iter().next().ok_or_else(|| AppError::not_found(id))
    }

    /// An invoice, or that there is none.
    pub async fn invoice(&mut self, id: Id<kind::Invoice>) -> Result<Invoice> {
        let found = self.repo.invoices(self.merchant.id, &[id]).await?;
        found.into_iter().next().ok_or_else(|| AppError::not_found(id))
    }

    /// A payment, or that there is none.
    pub async fn payment(&mut self, id: Id<kind::Payment>) -> Result<Payment> {
        let found = self.repo.payments(self.merchant.id, &[id]).await?;
        found.into_iter().next().ok_or_else(|| AppError::not_found(id))
    }
}
