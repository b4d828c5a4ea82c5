//! An independent reading of the rules (RULES §1, §2, EML-5): the logs of attempts and notices are
//! judged by the tables below and in `refusal` alone. Nothing here is shared with the code that decided, so that a
//! mistake there is not made here too.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    books::Books,
    granted::Granted,
    refusal::{Forbids, meanings},
};
use crate::domain::{
    ids::{Id, kind},
    notice::{Facts, NoticeState},
    payment::{
        attempt::{Attempt, AttemptState, Initiator},
        decline::{Decline, Network},
    },
};

/// How many attempts may leave in a window.
struct Window {
    networks: &'static [Network],
    hours: i64,
    most: usize,
    /// Whether only attempts of the same amount count.
    same_amount: bool,
    /// Whether those of the customer and of the merchant count apart.
    apart: bool,
}

const OTHERS: &[Network] =
    &[Network::Amex, Network::Discover, Network::Jcb, Network::UnionPay, Network::Other];

const WINDOWS: [Window; 5] = [
    Window { networks: &[Network::Visa], hours: 720, most: 15, same_amount: true, apart: true },
    Window {
        networks: &[Network::Mastercard],
        hours: 24,
        most: 2,
        same_amount: false,
        apart: false,
    },
    Window {
        networks: &[Network::Mastercard],
        hours: 720,
        most: 15,
        same_amount: true,
        apart: false,
    },
    Window { networks: OTHERS, hours: 24, most: 1, same_amount: false, apart: false },
    Window { networks: OTHERS, hours: 720, most: 15, same_amount: false, apart: false },
];

/// Attempts for one invoice on cards of Visa and Mastercard, on whichever card: kept by us, or entered on a page.
const MOST_PER_INVOICE: usize = 8;
/// Debits of one collection under one mandate: the first, and two more.
const MOST_PER_MANDATE: usize = 3;
/// Between two mails about a debt to one customer.
const BETWEEN_MAILS: TimeDelta = TimeDelta::hours(24);

/// Every breach of a rule, in words.
/// By clocks that may have been off by `clock_error`, one against the other.
/// What was `granted` to a person is not held against what is said of automatic retries.
pub(super) fn breaches(books: &Books, granted: &Granted, clock_error: TimeDelta) -> Vec<String> {
    let mut found = Vec::new();
    let sent: Vec<&Attempt> = books.attempts.iter().filter(|a| has_left(a)).collect();
    let mut by_card: BTreeMap<&str, Vec<&Attempt>> = BTreeMap::new();
    let mut by_invoice: BTreeMap<_, Vec<&Attempt>> = BTreeMap::new();
    for attempt in &sent {
        // What a payer enters on the gateway's own page is no card that we keep.
        if attempt.method.is_some() {
            by_card.entry(&attempt.card_key).or_default().push(attempt);
        }
        by_invoice.entry(attempt.invoice).or_default().push(attempt);
    }
    let asked_for = granted.asked_for(sent.iter().copied(), clock_error);
    for (card, attempts) in &by_card {
        refusals(books, card, attempts, (granted, &asked_for), clock_error, &mut found);
        windows(card, attempts, clock_error, &mut found);
    }
    for attempts in by_invoice.values() {
        of_invoice(books, attempts, clock_error, &mut found);
    }
    taken_out(books, clock_error, &mut found);
    mails(books, clock_error, &mut found);
    found
}

/// Whether it reached a network, as far as anyone knows.
pub(super) fn has_left(attempt: &Attempt) -> bool {
    !matches!(attempt.state, AttemptState::Rejected | AttemptState::NotExecuted)
}

/// Whether it took the money, though a bank may have taken that back since.
fn brought_money(attempt: &Attempt) -> bool {
    matches!(attempt.state, AttemptState::Succeeded | AttemptState::Reversed)
}

/// Whether the issuer or its network was asked, and said no.
fn was_refused_by_issuer(attempt: &Attempt) -> bool {
    let by =
        |decline: &Decline| decline.response_code.is_some() || decline.network_advice.is_some();
    attempt.state == AttemptState::Declined && attempt.decline.as_ref().is_some_and(by)
}

