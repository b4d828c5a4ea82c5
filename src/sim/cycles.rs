//! Whether every cycle was billed once, and something became of it (RULES P-2): what a subscription was
//! billed for held against what it lived through, by its events.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    books::Books,
    judge::{DECIDED_WITHIN, Findings},
};
use crate::domain::{
    calendar::Period,
    event::{Event, EventKind, Subject},
    ids::{Id, kind},
    invoice::{Invoice, InvoiceState},
    payment::{
        PaymentState,
        attempt::{Attempt, AttemptState, Initiator},
    },
    subscription::{Subscription, SubscriptionState},
};

/// From these on nothing is billed.
const RESTS: [EventKind; 2] = [EventKind::SubscriptionPaused, EventKind::SubscriptionUnpaid];
/// From these on it is again. What is closed until a debt is paid may go on with another one.
const GOES_ON: [EventKind; 5] = [
    EventKind::SubscriptionResumed,
    EventKind::SubscriptionRecovered,
    EventKind::SubscriptionPastDue,
    EventKind::SubscriptionCanceled,
    EventKind::SubscriptionExpired,
];

/// How much later than it is due a thing is done at most: time is coarse, and clocks are wrong.
pub(super) const LATE: TimeDelta = TimeDelta::days(1);

/// How many days a month, or so many months, may have more than others: who bought a February is given a month.
const MONTHS_DIFFER: TimeDelta = TimeDelta::days(3);

/// A time for which nothing is billed, which leaves a gap between two periods.
#[derive(Debug)]
struct Rest {
    from: DateTime<Utc>,
    /// Open while it lasts.
    until: Option<DateTime<Utc>>,
}

/// What befell a subscription.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// When its first payment came, however late: before, nothing is announced.
    pub(super) activated_at: Option<DateTime<Utc>>,
    rests: Vec<Rest>,
}

/// What befell each subscription.
pub(super) fn lives(events: &[Event]) -> BTreeMap<Id<kind::Subscription>, Life> {
    let mut lives: BTreeMap<_, Life> = BTreeMap::new();
    for event in events {
        if let Subject::Subscription(id) = event.subject {
            lives.entry(id).or_default().hears(event);
        }
    }
    lives
}

impl Life {
    /// Hears what befell it next.
    fn hears(&mut self, event: &Event) {
        let at = event.at;
        if event.kind == EventKind::SubscriptionActivated {
            self.activated_at.get_or_insert(at);
        } else if RESTS.contains(&event.kind) {
            match self.rests.last_mut() {
                // It was closed during a pause, or had hardly gone on.
                Some(last) if last.until.is_none_or(|until| at < until + LATE) => last.until = None,
                _ => self.rests.push(Rest { from: at, until: None }),
            }
        } else if GOES_ON.contains(&event.kind)
            && let Some(last) = self.rests.last_mut()
        {
            last.until.get_or_insert(at);
        }
    }

    /// When it went on after its rests.
    pub(super) fn went_on(&self) -> impl Iterator<Item = DateTime<Utc>> {
        self.rests.iter().filter_map(|rest| rest.until)
    }

    /// Whether nothing was to be billed from `from`, to where it was billed for `periods`, until `to`: it was at rest,
    /// or it was given as long as its first period once more, as that was over when its payment came.
    fn owed_nothing(&self, periods: &[Period], from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        let given = match (periods, self.activated_at) {
            ([first], Some(at)) if at >= first.end() => {
                Some(at + (first.end() - first.start()) + MONTHS_DIFFER)
            }
            _ => None,
        };
        given.is_some_and(|until| to <= until + LATE) || self.rested(given.unwrap_or(from), to)
    }

    /// Whether it rested all that time.
    fn rested(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        let covers = |rest: &Rest| {
            rest.from <= from + LATE && rest.until.is_none_or(|until| to <= until + LATE)
        };
        self.rests.iter().any(covers)
    }
}

/// All that is wrong with cycles at `now`, when nothing is later than `calm` any more.
pub(super) fn judge(books: &Books, now: DateTime<Utc>, calm: TimeDelta, found: &mut Findings) {
    let lives = lives(&books.events);
    let stuck: BTreeSet<_> = books.stuck.iter().map(|one| one.object.as_str()).collect();
    let mut billed: BTreeMap<_, Vec<Period>> = BTreeMap::new();
    for invoice in books.invoices.values() {
        if let (Some(subscription), Some(period)) = (invoice.subscription, invoice.period) {
            billed.entry(subscription).or_default().push(period);
        }
    }
    let nothing = Life::default();
    for subscription in &books.subscriptions {
        let mut periods = billed.remove(&subscription.id).unwrap_or_default();
        periods.sort_by_key(|period| period.start());
        let life = lives.get(&subscription.id).unwrap_or(&nothing);
        of_subscription(subscription, life, &periods, found);
        if !stuck.contains(subscription.id.to_string().as_str()) {
            to_its_end(subscription, life, &periods, (now, calm), found);
        }
    }
    uncollected(books, &stuck, found);
}

