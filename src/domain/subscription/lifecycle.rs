//! The moves of a subscription that someone asks for: begin, change, cancel, pause, and back.
//!
//! What time brings is in [`super::renewal`]; what money brings is in `payment::settle`.

use chrono::{DateTime, SubsecRound as _, Utc};
use thiserror::Error;

use super::{
    Access, Cancellation, CancellationCause, OtherDebts, Pause, ScheduledChange, Subscription,
    SubscriptionState,
};
use crate::domain::{
    calendar::{Alignment, BillingAnchor, CalendarError, Period, StubReference},
    catalog::Terms,
    event::EventKind,
};

/// Why a move is not possible from where the subscription stands.
#[derive(Debug, Error, PartialEq, Eq)]
#[expect(missing_docs, reason = "each says what stands in the way")]
pub enum NotNow {
    #[error("the subscription is over")]
    Over,
    #[error("the subscription has not begun: its first payment is still open")]
    NotBegun,
    #[error("the subscription is paused; resume it first")]
    Paused,
    #[error("the subscription is not paused")]
    NotPaused,
    #[error("an overdue invoice must be paid first")]
    Overdue,
    #[error("no end is planned that could be undone")]
    NoEndPlanned,
    #[error("no change is planned that could be undone")]
    NoChangePlanned,
    #[error("the subscription already ends on its own; undo that first")]
    AlreadyEnding,
    #[error("its next cycle lies beyond the calendar")]
    BeyondCalendar(#[from] CalendarError),
}

impl NotNow {
    /// In capitals, for programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Over => "SUBSCRIPTION_OVER",
            Self::NotBegun => "SUBSCRIPTION_NOT_BEGUN",
            Self::Paused => "SUBSCRIPTION_PAUSED",
            Self::NotPaused => "SUBSCRIPTION_NOT_PAUSED",
            Self::Overdue => "SUBSCRIPTION_OVERDUE",
            Self::NoEndPlanned => "NO_END_PLANNED",
            Self::NoChangePlanned => "NO_CHANGE_PLANNED",
            Self::AlreadyEnding => "ALREADY_ENDING",
            Self::BeyondCalendar(_) => "BEYOND_CALENDAR",
        }
    }
}

/// When an asked-for end comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndWhen {
    /// At once; open invoices are taken back.
    Now,
    /// When what was paid for runs out.
    AtPeriodEnd,
}

impl Subscription {
    /// Places a new subscription in time: its anchor, its trial, and when it is first billed.
    pub fn begin(&mut self, terms: &Terms, now: DateTime<Utc>) -> Result<(), CalendarError> {
        self.started_at = now;
        if terms.trial_days == 0 {
            self.state = SubscriptionState::Incomplete;
            self.access = Access::None;
            self.count_anew(terms, now)
        } else {
            let trial_end = self.anchor.zone().days_after(now, terms.trial_days)?;
            self.state = SubscriptionState::Trialing;
            self.access = Access::Full;
            self.trial_end = Some(trial_end);
            self.count_anew(terms, trial_end)
        }
    }

    /// Plans another plan version or number of seats for the next renewal.
    pub fn schedule(&mut self, change: ScheduledChange) -> Result<(), NotNow> {
        self.must_run()?;
        if self.cancellation.is_some() {
            return Err(NotNow::AlreadyEnding);
        }
        self.scheduled_change = (change != self.as_it_is()).then_some(change);
        Ok(())
    }

    /// The plan version and seats that it has.
    pub fn as_it_is(&self) -> ScheduledChange {
        ScheduledChange {
            plan: self.plan,
            plan_version: self.plan_version,
            quantity: self.quantity,
        }
    }

    /// The plan version and seats that its next renewal brings.
    pub fn at_renewal(&self) -> ScheduledChange {
        self.scheduled_change.unwrap_or_else(|| self.as_it_is())
    }

    /// Drops the planned change.
    pub fn unschedule(&mut self) -> Result<ScheduledChange, NotNow> {
        self.scheduled_change.take().ok_or(NotNow::NoChangePlanned)
    }

