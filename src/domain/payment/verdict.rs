//! What a person says became of a charge that neither its gateway nor a second sending decides any more
//! (RULES §3, PRB): what they may say, and of which attempts.

use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use super::attempt::{Attempt, AttemptState};

/// The longest note, in characters.
const NOTE_MAX_CHARS: usize = 500;

/// The longest reference of a gateway's, in characters.
const REFERENCE_MAX_CHARS: usize = 255;

/// After its lease the engine's next turn takes an attempt up. One that lies for so long is not taken up.
const TAKEN_UP_WITHIN: TimeDelta = TimeDelta::hours(24);

/// What became of a charge, by a person's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It took the money: all that was ordered, under this reference.
    Charged(Reference),
    /// It took none, and never will.
    NotCharged,
}

impl Verdict {
    /// For events.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Charged(_) => "charged",
            Self::NotCharged => "not_charged",
        }
    }
}

/// The gateway's reference of a charge, as a person has read it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(String);

/// Who looked, and where: why a person's word is to be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note(String);

/// Why a text is no reference or no note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unfit {
    /// There is none.
    #[error("must be set")]
    Missing,
    /// It is too long.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// No gateway's reference has spaces.
    #[error("must be one word, as the gateway shows it")]
    NotOneWord,
    /// Nothing that is shown or logged holds such.
    #[error("must not hold control characters other than line breaks and tabs")]
    Control,
}

impl FromStr for Reference {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let text = bounded(text, REFERENCE_MAX_CHARS)?;
        let is_word = text.chars().all(|letter| !letter.is_whitespace() && !letter.is_control());
        if is_word { Ok(Self(text.to_owned())) } else { Err(Unfit::NotOneWord) }
    }
}

impl FromStr for Note {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let text = bounded(text, NOTE_MAX_CHARS)?;
        let is_control = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
        if text.contains(is_control) { Err(Unfit::Control) } else { Ok(Self(text.to_owned())) }
    }
}

fn bounded(text: &str, most: usize) -> Result<&str, Unfit> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(Unfit::Missing),
        count if count > most => Err(Unfit::TooLong(most)),
        _ => Ok(text),
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an attempt is not a person's to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotForStaff {
    /// It is over.
    Settled(AttemptState),
    /// A worker is busy with it until then, or the next one takes it up.
    Held {
        /// When the lease ends or ended, in the world's time.
        until: DateTime<Utc>,
    },
    /// The gateway is asked once more, and may tell.
    Asked {
        /// When, by the merchant's clock.
        at: DateTime<Utc>,
    },
    /// Money of it was taken back, so it cannot have taken none.
    TakenBack,
}

