//! What is asked of a gateway: orders, which name everything, and traces of what was ordered.
//!
//! All in them was decided and committed before; nothing here is looked up or completed.

use chrono::{DateTime, TimeDelta, Utc};
use ring::digest::{SHA256, digest};

use super::Initiator;
use crate::domain::{
    ids::{Id, kind},
    money::Money,
    payment::attempt::Attempt,
};

/// One charge, complete. Everything in it was committed before the first byte leaves (RULES CHG-2).
#[derive(Debug, Clone)]
pub struct ChargeOrder {
    /// The attempt: our reference, and (as text) the idempotency key, the same for every resend.
    pub attempt: Id<kind::Attempt>,
    /// The invoice, for the gateway's records.
    pub invoice: Id<kind::Invoice>,
    /// What to take.
    pub amount: Money,
    /// The gateway's token of the stored method.
    pub method_token: String,
    /// The gateway's reference of the customer, where it has one.
    pub customer_reference: Option<String>,
    /// Who set it off.
    pub initiator: Initiator,
    /// The network's id of the first, authenticated payment, where known (RULES MIT-1).
    pub original_transaction: Option<String>,
    /// What stands on the statement: no personal data.
    pub description: String,
}

impl ChargeOrder {
    /// A SHA-256 of all that the gateway is told, in hexadecimal digits: two orders with one hash are one.
    pub fn request_hash(&self) -> String {
        let Self {
            attempt,
            invoice,
            amount,
            method_token,
            customer_reference,
            initiator,
            original_transaction,
            description,
        } = self;
        let initiator = match initiator {
            Initiator::Customer => "customer",
            Initiator::Merchant => "merchant",
        };
        let told = serde_json::json!([
            attempt.to_string(),
            invoice.to_string(),
            amount.minor(),
            amount.currency().code(),
            method_token,
            customer_reference,
            initiator,
            original_transaction,
            description,
        ]);
        hex::encode(digest(&SHA256, told.to_string().as_bytes()))
    }
}

/// One payment that the customer makes on the gateway's own page.
#[derive(Debug, Clone)]
pub struct CheckoutOrder {
    /// The attempt: our reference and idempotency key.
    pub attempt: Id<kind::Attempt>,
    /// The invoice, for the gateway's records.
    pub invoice: Id<kind::Invoice>,
    /// What to take.
    pub amount: Money,
    /// The gateway's reference of the customer, where it has one.
    pub customer_reference: Option<String>,
    /// Whether the card is to be stored for later payments; the customer ticked it.
    pub store_method: bool,
    /// What is paid for.
    pub description: String,
    /// Where the customer comes back to.
    pub return_url: String,
}

/// A request to store a method.
#[derive(Debug, Clone)]
pub struct SetupOrder {
    /// Our reference and idempotency key.
    pub reference: String,
    /// Whose it will be.
    pub customer: Id<kind::Customer>,
    /// The gateway's reference of the customer, where it has one.
    pub customer_reference: Option<String>,
    /// Where the customer comes back to.
    pub return_url: String,
}

/// A refund order.
#[derive(Debug, Clone)]
pub struct RefundOrder {
    /// The refund: our reference and idempotency key.
    pub refund: Id<kind::Refund>,
    /// The gateway's reference of the charge.
    pub charge_reference: String,
    /// How much goes back.
    pub amount: Money,
}

/// What we know of a charge that we look for.
#[derive(Debug, Clone)]
pub struct ChargeTrace {
    /// Our reference.
    pub attempt: Id<kind::Attempt>,
    /// The gateway's reference, if an answer or a webhook told it.
    pub reference: Option<String>,
    /// The gateway's reference of the customer, where it has one.
    pub customer_reference: Option<String>,
    /// It was not made before this, however wrong our clock was when it was first sent; some look-ups go by
    /// time.
    pub not_before: DateTime<Utc>,
}

/// How far ahead of the gateway's our clock may have been when a charge was sent. A look-up that begins too
/// late does not see it, and two of those would be taken for proof that it never happened.
const CLOCK_ERROR: TimeDelta = TimeDelta::days(1);

impl ChargeTrace {
    /// The earliest that a charge was made which was sent at `sent_at` by our clock.
    pub fn not_before(sent_at: DateTime<Utc>) -> DateTime<Utc> {
        sent_at - CLOCK_ERROR
    }

    /// What we know of `attempt`.
    pub fn of(attempt: &Attempt) -> Self {
        let told = attempt.credential.as_ref();
        Self {
            attempt: attempt.id,
            reference: attempt.reference.clone(),
            customer_reference: told.and_then(|told| told.customer_reference.clone()),
            not_before: Self::not_before(attempt.key_born_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        money::Currency,
        payment::settle::given::{eur, id},
    };

    fn order() -> ChargeOrder {
        ChargeOrder {
            attempt: id(8),
            invoice: id(6),
            amount: eur(2_000),
            method_token: "tok_5".to_owned(),
            customer_reference: None,
            initiator: Initiator::Merchant,
            original_transaction: None,
            description: "A-17".to_owned(),
        }
    }

    #[test]
    fn each_thing_that_a_gateway_is_told_counts_for_the_hash() {
        let usd = Currency::from_code("USD").unwrap();
        let said = || Some("tok_5".to_owned());
        let mut hashes: Vec<_> = [
            order(),
            ChargeOrder { attempt: id(9), ..order() },
            ChargeOrder { invoice: id(7), ..order() },
            ChargeOrder { amount: eur(2_001), ..order() },
            ChargeOrder { amount: Money::new(2_000, usd), ..order() },
            ChargeOrder { method_token: "tok_6".to_owned(), ..order() },
            ChargeOrder { customer_reference: said(), ..order() },
            ChargeOrder { initiator: Initiator::Customer, ..order() },
            ChargeOrder { original_transaction: said(), ..order() },
            ChargeOrder { description: "A-18".to_owned(), ..order() },
        ]
        .iter()
        .map(ChargeOrder::request_hash)
        .collect();
        assert_eq!(hashes[0], order().request_hash());
        assert!(hashes.iter().all(|hash| hash.len() == 64));
        let all = hashes.len();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), all);
    }
}