    /// Ends it, now or when what was paid for runs out. Nothing is charged from then on (RULES CAN-4). What
    /// was to change at the next renewal is kept in case the end is undone.
    pub fn cancel(
        &mut self,
        when: EndWhen,
        cause: CancellationCause,
        now: DateTime<Utc>,
    ) -> Result<(), NotNow> {
        if self.state.is_over() {
            return Err(NotNow::Over);
        }
        let paid_until = match self.state {
            SubscriptionState::Trialing => self.trial_end,
            SubscriptionState::Active | SubscriptionState::PastDue => {
                self.current_period.map(Period::end)
            }
            SubscriptionState::Paused => {
                self.current_period.map(Period::end).or(self.trial_end).filter(|end| *end > now)
            }
            // Nothing was paid for.
            SubscriptionState::Incomplete | SubscriptionState::Unpaid => None,
            SubscriptionState::Canceled | SubscriptionState::Expired => return Err(NotNow::Over),
        };
        let ends_at = match when {
            EndWhen::Now => now,
            EndWhen::AtPeriodEnd => paid_until.unwrap_or(now),
        };
        self.cancellation = Some(Cancellation { requested_at: now, ends_at, cause });
        if ends_at <= now {
            self.end(SubscriptionState::Canceled, now);
        } else {
            self.due_at = Some(ends_at);
            self.remind_at = None;
        }
        Ok(())
    }

    /// Whether an end of it at `when` takes its open invoices back: what was had is owed, unless it is
    /// to end at once; before the first payment nothing was had.
    pub fn end_takes_back(&self, when: EndWhen) -> bool {
        match when {
            EndWhen::Now => true,
            EndWhen::AtPeriodEnd => self.state == SubscriptionState::Incomplete,
        }
    }

    /// Takes a planned end back.
    pub fn undo_cancellation(&mut self) -> Result<(), NotNow> {
        if self.state.is_over() {
            return Err(NotNow::Over);
        }
        self.cancellation.take().ok_or(NotNow::NoEndPlanned)?;
        // The end was planned for the instant at which the next cycle begins.
        self.due_at = match self.pause {
            // Only a payment leads on from there.
            _ if self.state == SubscriptionState::Unpaid => None,
            Some(pause) => pause.resumes_at,
            None => self
                .trial_end
                .filter(|_| self.state == SubscriptionState::Trialing)
                .or_else(|| self.current_period.map(Period::end)),
        };
        Ok(())
    }

    /// Stops billing for a while. What was paid for stays open until it runs out.
    pub fn pause(
        &mut self,
        resumes_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), NotNow> {
        self.must_run()?;
        match self.state {
            SubscriptionState::PastDue => return Err(NotNow::Overdue),
            SubscriptionState::Active | SubscriptionState::Trialing => {}
            SubscriptionState::Incomplete
            | SubscriptionState::Unpaid
            | SubscriptionState::Paused
            | SubscriptionState::Canceled
            | SubscriptionState::Expired => return Err(NotNow::NotBegun),
        }
        if self.cancellation.is_some() {
            return Err(NotNow::AlreadyEnding);
        }
        self.state = SubscriptionState::Paused;
        self.pause = Some(Pause { since: now, resumes_at });
        self.due_at = resumes_at;
        self.remind_at = None;
        Ok(())
    }

    /// Goes on after a pause. A period that was paid for and still runs is used up first; otherwise
    /// a new cycle begins now, and all later ones count from now.
    pub fn resume(&mut self, terms: &Terms, now: DateTime<Utc>) -> Result<(), NotNow> {
        if self.state != SubscriptionState::Paused {
            return Err(NotNow::NotPaused);
        }
        self.pause = None;
        let runs_until = self.current_period.map(Period::end).or(self.trial_end);
        match runs_until {
            Some(end) if end > now => {
                let in_trial = self.current_period.is_none();
                self.state =
                    if in_trial { SubscriptionState::Trialing } else { SubscriptionState::Active };
                self.due_at = Some(end);
            }
            Some(_) | None => {
                self.state = SubscriptionState::Active;
                self.count_anew(terms, now)?;
            }
        }
        // An invoice became overdue during the pause.
        if self.access != Access::Full {
            self.state = SubscriptionState::PastDue;
        }
        Ok(())
    }

    /// Hears that its first payment came. A period that has passed meanwhile, closed, is not what was
    /// bought: then it begins now.
    pub(crate) fn open(&mut self, terms: &Terms, now: DateTime<Utc>) -> Result<(), CalendarError> {
        let (from, zone) = (now.trunc_subsecs(0), self.anchor.zone());
        if let Some(bought) = self.current_period.filter(|bought| bought.end() <= now) {
            let begun =
                terms.alignment.begin(from, terms.interval, zone, StubReference::default())?;
            let is_of_what_comes = self.scheduled_change.is_some();
            self.current_period = Some(match terms.alignment {
                Alignment::Anniversary if !is_of_what_comes => begun.first,
                // As many days are given as were bought; then follows a part up to the calendar's boundary.
                Alignment::Anniversary | Alignment::AnchorDay { .. } | Alignment::Calendar => {
                    Period::new(from, zone.days_after(from, bought.days(zone))?)?
                }
            });
            self.anchor =
                if is_of_what_comes { BillingAnchor::at(from, zone) } else { begun.anchor };
        }
        self.activate();
        Ok(())
    }

