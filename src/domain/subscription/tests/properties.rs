//! What holds for every subscription, whatever is asked of it.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    calendar::{AnchorDay, Unit},
    subscription::OtherDebts,
};

fn intervals() -> impl Strategy<Value = Interval> {
    prop_oneof![
        (1..40_u32).prop_map(|count| Interval::new(count, Unit::Day).unwrap()),
        (1..6_u32).prop_map(|count| Interval::new(count, Unit::Week).unwrap()),
        prop::sample::select(vec![1_u32, 2, 3, 6, 12]).prop_map(|count| Interval::new(
            count,
            Unit::Month
        )
        .unwrap()),
        Just(Interval::YEARLY),
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    let alignments = prop_oneof![
        Just(Alignment::Anniversary),
        (1..32_u32).prop_map(|day| Alignment::AnchorDay { day: AnchorDay::try_from(day).unwrap() }),
        Just(Alignment::Calendar),
    ];
    (intervals(), alignments, prop_oneof![Just(0), 0..60_u32]).prop_map(
        |(interval, alignment, trial_days)| {
            let has_place = interval.unit() == Unit::Month || interval == Interval::YEARLY;
            let is_calendar = alignment == Alignment::Calendar;
            let alignment =
                if is_calendar && !has_place { Alignment::Anniversary } else { alignment };
            Terms { alignment, trial_days, ..every(interval) }
        },
    )
}

#[derive(Debug, Clone)]
enum Step {
    /// The loop sleeps so long, and then catches up.
    Sleep(i64),
    Pause,
    Resume,
    Change(Terms),
    Suspend,
    Forgive,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..200_i64).prop_map(Step::Sleep),
        1 => Just(Step::Pause),
        1 => Just(Step::Resume),
        1 => terms().prop_map(Step::Change),
        1 => Just(Step::Suspend),
        1 => Just(Step::Forgive),
    ];
    prop::collection::vec(step, 1..12)
}

fn starts() -> impl Strategy<Value = DateTime<Utc>> {
    (1_700_000_000_000_000..1_900_000_000_000_000_i64)
        .prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap())
}

proptest! {
    #[test]
    fn successive_periods_touch_and_none_is_billed_twice(
        terms in terms(), start in starts(), naps in prop::collection::vec(0..100_i64, 1..8),
    ) {
        let mut ana = Member::joins(terms, start);
        let mut now = start;
        for nap in naps {
            now += days(nap);
            ana.turns_at(now);
        }
        for pair in ana.invoices.windows(2) {
            prop_assert_eq!(pair[0].period.unwrap().end(), pair[1].period.unwrap().start());
        }
        prop_assert_eq!(ana.invoices.len(), usize::try_from(ana.subscription.next_cycle).unwrap());
        // Whoever is awake owes no cycle that has begun.
        prop_assert!(ana.subscription.due_at.unwrap() > now);
    }

    #[test]
    fn whatever_is_asked_no_time_is_billed_twice(
        terms in terms(), start in starts(), steps in steps(),
    ) {
        let mut ana = Member::joins(terms, start);
        let mut now = start;
        for step in steps {
            let terms = ana.terms.clone();
            match step {
                Step::Sleep(nap) => now += days(nap),
                Step::Pause => { let _ = ana.subscription.pause(None, now); }
                Step::Resume => { let _ = ana.subscription.resume(&terms, now); }
                Step::Change(terms) => { let _ = ana.will_have(terms, 1); }
                Step::Suspend if ana.subscription.state == SubscriptionState::Active => {
                    ana.subscription.suspend();
                }
                Step::Suspend => {}
                Step::Forgive => { ana.subscription.reopen(&terms, OtherDebts::None, now).unwrap(); }
            }
            ana.turns_at(now);
        }
        for pair in ana.invoices.windows(2) {
            prop_assert!(pair[0].period.unwrap().end() <= pair[1].period.unwrap().start());
        }
    }

    #[test]
    fn a_part_costs_no_more_than_the_whole(terms in terms(), start in starts()) {
        let mut ana = Member::joins(terms, start);
        ana.turns_at(start + days(400));
        for invoice in &ana.invoices {
            prop_assert!((0..=2_000).contains(&invoice.total.minor()));
        }
        // Only a first period can be a part.
        for invoice in ana.invoices.iter().skip(1) {
            prop_assert_eq!(invoice.total.minor(), 2_000);
        }
    }
}