/// One cycle is billed after the other, from its beginning or the end of its trial.
fn of_subscription(
    subscription: &Subscription,
    life: &Life,
    periods: &[Period],
    found: &mut Findings,
) {
    let id = subscription.id;
    let mut until = subscription.trial_end.unwrap_or(subscription.started_at);
    for (nth, period) in periods.iter().enumerate() {
        let start = period.start();
        if nth > 0 && start < until {
            found.double_charges.push(format!("{id} is billed twice for {start}"));
        } else if until < start && !life.owed_nothing(&periods[..nth], until, start) {
            found.lost_cycles.push(format!("{id} is not billed from {until} to {start}"));
        }
        until = period.end();
    }
}

/// It is billed until now, or until it was over, and waits for its first payment no longer than anyone can tell.
fn to_its_end(
    subscription: &Subscription,
    life: &Life,
    periods: &[Period],
    (now, calm): (DateTime<Utc>, TimeDelta),
    found: &mut Findings,
) {
    let (id, started_at) = (subscription.id, subscription.started_at);
    let should_be = match subscription.state {
        SubscriptionState::Incomplete => {
            if started_at < now - DECIDED_WITHIN {
                found.lost_cycles.push(format!("{id} waits for its first payment"));
            }
            return;
        }
        SubscriptionState::Trialing
        | SubscriptionState::Active
        | SubscriptionState::PastDue
        | SubscriptionState::Unpaid
        | SubscriptionState::Paused => now - calm,
        SubscriptionState::Canceled | SubscriptionState::Expired => {
            subscription.ended_at.unwrap_or(now) - LATE
        }
    };
    let has_begun = life.activated_at.is_some() || subscription.trial_end.is_some();
    let until = periods.last().map(|period| period.end());
    let until = until.or(subscription.trial_end).unwrap_or(started_at);
    if has_begun && until < should_be && !life.owed_nothing(periods, until, should_be) {
        found.lost_cycles.push(format!("{id} is billed only until {until}"));
    }
}

