//! What every method answers alike: asked of each that the API describes, so that a new one is asked
//! too.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::{DescriptorProto, field_descriptor_proto::Type};
use rondo::{
    domain::api_key::Role,
    grpc::{descriptors::API, proto::v1},
    security::links::Purpose,
};
use rstest::rstest;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::told;
use crate::{
    given,
    portal::{Portal, key, reason, with_key},
    support::Engine::{self, Postgres, Sqlite},
    wire,
};

const CARD: &str = "4111 1111 1111 1111";

/// The paths of all methods.
pub fn methods() -> Vec<&'static str> {
    let mut methods: Vec<_> = API.methods().collect();
    methods.sort_unstable();
    methods
}

/// The requests to `path` that hold nothing but one field of `kind`, at whatever depth, by the field's
/// path; `value` writes it.
fn with_one_field(
    path: &str,
    kind: Type,
    value: impl Fn(&prost_types::FieldDescriptorProto) -> Vec<u8> + Copy,
) -> Vec<(String, Vec<u8>)> {
    fn within(
        message: &DescriptorProto,
        kind: Type,
        value: impl Fn(&prost_types::FieldDescriptorProto) -> Vec<u8> + Copy,
    ) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        for field in &message.field {
            let index = match field.label() {
                prost_types::field_descriptor_proto::Label::Repeated => "[0]",
                _ => "",
            };
            let here = format!("{}{index}", field.name());
            if field.r#type() == kind && field.name() != "request_id" {
                found.push((here, value(field)));
            } else if field.r#type() == Type::Message
                && let Some(inner) = API.message(field.type_name())
            {
                let inner = within(inner, kind, value).into_iter();
                found.extend(inner.map(|(path, bytes)| {
                    (format!("{here}.{path}"), wire::with_bytes(field, &bytes))
                }));
            }
        }
        found
    }
    within(wire::request_of(path), kind, value)
}

/// Calls each method with each of its requests, and gives what was refused otherwise than `expected`.
async fn ask_all(
    portal: &Portal,
    requests: impl Fn(&str) -> Vec<(String, Vec<u8>)>,
    expected: impl Fn(&str, &str) -> String,
) -> (usize, Vec<String>) {
    let (mut asked, mut wrong) = (0, Vec::new());
    // Administrators may call everything, and name the merchant.
    let admin = key(&portal.world, Role::Admin, None).await;
    let merchant = portal.world.merchant_id;
    for path in methods() {
        for (field, request) in requests(path) {
            asked += 1;
            let answer = wire::call_for(&portal.channel, &admin, merchant, path, request).await;
            let heard = answer.as_ref().map_or_else(told, |_| "no refusal".to_owned());
            if heard != expected(path, &field) {
                wrong.push(format!("{path} {field}: {heard}"));
            }
        }
    }
    (asked, wrong)
}

/// What is heard of one wrong field.
pub fn wrong_field(field: &str, told: &str) -> String {
    format!("InvalidArgument FIELDS_INVALID: {field} {told} [{field}] {told}")
}

