//! What holds for every field of every request, in whatever message it stands: no card number (RULES
//! PCI-1), no control character, which no mail header, log or database can hold safely, and no value
//! of an enum that the API does not define, which would be read as if nothing had been said.
//!
//! What counts as a card number is decided by [`crate::security::pan`].

use prost::{DecodeError, Name};
use prost_types::{
    DescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

use super::{descriptors::API, names};
use crate::{
    app::{AppError, Violation},
    security::pan::holds_card_number,
};

/// What a text that holds one is answered with.
const CARD_NUMBER: &str = "must not hold a card number; send the gateway's token instead";

/// What a text that cannot be kept or printed is answered with.
const CONTROL: &str = "must not hold control characters other than line breaks and tabs";

/// Refuses a request of which a field holds what no field may hold, and names each such field.
pub fn check<M: Name>(request: &M) -> Result<(), AppError> {
    let name = format!(".{}", M::full_name());
    let described = API.message(&name).expect("each message is described");
    let mut found = Vec::new();
    look(described, &request.encode_to_vec(), "", &mut found)
        .expect("the request was encoded here");
    if found.is_empty() { Ok(()) } else { Err(AppError::Invalid(found)) }
}

/// A field's value, as the wire has it.
enum Value<'a> {
    Number(usize),
    Bytes(&'a [u8]),
}

/// Looks at the fields of one encoded message and of those within it. `path` ends with a point,
/// except at the root.
fn look(
    message: &DescriptorProto,
    mut bytes: &[u8],
    path: &str,
    found: &mut Vec<Violation>,
) -> Result<(), DecodeError> {
    let mut seen = vec![0_usize; message.field.len()];
    while !bytes.is_empty() {
        let key = prost::decode_length_delimiter(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Number(prost::decode_length_delimiter(&mut bytes)?),
            1 => Value::Bytes(take(&mut bytes, 8)),
            5 => Value::Bytes(take(&mut bytes, 4)),
            _ => {
                let length = prost::decode_length_delimiter(&mut bytes)?;
                Value::Bytes(take(&mut bytes, length))
            }
        };
        let place =
            message.field.iter().position(|field| usize::try_from(field.number()) == Ok(key >> 3));
        let Some(place) = place else { continue };
        let field = &message.field[place];
        let index = &mut seen[place];
        let mut here = || {
            *index += 1;
            match field.label() {
                Label::Repeated => format!("{path}{}[{}]", field.name(), *index - 1),
                Label::Optional | Label::Required => format!("{path}{}", field.name()),
            }
        };
        match (field.r#type(), value) {
            (Type::Enum, Value::Number(number)) => look_at_number(field, number, &here(), found),
            // Numbers of a list come packed.
            (Type::Enum, Value::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    let number = prost::decode_length_delimiter(&mut packed)?;
                    look_at_number(field, number, &here(), found);
                }
            }
            (Type::Message, Value::Bytes(inner)) => {
                if let Some(described) = API.message(field.type_name()) {
                    look(described, inner, &format!("{}.", here()), found)?;
                }
            }
            // A UUID may look like a card number by chance; what is no UUID is refused elsewhere.
            (Type::String, _) if field.name() == "request_id" => {}
            (Type::String, Value::Bytes(text)) => look_at_text(text, here(), found),
            _ => {}
        }
    }
    Ok(())
}

fn look_at_text(text: &[u8], field: String, found: &mut Vec<Violation>) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    // So may the letters of an id that we gave out ourselves.
    let wrong = if names::is_name(text) {
        None
    } else if holds_card_number(text) {
        Some(CARD_NUMBER)
    } else {
        holds_control(text).then_some(CONTROL)
    };
    found.extend(wrong.map(|message| Violation { field, message: message.to_owned() }));
}

fn look_at_number(
    field: &FieldDescriptorProto,
    number: usize,
    path: &str,
    found: &mut Vec<Violation>,
) {
    let Some(described) = API.named_enum(field.type_name()) else { return };
    let is = |known: i32| usize::try_from(known) == Ok(number);
    if !described.value.iter().any(|value| is(value.number())) {
        let names: Vec<_> =
            described.value.iter().skip(1).map(EnumValueDescriptorProto::name).collect();
        let message = format!("must be one of {}", names.join(", "));
        found.push(Violation { field: path.to_owned(), message });
    }
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

    fn fields(request: &impl Name) -> Vec<String> {
        match check(request) {
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
            fields(&request),
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
        assert_eq!(fields(&request), ["token.token"]);
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
            ..Default::default()
        };
        assert!(fields(&request).is_empty());
    }

    #[test]
    fn a_name_that_we_gave_out_is_no_card_number() {
        let name = "customers/cus_01k4111111111111111abcdefg";
        assert!(holds_card_number(name));
        let request = v1::GetCustomerRequest { name: name.to_owned(), ..Default::default() };
        assert!(fields(&request).is_empty());
        let request = v1::GetCustomerRequest { name: format!("{name}!"), ..Default::default() };
        assert_eq!(fields(&request), ["name"]);
    }

    #[test]
    fn a_value_that_an_enum_does_not_have_is_refused_with_those_that_it_has() {
        let request = v1::ListPlansRequest { state: 7, ..Default::default() };
        assert_eq!(
            check(&request).unwrap_err().to_string(),
            "state must be one of STATE_ACTIVE, STATE_RETIRED"
        );
        let request = v1::ListInvoicesRequest { states: vec![1, -1, 4, 99], ..Default::default() };
        assert_eq!(fields(&request), ["states[1]", "states[3]"]);
        let step = v1::dunning_ladder::Step { access: 9, ..Default::default() };
        let ladder = v1::DunningLadder { steps: vec![step, step], ..Default::default() };
        let policy = v1::DunningPolicy { ladder: Some(ladder), ..Default::default() };
        let request =
            v1::CreateDunningPolicyRequest { dunning_policy: Some(policy), ..Default::default() };
        assert_eq!(
            fields(&request),
            ["dunning_policy.ladder.steps[0].access", "dunning_policy.ladder.steps[1].access"]
        );
    }
}
