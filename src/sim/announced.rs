//! An independent reading of the notice windows (RULES §6): nobody is charged for the first time after a
//! trial, or for a long cycle, whom no mail told of it in time. By what was written alone: a mail server
//! that is away is nobody's fault, and nothing here is shared with the code that plans the mails.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    books::Books,
    cycles::{LATE, Life, lives},
};
use crate::domain::{
    calendar::Period,
    event::{EventKind, Subject},
    ids::{Id, kind},
    invoice::Invoice,
    money::Money,
    notice::{Facts, Notice},
    payment::{
        attempt::{Attempt, Initiator},
        decline::Network,
    },
    subscription::Subscription,
};

/// A charge that a network wants announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charge {
    /// The first one, after a trial of more than so many days.
    AfterTrial(i64),
    /// For another cycle of so many days or more.
    LongCycle(i64),
}

/// From how many days before the charge until how many its mail is written.
struct Window {
    rule: &'static str,
    network: Network,
    charge: Charge,
    from: i64,
    until: i64,
}

const WINDOWS: [Window; 3] = [
    Window {
        rule: "VISA-TRIAL",
        network: Network::Visa,
        charge: Charge::AfterTrial(0),
        from: 365,
        until: 7,
    },
    Window {
        rule: "MC-TRIAL",
        network: Network::Mastercard,
        charge: Charge::AfterTrial(7),
        from: 7,
        until: 3,
    },
    Window {
        rule: "MC-LONG",
        network: Network::Mastercard,
        charge: Charge::LongCycle(180),
        from: 30,
        until: 7,
    },
];

/// By these a member, or staff for them, decides anew what comes next.
const DECIDES: [EventKind; 4] = [
    EventKind::SubscriptionCreated,
    EventKind::SubscriptionChangeScheduled,
    EventKind::SubscriptionCancellationUndone,
    EventKind::SubscriptionResumed,
];

/// All that the windows are judged by.
struct Told<'a> {
    lives: BTreeMap<Id<kind::Subscription>, Life>,
    decided: BTreeMap<Id<kind::Subscription>, Vec<DateTime<Utc>>>,
    mails: BTreeMap<Id<kind::Subscription>, Vec<&'a Notice>>,
}

/// Every charge that came unannounced, in words, by clocks that may have been off by `clock_error`.
pub(super) fn unannounced(books: &Books, clock_error: TimeDelta) -> Vec<String> {
    let mut told =
        Told { lives: lives(&books.events), decided: BTreeMap::new(), mails: BTreeMap::new() };
    for event in books.events.iter().filter(|event| DECIDES.contains(&event.kind)) {
        if let Subject::Subscription(id) = event.subject {
            told.decided.entry(id).or_default().push(event.at);
        }
    }
    for mail in &books.notices {
        if let Some(id) = mail.subscription {
            told.mails.entry(id).or_default().push(mail);
        }
    }
    let mut charged = BTreeMap::new();
    for attempt in books.attempts.iter().filter(|one| one.initiator == Initiator::Merchant) {
        charged.entry(attempt.invoice).or_insert(attempt);
    }
    let subscriptions: BTreeMap<_, _> = books.subscriptions.iter().map(|s| (s.id, s)).collect();
    let mut found = Vec::new();
    for (invoice, attempt) in charged {
        let invoice = &books.invoices[&invoice];
        told.amount_of(invoice, &mut found);
        if let (Some(subscription), Some(period)) = (invoice.subscription, invoice.period) {
            let subscription = subscriptions[&subscription];
            told.of_cycle(subscription, period, attempt, clock_error, &mut found);
        }
    }
    unconfirmed(books, clock_error, &mut found);
    found
}

/// Every charge that paid an invoice and was not confirmed within a day (MC-RECEIPT), whichever the network. What a
/// bank had taken back before anyone heard of it is confirmed when it is given again.
fn unconfirmed(books: &Books, clock_error: TimeDelta, found: &mut Vec<String>) {
    let mut confirmed: BTreeMap<_, Vec<DateTime<Utc>>> = BTreeMap::new();
    for mail in &books.notices {
        if let (Some(invoice), Facts::Receipt { .. } | Facts::Recovered { .. }) =
            (mail.invoice, &mail.facts)
        {
            confirmed.entry(invoice).or_default().push(mail.created_at);
        }
    }
    let mut given_again: BTreeMap<_, Vec<DateTime<Utc>>> = BTreeMap::new();
    for event in books.events.iter().filter(|event| event.kind == EventKind::PaymentReinstated) {
        if let Subject::Payment(id) = event.subject {
            given_again.entry(id).or_default().push(event.at);
        }
    }
    let within = TimeDelta::hours(24) + clock_error;
    for attempt in &books.attempts {
        let paid_all = attempt.applied == books.invoices[&attempt.invoice].total;
        let Some(taken_at) = attempt.settled_at.filter(|_| paid_all) else { continue };
        let again = given_again.get(&attempt.payment).into_iter().flatten();
        let is_in_time = |mail: &DateTime<Utc>| {
            [&taken_at].into_iter().chain(again.clone()).any(|at| (*mail - *at).abs() <= within)
        };
        if !confirmed.get(&attempt.invoice).into_iter().flatten().any(is_in_time) {
            found.push(format!("{} was taken at {taken_at}, which no mail confirms", attempt.id));
        }
    }
}

