//! No money came: what dunning answers, carried out on payment, invoice and subscription.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Owed, Settled, Standing, first};
use crate::domain::{
    calendar::Period,
    changes::Changes,
    customer::PaymentMethod,
    dunning::{
        Action, Case, CaseState, Circumstances, Decision, DunningCase, DunningMail, FinalAction,
        Method, MethodFacts, Refusal, StaffTask,
    },
    event::EventKind,
    hash::fnv1a,
    ids::Mint,
    invoice::{InvoiceState, closing},
    notice::{Facts, Notice},
    payment::{
        PaymentState,
        attempt::{Attempt, AttemptState, Initiator},
        decline::{Decline, DeclineClass, Network, StopScope},
        method::CardMark,
        rules::RuleBook,
    },
    subscription::{Access, CancellationCause, OtherDebts, SubscriptionState, lifecycle::EndWhen},
    version::Version,
};

pub(super) fn settle(
    mut s: Standing,
    decline: &Decline,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Settled {
    s.attempt.state = AttemptState::Declined;
    s.attempt.close(now);
    let class = decline.class;
    s.attempt.decline = Some(decline.clone());
    let mut changes = Changes::default();
    let reason = Some(class.name().to_owned());
    changes.events.push(s.owed.payment.event(EventKind::PaymentDeclined, reason, now, mint));
    let by_customer = s.attempt.initiator == Initiator::Customer;
    let card = s.attempt.credential.as_ref().map(|told| told.card).unwrap_or_default();
    let occasion = s.attempt.id.to_string();
    changes.attempts.push(s.attempt);

    if !s.owed.invoice.open_amount().is_positive() {
        s.owed.payment.give_up();
        changes.payments.push(s.owed.payment);
        return Settled { changes, for_staff: None };
    }
    if by_customer {
        // They saw it on the page.
        s.owed.rest(&mut changes, now, mint);
        changes.payments.push(s.owed.payment);
        return Settled { changes, for_staff: for_staff(decline, now) };
    }
    s.owed.payment.wait();
    let for_staff = follow(s.owed, decline, card, &occasion, &mut changes, now, mint);
    Settled { changes, for_staff }
}

/// What a decline asks of staff, where no case does.
pub(super) fn for_staff(decline: &Decline, now: DateTime<Utc>) -> Option<String> {
    let remedy = RuleBook::at(now.date_naive()).remedy(decline.class);
    StaffTask::sentences(&StaffTask::asked_by(decline, remedy))
}

/// There is no method that may be charged without the customer: they are asked for one at once.
pub fn without_method(owed: Owed, now: DateTime<Utc>, mint: &Mint) -> Changes {
    // A card that can be charged, but not for this invoice any more, is no worse for that elsewhere.
    let class = match owed.charged.as_ref() {
        Some(method) if method.is_chargeable() => {
            let bar = first::barred_from(&owed.attempts, method, now);
            bar.map_or(DeclineClass::Generic, |bar| bar.class)
        }
        Some(method) => method.blocked.unwrap_or(DeclineClass::FixData),
        None => DeclineClass::FixData,
    };
    let reason = if owed.charged.is_some() { class.name() } else { "no_payment_method" };
    not_charged(owed, class, reason, now, mint)
}

/// The network lets no attempt go yet. A case that has ordered it plans anew: it must not wait for an
/// outcome that nothing brings about. Where there is none, it is as if the bank had said "not now": the
/// customer is told, and a new card is tried (RULES P-2).
pub fn held_back(mut owed: Owed, now: DateTime<Utc>, mint: &Mint) -> Changes {
    if owed.case.as_ref().is_some_and(|file| file.case.is_retrying()) {
        owed.payment.wait();
        return move_case(owed, None, now, mint, Case::held_back)
            .expect("a case that has ordered an attempt hears of it");
    }
    not_charged(owed, DeclineClass::Generic, "network_limit", now, mint)
}

/// Nothing was sent, for this reason; what follows is the same as after a decline.
fn not_charged(
    mut owed: Owed,
    class: DeclineClass,
    reason: &str,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Changes {
    owed.payment.wait();
    let mut changes = Changes::default();
    let reason = Some(reason.to_owned());
    changes.events.push(owed.payment.event(EventKind::PaymentDeclined, reason, now, mint));
    let occasion = format!("{}:{}", owed.payment.id, owed.payment.version.count());
    let card = owed.charged.as_ref().map(PaymentMethod::mark).unwrap_or_default();
    follow(owed, &Decline::of(class), card, &occasion, &mut changes, now, mint);
    changes
}

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

/// What dunning makes of a decline. Why a person must look, if they must.
fn follow(
    mut owed: Owed,
    decline: &Decline,
    card: CardMark,
    occasion: &str,
    changes: &mut Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Option<String> {
    if owed.bills_one_that_is(SubscriptionState::Incomplete) {
        return first::declined(owed, decline, card, occasion, changes, now, mint);
    }
    if owed.is_given_up || owed.bills_one_that_is(SubscriptionState::Unpaid) {
        // Dunning has come to its end; whoever tried once more has their answer.
        block(&mut owed, decline, card, changes, now);
        owed.end_dunning_for_another(decline, card, changes, now, mint);
        changes.payments.push(owed.payment);
        return for_staff(decline, now);
    }
    let (file, decision) = match owed.case.take() {
        None => {
            let ladder = owed.dunning.ladder.clone();
            let decision = Case::open(decline, card, ladder, &owed.circumstances(now));
            let file = opened(&owed, &decision, now, mint);
            changes.events.push(file.event(EventKind::DunningOpened, now, mint));
            (file, decision)
        }
        Some(file) => {
            let around = owed.circumstances(now);
            let Ok(decision) = file.case.clone().after_decline(decline, card, &around) else {
                // No attempt of the ladder's: it goes on where it was.
                changes.payments.push(owed.payment);
                return None;
            };
            (file, decision)
        }
    };
    let for_staff = StaffTask::sentences(&decision.staff);
    block(&mut owed, decline, card, changes, now);
    carry_out(owed, file, decision, occasion, changes, now, mint);
    for_staff
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
    if owed.bills_one_that_is(SubscriptionState::Unpaid) {
        // It is closed until all its debts are paid, and this is one more.
        decision = decision.case.unpaid_by_another(now);
    }
    let file = opened(&owed, &decision, now, mint);
    changes.events.push(file.event(EventKind::DunningOpened, now, mint));
    carry_out(owed, file, decision, occasion, changes, now, mint);
    for_staff
}

pub(super) fn opened(
    owed: &Owed,
    decision: &Decision,
    now: DateTime<Utc>,
    mint: &Mint,
) -> DunningCase {
    DunningCase {
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
    }
}

fn carry_out(
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
        let facts = mail_facts(&owed, &file, mail.kind, mail.class, now);
        let key = format!("{}:{}:{occasion}", facts.kind(), file.id);
        let mut notice =
            Notice::new(owed.invoice.merchant, owed.customer.id, facts, key, now, mint)
                .about_invoice(&owed.invoice)
                .in_thread(Some(file.id));
        notice.due_at = Some(mail.at);
        changes.notices.push(notice);
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

/// Keeps `card`, which was charged, from being charged by itself until it is replaced or its data
/// changed, where the decline says that much of it. Whoever stopped one payment stopped no other (R0).
pub(super) fn block(
    owed: &mut Owed,
    decline: &Decline,
    card: CardMark,
    changes: &mut Changes,
    now: DateTime<Utc>,
) {
    let class = decline.class;
    let is_for_good = match class {
        DeclineClass::Never | DeclineClass::FixData => true,
        DeclineClass::StopMandate => decline.stops != Some(StopScope::ThisPayment),
        DeclineClass::Generic
        | DeclineClass::WaitIssuer
        | DeclineClass::WaitFunds
        | DeclineClass::HoldRisk
        | DeclineClass::Config
        | DeclineClass::NeedsSca => false,
    };
    let is_it = |method: &&mut PaymentMethod| method.blocked.is_none() && method.mark() == card;
    if let Some(method) = owed.charged.as_mut().filter(|_| is_for_good).filter(is_it) {
        method.block(class, now);
        changes.payment_methods.push(method.clone());
    }
}

fn mail_facts(
    owed: &Owed,
    file: &DunningCase,
    kind: DunningMail,
    class: DeclineClass,
    now: DateTime<Utc>,
) -> Facts {
    let amount = owed.invoice.open_amount();
    let tried = owed.charged.as_ref().map(PaymentMethod::shown);
    match kind {
        DunningMail::PaymentFailed
        | DunningMail::CardNeedsReplacing
        | DunningMail::FinalWarning
        | DunningMail::Recovered => Facts::PaymentFailed {
            amount,
            failed_at: now,
            class,
            next_try_at: file.case.next_retry().map(|(at, _)| at),
            access_until: owed.open_until(&file.case),
            tried,
            taken_back: owed.was_taken_back(),
            is_final: kind == DunningMail::FinalWarning,
            lapses_at: None,
        },
        DunningMail::AuthenticationNeeded => {
            Facts::AuthenticationNeeded { amount, confirm_by: owed.open_until(&file.case), tried }
        }
        DunningMail::Suspended => {
            let subscription = owed.subscription.as_ref().filter(|(s, _)| !s.state.is_over());
            let ends_at = subscription.and_then(|_| file.case.cancels_at(owed.jitter_seed()));
            Facts::Suspended {
                amount,
                closed_since: now,
                tries: owed.payment.attempts,
                next_try_at: file.case.next_retry().map(|(at, _)| at),
                ends_at,
            }
        }
        DunningMail::Canceled => Facts::Cancelled {
            requested_at: now,
            ends_at: now,
            open_amount: None,
            can_undo: false,
            cause: CancellationCause::Dunning,
        },
    }
}

/// Asks the customer to confirm with their bank what a charge has begun.
pub(super) fn authentication_notice(s: &Standing, now: DateTime<Utc>, mint: &Mint) -> Notice {
    let tried = s.owed.charged.as_ref().map(PaymentMethod::shown);
    let amount = s.owed.invoice.open_amount();
    let confirm_by = Some(s.attempt.act_by());
    let facts = Facts::AuthenticationNeeded { amount, confirm_by, tried };
    let key = format!("{}:{}", facts.kind(), s.attempt.id);
    let mut notice =
        Notice::new(s.owed.invoice.merchant, s.owed.customer.id, facts, key, now, mint)
            .about_invoice(&s.owed.invoice)
            .in_thread(s.owed.case.as_ref().map(|case| case.id));
    notice.due_at = Some(s.owed.may_be_dunned_at(now));
    notice
}

impl Owed {
    /// The attempt that waits for the customer to act on a page of the gateway's or the bank's.
    fn open_page(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.state == AttemptState::ActionRequired)
    }

    /// Whether the last that was heard of its money is that it was taken back.
    fn was_taken_back(&self) -> bool {
        let is_answer = |attempt: &&Attempt| match attempt.state {
            AttemptState::Succeeded | AttemptState::Reversed | AttemptState::Declined => true,
            AttemptState::InFlight
            | AttemptState::Rejected
            | AttemptState::NotExecuted
            | AttemptState::Pending
            | AttemptState::ActionRequired
            | AttemptState::Unknown => false,
        };
        let last = self.attempts.iter().rev().find(is_answer);
        last.is_some_and(|attempt| attempt.state == AttemptState::Reversed)
    }

    /// Whether it bills a subscription that stands so: incomplete, it waits for this very payment.
    pub(super) fn bills_one_that_is(&self, state: SubscriptionState) -> bool {
        self.subscription.as_ref().is_some_and(|(known, _)| known.state == state)
    }

    /// When the customer may be written to because of dunning: a day after the last time (RULES EML-5).
    pub(super) fn may_be_dunned_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let spacing = RuleBook::at(now.date_naive()).mail_spacing();
        self.last_dunned_at.map_or(now, |last| (last + spacing).max(now))
    }

    /// The case, if its turn had come and had to wait for an attempt that is over now.
    pub(super) fn put_off_no_more(&self) -> Option<DunningCase> {
        let file = self.case.clone()?;
        let was_put_off = file.due_at > file.case.next_at();
        was_put_off.then(|| DunningCase { due_at: file.case.next_at(), ..file })
    }

    /// Whether `mail` tells something: that access or the agreement ends is told while there is one.
    fn is_news(&self, mail: DunningMail) -> bool {
        match mail {
            DunningMail::Suspended | DunningMail::Canceled => {
                self.subscription.as_ref().is_some_and(|(s, _)| !s.state.is_over())
            }
            DunningMail::PaymentFailed
            | DunningMail::AuthenticationNeeded
            | DunningMail::CardNeedsReplacing
            | DunningMail::FinalWarning
            | DunningMail::Recovered => true,
        }
    }

    /// Until when what was bought surely stays open without a payment, if it is open and `case` goes
    /// on as planned. Of a thing bought once we do not know.
    pub fn open_until(&self, case: &Case) -> Option<DateTime<Utc>> {
        let (subscription, _) = self.subscription.as_ref()?;
        let is_open = subscription.access != Access::None;
        is_open.then(|| case.open_until(self.jitter_seed())).flatten()
    }

    /// Scatters retries of one billing day, the same way in every run, by who pays and for which time.
    fn jitter_seed(&self) -> u64 {
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

impl Case {
    /// Whether it waits for the outcome of an attempt that it has ordered.
    pub fn is_retrying(&self) -> bool {
        matches!(self.state(), CaseState::Retrying { .. })
    }
}
