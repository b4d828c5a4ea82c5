//! What a batch of notices refers to, whether they are still true, and who writes to whom.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{
    Rondo,
    index::by_id,
    renew::{next_terms, terms_of},
};
use crate::{
    domain::{
        catalog::{Plan, Terms, VersionNumber},
        customer::{Customer, PaymentMethod},
        ids::{Id, kind},
        invoice::{Invoice, InvoiceState},
        merchant::Merchant,
        notice::{Facts, Notice},
        subscription::Subscription,
    },
    mail::{Address, Conventions, Envelope, MailError, Recipient, Sender, format::Symbols},
    store::{Repository, StoreError},
};

/// What a batch of notices refers to.
pub(super) struct Papers {
    /// When it was read, in the world's time.
    pub(super) read_at: DateTime<Utc>,
    pub(super) customers: BTreeMap<Id<kind::Customer>, Customer>,
    pub(super) subscriptions: BTreeMap<Id<kind::Subscription>, Subscription>,
    pub(super) plans: BTreeMap<Id<kind::Plan>, Plan>,
    pub(super) terms: BTreeMap<(Id<kind::Plan>, VersionNumber), Terms>,
    pub(super) invoices: BTreeMap<Id<kind::Invoice>, Invoice>,
    pub(super) methods: BTreeMap<Id<kind::PaymentMethod>, PaymentMethod>,
    threads: BTreeMap<Id<kind::DunningCase>, Id<kind::Mail>>,
}

impl Papers {
    /// Reads what `notices` refer to, when the world's time is `world`.
    pub(super) async fn load(
        repo: &mut dyn Repository,
        merchant: &Merchant,
        notices: &[Notice],
        world: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let customers: BTreeSet<_> = notices.iter().map(|notice| notice.customer).collect();
        let subscriptions: BTreeSet<_> = notices.iter().filter_map(|n| n.subscription).collect();
        let invoices: BTreeSet<_> = notices.iter().filter_map(|notice| notice.invoice).collect();
        let cases: BTreeSet<_> = notices.iter().filter_map(|notice| notice.thread).collect();
        let id = merchant.id;
        let customers = repo.customers(id, &Vec::from_iter(customers)).await?;
        let subscriptions = repo.subscriptions(id, &Vec::from_iter(subscriptions)).await?;
        let plans: BTreeSet<_> = subscriptions.iter().map(|s| s.plan).collect();
        let plans = repo.plans(id, &Vec::from_iter(plans)).await?;
        let now_and_next = |s: &Subscription| [(s.plan, s.plan_version), next_terms(s)];
        let keys = subscriptions.iter().flat_map(now_and_next).collect();
        let methods: BTreeSet<_> = customers
            .iter()
            .filter_map(|customer| customer.default_method)
            .chain(subscriptions.iter().filter_map(|subscription| subscription.payment_method))
            .collect();
        Ok(Self {
            read_at: world,
            terms: terms_of(repo, merchant, keys).await?,
            invoices: by_id(repo.invoices(id, &Vec::from_iter(invoices)).await?, |i| i.id),
            methods: by_id(repo.payment_methods(id, &Vec::from_iter(methods)).await?, |m| m.id),
            threads: repo.thread_starts(id, &Vec::from_iter(cases)).await?.into_iter().collect(),
            customers: by_id(customers, |customer| customer.id),
            subscriptions: by_id(subscriptions, |subscription| subscription.id),
            plans: by_id(plans, |plan| plan.id),
        })
    }

    /// Whether a notice is still true. What asks for money is not, once nothing is owed; "failed"
    /// never comes after "paid".
    pub(super) fn is_true(&self, notice: &Notice) -> bool {
        let is_open =
            |id| self.invoices.get(&id).is_some_and(|invoice| invoice.state == InvoiceState::Open);
        let is_ending = || {
            let subscription = notice.subscription.and_then(|id| self.subscriptions.get(&id));
            subscription.is_some_and(|s| s.cancellation.is_some() || s.state.is_over())
        };
        match &notice.facts {
            Facts::PaymentFailed { .. }
            | Facts::AuthenticationNeeded { .. }
            | Facts::Suspended { .. } => notice.invoice.is_none_or(is_open),
            Facts::TrialEnding { .. }
            | Facts::UpcomingRenewal { .. }
            | Facts::CardExpiring { .. }
            | Facts::CancellationUndone { .. }
            | Facts::PlanChanging { .. } => !is_ending(),
            Facts::Cancelled { .. } => is_ending(),
            Facts::Welcome { .. }
            | Facts::Receipt { .. }
            | Facts::Recovered { .. }
            | Facts::Refund { .. } => true,
        }
    }

    /// Whether the customer's address takes no mail any more.
    pub(super) fn is_suppressed(&self, notice: &Notice) -> bool {
        self.customers[&notice.customer].email_suppressed
    }

    /// The customer of a notice.
    pub(super) fn customer(&self, notice: &Notice) -> &Customer {
        &self.customers[&notice.customer]
    }

    /// Who writes to whom.
    pub(super) fn envelope(
        &self,
        rondo: &Rondo,
        merchant: &Merchant,
        notice: &Notice,
    ) -> Result<Envelope, MailError> {
        let customer = self.customer(notice);
        let wishes = customer.locale.as_deref().into_iter().chain([merchant.locale.as_str()]);
        let thread = notice.thread.and_then(|case| self.threads.get(&case));
        let domain = rondo.mail_from.domain();
        Ok(Envelope {
            from: Sender {
                name: merchant.name.clone(),
                address: rondo.mail_from.clone(),
                reply_to: merchant.reply_to.as_deref().map(str::parse::<Address>).transpose()?,
                legal_lines: merchant.legal_lines.lines().map(str::to_owned).collect(),
                symbols: Symbols::Short,
            },
            to: Recipient {
                name: Some(customer.name.clone()).filter(|name| !name.is_empty()),
                address: customer.email.parse::<Address>()?,
                conventions: Conventions::negotiate(wishes),
                zone: customer.zone.unwrap_or(merchant.zone).tz(),
            },
            test_clock: merchant.test_clock.map(|clock| clock.now),
            thread: thread.filter(|id| **id != notice.id).map(|id| format!("<{id}@{domain}>")),
        })
    }
}
