//! One invoice's way through dunning: a state machine whose every move answers a piece of news
//! with a [`Decision`]. It never asks for the time or for a row: [`Circumstances`] bring both.
//!
//! Who may be charged again follows from the decline's class (RULES §1): a barred method is never
//! retried, the remaining steps only remind, and the final action comes at the ladder's end all the
//! same.

mod moves;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    decision::{Decision, DueMail, DunningMail, Method},
    ladder::{AccessLevel, FinalAction, Ladder},
    track::Track,
};
use crate::domain::payment::{
    decline::{Decline, DeclineClass},
    method::CardMark,
    network::When,
};
use moves::{attempt, heard, planned, remind, settled, try_another, try_new_method};

pub use super::track::{Circumstances, MethodFacts};

/// A case: an invoice that was declined and is not yet paid or given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    track: Track,
    state: CaseState,
}

/// Where a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CaseState {
    /// The schedule runs.
    Open {
        /// When the next turn comes.
        next_at: DateTime<Utc>,
        /// What it will be.
        turn: Turn,
    },
    /// The method may not be charged by itself; steps remind until the customer acts.
    WaitingForCustomer {
        /// When the next step comes.
        next_at: DateTime<Utc>,
    },
    /// The set-up is wrong; the ladder's clock stands still until staff asks for a retry.
    WaitingForStaff,
    /// Someone asked for patience; the ladder's clock stands still.
    Held {
        /// Until then.
        until: DateTime<Utc>,
        /// What comes after.
        turn: Turn,
    },
    /// An attempt was ordered and has no outcome yet. Only its outcome moves the case on.
    Retrying {
        /// The turn that ordered it.
        turn: Turn,
        /// On which method.
        method: Method,
    },
    /// Paid.
    Recovered {
        /// By what.
        by: RecoveredBy,
        /// When we learned of it.
        at: DateTime<Utc>,
    },
    /// The ladder's end.
    Exhausted {
        /// What was done then.
        final_action: FinalAction,
        /// When.
        at: DateTime<Utc>,
    },
    /// Nothing is owed any more, without a payment: voided, written off or cancelled by people.
    Closed {
        /// When.
        at: DateTime<Utc>,
    },
}

/// What a turn does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// The ladder's next step: a retry on that method, or a reminder alone.
    Step(Option<Method>),
    /// A quick retry after a technical decline; takes no step.
    Technical(Method),
    /// The first try of a method that the customer just stored; takes no step.
    NewMethod,
    /// A retry that a person asked for; takes no step.
    Asked,
}

impl Turn {
    /// The method that the turn tries to collect on, if on any.
    pub const fn method(self) -> Option<Method> {
        match self {
            Self::Step(method) => method,
            Self::Technical(method) => Some(method),
            Self::NewMethod | Self::Asked => Some(Method::Primary),
        }
    }
}

/// What brought the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveredBy {
    /// A retry of the primary method.
    Retry,
    /// The backup method.
    BackupMethod,
    /// A method that the customer stored after the case had begun.
    NewMethod,
    /// The customer's own payment, by link, portal or any other channel.
    Customer,
    /// Money that had been taken back and came again.
    Reinstatement,
}

/// Why a case does not move as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The case is over.
    #[error("the case is over")]
    Over,
    /// Its next turn has not come.
    #[error("nothing is due now")]
    NotDue,
    /// An attempt has no outcome yet (RULES CHG-1).
    #[error("an attempt has no outcome yet; wait for it")]
    AttemptInFlight,
    /// No attempt was ordered whose outcome this could be.
    #[error("no attempt was ordered")]
    NoAttempt,
    /// Staff's own work has no clock to hold.
    #[error("the case waits for staff already; ask for a retry when the set-up is mended")]
    WaitsForStaff,
    /// It is not on hold.
    #[error("the case neither is on hold nor waits for staff")]
    NotHeld,
    /// The method may not be charged without the customer.
    #[error("the method was declined for good; the customer must replace it or pay by link")]
    MethodBarred(DeclineClass),
    /// Too early for the network, its advice or a notice.
    #[error("an attempt is not allowed before {0}")]
    NotBefore(DateTime<Utc>),
    /// The network allows no more attempts for this invoice on this card.
    #[error("the network allows no more attempts for this invoice on this card")]
    NetworkCapSpent,
}

