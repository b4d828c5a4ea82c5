//! The moves of a dunning case, carried out on payment, invoice and subscription.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Owed, mails};
use crate::domain::{
    calendar::Period,
    changes::Changes,
    customer::PaymentMethod,
    dunning::{
        Action, Case, Circumstances, Decision, DunningCase, FinalAction, Method, MethodFacts,
        Refusal, StaffTask,
    },
    event::EventKind,
    hash::fnv1a,
    ids::Mint,
    invoice::{InvoiceState, closing},
    payment::{
        PaymentState,
        attempt::{Attempt, AttemptState},
        decline::{Decline, Network},
        method::CardMark,
        rules::RuleBook,
    },
    subscription::{Access, CancellationCause, OtherDebts, SubscriptionState, lifecycle::EndWhen},
    version::Version,
};

/// Takes the turn of a case whose time has come. While money may be under way it waits; while the
/// customer has a page open, only the end does: whoever opens one does not put the ladder off.
pub fn take_step(mut owed: Owed, now: DateTime<Utc>, mint: &Mint) -> Result<Changes, Refusal> {
    let mut changes = Changes::default();
    let Some(file) = owed.case.take() else { return Ok(changes) };
    if owed.bills_one_that_is(SubscriptionState::Unpaid) {
        changes.dunning_cases.push(file.unpaid_by_another(now));
        return Ok(changes);
    }
    let decision = file.case.clone().step_due(&owed.circumstances(now))?;
    if owed.payment.state == PaymentState::Collecting {
        let is_end = matches!(decision.action, Action::Finish(_));
        let put_off_by = match owed.open_page() {
            Some(page) if !is_end => match asked_first(page, &file, now) {
                Asked::Already => None,
                Asked::Now(page) => {
                    changes.attempts.push(*page);
                    Some(UNTIL_ASKED)
                }
                Asked::NotYet => Some(UNTIL_ASKED),
            },
            Some(_) | None => Some(UNTIL_DECIDED),
        };
        if let Some(wait) = put_off_by {
            changes.dunning_cases.push(DunningCase { due_at: Some(now + wait), ..file });
            return Ok(changes);
        }
    }
    let occasion = format!("step {}", decision.case.steps_taken());
    changes.events.push(file.event(EventKind::DunningStepTaken, now, mint));
    carry_out(owed, file, decision, &occasion, &mut changes, now, mint);
    Ok(changes)
}

/// How long a step waits for money that may be under way, before it looks again.
const UNTIL_DECIDED: TimeDelta = TimeDelta::hours(1);

/// How long a step waits for the look-up of an open page.
const UNTIL_ASKED: TimeDelta = TimeDelta::minutes(1);

/// Whether the gateway was asked about an open page since the case's turn came.
enum Asked {
    Already,
    /// It is asked now.
    Now(Box<Attempt>),
    NotYet,
}

/// Nothing is closed to whoever has just paid on a page: the gateway is asked first (RULES CHG-6).
fn asked_first(page: &Attempt, file: &DunningCase, now: DateTime<Utc>) -> Asked {
    let was_put_off = file.due_at > file.case.next_at();
    if !was_put_off {
        Asked::Now(Box::new(Attempt { probe_at: Some(now), ..page.clone() }))
    } else if page.leased_until.is_some() || page.probe_at.is_some_and(|at| at <= now) {
        Asked::NotYet
    } else {
        Asked::Already
    }
}

