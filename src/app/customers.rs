//! Customers: making, changing, deleting and bringing back those who pay.
//!
//! What they pay with is in [`super::payment_methods`]; what they may see is decided elsewhere.

use super::{Act, AppError, Result, Violation, line};
use crate::{
    domain::{
        calendar::Zone,
        changes::Changes,
        customer::Customer,
        event::{Event, EventKind, Subject},
        ids::{Id, kind},
        invoice::InvoiceState,
        labels::Labels,
        subscription::SubscriptionState,
        version::Version,
    },
    mail::Address,
    store::{InvoiceFilter, Page, SubscriptionFilter},
};

/// The longest name and the longest id of the portal's, in characters.
const TEXT_MAX_CHARS: usize = 200;

/// The longest address of a mail, in bytes (RFC 5321).
const EMAIL_MAX_BYTES: usize = 254;
/// What would be right of a time zone.
pub(super) const ZONE: &str = "must be an IANA time zone such as Europe/Berlin";

/// A customer to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewCustomer {
    /// Where mails go.
    pub email: String,
    /// How mails address them.
    pub name: String,
    /// BCP 47 tag; the merchant's if absent.
    pub locale: Option<String>,
    /// IANA name; the merchant's if absent.
    pub zone: Option<String>,
    /// ISO 3166 country, two capitals.
    pub country: Option<String>,
    /// The portal's own id of them.
    pub external_id: Option<String>,
    /// The portal's own words about them.
    pub labels: Labels,
}

/// What is to be changed of a customer; what is absent stays, and the inner absence clears.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each changes the field of its name")]
pub struct CustomerUpdate {
    pub email: Option<String>,
    pub name: Option<String>,
    pub locale: Option<Option<String>>,
    pub zone: Option<Option<String>>,
    pub country: Option<Option<String>>,
    pub external_id: Option<Option<String>>,
    pub labels: Option<Labels>,
}

/// Makes a customer.
pub async fn create_customer(act: &mut Act<'_>, new: NewCustomer) -> Result<Customer> {
    let zone = check(&new)?;
    check_external_id(act, new.external_id.as_deref(), None).await?;
    let customer = Customer {
        merchant: act.merchant_id(),
        id: act.id(),
        email: new.email,
        name: new.name.trim().to_owned(),
        locale: new.locale,
        zone,
        country: new.country,
        default_method: None,
        backup_method: None,
        email_suppressed: false,
        external_id: new.external_id,
        labels: new.labels,
        created_at: act.now(),
        deleted_at: None,
        version: Version::NEW,
    };
    write(act, customer, EventKind::CustomerCreated, None).await
}

/// The customer whom the portal knows by this id, or that there is none.
pub async fn customer_by_external_id(act: &mut Act<'_>, external_id: &str) -> Result<Customer> {
    let merchant = act.merchant_id();
    let found = act.repo.customer_by_external_id(merchant, external_id).await?;
    found.ok_or_else(|| AppError::NoCustomer { external_id: external_id.to_owned() })
}

/// Changes a customer. `seen` is the version that the caller has read, if they told it.
pub async fn update_customer(
    act: &mut Act<'_>,
    id: Id<kind::Customer>,
    seen: Option<Version>,
    update: CustomerUpdate,
) -> Result<Customer> {
    let mut customer = existing(act, id, seen).await?;
    let old_email = customer.email.clone();
    let whole = NewCustomer {
        email: update.email.unwrap_or(customer.email),
        name: update.name.unwrap_or(customer.name),
        locale: update.locale.unwrap_or(customer.locale),
        zone: update.zone.unwrap_or_else(|| customer.zone.map(|zone| zone.to_string())),
        country: update.country.unwrap_or(customer.country),
        external_id: update.external_id.unwrap_or(customer.external_id),
        labels: update.labels.unwrap_or(customer.labels),
    };
    customer.zone = check(&whole)?;
    check_external_id(act, whole.external_id.as_deref(), Some(id)).await?;
    if whole.email != old_email {
        // A new address has not bounced yet.
        customer.email_suppressed = false;
    }
    customer.email = whole.email;
    customer.name = whole.name.trim().to_owned();
    customer.locale = whole.locale;
    customer.country = whole.country;
    customer.external_id = whole.external_id;
    customer.labels = whole.labels;
    write(act, customer, EventKind::CustomerUpdated, None).await
}

