//! Whether money came out right (RULES §10, P-1, P-8): the providers' own books held against the ledger.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    books::Books,
    charge::{Charge, Standing},
    cycles, due,
};
use crate::domain::{
    ids::{Id, kind},
    invoice::InvoiceState,
    payment::refund::RefundState,
};

/// After so long no attempt is undecided: a debit's answer has come, or staff has said a day after the last
/// probe what nobody else can tell.
pub(super) const DECIDED_WITHIN: TimeDelta = TimeDelta::days(20);

/// How much later than it is due a thing is done when all has gone well for weeks: more than the coarsest
/// grain of time.
const LATE_IN_CALM: TimeDelta = TimeDelta::hours(12);

/// What staff is told of that only a person can decide or has to know. Whatever else was set aside is a
/// fault of ours.
const FOR_STAFF: [&str; 11] = [
    "and nothing asks for it",
    "mend that",
    "mend it",
    "sanctions screening spoke",
    "stands in no table of ours",
    "has not left for a day",
    "speaks of a second charge",
    "is still undecided",
    "money came after the attempt was closed",
    "had been taken back came again",
    "a second time",
];

/// What is wrong, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Invoices that brought more money than they are of, and kept it.
    pub double_charges: Vec<String>,
    /// Cycles that nobody was billed for, or that nothing becomes of.
    pub lost_cycles: Vec<String>,
    /// Where the ledger and the providers differ, or the ledger does not hold.
    pub ledger_differences: Vec<String>,
    /// Charges and mails that the rules forbid.
    pub rule_violations: Vec<String>,
    /// Mails that were lost, or sent twice.
    pub mail_faults: Vec<String>,
}

impl Findings {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.lines().next().is_none()
    }

    /// All of it, each with its kind.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let kinds = [
            ("double charge", &self.double_charges),
            ("lost cycle", &self.lost_cycles),
            ("ledger difference", &self.ledger_differences),
            ("rule violation", &self.rule_violations),
            ("mail", &self.mail_faults),
        ];
        kinds
            .into_iter()
            .flat_map(|(kind, found)| found.iter().map(move |f| format!("{kind}: {f}")))
    }
}

/// Judges what a world left behind.
pub(super) struct Judge<'a> {
    pub(super) books: &'a Books,
    /// What each provider has, by its own books.
    pub(super) charges: Vec<Charge>,
    /// Attempts of which staff said that they took nothing.
    pub(super) not_charged: &'a BTreeSet<Id<kind::Attempt>>,
    /// When the oldest webhook that nobody has listened to was to be heard.
    pub(super) unheard_since: Option<DateTime<Utc>>,
    /// The machine's time.
    pub(super) now: DateTime<Utc>,
}

