//! Payment methods.

use chrono::{DateTime, Utc};

use super::{optional, time};
use crate::{
    app::{AppError, Result},
    domain::{
        customer::PaymentMethod,
        payment::{
            decline::Network,
            method::{Expiry, StoredMethod},
        },
    },
    grpc::{
        names,
        proto::v1::{self, create_payment_method_request::Token, payment_method},
    },
};

/// A payment method as the API writes it: never its token.
pub fn payment_method(method: &PaymentMethod) -> v1::PaymentMethod {
    v1::PaymentMethod {
        name: names::name(method.id),
        uid: method.id.uuid().to_string(),
        customer: names::name(method.customer),
        gateway: method.gateway.clone(),
        network: network(method.network).into(),
        brand: method.brand.clone(),
        last_four: method.last_four.clone(),
        expiry_year: method.expiry.map_or(0, |expiry| expiry.year.into()),
        expiry_month: method.expiry.map_or(0, |expiry| expiry.month.into()),
        chargeable: method.is_chargeable(),
        consent_time: Some(time::timestamp(method.consented_at)),
        etag: method.version.to_string(),
        create_time: Some(time::timestamp(method.created_at)),
        delete_time: method.deleted_at.map(time::timestamp),
    }
}

/// What the portal tells of a token.
pub fn stored_method(told: &v1::PaymentMethod, token: &Token) -> Result<StoredMethod> {
    Ok(StoredMethod {
        token: token.token.clone(),
        customer_reference: optional(&token.customer_reference),
        network: network_from(told.network()),
        brand: told.brand.clone(),
        last_four: told.last_four.clone(),
        expiry: expiry(told.expiry_year, told.expiry_month)?,
        fingerprint: optional(&token.fingerprint),
    })
}

/// When the customer agreed to later use, if the request says so.
pub fn consented_at(told: &v1::PaymentMethod) -> Result<Option<DateTime<Utc>>> {
    time::optional_instant("payment_method.consent_time", told.consent_time)
}

fn expiry(year: i32, month: i32) -> Result<Option<Expiry>> {
    if (year, month) == (0, 0) {
        return Ok(None);
    }
    let month = u8::try_from(month).ok().filter(|month| (1..=12).contains(month));
    let month =
        month.ok_or_else(|| AppError::invalid("payment_method.expiry_month", "must be 1 to 12"))?;
    let year = u16::try_from(year).ok().filter(|year| (2000..=2100).contains(year));
    let year = year.ok_or_else(|| {
        AppError::invalid("payment_method.expiry_year", "must have four digits, 2000 to 2100")
    })?;
    Ok(Some(Expiry { year, month }))
}

fn network(network: Network) -> payment_method::Network {
    match network {
        Network::Visa => payment_method::Network::Visa,
        Network::Mastercard => payment_method::Network::Mastercard,
        Network::Amex => payment_method::Network::Amex,
        Network::Discover => payment_method::Network::Discover,
        Network::Jcb => payment_method::Network::Jcb,
        Network::UnionPay => payment_method::Network::UnionPay,
        Network::Ach => payment_method::Network::Ach,
        Network::Sepa => payment_method::Network::Sepa,
        Network::Bacs => payment_method::Network::Bacs,
        Network::Other => payment_method::Network::Unspecified,
    }
}

fn network_from(network: payment_method::Network) -> Network {
    match network {
        payment_method::Network::Visa => Network::Visa,
        payment_method::Network::Mastercard => Network::Mastercard,
        payment_method::Network::Amex => Network::Amex,
        payment_method::Network::Discover => Network::Discover,
        payment_method::Network::Jcb => Network::Jcb,
        payment_method::Network::UnionPay => Network::UnionPay,
        payment_method::Network::Ach => Network::Ach,
        payment_method::Network::Sepa => Network::Sepa,
        payment_method::Network::Bacs => Network::Bacs,
        payment_method::Network::Unspecified => Network::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_reads_back_as_itself() {
        for known in [
            Network::Visa,
            Network::Mastercard,
            Network::Amex,
            Network::Discover,
            Network::Jcb,
            Network::UnionPay,
            Network::Ach,
            Network::Sepa,
            Network::Bacs,
            Network::Other,
        ] {
            assert_eq!(network_from(network(known)), known);
        }
    }

    #[test]
    fn an_expiry_is_a_month_or_nothing() {
        assert_eq!(expiry(0, 0).unwrap(), None);
        assert_eq!(expiry(2028, 2).unwrap(), Some(Expiry { year: 2028, month: 2 }));
        for (year, month, field) in [
            (2028, 0, "payment_method.expiry_month"),
            (2028, 13, "payment_method.expiry_month"),
            (0, 2, "payment_method.expiry_year"),
            (28, 2, "payment_method.expiry_year"),
            (-1, 2, "payment_method.expiry_year"),
        ] {
            let refusal = expiry(year, month).unwrap_err().to_string();
            assert!(refusal.starts_with(field), "{year} {month}: {refusal}");
        }
    }
}
