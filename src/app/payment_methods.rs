//! Payment methods: keeping a gateway's token, and saying which is charged.
//!
//! Never sees a card number (RULES PCI-1): a token comes from the gateway, by way of the portal or
//! of the gateway's own page.

use chrono::{DateTime, Utc};

use super::{Act, AppError, Result, Violation, customers, dunning};
use crate::{
    domain::{
        changes::Changes,
        customer::{Customer, PaymentMethod},
        event::EventKind,
        ids::{Id, kind},
        payment::method::{Expiry, StoredMethod},
        subscription::Subscription,
        version::Version,
    },
    store::{Page, SubscriptionFilter},
};

/// The longest token or reference of a gateway's, in characters.
const REFERENCE_MAX_CHARS: usize = 500;
/// The longest brand, in characters.
const BRAND_MAX_CHARS: usize = 50;
/// Subscriptions that are read at once.
const SUBSCRIPTIONS: usize = 100;

/// A method that a gateway has stored, to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPaymentMethod {
    /// Whose it is.
    pub customer: Id<kind::Customer>,
    /// The gateway account that knows the token, by its name in the configuration.
    pub gateway: String,
    /// What the gateway, or the portal, tells of it.
    pub stored: StoredMethod,
    /// The network's id of the payment that the customer made with it (RULES MIT-1).
    pub original_transaction: Option<String>,
    /// When the customer agreed to its later use; now if absent.
    pub consented_at: Option<DateTime<Utc>>,
    /// Whether the customer stored it themselves, on the gateway's page.
    pub customer_present: bool,
    /// Whether it is charged from now on; a customer's first method is in any case.
    pub is_default: bool,
}

/// Keeps a payment method. The same token of the same customer is kept once, and refreshed.
pub async fn attach(act: &mut Act<'_>, new: NewPaymentMethod) -> Result<PaymentMethod> {
    check(&new, act.now())?;
    let mut customer = customers::existing(act, new.customer, None).await?;
    let (now, merchant) = (act.now(), act.merchant_id());
    let ever_stored = act.repo.methods_of_customers(merchant, &[customer.id]).await?;
    let known = ever_stored
        .iter()
        .filter(|method| method.deleted_at.is_none())
        .find(|method| method.gateway == new.gateway && method.token == new.stored.token);
    let event = match &known {
        Some(_) => EventKind::PaymentMethodUpdated,
        None => EventKind::PaymentMethodAttached,
    };
    let fresh =
        PaymentMethod::from_stored(merchant, act.id(), customer.id, new.gateway, new.stored, now);
    let fresh = fresh.recognised(known.into_iter().chain(&ever_stored));
    let is_another_card = known.is_some_and(|known| known.mark() != fresh.mark());
    let blocked = PaymentMethod::lasting_bar(&ever_stored, &fresh, new.customer_present);
    let method = PaymentMethod {
        blocked,
        blocked_at: blocked.map(|_| known.and_then(|known| known.blocked_at).unwrap_or(now)),
        original_transaction: new
            .original_transaction
            .or_else(|| known.and_then(|known| known.original_transaction.clone())),
        consented_at: new.consented_at.unwrap_or(now),
        id: known.map_or(fresh.id, |known| known.id),
        created_at: known.map_or(now, |known| known.created_at),
        version: known.map_or(Version::NEW, |known| known.version),
        ..fresh
    };
    let id = method.id;
    let is_agreed_anew =
        known.is_some_and(|known| known.blocked.is_some() && method.blocked.is_none());
    let mut changes = Changes {
        events: vec![method.event(event, now, act.mint)],
        payment_methods: vec![method],
        ..Changes::default()
    };
    if customer.default_method.is_none() || (new.is_default && customer.default_method != Some(id))
    {
        customer.default_method = Some(id);
        changes.events.push(changed(act, &customer));
        changes.customers.push(customer);
    }
    let is_charged_now = is_another_card || is_agreed_anew || !changes.customers.is_empty();
    act.write(changes).await?;
    if is_charged_now {
        dunning::method_replaced(act, new.customer).await?;
    }
    act.payment_method(id).await
}

