//! What each method answers to each bad input: one file a service, a row an input. `every_method` and
//! `objects` ask of every method what holds for all of them.
//!
//! Each row is sent twice where the method can validate alone: the answer is the same.

mod api_keys;
mod customers;
mod dunning;
mod events;
mod every_method;
mod invoices;
mod merchants;
mod objects;
mod payment_methods;
mod payments;
mod plans;
mod subscriptions;
mod test_clocks;
mod webhook_endpoints;

pub use self::{
    every_method::{methods, wrong_field},
    objects::about,
};

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

use prost::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{portal::Portal, wire};

/// Names of objects that are nowhere.
pub const NO_CUSTOMER: &str = "customers/cus_06ew5kkq3hx3d1qj9w2t7m8c0g";
pub const NO_METHOD: &str = "paymentMethods/pm_06ew5kkq3hx3d1qj9w2t7m8c0g";
pub const NO_PLAN: &str = "plans/plan_06ew5kkq3hx3d1qj9w2t7m8c0g";
pub const NO_POLICY: &str = "dunningPolicies/dp_06ew5kkq3hx3d1qj9w2t7m8c0g";

/// What is said of a name that is none.
pub const CUSTOMER: &str = "must be a name like customers/cus_06ew5kkq3hx3d1qj9w2t7m8c0g";
pub const METHOD: &str = "must be a name like paymentMethods/pm_06ew5kkq3hx3d1qj9w2t7m8c0g";
pub const PLAN: &str = "must be a name like plans/plan_06ew5kkq3hx3d1qj9w2t7m8c0g";
pub const SUBSCRIPTION: &str = "must be a name like subscriptions/sub_06ew5kkq3hx3d1qj9w2t7m8c0g";
pub const INVOICE: &str = "must be a name like invoices/inv_06ew5kkq3hx3d1qj9w2t7m8c0g";
pub const PAYMENT: &str = "must be a name like payments/pay_06ew5kkq3hx3d1qj9w2t7m8c0g";
pub const POLICY: &str = "must be a name like dunningPolicies/dp_06ew5kkq3hx3d1qj9w2t7m8c0g";
/// What is said of an etag that is none or missing, and of an instant that is none.
pub const ETAG: &str = "must be the etag as it was read, quotes included";
pub const NO_ETAG: &str = "must be set, so that what you have read is what is changed";
pub const INSTANT: &str = "must be an instant of the years 1 to 9999";

/// A UUID that no other request has.
pub fn once() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    uuid::Uuid::from_u64_pair(7, COUNT.fetch_add(1, Ordering::Relaxed)).to_string()
}

/// An instant, as a field holds it.
#[expect(clippy::unnecessary_wraps, reason = "so a field holds it")]
pub fn instant(text: &str) -> Option<prost_types::Timestamp> {
    let instant: chrono::DateTime<chrono::Utc> = text.parse().unwrap();
    Some(prost_types::Timestamp { seconds: instant.timestamp(), nanos: 0 })
}

/// What is no instant.
pub const NO_INSTANT: Option<prost_types::Timestamp> =
    Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });

/// `good`, spoilt.
pub fn with<T: Clone>(good: &T, spoil: impl FnOnce(&mut T)) -> T {
    let mut bad = good.clone();
    spoil(&mut bad);
    bad
}

