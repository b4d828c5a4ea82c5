//! Invoices: issuing one for something sold once, collecting one now, taking one back. Those of
//! subscriptions are issued by renewals.

mod pay_now;

pub use pay_now::pay_now;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Act, AppError, Result, Violation, customers, dunning, entitlements};
use crate::domain::{
    customer::PaymentMethod,
    event::EventKind,
    ids::{Id, kind},
    invoice::{
        Invoice, InvoiceState, Line,
        closing::{self, OpenInvoice},
        issuing::{self, Collection},
    },
    labels::Labels,
    money::{Currency, Money, MoneyError},
    notice::reminder,
    subscription::{OtherDebts, Subscription, SubscriptionState},
    version::Version,
};

/// The most lines of an invoice.
const LINES_MAX: usize = 100;
/// The longest label of a line, in characters.
const LABEL_MAX_CHARS: usize = 200;

/// An invoice for something that is sold once, for example a course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvoice {
    /// Who owes it.
    pub customer: Id<kind::Customer>,
    /// The lines, all in one currency.
    pub lines: Vec<NewLine>,
    /// What it opens once it is paid, in the portal's own words.
    pub entitlements: Vec<String>,
    /// The portal's own words about it.
    pub labels: Labels,
    /// When it is to be paid; now if absent.
    pub due_at: Option<DateTime<Utc>>,
    /// How it is collected.
    pub collection: CollectBy,
}

/// A line to be invoiced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLine {
    /// What it is for.
    pub label: String,
    /// The price of one.
    pub unit: Money,
    /// How many.
    pub quantity: u32,
}

/// How an invoice is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectBy {
    /// A method is charged when the invoice is to be paid: this one, or the customer's default then.
    Charge(Option<Id<kind::PaymentMethod>>),
    /// The customer pays by link.
    Link,
}

/// An invoice, and what collects it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billed {
    /// The invoice.
    pub invoice: Invoice,
    /// Its payment; none if it costs nothing.
    pub payment: Option<Id<kind::Payment>>,
}

/// Issues an invoice.
pub async fn create(act: &mut Act<'_>, new: NewInvoice) -> Result<Billed> {
    let now = act.now();
    let faults = faults(&new, now);
    if !faults.is_empty() {
        return Err(AppError::Invalid(faults));
    }
    let customer = customers::existing(act, new.customer, None).await?;
    let due_at = new.due_at.unwrap_or(now);
    let collection = match new.collection {
        CollectBy::Link => Collection::Link,
        CollectBy::Charge(method) => {
            if let Some(method) = method {
                usable_method(act, new.customer, method).await?;
            }
            Collection::Charge { at: due_at, method }
        }
    };
    let lines = new.lines.into_iter();
    let lines = lines.map(|line| Line::of(line.label.trim().to_owned(), line.unit, line.quantity));
    let lines = lines.collect::<Result<_, _>>().map_err(|error| too_large(&error))?;
    let mut invoice = Invoice::draft(act.merchant_id(), customer.id, lines, now, act.mint)
        .map_err(|error| too_large(&error))?;
    invoice.due_at = due_at;
    invoice.entitlements = new.entitlements;
    invoice.labels = new.labels;
    let id = invoice.id;
    act.write(issuing::issue(invoice, collection, now, act.mint)).await?;
    billed(act, id).await
}

/// Takes an open invoice back: nothing of it is owed any more, and nothing is tried for it. A
/// subscription that it had closed opens again. `seen` is the version that the caller has read, if
/// they told it.
pub async fn void(
    act: &mut Act<'_>,
    id: Id<kind::Invoice>,
    seen: Option<Version>,
) -> Result<Billed> {
    let customer = act.invoice(id).await?.customer;
    act.repo.lock_customers(act.merchant_id(), &[customer]).await?;
    let invoice = open_invoice(act, id, seen).await?;
    let now = act.now();
    let payment = act.repo.payments_of_invoices(act.merchant.id, &[id]).await?.into_iter().next();
    let relieved = match &payment {
        Some(payment) => relieved(act, payment.id).await?,
        None => None,
    };
    let cases = act.repo.open_cases_of_invoices(act.merchant.id, &[id]).await?;
    let open = OpenInvoice { invoice, payment, case: cases.into_iter().next() };
    let mut changes = closing::void(open, now, act.mint);
    if let Some((subscription, kind)) = relieved {
        changes.events.extend(kind.map(|kind| subscription.event(kind, now, act.mint)));
        changes.subscriptions.push(subscription);
    }
    act.write(changes).await?;
    billed(act, id).await
}

/// An invoice with its payment, or that there is none.
pub async fn billed(act: &mut Act<'_>, id: Id<kind::Invoice>) -> Result<Billed> {
    let invoice = act.invoice(id).await?;
    let mut all = with_payments(act, vec![invoice]).await?;
    Ok(all.remove(0))
}

/// These invoices with their payments, in the order given.
pub async fn with_payments(act: &mut Act<'_>, invoices: Vec<Invoice>) -> Result<Vec<Billed>> {
    let ids: Vec<_> = invoices.iter().map(|invoice| invoice.id).collect();
    let payments = act.repo.payments_of_invoices(act.merchant.id, &ids).await?;
    let payments: BTreeMap<_, _> = payments.into_iter().map(|p| (p.invoice, p.id)).collect();
    let billed = |invoice: Invoice| {
        let payment = payments.get(&invoice.id).copied();
        Billed { invoice, payment }
    };
    Ok(invoices.into_iter().map(billed).collect())
}