impl Case {
    /// Opens a case at the first decline of an invoice's payment, which charged `card`, with the ladder
    /// of that day.
    pub fn open(
        decline: &Decline,
        card: CardMark,
        ladder: Ladder,
        around: &Circumstances<'_>,
    ) -> Decision {
        let track = Track::new(ladder, around);
        if card == around.primary.card {
            heard(track, decline, (Method::Primary, card), None, around)
        } else {
            try_another(track, decline, (Method::Primary, card), around)
        }
    }

    /// Opens a case for an invoice whose payment on `card` was taken back. No other card is tried at
    /// once: whoever takes money back is asked first, by mail.
    pub fn reopen(
        decline: &Decline,
        card: CardMark,
        ladder: Ladder,
        around: &Circumstances<'_>,
    ) -> Decision {
        heard(Track::new(ladder, around), decline, (Method::Primary, card), None, around)
    }

    /// Takes the turn that has come: orders an attempt, reminds, ends the case; or puts the turn
    /// off, where a bound moved meanwhile.
    pub fn step_due(mut self, around: &Circumstances<'_>) -> Result<Decision, Refusal> {
        let turn = match self.state {
            CaseState::Open { next_at, turn } if next_at <= around.now => turn,
            CaseState::WaitingForCustomer { next_at } if next_at <= around.now => Turn::Step(None),
            CaseState::Held { until, .. } if until <= around.now => return self.release(around),
            // Nothing but staff makes it due: the set-up is mended. Where the network allows no retry now or
            // none any more, the ladder goes on.
            CaseState::WaitingForStaff => Turn::Asked,
            CaseState::Open { .. }
            | CaseState::WaitingForCustomer { .. }
            | CaseState::Held { .. } => return Err(Refusal::NotDue),
            CaseState::Retrying { .. } => return Err(Refusal::AttemptInFlight),
            CaseState::Recovered { .. }
            | CaseState::Exhausted { .. }
            | CaseState::Closed { .. } => return Err(Refusal::Over),
        };
        around.rules.version().clone_into(&mut self.track.rule_version);
        let mut reasons = Vec::new();
        let state = planned(&mut self.track, turn, around, &mut reasons);
        Ok(match state {
            CaseState::Open { next_at, turn } if next_at <= around.now => match turn.method() {
                Some(method) => attempt(self.track, turn, method, reasons, around),
                None => remind(self.track, reasons, around),
            },
            CaseState::WaitingForCustomer { next_at } if next_at <= around.now => {
                remind(self.track, reasons, around)
            }
            state => settled(self.track, state, reasons),
        })
    }

    /// Hears that the ordered attempt was declined, which charged `card`.
    pub fn after_decline(
        mut self,
        decline: &Decline,
        card: CardMark,
        around: &Circumstances<'_>,
    ) -> Result<Decision, Refusal> {
        match self.state {
            CaseState::Retrying { turn, method } if self.is_primary_new(method, card, around) => {
                if matches!(turn, Turn::Step(_)) {
                    self.track.pass_step(around);
                }
                Ok(try_another(self.track, decline, (method, card), around))
            }
            CaseState::Retrying { turn, method } => {
                Ok(heard(self.track, decline, (method, card), Some(turn), around))
            }
            CaseState::Recovered { .. }
            | CaseState::Exhausted { .. }
            | CaseState::Closed { .. } => Err(Refusal::Over),
            CaseState::Open { .. }
            | CaseState::WaitingForCustomer { .. }
            | CaseState::WaitingForStaff
            | CaseState::Held { .. } => Err(Refusal::NoAttempt),
        }
    }

