//! What led to a finding: the lines of a world's story that name what the finding names, or what stands next to that.

use std::collections::{BTreeMap, BTreeSet};

use super::{books::Books, charge::Charge};
use crate::domain::ids::{Id, kind};

/// How many lines are told of one finding.
const LINES: usize = 30;

/// How often the same words are told of it: staff is reminded daily of what waits for them.
const MOST_REPEATED: usize = 2;

/// So long is the time before the words of a line.
const TIME: usize = "2026-01-31 00:00:00 ".len();

/// A finding, and what led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// What is wrong.
    pub finding: String,
    /// The last lines of the story that are about it, oldest first.
    pub lines: Vec<String>,
}

/// What led to `finding`, by the whole `story`.
pub(super) fn account(
    finding: String,
    story: &[String],
    books: &Books,
    charges: &[Charge],
) -> Account {
    let named: BTreeSet<_> = names(&finding).map(str::to_owned).collect();
    let near = kin(books, charges).filter(|kin| kin.iter().any(|name| named.contains(name)));
    // Not the other way round: of an invoice it says little how its subscription lives on.
    let is_of = |subscription: Id<kind::Subscription>| named.contains(&subscription.to_string());
    let invoices = books.invoices.values().filter(|one| one.subscription.is_some_and(is_of));
    let invoices = invoices.map(|invoice| invoice.id.to_string());
    let concerned = near.flatten().chain(invoices).chain(named.clone()).collect();
    let lines = about(story, &concerned);
    Account { finding, lines }
}

/// The last of the lines that name anything of `concerned`, and the faults that struck right before or after those.
fn about(story: &[String], concerned: &BTreeSet<String>) -> Vec<String> {
    let is_named = |line: &String| names(line).any(|name| concerned.contains(name));
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lines = Vec::new();
    for (place, line) in story.iter().enumerate() {
        let beside = [place.checked_sub(1), place.checked_add(1)].into_iter().flatten();
        let strikes_there =
            line.contains(" fault: ") && beside.filter_map(|place| story.get(place)).any(is_named);
        let is_about = is_named(line);
        let repeated = told.entry(line.get(TIME..).unwrap_or_default()).or_default();
        *repeated += usize::from(is_about);
        if strikes_there || is_about && *repeated <= MOST_REPEATED {
            lines.push(line.clone());
        }
    }
    lines.split_off(lines.len().saturating_sub(LINES))
}

/// What a line names: ids, and references of the providers, all of which have digits behind a word of what they are.
fn names(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.contains('_') && word.contains(|c: char| c.is_ascii_digit()))
}

/// What belongs together, by its names: an attempt, a charge, a refund or a case of dunning, with what it is of.
fn kin<'a>(books: &'a Books, charges: &'a [Charge]) -> impl Iterator<Item = Vec<String>> + 'a {
    let attempts = books.attempts.iter().map(|attempt| {
        vec![attempt.id.to_string(), attempt.payment.to_string(), attempt.invoice.to_string()]
    });
    let charges = charges.iter().map(|charge| {
        let (attempt, invoice) = (charge.attempt.to_string(), charge.invoice.to_string());
        vec![charge.reference.clone(), attempt, invoice]
    });
    let refunds = books.refunds.iter().map(|refund| {
        let (attempt, payment) = (refund.attempt.to_string(), refund.payment.to_string());
        vec![refund.id.to_string(), attempt, payment, refund.invoice.to_string()]
    });
    let cases = books.cases.iter().map(|case| vec![case.id.to_string(), case.invoice.to_string()]);
    attempts.chain(charges).chain(refunds).chain(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of a story, at so many seconds.
    fn at(second: usize, words: &str) -> String {
        format!("2026-01-31 00:{:02}:{:02} {words}", second / 60, second % 60)
    }

    #[test]
    fn a_story_is_of_what_is_named_with_the_faults_beside_it_and_no_reminder_without_end() {
        let reminder = "stuck: att_1 is still undecided";
        let lines = [
            at(1, "alpha: order of att_1 by the merchant"),
            at(1, "fault: reply_lost"),
            at(2, "fault: disk_full"),
            at(2, "alpha: order of att_12 by the merchant"),
            at(3, reminder),
            at(4, reminder),
            at(5, reminder),
            at(6, "event PaymentSucceeded of Payment(pay_1)"),
        ];
        let told = about(&lines, &["att_1", "pay_1"].map(str::to_owned).into());
        assert_eq!(told, [0, 1, 4, 5, 7].map(|place: usize| lines[place].clone()));
    }

    #[test]
    fn of_a_long_story_the_end_is_told() {
        let story: Vec<_> = (0..100).map(|n| at(n, &format!("sub_1 is renewed, {n}"))).collect();
        let told = about(&story, &["sub_1".to_owned()].into());
        assert_eq!(told, story[100 - LINES..]);
    }
}
