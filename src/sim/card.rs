//! The cards and accounts of a simulated world, and what their issuers say when they are charged.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    dice::{Dice, PerMille},
    refusal::{FINAL, MISUSED, PASSING, WAIT, of_debits},
};
use crate::domain::{
    ids::{Id, kind},
    payment::{
        decline::{Decline, DeclineClass, Network},
        method::{Expiry, StoredMethod},
    },
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
    /// Its number is good for one payment.
    Once,
    /// A bank account: the answer comes days later.
    Debit,
}

/// What an issuer answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Perhaps with the network's advice.
    Approved(Option<&'static str>),
    Declined(Box<Decline>),
    /// Its holder must confirm.
    Challenge,
    /// The answer comes after so long: money, or a refusal.
    Later(TimeDelta, Option<Box<Decline>>),
}

/// A card or an account. However often it is stored, it stays the same.
#[derive(Debug, Clone)]
struct Card {
    holder: Id<kind::Customer>,
    nature: Nature,
    /// How its issuer has refused it for good, if it has: no check proves that it may be charged again.
    barred: Option<&'static str>,
    /// What is told of it, with the token that it was given last.
    told: StoredMethod,
}

/// All cards that there are.
#[derive(Debug)]
pub(super) struct Cards {
    /// The account whose tokens these are.
    account: &'static str,
    all: Vec<Card>,
    /// The places of the cards that tokens stand for, of which one may have several.
    by_token: BTreeMap<String, usize>,
}

/// Of a thousand cards that are stored, how many their holder has stored before.
const STORED_AGAIN: PerMille = 150;
/// Of a thousand cards on a page of the gateway's.
const USED_AGAIN: PerMille = 330;

impl Cards {
    /// None yet.
    pub(super) const fn of(account: &'static str) -> Self {
        Self { account, all: Vec::new(), by_token: BTreeMap::new() }
    }

    /// A card to be stored: a new one, or one that its holder has already, under another token.
    pub(super) fn issue(
        &mut self,
        holder: Id<kind::Customer>,
        dice: &Dice,
        now: DateTime<Utc>,
    ) -> StoredMethod {
        self.old_or_new(holder, STORED_AGAIN, dice, now)
    }

    /// The card that its holder takes out on a page of the gateway's.
    pub(super) fn taken_out(
        &mut self,
        holder: Id<kind::Customer>,
        dice: &Dice,
        now: DateTime<Utc>,
    ) -> StoredMethod {
        self.old_or_new(holder, USED_AGAIN, dice, now)
    }

    fn old_or_new(
        &mut self,
        holder: Id<kind::Customer>,
        old: PerMille,
        dice: &Dice,
        now: DateTime<Utc>,
    ) -> StoredMethod {
        let again = dice.says(old).then(|| self.stored_again(holder, dice)).flatten();
        again.unwrap_or_else(|| self.make(holder, dice, now))
    }

    /// One of the cards that somebody has, under a token of its own.
    fn stored_again(&mut self, holder: Id<kind::Customer>, dice: &Dice) -> Option<StoredMethod> {
        let theirs = self.all.iter().enumerate().filter(|(_, card)| card.holder == holder);
        let theirs: Vec<_> = theirs.map(|(place, _)| place).collect();
        let place = (!theirs.is_empty()).then(|| *dice.pick(&theirs))?;
        let token = self.new_token();
        let told = &mut self.all[place].told;
        told.token.clone_from(&token);
        let told = told.clone();
        self.by_token.insert(token, place);
        Some(told)
    }

    fn new_token(&self) -> String {
        format!("tok_{}_{}", self.account, self.by_token.len() + 1)
    }

