//! What may be kept and shown of a method in Stripe's vault, and whose network's rules it obeys.

use super::wire;
use crate::{
    domain::payment::decline::Network,
    gateway::{Expiry, StoredMethod},
};

/// What may be kept of a method in Stripe's vault.
pub fn stored(method: &wire::PaymentMethod) -> StoredMethod {
    let token = method.id.clone();
    let customer_reference = method.customer.as_ref().map(|customer| customer.id().to_owned());
    if let Some(card) = &method.card {
        let preferred = card.networks.as_ref().and_then(|networks| networks.preferred.as_deref());
        return StoredMethod {
            token,
            customer_reference,
            network: network(preferred.unwrap_or(&card.brand)),
            brand: brand(&card.brand),
            last_four: card.last4.clone(),
            expiry: Some(Expiry { year: card.exp_year, month: card.exp_month }),
            fingerprint: card.fingerprint.clone(),
        };
    }
    let account = [&method.sepa_debit, &method.us_bank_account, &method.bacs_debit];
    let account = account.into_iter().flatten().next();
    StoredMethod {
        token,
        customer_reference,
        network: network(&method.kind),
        brand: brand(&method.kind),
        last_four: account.and_then(|account| account.last4.clone()).unwrap_or_default(),
        expiry: None,
        fingerprint: account.and_then(|account| account.fingerprint.clone()),
    }
}

fn network(name: &str) -> Network {
    match name {
        "visa" => Network::Visa,
        "mastercard" => Network::Mastercard,
        "amex" | "american_express" => Network::Amex,
        "discover" | "diners" | "diners_club" => Network::Discover,
        "jcb" => Network::Jcb,
        "unionpay" => Network::UnionPay,
        "us_bank_account" => Network::Ach,
        "sepa_debit" => Network::Sepa,
        "bacs_debit" => Network::Bacs,
        _ => Network::Other,
    }
}

fn brand(name: &str) -> String {
    let known = match name {
        "visa" => "Visa",
        "mastercard" => "Mastercard",
        "amex" | "american_express" => "American Express",
        "discover" => "Discover",
        "diners" | "diners_club" => "Diners Club",
        "jcb" => "JCB",
        "unionpay" => "UnionPay",
        "us_bank_account" => "ACH",
        "sepa_debit" => "SEPA",
        "bacs_debit" => "Bacs",
        other => other,
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn card() -> Value {
        json!({
            "id": "pm_1", "object": "payment_method", "type": "card", "customer": "cus_1",
            "card": {
                "brand": "visa", "last4": "4242", "exp_month": 8, "exp_year": 2030,
                "fingerprint": "AOB934RVNwzk6xtn",
                "networks": { "available": ["visa"], "preferred": null },
            },
        })
    }

    #[test]
    fn a_card_shows_its_brand_and_the_network_whose_rules_it_keeps() {
        let mut co_badged = card();
        co_badged["card"]["networks"]["preferred"] = json!("cartes_bancaires");
        let stored = |json| super::stored(&serde_json::from_value(json).unwrap());
        assert_eq!(
            stored(card()),
            StoredMethod {
                token: "pm_1".to_owned(),
                customer_reference: Some("cus_1".to_owned()),
                network: Network::Visa,
                brand: "Visa".to_owned(),
                last_four: "4242".to_owned(),
                expiry: Some(Expiry { year: 2030, month: 8 }),
                fingerprint: Some("AOB934RVNwzk6xtn".to_owned()),
            }
        );
        assert_eq!(stored(co_badged).network, Network::Other);
    }

    #[test]
    fn a_bank_account_has_no_expiry() {
        let debit = json!({
            "id": "pm_2", "type": "sepa_debit",
            "sepa_debit": { "last4": "3000", "fingerprint": "f" },
        });
        let stored = stored(&serde_json::from_value(debit).unwrap());
        assert_eq!((stored.network, stored.expiry), (Network::Sepa, None));
        assert_eq!(stored.last_four, "3000");
    }
}
