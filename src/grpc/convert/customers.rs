//! Customers.

use super::{labels, optional, time};
use crate::{
    app::{
        Result,
        access::{AccessReport, Reason, Source},
        customers::{CustomerUpdate, NewCustomer},
    },
    domain::{customer::Customer, subscription::Access},
    grpc::{
        masks::Mask,
        names,
        proto::v1::{self, check_access_response},
    },
};

/// A customer as the API writes them.
pub fn customer(customer: &Customer) -> v1::Customer {
    v1::Customer {
        name: names::name(customer.id),
        uid: customer.id.uuid().to_string(),
        email: customer.email.clone(),
        display_name: customer.name.clone(),
        language_code: customer.locale.clone().unwrap_or_default(),
        time_zone: customer.zone.map(|zone| zone.name().to_owned()).unwrap_or_default(),
        region_code: customer.country.clone().unwrap_or_default(),
        external_id: customer.external_id.clone().unwrap_or_default(),
        labels: customer.labels.words().clone(),
        default_payment_method: names::optional_name(customer.default_method),
        backup_payment_method: names::optional_name(customer.backup_method),
        email_suppressed: customer.email_suppressed,
        etag: customer.version.to_string(),
        create_time: Some(time::timestamp(customer.created_at)),
        delete_time: customer.deleted_at.map(time::timestamp),
    }
}

/// What a customer may see, as the API writes it.
pub fn access_report(report: &AccessReport) -> v1::CheckAccessResponse {
    let reason = match report.reason {
        Reason::Paid => check_access_response::Reason::Paid,
        Reason::Purchased => check_access_response::Reason::Purchased,
        Reason::Trial => check_access_response::Reason::Trial,
        Reason::OverdueGrace => check_access_response::Reason::OverdueGrace,
        Reason::OverdueClosed => check_access_response::Reason::OverdueClosed,
        Reason::Paused => check_access_response::Reason::Paused,
        Reason::AwaitingPayment => check_access_response::Reason::AwaitingPayment,
        Reason::Ended => check_access_response::Reason::Ended,
        Reason::NeverSubscribed => check_access_response::Reason::NeverSubscribed,
    };
    let (subscription, invoice) = match report.source {
        Some(Source::Subscription(id)) => (names::name(id), String::new()),
        Some(Source::Invoice(id)) => (String::new(), names::name(id)),
        None => (String::new(), String::new()),
    };
    v1::CheckAccessResponse {
        access: access(report.access).into(),
        reason: reason.into(),
        access_until: report.until.map(time::timestamp),
        entitlements: report.entitlements.iter().cloned().collect(),
        subscription,
        invoice,
    }
}

/// How much is open, as the API writes it.
pub fn access(access: Access) -> v1::Access {
    match access {
        Access::Full => v1::Access::Full,
        Access::Grace => v1::Access::Grace,
        Access::None => v1::Access::None,
    }
}

/// The customer whom a request wants to be made.
pub fn new_customer(told: &v1::Customer) -> Result<NewCustomer> {
    Ok(NewCustomer {
        email: told.email.clone(),
        name: told.display_name.clone(),
        locale: optional(&told.language_code),
        zone: optional(&told.time_zone),
        country: optional(&told.region_code),
        external_id: optional(&told.external_id),
        labels: labels("customer.labels", &told.labels)?,
    })
}

/// What a request wants to be changed of a customer.
pub fn customer_update(
    told: &v1::Customer,
    request: &v1::UpdateCustomerRequest,
) -> Result<CustomerUpdate> {
    let mask = Mask::read(
        request.update_mask.as_ref(),
        &[
            ("email", !told.email.is_empty()),
            ("display_name", !told.display_name.is_empty()),
            ("language_code", !told.language_code.is_empty()),
            ("time_zone", !told.time_zone.is_empty()),
            ("region_code", !told.region_code.is_empty()),
            ("external_id", !told.external_id.is_empty()),
            ("labels", !told.labels.is_empty()),
        ],
        &[
            "name",
            "uid",
            "default_payment_method",
            "backup_payment_method",
            "email_suppressed",
            "etag",
            "create_time",
            "delete_time",
        ],
    )?;
    let whole = new_customer(told)?;
    Ok(CustomerUpdate {
        email: mask.pick("email", whole.email),
        name: mask.pick("display_name", whole.name),
        locale: mask.pick("language_code", whole.locale),
        zone: mask.pick("time_zone", whole.zone),
        country: mask.pick("region_code", whole.country),
        external_id: mask.pick("external_id", whole.external_id),
        labels: mask.pick("labels", whole.labels),
    })
}
