//! One call to one gateway, and what may follow from what (RULES §3).

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    decline::{Decline, Network},
    method::Credential,
    outcome::{Outcome, Paid},
    reversal::Reversal,
};
use crate::domain::{
    ids::{Id, kind},
    money::Money,
    version::Version,
};

/// One call to one gateway. Committed before its first byte leaves (RULES CHG-2); its id is the
/// idempotency key of every sending (RULES CHG-3), its version the fence (RULES WRK-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id, and the idempotency key.
    pub id: Id<kind::Attempt>,
    /// The payment it is for.
    pub payment: Id<kind::Payment>,
    /// The invoice it is for: one open attempt per invoice (RULES CHG-1).
    pub invoice: Id<kind::Invoice>,
    /// Who pays.
    pub customer: Id<kind::Customer>,
    /// What is charged; unknown for a card that the customer chooses on the gateway's page.
    pub method: Option<Id<kind::PaymentMethod>>,
    /// What the gateway is told to charge; nothing, where the customer chooses on its page.
    pub credential: Option<Credential>,
    /// What stands for all that the gateway is told with the charge (RULES CHG-2): a sending that would tell
    /// it anything else under the same key is not made. Nothing, for a page, which is asked for once.
    pub request_hash: Option<String>,
    /// The gateway account, by its name in the configuration.
    pub gateway: String,
    /// What is to be taken.
    pub amount: Money,
    /// What of it pays the invoice. The rest of what was taken came when nothing was owed.
    pub applied: Money,
    /// What of it was taken back, as far as it is booked.
    pub reversed: Money,
    /// What the gateway told of money taken back, each dispute or return once.
    pub reversals: Vec<Reversal>,
    /// Who set it off.
    pub initiator: Initiator,
    /// Where it stands.
    pub state: AttemptState,
    /// The gateway's reference, once told.
    pub reference: Option<String>,
    /// What was said, if it was declined or taken back.
    pub decline: Option<Decline>,
    /// The network, for its retry limits.
    pub network: Network,
    /// The card, for its network's retry limits (RULES RET-2): fingerprint, else token.
    pub card_key: String,
    /// Where the customer acts, while they must.
    pub action_url: Option<String>,
    /// Whether a card chosen on the gateway's page is to be used from then on; the customer ticked it.
    pub store_method: bool,
    /// When it was first sent: the networks count it from then on.
    pub sent_at: DateTime<Utc>,
    /// The world's time of that: its key's age at the gateway counts from then on, whatever a test
    /// clock says.
    pub key_born_at: DateTime<Utc>,
    /// When it was last sent, or a worker last set out to send it: only long after this does "not
    /// found" prove anything.
    pub last_sent_at: DateTime<Utc>,
    /// The world's time until which a worker may be busy with it.
    pub leased_until: Option<DateTime<Utc>>,
    /// When the gateway is asked next how it stands.
    pub probe_at: Option<DateTime<Utc>>,
    /// How often it was asked.
    pub probes: u32,
    /// The world's time at which a worker last set out to ask it, or a person's looking did.
    pub asked_at: Option<DateTime<Utc>>,
    /// When the gateway first said that it knows of no such charge.
    pub not_found_at: Option<DateTime<Utc>>,
    /// When it was settled.
    pub settled_at: Option<DateTime<Utc>>,
    /// How often it was written.
    pub version: Version,
}

/// The id of the `number`th attempt at an invoice: the same in every history of one database, so that a
/// gateway knows it again after an older backup was put in place. Those of one invoice sort by number.
pub fn id_of_try(invoice: Id<kind::Invoice>, number: u32) -> Id<kind::Attempt> {
    let at = invoice.made_at() + TimeDelta::milliseconds(number.into());
    Id::following(invoice, number.into(), at)
}

/// How long a page of the gateway's stays open for the customer to pay on: as long as the gateways
/// themselves leave theirs open.
const PAGE_OPEN: TimeDelta = TimeDelta::hours(24);

/// How long a customer has to confirm at their bank a charge that they did not begin.
const CHALLENGE_OPEN: TimeDelta = TimeDelta::hours(72);

