//! What a caller is told when a call fails (RULES API-7): a code, one reason for programs, the
//! fields or objects in question, and whether to try again.
//!
//! Never SQL, a path, or a word about another merchant: faults of ours are logged here and told as
//! such.

use std::{collections::HashMap, time::Duration};

use thiserror::Error;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::{names, permissions::Permission};
use crate::{
    app::{AppError, Violation},
    domain::ids::{Id, kind},
    gateway::GatewayError,
    store::StoreError,
};

/// Who gives the reasons.
const DOMAIN: &str = "rondo.dev";

/// The most wrong fields that are told at once, and the most letters of a sentence or of one value in
/// it: an answer travels in headers, and must fit there.
const VIOLATIONS_MAX: usize = 20;
const MESSAGE_MAX_CHARS: usize = 2_000;
const VALUE_MAX_CHARS: usize = 300;

/// After a collision with another write, how long to wait.
const COLLISION_DELAY: Duration = Duration::from_millis(100);
/// While something that we need is not there, how long to wait.
const OUTAGE_DELAY: Duration = Duration::from_secs(2);

/// Why a call was not carried out.
#[derive(Debug, Error)]
pub enum ApiError {
    /// The call brought no key.
    #[error("the call needs an API key, in the metadata `authorization: Bearer rk_…`")]
    KeyMissing,
    /// The key is none, or not known here.
    #[error("this API key is not known")]
    KeyUnknown,
    /// The key was taken back.
    #[error("this API key was revoked")]
    KeyRevoked,
    /// The key's time is over.
    #[error("this API key has expired")]
    KeyExpired,
    /// The key's role may not do this.
    #[error("this API key may not call {method}: {} may", at_least(*needed))]
    Denied {
        /// The method's path.
        method: String,
        /// What the method needs.
        needed: Permission,
    },
    /// There is no such method.
    #[error("there is no method {method}")]
    MethodUnknown {
        /// The method's path.
        method: String,
    },
    /// An administrator's key did not say for which merchant.
    #[error("an administrator's key names the merchant, in the metadata `rondo-merchant: mer_…`")]
    MerchantUnnamed,
    /// The metadata `rondo-merchant` is no merchant's id.
    #[error("the metadata `rondo-merchant` must be an id like mer_06ew5kkq3hx3d1qj9w2t7m8c0g")]
    MerchantUnreadable,
    /// A merchant's key named another merchant.
    #[error("this API key speaks for {own} alone")]
    MerchantForeign {
        /// Its own.
        own: Id<kind::Merchant>,
    },
    /// The metadata `grpc-timeout` is none.
    #[error(
        "the metadata `grpc-timeout` must be a number of at most 8 digits and its unit, like 10S"
    )]
    DeadlineUnreadable,
    /// The caller's patience ended before the work did.
    #[error(
        "the call's deadline of {} ms has passed, and it may have been carried out; send it again \
         with the same request_id", wait.as_millis()
    )]
    DeadlinePassed {
        /// How long the caller waited.
        wait: Duration,
    },
    /// Too many calls.
    #[error("too many calls; wait {} ms", retry_after.as_millis())]
    TooFast {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The id of the request was used for another request.
    #[error("request_id {request_id} was used for a different request; use a new one")]
    RequestIdReused {
        /// The id.
        request_id: uuid::Uuid,
    },
    /// The operation was not carried out.
    #[error(transparent)]
    App(#[from] AppError),
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::App(error.into())
    }
}

