//! Whether what was due was done (RULES P-2), by what is left lying when all has gone well for weeks: whoever
//! stopped doing a kind of work leaves it in its state, and nobody else would ever see that.

use std::{collections::BTreeSet, fmt::Display};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    books::Books,
    judge::{DECIDED_WITHIN, Findings},
};
use crate::domain::{
    notice::NoticeState,
    payment::{PaymentState, refund::RefundState},
};

/// What is left lying.
struct Lying<'a> {
    stuck: BTreeSet<&'a str>,
    now: DateTime<Utc>,
    calm: TimeDelta,
    found: &'a mut Vec<String>,
}

impl Lying<'_> {
    /// `what` was due then, and is not done.
    fn overdue(&mut self, id: impl Display, what: &str, due_at: DateTime<Utc>) {
        if due_at < self.now - self.calm {
            self.lies(id, format_args!("was to be {what} at {due_at}, and is not"));
        }
    }

    /// The same, of what cannot be without such a time.
    fn waits(&mut self, id: impl Display, what: &str, due_at: Option<DateTime<Utc>>) {
        match due_at {
            Some(due_at) => self.overdue(id, what, due_at),
            None => self.lies(id, format_args!("is to be {what}, and nothing says when")),
        }
    }

    /// The same, of what is over soon, however often it may be put off.
    fn waits_since(
        &mut self,
        id: impl Display,
        what: &str,
        due_at: Option<DateTime<Utc>>,
        since: DateTime<Utc>,
    ) {
        if since < self.now - DECIDED_WITHIN {
            self.lies(id, format_args!("is to be {what} since {since}"));
        } else {
            self.waits(id, what, due_at);
        }
    }

    fn lies(&mut self, id: impl Display, why: impl Display) {
        let id = id.to_string();
        if !self.stuck.contains(id.as_str()) {
            self.found.push(format!("{id} {why}"));
        }
    }
}

/// All that is left lying at `now`, when nothing is later than `calm` any more.
pub(super) fn judge(books: &Books, now: DateTime<Utc>, calm: TimeDelta, found: &mut Findings) {
    let stuck = books.stuck.iter().map(|one| one.object.as_str()).collect();
    let mut lying = Lying { stuck, now, calm, found: &mut found.lost_cycles };
    for one in &books.subscriptions {
        if let Some(due_at) = one.due_at {
            lying.overdue(one.id, "looked at", due_at);
        }
        if let Some(remind_at) = one.remind_at {
            lying.overdue(one.id, "told of", remind_at);
        }
    }
    for payment in books.payments.values() {
        if payment.state == PaymentState::Scheduled {
            lying.waits(payment.id, "collected", payment.collect_at);
        }
    }
    for case in books.cases.iter().filter(|case| case.closed_at.is_none()) {
        let payment = books.payments.get(&case.invoice);
        let is_tried = payment.is_some_and(|payment| match payment.state {
            PaymentState::Scheduled | PaymentState::Collecting => true,
            PaymentState::Waiting | PaymentState::Succeeded | PaymentState::Abandoned => false,
        });
        if case.due_at.is_some() || !is_tried {
            lying.waits(case.id, "moved", case.due_at);
        }
    }
    for refund in &books.refunds {
        match refund.state {
            RefundState::Queued | RefundState::Pending => {
                lying.waits_since(refund.id, "given back", refund.due_at, refund.created_at);
            }
            RefundState::Succeeded | RefundState::Failed => {}
        }
    }
    for mail in books.notices.iter().filter(|mail| mail.state == NoticeState::Queued) {
        lying.waits_since(mail.id, "sent", mail.due_at, mail.created_at);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::payment::{Payment, settle::given};

    #[rstest]
    #[case::it_is_to_come(Some("2026-03-09T09:00:00Z"), 0)]
    #[case::it_is_just_late(Some("2026-03-07T20:00:00Z"), 0)]
    #[case::it_lies(Some("2026-03-06T09:00:00Z"), 1)]
    #[case::nobody_will_come(None, 1)]
    fn what_is_planned_is_taken_up(#[case] due_at: Option<&str>, #[case] expected: usize) {
        let payment = Payment {
            collect_at: due_at.map(given::at),
            ..given::payment(PaymentState::Scheduled)
        };
        let books = Books { payments: [(payment.invoice, payment)].into(), ..Books::default() };
        let mut found = Findings::default();
        judge(&books, given::at("2026-03-08T03:00:00Z"), TimeDelta::hours(12), &mut found);
        assert_eq!(found.lost_cycles.len(), expected, "{found:?}");
    }
}