/// An open invoice in the version that the caller has seen.
async fn open_invoice(
    act: &mut Act<'_>,
    id: Id<kind::Invoice>,
    seen: Option<Version>,
) -> Result<Invoice> {
    let invoice = act.invoice(id).await?;
    AppError::check_etag(id, seen, invoice.version)?;
    let message = match invoice.state {
        InvoiceState::Open => return Ok(invoice),
        InvoiceState::Paid => "the invoice is paid; refund its payment to give money back",
        InvoiceState::Void => "the invoice was taken back",
        InvoiceState::Uncollectible => "the invoice was given up",
    };
    Err(AppError::precondition("INVOICE_NOT_OPEN", id, message))
}

/// A method of the customer's that can be charged.
async fn usable_method(
    act: &mut Act<'_>,
    customer: Id<kind::Customer>,
    method: Id<kind::PaymentMethod>,
) -> Result<PaymentMethod> {
    let found = act.repo.payment_methods(act.merchant.id, &[method]).await?.into_iter().next();
    found.filter(|method| method.customer == customer && method.is_chargeable()).ok_or_else(|| {
        let message = "must be one of the customer's payment methods that can still be charged";
        AppError::invalid("payment_method", message)
    })
}

/// The subscription that a payment is for as it is without its invoice, and what happened to it by that.
async fn relieved(
    act: &mut Act<'_>,
    payment: Id<kind::Payment>,
) -> Result<Option<(Subscription, Option<EventKind>)>> {
    let Some(owed) = dunning::owed(act, payment).await? else { return Ok(None) };
    let Some((mut subscription, terms)) = owed.subscription else { return Ok(None) };
    match subscription.state {
        SubscriptionState::Unpaid | SubscriptionState::PastDue | SubscriptionState::Paused => {}
        SubscriptionState::Incomplete
        | SubscriptionState::Trialing
        | SubscriptionState::Active
        | SubscriptionState::Canceled
        | SubscriptionState::Expired => return Ok(None),
    }
    if owed.other_debts == OtherDebts::GivenUp {
        return Ok(None);
    }
    let id = subscription.id;
    let kind = subscription.reopen(&terms, owed.other_debts, act.now()).map_err(|error| {
        AppError::precondition("BEYOND_CALENDAR", id, format!("it cannot go on: {error}"))
    })?;
    let expiry = owed.primary.and_then(|method| method.expiry);
    reminder::plan_anew(&mut subscription, terms.interval, expiry, act.now());
    Ok(Some((subscription, kind)))
}

fn too_large(error: &MoneyError) -> AppError {
    AppError::invalid("invoice.lines", format!("must sum to what can be billed: {error}"))
}

/// All that is wrong with what is to be invoiced.
fn faults(new: &NewInvoice, now: DateTime<Utc>) -> Vec<Violation> {
    let mut faults = Vec::new();
    let mut fault = |field: String, message: String| faults.push(Violation { field, message });
    if !(1..=LINES_MAX).contains(&new.lines.len()) {
        fault("invoice.lines".to_owned(), format!("must hold 1 to {LINES_MAX} lines"));
    }
    if new.due_at.is_some_and(|due_at| due_at < now) {
        let message = "must not lie in the past; leave it out for at once";
        fault("invoice.due_time".to_owned(), message.to_owned());
    }
    let currency: Option<Currency> = new.lines.first().map(|line| line.unit.currency());
    for (index, line) in new.lines.iter().enumerate() {
        let field = |name: &str| format!("invoice.lines[{index}].{name}");
        if let Some(message) = super::line::fault(&line.label, LABEL_MAX_CHARS) {
            fault(field("label"), message);
        }
        if line.unit.minor() < 0 {
            fault(field("unit_price"), "must not be negative".to_owned());
        }
        if let Some(first) = currency.filter(|first| *first != line.unit.currency()) {
            let message = format!("must be in {first}, as the first line is");
            fault(field("unit_price.currency_code"), message);
        }
        if line.quantity == 0 {
            fault(field("quantity"), "must be at least 1".to_owned());
        }
    }
    faults.append(&mut entitlements::faults("invoice.entitlements", &new.entitlements));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-01-31T00:00:00Z".parse().unwrap()
    }

    fn line(label: &str, minor: i64, currency: &str, quantity: u32) -> NewLine {
        let unit = Money::new(minor, Currency::from_code(currency).unwrap());
        NewLine { label: label.to_owned(), unit, quantity }
    }

    fn told(lines: Vec<NewLine>, due_at: Option<DateTime<Utc>>) -> Vec<String> {
        let customer = Id::from_uuid(uuid::Uuid::from_u128(7));
        let new = NewInvoice {
            customer,
            lines,
            entitlements: Vec::new(),
            labels: Labels::default(),
            due_at,
            collection: CollectBy::Link,
        };
        let faults = faults(&new, now());
        faults.into_iter().map(|fault| format!("{} {}", fault.field, fault.message)).collect()
    }

    #[test]
    fn every_wrong_field_is_told_with_what_would_be_right() {
        assert_eq!(told(vec![line("Course", 4_900, "EUR", 1)], None), [""; 0]);
        assert_eq!(told(vec![], None), ["invoice.lines must hold 1 to 100 lines"]);
        assert_eq!(
            told(
                vec![line(" ", 4_900, "EUR", 1), line("Book", -1, "USD", 0)],
                Some(now() - chrono::TimeDelta::days(1)),
            ),
            [
                "invoice.due_time must not lie in the past; leave it out for at once",
                "invoice.lines[0].label must have 1 to 200 characters",
                "invoice.lines[1].unit_price must not be negative",
                "invoice.lines[1].unit_price.currency_code must be in EUR, as the first line is",
                "invoice.lines[1].quantity must be at least 1",
            ]
        );
    }
}
