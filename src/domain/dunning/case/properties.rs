//! What must hold whatever happens: any codes in any order, an engine that comes late, customers
//! who try by themselves, staff who holds and asks, cards that are replaced. An independent
//! checker keeps its own books and never looks at the case's.

use chrono::{NaiveDate, TimeDelta, Timelike};
use proptest::prelude::*;

use super::*;
use crate::domain::{
    calendar::Zone,
    dunning::{
        decision::Action,
        ladder::{LadderDraft, Step},
    },
    money::{Currency, Money},
    payment::{
        attempt::Initiator,
        decline::Network,
        method::CardMark,
        network::SentAttempt,
        rules::{Reading, RuleBook, Rules, Signals},
    },
};

/// What happens next, besides the clock.
#[derive(Debug, Clone)]
struct Happening {
    /// How late the engine takes the turn.
    late_minutes: i64,
    response: &'static str,
    advice: Option<&'static str>,
    aside: Aside,
}

#[derive(Debug, Clone, Copy)]
enum Aside {
    Nothing,
    CustomerTries,
    StaffHolds,
    StaffAsks,
    /// Another card is the primary method: one from before, or a new one.
    CardReplaced(usize),
}

/// What the checker itself remembers.
struct Books {
    zone: Zone,
    network: Network,
    history: Vec<SentAttempt>,
    cards: Vec<Card>,
    /// Which of them is the primary method.
    primary: usize,
}

/// What the checker itself remembers of one card.
#[derive(Default)]
struct Card {
    is_barred: bool,
    not_before: Option<DateTime<Utc>>,
    automatic_since_hold: Option<u32>,
    automatic: u32,
    most_automatic: Option<u32>,
}

const RESPONSES: [&str; 14] =
    ["51", "05", "91", "59", "54", "43", "R1", "1A", "65", "ZZ", "75", "13", "61", "96"];
const ADVICE: [Option<&str>; 8] =
    [None, None, None, Some("02"), Some("24"), Some("30"), Some("99"), Some("03")];

fn rules() -> &'static Rules {
    RuleBook::at(NaiveDate::from_ymd_opt(2026, 11, 2).unwrap())
}

fn amount() -> Money {
    Money::new(2_000, Currency::from_code("EUR").unwrap())
}

fn happening() -> impl Strategy<Value = Happening> {
    let aside = prop_oneof![
        8 => Just(Aside::Nothing),
        1 => Just(Aside::CustomerTries),
        1 => Just(Aside::StaffHolds),
        1 => Just(Aside::StaffAsks),
        1 => (0_usize..4).prop_map(Aside::CardReplaced),
    ];
    let late = prop_oneof![4 => 0_i64..30, 1 => 0_i64..3_000];
    // Soft codes are drawn often, so that ladders are climbed to their ends.
    let response = prop_oneof![
        4 => prop::sample::select(vec!["51", "05", "91", "61", "96", "91"]),
        1 => prop::sample::select(RESPONSES.to_vec()),
    ];
    let advice = prop_oneof![4 => Just(None), 1 => prop::sample::select(ADVICE.to_vec())];
    (late, response, advice, aside).prop_map(|(late_minutes, response, advice, aside)| Happening {
        late_minutes,
        response,
        advice,
        aside,
    })
}

fn decline(network: Network, happening: &Happening) -> Decline {
    let signals = Signals {
        response_code: Some(happening.response.to_owned()),
        network_advice: happening.advice.map(str::to_owned),
        ..Signals::on(network)
    };
    match rules().classify(&signals) {
        Reading::Declined(decline) => decline,
        other => panic!("{other:?}"),
    }
}

impl Books {
    fn sends(&mut self, now: DateTime<Utc>, initiator: Initiator) {
        let amount = amount();
        self.history.push(SentAttempt {
            sent_at: now,
            amount,
            initiator,
            same_card: true,
            same_invoice: true,
        });
    }

    fn hears(&mut self, decline: &Decline, now: DateTime<Utc>) {
        let card = &mut self.cards[self.primary];
        card.is_barred |= matches!(
            decline.class,
            DeclineClass::Never
                | DeclineClass::StopMandate
                | DeclineClass::NeedsSca
                | DeclineClass::FixData
        );
        let mut wait = decline.wait_hours.unwrap_or(0);
        if decline.class == DeclineClass::HoldRisk {
            wait = wait.max(72);
            card.automatic_since_hold.get_or_insert(0);
        }
        card.not_before = card.not_before.max(Some(now + TimeDelta::hours(wait.into())));
        if let Some(most) = decline.max_retries {
            let most = card.most_automatic.map_or(most, |known| known.min(most));
            card.most_automatic = Some(most);
        }
    }

    /// A retry of the primary card leaves at `now`: was it allowed?
    fn judge(&mut self, turn: Turn, now: DateTime<Utc>) {
        let card = &mut self.cards[self.primary];
        assert!(!card.is_barred, "a barred card was tried");
        assert!(card.not_before.is_none_or(|from| now >= from), "earlier than its minimum");
        let sent_since =
            |window: TimeDelta| self.history.iter().filter(|a| a.sent_at + window > now).count();
        let by_us = self.history.iter().filter(|a| a.initiator == Initiator::Merchant);
        let by_us_in_30_days = by_us.filter(|a| a.sent_at + TimeDelta::days(30) > now).count();
        match self.network {
            Network::Visa => {
                assert!(self.history.len() < 8, "a ninth attempt for the invoice");
                assert!(by_us_in_30_days < 15);
            }
            Network::Mastercard => {
                assert!(self.history.len() < 8, "a ninth attempt for the invoice");
                assert!(sent_since(TimeDelta::hours(24)) < 2, "a third attempt in a day");
            }
            _ => assert!(sent_since(TimeDelta::hours(24)) < 1, "a second attempt in a day"),
        }
        if matches!(turn, Turn::Step(_) | Turn::Technical(_)) {
            let hour = self.zone.local(now).hour();
            assert!((8..20).contains(&hour), "at {hour} o'clock");
            card.automatic += 1;
            assert!(card.most_automatic.is_none_or(|most| card.automatic <= most));
            if let Some(count) = &mut card.automatic_since_hold {
                *count += 1;
                assert_eq!(*count, 1, "a suspicious issuer was asked twice");
            }
        }
    }

