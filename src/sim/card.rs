//! The cards and accounts of a simulated world, and what their issuers say when they are charged.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    dice::Dice,
    refusal::{FINAL, MISUSED, PASSING, WAIT, of_debits},
};
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
    /// It often pays, and refuses for whatever reason there is.
    Moody,
    /// Until that day, something of ours or of the gateway's is set up wrongly for it.
    Misused { until: DateTime<Utc>, code: &'static str },
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
        let (network, nature) = match dice.below(100) {
            0..41 => (*dice.pick(&cards), Nature::Good),
            41..54 => (*dice.pick(&cards), Nature::Poor),
            54..61 => (*dice.pick(&cards), Nature::Flaky),
            61..76 => {
                let (network, code, advice) = *dice.pick(&FINAL);
                let network = network.unwrap_or_else(|| *dice.pick(&cards));
                let from = now + TimeDelta::days(dice.between(-30, 400));
                (network, Nature::Over { from, code, advice })
            }
            76..83 => (Network::Visa, Nature::Strict),
            83..86 => (*dice.pick(&cards), Nature::Silent),
            86..89 => (*dice.pick(&cards), Nature::Moody),
            89..90 => {
                let until = now + TimeDelta::days(dice.between(1, 200));
                (*dice.pick(&cards), Nature::Misused { until, code: dice.pick::<&str>(&MISUSED) })
            }
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
        let advice = || {
            let is_mastercard = card.network == Network::Mastercard;
            (is_mastercard && dice.says(500)).then(|| *dice.pick(&WAIT))
        };
        match card.nature {
            Nature::Good if dice.says(970) => Verdict::Approved,
            Nature::Good => declined("05", None),
            Nature::Poor | Nature::Moody if dice.says(550) => Verdict::Approved,
            Nature::Poor => declined("51", advice()),
            Nature::Flaky if dice.says(650) => Verdict::Approved,
            Nature::Flaky => declined(if dice.says(500) { "91" } else { "96" }, None),
            Nature::Over { from, code, advice } if now >= from => declined(code, advice),
            Nature::Strict if dice.says(500) => Verdict::Approved,
            Nature::Strict if dice.says(500) => Verdict::Challenge,
            Nature::Strict => declined("1A", None),
            Nature::Silent => declined(if dice.says(700) { "05" } else { "59" }, None),
            Nature::Moody if dice.says(200) => {
                let (network, code, _) = *dice.pick(&FINAL);
                declined(if network.is_none() { code } else { "51" }, None)
            }
            Nature::Moody => declined(dice.pick::<&str>(&PASSING), advice()),
            Nature::Misused { until, code } if now < until => declined(code, None),
            Nature::Over { .. } | Nature::Misused { .. } => Verdict::Approved,
            Nature::Debit => {
                let wait = TimeDelta::hours(dice.between(20, 120));
                let (now_and_then, for_good) = of_debits(card.network);
                let codes = if dice.says(800) { now_and_then } else { for_good };
                let no = dice.says(200).then(|| Box::new(decline(dice.pick::<&str>(codes), None)));
                Verdict::Later(wait, no)
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