/// The mask that names these fields.
#[expect(clippy::unnecessary_wraps, reason = "so a field holds it")]
pub fn mask(paths: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

/// A bad input, and all that a caller is told of it.
pub struct Row {
    method: String,
    request: Vec<u8>,
    code: Code,
    reason: String,
    message: String,
    violations: Vec<(String, String)>,
}

/// A request whose fields are wrong, each with what is said of it.
pub fn fields(method: &str, request: &impl Message, wrong: &[(&str, &str)]) -> Row {
    let violations: Vec<_> =
        wrong.iter().map(|(field, told)| ((*field).to_owned(), (*told).to_owned())).collect();
    let sentences: Vec<_> = wrong.iter().map(|(field, told)| format!("{field} {told}")).collect();
    let sentences = sentences.join("; ");
    Row {
        violations,
        ..other(method, request, Code::InvalidArgument, "FIELDS_INVALID", &sentences)
    }
}

/// A request that the state of an object does not allow.
pub fn state(method: &str, request: &impl Message, reason: &str, message: &str) -> Row {
    other(method, request, Code::FailedPrecondition, reason, message)
}

/// A request about an object that is nowhere, by its name.
pub fn nowhere(method: &str, request: &impl Message, name: &str) -> Row {
    let id = name.split_once('/').map_or(name, |(_, id)| id);
    let message = format!("there is no {id}");
    other(method, request, Code::NotFound, "RESOURCE_NOT_FOUND", &message)
}

/// A request about a customer whom the portal's own id does not name.
pub fn stranger(method: &str, request: &impl Message, external_id: &str) -> Row {
    let message = format!("no customer with external_id {external_id}");
    other(method, request, Code::NotFound, "RESOURCE_NOT_FOUND", &message)
}

/// A request that brings the etag of an older version.
pub fn stale(method: &str, request: &impl Message, name: &str, etag: &str) -> Row {
    let id = name.split_once('/').map_or(name, |(_, id)| id);
    let message = format!("{id} has changed: its etag is now {etag}; read it again");
    other(method, request, Code::Aborted, "ETAG_MISMATCH", &message)
}

/// A request that is refused in another way.
pub fn other(method: &str, request: &impl Message, code: Code, reason: &str, message: &str) -> Row {
    Row {
        method: method.to_owned(),
        request: request.encode_to_vec(),
        code,
        reason: reason.to_owned(),
        message: message.to_owned(),
        violations: Vec::new(),
    }
}

/// Sends each row to its method of `service` with the merchant's key, and compares all answers.
pub async fn check(portal: &Portal, service: &str, rows: Vec<Row>) {
    check_as(portal, &portal.key, service, rows).await;
}

/// As [`check`], with a key of the caller's.
pub async fn check_as(portal: &Portal, key: &str, service: &str, rows: Vec<Row>) {
    let mut wrong = String::new();
    for (index, row) in rows.iter().enumerate() {
        let path = format!("/rondo.v1.{service}/{}", row.method);
        let answer = wire::call(&portal.channel, key, &path, row.request.clone()).await;
        let heard = heard(&answer);
        let expected = row.told();
        if heard != expected {
            let method = &row.method;
            writeln!(wrong, "row {index}, {method}\n  told     {heard}\n  expected {expected}")
                .unwrap();
        }
        let Some(validate_only) = wire::field(wire::request_of(&path), "validate_only") else {
            continue;
        };
        let validated = [row.request.clone(), wire::with_number(validate_only, 1)].concat();
        let validated = wire::call(&portal.channel, key, &path, validated).await;
        let validated = self::heard(&validated);
        if validated != heard {
            writeln!(wrong, "row {index}: only validated, it says {validated}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

impl Row {
    fn told(&self) -> String {
        sentence(self.code, &self.reason, &self.message, &self.violations)
    }
}

fn heard(answer: &Result<Vec<u8>, Status>) -> String {
    answer.as_ref().map_or_else(told, |_| "no refusal".to_owned())
}

/// All of a refusal that is compared, after a look at what is alike in all.
pub fn told(status: &Status) -> String {
    let Some(info) = status.get_details_error_info() else { return format!("{status:?}") };
    assert_eq!(info.domain, "rondo.dev", "{status:?}");
    let violations: Vec<_> = status
        .get_details_bad_request()
        .into_iter()
        .flat_map(|found| found.field_violations)
        .map(|found| (found.field, found.description))
        .collect();
    if info.reason == "FIELDS_INVALID" {
        let fields: Vec<_> = violations.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(info.metadata["fields"], fields.join(","));
    }
    if let Some(failure) = status.get_details_precondition_failure() {
        assert_eq!(failure.violations.len(), 1);
        assert_eq!(failure.violations[0].r#type, info.reason);
        assert_eq!(failure.violations[0].description, status.message());
    }
    if status.code() == Code::NotFound {
        let resource = status.get_details_resource_info().unwrap();
        assert!(resource.resource_name.ends_with(&info.metadata["id"]), "{resource:?}");
    }
    sentence(status.code(), &info.reason, status.message(), &violations)
}

fn sentence(code: Code, reason: &str, message: &str, violations: &[(String, String)]) -> String {
    let fields: Vec<_> =
        violations.iter().map(|(field, told)| format!("[{field}] {told}")).collect();
    format!("{code:?} {reason}: {message} {}", fields.join(" "))
}