/// Detaches a payment method: it is never charged again. If it was the default, the backup takes
/// its place.
pub async fn detach(
    act: &mut Act<'_>,
    id: Id<kind::PaymentMethod>,
    seen: Option<Version>,
) -> Result<PaymentMethod> {
    let customer = act.payment_method(id).await?.customer;
    act.repo.lock_customers(act.merchant_id(), &[customer]).await?;
    let mut method = act.payment_method(id).await?;
    AppError::check_etag(id, seen, method.version)?;
    if method.deleted_at.is_some() {
        let message = "the payment method is detached already";
        return Err(AppError::precondition("PAYMENT_METHOD_DETACHED", id, message));
    }
    let mut customer = act.customer(method.customer).await?;
    let customer_id = customer.id;
    method.deleted_at = Some(act.now());
    let mut changes = Changes {
        events: vec![method.event(EventKind::PaymentMethodDetached, act.now(), act.mint)],
        payment_methods: vec![method],
        ..Changes::default()
    };
    let mut has_new_default = false;
    let was_used = [customer.default_method, customer.backup_method].contains(&Some(id));
    if was_used {
        if customer.backup_method == Some(id) {
            customer.backup_method = None;
        }
        if customer.default_method == Some(id) {
            customer.default_method = customer.backup_method.take();
            has_new_default = customer.default_method.is_some();
        }
        changes.events.push(changed(act, &customer));
        changes.customers.push(customer);
    }
    changes.subscriptions = unnamed(act, customer_id, id).await?;
    act.write(changes).await?;
    if has_new_default {
        // It may pay at once what this one could not.
        dunning::method_replaced(act, customer_id).await?;
    }
    act.payment_method(id).await
}

/// The subscriptions that were charged to `method` by name, and are charged to the customer's default
/// from now on.
async fn unnamed(
    act: &mut Act<'_>,
    customer: Id<kind::Customer>,
    method: Id<kind::PaymentMethod>,
) -> Result<Vec<Subscription>> {
    let filter = SubscriptionFilter { customer: Some(customer), ..SubscriptionFilter::default() };
    let mut unnamed = Vec::new();
    let mut after = None;
    loop {
        let page = Page { after, limit: SUBSCRIPTIONS };
        let listed = act.repo.list_subscriptions(act.merchant_id(), &filter, page).await?;
        after = listed.last().map(|last| last.id);
        let is_last = listed.len() < SUBSCRIPTIONS;
        let naming = listed.into_iter().filter(|known| known.payment_method == Some(method));
        unnamed.extend(naming.map(|known| Subscription { payment_method: None, ..known }));
        if is_last {
            return Ok(unnamed);
        }
    }
}

/// Says which method is charged. `seen` is the version of the customer that the caller has read, if
/// they told it; so too in [`set_backup`].
pub async fn set_default(
    act: &mut Act<'_>,
    id: Id<kind::Customer>,
    seen: Option<Version>,
    method: Id<kind::PaymentMethod>,
) -> Result<Customer> {
    let mut customer = customers::existing(act, id, seen).await?;
    check_usable(act, &customer, method).await?;
    if customer.default_method == Some(method) {
        // Nothing new to charge: what declines of it have taught is not forgotten.
        return Ok(customer);
    }
    if customer.backup_method == Some(method) {
        customer.backup_method = None;
    }
    customer.default_method = Some(method);
    write(act, customer).await?;
    dunning::method_replaced(act, id).await?;
    act.customer(id).await
}

/// Says which method is tried when the default fails, or that none is.
pub async fn set_backup(
    act: &mut Act<'_>,
    customer: Id<kind::Customer>,
    seen: Option<Version>,
    method: Option<Id<kind::PaymentMethod>>,
) -> Result<Customer> {
    let mut customer = customers::existing(act, customer, seen).await?;
    if let Some(method) = method {
        check_usable(act, &customer, method).await?;
        if customer.default_method == Some(method) {
            let message = "must be another than the default, which is tried first anyway";
            return Err(AppError::invalid("payment_method", message));
        }
    }
    customer.backup_method = method;
    write(act, customer).await
}