#[rstest]
#[tokio::test]
async fn no_text_may_hold_a_card_number_or_a_control_character(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    for (text, told) in [
        (CARD, "must not hold a card number; send the gateway's token instead"),
        (
            "Ana\r\nBcc: eve@example.net",
            "must not hold control characters other than line breaks and tabs",
        ),
        ("\0", "must not hold control characters other than line breaks and tabs"),
    ] {
        let texts = |path: &str| {
            with_one_field(path, Type::String, |field| wire::with_bytes(field, text.as_bytes()))
        };
        let (asked, wrong) = ask_all(&portal, texts, |_, field| wrong_field(field, told)).await;
        assert!(asked > 150, "{asked}");
        assert!(wrong.is_empty(), "{text:?}: {wrong:#?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_value_that_an_enum_does_not_have_is_refused(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let numbers = |path: &str| with_one_field(path, Type::Enum, |f| wire::with_number(f, 99));
    let (asked, wrong) = ask_all(&portal, numbers, |_, _| String::new()).await;
    assert!(asked > 20, "{asked}");
    // Which values there are, each enum says itself.
    let others: Vec<_> = wrong
        .into_iter()
        .filter(|told| {
            !told.contains(": InvalidArgument FIELDS_INVALID:")
                || !told.contains(" must be one of ")
        })
        .collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[rstest]
#[tokio::test]
async fn a_request_id_is_a_uuid_and_needed_where_money_moves(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let malformed = |path: &str| {
        let field = wire::field(wire::request_of(path), "request_id");
        let request = field.map(|field| wire::with_bytes(field, b"button-17"));
        request.map(|request| ("request_id".to_owned(), request)).into_iter().collect()
    };
    let must_be = "must be a UUID like 8f3b1c52-6d0a-4e7f-9b21-5c4d3e2f1a00";
    let (asked, wrong) = ask_all(&portal, malformed, |_, field| wrong_field(field, must_be)).await;
    assert_eq!(asked, 42);
    assert!(wrong.is_empty(), "{wrong:#?}");

    let moving = [
        "/rondo.v1.DunningService/ReleaseDunningCase",
        "/rondo.v1.DunningService/RetryDunningCaseNow",
        "/rondo.v1.InvoicesService/CreateInvoice",
        "/rondo.v1.InvoicesService/PayInvoice",
        "/rondo.v1.PaymentMethodsService/CreatePaymentMethod",
        "/rondo.v1.PaymentMethodsService/DeletePaymentMethod",
        "/rondo.v1.PaymentMethodsService/SetDefaultPaymentMethod",
        "/rondo.v1.PaymentsService/RefundPayment",
        "/rondo.v1.PaymentsService/SettleAttempt",
        "/rondo.v1.SubscriptionsService/CreateSubscription",
        "/rondo.v1.SubscriptionsService/ResumeSubscription",
    ];
    let empty = |path: &str| {
        let is_moving = moving.contains(&path);
        is_moving.then(|| ("request_id".to_owned(), vec![])).into_iter().collect()
    };
    let must_be = "must be set, because money is moved";
    let (asked, wrong) = ask_all(&portal, empty, |_, field| wrong_field(field, must_be)).await;
    assert_eq!((asked, wrong), (moving.len(), vec![]));
}

#[rstest]
#[tokio::test]
async fn a_page_is_asked_for_by_a_size_and_a_token_of_its_own_list(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let page = |name: &'static str,
                value: &dyn Fn(&prost_types::FieldDescriptorProto) -> Vec<u8>| {
        methods()
            .into_iter()
            .filter_map(|path| Some((path, value(wire::field(wire::request_of(path), name)?))))
            .collect::<BTreeMap<_, _>>()
    };
    let links = &portal.world.rondo.links;
    let now = portal.world.rondo.clock.now();
    let later = now + chrono::TimeDelta::days(1);
    let foreign = links.sign(Purpose::PageToken, &[7; 32], later);
    let expired = links.sign(Purpose::PageToken, &[7; 32], now);
    let other_use = links.sign(Purpose::EventPosition, &[7; 32], later);
    let text = |text: String| {
        move |field: &prost_types::FieldDescriptorProto| wire::with_bytes(field, text.as_bytes())
    };
    for (name, requests, told) in [
        ("page_size", page("page_size", &|f| wire::with_number(f, -1)), "must not be negative"),
        (
            "page_token",
            page("page_token", &text("next".to_owned())),
            "must be one that Rondo gave out",
        ),
        ("page_token", page("page_token", &text(other_use)), "must be one that Rondo gave out"),
        (
            "page_token",
            page("page_token", &text(foreign)),
            "must come with the filters of the page that gave it out",
        ),
        (
            "page_token",
            page("page_token", &text(expired)),
            "must be less than three days old; begin again",
        ),
    ] {
        let of = |path: &str| match requests.get(path) {
            Some(request) => vec![(name.to_owned(), request.clone())],
            None => vec![],
        };
        let (asked, wrong) = ask_all(&portal, of, |_, field| wrong_field(field, told)).await;
        assert_eq!(asked, 14, "each list has pages");
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

#[rstest]
#[tokio::test]
async fn what_is_no_message_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    for (request, reason) in [
        (vec![0xff; 3], "REQUEST_UNREADABLE"),
        // A text that is no UTF-8, as the first field.
        (vec![0x0a, 0x01, 0xff], "REQUEST_UNREADABLE"),
        (vec![0; (1 << 20) + 1], "REQUEST_TOO_LARGE"),
    ] {
        let path = "/rondo.v1.PlansService/GetPlan";
        let refused = wire::call(&portal.channel, &portal.key, path, request).await.unwrap_err();
        assert_eq!(
            (refused.code(), self::reason(&refused).as_str()),
            (Code::InvalidArgument, reason)
        );
    }
    let nowhere =
        wire::call(&portal.channel, &portal.key, "/rondo.v1.PlansService/Drop", vec![]).await;
    let nowhere = nowhere.unwrap_err();
    assert_eq!(
        (nowhere.code(), reason(&nowhere).as_str(), nowhere.message()),
        (Code::Unimplemented, "METHOD_UNKNOWN", "there is no method /rondo.v1.PlansService/Drop")
    );
    // A service that is not here is told like a method that is not.
    for path in ["/rondo.v1.PlanService/GetPlan", "/rondo.v2.PlansService/GetPlan"] {
        let nowhere = wire::call(&portal.channel, &portal.key, path, vec![]).await.unwrap_err();
        assert_eq!(
            (nowhere.code(), reason(&nowhere).as_str(), nowhere.message()),
            (Code::Unimplemented, "METHOD_UNKNOWN", &*format!("there is no method {path}"))
        );
        assert_eq!(nowhere.get_details_error_info().unwrap().metadata["method"], path);
    }
}

#[rstest]
#[tokio::test]
async fn an_answer_to_very_much_that_is_wrong_still_fits_into_headers(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let portal = Portal::on(engine).await;
    let entitlements = vec![format!("{}\r", "x".repeat(100)); 5_000];
    let request = v1::CreateInvoiceRequest {
        invoice: Some(v1::Invoice { entitlements, ..Default::default() }),
        ..Default::default()
    };
    let path = "/rondo.v1.InvoicesService/CreateInvoice";
    let refused = wire::call(&portal.channel, &portal.key, path, request.encode_to_vec()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations.len(), 20);
    let request = v1::GetCustomerRequest { external_id: "x".repeat(500_000), ..Default::default() };
    let path = "/rondo.v1.CustomersService/GetCustomer";
    let missing = wire::call(&portal.channel, &portal.key, path, request.encode_to_vec()).await;
    let missing = missing.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    assert_eq!(missing.message().chars().count(), 2_000);
}

#[rstest]
#[tokio::test]
async fn an_administrator_names_the_merchant(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let admin = key(&portal.world, Role::Admin, None).await;
    let other = given::another_merchant(&portal).await;
    let list = || v1::ListPlansRequest::default();
    for (key, merchant, code, told_right) in [
        (
            &admin,
            "",
            Code::InvalidArgument,
            "MERCHANT_UNNAMED: an administrator's key names the merchant, in the metadata \
             `rondo-merchant: mer_…`",
        ),
        (
            &admin,
            "academy",
            Code::InvalidArgument,
            "MERCHANT_UNREADABLE: the metadata `rondo-merchant` must be an id like \
             mer_06ew5kkq3hx3d1qj9w2t7m8c0g",
        ),
        (
            &admin,
            "mer_06ew5kkq3hx3d1qj9w2t7m8c0g",
            Code::NotFound,
            "RESOURCE_NOT_FOUND: there is no mer_06ew5kkq3hx3d1qj9w2t7m8c0g",
        ),
    ] {
        let mut request = with_key(list(), key);
        if !merchant.is_empty() {
            request.metadata_mut().insert("rondo-merchant", merchant.parse().unwrap());
        }
        let refused = portal.plans().list_plans(request).await.unwrap_err();
        assert_eq!(told(&refused), format!("{code:?} {told_right} "));
    }
    let mut request = with_key(list(), &other);
    let own = portal.world.merchant_id.to_string();
    request.metadata_mut().insert("rondo-merchant", own.parse().unwrap());
    let foreign = portal.plans().list_plans(request).await.unwrap_err();
    assert_eq!(
        (foreign.code(), reason(&foreign).as_str()),
        (Code::PermissionDenied, "MERCHANT_FOREIGN")
    );
}
