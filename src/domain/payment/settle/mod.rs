//! What follows from news of an attempt: for the attempt, its payment, invoice and subscription, for
//! dunning, the ledger, mails and events, all in one set of changes (RULES CHG-5).

mod by_staff;
mod declined;
mod first;
#[cfg(test)]
pub(crate) mod given;
mod mails;
mod paid;
#[cfg(test)]
mod properties;
mod rest;
#[cfg(test)]
mod returns;
mod reversed;
mod steps;
#[cfg(test)]
mod tests;
mod twice;

use chrono::{DateTime, TimeDelta, Utc};

pub use by_staff::by_staff;
pub use declined::{held_back, without_method};
pub use first::barred_from;
pub use paid::WrongAmount;
pub use rest::unplan;
pub use reversed::{catch_up, taken_beyond};
pub use steps::{move_case, take_step};
pub use twice::taken_twice;

use super::{
    Payment, PaymentState,
    attempt::{Attempt, AttemptState, Initiator, News, Step},
    decline::{Decline, DeclineClass},
    network::SentAttempt,
    probe::{self, Absence},
    reconcile::Difference,
    refund::Refund,
    rules::{Reading, RuleBook, Signals},
};
use crate::domain::{
    catalog::Terms,
    changes::Changes,
    customer::{Customer, PaymentMethod},
    dunning::{DunningCase, Setting},
    event::{Event, EventKind, Subject},
    ids::Mint,
    invoice::Invoice,
    subscription::{OtherDebts, Subscription, SubscriptionState},
};

/// An attempt and all that its outcome touches, as read in one transaction.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The attempt.
    pub attempt: Attempt,
    /// What it is about.
    pub owed: Owed,
}

/// A payment and all that belongs to it.
#[derive(Debug, Clone)]
pub struct Owed {
    /// The payment.
    pub payment: Payment,
    /// Its invoice.
    pub invoice: Invoice,
    /// Who pays.
    pub customer: Customer,
    /// What was charged, unless the customer chose it on the gateway's page and did not keep it; without
    /// an attempt, what would be charged next.
    pub charged: Option<PaymentMethod>,
    /// Every method that the customer has ever stored, read where an attempt on a page may store one.
    pub ever_stored: Vec<PaymentMethod>,
    /// What is charged, unless the ladder orders the backup.
    pub primary: Option<PaymentMethod>,
    /// What can be charged in its place.
    pub backup: Option<PaymentMethod>,
    /// The subscription that the invoice bills, and its terms.
    pub subscription: Option<(Subscription, Terms)>,
    /// What else of the subscription is overdue.
    pub other_debts: OtherDebts,
    /// The invoice's open dunning case.
    pub case: Option<DunningCase>,
    /// The open dunning cases of its subscription's other invoices.
    pub other_cases: Vec<DunningCase>,
    /// Whether it had one that came to its end.
    pub is_given_up: bool,
    /// When the customer was last written to because of dunning, or will be.
    pub last_dunned_at: Option<DateTime<Utc>>,
    /// What dunning goes by if a case must be opened.
    pub dunning: Setting,
    /// All that was sent on the primary method and for the invoice.
    pub sent_on_primary: Vec<SentAttempt>,
    /// All that was sent on the backup and for the invoice.
    pub sent_on_backup: Vec<SentAttempt>,
    /// The payment's attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// What went back of them, or is on its way, oldest first.
    pub refunds: Vec<Refund>,
}

/// What was decided, and what a person must look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// To be committed.
    pub changes: Changes,
    /// Why a person must look at the payment, if they must.
    pub for_staff: Option<String>,
    /// Whether a charge that is planned waits until that person puts it back; else they are only told.
    pub holds_charge: bool,
}

impl Settled {
    /// What asks for nobody.
    pub(crate) fn of(changes: Changes) -> Self {
        Self { changes, for_staff: None, holds_charge: false }
    }

    /// The same, for a person to look at if there is a reason.
    pub(crate) fn telling(self, for_staff: Option<String>) -> Self {
        Self { for_staff, ..self }
    }
}