impl From<AppError> for Status {
    fn from(error: AppError) -> Self {
        ApiError::App(error).into()
    }
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let mut error = error;
        if let ApiError::App(AppError::Invalid(violations)) = &mut error {
            violations.truncate(VIOLATIONS_MAX);
        }
        let message = error.to_string();
        let told = match error {
            ApiError::KeyMissing => Told::new(Code::Unauthenticated, "API_KEY_MISSING"),
            ApiError::KeyUnknown => Told::new(Code::Unauthenticated, "API_KEY_UNKNOWN"),
            ApiError::KeyRevoked => Told::new(Code::Unauthenticated, "API_KEY_REVOKED"),
            ApiError::KeyExpired => Told::new(Code::Unauthenticated, "API_KEY_EXPIRED"),
            ApiError::Denied { method, needed: _ } => {
                Told::new(Code::PermissionDenied, "PERMISSION_MISSING").with("method", method)
            }
            ApiError::MethodUnknown { method } => {
                Told::new(Code::Unimplemented, "METHOD_UNKNOWN").with("method", method)
            }
            ApiError::MerchantUnnamed => Told::new(Code::InvalidArgument, "MERCHANT_UNNAMED"),
            ApiError::MerchantUnreadable => Told::new(Code::InvalidArgument, "MERCHANT_UNREADABLE"),
            ApiError::MerchantForeign { own } => {
                Told::new(Code::PermissionDenied, "MERCHANT_FOREIGN").with("own", own.to_string())
            }
            ApiError::DeadlineUnreadable => Told::new(Code::InvalidArgument, "DEADLINE_UNREADABLE"),
            ApiError::DeadlinePassed { wait } => {
                Told::new(Code::DeadlineExceeded, "DEADLINE_PASSED")
                    .with("deadlineMs", wait.as_millis().to_string())
            }
            ApiError::TooFast { retry_after } => {
                Told::new(Code::ResourceExhausted, "RATE_LIMITED").again_after(retry_after)
            }
            ApiError::RequestIdReused { request_id } => {
                Told::new(Code::InvalidArgument, "REQUEST_ID_REUSED")
                    .with("requestId", request_id.to_string())
                    .about_fields(vec![Violation {
                        field: "request_id".to_owned(),
                        message: "must be new for a new request".to_owned(),
                    }])
            }
            ApiError::App(error) => return of_operation(error, message),
        };
        told.status(message)
    }
}

fn of_operation(error: AppError, message: String) -> Status {
    match error {
        AppError::Invalid(violations) => Told::new(Code::InvalidArgument, "FIELDS_INVALID")
            .with("fields", list(violations.iter().map(|violation| violation.field.as_str())))
            .about_fields(violations)
            .status(message),
        AppError::NotFound { id } => Told::new(Code::NotFound, "RESOURCE_NOT_FOUND")
            .with("id", &id)
            .about_resource(&id, "does not exist, or not for this key")
            .status(message),
        AppError::NoCustomer { external_id } => {
            let mut told = Told::new(Code::NotFound, "RESOURCE_NOT_FOUND").with("id", &external_id);
            let external_id = at_most(VALUE_MAX_CHARS, external_id);
            let description = "does not exist, or not for this key";
            told.details.set_resource_info("customers", external_id, "", description);
            told.status(message)
        }
        AppError::AlreadyExists { what, id } => Told::new(Code::AlreadyExists, "RESOURCE_EXISTS")
            .with("id", &id)
            .about_resource(&id, &what)
            .with("what", what)
            .status(message),
        AppError::Precondition { reason, subject, message, facts } => {
            let told = Told::new(Code::FailedPrecondition, reason).with("subject", &subject);
            let mut told = facts.into_iter().fold(told, |told, (name, fact)| told.with(name, fact));
            told.details.add_precondition_failure_violation(
                reason,
                names::name_of_text(&subject),
                &message,
            );
            told.status(message)
        }
        AppError::EtagMismatch { subject, current } => Told::new(Code::Aborted, "ETAG_MISMATCH")
            .with("subject", &subject)
            .with("etag", current.to_string())
            .status(message),
        AppError::Gateway(error) => of_gateway(&error),
        AppError::Store(error) => of_store(&error),
    }
}