/// No attempt comes after a refusal that forbids it, nor sooner than one allows.
fn refusals(
    books: &Books,
    card: &str,
    attempts: &[&Attempt],
    (granted, asked_for): (&Granted, &BTreeSet<Id<kind::Attempt>>),
    clock_error: TimeDelta,
    found: &mut Vec<String>,
) {
    for (place, refused) in attempts.iter().enumerate() {
        // A refusal that money followed was not the issuer's last word.
        let holds = refused.settled_at.is_some() && !brought_money(refused);
        let Some(decline) = refused.decline.as_ref().filter(|_| holds) else { continue };
        let (code, advice) = (decline.response_code.as_deref(), decline.network_advice.as_deref());
        let known_at = refused.settled_at.unwrap_or(refused.sent_at);
        let after = attempts[place + 1..]
            .iter()
            .filter(|next| next.initiator == Initiator::Merchant && next.sent_at >= known_at);
        // An invoice's attempts are numbered as they come, which no clock that was set back can turn round.
        let same_invoice = || {
            let its = after.clone().filter(|next| next.invoice == refused.invoice);
            its.filter(|next| next.id > refused.id)
        };
        let said = || {
            let advice = advice.map(|advice| format!(" with advice {advice}")).unwrap_or_default();
            format!("{}{advice}", code.unwrap_or("no code"))
        };
        let meanings = meanings(refused.network, code, advice, refused.sent_at);
        for forbidden in meanings.iter().filter_map(|meaning| meaning.forbids) {
            let (next, allowed) = match forbidden {
                Forbids::Everything => (after.clone().next(), 0),
                Forbids::UntilStoredAnew => {
                    let is_old = |next: &&&Attempt| {
                        let method = next.method.and_then(|id| books.methods.get(&id));
                        method.is_none_or(|known| {
                            granted.absent.contains(&known.id)
                                || known.created_at + clock_error < known_at
                        })
                    };
                    (after.clone().find(is_old), 0)
                }
                Forbids::ThisInvoice => (same_invoice().next(), 0),
                // Whoever asked for another try has mended what was set up wrongly.
                Forbids::AllBut(0) => {
                    let mended =
                        granted.asked(refused.invoice).filter(|at| *at + clock_error >= known_at);
                    let mended_at = mended.min();
                    let is_too_soon = |next: &&&Attempt| {
                        mended_at.is_none_or(|at| next.sent_at + clock_error < at)
                    };
                    (same_invoice().find(is_too_soon), 0)
                }
                // Money that came of one after another had been ordered counts for nothing.
                Forbids::AllBut(most) => {
                    let by_itself =
                        |next: &&&Attempt| !brought_money(next) && !asked_for.contains(&next.id);
                    (same_invoice().filter(by_itself).nth(most), most)
                }
            };
            if let Some(next) = next {
                found.push(format!(
                    "{} on {card} after {} said {}, which allows {allowed}",
                    next.id,
                    refused.id,
                    said()
                ));
            }
        }
        let hours = meanings.iter().map(|meaning| meaning.hours).max().unwrap_or_default();
        let from = refused.sent_at + TimeDelta::hours(hours) - clock_error;
        if let Some(next) = same_invoice().find(|next| next.sent_at < from) {
            found.push(format!(
                "{} on {card} less than {hours} hours after {} said {}",
                next.id,
                refused.id,
                said()
            ));
        }
    }
}

/// No window of a network holds more than it may. What brought the money ends its row of tries: the
/// networks limit what is tried again after a refusal.
fn windows(card: &str, attempts: &[&Attempt], clock_error: TimeDelta, found: &mut Vec<String>) {
    for (place, last) in attempts.iter().enumerate() {
        for window in WINDOWS.iter().filter(|window| window.networks.contains(&last.network)) {
            let begins = last.sent_at - TimeDelta::hours(window.hours) + clock_error;
            let inside: Vec<_> = attempts[..=place]
                .iter()
                .filter(|before| before.sent_at > begins)
                .filter(|before| before.id == last.id || !brought_money(before))
                // What brought the money may have come first, by a clock that was set back since.
                .filter(|before| {
                    let is_before = before.sent_at <= last.sent_at - clock_error;
                    before.id == last.id || !brought_money(last) || is_before
                })
                .filter(|before| !window.same_amount || before.amount == last.amount)
                .filter(|before| !window.apart || before.initiator == last.initiator)
                .map(|before| before.id.to_string())
                .collect();
            if inside.len() > window.most {
                let (hours, inside) = (window.hours, inside.join(", "));
                found.push(format!(
                    "of {} on {card} within {hours} hours there are {inside}",
                    window.most
                ));
            }
        }
    }
}

