//! Invoices.

use super::{labels, money, number, subscriptions, time};
use crate::{
    app::{
        AppError, Result,
        invoices::{Billed, CollectBy, NewInvoice, NewLine},
    },
    domain::{
        invoice::{InvoiceState, Line},
        labels::Labels,
    },
    grpc::{
        faults::{Faults, required},
        masks::Mask,
        names,
        proto::v1::{
            self,
            create_invoice_request::Collection,
            invoice::{self, State},
        },
    },
};

/// An invoice as the API writes it.
pub fn invoice(billed: &Billed) -> v1::Invoice {
    let known = &billed.invoice;
    v1::Invoice {
        name: names::name(known.id),
        uid: known.id.uuid().to_string(),
        number: known.number.clone().unwrap_or_default(),
        customer: names::name(known.customer),
        subscription: names::optional_name(known.subscription),
        state: state(known.state).into(),
        lines: known.lines.iter().map(line).collect(),
        entitlements: known.entitlements.clone(),
        labels: known.labels.words().clone(),
        total: Some(money::money(known.total)),
        paid: Some(money::money(known.paid)),
        amount_due: Some(money::money(known.open_amount())),
        period: known.period.map(subscriptions::period),
        payment: names::optional_name(billed.payment),
        etag: known.version.to_string(),
        create_time: Some(time::timestamp(known.issued_at)),
        due_time: Some(time::timestamp(known.due_at)),
        close_time: known.closed_at.map(time::timestamp),
    }
}

/// The invoice that a request wants to be issued.
pub fn new_invoice(request: &v1::CreateInvoiceRequest) -> Result<NewInvoice> {
    let told = required("invoice", request.invoice.as_ref())?;
    let mut faults = Faults::new();
    let customer = faults.keep(names::id("invoice.customer", &told.customer));
    let due_at = faults.keep(time::optional_instant("invoice.due_time", told.due_time));
    let method = faults.keep(names::optional_id("payment_method", &request.payment_method));
    let labels = faults.keep(labels("invoice.labels", &told.labels));
    let lines: Vec<_> = told.lines.iter().enumerate().collect();
    let lines: Vec<_> =
        lines.into_iter().filter_map(|(i, line)| new_line(i, line, &mut faults)).collect();
    let collection = match (request.collection(), method.flatten()) {
        (Collection::Unspecified | Collection::Charge, method) => CollectBy::Charge(method),
        (Collection::Link, None) => CollectBy::Link,
        (Collection::Link, Some(_)) => {
            faults.add("payment_method", "must be empty for an invoice that is paid by link");
            CollectBy::Link
        }
    };
    let whole = customer.zip(due_at).zip(labels).map(|((customer, due_at), labels)| NewInvoice {
        customer,
        lines,
        entitlements: told.entitlements.clone(),
        labels,
        due_at,
        collection,
    });
    faults.finish(whole)
}

/// The labels that a request wants an invoice to have, if it is about them.
pub fn new_labels(
    told: &v1::Invoice,
    request: &v1::UpdateInvoiceRequest,
) -> Result<Option<Labels>> {
    let writable = [("labels", !told.labels.is_empty())];
    let mask = Mask::read(request.update_mask.as_ref(), &writable, &OUTPUT_ONLY)?;
    mask.has("labels").then(|| labels("invoice.labels", &told.labels)).transpose()
}

/// What never changes, or by methods of its own.
const OUTPUT_ONLY: [&str; 17] = [
    "name",
    "uid",
    "number",
    "customer",
    "subscription",
    "state",
    "lines",
    "total",
    "paid",
    "amount_due",
    "period",
    "payment",
    "etag",
    "create_time",
    "due_time",
    "close_time",
    "entitlements",
];

/// The states that a list is narrowed to.
pub fn wanted_states(states: impl Iterator<Item = State>) -> Result<Vec<InvoiceState>> {
    states
        .map(|state| match state {
            State::Open => Ok(InvoiceState::Open),
            State::Paid => Ok(InvoiceState::Paid),
            State::Void => Ok(InvoiceState::Void),
            State::Uncollectible => Ok(InvoiceState::Uncollectible),
            State::Unspecified => Err(AppError::invalid("states", "must not be unspecified")),
        })
        .collect()
}

fn state(state: InvoiceState) -> State {
    match state {
        InvoiceState::Open => State::Open,
        InvoiceState::Paid => State::Paid,
        InvoiceState::Void => State::Void,
        InvoiceState::Uncollectible => State::Uncollectible,
    }
}

fn line(known: &Line) -> invoice::Line {
    invoice::Line {
        label: known.label.clone(),
        unit_price: Some(money::money(known.unit)),
        quantity: number(known.quantity),
        amount: Some(money::money(known.amount)),
        reason: known.why(),
    }
}

fn new_line(index: usize, told: &invoice::Line, faults: &mut Faults) -> Option<NewLine> {
    let field = format!("invoice.lines[{index}].unit_price");
    let unit = required(&field, told.unit_price.as_ref());
    let unit = faults.keep(unit.and_then(|price| money::amount(&field, price)));
    let field = format!("invoice.lines[{index}].quantity");
    let quantity = u32::try_from(told.quantity);
    let quantity = quantity.map_err(|_| AppError::invalid(field, "must not be negative"));
    let quantity = faults.keep(quantity);
    unit.zip(quantity).map(|(unit, quantity)| NewLine {
        label: told.label.clone(),
        unit,
        quantity: quantity.max(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::ids::Id, grpc::proto::google::r#type::Money};

    fn request() -> v1::CreateInvoiceRequest {
        let price = Money { currency_code: "EUR".to_owned(), units: 49, nanos: 0 };
        v1::CreateInvoiceRequest {
            invoice: Some(v1::Invoice {
                customer: names::name(Id::<crate::domain::ids::kind::Customer>::from_uuid(
                    uuid::Uuid::from_u128(7),
                )),
                lines: vec![invoice::Line {
                    label: "Rust in a week".to_owned(),
                    unit_price: Some(price),
                    ..Default::default()
                }],
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    #[test]
    fn an_invoice_is_charged_and_a_line_is_for_one_unless_told_otherwise() {
        let new = new_invoice(&request()).unwrap();
        assert_eq!(new.collection, CollectBy::Charge(None));
        assert_eq!(new.lines[0].quantity, 1);
        assert_eq!(new.lines[0].unit.minor(), 4_900);
    }

    #[test]
    fn a_line_without_a_price_is_named() {
        let mut request = request();
        request.invoice.as_mut().unwrap().lines[0].unit_price = None;
        let refusal = new_invoice(&request).unwrap_err().to_string();
        assert_eq!(refusal, "invoice.lines[0].unit_price must be set");
    }

    #[test]
    fn a_link_charges_no_method() {
        let method = Id::<crate::domain::ids::kind::PaymentMethod>::from_uuid(uuid::Uuid::nil());
        let request = v1::CreateInvoiceRequest {
            collection: Collection::Link.into(),
            payment_method: names::name(method),
            ..request()
        };
        let refusal = new_invoice(&request).unwrap_err().to_string();
        assert!(refusal.starts_with("payment_method must be empty"), "{refusal}");
    }
}