/// What is open of a subscription that runs is about to be taken, or dunning is about it: nobody else would
/// ever ask for it. So is what was sold once and refused. What is open of one that is unpaid keeps it closed, which only what was dunned does.
fn uncollected(books: &Books, stuck: &BTreeSet<&str>, found: &mut Findings) {
    let states: BTreeMap<_, _> =
        books.subscriptions.iter().map(|one| (one.id, one.state)).collect();
    let is_refusal = |attempt: &&Attempt| {
        attempt.initiator == Initiator::Merchant && attempt.state == AttemptState::Declined
    };
    let was_refused: BTreeSet<_> =
        books.attempts.iter().filter(is_refusal).map(|attempt| attempt.invoice).collect();
    let is_unasked = |invoice: &&Invoice| match invoice.subscription.map(|id| states[&id]) {
        Some(
            SubscriptionState::Active | SubscriptionState::PastDue | SubscriptionState::Paused,
        ) => !books.in_dunning.contains(&invoice.id),
        Some(SubscriptionState::Unpaid) => !books.dunned.contains(&invoice.id),
        // What is paid by a link is asked for by mail.
        None => was_refused.contains(&invoice.id) && !books.dunned.contains(&invoice.id),
        // A first payment is asked for by mail.
        Some(
            SubscriptionState::Incomplete
            | SubscriptionState::Trialing
            | SubscriptionState::Canceled
            | SubscriptionState::Expired,
        ) => false,
    };
    let open = books.invoices.values().filter(|invoice| invoice.state == InvoiceState::Open);
    for invoice in open.filter(is_unasked) {
        let payment = books.payments.get(&invoice.id);
        let waits = payment.is_none_or(|payment| payment.state == PaymentState::Waiting);
        let is_for_staff = payment.is_some_and(|p| stuck.contains(p.id.to_string().as_str()));
        if waits && !is_for_staff {
            found.lost_cycles.push(format!("{} is open, and nobody asks for it", invoice.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::{
        payment::settle::given::{self, mint},
        version::Version,
    };

    fn at(day: &str) -> DateTime<Utc> {
        format!("{day}T09:00:00Z").parse().unwrap()
    }

    fn life(events: &[(EventKind, &str)]) -> Life {
        let Subscription { id, merchant, .. } = given::subscription();
        let mut life = Life::default();
        for (kind, day) in events {
            let subject = Subject::Subscription(id);
            life.hears(&Event::new(*kind, merchant, subject, Version::NEW, at(day), &mint()));
        }
        life
    }

    /// What is wrong on 1 June with one that began on 1 January and was billed for these periods.
    fn wrong(
        events: &[(EventKind, &str)],
        periods: &[(&str, &str)],
        state: SubscriptionState,
    ) -> Vec<String> {
        let (started_at, ended_at) = (at("2026-01-01"), at("2026-04-20"));
        let subscription = Subscription {
            state,
            started_at,
            trial_end: None,
            ended_at: state.is_over().then_some(ended_at),
            ..given::subscription()
        };
        let periods: Vec<_> =
            periods.iter().map(|(from, to)| Period::new(at(from), at(to)).unwrap()).collect();
        let mut found = Findings::default();
        let life = life(events);
        of_subscription(&subscription, &life, &periods, &mut found);
        to_its_end(
            &subscription,
            &life,
            &periods,
            (at("2026-06-01"), TimeDelta::hours(12)),
            &mut found,
        );
        found.lines().collect()
    }

    use EventKind::{
        SubscriptionActivated as Activated, SubscriptionPastDue as PastDue,
        SubscriptionPaused as Paused, SubscriptionRecovered as Recovered,
        SubscriptionResumed as Resumed, SubscriptionUnpaid as Unpaid,
    };
    use SubscriptionState::{Active, Canceled};

    type Told = &'static [(EventKind, &'static str)];
    type Billed = &'static [(&'static str, &'static str)];

    const RUNS: Told = &[(Activated, "2026-01-01")];
    const RESTS: Told = &[(Paused, "2026-01-20"), (Resumed, "2026-03-01")];
    const RESTS_BEFORE: Told = &[(Paused, "2026-01-02"), (Resumed, "2026-01-09")];
    const RESTS_STILL: Told = &[(Activated, "2026-01-01"), (Paused, "2026-02-20")];
    const FORGOTTEN: Told =
        &[(Activated, "2026-01-01"), (Paused, "2026-02-20"), (Resumed, "2026-04-01")];
    const CLOSED: Told =
        &[(PastDue, "2026-01-02"), (Unpaid, "2026-01-23"), (Recovered, "2026-03-01")];
    const OVERDUE: Told = &[(PastDue, "2026-01-02"), (Recovered, "2026-03-01")];
    const PAID_LATE: Told = &[(Activated, "2026-02-02")];
    const PAID_LATE_AND_PAUSED: Told =
        &[(Activated, "2026-02-02"), (Paused, "2026-03-03"), (Resumed, "2026-04-01")];

    const JANUARY: (&str, &str) = ("2026-01-01", "2026-02-01");
    const WINTER: (&str, &str) = ("2026-01-01", "2026-03-01");
    const SPRING: (&str, &str) = ("2026-03-01", "2026-06-01");
    const APRIL: (&str, &str) = ("2026-04-01", "2026-06-01");

    #[rstest]
    #[case::all_is_billed(RUNS, &[WINTER, SPRING], Active, 0)]
    #[case::a_month_is_missing(RUNS, &[JANUARY, SPRING], Active, 1)]
    #[case::a_month_is_billed_twice(RUNS, &[JANUARY, WINTER, SPRING], Active, 1)]
    #[case::it_was_paused(RESTS, &[JANUARY, SPRING], Active, 0)]
    #[case::it_was_paused_before(RESTS_BEFORE, &[JANUARY, SPRING], Active, 1)]
    #[case::it_was_closed(CLOSED, &[JANUARY, SPRING], Active, 0)]
    #[case::it_was_only_past_due(OVERDUE, &[JANUARY, SPRING], Active, 1)]
    #[case::it_was_paid_for_late(PAID_LATE, &[JANUARY, SPRING], Active, 0)]
    #[case::it_was_paid_for_late_and_paused(PAID_LATE_AND_PAUSED, &[JANUARY, APRIL], Active, 0)]
    #[case::it_is_forgotten(RUNS, &[WINTER], Active, 1)]
    #[case::it_is_forgotten_when_paid_for_late(PAID_LATE, &[JANUARY], Active, 1)]
    #[case::it_is_forgotten_after_a_pause(FORGOTTEN, &[WINTER], Active, 1)]
    #[case::it_rests_still(RESTS_STILL, &[WINTER], SubscriptionState::Paused, 0)]
    #[case::it_was_billed_until_its_end(RUNS, &[WINTER, SPRING], Canceled, 0)]
    #[case::it_was_forgotten_before_its_end(RUNS, &[WINTER], Canceled, 1)]
    #[case::nothing_was_had(&[], &[JANUARY], Canceled, 0)]
    fn a_gap_needs_a_rest_that_covers_it(
        #[case] events: Told,
        #[case] periods: Billed,
        #[case] state: SubscriptionState,
        #[case] expected: usize,
    ) {
        let found = wrong(events, periods, state);
        assert_eq!(found.len(), expected, "{found:?}");
    }
}