fn of_gateway(error: &GatewayError) -> Status {
    let message = error.to_string();
    let told = match error {
        GatewayError::NotSent(_) => {
            Told::new(Code::Unavailable, "GATEWAY_UNREACHABLE").again_after(OUTAGE_DELAY)
        }
        GatewayError::RateLimited { retry_after } => Told::new(Code::Unavailable, "GATEWAY_BUSY")
            .again_after(retry_after.unwrap_or(OUTAGE_DELAY)),
        // Calls that move money never end here: their attempt is resolved by the engine.
        GatewayError::Unknown(_) => {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "a gateway gave no usable answer"
            );
            let told = Told::new(Code::Unavailable, "GATEWAY_SILENT").again_after(OUTAGE_DELAY);
            return told.status("the payment gateway gave no usable answer".to_owned());
        }
        GatewayError::Rejected { reason } => {
            Told::new(Code::FailedPrecondition, "GATEWAY_REFUSED").with("gatewayReason", reason)
        }
        GatewayError::Unauthorised => {
            Told::new(Code::FailedPrecondition, "GATEWAY_CREDENTIALS_REFUSED")
        }
        GatewayError::Unsupported(what) => {
            Told::new(Code::FailedPrecondition, "GATEWAY_CANNOT").with("what", *what)
        }
    };
    told.status(message)
}

fn of_store(error: &StoreError) -> Status {
    match error {
        StoreError::Conflict { .. } | StoreError::Duplicate { .. } => {
            Told::new(Code::Aborted, "CONCURRENT_WRITE")
                .again_after(COLLISION_DELAY)
                .status("someone else wrote the same objects meanwhile; try again".to_owned())
        }
        StoreError::Unavailable(_) | StoreError::Unreachable { .. } => {
            tracing::warn!(error = error as &dyn std::error::Error, "no database just now");
            Told::new(Code::Unavailable, "DATABASE_UNAVAILABLE")
                .again_after(OUTAGE_DELAY)
                .status("the database is not available just now; try again".to_owned())
        }
        StoreError::Refused { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Absent { .. }
        | StoreError::Unfit(_)
        | StoreError::Statement(_) => {
            tracing::error!(error = error as &dyn std::error::Error, "a fault of ours");
            Told::new(Code::Internal, "INTERNAL_FAULT").status(
                "Rondo could not do this, by a fault of its own, which is logged".to_owned(),
            )
        }
    }
}

/// What a caller is told, in the making.
struct Told {
    code: Code,
    reason: &'static str,
    metadata: HashMap<String, String>,
    details: ErrorDetails,
}

impl Told {
    fn new(code: Code, reason: &'static str) -> Self {
        Self { code, reason, metadata: HashMap::new(), details: ErrorDetails::new() }
    }

    fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.metadata.insert(key.to_owned(), at_most(VALUE_MAX_CHARS, value.into()));
        self
    }

    fn again_after(mut self, delay: Duration) -> Self {
        self.details.set_retry_info(Some(delay));
        self
    }

    fn about_fields(mut self, violations: Vec<Violation>) -> Self {
        let told: Vec<_> = violations
            .into_iter()
            .map(|violation| {
                let message = at_most(VALUE_MAX_CHARS, violation.message);
                FieldViolation::new(violation.field, message)
            })
            .collect();
        self.details.set_bad_request(told);
        self
    }

    fn about_resource(mut self, id: &str, description: &str) -> Self {
        let name = names::name_of_text(&at_most(VALUE_MAX_CHARS, id.to_owned()));
        let collection = name.split('/').next().unwrap_or_default().to_owned();
        self.details.set_resource_info(collection, name, "", description);
        self
    }

    fn status(mut self, message: String) -> Status {
        self.details.set_error_info(self.reason, DOMAIN, self.metadata);
        Status::with_error_details(self.code, at_most(MESSAGE_MAX_CHARS, message), self.details)
    }
}