    fn replaces_card(&mut self, choice: usize) {
        self.primary = choice % (self.cards.len() + 1);
        if self.primary == self.cards.len() {
            self.cards.push(Card::default());
        }
    }

    fn around<T>(
        &self,
        now: DateTime<Utc>,
        seed: u64,
        ask: impl FnOnce(&Circumstances<'_>) -> T,
    ) -> T {
        ask(&Circumstances {
            now,
            zone: self.zone,
            seed,
            amount: amount(),
            attempts: &[],
            primary: MethodFacts {
                card: CardMark::new(&format!("card {}", self.primary), "4242", None),
                consented_at: DateTime::UNIX_EPOCH,
                network: self.network,
                history: &self.history,
            },
            backup: None,
            last_mail_at: None,
            not_before: None,
            rules: rules(),
        })
    }
}

/// Lives through a whole case and returns how it ended.
fn live(network: Network, zone: Zone, seed: u64, draft: LadderDraft, story: &[Happening]) -> Case {
    let mut now: DateTime<Utc> = "2026-11-02T23:30:00Z".parse().unwrap();
    let mut books =
        Books { zone, network, history: Vec::new(), cards: vec![Card::default()], primary: 0 };
    let ladder = Ladder::new(draft, rules()).unwrap();
    let mut story = story.iter().cycle();
    let first = decline(network, story.next().unwrap());
    books.sends(now, Initiator::Merchant);
    books.hears(&first, now);
    let mut decision =
        books.around(now, seed, |around| Case::open(&first, around.primary.card, ladder, around));
    let mut mails: Vec<DateTime<Utc>> = Vec::new();
    let mut asides = 0;

    for happening in story.take(400) {
        let case = decision.case.clone();
        mails.extend(decision.mail.map(|mail| mail.at));
        if case.is_over() {
            break;
        }
        if decision.action == Action::Attempt(Method::Primary) {
            let CaseState::Retrying { turn, .. } = case.state() else { panic!("not retrying") };
            books.judge(turn, now);
            books.sends(now, Initiator::Merchant);
            now += TimeDelta::seconds(5);
            let answer = decline(network, happening);
            books.hears(&answer, now);
            decision = books
                .around(now, seed, |around| {
                    case.after_decline(&answer, around.primary.card, around)
                })
                .unwrap();
            continue;
        }
        assert!(case.next_at().is_none_or(|at| at >= now), "a turn in the past");
        // Six asides a story are plenty; without them, every story ends.
        let aside = if asides < 6 { happening.aside } else { Aside::Nothing };
        asides += i32::from(!matches!(aside, Aside::Nothing));
        let moved = match aside {
            Aside::Nothing => None,
            Aside::CustomerTries => {
                books.sends(now, Initiator::Customer);
                None
            }
            Aside::StaffHolds => case.clone().hold(now + TimeDelta::days(5), now).ok(),
            Aside::StaffAsks => {
                books.around(now, seed, |around| case.clone().retry_now(around)).ok()
            }
            Aside::CardReplaced(choice) => {
                books.replaces_card(choice);
                books.around(now, seed, |around| case.clone().method_replaced(around)).ok()
            }
        };
        decision = if let Some(moved) = moved {
            moved
        } else if let Some(next_at) = case.next_at() {
            now = next_at + TimeDelta::minutes(happening.late_minutes);
            books.around(now, seed, |around| case.step_due(around)).unwrap()
        } else {
            now += TimeDelta::days(2);
            books.around(now, seed, |around| case.release(around)).unwrap()
        };
    }
    for pair in mails.windows(2) {
        assert!(pair[1] - pair[0] >= TimeDelta::hours(24), "two mails within a day");
    }
    decision.case
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_story_breaks_a_limit_and_every_story_ends(
        network in prop::sample::select(vec![
            Network::Visa, Network::Mastercard, Network::Amex, Network::Jcb, Network::Other,
        ]),
        zone in prop::sample::select(vec![
            "UTC", "Europe/Berlin", "America/Los_Angeles",
            "Pacific/Auckland",
        ]),
        seed: u64,
        gaps in prop::collection::vec(2_u32..9, 1..8),
        story in prop::collection::vec(happening(), 1..30),
    ) {
        let mut draft: LadderDraft = Ladder::standard().into();
        let step = draft.steps[0];
        draft.steps =
            gaps.into_iter().map(|after_days| Step { after_days, ..step }).collect();
        let case = live(network, zone.parse().unwrap(), seed, draft, &story);
        prop_assert!(case.is_over(), "{:?}", case.state());
    }

    /// Nothing in a story depends on anything but the story.
    #[test]
    fn the_same_story_ends_the_same(seed: u64, story in prop::collection::vec(happening(), 1..10)) {
        let told = || live(Network::Visa, Zone::UTC, seed, Ladder::standard().into(), &story);
        prop_assert_eq!(told(), told());
    }
}