impl Attempt {
    /// Until when the customer may act, where it is their turn. After that the attempt is ended at the
    /// gateway, so that the next one may start (RULES §3: a challenge expires).
    pub fn act_by(&self) -> DateTime<Utc> {
        self.sent_at
            + match self.initiator {
                Initiator::Customer => PAGE_OPEN,
                Initiator::Merchant => CHALLENGE_OPEN,
            }
    }

    /// Whether the customer has let their time pass.
    pub fn is_abandoned(&self, now: DateTime<Utc>) -> bool {
        self.state == AttemptState::ActionRequired && now >= self.act_by()
    }

    /// Whether it counts against what is tried later (see [`super::network`]): it reached a network, as
    /// far as we know, and brought no money. On a page, nothing does until the customer chooses a card
    /// there; what an issuer then said of one counts. No gateway tells which card that was, nor what is
    /// refused while the page stays open, so that it counts for the invoice and for no card's window
    /// (RULES RET-1).
    pub fn counts_as_try(&self) -> bool {
        let is_page = self.method.is_none();
        match self.state {
            AttemptState::Pending | AttemptState::Unknown | AttemptState::Reversed => true,
            AttemptState::InFlight | AttemptState::ActionRequired => !is_page,
            AttemptState::Declined => {
                !is_page || self.decline.as_ref().is_some_and(Decline::is_of_issuer)
            }
            AttemptState::Succeeded | AttemptState::Rejected | AttemptState::NotExecuted => false,
        }
    }

    /// Whether a worker noted that nothing of it has left yet, so that its first sending is planned.
    pub fn was_not_sent(&self) -> bool {
        self.state == AttemptState::InFlight && self.probe_at.is_some()
    }
}

/// Who set a charge off (RULES §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initiator {
    /// The customer, present.
    Customer,
    /// The merchant, by a stored credential: renewals and dunning retries.
    Merchant,
}

/// Where an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// Committed, and sent or about to be.
    InFlight,
    /// The money was taken.
    Succeeded,
    /// The money was taken, and all or a part of it was taken back by the payer's bank or the card's
    /// scheme.
    Reversed,
    /// The answer was no.
    Declined,
    /// Refused before it was tried: our order or set-up was wrong.
    Rejected,
    /// Proven never to have been carried out.
    NotExecuted,
    /// Accepted; the answer comes later.
    Pending,
    /// The customer must act first.
    ActionRequired,
    /// No usable answer: the charge may exist (RULES CHG-6).
    Unknown,
}

impl AttemptState {
    /// Whether it may still take money, so that no other attempt may start (RULES CHG-4).
    pub fn is_open(self) -> bool {
        match self {
            Self::InFlight | Self::Pending | Self::ActionRequired | Self::Unknown => true,
            Self::Succeeded
            | Self::Reversed
            | Self::Declined
            | Self::Rejected
            | Self::NotExecuted => false,
        }
    }

    /// Whether money was taken by it, though a bank may have taken that back since.
    pub fn took_money(self) -> bool {
        match self {
            Self::Succeeded | Self::Reversed => true,
            Self::InFlight
            | Self::Declined
            | Self::Rejected
            | Self::NotExecuted
            | Self::Pending
            | Self::ActionRequired
            | Self::Unknown => false,
        }
    }
}

/// What was heard of an attempt, from its own reply, a look-up or a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The money was taken.
    Paid(Paid),
    /// Refused.
    Declined {
        /// The gateway's reference, if it left one.
        reference: Option<String>,
        /// Why.
        decline: Decline,
    },
    /// Accepted; the answer comes later.
    Pending {
        /// The gateway's reference.
        reference: String,
    },
    /// The customer must act.
    ActionRequired {
        /// The gateway's reference.
        reference: String,
        /// Where.
        url: Option<String>,
    },
    /// No usable answer: the charge may exist (RULES CHG-6).
    Silence,
    /// Refused before it was tried.
    Rejected {
        /// The gateway's words.
        reason: String,
    },
    /// Proven never to have been carried out.
    NeverHappened,
    /// Money of it was taken back, or came again after that.
    Reversed(Box<Reversal>),
}

