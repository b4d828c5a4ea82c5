//! What a magic token says its card will do, charge after charge.
//!
//! ```text
//! token  = "tok_" network [ "_exp_" MMYY ] [ "_" step { "_then_" step } ] [ "." name ]
//! step   = { fault "_" } ( fault | result ) [ "_x" N ]
//! ```
//!
//! A step with `_xN` serves N charges, then the next one's turn comes; the last step stays. Without
//! a step a card pays. The name after the dot makes a card of its own, with its own count: `.ana`
//! and `.bob` of one script do not use up each other's turns. Only a charge that arrives anew
//! counts; the replay of a known idempotency key does not.
//!
//! The words are [`NETWORKS`], [`REASONS`], [`RESULTS`] and [`FAULTS`]; `rondo sandbox tokens` lists
//! them.
//!
//! For example `tok_visa_insufficient_funds_x2_then_ok`, `tok_visa_reply_lost_lookup_stale_2`.

use serde::{Deserialize, Serialize};

use super::{
    cards::{NETWORKS, Network, REASONS, Reason},
    words::{FAULTS, Number, RESULTS},
};

/// A card, as its token tells it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Card {
    pub network: &'static Network,
    /// The month and the year of expiry.
    pub expiry: Option<(u8, u16)>,
    steps: Vec<(Step, Option<u32>)>,
}

/// What a card does at one charge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Step {
    pub arrival: Arrival,
    pub result: Verdict,
    pub telling: Telling,
    pub takes_too_little: bool,
    pub forgets_key: bool,
    pub delay_ms: u32,
    pub stale_lookups: u32,
    pub failing_lookups: u32,
    pub refunds: Refunds,
}

/// What becomes of a charge before it is executed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Arrival {
    #[default]
    Executed,
    Lost,
    Failed,
    RateLimited,
}

/// What the gateway decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Verdict {
    #[default]
    Paid,
    /// Paid, with this advice of the network's about the card.
    PaidWithAdvice(u32),
    /// By the reason's words in the token.
    Declined(String),
    AuthenticationRequired,
    ActionRequired,
    SettlesAfter(u32),
    FailsAfter(u32),
    LateSuccessAfter(u32),
}

impl Verdict {
    /// What the network says of the card beside an approval.
    pub fn advice(&self) -> Option<String> {
        if let Self::PaidWithAdvice(code) = self { Some(format!("{code:02}")) } else { None }
    }
}

/// How the answer of an executed charge is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Telling {
    #[default]
    Plain,
    Lost,
    Failed,
    Malformed,
    AsDuplicate,
}

/// What becomes of refunds of a charge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Refunds {
    #[default]
    Work,
    Refused,
    LateBy(u32),
    AnswerLost,
}

/// The reason that a step declined with, ready to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spoken {
    pub code: &'static str,
    pub response_code: String,
    pub network_advice: Option<String>,
    pub advice: Option<&'static str>,
    pub wait_hours: Option<u32>,
    pub message: &'static str,
}

const DEFAULT_EXPIRY: (u8, u16) = (12, 2034);
const MAX_TOKEN_LEN: usize = 200;

impl Card {
    /// Reads a token; `None` if it is not one of ours.
    pub fn parse(token: &str) -> Option<Self> {
        let script = token.strip_prefix("tok_")?;
        let (script, name) = script.split_once('.').unwrap_or((script, "x"));
        let name_fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if token.len() > MAX_TOKEN_LEN || name.is_empty() || !name_fits {
            return None;
        }
        let words: Vec<&str> = script.split('_').collect();
        let (word, mut rest) = words.split_first()?;
        let network = NETWORKS.iter().find(|network| network.word == *word)?;
        let mut expiry = network.expires.then_some(DEFAULT_EXPIRY);
        if let ["exp", date, more @ ..] = rest {
            expiry = Some(month_and_year(date)?);
            rest = more;
        }
        let steps = if rest.is_empty() {
            vec![(Step::default(), None)]
        } else {
            rest.split(|word| *word == "then").map(step).collect::<Option<_>>()?
        };
        Some(Self { network, expiry, steps })
    }