/// What tonic answers by itself to what is no request at all, told as everything else is.
pub fn of_unread(status: &Status) -> Option<Status> {
    let (code, reason, message) = match status.code() {
        _ if !status.details().is_empty() => return None,
        Code::Internal => {
            (Code::InvalidArgument, "REQUEST_UNREADABLE", "the request is no message of its method")
        }
        Code::OutOfRange | Code::ResourceExhausted => {
            (Code::InvalidArgument, "REQUEST_TOO_LARGE", "the request must have at most 1 MiB")
        }
        Code::Unimplemented => (
            Code::Unimplemented,
            "ENCODING_UNSUPPORTED",
            "the request must not be compressed; there is no such encoding here",
        ),
        _ => return None,
    };
    Some(Told::new(code, reason).status(message.to_owned()))
}

/// Whose keys may do what needs `permission`.
const fn at_least(permission: Permission) -> &'static str {
    match permission {
        Permission::Read => "any key of the merchant's",
        Permission::Write => "one with the role merchant or admin",
        Permission::Administer => "one with the role admin",
    }
}

/// The beginning of a text, if it is long.
fn at_most(chars: usize, text: String) -> String {
    if text.chars().nth(chars).is_none() {
        return text;
    }
    text.chars().take(chars - 1).chain(['…']).collect()
}