impl From<Outcome> for News {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Paid(paid) => Self::Paid(paid),
            Outcome::Pending { reference } => Self::Pending { reference },
            Outcome::ActionRequired { reference, url } => Self::ActionRequired { reference, url },
            Outcome::Declined { reference, decline } => Self::Declined { reference, decline },
        }
    }
}

/// What news does to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It stands so from now on.
    Moved(AttemptState),
    /// Money came although the attempt was closed (RULES CHG-7): it succeeded after all.
    LateSuccess,
    /// Money was taken back or came again: what follows depends on what is known of both.
    Reversal,
    /// Old or repeated news; nothing changes.
    Nothing,
    /// The gateway contradicts itself about money that it said it took: a person's turn.
    Contradiction,
}

impl AttemptState {
    /// What `news` does to an attempt in this state. News repeats and comes late and out of order:
    /// evidence of success always wins, and nothing else reopens what is settled (RULES §3, WIN-5).
    pub fn hear(self, news: &News) -> Step {
        let told = match news {
            News::Paid(_) => Self::Succeeded,
            News::Declined { .. } => Self::Declined,
            News::Pending { .. } => Self::Pending,
            News::ActionRequired { .. } => Self::ActionRequired,
            News::Silence => Self::Unknown,
            News::Rejected { .. } => Self::Rejected,
            News::NeverHappened => Self::NotExecuted,
            News::Reversed(_) => return Step::Reversal,
        };
        match (self, told) {
            (Self::Declined | Self::Rejected | Self::NotExecuted, Self::Succeeded) => {
                Step::LateSuccess
            }
            (Self::Succeeded, Self::Declined | Self::NotExecuted) => Step::Contradiction,
            (
                Self::Succeeded
                | Self::Reversed
                | Self::Declined
                | Self::Rejected
                | Self::NotExecuted,
                _,
            )
            // Silence adds nothing to what we know to be under way, nor does a repetition.
            | (Self::Pending | Self::ActionRequired | Self::Unknown, Self::Unknown)
            | (Self::Pending, Self::Pending)
            | (Self::ActionRequired, Self::ActionRequired)
            // It was accepted, so it was carried out.
            | (Self::Pending | Self::ActionRequired, Self::Rejected | Self::NotExecuted)
            // The look-up was refused, not the charge.
            | (Self::Unknown, Self::Rejected) => Step::Nothing,
            (Self::InFlight | Self::Pending | Self::ActionRequired | Self::Unknown, told) => {
                Step::Moved(told)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{money::Currency, payment::decline::DeclineClass};

    fn paid() -> News {
        let eur = Currency::from_code("EUR").unwrap();
        News::Paid(Paid::bare("ch_1".into(), Money::new(2_000, eur)))
    }

    fn declined() -> News {
        News::Declined { reference: None, decline: Decline::of(DeclineClass::Generic) }
    }

    #[test]
    fn evidence_of_success_always_wins() {
        use AttemptState::{
            ActionRequired, Declined, InFlight, NotExecuted, Pending, Rejected, Succeeded, Unknown,
        };
        for open in [InFlight, Pending, ActionRequired, Unknown] {
            assert_eq!(open.hear(&paid()), Step::Moved(Succeeded), "{open:?}");
        }
        for closed in [Declined, Rejected, NotExecuted] {
            assert_eq!(closed.hear(&paid()), Step::LateSuccess, "{closed:?}");
        }
        assert_eq!(Succeeded.hear(&paid()), Step::Nothing);
        assert_eq!(AttemptState::Reversed.hear(&paid()), Step::Nothing);
    }

    #[test]
    fn silence_is_not_failure() {
        assert_eq!(AttemptState::InFlight.hear(&News::Silence), Step::Moved(AttemptState::Unknown));
        assert_eq!(AttemptState::Pending.hear(&News::Silence), Step::Nothing);
    }

    #[test]
    fn a_decline_after_success_is_for_a_person() {
        assert_eq!(AttemptState::Succeeded.hear(&declined()), Step::Contradiction);
    }

    #[test]
    fn an_older_decline_does_not_touch_what_is_settled() {
        assert_eq!(AttemptState::NotExecuted.hear(&declined()), Step::Nothing);
    }
}
