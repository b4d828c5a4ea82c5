//! Events, and the filters of their lists.

use super::{money, time};
use crate::{
    app::{AppError, Result},
    domain::event::{Event, EventKind, Subject},
    grpc::{names, proto::v1},
    store::EventFilter,
};

/// An event as the API writes it.
pub fn event(event: &Event) -> v1::Event {
    v1::Event {
        name: names::name(event.id),
        uid: event.id.uuid().to_string(),
        sequence: event.sequence.unwrap_or_default(),
        r#type: kind_name(event.kind),
        subject: subject(event.subject),
        subject_version: event.subject_version.count(),
        customer: names::optional_name(event.customer),
        amount: event.amount.map(money::money),
        reason: event.reason.clone().unwrap_or_default(),
        create_time: Some(time::timestamp(event.at)),
    }
}

/// The filter that a request describes.
pub fn filter(customer: &str, types: &[String]) -> Result<EventFilter> {
    let customer = names::optional_id("customer", customer)?;
    let kind = |(index, name): (usize, &String)| {
        serde_json::from_value(serde_json::Value::String(name.clone())).map_err(|_| {
            let message = "must be a type of event, like invoice.paid";
            AppError::invalid(format!("types[{index}]"), message)
        })
    };
    let kinds = types.iter().enumerate().map(kind).collect::<Result<Vec<EventKind>>>()?;
    Ok(EventFilter { customer, kinds })
}

fn kind_name(kind: EventKind) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(_) | Err(_) => unreachable!("each kind of event is written as its name"),
    }
}

fn subject(subject: Subject) -> String {
    match subject {
        Subject::Customer(id) => names::name(id),
        Subject::PaymentMethod(id) => names::name(id),
        Subject::Plan(id) => names::name(id),
        Subject::Subscription(id) => names::name(id),
        Subject::Invoice(id) => names::name(id),
        Subject::Payment(id) => names::name(id),
        Subject::Refund(id) => names::name(id),
        Subject::DunningCase(id) => names::name(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_names_kinds_as_events_do() {
        let names = ["invoice.paid", "subscription.cancellation_scheduled"].map(str::to_owned);
        let read = filter("", &names).unwrap();
        assert_eq!(read.kinds.iter().map(|kind| kind_name(*kind)).collect::<Vec<_>>(), names);
        let refusal = filter("", &["invoice.eaten".to_owned()]).unwrap_err().to_string();
        assert_eq!(refusal, "types[0] must be a type of event, like invoice.paid");
    }
}