async fn check_usable(
    act: &mut Act<'_>,
    customer: &Customer,
    method: Id<kind::PaymentMethod>,
) -> Result<()> {
    let found = act.repo.payment_methods(act.merchant.id, &[method]).await?.into_iter().next();
    let theirs = found.filter(|m| m.customer == customer.id && m.deleted_at.is_none());
    let Some(found) = theirs else {
        let message = "must be one of this customer's and not detached";
        return Err(AppError::invalid("payment_method", message));
    };
    if let Some(class) = found.blocked {
        let class = class.name();
        let message = format!("it was refused for good ({class}); the customer must store another");
        let refusal = AppError::precondition("PAYMENT_METHOD_BLOCKED", method, message);
        return Err(refusal.with("declineClass", class));
    }
    Ok(())
}

fn changed(act: &Act<'_>, customer: &Customer) -> crate::domain::event::Event {
    customers::event(act, customer, EventKind::CustomerUpdated, Some("payment_method"))
}

async fn write(act: &mut Act<'_>, customer: Customer) -> Result<Customer> {
    let id = customer.id;
    let event = changed(act, &customer);
    let (customers, events) = (vec![customer], vec![event]);
    act.write(Changes { customers, events, ..Changes::default() }).await?;
    act.customer(id).await
}

/// All that is wrong with what is told of a method.
fn check(new: &NewPaymentMethod, now: DateTime<Utc>) -> Result<()> {
    let mut faults = Vec::new();
    let mut fault = |field: &str, message: String| {
        faults.push(Violation { field: field.to_owned(), message });
    };
    let is_reference = |text: &str| {
        (1..=REFERENCE_MAX_CHARS).contains(&text.chars().count())
            && text.chars().all(|letter| letter.is_ascii_graphic())
    };
    let reference_rule =
        || format!("must have 1 to {REFERENCE_MAX_CHARS} letters, digits or signs, without spaces");
    if !is_reference(&new.stored.token) {
        fault("token.token", reference_rule());
    }
    for (field, text) in [
        ("token.customer_reference", &new.stored.customer_reference),
        ("token.fingerprint", &new.stored.fingerprint),
        ("token.original_transaction", &new.original_transaction),
    ] {
        if text.as_deref().is_some_and(|text| !is_reference(text)) {
            fault(field, reference_rule());
        }
    }
    let last_four = &new.stored.last_four;
    if !last_four.is_empty()
        && (last_four.len() != 4 || !last_four.bytes().all(|b| b.is_ascii_digit()))
    {
        fault("payment_method.last_four", "must be four digits".to_owned());
    }
    if new.stored.brand.chars().count() > BRAND_MAX_CHARS {
        let message = format!("must have at most {BRAND_MAX_CHARS} characters");
        fault("payment_method.brand", message);
    }
    if let Some(expiry) = new.stored.expiry.filter(|expiry| expiry.is_over_at(now)) {
        let Expiry { year, month } = expiry;
        let message = format!("must not be over; the card expired with {month:02}/{year}");
        fault("payment_method.expiry_year", message);
    }
    if new.consented_at.is_some_and(|consent| consent > now) {
        fault("payment_method.consent_time", "must not lie in the future".to_owned());
    }
    if faults.is_empty() { Ok(()) } else { Err(AppError::Invalid(faults)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::payment::decline::Network;

    fn now() -> DateTime<Utc> {
        "2026-01-31T00:00:00Z".parse().unwrap()
    }

    fn visa() -> NewPaymentMethod {
        NewPaymentMethod {
            customer: Id::from_uuid(uuid::Uuid::from_u128(7)),
            gateway: "sandbox".to_owned(),
            stored: StoredMethod {
                token: "tok_good".to_owned(),
                customer_reference: None,
                network: Network::Visa,
                brand: "Visa".to_owned(),
                last_four: "4242".to_owned(),
                expiry: None,
                fingerprint: None,
            },
            original_transaction: None,
            consented_at: None,
            customer_present: false,
            is_default: false,
        }
    }

    #[test]
    fn what_is_told_of_a_method_is_checked() {
        assert!(check(&visa(), now()).is_ok());
        let mut wrong = visa();
        wrong.stored.token = "two words".to_owned();
        wrong.stored.last_four = "42424".to_owned();
        wrong.consented_at = Some(now() + chrono::TimeDelta::seconds(1));
        let AppError::Invalid(faults) = check(&wrong, now()).unwrap_err() else {
            panic!("the fields are wrong");
        };
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            ["token.token", "payment_method.last_four", "payment_method.consent_time"]
        );
    }
}