/// Deletes a customer, softly. Refused while a subscription of theirs is running.
pub async fn delete_customer(
    act: &mut Act<'_>,
    id: Id<kind::Customer>,
    seen: Option<Version>,
) -> Result<Customer> {
    let mut customer = existing(act, id, seen).await?;
    let running = SubscriptionFilter {
        customer: Some(id),
        states: vec![
            SubscriptionState::Incomplete,
            SubscriptionState::Trialing,
            SubscriptionState::Active,
            SubscriptionState::PastDue,
            SubscriptionState::Unpaid,
            SubscriptionState::Paused,
        ],
        ..SubscriptionFilter::default()
    };
    let one = Page { after: None, limit: 1 };
    let found = act.repo.list_subscriptions(act.merchant.id, &running, one).await?;
    if let Some(subscription) = found.first() {
        let message = format!("{} is running; cancel it first", subscription.id);
        let refusal = AppError::precondition("SUBSCRIPTION_RUNNING", id, message);
        return Err(refusal.with("subscription", subscription.id.to_string()));
    }
    let open = InvoiceFilter {
        customer: Some(id),
        states: vec![InvoiceState::Open],
        ..InvoiceFilter::default()
    };
    let one = Page { after: None, limit: 1 };
    if let Some(invoice) = act.repo.list_invoices(act.merchant.id, &open, one).await?.first() {
        let message = format!("{} is open; void it first, or wait for its payment", invoice.id);
        let refusal = AppError::precondition("INVOICE_OPEN", id, message);
        return Err(refusal.with("invoice", invoice.id.to_string()));
    }
    customer.deleted_at = Some(act.now());
    write(act, customer, EventKind::CustomerDeleted, None).await
}

/// Brings a deleted customer back.
pub async fn undelete_customer(
    act: &mut Act<'_>,
    id: Id<kind::Customer>,
    seen: Option<Version>,
) -> Result<Customer> {
    let mut customer = act.customer(id).await?;
    AppError::check_etag(id, seen, customer.version)?;
    if customer.deleted_at.take().is_none() {
        return Err(AppError::precondition(
            "CUSTOMER_NOT_DELETED",
            id,
            "the customer is not deleted",
        ));
    }
    check_external_id(act, customer.external_id.as_deref(), Some(id)).await?;
    write(act, customer, EventKind::CustomerUpdated, Some("undeleted")).await
}

/// A customer who was not deleted, in the version that the caller has seen.
pub(super) async fn existing(
    act: &mut Act<'_>,
    id: Id<kind::Customer>,
    seen: Option<Version>,
) -> Result<Customer> {
    act.repo.lock_customers(act.merchant_id(), &[id]).await?;
    let customer = act.customer(id).await?;
    AppError::check_etag(id, seen, customer.version)?;
    if customer.deleted_at.is_some() {
        let message = "the customer is deleted; undelete them first";
        return Err(AppError::precondition("CUSTOMER_DELETED", id, message));
    }
    Ok(customer)
}

/// An event about a customer as they stand, which will be committed with them.
pub(super) fn event(
    act: &Act<'_>,
    customer: &Customer,
    kind: EventKind,
    reason: Option<&str>,
) -> Event {
    Event {
        customer: Some(customer.id),
        reason: reason.map(str::to_owned),
        ..Event::new(
            kind,
            customer.merchant,
            Subject::Customer(customer.id),
            customer.version,
            act.now(),
            act.mint,
        )
    }
}

async fn write(
    act: &mut Act<'_>,
    customer: Customer,
    kind: EventKind,
    reason: Option<&str>,
) -> Result<Customer> {
    let id = customer.id;
    let event = event(act, &customer, kind, reason);
    let (customers, events) = (vec![customer], vec![event]);
    act.write(Changes { customers, events, ..Changes::default() }).await?;
    act.customer(id).await
}