    /// What the card does at the charge after `used` others.
    pub fn step(&self, used: u32) -> &Step {
        let mut left = used;
        for (step, times) in &self.steps {
            match times {
                Some(times) if left >= *times => left -= times,
                _ => return step,
            }
        }
        &self.steps.last().expect("a script has at least one step").0
    }
}

/// The reason in these words of a token (`lost_card`, `rc_79_mac_01`), if it is one.
pub(super) fn reason(words: &str) -> Option<Spoken> {
    if let Some(known) = REASONS.iter().find(|reason| reason.word == words) {
        return Some(spoken(known));
    }
    let (code, mac) = match words.strip_prefix("rc_")?.split_once("_mac_") {
        Some((code, mac)) => (code, Some(mac)),
        None => (words.strip_prefix("rc_")?, None),
    };
    let fits = |text: &str| {
        (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    if !fits(code) || !mac.is_none_or(fits) {
        return None;
    }
    let code = code.to_uppercase();
    let by_advice = mac.and_then(|mac| REASONS.iter().find(|r| r.network_advice == Some(mac)));
    let by_code = || REASONS.iter().find(|r| r.network_advice.is_none() && r.response_code == code);
    let known = match mac {
        Some(_) => by_advice,
        None => by_code(),
    };
    let base = known.map_or(
        Spoken {
            code: "declined",
            response_code: String::new(),
            network_advice: None,
            advice: None,
            wait_hours: None,
            message: "declined",
        },
        spoken,
    );
    Some(Spoken { response_code: code, network_advice: mac.map(str::to_owned), ..base })
}

fn spoken(reason: &Reason) -> Spoken {
    Spoken {
        code: reason.code,
        response_code: reason.response_code.to_owned(),
        network_advice: reason.network_advice.map(str::to_owned),
        advice: reason.advice,
        wait_hours: reason.wait_hours,
        message: reason.message,
    }
}

fn step(words: &[&str]) -> Option<(Step, Option<u32>)> {
    let (words, times) = match words {
        [before @ .., last] if counted(last).is_some() => (before, counted(last)),
        _ => (words, None),
    };
    if words.is_empty() || times == Some(0) {
        return None;
    }
    let mut step = Step::default();
    let mut rest = words;
    while !rest.is_empty() {
        let Some(after) = take_fault(rest, &mut step) else {
            step.result = verdict(rest)?;
            break;
        };
        rest = after;
    }
    Some((step, times))
}

/// Takes one fault off the front of `words` into `step`.
fn take_fault<'a>(words: &'a [&'a str], step: &mut Step) -> Option<&'a [&'a str]> {
    FAULTS.iter().find_map(|fault| {
        let (number, rest) = spelled(words, fault.word, fault.number)?;
        (fault.does)(step, number);
        Some(rest)
    })
}

fn verdict(words: &[&str]) -> Option<Verdict> {
    let known = RESULTS.iter().find_map(|result| {
        let (number, rest) = spelled(words, result.word, result.number)?;
        rest.is_empty().then(|| (result.is)(number))
    });
    known.or_else(|| {
        let words = words.join("_");
        reason(&words).map(|_| Verdict::Declined(words))
    })
}

/// Takes `word` off the front of `words`, with the number behind it. `None` if it does not stand there.
fn spelled<'a>(words: &'a [&'a str], word: &str, number: Number) -> Option<(u32, &'a [&'a str])> {
    let mut rest = words;
    for part in word.split('_') {
        let (first, more) = rest.split_first()?;
        if *first != part {
            return None;
        }
        rest = more;
    }
    let given = rest.first().and_then(|n| n.parse().ok());
    match (number, given) {
        (Number::None, _) => Some((0, rest)),
        (Number::Needed | Number::Or(_), Some(given)) => Some((given, &rest[1..])),
        (Number::Or(without), None) => Some((without, rest)),
        (Number::Needed, None) => None,
    }
}

fn counted(word: &str) -> Option<u32> {
    word.strip_prefix('x')?.parse().ok()
}

fn month_and_year(text: &str) -> Option<(u8, u16)> {
    let (month, year) = text.split_at_checked(2)?;
    let (month, year): (u8, u16) = (month.parse().ok()?, year.parse().ok()?);
    ((1..=12).contains(&month) && year < 100).then_some((month, 2000 + year))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::cards::ON_PAGES, *};

    fn results(token: &str, charges: u32) -> Vec<Verdict> {
        let card = Card::parse(token).unwrap();
        (0..charges).map(|used| card.step(used).result.clone()).collect()
    }

    fn declined(words: &str) -> Verdict {
        Verdict::Declined(words.to_owned())
    }

    #[test]
    fn a_card_plays_its_steps_in_order_and_stays_at_the_last() {
        for (token, expected) in [
            ("tok_visa", vec![Verdict::Paid; 3]),
            ("tok_visa_lost_card.ana", vec![declined("lost_card"); 3]),
            (
                "tok_visa_insufficient_funds_x2_then_ok",
                vec![declined("insufficient_funds"), declined("insufficient_funds"), Verdict::Paid],
            ),
            (
                "tok_mastercard_ok_x1_then_mac_24_x1_then_rc_79_mac_01",
                vec![Verdict::Paid, declined("mac_24"), declined("rc_79_mac_01")],
            ),
            ("tok_visa_exp_0227_rc_1a", vec![declined("rc_1a"); 3]),
            ("tok_sepa_settles_after_2", vec![Verdict::SettlesAfter(2); 3]),
            ("tok_visa_ok_x1", vec![Verdict::Paid; 3]),
        ] {
            assert_eq!(results(token, 3), expected, "{token}");
        }
    }

    #[test]
    fn faults_combine_with_each_other_and_with_a_result() {
        let card = Card::parse("tok_visa_slow_50_reply_lost_lookup_stale_2_do_not_honor").unwrap();
        let expected = Step {
            telling: Telling::Lost,
            delay_ms: 50,
            stale_lookups: 2,
            result: declined("do_not_honor"),
            ..Step::default()
        };
        assert_eq!(card.step(0), &expected);
    }

    #[test]
    fn raw_codes_are_told_as_given_and_known_ones_keep_their_meaning() {
        for (words, code, response_code, advice) in [
            ("rc_41", "lost_card", "41", None),
            ("rc_1a", "authentication_required", "1A", None),
            ("rc_xx", "declined", "XX", None),
            ("rc_am04", "insufficient_funds", "AM04", None),
            ("mac_03", "do_not_try_again", "05", Some("03")),
            ("rc_79_mac_01", "new_card_data", "79", Some("01")),
            ("rc_51_mac_99", "declined", "51", Some("99")),
        ] {
            let spoken = reason(words).unwrap();
            assert_eq!(
                (spoken.code, &*spoken.response_code, spoken.network_advice.as_deref()),
                (code, response_code, advice),
                "{words}"
            );
        }
    }

    #[test]
    fn what_is_not_a_token_is_refused() {
        for text in [
            "",
            "visa",
            "tok_",
            "tok_diners",
            "tok_visa_",
            "tok_visa_nonsense",
            "tok_visa_ok_x0",
            "tok_visa_then_ok",
            "tok_visa_exp_1327",
            "tok_visa_lookup_stale",
            "tok_visa.",
            "tok_visa.a b",
            "4242424242424242",
        ] {
            assert_eq!(Card::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_card_on_the_pages_is_a_token() {
        for (token, _) in ON_PAGES {
            assert!(Card::parse(token).is_some(), "{token}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "tok_visa[a-z0-9_.]{0,60}", used: u32) {
            if let Some(card) = Card::parse(&text) {
                let _ = card.step(used);
            }
        }
    }
}