    /// Lets the next cycle begin at `from`, and all later ones count from there.
    pub(crate) fn count_anew(
        &mut self,
        terms: &Terms,
        from: DateTime<Utc>,
    ) -> Result<(), CalendarError> {
        let zone = self.anchor.zone();
        self.anchor =
            terms.alignment.begin(from, terms.interval, zone, StubReference::default())?.anchor;
        // A period that ended before is over, and no longer says where the next one begins.
        self.current_period = self.current_period.filter(|period| period.end() == from);
        self.due_at = Some(from);
        Ok(())
    }

    /// Hears that one of its overdue invoices is owed no more: it was paid, taken back or given up.
    /// What happened to it by that, if anything did.
    pub fn reopen(
        &mut self,
        terms: &Terms,
        others: OtherDebts,
        now: DateTime<Utc>,
    ) -> Result<Option<EventKind>, CalendarError> {
        match (self.state, others) {
            (
                SubscriptionState::PastDue | SubscriptionState::Paused,
                OtherDebts::Dunned(access),
            ) => {
                self.access = access;
                Ok(None)
            }
            (SubscriptionState::Paused, OtherDebts::None) => {
                self.access = Access::Full;
                Ok(None)
            }
            (SubscriptionState::PastDue, OtherDebts::None) => {
                // A cycle may be due that is not billed yet, or put off until it was told of.
                let due_at = self.due_at;
                self.activate();
                self.due_at = due_at.or(self.due_at);
                Ok(Some(EventKind::SubscriptionRecovered))
            }
            (SubscriptionState::Unpaid, OtherDebts::None | OtherDebts::Dunned(_)) => {
                let runs_until = self.current_period.map(Period::end);
                self.pause = self.pause.filter(|pause| pause.resumes_at.is_none_or(|at| at > now));
                self.activate();
                if let Some(pause) = self.pause {
                    // It rested before it was closed, and is not billed before that is over.
                    self.state = SubscriptionState::Paused;
                    self.due_at = self.due_at.filter(|_| self.cancellation.is_some());
                    self.due_at = self.due_at.or(pause.resumes_at);
                } else if runs_until.is_none_or(|end| end <= now) {
                    // What was missed while it was closed is not billed: a new cycle begins now.
                    self.count_anew(terms, now)?;
                }
                match others {
                    OtherDebts::Dunned(access) => {
                        if self.pause.is_none() {
                            self.state = SubscriptionState::PastDue;
                        }
                        self.access = access;
                        Ok(Some(EventKind::SubscriptionPastDue))
                    }
                    OtherDebts::None | OtherDebts::GivenUp => {
                        Ok(Some(EventKind::SubscriptionRecovered))
                    }
                }
            }
            (_, OtherDebts::GivenUp)
            | (
                SubscriptionState::Incomplete
                | SubscriptionState::Trialing
                | SubscriptionState::Active
                | SubscriptionState::Canceled
                | SubscriptionState::Expired,
                _,
            ) => Ok(None),
        }
    }

    /// Closes it until its debt is paid; nothing more is billed meanwhile. A planned end comes all the same, and a
    /// pause goes on after it.
    pub(crate) fn suspend(&mut self) {
        self.state = SubscriptionState::Unpaid;
        self.access = Access::None;
        self.due_at = self.cancellation.as_ref().map(|planned| planned.ends_at);
        self.remind_at = None;
    }

    /// Ends it at `now`, as `state`.
    pub(crate) fn end(&mut self, state: SubscriptionState, now: DateTime<Utc>) {
        assert!(state.is_over(), "a subscription ends in a state that is over");
        self.state = state;
        self.access = Access::None;
        self.ended_at = Some(now);
        self.due_at = None;
        self.remind_at = None;
        self.scheduled_change = None;
        self.pause = None;
    }

    fn must_run(&self) -> Result<(), NotNow> {
        match self.state {
            SubscriptionState::Trialing
            | SubscriptionState::Active
            | SubscriptionState::PastDue => Ok(()),
            SubscriptionState::Incomplete => Err(NotNow::NotBegun),
            SubscriptionState::Unpaid => Err(NotNow::Overdue),
            SubscriptionState::Paused => Err(NotNow::Paused),
            SubscriptionState::Canceled | SubscriptionState::Expired => Err(NotNow::Over),
        }
    }
}
