//! Dunning schedules of other billing systems, driven through a real case: their dates must come
//! out of our ladder. Vectors that ask for a policy which a ladder does not have are named here,
//! one by one, so that none is skipped unseen.

#![expect(clippy::unwrap_used, reason = "a test may: a panic names the line")]

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rondo::domain::{
    calendar::{WindowHours, Zone},
    dunning::{
        case::{Case, Circumstances, MethodFacts},
        decision::{Action, Decision},
        ladder::{AccessLevel, FinalAction, Ladder, LadderDraft, Step},
    },
    money::{Currency, Money},
    payment::{
        attempt::Initiator,
        decline::{Decline, DeclineClass, Network},
        method::CardMark,
        network::SentAttempt,
        rules::RuleBook,
    },
};
use serde_json::Value;

/// Vectors that a ladder cannot carry, and why not.
const UNSUPPORTED: [(&str, &str); 2] = [
    ("lago/dunning-schedule/001", "gaps of strictly more than n days, by a daily run"),
    ("recurly/dunning-schedule/002", "stops by counters of declines and age, where we have steps"),
];

fn ladder(gaps: &[u32], retry: bool) -> Ladder {
    let step = |&after_days| Step {
        after_days,
        retry,
        mail: None,
        access: AccessLevel::Grace,
        try_backup: false,
    };
    let draft = LadderDraft {
        steps: gaps.iter().map(step).collect(),
        final_action: FinalAction::MarkUnpaid,
        backup_method: false,
        jitter_percent: 0,
        window: WindowHours { from_hour: 0, to_hour: 24 },
    };
    Ladder::new(draft, RuleBook::newest()).unwrap()
}

fn noon(date: NaiveDate) -> DateTime<Utc> {
    date.and_hms_opt(12, 0, 0).unwrap().and_utc()
}

/// Runs a case whose every attempt is declined so; tells each decision with its date.
fn run(failed_on: NaiveDate, ladder: &Ladder, class: DeclineClass) -> Vec<(NaiveDate, Decision)> {
    let decline = Decline::of(class);
    let amount = Money::new(1_000, Currency::from_code("EUR").unwrap());
    let mut now = noon(failed_on);
    let mut history = Vec::new();
    let mut told: Vec<(NaiveDate, Decision)> = Vec::new();
    let mut latest: Option<Decision> = None;
    loop {
        let answers = latest.as_ref().is_none_or(|d| matches!(d.action, Action::Attempt(_)));
        if answers {
            history.push(SentAttempt {
                sent_at: now,
                amount,
                initiator: Initiator::Merchant,
                same_card: true,
                same_invoice: true,
            });
        }
        let case = latest.take().map(|decision| decision.case);
        if let Some(next_at) = case.as_ref().and_then(Case::next_at) {
            now = next_at;
        }
        let around = Circumstances {
            now,
            zone: Zone::UTC,
            seed: 0,
            amount,
            attempts: &[],
            primary: MethodFacts {
                card: CardMark::default(),
                consented_at: now,
                network: Network::Visa,
                history: &history,
            },
            backup: None,
            last_mail_at: None,
            not_before: None,
            rules: RuleBook::newest(),
        };
        let decision = match case {
            None => Case::open(&decline, CardMark::default(), ladder.clone(), &around),
            Some(case) if case.is_over() => return told,
            Some(case) if answers => {
                case.after_decline(&decline, CardMark::default(), &around).unwrap()
            }
            Some(case) => case.step_due(&around).unwrap(),
        };
        told.push((now.date_naive(), decision.clone()));
        latest = Some(decision);
    }
}

fn numbers(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|n| u32::try_from(n.as_u64().unwrap()).unwrap()).collect()
}

fn date(value: &Value) -> NaiveDate {
    value.as_str().unwrap().parse().unwrap()
}

/// The gaps between steps, however the vector puts them.
fn gaps(input: &Value) -> Vec<u32> {
    if input["gaps_days"].is_array() {
        return numbers(&input["gaps_days"]);
    }
    if input["every_days"].is_number() {
        let gap = u32::try_from(input["every_days"].as_u64().unwrap()).unwrap();
        let count = usize::try_from(input["max_attempts"].as_u64().unwrap()).unwrap();
        return vec![gap; count];
    }
    let ages = numbers(&input["offsets_days"]);
    ages_to_gaps(&ages)
}

fn ages_to_gaps(ages: &[u32]) -> Vec<u32> {
    ages.iter().scan(0, |before, &age| Some(age - std::mem::replace(before, age))).collect()
}

fn retries_on_the_vectors_dates(case: &Value) {
    let input = &case["input"];
    let told = run(date(&input["failed_on"]), &ladder(&gaps(input), true), DeclineClass::WaitFunds);
    let attempts: Vec<NaiveDate> = told
        .iter()
        .filter(|(_, decision)| matches!(decision.action, Action::Attempt(_)))
        .map(|(date, _)| *date)
        .collect();
    let expected: Vec<NaiveDate> =
        case["expected"]["attempts"].as_array().unwrap().iter().map(date).collect();
    assert_eq!(attempts, expected, "{}", case["id"]);
}

/// A state is the last step taken. Steps that only remind carry it: the old card is of no use.
fn states_on_the_vectors_dates(case: &Value) {
    let input = &case["input"];
    let rungs = input["ladder"].as_array().unwrap();
    let ages: Vec<u32> =
        rungs.iter().map(|r| u32::try_from(r["after_days"].as_u64().unwrap()).unwrap()).collect();
    let start = date(&input["earliest_unpaid_on"]);
    let told = run(start, &ladder(&ages_to_gaps(&ages), false), DeclineClass::Never);
    for probe in case["expected"]["states"].as_array().unwrap() {
        let at = noon(date(&probe["at"])) + TimeDelta::hours(1);
        let latest = told.iter().rev().find(|(date, _)| noon(*date) <= at).unwrap();
        let state = match latest.1.case.steps_taken() {
            0 => "clear",
            taken => rungs[taken - 1]["state"].as_str().unwrap(),
        };
        assert_eq!(state, probe["state"].as_str().unwrap(), "{} {}", case["id"], probe["at"]);
    }
}

#[test]
fn other_systems_schedules_come_out_of_our_ladder() {
    let file: Value = serde_json::from_str(include_str!("vectors/dunning_schedule.json")).unwrap();
    let mut carried = 0;
    let mut unsupported = Vec::new();
    for case in file["cases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        if UNSUPPORTED.iter().any(|(name, _)| *name == id) {
            unsupported.push(id);
            continue;
        }
        match case["op"].as_str().unwrap() {
            "retry" => retries_on_the_vectors_dates(case),
            "overdue" => states_on_the_vectors_dates(case),
            other => panic!("{id}: no such operation: {other}"),
        }
        carried += 1;
    }
    assert_eq!(unsupported, UNSUPPORTED.map(|(name, _)| name), "each by its name");
    assert_eq!(carried, 4);
}
