//! What a decision changes: everything that must be committed together (RULES CHG-5).

use super::{
    api_key::ApiKey,
    catalog::{Plan, PlanVersion},
    customer::{Customer, PaymentMethod},
    dunning::{DunningCase, DunningPolicy},
    event::{Event, WebhookEndpoint},
    invoice::Invoice,
    ledger::Journal,
    merchant::Merchant,
    notice::Notice,
    payment::{Payment, attempt::Attempt, refund::Refund},
    subscription::Subscription,
};

/// New and changed objects, each at most once, as they shall be. An object's version says what was
/// read; the store refuses all of it if any of them was written by someone else since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field holds the objects of its name")]
pub struct Changes {
    pub merchants: Vec<Merchant>,
    pub api_keys: Vec<ApiKey>,
    pub customers: Vec<Customer>,
    pub payment_methods: Vec<PaymentMethod>,
    pub plans: Vec<Plan>,
    pub plan_versions: Vec<PlanVersion>,
    pub dunning_policies: Vec<DunningPolicy>,
    pub subscriptions: Vec<Subscription>,
    pub invoices: Vec<Invoice>,
    pub payments: Vec<Payment>,
    pub attempts: Vec<Attempt>,
    pub refunds: Vec<Refund>,
    pub dunning_cases: Vec<DunningCase>,
    pub journals: Vec<Journal>,
    pub notices: Vec<Notice>,
    pub events: Vec<Event>,
    pub webhook_endpoints: Vec<WebhookEndpoint>,
}

impl Changes {
    /// Both, to be committed together.
    pub fn append(&mut self, mut other: Self) {
        self.merchants.append(&mut other.merchants);
        self.api_keys.append(&mut other.api_keys);
        self.customers.append(&mut other.customers);
        self.payment_methods.append(&mut other.payment_methods);
        self.plans.append(&mut other.plans);
        self.plan_versions.append(&mut other.plan_versions);
        self.dunning_policies.append(&mut other.dunning_policies);
        self.subscriptions.append(&mut other.subscriptions);
        self.invoices.append(&mut other.invoices);
        self.payments.append(&mut other.payments);
        self.attempts.append(&mut other.attempts);
        self.refunds.append(&mut other.refunds);
        self.dunning_cases.append(&mut other.dunning_cases);
        self.journals.append(&mut other.journals);
        self.notices.append(&mut other.notices);
        self.events.append(&mut other.events);
        self.webhook_endpoints.append(&mut other.webhook_endpoints);
    }

    /// These and then `later` ones, which were decided on top of them: of an object that both hold the
    /// later stays, and all that happened has happened.
    #[must_use]
    pub fn then(mut self, later: Self) -> Self {
        fn superseded<T, Id: PartialEq>(earlier: &mut Vec<T>, later: &[T], id: fn(&T) -> Id) {
            earlier.retain(|known| later.iter().all(|newer| id(newer) != id(known)));
        }
        superseded(&mut self.customers, &later.customers, |one| one.id);
        superseded(&mut self.payment_methods, &later.payment_methods, |one| one.id);
        superseded(&mut self.subscriptions, &later.subscriptions, |one| one.id);
        superseded(&mut self.invoices, &later.invoices, |one| one.id);
        superseded(&mut self.payments, &later.payments, |one| one.id);
        superseded(&mut self.attempts, &later.attempts, |one| one.id);
        superseded(&mut self.refunds, &later.refunds, |one| one.id);
        superseded(&mut self.dunning_cases, &later.dunning_cases, |one| one.id);
        self.append(later);
        self
    }
}
