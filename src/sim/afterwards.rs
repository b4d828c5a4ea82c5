//! The logs of a portal that was lived through for real, for whoever judges it outside a simulation.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    announced::unannounced, books::Books, checker::breaches, cycles, granted::Granted,
    judge::Findings,
};
use crate::{
    domain::{
        ids::{Id, kind},
        invoice::Invoice,
        notice::Notice,
        payment::{attempt::Attempt, refund::Refund},
        subscription::Subscription,
    },
    store::{MerchantId, Repository, StoreError},
};

/// All that a portal left behind.
#[derive(Debug)]
pub struct Logs(Books);

impl Logs {
    /// Reads them.
    pub async fn read(repo: &mut dyn Repository, merchant: MerchantId) -> Result<Self, StoreError> {
        Ok(Self(Books::read(repo, merchant).await?))
    }

    /// The subscriptions.
    pub fn subscriptions(&self) -> &[Subscription] {
        &self.0.subscriptions
    }

    /// The invoices.
    pub fn invoices(&self) -> impl Iterator<Item = &Invoice> {
        self.0.invoices.values()
    }

    /// The attempts, oldest first.
    pub fn attempts(&self) -> &[Attempt] {
        &self.0.attempts
    }

    /// The refunds.
    pub fn refunds(&self) -> &[Refund] {
        &self.0.refunds
    }

    /// The mails.
    pub fn notices(&self) -> &[Notice] {
        &self.0.notices
    }

    /// What an attempt moved by the ledger, in minor units.
    pub fn moved(&self, attempt: Id<kind::Attempt>) -> i64 {
        self.0.moved.get(&attempt).copied().unwrap_or_default()
    }

    /// What waits for staff, by its id.
    pub fn stuck(&self) -> BTreeSet<&str> {
        self.0.stuck.iter().map(|stuck| stuck.object.as_str()).collect()
    }

    /// Cycles that were billed twice, or never, up to `now`; nothing is later than `calm`.
    pub fn cycles(&self, now: DateTime<Utc>, calm: TimeDelta) -> Findings {
        let mut found = Findings::default();
        cycles::judge(&self.0, now, calm, &mut found);
        found
    }

    /// The charges and mails that the rules forbid, and the charges that no mail told of in time, where no
    /// person asked for a charge and all clocks were right.
    pub fn rule_violations(&self) -> Vec<String> {
        let mut found = breaches(&self.0, &Granted::default(), TimeDelta::zero());
        found.extend(unannounced(&self.0, TimeDelta::zero()));
        found
    }
}