impl Judge<'_> {
    /// All that is wrong.
    pub(super) fn findings(&self) -> Findings {
        let mut found = Findings::default();
        self.money(&mut found);
        self.charged_again(&mut found);
        self.set_aside(&mut found);
        cycles::judge(self.books, self.now, LATE_IN_CALM, &mut found);
        due::judge(self.books, self.now, LATE_IN_CALM, &mut found);
        if let Some(since) = self.unheard_since.filter(|since| *since < self.now - LATE_IN_CALM) {
            found.lost_cycles.push(format!("a webhook was to be heard at {since}, and is not"));
        }
        found
    }

    /// Captures less refunds are what the ledger says, and no more than what was owed (P-1).
    fn money(&self, found: &mut Findings) {
        let open: BTreeSet<_> = self
            .books
            .attempts
            .iter()
            .filter(|attempt| attempt.state.is_open())
            .map(|attempt| attempt.id)
            .collect();
        // A page may have taken the money of two cards under one name: then each is an attempt.
        let by_reference = self.books.attempts.iter().filter_map(|attempt| {
            Some(((attempt.gateway.as_str(), attempt.reference.as_deref()?), attempt.id))
        });
        let by_reference: BTreeMap<_, _> = by_reference.collect();
        let mut kept: BTreeMap<Id<kind::Attempt>, i64> = BTreeMap::new();
        let mut by_invoice: BTreeMap<Id<kind::Invoice>, i64> = BTreeMap::new();
        for charge in &self.charges {
            if charge.standing == Standing::Captured {
                let known = by_reference.get(&(charge.account, charge.reference.as_str()));
                *kept.entry(*known.unwrap_or(&charge.attempt)).or_default() += charge.left();
                *by_invoice.entry(charge.invoice).or_default() += charge.left();
            }
        }
        for attempt in &self.books.attempts {
            let taken = kept.remove(&attempt.id).unwrap_or_default();
            let recorded = self.books.moved.get(&attempt.id).copied().unwrap_or_default();
            let is_old = attempt.sent_at < self.now - DECIDED_WITHIN;
            let is_open = open.contains(&attempt.id);
            let is_excused = is_open && !is_old;
            if taken != recorded && !is_excused {
                found.ledger_differences.push(format!(
                    "the gateway has {taken} of {} ({:?}), and the ledger {recorded}",
                    attempt.id, attempt.state
                ));
            }
            if is_open && !is_excused {
                found.lost_cycles.push(format!("{} is still {:?}", attempt.id, attempt.state));
            }
        }
        for (attempt, taken) in kept.into_iter().filter(|(_, taken)| *taken != 0) {
            found.ledger_differences.push(format!("{taken} were taken for unknown {attempt}"));
        }
        for (id, kept) in by_invoice {
            let Some(invoice) = self.books.invoices.get(&id) else { continue };
            let sent_back: i64 = self
                .books
                .refunds
                .iter()
                .filter(|refund| refund.invoice == id && refund.state == RefundState::Succeeded)
                .map(|refund| refund.amount.minor() - refund.unowed.minor())
                .sum();
            let owed = match invoice.state {
                InvoiceState::Paid => invoice.total.minor() - sent_back,
                InvoiceState::Open | InvoiceState::Void | InvoiceState::Uncollectible => 0,
            };
            let is_open = self.books.attempts.iter().any(|a| a.invoice == id && a.state.is_open());
            let goes_back = self.books.refunds.iter().any(|refund| {
                refund.invoice == id
                    && matches!(refund.state, RefundState::Queued | RefundState::Pending)
            });
            if kept > owed && !is_open && !goes_back {
                found.double_charges.push(format!("{kept} are kept for {id}, of {owed}"));
            }
        }
    }

    /// No card is charged for what another charge had brought already, or may bring yet, even if that money goes back
    /// later or never comes (P-1, CHG-4). Nobody can know of a refusal that will turn into money, nor keep a payer from a
    /// page that they have open.
    fn charged_again(&self, found: &mut Findings) {
        let mut others: BTreeMap<Id<kind::Invoice>, Vec<&Charge>> = BTreeMap::new();
        for charge in &self.charges {
            others.entry(charge.invoice).or_default().push(charge);
        }
        for charge in self.charges.iter().filter(|charge| !charge.on_page) {
            let at = charge.made_at;
            let stood = |other: &&&Charge| {
                let had_brought = !other.turned
                    && other.taken_at.is_some_and(|taken| taken < at)
                    && other.gone_at.is_none_or(|gone| gone > at);
                let may_bring = other.made_at < at
                    && other.decided_at.is_none_or(|decided| decided > at)
                    && !self.not_charged.contains(&other.attempt);
                other.reference != charge.reference && (had_brought || may_bring)
            };
            let before = others.get(&charge.invoice).into_iter().flatten().find(stood);
            if let Some(before) = before {
                let stood = match before.taken_at.filter(|taken| *taken < at) {
                    Some(taken) => format!("had brought the money at {taken}"),
                    None => "was undecided".to_owned(),
                };
                found.double_charges.push(format!(
                    "{} was ordered by {} at {at}, when {} {stood}",
                    charge.reference, charge.attempt, before.reference
                ));
            }
        }
    }

    /// Nothing stands still that no person has to decide.
    fn set_aside(&self, found: &mut Findings) {
        let is_ours = |reason: &str| !FOR_STAFF.iter().any(|known| reason.contains(known));
        for stuck in self.books.stuck.iter().filter(|stuck| is_ours(&stuck.reason)) {
            found.lost_cycles.push(format!("{} was set aside: {}", stuck.object, stuck.reason));
        }
    }
}