    /// A card that nobody has seen before.
    fn make(
        &mut self,
        holder: Id<kind::Customer>,
        dice: &Dice,
        now: DateTime<Utc>,
    ) -> StoredMethod {
        let number = self.all.len() + 1;
        let cards = [Network::Visa, Network::Mastercard, Network::Visa, Network::Amex];
        let banks = [Network::Sepa, Network::Ach, Network::Bacs];
        let (network, nature) = match dice.below(100) {
            0 => (Network::Mastercard, Nature::Once),
            1..41 => (*dice.pick(&cards), Nature::Good),
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
        let token = self.new_token();
        let months = u16::try_from(dice.between(6, 60)).unwrap_or_default();
        let year = u16::try_from(chrono::Datelike::year(&now)).unwrap_or_default();
        let told = StoredMethod {
            // Some gateways tell no fingerprint: then the token is all there is to go by.
            fingerprint: dice.says(700).then(|| format!("card_{}_{number}", self.account)),
            token: token.clone(),
            customer_reference: None,
            network,
            brand: format!("{network:?}"),
            last_four: format!("{:04}", number % 10_000),
            expiry: (!network.is_bank_debit()).then(|| Expiry {
                year: year + 1 + months / 12,
                month: 1 + u8::try_from(months % 12).unwrap_or_default(),
            }),
        };
        self.by_token.insert(token, self.all.len());
        self.all.push(Card { holder, nature, barred: None, told: told.clone() });
        told
    }

    fn behind(&self, token: &str) -> Option<&Card> {
        self.by_token.get(token).map(|place| &self.all[*place])
    }

    /// Whose card `token` stands for.
    pub(super) fn holder(&self, token: &str) -> Option<Id<kind::Customer>> {
        self.behind(token).map(|card| card.holder)
    }

    /// Which network goes with it.
    pub(super) fn network(&self, token: &str) -> Option<Network> {
        self.behind(token).map(|card| card.told.network)
    }

    /// Whether the issuer of the card behind `token` says no for good by then, or has said so.
    pub(super) fn is_barred(&self, token: &str, now: DateTime<Utc>) -> bool {
        self.behind(token).is_some_and(|card| {
            let is_over = matches!(card.nature, Nature::Over { from, .. } if now >= from);
            is_over || card.barred.is_some()
        })
    }

    /// What the issuer answers when its holder is there and confirms: what they had stopped, they want again, and
    /// mostly the issuer keeps to that.
    pub(super) fn answer_to_holder(
        &mut self,
        token: &str,
        dice: &Dice,
        now: DateTime<Utc>,
    ) -> Verdict {
        let place = self.by_token.get(token).copied();
        let card = place.map(|place| &mut self.all[place]);
        if let Some(Card { nature, .. }) = card
            && let Nature::Over { from, code, .. } = *nature
            && now >= from
            && FOR_ITS_HOLDER.contains(&code)
        {
            if dice.says(500) {
                *nature = Nature::Good;
            }
            return Verdict::Approved(None);
        }
        self.answer(token, dice, now)
    }

    /// What the issuer of the card behind `token` answers at `now`.
    pub(super) fn answer(&mut self, token: &str, dice: &Dice, now: DateTime<Utc>) -> Verdict {
        let place = self.by_token.get(token).copied();
        let Some(card) = place.map(|place| &mut self.all[place]) else {
            return declined("14", None);
        };
        let network = card.told.network;
        let advice = || {
            let is_mastercard = network == Network::Mastercard;
            (is_mastercard && dice.says(500)).then(|| *dice.pick(&WAIT))
        };
        match card.nature {
            Nature::Once if card.barred.is_none() => {
                card.barred = Some("05");
                Verdict::Approved(Some(FOR_ONE_PAYMENT))
            }
            Nature::Once => declined("05", Some(FOR_ONE_PAYMENT)),
            Nature::Good if network == Network::Mastercard && dice.says(20) => {
                Verdict::Approved(Some(dice.pick::<&str>(&OF_CARDS)))
            }
            Nature::Good if dice.says(970) => Verdict::Approved(None),
            Nature::Good => declined("05", None),
            Nature::Poor | Nature::Moody if dice.says(550) => Verdict::Approved(None),
            Nature::Poor => declined("51", advice()),
            Nature::Flaky if dice.says(650) => Verdict::Approved(None),
            Nature::Flaky => declined(if dice.says(500) { "91" } else { "96" }, None),
            Nature::Over { from, code, advice } if now >= from => declined(code, advice),
            Nature::Strict if dice.says(500) => Verdict::Approved(None),
            Nature::Strict if dice.says(500) => Verdict::Challenge,
            Nature::Strict => declined("1A", None),
            Nature::Silent => declined(if dice.says(700) { "05" } else { "59" }, None),
            Nature::Moody if dice.says(200) => {
                let (of, code, _) = *dice.pick(&FINAL);
                if of.is_some() {
                    return declined("51", None);
                }
                card.barred = Some(code);
                declined(code, None)
            }
            Nature::Moody => declined(dice.pick::<&str>(&PASSING), advice()),
            Nature::Misused { until, code } if now < until => declined(code, None),
            Nature::Over { .. } | Nature::Misused { .. } => Verdict::Approved(None),
            Nature::Debit => {
                let wait = TimeDelta::hours(dice.between(20, 120));
                let (now_and_then, for_good) = of_debits(network);
                if card.barred.is_none() && dice.says(40) {
                    card.barred = Some(dice.pick::<&str>(for_good));
                }
                let passing = dice.says(170).then(|| *dice.pick::<&str>(now_and_then));
                let no = card.barred.or(passing).map(|code| Box::new(decline(code, None)));
                Verdict::Later(wait, no)
            }
        }
    }
}

/// How an issuer refuses what it would take if its holder were there: what they stopped, and what they must confirm.
const FOR_ITS_HOLDER: [&str; 4] = ["R0", "R1", "R3", "70"];

/// What Mastercard says of a number that is good for one payment, beside its approval or its refusal.
const FOR_ONE_PAYMENT: &str = "41";

/// What it says of other cards beside an approval, which keeps nobody from charging them.
const OF_CARDS: [&str; 2] = ["40", "43"];

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

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(number: u128) -> Id<kind::Customer> {
        Id::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn what_is_stored_again_is_the_same_card_of_the_same_holder_under_another_token() {
        let (dice, now) = (Dice::seeded(1), DateTime::UNIX_EPOCH);
        let mut cards = Cards::of("alpha");
        let stored: Vec<_> =
            (0..400).map(|n| (n % 4, cards.issue(holder(n % 4), &dice, now))).collect();
        assert!((300..380).contains(&cards.all.len()), "{} cards", cards.all.len());
        for (number, told) in &stored {
            assert_eq!(cards.holder(&told.token), Some(holder(*number)));
            let place = cards.by_token[&told.token];
            let same = StoredMethod { token: told.token.clone(), ..cards.all[place].told.clone() };
            assert_eq!(same, *told);
        }
    }
}
