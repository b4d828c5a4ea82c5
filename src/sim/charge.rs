//! One charge in a provider's books.

use std::fmt;

use chrono::{DateTime, Utc};

use super::provider::{AttemptId, who};
use crate::{
    domain::{
        ids::{Id, kind},
        money::Money,
        payment::{
            decline::{Decline, DeclineClass, Network},
            method::StoredMethod,
        },
    },
    gateway::{Initiator, Outcome, Paid, Taking},
};

/// How a charge stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Captured,
    Declined(Box<Decline>),
    /// The answer is still to come.
    Pending,
    /// Its payer must confirm.
    Waiting,
    /// It was ended before any money came of it.
    Ended,
}

/// What is to be charged, and who set it off.
#[derive(Debug, Clone)]
pub(super) struct Ordered {
    pub(super) token: String,
    pub(super) network: Network,
    pub(super) initiator: Initiator,
}

/// One charge.
#[derive(Debug, Clone)]
pub(super) struct Charge {
    /// The account that it was made through.
    pub(super) account: &'static str,
    pub(super) attempt: AttemptId,
    pub(super) invoice: Id<kind::Invoice>,
    pub(super) reference: String,
    pub(super) amount: Money,
    ordered: Ordered,
    pub(super) standing: Standing,
    /// What the network said beside its approval.
    pub(super) advice: Option<&'static str>,
    /// How it was refused first.
    refusal: Option<Box<Decline>>,
    pub(super) given_back: i64,
    /// What the payer's bank has taken back.
    pub(super) taken_back: i64,
    pub(super) made_at: DateTime<Utc>,
    /// Since when it has been decided, once it is: taken, refused or ended.
    pub(super) decided_at: Option<DateTime<Utc>>,
    /// When it took the money, if it did.
    pub(super) taken_at: Option<DateTime<Utc>>,
    /// Since when nothing is left of what it took.
    pub(super) gone_at: Option<DateTime<Utc>>,
    /// Whether it had been refused before, or been taken back since: then nobody is to blame who ordered another.
    pub(super) turned: bool,
    /// Nobody learns how it stands before this.
    pub(super) silent_until: DateTime<Utc>,
    /// Look-ups do not see it before this.
    pub(super) seen_from: DateTime<Utc>,
    /// Look-ups show the refusal as a repeat until then, with which its order was answered.
    pub(super) a_repeat_until: DateTime<Utc>,
    /// Whether its payer chose a card on our page, and the card, if it is to be kept.
    pub(super) on_page: bool,
    pub(super) method: Option<StoredMethod>,
}

