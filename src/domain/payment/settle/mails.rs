//! What dunning writes to the customer, and when.

use chrono::{DateTime, Utc};

use super::{Owed, Standing};
use crate::domain::{
    customer::PaymentMethod,
    dunning::{Case, DueMail, DunningCase, DunningMail},
    ids::Mint,
    notice::{Facts, Notice},
    payment::{
        attempt::{Attempt, AttemptState},
        decline::DeclineClass,
        rules::RuleBook,
    },
    subscription::{Access, CancellationCause},
};

/// The mail about the case `file` that is due by it. `occasion` tells one of a kind from another.
pub(super) fn of_case(
    owed: &Owed,
    file: &DunningCase,
    mail: DueMail,
    occasion: &str,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Notice {
    let facts = facts(owed, file, mail.kind, mail.class, now);
    let key = format!("{}:{}:{occasion}", facts.kind(), file.id);
    let mut notice = Notice::new(owed.invoice.merchant, owed.customer.id, facts, key, now, mint)
        .about_invoice(&owed.invoice)
        .in_thread(Some(file.id));
    notice.due_at = Some(mail.at);
    notice
}

/// Tells of a debt that keeps a subscription closed which another one had closed: no other mail has told of it.
pub(super) fn one_more_debt(
    owed: &Owed,
    file: &DunningCase,
    class: DeclineClass,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Notice {
    let mail = DueMail { kind: DunningMail::Suspended, class, at: owed.may_be_dunned_at(now) };
    of_case(owed, file, mail, "opened", now, mint)
}

fn facts(
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
            let ends_at = subscription.and_then(|_| owed.earliest(&file.case, Case::cancels_at));
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

    /// When the customer may be written to because of dunning: a day after the last time (RULES EML-5).
    pub(super) fn may_be_dunned_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let spacing = RuleBook::at(now.date_naive()).mail_spacing();
        self.last_dunned_at.map_or(now, |last| (last + spacing).max(now))
    }

    /// Whether `mail` tells something: that access or the agreement ends is told while there is one.
    pub(super) fn is_news(&self, mail: DunningMail) -> bool {
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

    /// Until when what was bought surely stays open without a payment, if it is open and `case` and those
    /// of its other debts go on as planned. Of a thing bought once we do not know.
    pub fn open_until(&self, case: &Case) -> Option<DateTime<Utc>> {
        let (subscription, _) = self.subscription.as_ref()?;
        let is_open = subscription.access != Access::None;
        is_open.then(|| self.earliest(case, Case::open_until)).flatten()
    }

    /// The first of `case` and of those of the subscription's other debts to come to `what`; none, where one of
    /// them is in the middle of a try, and nobody knows.
    fn earliest(
        &self,
        case: &Case,
        what: fn(&Case, Option<u64>) -> Option<DateTime<Utc>>,
    ) -> Option<DateTime<Utc>> {
        let own = what(case, Some(self.jitter_seed()))?;
        let others = || self.other_cases.iter().map(|file| &file.case);
        let is_known = others().all(|other| other.next_at().is_some());
        let theirs = others().filter_map(|other| what(other, None)).min();
        is_known.then(|| theirs.map_or(own, |theirs| theirs.min(own)))
    }
}