    /// Hears that `card` was declined by an attempt that the case did not order. It stays where it is; what
    /// the decline forbids holds from its next turn on.
    #[must_use]
    pub fn overhears(
        mut self,
        decline: &Decline,
        card: CardMark,
        around: &Circumstances<'_>,
    ) -> Self {
        let is_primary = card == around.primary.card;
        let method = if is_primary { Method::Primary } else { Method::Backup };
        self.track.learn(decline, method, card, around);
        self
    }

    /// Hears that a network did not let the ordered attempt leave: others were faster. Its turn is planned
    /// anew, so that what the ladder says for such a wait is done meanwhile (RULES RET-4).
    pub fn held_back(mut self, around: &Circumstances<'_>) -> Result<Decision, Refusal> {
        let CaseState::Retrying { turn, method } = self.state else {
            return Err(Refusal::NoAttempt);
        };
        let card = around.facts(method).card;
        if self.track.is_retry(turn, card) {
            self.track.record(card).not_retried();
        }
        match turn {
            Turn::Step(_) | Turn::NewMethod | Turn::Asked => {
                self.track.start_clock(around.now);
            }
            // Its clock stood still before, and goes on standing.
            Turn::Technical(_) => {}
        }
        let mut reasons = Vec::new();
        let state = planned(&mut self.track, turn, around, &mut reasons);
        Ok(settled(self.track, state, reasons))
    }

    /// Stops the ladder's clock: the ordered attempt was refused before it was tried, and staff has to
    /// mend our set-up before it is ordered again. The outcome of that sets the clock going.
    #[must_use]
    pub fn stand_still(mut self, now: DateTime<Utc>) -> Self {
        self.track.stop_clock(now);
        self
    }

    /// Hears that the invoice is paid, through whatever channel: every pending retry is void from
    /// this value on (RULES RET-7). Late evidence wins over a case that had ended (RULES CHG-7).
    pub fn paid(mut self, by: RecoveredBy, now: DateTime<Utc>) -> Decision {
        let is_news = !matches!(self.state, CaseState::Recovered { .. });
        if is_news {
            self.state = CaseState::Recovered { by, at: now };
        }
        self.track.access = AccessLevel::Full;
        // Who was never told of trouble is not told that it is over.
        let was_told = self.track.last_mail_at.is_some();
        let mail = (is_news && was_told).then(|| DueMail {
            kind: DunningMail::Recovered,
            class: self.track.class(),
            at: now,
        });
        Decision { mail, ..settled(self.track, self.state, Vec::new()) }
    }

    /// Lets the case rest until `until`; a hold on a held case moves its end.
    pub fn hold(mut self, until: DateTime<Utc>, now: DateTime<Utc>) -> Result<Decision, Refusal> {
        let turn = match self.state {
            CaseState::Open { turn, .. } | CaseState::Held { turn, .. } => turn,
            CaseState::WaitingForCustomer { .. } => Turn::Step(None),
            CaseState::WaitingForStaff => return Err(Refusal::WaitsForStaff),
            CaseState::Retrying { .. } => return Err(Refusal::AttemptInFlight),
            CaseState::Recovered { .. }
            | CaseState::Exhausted { .. }
            | CaseState::Closed { .. } => return Err(Refusal::Over),
        };
        self.track.stop_clock(now);
        Ok(settled(self.track, CaseState::Held { until, turn }, Vec::new()))
    }