impl Attempt {
    /// Whether `verdict` may decide it when the world's time is `world`. Only what nobody asks after any
    /// more is a person's: the probes are spent, or it was set aside. Until then the gateway's own word may
    /// still come, and is the better one.
    pub fn is_for_staff(&self, verdict: &Verdict, world: DateTime<Utc>) -> Result<(), NotForStaff> {
        match self.state {
            AttemptState::Succeeded
            | AttemptState::Reversed
            | AttemptState::Declined
            | AttemptState::Rejected
            | AttemptState::NotExecuted => return Err(NotForStaff::Settled(self.state)),
            AttemptState::InFlight
            | AttemptState::Pending
            | AttemptState::ActionRequired
            | AttemptState::Unknown => {}
        }
        if let Some(until) = self.leased_until.filter(|until| world < *until + TAKEN_UP_WITHIN) {
            return Err(NotForStaff::Held { until });
        }
        if let Some(at) = self.probe_at {
            return Err(NotForStaff::Asked { at });
        }
        match verdict {
            Verdict::NotCharged if self.told_back().is_positive() => Err(NotForStaff::TakenBack),
            Verdict::NotCharged | Verdict::Charged(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::payment::{
        attempt::Initiator,
        decline::{Decline, DeclineClass},
        reversal::{Reversal, ReversalState},
        settle::given::{START, at, attempt, eur},
    };

    /// Nobody asks after it any more.
    fn left() -> Attempt {
        Attempt {
            state: AttemptState::Unknown,
            leased_until: None,
            probe_at: None,
            probes: 12,
            ..attempt(8, Initiator::Merchant, at(START))
        }
    }

    fn charged() -> Verdict {
        Verdict::Charged("ch_1".parse().unwrap())
    }

    #[rstest]
    #[case::left(left(), Ok(()))]
    #[case::set_aside_in_flight(Attempt { state: AttemptState::InFlight, ..left() }, Ok(()))]
    #[case::left_behind(
        Attempt { leased_until: Some(at("2026-02-06T09:00:00Z")), ..left() },
        Ok(())
    )]
    #[case::just_left_behind(
        Attempt { leased_until: Some(at("2026-02-06T09:00:01Z")), ..left() },
        Err(NotForStaff::Held { until: at("2026-02-06T09:00:01Z") })
    )]
    #[case::in_hands(
        Attempt { leased_until: Some(at("2026-02-07T09:00:01Z")), ..left() },
        Err(NotForStaff::Held { until: at("2026-02-07T09:00:01Z") })
    )]
    #[case::asked_after(
        Attempt { probe_at: Some(at("2026-02-08T09:00:00Z")), ..left() },
        Err(NotForStaff::Asked { at: at("2026-02-08T09:00:00Z") })
    )]
    #[case::accepted(
        Attempt { state: AttemptState::Pending, probe_at: Some(at("2026-02-08T09:00:00Z")), ..left() },
        Err(NotForStaff::Asked { at: at("2026-02-08T09:00:00Z") })
    )]
    #[case::accepted_and_never_told(Attempt { state: AttemptState::Pending, ..left() }, Ok(()))]
    #[case::left_by_the_customer(Attempt { state: AttemptState::ActionRequired, ..left() }, Ok(()))]
    #[case::over(
        Attempt { state: AttemptState::Succeeded, ..left() },
        Err(NotForStaff::Settled(AttemptState::Succeeded))
    )]
    #[case::over_and_back(
        Attempt { state: AttemptState::NotExecuted, ..left() },
        Err(NotForStaff::Settled(AttemptState::NotExecuted))
    )]
    fn only_what_nobody_asks_after_is_a_persons(
        #[case] attempt: Attempt,
        #[case] expected: Result<(), NotForStaff>,
    ) {
        let world = at("2026-02-07T09:00:00Z");
        assert_eq!(attempt.is_for_staff(&charged(), world), expected);
        assert_eq!(attempt.is_for_staff(&Verdict::NotCharged, world), expected);
    }

    #[test]
    fn what_was_taken_back_cannot_have_taken_nothing() {
        let reversal = Reversal {
            reference: "dp_1".to_owned(),
            amount: eur(2_000),
            state: ReversalState::TakenBack,
            why: Decline::of(DeclineClass::Generic),
        };
        let attempt = Attempt { reversals: vec![reversal], ..left() };
        let refused = attempt.is_for_staff(&Verdict::NotCharged, at(START));
        assert_eq!(refused, Err(NotForStaff::TakenBack));
        assert_eq!(attempt.is_for_staff(&charged(), at(START)), Ok(()));
    }

    #[test]
    fn a_reference_is_one_word_and_a_note_says_something() {
        assert_eq!(" ch_1 ".parse::<Reference>().unwrap().to_string(), "ch_1");
        assert_eq!("Eva:\n\tlooked".parse::<Note>().unwrap().to_string(), "Eva:\n\tlooked");
        for (text, reference, note) in [
            (" ".to_owned(), Some(Unfit::Missing), Some(Unfit::Missing)),
            ("ch_1 or so".to_owned(), Some(Unfit::NotOneWord), None),
            ("ch\u{7}1".to_owned(), Some(Unfit::NotOneWord), Some(Unfit::Control)),
            ("x".repeat(256), Some(Unfit::TooLong(255)), None),
            ("x".repeat(501), Some(Unfit::TooLong(255)), Some(Unfit::TooLong(500))),
        ] {
            assert_eq!(text.parse::<Reference>().err(), reference, "{text:?}");
            assert_eq!(text.parse::<Note>().err(), note, "{text:?}");
        }
    }
}
