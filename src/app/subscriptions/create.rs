//! Subscribes a customer to a plan. When the call returns, the first invoice and its payment are
//! there, or the trial has begun.

use super::{Terms, quantity_fault};
use crate::{
    app::{Act, AppError, Result, Violation},
    domain::{
        calendar::BillingAnchor,
        catalog::{NoPrice, Plan},
        changes::Changes,
        customer::{Customer, PaymentMethod},
        event::EventKind,
        ids::{Id, kind},
        labels::Labels,
        money::{Currency, Money},
        notice::{Facts, Notice, reminder},
        payment::method::Expiry,
        subscription::{
            Access, Subscription, SubscriptionState,
            renewal::{self, Due, RenewalError},
        },
        version::Version,
    },
};

/// A subscription to begin now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubscription {
    /// Who pays.
    pub customer: Id<kind::Customer>,
    /// The plan, of which it gets the current version.
    pub plan: Id<kind::Plan>,
    /// What it is billed in; need not be said if the plan is sold in one currency alone.
    pub currency: Option<Currency>,
    /// How many seats.
    pub quantity: u32,
    /// What is charged; the customer's default if absent.
    pub payment_method: Option<Id<kind::PaymentMethod>>,
    /// Whether it begins with the plan's trial.
    pub trial: Trial,
    /// The portal's own words about it.
    pub labels: Labels,
}

/// Whether a subscription begins with its plan's free trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// With the plan's, if it has one.
    AsPlanned,
    /// At once with the first charge.
    Skipped,
}

/// Begins a subscription. Without a trial its first cycle is billed in the same transaction.
pub async fn create(act: &mut Act<'_>, new: NewSubscription) -> Result<Subscription> {
    let mut faults = Faults::default();
    act.repo.lock_plans(act.merchant_id(), &[new.plan]).await?;
    act.repo.lock_customers(act.merchant_id(), &[new.customer]).await?;
    let customer = customer(act, new.customer, &mut faults).await?;
    let sold = sold(act, new.plan, &mut faults).await?;
    let method = method(act, &new, &mut faults).await?;
    let currency = sold.as_ref().and_then(|(_, terms)| currency(terms, &new, &mut faults));
    let (Some(customer), Some((plan, mut terms)), Some(currency), true) =
        (customer, sold, currency, faults.0.is_empty())
    else {
        return Err(AppError::Invalid(faults.0));
    };
    if new.trial == Trial::Skipped {
        terms.trial_days = 0;
    }

    let now = act.now();
    let mut subscription = unplaced(act, &new, &plan, &customer, currency);
    subscription.begin(&terms, now).map_err(|error| unbillable(&error.into()))?;
    let next_amount = match subscription.due_at {
        Some(ends_at) if subscription.state == SubscriptionState::Trialing => {
            renewal::next_bill(&subscription, &terms, ends_at).map(|bill| bill.total)
        }
        _ => terms.recurring_total(currency, new.quantity).map_err(Into::into),
    };
    let next_amount = next_amount.map_err(|error| unbillable(&error))?;
    let expiry = match (&method, customer.default_method) {
        (Some(method), _) => method.expiry,
        (None, Some(default)) => act.payment_method(default).await?.expiry,
        (None, None) => None,
    };
    let created = subscription.event(EventKind::SubscriptionCreated, now, act.mint);
    let mut changes = first_cycle(act, subscription, &plan, terms, customer, expiry)?;
    changes.events.insert(0, created);

    let subscription = changes.subscriptions.last().expect("it was written");
    // Where something is to be paid first, the payment is what opens it and welcomes.
    let welcomes = match subscription.state {
        SubscriptionState::Trialing | SubscriptionState::Active => true,
        SubscriptionState::Incomplete
        | SubscriptionState::PastDue
        | SubscriptionState::Unpaid
        | SubscriptionState::Paused
        | SubscriptionState::Canceled
        | SubscriptionState::Expired => false,
    };
    changes.notices.extend(welcomes.then(|| welcome(act, subscription, next_amount)));
    let id = subscription.id;
    act.write(changes).await?;
    act.subscription(id).await
}

/// The wrong fields found so far: all are told at once.
#[derive(Default)]
struct Faults(Vec<Violation>);

impl Faults {
    fn add(&mut self, field: &str, message: impl Into<String>) {
        let field = format!("subscription.{field}");
        self.0.push(Violation { field, message: message.into() });
    }
}

async fn customer(
    act: &mut Act<'_>,
    id: Id<kind::Customer>,
    faults: &mut Faults,
) -> Result<Option<Customer>> {
    let found = act.repo.customers(act.merchant.id, &[id]).await?.into_iter().next();
    let usable = found.filter(|customer| customer.deleted_at.is_none());
    if usable.is_none() {
        faults.add("customer", "must be one of your customers, and not deleted");
    }
    Ok(usable)
}

