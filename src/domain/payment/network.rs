//! When a network lets us try again (RULES §2, RET-1 to RET-3): rolling windows over what was sent,
//! whoever set it off, from the moment of sending. It says when one *may*; whether one *should* is
//! dunning's decision. Counters are never dodged by another amount or another gateway: the caller
//! brings all tries on the card, known by its network fingerprint where there is one (RET-2).
//!
//! What was paid does not count, although RET-1 says "every authorisation": the networks limit what is
//! repeated after a refusal (Visa's reattempts, Mastercard's declines), and a row of tries ends with the
//! money. Else a daily price would stand still on its sixteenth day, on a card that never refused. What
//! is declined, under way or unknown counts.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::attempt::Initiator;
use crate::domain::money::Money;

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Attempts on the card for the same amount and currency.
    PerCardAmount,
    /// Attempts on the card.
    PerCard,
    /// Attempts for the invoice, on whatever card.
    PerInvoice,
    /// Debits of one collection presented again under its mandate, so all but the first.
    PerMandate,
}

/// A cap on attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// What it counts.
    pub scope: Scope,
    /// How many may have been sent.
    pub max: u32,
    /// Within how many hours, rolling; none means ever.
    pub window_hours: Option<u32>,
    /// Whether the customer's own attempts have a counter of their own.
    pub separate_initiators: bool,
    /// No attempt later than so many hours after the first for the invoice.
    pub ends_after_hours: Option<u32>,
}

/// A try as the counters see it: an attempt that left and has brought no money, counted from its sending
/// on (RET-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentAttempt {
    /// When it left.
    pub sent_at: DateTime<Utc>,
    /// What it asked for; nothing, for a check of the card.
    pub amount: Money,
    /// Who set it off.
    pub initiator: Initiator,
    /// Whether it was on the card (or mandate) that is to be tried.
    pub same_card: bool,
    /// Whether it was for the invoice that is to be collected.
    pub same_invoice: bool,
}

/// The attempt that one would like to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// What it would ask for.
    pub amount: Money,
    /// Who would set it off.
    pub initiator: Initiator,
}

/// When one may try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Already.
    Now,
    /// From this instant on, a whole second.
    At(DateTime<Utc>),
    /// Not any more for this invoice on this card.
    Never,
}

impl When {
    /// The later of the two.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::At(a), Self::At(b)) => Self::At(a.max(b)),
            (at @ Self::At(_), Self::Now) | (Self::Now, at) => at,
        }
    }
}

/// When `planned` may be sent, given all that was sent before. Every limit must agree.
pub fn free_at(
    history: &[SentAttempt],
    planned: Planned,
    limits: &[Limit],
    now: DateTime<Utc>,
) -> When {
    limits.iter().map(|limit| limit.free_at(history, planned, now)).fold(When::Now, When::later)
}

impl Limit {
    /// When this limit alone would let `planned` go.
    pub fn free_at(self, history: &[SentAttempt], planned: Planned, now: DateTime<Utc>) -> When {
        let mut sent: Vec<DateTime<Utc>> = history
            .iter()
            .filter(|attempt| self.counts(attempt, planned))
            .map(|attempt| attempt.sent_at)
            .collect();
        sent.sort_unstable();
        let free = match self.window_hours {
            Some(hours) => self.free_in_window(&sent, TimeDelta::hours(hours.into()), now),
            None if self.is_spent(sent.len()) => When::Never,
            None => When::Now,
        };
        let end = self
            .ends_after_hours
            .zip(sent.first())
            .map(|(hours, first)| *first + TimeDelta::hours(hours.into()));
        let start = match free {
            When::At(instant) => instant.max(now),
            When::Now | When::Never => now,
        };
        if end.is_some_and(|end| start > end) { When::Never } else { free }
    }

