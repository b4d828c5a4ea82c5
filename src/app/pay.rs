//! Links to the hosted pages.

use chrono::{DateTime, Utc};

use super::Rondo;
use crate::{
    domain::{
        ids::{Id, kind},
        invoice::Invoice,
    },
    store::MerchantId,
};

/// The page of one invoice.
pub fn invoice_url(rondo: &Rondo, invoice: &Invoice, now: DateTime<Utc>) -> String {
    let _ = now;
    format!("{}/pay/{}", rondo.public_url, invoice.id)
}

/// The page on which a customer stores a card.
pub fn card_url(
    rondo: &Rondo,
    merchant: MerchantId,
    customer: Id<kind::Customer>,
    now: DateTime<Utc>,
) -> String {
    let _ = (merchant, now);
    format!("{}/pay/{}", rondo.public_url, customer)
}
