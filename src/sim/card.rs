//! The cards and accounts of a simulated world, and what their issuers say when they are charged.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::dice::Dice;
use crate::domain::payment::{
    decline::{Decline, DeclineClass, Network},
    method::{Expiry, StoredMethod},
};

/// What a card is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nature {
    /// It nearly always pays.
    Good,
    /// There is often too little money.
    Poor,
    /// Its issuer is often away.
    Flaky,
    /// From a day on its issuer says no, always with this code and advice.
    Over { from: DateTime<Utc>, code: &'static str, advice: Option<&'static str> },
    /// Its issuer often wants its holder to confirm.
    Strict,
    /// Nobody says why it never pays.
    Silent,
    /// A bank account: the answer comes days later.
    Debit,
}

/// What an issuer answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Approved,
    Declined(Box<Decline>),
    /// Its holder must confirm.
    Challenge,
    /// The answer comes after so long: money, or a refusal.
    Later(TimeDelta, Option<Box<Decline>>),
}

/// A card or an account.
#[derive(Debug, Clone)]
struct Card {
    network: Network,
    nature: Nature,
}

/// All cards that there are.
#[derive(Debug)]
pub(super) struct Cards {
    /// The account whose tokens these are.
    account: &'static str,
    by_token: BTreeMap<String, Card>,
}

/// What issuers say who say no for good: response code and Mastercard's advice.
const FINAL: [(&str, Option<&str>); 9] = [
    ("41", None),
    ("43", None),
    ("46", None),
    ("54", None),
    ("14", None),
    ("R1", None),
    ("R0", None),
    ("79", Some("03")),
    ("05", Some("21")),
];

/// Mastercard's advice to wait.
const WAIT: [&str; 4] = ["24", "25", "26", "02"];

impl Cards {
    /// None yet.
    pub(super) const fn of(account: &'static str) -> Self {
        Self { account, by_token: BTreeMap::new() }
    }

    /// Issues a card to be stored.
    pub(super) fn issue(&mut self, dice: &Dice, now: DateTime<Utc>) -> StoredMethod {
        let number = self.by_token.len() + 1;
        let cards = [Network::Visa, Network::Mastercard, Network::Visa, Network::Amex];
        let banks = [Network::Sepa, Network::Ach, Network::Bacs];
        let final_no = || *dice.pick(&FINAL);
        let (network, nature) = match dice.below(100) {
            0..45 => (*dice.pick(&cards), Nature::Good),
            45..58 => (*dice.pick(&cards), Nature::Poor),
            58..65 => (*dice.pick(&cards), Nature::Flaky),
            65..80 => {
                let (code, advice) = final_no();
                let network =
                    if advice.is_some() { Network::Mastercard } else { *dice.pick(&cards) };
                let from = now + TimeDelta::days(dice.between(-30, 400));
                (network, Nature::Over { from, code, advice })
            }
            80..87 => (Network::Visa, Nature::Strict),
            87..90 => (*dice.pick(&cards), Nature::Silent),
            _ => (*dice.pick(&banks), Nature::Debit),
        };
        let token = format!("tok_{}_{number}", self.account);
        self.by_token.insert(token.clone(), Card { network, nature });
        let months = u16::try_from(dice.between(6, 60)).unwrap_or_default();
        let year = u16::try_from(chrono::Datelike::year(&now)).unwrap_or_default();
        StoredMethod {
            // Some gateways tell no fingerprint: then the token is all there is to go by.
            fingerprint: dice.says(700).then(|| format!("card_{}_{number}", self.account)),
            token,
            customer_reference: None,
            network,
            brand: format!("{network:?}"),
            last_four: format!("{:04}", number % 10_000),
            expiry: (!network.is_bank_debit()).then(|| Expiry {
                year: year + 1 + months / 12,
                month: 1 + u8::try_from(months % 12).unwrap_or_default(),
            }),
        }
    }

    /// What the issuer of the card behind `token` answers at `now`.
    pub(super) fn answer(&self, token: &str, dice: &Dice, now: DateTime<Utc>) -> Verdict {
        let Some(card) = self.by_token.get(token) else {
            return declined("14", None);
        };
        let no_funds = || {
            let is_mastercard = card.network == Network::Mastercard;
            let advice = (is_mastercard && dice.says(500)).then(|| *dice.pick(&WAIT));
            declined("51", advice)
        };
        match card.nature {
            Nature::Good if dice.says(970) => Verdict::Approved,
            Nature::Good => declined("05", None),
            Nature::Poor if dice.says(550) => Verdict::Approved,
            Nature::Poor => no_funds(),
            Nature::Flaky if dice.says(650) => Verdict::Approved,
            Nature::Flaky => declined(if dice.says(500) { "91" } else { "96" }, None),
            Nature::Over { from, code, advice } if now >= from => declined(code, advice),
            Nature::Over { .. } => Verdict::Approved,
            Nature::Strict if dice.says(500) => Verdict::Approved,
            Nature::Strict if dice.says(500) => Verdict::Challenge,
            Nature::Strict => declined("1A", None),
            Nature::Silent => declined(if dice.says(700) { "05" } else { "59" }, None),
            Nature::Debit => {
                let wait = TimeDelta::hours(dice.between(20, 120));
                let code = match card.network {
                    Network::Ach => "R01",
                    Network::Sepa => "AM04",
                    _ => "0",
                };
                let no = decline(code, None);
                Verdict::Later(wait, dice.says(200).then(|| Box::new(no)))
            }
        }
    }
}

fn declined(code: &str, advice: Option<&str>) -> Verdict {
    Verdict::Declined(Box::new(decline(code, advice)))
}

/// A refusal as an adapter tells it: codes, and no opinion of its own.
fn decline(code: &str, advice: Option<&str>) -> Decline {
    Decline {
        response_code: Some(code.to_owned()),
        network_advice: advice.map(ToOwned::to_owned),
        ..Decline::of(DeclineClass::Generic)
    }
}