impl Charge {
    /// One that is being made at `now`, of which nobody knows yet how it will stand.
    pub(super) fn begun(
        account: &'static str,
        reference: String,
        (attempt, invoice): (AttemptId, Id<kind::Invoice>),
        (amount, ordered): (Money, Ordered),
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            account,
            attempt,
            invoice,
            reference,
            amount,
            ordered,
            standing: Standing::Pending,
            advice: None,
            refusal: None,
            given_back: 0,
            taken_back: 0,
            made_at: now,
            decided_at: None,
            taken_at: None,
            gone_at: None,
            turned: false,
            silent_until: now,
            seen_from: now,
            a_repeat_until: now,
            on_page: false,
            method: None,
        }
    }

    /// The token that was charged.
    pub(super) fn token(&self) -> &str {
        &self.ordered.token
    }

    /// The network of its card.
    pub(super) const fn network(&self) -> Network {
        self.ordered.network
    }

    /// Who set it off, as the order said.
    pub(super) const fn initiator(&self) -> Initiator {
        self.ordered.initiator
    }

    /// The code and the advice with which it was refused first, if it was.
    pub(super) fn first_refusal(&self) -> Option<(&str, Option<&str>)> {
        let refusal = self.refusal.as_deref()?;
        Some((refusal.response_code.as_deref()?, refusal.network_advice.as_deref()))
    }

    /// What is left of it, in minor units.
    pub(super) fn left(&self) -> i64 {
        self.amount.minor() - self.given_back - self.taken_back
    }

    /// So much of it goes back, by an order or by hand.
    pub(super) fn give_back(&mut self, amount: i64, now: DateTime<Utc>) {
        self.given_back += amount;
        self.gone_at = (self.left() == 0).then_some(now);
    }

    /// What was to go back did not arrive.
    pub(super) fn have_again(&mut self, amount: i64) {
        self.given_back -= amount;
        self.gone_at = None;
    }

    /// Its payer's bank takes back what is left.
    pub(super) fn take_back(&mut self, now: DateTime<Utc>) {
        self.taken_back = self.left();
        self.gone_at = Some(now);
        self.turned = true;
    }

    /// What was taken back comes again.
    pub(super) fn reinstate(&mut self) {
        self.taken_back = 0;
        self.gone_at = None;
    }

    /// It comes to stand like this at `now`.
    pub(super) fn come_to(&mut self, standing: Standing, now: DateTime<Utc>) {
        self.turned |= matches!(self.standing, Standing::Declined(_));
        match &standing {
            Standing::Captured => self.taken_at = Some(now),
            Standing::Declined(decline) => {
                self.refusal.get_or_insert_with(|| decline.clone());
            }
            Standing::Pending | Standing::Waiting | Standing::Ended => {}
        }
        if !matches!(standing, Standing::Pending | Standing::Waiting) {
            self.decided_at.get_or_insert(now);
        }
        self.standing = standing;
    }

    /// What a gateway tells of it.
    pub(super) fn outcome(&self) -> Outcome {
        let reference = self.reference.clone();
        match &self.standing {
            Standing::Captured => Outcome::Paid(self.paid()),
            Standing::Declined(decline) => {
                Outcome::Declined { reference: Some(reference), decline: (**decline).clone() }
            }
            Standing::Pending => Outcome::Pending { reference },
            Standing::Waiting => Outcome::ActionRequired {
                url: Some(format!("https://bank.example/{reference}")),
                reference,
            },
            Standing::Ended => Outcome::Declined {
                reference: Some(reference),
                decline: Decline::of(DeclineClass::Generic),
            },
        }
    }

    /// What a gateway tells in its place whose network takes it for one that it already has.
    pub(super) fn taken_for_a_repeat(&self) -> Outcome {
        let decline =
            Decline { response_code: Some("94".to_owned()), ..Decline::of(DeclineClass::Generic) };
        Outcome::Declined { reference: Some(self.reference.clone()), decline }
    }

    /// What a gateway's list tells of it.
    pub(super) fn taking(&self) -> Taking {
        Taking {
            attempt: Some(self.attempt),
            reference: self.reference.clone(),
            amount: self.amount,
            returned: Money::new(self.given_back, self.amount.currency()),
            taken_back: Some(Money::new(self.taken_back, self.amount.currency())),
        }
    }

    /// What a gateway tells of the money that it took.
    pub(super) fn paid(&self) -> Paid {
        Paid {
            network_transaction: Some(format!("nt_{}", self.reference)),
            network_advice: self.advice.map(ToOwned::to_owned),
            method: self.method.clone().map(Box::new),
            ..Paid::bare(self.reference.clone(), self.amount)
        }
    }
}

impl fmt::Display for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (token, network, by) = (self.token(), self.network(), who(self.initiator()));
        write!(f, "{} of {} for {}, ", self.reference, self.amount, self.attempt)?;
        write!(f, "on {token} ({network:?}) by the {by}: {}", self.standing)?;
        if let Some(advice) = self.advice {
            write!(f, " with advice {advice}")?;
        }
        match self.first_refusal() {
            Some((code, _)) if self.turned => write!(f, " after {code}"),
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Captured => f.write_str("captured"),
            Self::Declined(decline) => {
                let code = decline.response_code.as_deref().unwrap_or("?");
                let advice = decline.network_advice.as_deref().unwrap_or("no advice");
                write!(f, "declined {code}, {advice}")
            }
            Self::Pending => f.write_str("pending"),
            Self::Waiting => f.write_str("waits for its payer"),
            Self::Ended => f.write_str("ended"),
        }
    }
}
