//! Facts that several kinds of mail share.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{money::Money, payment::decline::DeclineClass};

/// The unit of a billing cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the word")]
pub enum CycleUnit {
    Day,
    Week,
    Month,
    Year,
}

/// How often a price is due: every `count` units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// At least 1.
    pub count: u32,
    /// Of what.
    pub unit: CycleUnit,
}

/// What one cycle costs: `€20.00 a month`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Per cycle, taxes included.
    pub amount: Money,
    /// How often.
    pub cycle: Cycle,
}

/// An amount that was or will be taken, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// How much.
    pub amount: Money,
    /// When.
    pub at: DateTime<Utc>,
}

/// A span that includes `from` and excludes `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Its first instant.
    pub from: DateTime<Utc>,
    /// The first instant after it.
    pub until: DateTime<Utc>,
}

/// What pays, as far as it may be shown: `Visa ending 4242`, or `PayPal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// The brand of the card, or the name of the account that the customer knows.
    pub name: String,
    /// Its last four digits, if it has any.
    pub last_four: Option<String>,
}

/// What helps after a decline. It says neither the gateway's code nor that anyone suspects fraud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// There was not enough money: put some there, or pay with another card.
    NotEnoughMoney,
    /// The bank must allow it: ask it, or confirm the payment yourself.
    AskYourBank,
    /// This card will not work again: add another.
    NewCard,
    /// The bank did not say why.
    BankDidNotSay,
    /// Something between us and the bank was out of order: nothing to do.
    Technical,
}

impl Advice {
    /// Every piece of advice.
    pub const ALL: [Self; 5] = [
        Self::NotEnoughMoney,
        Self::AskYourBank,
        Self::NewCard,
        Self::BankDidNotSay,
        Self::Technical,
    ];

    /// The word that templates know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotEnoughMoney => "not_enough_money",
            Self::AskYourBank => "ask_your_bank",
            Self::NewCard => "new_card",
            Self::BankDidNotSay => "bank_did_not_say",
            Self::Technical => "technical",
        }
    }
}

/// What to tell the customer of each class of decline (RULES §1).
impl From<DeclineClass> for Advice {
    fn from(class: DeclineClass) -> Self {
        match class {
            DeclineClass::WaitFunds => Self::NotEnoughMoney,
            // A withdrawn consent is given anew at the bank, or with another card.
            DeclineClass::NeedsSca | DeclineClass::StopMandate => Self::AskYourBank,
            DeclineClass::FixData | DeclineClass::Never => Self::NewCard,
            DeclineClass::Generic | DeclineClass::HoldRisk => Self::BankDidNotSay,
            DeclineClass::WaitIssuer | DeclineClass::Config => Self::Technical,
        }
    }
}

/// Who ended a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// The customer, by any way.
    Customer,
    /// The merchant: staff, or the plan was retired.
    Merchant,
    /// Nobody: the last step of dunning, as nothing was paid.
    Dunning,
}

impl CancelledBy {
    /// The word that templates know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Merchant => "merchant",
            Self::Dunning => "dunning",
        }
    }
}