/// Moves a case as a person or a new card wants it; `moved` is the case's answer.
pub fn move_case(
    mut owed: Owed,
    kind: Option<EventKind>,
    now: DateTime<Utc>,
    mint: &Mint,
    moved: impl FnOnce(Case, &Circumstances<'_>) -> Result<Decision, Refusal>,
) -> Result<Changes, Refusal> {
    let mut changes = Changes::default();
    let Some(file) = owed.case.take() else { return Err(Refusal::Over) };
    let decision = moved(file.case.clone(), &owed.circumstances(now))?;
    if let Some(kind) = kind {
        changes.events.push(file.event(kind, now, mint));
    }
    let occasion = format!("moved {}", file.version.count());
    carry_out(owed, file, decision, &occasion, &mut changes, now, mint);
    Ok(changes)
}

/// What dunning makes of a payment that was taken back. Why a person must look, if they must.
pub(super) fn reopen(
    owed: Owed,
    decline: &Decline,
    card: CardMark,
    occasion: &str,
    changes: &mut Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Option<String> {
    let ladder = owed.dunning.ladder.clone();
    let mut decision = Case::reopen(decline, card, ladder, &owed.circumstances(now));
    let for_staff = StaffTask::sentences(&decision.staff);
    let is_closed = owed.bills_one_that_is(SubscriptionState::Unpaid);
    if is_closed {
        // It is closed until all its debts are paid, and this is one more.
        decision = decision.case.unpaid_by_another(now);
    }
    let file = opened(&owed, &decision, changes, now, mint);
    if is_closed {
        changes.notices.push(mails::one_more_debt(&owed, &file, decline.class, now, mint));
    }
    carry_out(owed, file, decision, occasion, changes, now, mint);
    for_staff
}

/// A case for what is owed, by the ladder of today, and what it answers to a decline of `card`.
pub(super) fn open(
    owed: &Owed,
    decline: &Decline,
    card: CardMark,
    changes: &mut Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) -> (DunningCase, Decision) {
    let ladder = owed.dunning.ladder.clone();
    let decision = Case::open(decline, card, ladder, &owed.circumstances(now));
    (opened(owed, &decision, changes, now, mint), decision)
}

fn opened(
    owed: &Owed,
    decision: &Decision,
    changes: &mut Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) -> DunningCase {
    let file = DunningCase {
        merchant: owed.invoice.merchant,
        id: mint.id(now),
        invoice: owed.invoice.id,
        payment: owed.payment.id,
        subscription: owed.invoice.subscription,
        customer: owed.customer.id,
        policy: owed.dunning.policy,
        policy_version: owed.dunning.number,
        case: decision.case.clone(),
        due_at: None,
        opened_at: now,
        closed_at: None,
        version: Version::NEW,
    };
    changes.events.push(file.event(EventKind::DunningOpened, now, mint));
    file
}

/// Carries out what a case has decided, on all that it touches. `occasion` tells one mail of a kind from
/// another.
pub(super) fn carry_out(
    mut owed: Owed,
    file: DunningCase,
    decision: Decision,
    occasion: &str,
    changes: &mut Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) {
    if let Some((subscription, _)) = &mut owed.subscription
        && subscription.state == SubscriptionState::Active
    {
        subscription.state = SubscriptionState::PastDue;
        changes.events.push(subscription.event(EventKind::SubscriptionPastDue, now, mint));
    }
    let own: Access = decision.access.into();
    let access = match owed.other_debts {
        OtherDebts::Dunned(theirs) => own.stricter(theirs),
        OtherDebts::None | OtherDebts::GivenUp => own,
    };
    if let Some((subscription, _)) = &mut owed.subscription {
        match subscription.state {
            SubscriptionState::PastDue | SubscriptionState::Paused => {
                subscription.access = access;
            }
            SubscriptionState::Incomplete
            | SubscriptionState::Trialing
            | SubscriptionState::Active
            | SubscriptionState::Unpaid
            | SubscriptionState::Canceled
            | SubscriptionState::Expired => {}
        }
    }
    let mut file = file.moved(decision.case, now);
    if let Some(mail) = decision.mail.filter(|mail| owed.is_news(mail.kind)) {
        changes.notices.push(mails::of_case(&owed, &file, mail, occasion, now, mint));
    }
    match decision.action {
        Action::Nothing => {}
        // The customer is paying just now; the outcome of that leads on to the attempt.
        Action::Attempt(method) if owed.payment.state == PaymentState::Collecting => {
            owed.payment.on_backup = method == Method::Backup;
            // The ladder's time does not run against whoever is paying meanwhile.
            file.case = file.case.stand_still(now);
        }
        Action::Attempt(method) => {
            owed.payment.state = PaymentState::Scheduled;
            owed.payment.collect_at = Some(now);
            owed.payment.on_backup = method == Method::Backup;
        }
        Action::Finish(action) => finish(&mut owed, &file, action, changes, now, mint),
    }
    changes.dunning_cases.push(file);
    changes.payments.push(owed.payment);
    changes.invoices.extend((owed.invoice.state != InvoiceState::Open).then_some(owed.invoice));
    changes.subscriptions.extend(owed.subscription.map(|(subscription, _)| subscription));
}

/// The ladder's end.
fn finish(
    owed: &mut Owed,
    file: &DunningCase,
    action: FinalAction,
    changes: &mut Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) {
    changes.events.push(file.event(EventKind::DunningExhausted, now, mint));
    match action {
        FinalAction::Cancel | FinalAction::WriteOff => {
            changes.journals.push(closing::write_off(&mut owed.invoice, now, mint));
            changes.events.push(owed.invoice.event(EventKind::InvoiceUncollectible, now, mint));
            owed.payment.state = PaymentState::Abandoned;
            let kind = EventKind::PaymentAbandoned;
            changes.events.push(owed.payment.event(kind, None, now, mint));
        }
        FinalAction::MarkUnpaid => {}
    }
    let Some((subscription, terms)) = &mut owed.subscription else { return };
    match action {
        FinalAction::Cancel => {
            let cause = CancellationCause::Dunning;
            if subscription.cancel(EndWhen::Now, cause, now).is_ok() {
                changes.events.push(subscription.event(EventKind::SubscriptionCanceled, now, mint));
            }
        }
        FinalAction::MarkUnpaid if !subscription.state.is_over() => {
            subscription.suspend();
            changes.events.push(subscription.event(EventKind::SubscriptionUnpaid, now, mint));
        }
        // This invoice closes nothing any more; others may.
        FinalAction::WriteOff if subscription.state != SubscriptionState::Unpaid => {
            // Only an unpaid one is placed anew, which the calendar could refuse.
            let _ = subscription.reopen(terms, owed.other_debts, now);
        }
        FinalAction::MarkUnpaid | FinalAction::WriteOff => {}
    }
}

impl Owed {
    /// The attempt that waits for the customer to act on a page of the gateway's or the bank's.
    fn open_page(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.state == AttemptState::ActionRequired)
    }

    /// The case, if its turn had come and had to wait for an attempt that is over now.
    pub(super) fn put_off_no_more(&self) -> Option<DunningCase> {
        let file = self.case.clone()?;
        let next_at = file.case.next_at().filter(|at| file.due_at > Some(*at))?;
        Some(DunningCase { due_at: Some(next_at), ..file })
    }

    /// Scatters retries of one billing day, the same way in every run, by who pays and for which time.
    pub(super) fn jitter_seed(&self) -> u64 {
        let period = self.invoice.period.map_or(self.invoice.issued_at, Period::start);
        fnv1a(self.customer.email.bytes().chain(period.timestamp().to_be_bytes()))
    }

    /// The world around its dunning case.
    pub(super) fn circumstances(&self, now: DateTime<Utc>) -> Circumstances<'_> {
        Circumstances {
            now,
            zone: self.dunning.zone,
            seed: self.jitter_seed(),
            amount: self.invoice.open_amount(),
            attempts: &self.attempts,
            primary: MethodFacts {
                card: self.primary.as_ref().map(PaymentMethod::mark).unwrap_or_default(),
                consented_at: self.primary.as_ref().map_or(now, |method| method.consented_at),
                network: self.primary.as_ref().map_or(Network::Other, |method| method.network),
                history: &self.sent_on_primary,
            },
            backup: self.backup.as_ref().map(|backup| MethodFacts {
                card: backup.mark(),
                consented_at: backup.consented_at,
                network: backup.network,
                history: &self.sent_on_backup,
            }),
            last_mail_at: self.last_dunned_at,
            not_before: None,
            rules: RuleBook::at(now.date_naive()),
        }
    }
}