    fn counts(self, attempt: &SentAttempt, planned: Planned) -> bool {
        let in_scope = match self.scope {
            Scope::PerCardAmount => attempt.same_card && attempt.amount == planned.amount,
            Scope::PerCard => attempt.same_card,
            Scope::PerInvoice => attempt.same_invoice,
            Scope::PerMandate => attempt.same_card && attempt.same_invoice,
        };
        in_scope && (!self.separate_initiators || attempt.initiator == planned.initiator)
    }

    /// Whether one more than `sent` would be too many.
    fn is_spent(self, sent: usize) -> bool {
        let max = usize::try_from(self.max).unwrap_or(usize::MAX);
        match self.scope {
            Scope::PerCardAmount | Scope::PerCard | Scope::PerInvoice => sent >= max,
            Scope::PerMandate => sent.saturating_sub(1) >= max,
        }
    }

    /// `sent` in order of time. The window is half-open: what left exactly a window ago is out.
    fn free_in_window(self, sent: &[DateTime<Utc>], window: TimeDelta, now: DateTime<Utc>) -> When {
        let inside = &sent[sent.partition_point(|&at| at + window <= now)..];
        let spare = (0..=inside.len()).rev().find(|&count| !self.is_spent(count));
        match spare {
            None => When::Never,
            Some(count) if count >= inside.len() => When::Now,
            // Room appears when all but `count` of them have left the window.
            Some(count) => When::At(whole_second(inside[inside.len() - count - 1] + window)),
        }
    }
}

