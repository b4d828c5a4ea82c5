//! What a webhook says (RULES WOUT-3): thin, so that the receiver reads the object itself when it
//! needs more, and ordered, so that an old event never undoes a newer one.

use serde_json::json;

use crate::domain::{event::Event, money::Money};

/// The body of an event: the same bytes in every delivery.
pub(super) fn of(event: &Event) -> Vec<u8> {
    let amount = |money: Money| json!({ "minor": money.minor(), "currency": money.currency() });
    let data = json!({
        "object": event.subject,
        "version": event.subject_version.count(),
        "sequence": event.sequence,
        "customer": event.customer,
        "amount": event.amount.map(amount),
        "reason": event.reason,
    });
    let at = event.at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let body = json!({ "type": event.kind, "timestamp": at, "data": data });
    serde_json::to_vec(&body).expect("a value can be written as JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        event::{EventKind, Subject},
        ids::Id,
        money::Currency,
        version::Version,
    };

    #[test]
    fn an_event_tells_what_happened_to_which_version_of_what() {
        let event = Event {
            merchant: Id::from_uuid(Uuid::nil()),
            id: Id::from_uuid(Uuid::nil()),
            sequence: Some(7),
            at: "2027-03-31T09:00:00Z".parse().unwrap(),
            kind: EventKind::PaymentDeclined,
            subject: Subject::Payment(Id::from_uuid(Uuid::nil())),
            subject_version: Version::from_count(3),
            customer: None,
            amount: Some(Money::new(2_000, Currency::from_code("EUR").unwrap())),
            reason: Some("wait_funds".into()),
        };
        let body: Value = serde_json::from_slice(&of(&event)).unwrap();
        insta::assert_json_snapshot!(body, @r#"
        {
          "data": {
            "amount": {
              "currency": "EUR",
              "minor": 2000
            },
            "customer": null,
            "object": {
              "id": "pay_00000000000000000000000000",
              "type": "payment"
            },
            "reason": "wait_funds",
            "sequence": 7,
            "version": 3
          },
          "timestamp": "2027-03-31T09:00:00.000000Z",
          "type": "payment.declined"
        }
        "#);
    }
}