    /// Ends a hold, or staff's work without a retry. What came due during a hold comes next; the
    /// ladder's end moved by it.
    pub fn release(mut self, around: &Circumstances<'_>) -> Result<Decision, Refusal> {
        let turn = match self.state {
            CaseState::Held { turn, .. } => turn,
            CaseState::WaitingForStaff => {
                self.track.rejoin(around);
                Turn::Step(None)
            }
            CaseState::Open { .. }
            | CaseState::WaitingForCustomer { .. }
            | CaseState::Retrying { .. }
            | CaseState::Recovered { .. }
            | CaseState::Exhausted { .. }
            | CaseState::Closed { .. } => return Err(Refusal::NotHeld),
        };
        match turn {
            Turn::Step(_) | Turn::NewMethod | Turn::Asked => {
                self.track.start_clock(around.now);
            }
            // Its clock stood still before the hold, and goes on standing.
            Turn::Technical(_) => {}
        }
        let mut reasons = Vec::new();
        let state = planned(&mut self.track, turn, around, &mut reasons);
        Ok(settled(self.track, state, reasons))
    }

    /// Tries the primary method now, because a person asked. The network, its advice and a barred
    /// method bind them too; the ladder's time and the payer's hours do not. Takes no step.
    pub fn retry_now(self, around: &Circumstances<'_>) -> Result<Decision, Refusal> {
        self.idle()?;
        if let Some(bar) = self.track.bar(Method::Primary, around) {
            return Err(Refusal::MethodBarred(bar.class));
        }
        match self.track.earliest_asked(around) {
            When::Now => Ok(attempt(self.track, Turn::Asked, Method::Primary, Vec::new(), around)),
            When::At(instant) => Err(Refusal::NotBefore(instant)),
            When::Never => Err(Refusal::NetworkCapSpent),
        }
    }

    /// Hears that the customer stored another primary method, or that its data changed. What the
    /// old one's declines forbade does not bind it; the networks' counters, and what its own declines
    /// have taught, do (RULES UPD-3). It is tried as soon as those allow.
    pub fn method_replaced(mut self, around: &Circumstances<'_>) -> Result<Decision, Refusal> {
        if let CaseState::Retrying { .. } = self.state {
            return Ok(settled(self.track, self.state, Vec::new()));
        }
        self.idle()?;
        let is_staffs = matches!(
            self.state,
            CaseState::WaitingForStaff
                | CaseState::Open { turn: Turn::Asked, .. }
                | CaseState::Held { turn: Turn::Asked, .. }
        );
        if is_staffs && self.track.waits_for_mending(around) {
            // The very card is stored once more: that neither mends our set-up, nor undoes that staff has.
            return Err(Refusal::WaitsForStaff);
        }
        self.track.replace_primary(around);
        Ok(try_new_method(self.track, around))
    }

    /// Hears that the subscription is unpaid by another invoice: nothing more is charged by itself, and
    /// nothing more is said of it.
    pub fn unpaid_by_another(mut self, now: DateTime<Utc>) -> Decision {
        self.track.access = AccessLevel::None;
        let state = CaseState::Exhausted { final_action: FinalAction::MarkUnpaid, at: now };
        settled(self.track, state, Vec::new())
    }

    /// Hears that nothing is owed any more, without a payment.
    pub fn close(self, now: DateTime<Utc>) -> Result<Decision, Refusal> {
        if self.is_over() {
            return Err(Refusal::Over);
        }
        Ok(settled(self.track, CaseState::Closed { at: now }, Vec::new()))
    }

    /// Where it is.
    pub const fn state(&self) -> CaseState {
        self.state
    }

    /// Whether it waits for the outcome of an attempt that it has ordered.
    pub const fn is_retrying(&self) -> bool {
        matches!(self.state, CaseState::Retrying { .. })
    }

    /// When [`Case::step_due`] is to be called, if ever.
    pub const fn next_at(&self) -> Option<DateTime<Utc>> {
        match self.state {
            CaseState::Open { next_at, .. } | CaseState::WaitingForCustomer { next_at } => {
                Some(next_at)
            }
            CaseState::Held { until, .. } => Some(until),
            CaseState::WaitingForStaff
            | CaseState::Retrying { .. }
            | CaseState::Recovered { .. }
            | CaseState::Exhausted { .. }
            | CaseState::Closed { .. } => None,
        }
    }