fn list<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::version::Version;

    fn silence() -> Box<dyn std::error::Error + Send + Sync> {
        "select secret from /var/lib/rondo".into()
    }

    fn rows() -> Vec<(ApiError, Code, &'static str)> {
        let plan = "plan_00000000000000000000000007".to_owned();
        let row = |error: AppError, code, reason| (ApiError::App(error), code, reason);
        vec![
            (ApiError::KeyMissing, Code::Unauthenticated, "API_KEY_MISSING"),
            (ApiError::KeyUnknown, Code::Unauthenticated, "API_KEY_UNKNOWN"),
            (ApiError::KeyRevoked, Code::Unauthenticated, "API_KEY_REVOKED"),
            (ApiError::KeyExpired, Code::Unauthenticated, "API_KEY_EXPIRED"),
            (
                ApiError::Denied { method: "/x/Y".to_owned(), needed: Permission::Write },
                Code::PermissionDenied,
                "PERMISSION_MISSING",
            ),
            (
                ApiError::MethodUnknown { method: "/x/Y".to_owned() },
                Code::Unimplemented,
                "METHOD_UNKNOWN",
            ),
            (ApiError::MerchantUnnamed, Code::InvalidArgument, "MERCHANT_UNNAMED"),
            (ApiError::DeadlineUnreadable, Code::InvalidArgument, "DEADLINE_UNREADABLE"),
            (
                ApiError::DeadlinePassed { wait: Duration::from_millis(200) },
                Code::DeadlineExceeded,
                "DEADLINE_PASSED",
            ),
            (
                ApiError::TooFast { retry_after: Duration::from_millis(20) },
                Code::ResourceExhausted,
                "RATE_LIMITED",
            ),
            (
                ApiError::RequestIdReused { request_id: uuid::Uuid::nil() },
                Code::InvalidArgument,
                "REQUEST_ID_REUSED",
            ),
            row(
                AppError::invalid("plan.display_name", "must be set"),
                Code::InvalidArgument,
                "FIELDS_INVALID",
            ),
            row(AppError::NotFound { id: plan.clone() }, Code::NotFound, "RESOURCE_NOT_FOUND"),
            row(
                AppError::NoCustomer { external_id: "nope".to_owned() },
                Code::NotFound,
                "RESOURCE_NOT_FOUND",
            ),
            row(
                AppError::AlreadyExists { what: "a plan".to_owned(), id: plan.clone() },
                Code::AlreadyExists,
                "RESOURCE_EXISTS",
            ),
            row(
                AppError::Precondition {
                    reason: "PLAN_RETIRED",
                    subject: plan.clone(),
                    message: "the plan is retired".to_owned(),
                    facts: vec![("limit", "16".to_owned())],
                },
                Code::FailedPrecondition,
                "PLAN_RETIRED",
            ),
            row(
                AppError::EtagMismatch { subject: plan, current: Version::from_count(3) },
                Code::Aborted,
                "ETAG_MISMATCH",
            ),
            row(GatewayError::Unknown(silence()).into(), Code::Unavailable, "GATEWAY_SILENT"),
            row(
                GatewayError::Unsupported("open a page").into(),
                Code::FailedPrecondition,
                "GATEWAY_CANNOT",
            ),
            row(StoreError::Conflict { table: "plan" }.into(), Code::Aborted, "CONCURRENT_WRITE"),
            row(
                StoreError::Unavailable(silence()).into(),
                Code::Unavailable,
                "DATABASE_UNAVAILABLE",
            ),
            row(StoreError::Statement(silence()).into(), Code::Internal, "INTERNAL_FAULT"),
        ]
    }

    #[test]
    fn each_error_has_its_code_and_one_reason() {
        for (error, code, reason) in rows() {
            let told = format!("{error:?}");
            let status = Status::from(error);
            assert_eq!(status.code(), code, "{told}");
            let info = status.get_details_error_info().unwrap();
            assert_eq!(
                (info.reason.as_str(), info.domain.as_str()),
                (reason, "rondo.dev"),
                "{told}"
            );
            assert!(
                reason.len() <= 63 && reason.bytes().all(|b| b == b'_' || b.is_ascii_uppercase())
            );
            let is_lower_camel = |key: &String| key.bytes().all(|byte| byte.is_ascii_alphabetic());
            assert!(info.metadata.keys().all(is_lower_camel), "{told}");
        }
    }

    #[test]
    fn what_may_succeed_later_says_when() {
        for (error, code, _) in rows() {
            let told = format!("{error:?}");
            let status = Status::from(error);
            let must_say = matches!(code, Code::Unavailable | Code::ResourceExhausted)
                || told.contains("Conflict");
            assert_eq!(status.get_details_retry_info().is_some(), must_say, "{told}");
        }
    }

    #[test]
    fn nothing_of_the_inside_is_told() {
        for (error, ..) in rows() {
            let status = Status::from(error);
            let whole = format!("{status:?}{}", String::from_utf8_lossy(status.details()));
            assert!(!whole.contains("select") && !whole.contains("/var"), "{whole}");
        }
    }

    #[test]
    fn wrong_fields_and_missing_objects_are_named() {
        let invalid = Status::from(AppError::Invalid(vec![
            Violation { field: "plan.terms".to_owned(), message: "must be set".to_owned() },
            Violation { field: "plan.display_name".to_owned(), message: "must be set".to_owned() },
        ]));
        assert_eq!(invalid.message(), "plan.terms must be set; plan.display_name must be set");
        let fields = invalid.get_details_bad_request().unwrap().field_violations;
        assert_eq!(fields[1].field, "plan.display_name");
        let info = invalid.get_details_error_info().unwrap();
        assert_eq!(info.metadata["fields"], "plan.terms,plan.display_name");

        let id = "cus_00000000000000000000000007".to_owned();
        let missing = Status::from(AppError::NotFound { id: id.clone() });
        let resource = missing.get_details_resource_info().unwrap();
        assert_eq!(resource.resource_type, "customers");
        assert_eq!(resource.resource_name, format!("customers/{id}"));

        let missing = Status::from(AppError::NoCustomer { external_id: "nope".to_owned() });
        assert_eq!(missing.message(), "no customer with external_id nope");
        let resource = missing.get_details_resource_info().unwrap();
        assert_eq!((&*resource.resource_type, &*resource.resource_name), ("customers", "nope"));
    }

    #[test]
    fn a_key_that_may_not_is_told_which_may() {
        for (needed, who) in [
            (Permission::Write, "one with the role merchant or admin"),
            (Permission::Administer, "one with the role admin"),
        ] {
            let denied = Status::from(ApiError::Denied { method: "/x/Y".to_owned(), needed });
            let told = format!("this API key may not call /x/Y: {who} may");
            assert_eq!(denied.message(), told);
        }
    }
}
