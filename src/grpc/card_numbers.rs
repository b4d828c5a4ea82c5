//! Card numbers are refused wherever a caller could write one (RULES PCI-1): every text of every
//! request that changes something is looked at, whatever message it stands in.
//!
//! What counts as a card number is decided by [`crate::security::pan`]. On the way, texts with
//! control characters are refused: no mail header, log or database can hold them safely.

use prost::Message;
use prost_types::{DescriptorProto, field_descriptor_proto::Type};

use super::descriptors::API;
use crate::{
    app::{AppError, Violation},
    security::pan::holds_card_number,
};

/// What a text that holds one is answered with.
const SENTENCE: &str = "must not hold a card number; send the gateway's token instead";

/// What a text that cannot be kept or printed is answered with.
const CONTROL: &str = "must not hold control characters other than line breaks and tabs";

/// Refuses a request to `method` in which a text holds a card number, and names its field.
pub fn refuse_card_numbers(method: &str, request: &impl Message) -> Result<(), AppError> {
    let described = API.request_of(method).expect("each method is described with its request");
    let mut found = Vec::new();
    look(described, &request.encode_to_vec(), "", &mut found)
        .expect("the request was encoded here");
    if found.is_empty() { Ok(()) } else { Err(AppError::Invalid(found)) }
}

/// Looks at the texts of one encoded message and of those within it. `path` ends with a point,
/// except at the root.
fn look(
    message: &DescriptorProto,
    mut bytes: &[u8],
    path: &str,
    found: &mut Vec<Violation>,
) -> Result<(), prost::DecodeError> {
    let mut seen = vec![0_usize; message.field.len()];
    while !bytes.is_empty() {
        let key = prost::decode_length_delimiter(&mut bytes)?;
        let value = match key & 7 {
            0 => {
                prost::decode_length_delimiter(&mut bytes)?;
                continue;
            }
            1 => take(&mut bytes, 8),
            5 => take(&mut bytes, 4),
            _ => {
                let length = prost::decode_length_delimiter(&mut bytes)?;
                take(&mut bytes, length)
            }
        };
        let place =
            message.field.iter().position(|field| usize::try_from(field.number()) == Ok(key >> 3));
        let Some(place) = place else { continue };
        let field = &message.field[place];
        let index = seen[place];
        seen[place] += 1;
        let here = match field.label() {
            prost_types::field_descriptor_proto::Label::Repeated => {
                format!("{path}{}[{index}]", field.name())
            }
            _ => format!("{path}{}", field.name()),
        };
        match field.r#type() {
            // A UUID may look like a card number by chance; what is no UUID is refused elsewhere.
            Type::String if field.name() == "request_id" => {}
            Type::String if std::str::from_utf8(value).is_ok_and(holds_card_number) => {
                found.push(Violation { field: here, message: SENTENCE.to_owned() });
            }
            Type::String if std::str::from_utf8(value).is_ok_and(holds_control) => {
                found.push(Violation { field: here, message: CONTROL.to_owned() });
            }
            Type::Message => {
                if let Some(inner) = API.message(field.type_name()) {
                    look(inner, value, &format!("{here}."), found)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn holds_control(text: &str) -> bool {
    text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\t'))
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(length.min(bytes.len()));
    *bytes = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::proto::v1;

    const CARD: &str = "my card is 4111 1111 1111 1111";

    fn fields(method: &str, request: &impl Message) -> Vec<String> {
        match refuse_card_numbers(method, request) {
            Ok(()) => Vec::new(),
            Err(AppError::Invalid(found)) => found.into_iter().map(|found| found.field).collect(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_card_number_is_found_in_whatever_message_it_stands() {
        let component =
            |label: &str| v1::PriceComponent { label: label.to_owned(), ..Default::default() };
        let request = v1::CreatePlanRequest {
            plan: Some(v1::Plan {
                display_name: CARD.to_owned(),
                terms: Some(v1::PlanTerms {
                    trial_days: 14,
                    components: vec![component("Membership"), component(CARD)],
                    entitlements: vec!["course:rust".to_owned(), CARD.to_owned()],
                    ..Default::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        };
        assert_eq!(
            fields("/rondo.v1.PlansService/CreatePlan", &request),
            ["plan.display_name", "plan.terms.components[1].label", "plan.terms.entitlements[1]"]
        );
    }

    #[test]
    fn a_card_number_is_no_token() {
        let request = v1::CreatePaymentMethodRequest {
            source: Some(v1::create_payment_method_request::Source::Token(
                v1::create_payment_method_request::Token {
                    token: "4242424242424242".to_owned(),
                    ..Default::default()
                },
            )),
            ..Default::default()
        };
        let method = "/rondo.v1.PaymentMethodsService/CreatePaymentMethod";
        assert_eq!(fields(method, &request), ["token.token"]);
    }

    #[test]
    fn what_only_looks_like_one_passes() {
        let request = v1::CreateCustomerRequest {
            customer: Some(v1::Customer {
                display_name: "4111 1111 1111 1112".to_owned(),
                ..Default::default()
            }),
            // All digits, and Luhn-valid where one looks for card numbers.
            request_id: "41111111-1111-1111-8111-111111111111".to_owned(),
        };
        assert!(fields("/rondo.v1.CustomersService/CreateCustomer", &request).is_empty());
    }
}
