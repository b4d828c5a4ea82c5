//! What we understand by a decline (RULES §1): the class, what the class asks for, and everything
//! that was said. A decline is an answer, not an error. Reading codes is the business of
//! [`super::rules`]; this file only says what the readings are.

use serde::{Deserialize, Serialize};

/// What a decline means for the next step. Ordered from the least to the most restrictive, so that
/// the strictest of several signals is their maximum (RULES DEC-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineClass {
    /// No particular reason; follow the schedule.
    Generic,
    /// The issuer or a network is down; retry within hours.
    WaitIssuer,
    /// Not enough money; follow the schedule.
    WaitFunds,
    /// The issuer suspects risk; at most one retry, 72 hours later.
    HoldRisk,
    /// Our set-up is wrong; staff mends it, the customer's ladder does not move.
    Config,
    /// The card's data must change first.
    FixData,
    /// Only the customer can authenticate it.
    NeedsSca,
    /// The payer withdrew consent.
    StopMandate,
    /// Never again on this credential.
    Never,
}

impl DeclineClass {
    /// The name in events, tables and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::WaitIssuer => "wait_issuer",
            Self::WaitFunds => "wait_funds",
            Self::HoldRisk => "hold_risk",
            Self::Config => "config",
            Self::FixData => "fix_data",
            Self::NeedsSca => "needs_sca",
            Self::StopMandate => "stop_mandate",
            Self::Never => "never",
        }
    }
}

impl DeclineClass {
    /// Every class, from the least to the most restrictive.
    pub const ALL: [Self; 9] = [
        Self::Generic,
        Self::WaitIssuer,
        Self::WaitFunds,
        Self::HoldRisk,
        Self::Config,
        Self::FixData,
        Self::NeedsSca,
        Self::StopMandate,
        Self::Never,
    ];
}

/// What a class asks for (RULES §1, second table). Its hours are rule data, so it is told by
/// [`super::rules::Rules::remedy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Remedy {
    /// No attempt on this credential again, for any invoice, until it is replaced.
    NeverOnThisMethod,
    /// The consent ended; only a new one, given in person, restarts collection.
    StopMandate,
    /// No retry by the merchant; the customer gets a link and authenticates.
    AuthenticateLink,
    /// No retry until the method's data changed.
    AfterDataChanged,
    /// No automatic retry; staff mends the set-up, the customer's steps are untouched.
    StaffMustMend,
    /// One automatic retry at most, not sooner than so many hours after the decline.
    OneRetryAfter {
        /// Hours from the decline.
        hours: u32,
    },
    /// The dunning schedule decides.
    FollowSchedule,
    /// Quick retries, each so many hours after the one before; then the schedule decides.
    Technical {
        /// Hours from the attempt before, first to last.
        hours: [u32; 3],
    },
}

/// A card network, whose codes mean what the others' need not (RULES DEC-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is a company's name")]
pub enum Network {
    Visa,
    Mastercard,
    Amex,
    Discover,
    Jcb,
    UnionPay,
    Ach,
    Sepa,
    Bacs,
    /// A wallet, or a network that we have no rules for.
    Other,
}

impl Network {
    /// Every network.
    pub const ALL: [Self; 10] = [
        Self::Visa,
        Self::Mastercard,
        Self::Amex,
        Self::Discover,
        Self::Jcb,
        Self::UnionPay,
        Self::Ach,
        Self::Sepa,
        Self::Bacs,
        Self::Other,
    ];

    /// Whether it debits a bank account under a mandate, rather than a card.
    pub const fn is_bank_debit(self) -> bool {
        match self {
            Self::Ach | Self::Sepa | Self::Bacs => true,
            Self::Visa
            | Self::Mastercard
            | Self::Amex
            | Self::Discover
            | Self::Jcb
            | Self::UnionPay
            | Self::Other => false,
        }
    }
}

/// How far a payer's stop reaches (RULES §1, `STOP_MANDATE`). Ordered by reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopScope {
    /// This payment is not to be tried again; the agreement lives on.
    ThisPayment,
    /// Automatic collection for the agreement ends.
    Agreement,
}

/// A fact that a code told besides its class. Some ride on approvals too, and are facts about the
/// card then (RULES DEC-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// The response code stands in no table: a metric (RULES DEC-4).
    UnknownResponseCode,
    /// The network's advice code stands in no table: an alert (RULES DEC-4).
    UnknownNetworkAdvice,
    /// Visa sent a category that stands in no table.
    UnknownVisaCategory,
    /// A decline without any signal that could be read.
    NothingSaid,
    /// A card updater may know newer data: ask it first (RULES UPD-2).
    AskUpdater,
    /// The network token must be provisioned anew.
    RefreshToken,
    /// A prepaid card that cannot be topped up (advice 40).
    PrepaidFixed,
    /// A virtual number for one use (advice 41): not to be billed again.
    SingleUse,
    /// A virtual number for many uses (advice 43).
    MultiUse,
    /// Sanctions screening: a compliance hold (advice 42).
    ComplianceHold,
    /// The payer says that the debit was never authorised; counts toward a return-rate ceiling.
    Unauthorised,
    /// Paid, settled, and then taken back by the payer's bank: the payment is reversed.
    RefundedAfterSettlement,
}

/// Everything that was said with a decline, raw, and what we understood (RULES DEC-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// What we understood.
    pub class: DeclineClass,
    /// The gateway's own code, for example `insufficient_funds`.
    pub gateway_code: Option<String>,
    /// The gateway's own advice, for example `do_not_try_again`.
    pub gateway_advice: Option<String>,
    /// The ISO 8583 response code, for example `51`.
    pub response_code: Option<String>,
    /// The network's advice code (Mastercard's MAC), for example `03`.
    pub network_advice: Option<String>,
    /// The gateway's sentence, for staff.
    pub message: Option<String>,
    /// The network asks not to come back sooner than this many hours after the attempt.
    pub wait_hours: Option<u32>,
    /// Visa's category, 1 to 4, where it was sent (RULES §1.2).
    #[serde(default)]
    pub visa_category: Option<u8>,
    /// No more than this many automatic retries for the invoice on this method.
    #[serde(default)]
    pub max_retries: Option<u32>,
    /// How far the payer's stop reaches; told for [`DeclineClass::StopMandate`] alone.
    #[serde(default)]
    pub stops: Option<StopScope>,
    /// What else the codes told, in order, each once.
    #[serde(default)]
    pub flags: Box<[Flag]>,
    /// The version of the rules that it was read by; none while only a gateway's adapter read it.
    #[serde(default)]
    pub rule_version: Option<Box<str>>,
}

impl Decline {
    /// A decline of which only the class is known, to be filled in.
    pub fn of(class: DeclineClass) -> Self {
        Self {
            class,
            gateway_code: None,
            gateway_advice: None,
            response_code: None,
            network_advice: None,
            message: None,
            wait_hours: None,
            visa_category: None,
            max_retries: None,
            stops: None,
            flags: Box::default(),
            rule_version: None,
        }
    }

    /// Whether an issuer or its network said it, so that it was asked.
    pub fn is_of_issuer(&self) -> bool {
        self.response_code.is_some() || self.network_advice.is_some()
    }
}
