//! Stories of single cases, told in days and hours after the first decline.

mod cards;
mod ladder;
mod people;

use chrono::{NaiveDate, TimeDelta};
use rstest::rstest;

use super::*;
use crate::domain::{
    calendar::{WindowHours, Zone},
    dunning::{
        Reach,
        decision::{Action, Reason, StaffTask},
        ladder::{LadderDraft, Step},
        standing::Bar,
    },
    money::{Currency, Money},
    payment::{
        attempt::{Attempt, AttemptState, Initiator},
        decline::{Network, StopScope},
        method::{CardMark, Credential},
        network::SentAttempt,
        rules::{Reading, RuleBook, Rules, Signals},
        settle::given::{attempt, card},
    },
};
use DeclineClass::{Config, FixData, HoldRisk, NeedsSca, Never, StopMandate, WaitFunds};

/// A case and the world around it. It begins on Monday 2 November 2026 at 10:00 UTC.
struct World {
    start: DateTime<Utc>,
    now: DateTime<Utc>,
    zone: Zone,
    card: CardMark,
    consented_at: DateTime<Utc>,
    /// The card that the attempt under way charges.
    charged: CardMark,
    primary: Network,
    backup: Option<Network>,
    history: Vec<SentAttempt>,
    /// What was tried for the invoice before the case began.
    attempts: Vec<Attempt>,
    case: Option<Case>,
    last: Option<Decision>,
}

fn rules() -> &'static Rules {
    RuleBook::at(NaiveDate::from_ymd_opt(2026, 11, 2).unwrap())
}

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::from_code("EUR").unwrap())
}

fn days(days: i64) -> TimeDelta {
    TimeDelta::days(days)
}

fn hours(hours: i64) -> TimeDelta {
    TimeDelta::hours(hours)
}

/// The standard gaps without jitter and without closed hours, so that stories count in days.
fn plain() -> LadderDraft {
    LadderDraft {
        jitter_percent: 0,
        window: WindowHours { from_hour: 0, to_hour: 24 },
        ..Ladder::standard().into()
    }
}

impl World {
    fn on(primary: Network) -> Self {
        let start = "2026-11-02T10:00:00Z".parse().unwrap();
        Self {
            start,
            now: start,
            zone: Zone::UTC,
            card: CardMark::new("the first card", "4242", None),
            consented_at: start,
            charged: CardMark::new("the first card", "4242", None),
            primary,
            backup: None,
            history: Vec::new(),
            attempts: Vec::new(),
            case: None,
            last: None,
        }
    }

    fn around<T>(&self, ask: impl FnOnce(&Circumstances<'_>) -> T) -> T {
        let facts = |network| MethodFacts {
            card: self.card,
            consented_at: self.consented_at,
            network,
            history: &self.history,
        };
        // The backup is another card: of what was sent on the first, it shares the invoice alone.
        let others: Vec<SentAttempt> =
            self.history.iter().map(|a| SentAttempt { same_card: false, ..*a }).collect();
        ask(&Circumstances {
            now: self.now,
            zone: self.zone,
            seed: 7,
            amount: eur(2_000),
            attempts: &self.attempts,
            primary: facts(self.primary),
            backup: self.backup.map(|network| MethodFacts {
                card: CardMark::new("the backup", "1111", None),
                consented_at: self.start,
                network,
                history: &others,
            }),
            last_mail_at: None,
            not_before: None,
            rules: rules(),
        })
    }

    fn sends(&mut self) {
        self.history.push(SentAttempt {
            sent_at: self.now,
            amount: eur(2_000),
            initiator: Initiator::Merchant,
            same_card: true,
            same_invoice: true,
        });
    }

    fn opens(mut self, decline: &Decline, draft: LadderDraft) -> Self {
        self.sends();
        let ladder = Ladder::new(draft, rules()).unwrap();
        let decision = self.around(|around| Case::open(decline, self.card, ladder, around));
        self.keep(decision);
        self
    }

    fn keep(&mut self, decision: Decision) -> Decision {
        match decision.action {
            Action::Attempt(Method::Primary) => self.charged = self.card,
            Action::Attempt(Method::Backup) => {
                self.charged = CardMark::new("the backup", "1111", None);
            }
            Action::Nothing | Action::Finish(_) => {}
        }
        self.case = Some(decision.case.clone());
        self.last = Some(decision.clone());
        decision
    }

    /// A second card becomes the primary method.
    fn replaces(&mut self) -> Decision {
        self.charges("the second card")
    }

    /// This card becomes the primary method.
    fn charges(&mut self, card: &str) -> Decision {
        self.card = CardMark::new(card, "4242", None);
        self.consented_at = self.now;
        self.around(|around| self.case().method_replaced(around)).unwrap()
    }

    fn case(&self) -> Case {
        self.case.clone().unwrap()
    }

    fn last(&self) -> &Decision {
        self.last.as_ref().unwrap()
    }

    fn mail(&self) -> Option<DunningMail> {
        self.last().mail.map(|mail| mail.kind)
    }

    /// How long after the first decline the next turn comes.
    fn next(&self) -> TimeDelta {
        self.case().next_at().unwrap() - self.start
    }

    fn turns(&mut self) -> Decision {
        self.now = self.case().next_at().unwrap();
        let decision = self.around(|around| self.case().step_due(around)).unwrap();
        self.keep(decision)
    }

    fn declines(&mut self, decline: &Decline) -> Decision {
        self.sends();
        let decision =
            self.around(|around| self.case().after_decline(decline, self.charged, around)).unwrap();
        self.keep(decision)
    }

    /// Takes the next turn, which must be a retry of the primary method, and has it declined.
    fn retries(&mut self, decline: &Decline) -> Decision {
        assert_eq!(self.turns().action, Action::Attempt(Method::Primary));
        self.declines(decline)
    }
}

fn funds() -> Decline {
    Decline::of(WaitFunds)
}

/// A decline as the rules of the day read it.
fn read(network: Network, response: &str, advice: Option<&str>) -> Decline {
    let signals = Signals {
        response_code: Some(response.to_owned()),
        network_advice: advice.map(str::to_owned),
        ..Signals::on(network)
    };
    match rules().classify(&signals) {
        Reading::Declined(decline) => decline,
        other => panic!("{other:?}"),
    }
}