/// Decides what follows from `news` heard at `now`.
pub fn settle(
    mut standing: Standing,
    news: News,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Result<Settled, WrongAmount> {
    let news = match news {
        // No verdict, nor the reference of the charge that it repeats: that one is looked up (RULES §1.1).
        News::Declined { decline, .. }
            if read(&standing.attempt, &decline, now) == Reading::OutcomeUnknown =>
        {
            News::Silence
        }
        news => news,
    };
    match (standing.attempt.state.hear(&news), news) {
        (Step::Reversal, News::Reversed(told)) => Ok(reversed::hear(standing, *told, now, mint)),
        // Money was taken back of what is not known to have taken any: it is asked after until that is known.
        (Step::Nothing, News::Silence | News::NeverHappened)
            if !standing.attempt.state.took_money()
                && standing.attempt.told_back().is_positive() =>
        {
            Ok(ask_later(standing.attempt, now))
        }
        (Step::Nothing, news) if !standing.attempt.state.is_open() => {
            let for_staff = taken_again(&standing.attempt, &news);
            Ok(Settled::of(Changes::default()).telling(for_staff))
        }
        // Another sending of its key was refused; what became of the first is still open.
        (Step::Nothing, News::Rejected { reason }) => {
            let settled = ask_later(standing.attempt, now);
            let reason = format!("when it was sent again, {reason}");
            Ok(Settled { for_staff: Some(reason), ..settled })
        }
        (Step::Nothing, _) => Ok(ask_later(standing.attempt, now)),
        (Step::Contradiction, _) => {
            let attempt = standing.attempt.id;
            let reason = format!(
                "{attempt} is recorded as paid, and the gateway now says that it was not: look there, \
                 and if no money came, bill it anew"
            );
            Ok(Settled { for_staff: Some(reason), ..quiet(standing.attempt) })
        }
        (step @ (Step::Moved(_) | Step::LateSuccess), News::Paid(paid)) => {
            let is_late = step == Step::LateSuccess;
            if standing.attempt.told_back().is_positive() {
                return reversed::paid_and_gone(standing, &paid, is_late, now, mint);
            }
            paid::settle(standing, &paid, is_late, now, mint)
        }
        (_, News::Declined { reference, decline }) => {
            standing.attempt.reference = reference.or(standing.attempt.reference);
            let decline = if is_unanswered(&standing.attempt, &decline) {
                Decline { class: DeclineClass::NeedsSca, ..decline }
            } else {
                decline
            };
            Ok(match read(&standing.attempt, &decline, now) {
                Reading::Declined(read) => declined::settle(standing, &read, now, mint),
                // A part is never kept silently: staff sees to what was taken.
                Reading::ApprovedInPart(read) => {
                    let settled = declined::settle(standing, &read, now, mint);
                    let reason = "the issuer approved a part of the amount".to_owned();
                    Settled { for_staff: Some(reason), ..settled }
                }
                Reading::Approved { .. } => declined::settle(standing, &decline, now, mint),
                Reading::OutcomeUnknown => unreachable!("a duplicate is heard as silence"),
            })
        }
        (_, News::Rejected { reason }) => Ok(rejected(standing, reason, now, mint)),
        (_, News::NeverHappened) => Ok(untried(standing, AttemptState::NotExecuted, now, mint)),
        (_, News::Silence) => Ok(waiting(standing, AttemptState::Unknown, now, mint)),
        (_, News::Pending { reference }) => {
            standing.attempt.reference = Some(reference);
            Ok(waiting(standing, AttemptState::Pending, now, mint))
        }
        (_, News::ActionRequired { reference, url }) => {
            standing.attempt.reference = Some(reference);
            standing.attempt.action_url = url;
            Ok(waiting(standing, AttemptState::ActionRequired, now, mint))
        }
        (_, News::Reversed(_) | News::Paid(_)) => {
            unreachable!("money that came or went back is always heard as that")
        }
    }
}

/// Whether `news` tells nothing of an attempt that is over but what is known already.
pub fn is_known(attempt: &Attempt, news: &News) -> bool {
    let (state, is_old) = (attempt.state, attempt.state.hear(news) == Step::Nothing);
    is_old && !state.is_open() && taken_again(attempt, news).is_none()
}

/// What staff must know of news that an attempt was paid which is paid already: under another reference
/// it is another charge.
fn taken_again(attempt: &Attempt, news: &News) -> Option<String> {
    let News::Paid(paid) = news else { return None };
    let reference = Some(&paid.reference);
    let is_another = attempt.state.took_money() && attempt.reference.as_ref() != reference;
    let (attempt, reference) = (attempt.id, paid.reference.clone());
    is_another.then(|| Difference::TakenTwice { attempt, reference }.to_string())
}

/// What a decline of an attempt means by the rules of the day.
fn read(attempt: &Attempt, decline: &Decline, now: DateTime<Utc>) -> Reading {
    RuleBook::at(now.date_naive()).classify(&Signals::of(attempt.network, decline))
}

/// Whether the customer let pass what their bank had asked of them: no issuer spoke, the challenge is
/// over. The next charge without them would be asked the same.
fn is_unanswered(attempt: &Attempt, decline: &Decline) -> bool {
    attempt.state == AttemptState::ActionRequired
        && attempt.initiator == Initiator::Merchant
        && decline.class == DeclineClass::Generic
        && !decline.is_of_issuer()
}

/// A look-up that saw no charge: proof that there is none, if all that was sent could be seen `proves_after` the
/// last sending, or nothing yet.
pub fn not_found(
    mut standing: Standing,
    proves_after: TimeDelta,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Settled {
    match probe::weigh_absence(&standing.attempt, proves_after, now) {
        Absence::NeverHappened => settle(standing, News::NeverHappened, now, mint)
            .expect("only money that came can be of a wrong amount"),
        Absence::AskAgain(_) if standing.attempt.state == AttemptState::InFlight => {
            settle(standing, News::Silence, now, mint)
                .expect("only money that came can be of a wrong amount")
        }
        Absence::AskAgain(not_before) => {
            let counts = now >= standing.attempt.last_sent_at + proves_after;
            if counts {
                standing.attempt.not_found_at.get_or_insert(now);
            }
            let mut settled = ask_later(standing.attempt, now);
            for attempt in &mut settled.changes.attempts {
                if counts {
                    attempt.probe_at = Some(not_before);
                }
            }
            settled
        }
    }
}

/// The gateway cannot look the charge up, and no other sending may ask after it: of one whose outcome is unknown,
/// only a webhook or a person may still tell (RULES §3).
pub fn cannot_tell(standing: Standing, now: DateTime<Utc>, mint: &Mint) -> Settled {
    let mut settled = settle(standing, News::Silence, now, mint)
        .expect("only money that came can be of a wrong amount");
    for attempt in &mut settled.changes.attempts {
        if attempt.state == AttemptState::Unknown {
            attempt.probe_at = None;
            let Attempt { id, gateway, .. } = attempt;
            settled.for_staff = Some(format!(
                "`{gateway}` cannot be asked how {id} ended; look for it there, then settle it with \
                 `rondo stuck settle`"
            ));
        }
    }
    settled
}

impl Owed {
    /// The same after `changes` were committed.
    #[must_use]
    pub(crate) fn after(mut self, changes: &Changes) -> Self {
        if let Some(payment) = changes.payments.last() {
            self.payment = payment.clone();
        }
        if let Some(invoice) = changes.invoices.last() {
            self.invoice = invoice.clone();
        }
        if let Some(customer) = changes.customers.last() {
            self.customer = customer.clone();
        }
        if let Some(changed) = changes.subscriptions.last() {
            self.subscription = self.subscription.map(|(_, terms)| (changed.clone(), terms));
        }
        if let Some(file) = changes.dunning_cases.last() {
            self.case = Some(file.clone()).filter(|file| file.closed_at.is_none());
        }
        if let Some(method) = changes.payment_methods.last() {
            for known in [&mut self.charged, &mut self.primary, &mut self.backup] {
                if known.as_ref().is_some_and(|known| known.id == method.id) {
                    *known = Some(method.clone());
                }
            }
        }
        for changed in &changes.attempts {
            self.remember(changed);
        }
        for changed in &changes.refunds {
            match self.refunds.iter_mut().find(|known| known.id == changed.id) {
                Some(known) => *known = changed.clone(),
                None => self.refunds.push(changed.clone()),
            }
        }
        self
    }

    /// Takes `attempt` into the payment's attempts as it is now.
    fn remember(&mut self, attempt: &Attempt) {
        match self.attempts.iter_mut().find(|known| known.id == attempt.id) {
            Some(known) => *known = attempt.clone(),
            None => self.attempts.push(attempt.clone()),
        }
    }

    /// Whether another attempt than `attempt` may still take money for it.
    fn has_open_beside(&self, attempt: &Attempt) -> bool {
        self.attempts.iter().any(|other| other.id != attempt.id && other.state.is_open())
    }
}

fn quiet(attempt: Attempt) -> Settled {
    let changes = Changes { attempts: vec![attempt], ..Changes::default() };
    Settled::of(changes)
}

fn ask_later(mut attempt: Attempt, now: DateTime<Utc>) -> Settled {
    attempt.leased_until = None;
    attempt.probes += 1;
    attempt.probe_at = probe::next(&attempt, now);
    let for_staff = attempt.probe_at.is_none().then(|| undecided(&attempt));
    Settled { for_staff, ..quiet(attempt) }
}

/// What staff is told of an attempt that nobody asks after any more.
fn undecided(attempt: &Attempt) -> String {
    let Attempt { id, probes, .. } = attempt;
    format!(
        "{id} was asked after {probes} times and is still undecided; look for it at the gateway, then \
         settle it with `rondo stuck settle`"
    )
}

fn waiting(mut s: Standing, state: AttemptState, now: DateTime<Utc>, mint: &Mint) -> Settled {
    let kind = match state {
        AttemptState::Pending => EventKind::PaymentPending,
        AttemptState::ActionRequired => EventKind::PaymentActionRequired,
        AttemptState::Unknown => EventKind::PaymentUnknown,
        AttemptState::InFlight
        | AttemptState::Succeeded
        | AttemptState::Reversed
        | AttemptState::Declined
        | AttemptState::Rejected
        | AttemptState::NotExecuted => unreachable!("only states that wait come here"),
    };
    s.attempt.state = state;
    s.attempt.leased_until = None;
    s.attempt.probes = 0;
    s.attempt.probe_at = probe::next(&s.attempt, now);
    let mut changes = Changes::default();
    // Who is on the gateway's page already needs no mail to go there.
    let is_asked = state == AttemptState::ActionRequired
        && s.attempt.initiator == Initiator::Merchant
        && s.owed.invoice.open_amount().is_positive();
    if is_asked {
        changes.notices.push(mails::authentication_notice(&s, now, mint));
    }
    changes.events.push(s.owed.payment.event(kind, None, now, mint));
    changes.attempts.push(s.attempt);
    Settled::of(changes)
}

/// Our order or set-up was wrong: staff mends it; no step of the customer's is used up (CONFIG).
fn rejected(mut s: Standing, reason: String, now: DateTime<Utc>, mint: &Mint) -> Settled {
    let for_staff = Some(format!("{reason}; mend that, then put it back with `rondo stuck retry`"));
    let told = Some(reason.clone());
    let event = s.owed.payment.event(EventKind::PaymentRejected, told, now, mint);
    s.attempt.decline =
        Some(Decline { message: Some(reason), ..Decline::of(DeclineClass::Config) });
    // The ladder's time does not run against the customer meanwhile.
    let retrying = s.owed.case.clone().filter(|file| file.case.is_retrying());
    let standing_still = retrying.map(|file| {
        let case = file.case.clone().stand_still(now);
        file.moved(case, now)
    });
    let mut settled = untried(s, AttemptState::Rejected, now, mint);
    settled.changes.dunning_cases.extend(standing_still);
    settled.changes.events.push(event);
    Settled { for_staff, holds_charge: true, ..settled }
}

/// Nothing was carried out, so the payment is due as it was before.
fn untried(mut s: Standing, state: AttemptState, now: DateTime<Utc>, mint: &Mint) -> Settled {
    let mut changes = Changes::default();
    let mut for_staff = None;
    s.attempt.state = state;
    s.attempt.close(now);
    if !s.owed.invoice.open_amount().is_positive() {
        s.owed.payment.give_up();
        changes.dunning_cases.extend(s.owed.put_off_no_more());
    } else if s.attempt.initiator == Initiator::Customer {
        for_staff = s.owed.rest(&mut changes, now, mint);
    } else if state == AttemptState::NotExecuted
        && s.owed.bills_one_that_is(SubscriptionState::Unpaid)
    {
        // It was ordered before dunning came to its end.
        s.owed.rest_closed(&mut changes, now, mint);
    } else {
        s.owed.payment.state = PaymentState::Scheduled;
        s.owed.payment.collect_at = Some(now);
        changes.dunning_cases.extend(s.owed.put_off_no_more());
    }
    changes.attempts.push(s.attempt);
    changes.payments.push(s.owed.payment);
    let holds_charge = for_staff.is_some();
    Settled { changes, for_staff, holds_charge }
}

impl Attempt {
    /// Nothing more is asked or awaited.
    fn close(&mut self, now: DateTime<Utc>) {
        self.leased_until = None;
        self.probe_at = None;
        self.action_url = None;
        self.settled_at = Some(now);
    }
}

impl Payment {
    /// Nothing is planned; what follows from an attempt may plan the next.
    pub(in crate::domain) fn wait(&mut self) {
        self.state = PaymentState::Waiting;
        self.collect_at = None;
        self.on_backup = false;
    }

    /// Nothing is owed any more, and this attempt brought nothing. Another one may have.
    fn give_up(&mut self) {
        if self.state != PaymentState::Succeeded {
            self.state = PaymentState::Abandoned;
            self.collect_at = None;
        }
    }

    /// An event about it as it stands, which will be committed with it.
    pub fn event(
        &self,
        kind: EventKind,
        reason: Option<String>,
        now: DateTime<Utc>,
        mint: &Mint,
    ) -> Event {
        Event {
            customer: Some(self.customer),
            amount: Some(self.amount),
            reason,
            ..Event::new(kind, self.merchant, Subject::Payment(self.id), self.version, now, mint)
        }
    }
}