/// No invoice sees more attempts than it may, nor any once it is closed.
fn of_invoice(
    books: &Books,
    attempts: &[&Attempt],
    clock_error: TimeDelta,
    found: &mut Vec<String>,
) {
    let is_card = |attempt: &&&Attempt| {
        matches!(attempt.network, Network::Visa | Network::Mastercard) && attempt.method.is_some()
    };
    // On a gateway's page a payer tries whichever card they like; that counts for the invoice too.
    let last = attempts.iter().filter(is_card).map(|attempt| attempt.id).max();
    let is_refused_page = |attempt: &&&Attempt| {
        attempt.method.is_none() && Some(attempt.id) < last && was_refused_by_issuer(attempt)
    };
    let on_cards = attempts.iter().filter(|one| is_card(one) || is_refused_page(one)).count();
    if on_cards > MOST_PER_INVOICE {
        found.push(format!("{on_cards} attempts on cards for {}", attempts[0].invoice));
    }
    let mut by_mandate: BTreeMap<&str, usize> = BTreeMap::new();
    for attempt in attempts {
        if matches!(attempt.network, Network::Ach | Network::Sepa | Network::Bacs) {
            *by_mandate.entry(&attempt.card_key).or_default() += 1;
        }
    }
    for (mandate, count) in by_mandate.iter().filter(|(_, count)| **count > MOST_PER_MANDATE) {
        found.push(format!("{count} debits of {mandate} for {}", attempts[0].invoice));
    }
    let closed_at = books.invoices.get(&attempts[0].invoice).and_then(|one| one.closed_at);
    for attempt in attempts {
        if closed_at.is_some_and(|closed| attempt.sent_at > closed + clock_error) {
            found.push(format!("{} for {}, which was closed", attempt.id, attempt.invoice));
        }
    }
}

/// Nothing is sent to a card any more that its owner has taken out (RULES CAN-4).
fn taken_out(books: &Books, clock_error: TimeDelta, found: &mut Vec<String>) {
    for attempt in books.attempts.iter().filter(|attempt| has_left(attempt)) {
        let method = attempt.method.and_then(|id| books.methods.get(&id));
        let Some(taken_out_at) = method.and_then(|method| method.deleted_at) else { continue };
        if attempt.last_sent_at > taken_out_at + clock_error {
            found.push(format!("{} on a card that was taken out at {taken_out_at}", attempt.id));
        }
    }
}

/// No two mails about a debt within a day, and none twice about one fact.
fn mails(books: &Books, clock_error: TimeDelta, found: &mut Vec<String>) {
    let mut facts = BTreeSet::new();
    let mut last: BTreeMap<_, (DateTime<Utc>, String)> = BTreeMap::new();
    let mut sent: Vec<_> =
        books.notices.iter().filter(|notice| notice.state == NoticeState::Sent).collect();
    sent.sort_by_key(|notice| notice.sent_at);
    for notice in sent {
        if !facts.insert((notice.customer, &notice.fact_key)) {
            found.push(format!("{} tells {} again", notice.id, notice.fact_key));
        }
        let is_about_debt = matches!(
            notice.facts,
            Facts::PaymentFailed { .. }
                | Facts::AuthenticationNeeded { .. }
                | Facts::Suspended { .. }
        );
        let Some(sent_at) = notice.sent_at.filter(|_| is_about_debt) else { continue };
        if let Some((before, other)) = last.get(&notice.customer)
            && sent_at < *before + BETWEEN_MAILS - clock_error
        {
            found.push(format!("{} at {sent_at}, and {other} at {before}", notice.id));
        }
        last.insert(notice.customer, (sent_at, notice.id.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::payment::{
        decline::DeclineClass,
        settle::given::{self, attempt},
    };

    #[rstest]
    #[case::a_page_was_refused_before(0, Some("51"), 1)]
    #[case::a_page_was_left_alone(0, None, 0)]
    #[case::a_page_came_last(9, Some("51"), 0)]
    fn what_is_refused_on_a_page_counts_for_its_invoice(
        #[case] page: u128,
        #[case] code: Option<&str>,
        #[case] expected: usize,
    ) {
        let at = given::at("2026-03-02T09:00:00Z");
        let on_card = |number| attempt(number, Initiator::Merchant, at);
        let decline = Decline {
            response_code: code.map(ToOwned::to_owned),
            ..Decline::of(DeclineClass::Generic)
        };
        let on_page = Attempt {
            method: None,
            state: AttemptState::Declined,
            decline: Some(decline),
            ..attempt(page, Initiator::Customer, at)
        };
        let mut all: Vec<_> = (1..=8).map(on_card).collect();
        all.push(on_page);
        let all: Vec<_> = all.iter().collect();
        let mut found = Vec::new();
        of_invoice(&Books::default(), &all, TimeDelta::zero(), &mut found);
        assert_eq!(found.len(), expected, "{found:?}");
    }
}