/// All that is wrong with what a customer shall be; else their zone.
fn check(customer: &NewCustomer) -> Result<Option<Zone>> {
    let mut faults = Vec::new();
    let mut fault = |field: &str, message: String| {
        faults.push(Violation { field: format!("customer.{field}"), message });
    };
    if customer.email.len() > EMAIL_MAX_BYTES || customer.email.parse::<Address>().is_err() {
        fault("email", "must be an address like ana@example.org".to_owned());
    }
    if let Some(message) = line::fault(&customer.name, TEXT_MAX_CHARS) {
        fault("display_name", message);
    }
    if let Some(tag) = &customer.locale
        && !is_language_tag(tag)
    {
        fault("language_code", "must be a BCP 47 tag like de-AT".to_owned());
    }
    let mut parsed = None;
    match customer.zone.as_deref().map(str::parse::<Zone>).transpose() {
        Ok(zone) => parsed = zone,
        Err(_) => fault("time_zone", ZONE.to_owned()),
    }
    if let Some(country) = &customer.country
        && !(country.len() == 2 && country.bytes().all(|letter| letter.is_ascii_uppercase()))
    {
        fault("region_code", "must be two capitals by ISO 3166, like AT".to_owned());
    }
    if let Some(external_id) = &customer.external_id
        && !(1..=TEXT_MAX_CHARS).contains(&external_id.chars().count())
    {
        fault("external_id", format!("must have at most {TEXT_MAX_CHARS} characters"));
    }
    if faults.is_empty() { Ok(parsed) } else { Err(AppError::Invalid(faults)) }
}

/// Whether a text is a BCP 47 tag.
pub(super) fn is_language_tag(text: &str) -> bool {
    text.parse::<icu_locale_core::Locale>().is_ok_and(|locale| !locale.id.language.is_unknown())
}

async fn check_external_id(
    act: &mut Act<'_>,
    external_id: Option<&str>,
    own: Option<Id<kind::Customer>>,
) -> Result<()> {
    let Some(external_id) = external_id else { return Ok(()) };
    let merchant = act.merchant_id();
    match act.repo.customer_by_external_id(merchant, external_id).await? {
        Some(other) if Some(other.id) != own => Err(AppError::AlreadyExists {
            what: "a customer with this external_id".to_owned(),
            id: other.id.to_string(),
        }),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ana() -> NewCustomer {
        NewCustomer {
            email: "ana@example.org".to_owned(),
            name: "Ana".to_owned(),
            locale: Some("de-AT".to_owned()),
            zone: Some("Europe/Vienna".to_owned()),
            country: Some("AT".to_owned()),
            external_id: Some("user-17".to_owned()),
            labels: Labels::default(),
        }
    }

    #[test]
    fn a_wrong_field_is_told_with_what_would_be_right() {
        assert_eq!(check(&ana()).unwrap(), Some("Europe/Vienna".parse().unwrap()));
        for (wrong, sentence) in [
            (
                NewCustomer { email: "ana@".to_owned(), ..ana() },
                "customer.email must be an address like ana@example.org",
            ),
            (
                NewCustomer { email: "Ana <ana@example.org>".to_owned(), ..ana() },
                "customer.email must be an address like ana@example.org",
            ),
            (
                NewCustomer { name: "  ".to_owned(), ..ana() },
                "customer.display_name must have 1 to 200 characters",
            ),
            (
                NewCustomer { locale: Some("german!".to_owned()), ..ana() },
                "customer.language_code must be a BCP 47 tag like de-AT",
            ),
            (
                NewCustomer { country: Some("Austria".to_owned()), ..ana() },
                "customer.region_code must be two capitals by ISO 3166, like AT",
            ),
            (
                NewCustomer { external_id: Some("x".repeat(201)), ..ana() },
                "customer.external_id must have at most 200 characters",
            ),
        ] {
            assert_eq!(check(&wrong).unwrap_err().to_string(), sentence);
        }
        let nowhere = NewCustomer { zone: Some("Europe/Nowhere".to_owned()), ..ana() };
        let refusal = check(&nowhere).unwrap_err().to_string();
        assert!(refusal.starts_with("customer.time_zone must be an IANA time zone"), "{refusal}");
    }

    #[test]
    fn all_wrong_fields_are_told_at_once() {
        let AppError::Invalid(faults) = check(&NewCustomer::default()).unwrap_err() else {
            panic!("the fields are wrong");
        };
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["customer.email", "customer.display_name"]);
    }
}