/// The first whole second not before `instant`.
fn whole_second(instant: DateTime<Utc>) -> DateTime<Utc> {
    let down = instant.trunc_subsecs(0);
    if down == instant { instant } else { down + TimeDelta::seconds(1) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::domain::{
        money::Currency,
        payment::{decline::Network, rules::RuleBook},
    };

    const HOUR: i64 = 3_600;
    const DAY: i64 = 24 * HOUR;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    fn eur(minor: i64) -> Money {
        Money::new(minor, Currency::from_code("EUR").unwrap())
    }

    fn sent(seconds: i64) -> SentAttempt {
        SentAttempt {
            sent_at: at(seconds),
            amount: eur(2_000),
            initiator: Initiator::Merchant,
            same_card: true,
            same_invoice: true,
        }
    }

    fn free(network: Network, history: &[SentAttempt], now: i64) -> When {
        let planned = Planned { amount: eur(2_000), initiator: Initiator::Merchant };
        free_at(history, planned, RuleBook::newest().limits(network), at(now))
    }

    #[test]
    fn mastercard_lets_two_attempts_on_a_card_through_in_any_24_hours() {
        let elsewhere = SentAttempt { same_invoice: false, amount: eur(500), ..sent(HOUR) };
        assert_eq!(free(Network::Mastercard, &[sent(0)], HOUR), When::Now);
        assert_eq!(free(Network::Mastercard, &[sent(0), elsewhere], 2 * HOUR), When::At(at(DAY)));
        assert_eq!(free(Network::Mastercard, &[sent(0), elsewhere], DAY - 1), When::At(at(DAY)));
        assert_eq!(free(Network::Mastercard, &[sent(0), elsewhere], DAY), When::Now);
    }

    #[test]
    fn visa_counts_the_customers_own_attempts_apart() {
        let other_invoices = |initiator| -> Vec<SentAttempt> {
            (0..15)
                .map(|n| SentAttempt { same_invoice: false, initiator, ..sent(n * HOUR) })
                .collect()
        };
        let now = 20 * HOUR;
        assert_eq!(free(Network::Visa, &other_invoices(Initiator::Customer), now), When::Now);
        assert_eq!(
            free(Network::Visa, &other_invoices(Initiator::Merchant), now),
            When::At(at(30 * DAY))
        );
    }

    #[test]
    fn visa_counts_each_amount_apart_and_mastercard_counts_the_card() {
        let history: Vec<_> = (0..15)
            .map(|n| SentAttempt { same_invoice: false, amount: eur(1), ..sent(n * HOUR) })
            .collect();
        assert_eq!(free(Network::Visa, &history, 15 * HOUR), When::Now);
        assert_eq!(free(Network::Mastercard, &history, 15 * HOUR), When::At(at(13 * HOUR + DAY)));
    }

    #[rstest]
    #[case(Network::Visa)]
    #[case(Network::Mastercard)]
    fn the_ninth_attempt_for_an_invoice_never_leaves(#[case] network: Network) {
        let spread: Vec<_> = (0..8).map(|n| sent(n * 40 * DAY)).collect();
        assert_eq!(free(network, &spread[..7], 400 * DAY), When::Now);
        assert_eq!(free(network, &spread, 400 * DAY), When::Never);
    }

    #[rstest]
    #[case(Network::Amex)]
    #[case(Network::Discover)]
    #[case(Network::Jcb)]
    #[case(Network::UnionPay)]
    #[case(Network::Other)]
    fn other_cards_are_tried_once_a_day(#[case] network: Network) {
        assert_eq!(free(network, &[sent(0)], HOUR), When::At(at(DAY)));
        assert_eq!(free(network, &[sent(0)], DAY), When::Now);
        let daily: Vec<_> = (0..15).map(|n| sent(n * DAY)).collect();
        assert_eq!(free(network, &daily, 15 * DAY), When::At(at(30 * DAY)));
    }

    #[rstest]
    #[case(Network::Ach)]
    #[case(Network::Sepa)]
    #[case(Network::Bacs)]
    fn a_debit_is_presented_again_twice(#[case] network: Network) {
        let renewals = SentAttempt { same_invoice: false, ..sent(0) };
        let tried = [renewals, renewals, renewals, sent(0), sent(DAY), sent(2 * DAY)];
        assert_eq!(free(network, &tried[..3], 3 * DAY), When::Now);
        assert_eq!(free(network, &tried[..5], 3 * DAY), When::Now);
        assert_eq!(free(network, &tried, 3 * DAY), When::Never);
    }

    #[test]
    fn an_ach_debit_is_not_presented_again_after_180_days() {
        assert_eq!(free(Network::Ach, &[sent(0)], 180 * DAY), When::Now);
        assert_eq!(free(Network::Ach, &[sent(0)], 180 * DAY + 1), When::Never);
    }

    #[test]
    fn a_fraction_of_a_second_waits_for_the_whole_one() {
        let fraction = TimeDelta::microseconds(1);
        let history = [SentAttempt { sent_at: at(0) + fraction, ..sent(0) }];
        assert_eq!(free(Network::Amex, &history, HOUR), When::At(at(DAY + 1)));
    }

    proptest! {
        /// Whatever was sent: at the instant told, the limit holds, and a second before it does not.
        #[test]
        fn a_window_opens_at_the_told_second_and_not_before(
            times in prop::collection::vec(0..3 * DAY, 0..30),
            max in 1_u32..6,
            hours in 1_u32..48,
        ) {
            let limit = Limit {
                scope: Scope::PerCard,
                max,
                window_hours: Some(hours),
                separate_initiators: false,
                ends_after_hours: None,
            };
            let history: Vec<_> = times.iter().map(|&seconds| sent(seconds)).collect();
            let planned = Planned { amount: eur(2_000), initiator: Initiator::Merchant };
            let window = TimeDelta::hours(hours.into());
            let inside = |instant: DateTime<Utc>| {
                history.iter().filter(|a| a.sent_at + window > instant).count()
            };
            let max = usize::try_from(max).unwrap();
            match limit.free_at(&history, planned, at(3 * DAY)) {
                When::Now => prop_assert!(inside(at(3 * DAY)) < max),
                When::At(instant) => {
                    prop_assert!(inside(instant) < max);
                    prop_assert!(inside(instant - TimeDelta::seconds(1)) >= max);
                }
                When::Never => prop_assert!(false, "a rolling window always opens again"),
            }
        }
    }
}