async fn sold(
    act: &mut Act<'_>,
    id: Id<kind::Plan>,
    faults: &mut Faults,
) -> Result<Option<(Plan, Terms)>> {
    let found = act.repo.plans(act.merchant.id, &[id]).await?.into_iter().next();
    let Some(plan) = found.filter(Plan::is_sold) else {
        faults.add("plan", "must be one of your active plans");
        return Ok(None);
    };
    let terms = super::terms(act, (plan.id, plan.current)).await?;
    Ok(Some((plan, terms)))
}

async fn method(
    act: &mut Act<'_>,
    new: &NewSubscription,
    faults: &mut Faults,
) -> Result<Option<PaymentMethod>> {
    let Some(id) = new.payment_method else { return Ok(None) };
    let found = act.repo.payment_methods(act.merchant.id, &[id]).await?.into_iter().next();
    let usable = found.filter(|m| m.customer == new.customer && m.is_chargeable());
    if usable.is_none() {
        let message = "must be one of the customer's payment methods that can still be charged";
        faults.add("payment_method", message);
    }
    Ok(usable)
}

/// What it is billed in, and whether so many seats can be.
fn currency(terms: &Terms, new: &NewSubscription, faults: &mut Faults) -> Option<Currency> {
    if let Some(message) = quantity_fault(terms, new.quantity) {
        faults.add("quantity", message);
    }
    let sold_in: Vec<_> = terms.currencies().collect();
    match (new.currency, &sold_in[..]) {
        (Some(wanted), _) if sold_in.contains(&wanted) => Some(wanted),
        (None, [only]) => Some(*only),
        _ => {
            let codes: Vec<_> = sold_in.iter().map(|currency| currency.code()).collect();
            let message = format!("must be one that the plan is sold in: {}", codes.join(", "));
            faults.add("currency_code", message);
            None
        }
    }
}

/// The new subscription before it has a place in time.
fn unplaced(
    act: &Act<'_>,
    new: &NewSubscription,
    plan: &Plan,
    customer: &Customer,
    currency: Currency,
) -> Subscription {
    let now = act.now();
    Subscription {
        merchant: act.merchant_id(),
        id: act.id(),
        customer: customer.id,
        plan: plan.id,
        plan_version: plan.current,
        currency,
        quantity: new.quantity,
        state: SubscriptionState::Incomplete,
        anchor: BillingAnchor::at(now, customer.zone.unwrap_or(act.merchant.zone)),
        next_cycle: 0,
        current_period: None,
        due_at: None,
        remind_at: None,
        reminded_for: None,
        trial_end: None,
        cancellation: None,
        scheduled_change: None,
        pause: None,
        payment_method: new.payment_method,
        access: Access::None,
        labels: new.labels.clone(),
        started_at: now,
        ended_at: None,
        version: Version::NEW,
    }
}

fn first_cycle(
    act: &Act<'_>,
    mut subscription: Subscription,
    plan: &Plan,
    terms: Terms,
    customer: Customer,
    card_expiry: Option<Expiry>,
) -> Result<Changes> {
    let now = act.now();
    if subscription.state == SubscriptionState::Trialing {
        reminder::plan_anew(&mut subscription, terms.interval, card_expiry, now);
        return Ok(Changes { subscriptions: vec![subscription], ..Changes::default() });
    }
    let plan_name = plan.name.clone();
    let due = Due { subscription, customer, plan_name, terms, open: Vec::new(), card_expiry };
    renewal::renew(due, now, act.mint).map_err(|error| unbillable(&error))
}

/// What to do about a cycle that cannot be billed.
fn unbillable(error: &RenewalError) -> AppError {
    let field = match error {
        RenewalError::NoPrice(NoPrice::Currency { .. }) => "subscription.currency_code",
        RenewalError::NoPrice(NoPrice::Money(_)) | RenewalError::Money(_) => {
            "subscription.quantity"
        }
        RenewalError::Calendar(_) => "subscription.plan",
    };
    AppError::invalid(field, format!("must be such that it can be billed: {error}"))
}

fn welcome(act: &Act<'_>, subscription: &Subscription, next_amount: Money) -> Notice {
    let next_charge_at = subscription.due_at;
    let facts = Facts::Welcome { paid: None, next_charge_at, next_amount };
    let key = format!("welcome:{}", subscription.id);
    Notice::new(subscription.merchant, subscription.customer, facts, key, act.now(), act.mint)
        .about_subscription(subscription.id)
}
