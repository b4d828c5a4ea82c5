//! Card numbers never enter (RULES PCI-1): finds them in free text.
//!
//! A card number is a Luhn-valid run of 13 to 19 digits, which may be grouped by spaces or dashes.
//! One number in ten of that length is Luhn-valid by chance, so a text is refused, never repaired in
//! silence, and a refusal does not repeat it.

use std::ops::Range;

/// Digits in a card number, ISO/IEC 7812.
const DIGITS: std::ops::RangeInclusive<usize> = 13..=19;
/// Letters that may stand between two groups of digits, in a row.
const GAP_MAX_LEN: usize = 3;

/// Whether a text holds what may be a card number.
pub fn holds_card_number(text: &str) -> bool {
    find(text).is_some()
}

/// A group of digits, as bytes of the text.
type Group = Range<usize>;

/// Where the first possible card number stands, in bytes. It begins and ends with a whole group, so
/// that a part of a longer number is none.
fn find(text: &str) -> Option<Range<usize>> {
    let groups = groups(text);
    (0..groups.len()).find_map(|first| {
        joined(text, &groups[first..])
            .map(|last| &groups[first..=first + last])
            .take_while(|run| digits(run) <= *DIGITS.end())
            .filter(|run| digits(run) >= *DIGITS.start() && is_luhn_valid(text, run))
            .last()
            .map(|run| run[0].start..run[run.len() - 1].end)
    })
}

fn groups(text: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (at, _) in text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
        match groups.last_mut() {
            Some(group) if group.end == at => group.end = at + 1,
            _ => groups.push(at..at + 1),
        }
    }
    groups
}

/// How far groups go on with nothing but a short gap between them: 0, 1, …
fn joined<'a>(text: &'a str, groups: &'a [Group]) -> impl Iterator<Item = usize> + 'a {
    let goes_on =
        move |last: &usize| *last == 0 || is_gap(&text[groups[last - 1].end..groups[*last].start]);
    (0..groups.len()).take_while(goes_on)
}

fn is_gap(between: &str) -> bool {
    // A space, a dash, and what word processors make of them.
    let is_separator = |letter| matches!(letter, ' ' | '-' | '\u{a0}' | '\u{202f}' | '‐'..='―');
    between.chars().all(is_separator) && between.chars().count() <= GAP_MAX_LEN
}

fn digits(run: &[Group]) -> usize {
    run.iter().map(ExactSizeIterator::len).sum()
}

fn is_luhn_valid(text: &str, run: &[Group]) -> bool {
    let digits = run.iter().flat_map(|group| text[group.clone()].bytes()).map(|byte| byte - b'0');
    let reversed: Vec<u8> = digits.rev().collect();
    let sum: u32 = reversed
        .iter()
        .enumerate()
        .map(|(place, &digit)| match place % 2 {
            0 => digit,
            _ if digit > 4 => 2 * digit - 9,
            _ => 2 * digit,
        })
        .map(u32::from)
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn card_numbers_are_found_however_they_are_written() {
        for text in [
            "4111111111111111",
            "my card 4111 1111 1111 1111, thanks",
            "5555-5555-5555-4444",
            "3782\u{a0}822463\u{a0}10005",
            "4222222222222",
            "6304 0000 0000 0000 000",
            "order 12 4111 1111 1111 1111",
            "größe4111111111111111é",
        ] {
            assert!(holds_card_number(text), "{text}");
        }
    }

    #[test]
    fn other_numbers_pass() {
        for text in [
            "",
            "4111 1111 1111 1112",
            "411111111111",
            "41111111111111111111111",
            "4111 1111, 1111 1111",
            "+49 30 1234567",
            "2026-01-31 10:00",
            "inv_06ew5kkq3hx3d1qj9w2t7m8c0g",
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }

    /// Any number, made Luhn-valid by its last digit.
    fn card_number() -> impl Strategy<Value = String> {
        "[1-9][0-9]{11,17}".prop_map(|start| {
            (0..10)
                .map(|digit| format!("{start}{digit}"))
                .find(|number| is_luhn_valid(number, &groups(number)))
                .unwrap()
        })
    }

    proptest! {
        #[test]
        fn a_card_number_in_a_text_is_found(
            number in card_number(),
            before in "[^0-9]{0,20}",
            after in "[^0-9]{0,20}",
        ) {
            let text = format!("{before}{number}{after}");
            prop_assert!(holds_card_number(&text));
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            holds_card_number(&text);
        }
    }
}