    /// When the next automatic retry is planned, and on which method: what a mail may promise.
    pub fn next_retry(&self) -> Option<(DateTime<Utc>, Method)> {
        match self.state {
            CaseState::Open { next_at, turn } => turn.method().map(|method| (next_at, method)),
            CaseState::WaitingForCustomer { .. }
            | CaseState::WaitingForStaff
            | CaseState::Held { .. }
            | CaseState::Retrying { .. }
            | CaseState::Recovered { .. }
            | CaseState::Exhausted { .. }
            | CaseState::Closed { .. } => None,
        }
    }

    /// Whether nothing will happen in it any more.
    pub const fn is_over(&self) -> bool {
        match self.state {
            CaseState::Recovered { .. }
            | CaseState::Exhausted { .. }
            | CaseState::Closed { .. } => true,
            CaseState::Open { .. }
            | CaseState::WaitingForCustomer { .. }
            | CaseState::WaitingForStaff
            | CaseState::Held { .. }
            | CaseState::Retrying { .. } => false,
        }
    }

    /// Whether it waits for staff to mend a set-up.
    pub const fn waits_for_staff(&self) -> bool {
        matches!(self.state, CaseState::WaitingForStaff)
    }

    /// How many of the ladder's steps are behind.
    pub const fn steps_taken(&self) -> usize {
        self.track.step
    }

    /// The ladder, as it was when the case was opened.
    pub const fn ladder(&self) -> &Ladder {
        &self.track.ladder
    }

    /// Until when what was bought surely stays open: what a mail may promise. `None` while nobody
    /// knows, or if it stays open whatever comes. `seed` is that of its [`Circumstances`], if it is at hand.
    pub fn open_until(&self, seed: Option<u64>) -> Option<DateTime<Utc>> {
        self.next_at().and_then(|next_at| self.track.closes_at(next_at, seed))
    }

    /// When it surely has not cancelled the subscription yet: what a mail may promise. `None` while nobody
    /// knows, or if it does not cancel.
    pub fn cancels_at(&self, seed: Option<u64>) -> Option<DateTime<Utc>> {
        self.next_at().and_then(|next_at| self.track.cancels_at(next_at, seed))
    }

    /// When it was opened.
    pub const fn opened_at(&self) -> DateTime<Utc> {
        self.track.opened_at
    }

    /// After this instant no retry comes by itself. Moves when the ladder's clock stood still.
    pub const fn ends_at(&self) -> DateTime<Utc> {
        self.track.ends_at
    }

    /// What the member may use.
    pub const fn access(&self) -> AccessLevel {
        self.track.access
    }

    /// What the primary method's last decline meant.
    pub fn class(&self) -> DeclineClass {
        self.track.class()
    }

    /// The version of the rules by which it was last decided.
    pub fn rule_version(&self) -> &str {
        &self.track.rule_version
    }

    /// Whether the primary method is another one than when `card` was charged, as `method`.
    fn is_primary_new(&self, method: Method, card: CardMark, around: &Circumstances<'_>) -> bool {
        match method {
            Method::Primary => card != around.primary.card,
            Method::Backup => {
                self.track.ordered_beside.is_some_and(|primary| primary != around.primary.card)
            }
        }
    }

    /// Refuses where an attempt is in the air, or nothing can be any more.
    fn idle(&self) -> Result<(), Refusal> {
        match self.state {
            CaseState::Open { .. }
            | CaseState::WaitingForCustomer { .. }
            | CaseState::WaitingForStaff
            | CaseState::Held { .. } => Ok(()),
            CaseState::Retrying { .. } => Err(Refusal::AttemptInFlight),
            CaseState::Recovered { .. }
            | CaseState::Exhausted { .. }
            | CaseState::Closed { .. } => Err(Refusal::Over),
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