impl Told<'_> {
    /// The first charge of a cycle that was made by itself.
    fn of_cycle(
        &self,
        subscription: &Subscription,
        period: Period,
        attempt: &Attempt,
        clock_error: TimeDelta,
        found: &mut Vec<String>,
    ) {
        let (id, due) = (subscription.id, period.start());
        if attempt.sent_at < due - clock_error {
            found.push(format!("{} of {id}, before its cycle began at {due}", attempt.id));
        }
        let is_meant = |window: &&Window| {
            window.network == attempt.network && window.charge.is(subscription, period)
        };
        for window in WINDOWS.iter().filter(is_meant) {
            let slack = LATE + clock_error;
            let last = due - TimeDelta::days(window.until);
            // What was told too late may be charged later than it was due.
            let is_of_it = |day: DateTime<Utc>| {
                is_same(day, due) || (due..=attempt.sent_at + slack).contains(&day)
            };
            let is_told = self.mails.get(&id).into_iter().flatten().any(|mail| {
                announces(&mail.facts).into_iter().filter(|day| is_of_it(*day)).any(|day| {
                    let first = day - TimeDelta::days(window.from) - clock_error;
                    let last = day - TimeDelta::days(window.until);
                    (first..=last + slack).contains(&mail.created_at)
                })
            });
            let began_late = self.lives.get(&id).is_some_and(|life| {
                life.activated_at.is_some_and(|at| (last - slack..due).contains(&at))
            });
            if !is_told && !began_late && !self.is_decided_late(id, last - slack, due + slack) {
                found.push(format!(
                    "{} of {id}, due at {due}, which no mail told of in its window ({})",
                    attempt.id, window.rule
                ));
            }
        }
    }

    /// What is charged for a cycle is what the last mail told that spoke of it, unless another was decided since.
    fn amount_of(&self, invoice: &Invoice, found: &mut Vec<String>) {
        let (Some(id), Some(period)) = (invoice.subscription, invoice.period) else { return };
        let mails = || self.mails.get(&id).into_iter().flatten();
        let before = mails().filter(|mail| mail.created_at < invoice.issued_at);
        let told = before.filter_map(|mail| {
            let of_it =
                |(day, amount): (_, Money)| is_same(day, period.start()).then_some((*mail, amount));
            amounts(&mail.facts).into_iter().flatten().find_map(of_it)
        });
        let Some((mail, amount)) = told.max_by_key(|(mail, _)| mail.created_at) else { return };
        let since = mail.created_at..=invoice.issued_at;
        let was_decided_since =
            self.decided.get(&id).into_iter().flatten().any(|at| since.contains(at));
        let is_other_since = mails().any(|mail| {
            matches!(mail.facts, Facts::PlanChanging { .. }) && since.contains(&mail.created_at)
        });
        if amount != invoice.total && !was_decided_since && !is_other_since {
            found.push(format!(
                "{} {} told of {amount} on {}, and {} is over {}",
                mail.facts.kind(),
                mail.id,
                period.start(),
                invoice.id,
                invoice.total
            ));
        }
    }

    /// Whether it was decided so late that it is charged that no mail could be in time.
    fn is_decided_late(
        &self,
        id: Id<kind::Subscription>,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> bool {
        let is_late = |at: &DateTime<Utc>| (from..=to).contains(at);
        self.decided.get(&id).into_iter().flatten().any(is_late)
            || self.lives.get(&id).is_some_and(|life| life.went_on().any(|at| is_late(&at)))
    }
}

impl Charge {
    /// Whether the charge for this period is one of these.
    fn is(self, subscription: &Subscription, period: Period) -> bool {
        let ends_trial = subscription.trial_end.is_some_and(|end| is_same(end, period.start()));
        match self {
            Self::AfterTrial(days) => {
                ends_trial && period.start() - subscription.started_at > TimeDelta::days(days)
            }
            Self::LongCycle(days) => {
                let is_first = ends_trial || period.start() <= subscription.started_at;
                !is_first && period.end() - period.start() >= TimeDelta::days(days)
            }
        }
    }
}

/// Whether two times are one to the second, to which cycles count.
fn is_same(one: DateTime<Utc>, other: DateTime<Utc>) -> bool {
    one.timestamp() == other.timestamp()
}

/// The amounts that a mail tells of charges to come, and their days.
fn amounts(facts: &Facts) -> [Option<(DateTime<Utc>, Money)>; 2] {
    match facts {
        Facts::Welcome { next_charge_at, next_amount, .. } => {
            [next_charge_at.map(|at| (at, *next_amount)), None]
        }
        Facts::TrialEnding { ends_at: at, amount, next }
        | Facts::UpcomingRenewal { renews_at: at, amount, next } => {
            [Some((*at, *amount)), next.map(|next| (next.at, next.amount))]
        }
        Facts::CardExpiring { next_charge_at, next_amount, .. } => {
            [Some((*next_charge_at, *next_amount)), None]
        }
        _ => [None, None],
    }
}

/// The days of the charges that a mail announces.
fn announces(facts: &Facts) -> Vec<DateTime<Utc>> {
    match facts {
        Facts::TrialEnding { ends_at: at, next, .. }
        | Facts::UpcomingRenewal { renews_at: at, next, .. } => {
            [*at].into_iter().chain(next.map(|next| next.at)).collect()
        }
        Facts::PlanChanging { changes_at, .. } => Vec::from_iter(*changes_at),
        Facts::CancellationUndone { next_charge_at, .. } => Vec::from_iter(*next_charge_at),
        // What was bought, or paid, or is owed: no word of how to cancel before the next charge.
        Facts::Welcome { .. }
        | Facts::Receipt { .. }
        | Facts::PaymentFailed { .. }
        | Facts::AuthenticationNeeded { .. }
        | Facts::CardExpiring { .. }
        | Facts::Recovered { .. }
        | Facts::Suspended { .. }
        | Facts::Cancelled { .. }
        | Facts::Refund { .. } => Vec::new(),
    }
}
