//! Whether money and cycles came out right: what the sandbox took, by the ledger that it keeps itself,
//! against what Rondo recorded and what was owed; every cycle accounted for; each mail there.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{races::Won, stage::Stage};
use crate::{
    domain::{
        invoice::{Invoice, InvoiceState},
        notice::NoticeState,
        payment::refund::{Refund, RefundOrigin, RefundState},
    },
    gateway::sandbox::server::LedgerCharge,
    sim::{Findings, Logs},
    store::MerchantId,
};

/// After so long no attempt is undecided: a debit's answer, or the last probe.
const DECIDED_WITHIN: TimeDelta = TimeDelta::days(20);
/// How far behind its clock a portal at rest may be with its bills.
const BILLED_WITHIN: TimeDelta = TimeDelta::hours(6);
/// Mails that one crash may leave unrecorded: those on their way, and those that were taken with them.
const MAILS_DOUBLED_EACH: u64 = 16;

/// What was found, and counted on the way.
#[derive(Debug, Default)]
pub struct Judgement {
    /// What is wrong.
    pub found: Findings,
    /// Days that subscriptions lived.
    pub subscription_days: u64,
    /// Charges that were ordered, each with a key of its own.
    pub attempts: u64,
    /// Charges that took money, by the gateway's ledger.
    pub captures: u64,
    /// Invoices that were issued.
    pub invoices: u64,
    /// Mails that arrived.
    pub mails: u64,
    /// Mails that arrived once more: the answer to the first was lost with who waited for it.
    pub mails_doubled: u64,
    /// Things that wait for staff.
    pub stuck: u64,
    taken: Taken,
    attempts_known: BTreeSet<String>,
    mails_sent: BTreeSet<String>,
    mails_known: BTreeSet<String>,
}

/// What the gateway took, by invoice and by attempt.
#[derive(Debug, Default)]
struct Taken {
    by_attempt: BTreeMap<String, Vec<LedgerCharge>>,
    by_invoice: BTreeMap<String, Vec<LedgerCharge>>,
}

/// Judges what these merchants' portals left behind.
pub async fn judge(
    stage: &Stage,
    merchants: &[MerchantId],
    won: Option<Won>,
    crashes: u64,
) -> anyhow::Result<Judgement> {
    let mut judgement = Judgement::default();
    for charge in stage.ledger()?.charges().await? {
        let Taken { by_attempt, by_invoice } = &mut judgement.taken;
        judgement.captures += u64::from(charge.captured > 0);
        by_attempt.entry(charge.reference.clone()).or_default().push(charge.clone());
        by_invoice.entry(charge.invoice.clone()).or_default().push(charge);
    }
    let store = stage.store().await?;
    let mut repo = store.snapshot().await?;
    for merchant in merchants {
        let Some(known) = repo.merchant(*merchant).await? else { continue };
        let Some(clock) = known.test_clock else { continue };
        let logs = Logs::read(repo.as_mut(), *merchant).await?;
        judgement.of_portal(&logs, clock.now);
        if let Some(won) = won.filter(|won| won.merchant == *merchant) {
            judgement.of_races(&logs, won);
        }
    }
    drop(repo);
    store.close().await;
    judgement.of_strangers();
    judgement.of_mails(stage, crashes);
    Ok(judgement)
}

impl Judgement {
    fn of_portal(&mut self, logs: &Logs, now: DateTime<Utc>) {
        self.attempts += logs.attempts().len() as u64;
        self.invoices += logs.invoices().count() as u64;
        self.stuck += logs.stuck().len() as u64;
        let lived = logs.subscriptions().iter().map(|subscription| {
            let end = subscription.ended_at.unwrap_or(now);
            (end - subscription.started_at).num_days().max(0).unsigned_abs()
        });
        self.subscription_days += lived.sum::<u64>();
        self.found.rule_violations.extend(logs.rule_violations());
        self.of_attempts(logs, now);
        for invoice in logs.invoices() {
            self.of_invoice(logs, invoice);
        }
        let cycles = logs.cycles(now, BILLED_WITHIN);
        self.found.double_charges.extend(cycles.double_charges);
        self.found.lost_cycles.extend(cycles.lost_cycles);
        for notice in logs.notices() {
            let id = notice.id.to_string();
            if notice.state == NoticeState::Sent {
                self.mails_sent.insert(id.clone());
            }
            self.mails_known.insert(id);
        }
    }

    /// What the gateway has of each attempt is what the ledger says, and each has come to an end.
    fn of_attempts(&mut self, logs: &Logs, now: DateTime<Utc>) {
        for attempt in logs.attempts() {
            let id = attempt.id.to_string();
            let charges = self.taken.by_attempt.get(&id).map(Vec::as_slice).unwrap_or_default();
            let taken: i64 = charges.iter().map(left).sum();
            let recorded = logs.moved(attempt.id);
            let is_new = attempt.sent_at > now - DECIDED_WITHIN;
            let may_be_open = attempt.state.is_open() && is_new;
            if taken != recorded && !may_be_open {
                self.found.ledger_differences.push(format!(
                    "the gateway has {taken} of {id} ({:?}), and the ledger {recorded}",
                    attempt.state
                ));
            }
            if attempt.state.is_open() && !may_be_open {
                self.found.lost_cycles.push(format!("{id} is still {:?}", attempt.state));
            }
            self.attempts_known.insert(id);
        }
    }

    /// An invoice that is paid was captured once, over all of it; what came besides went back.
    fn of_invoice(&mut self, logs: &Logs, invoice: &Invoice) {
        let id = invoice.id.to_string();
        let charges = self.taken.by_invoice.get(&id).map(Vec::as_slice).unwrap_or_default();
        let refunds: Vec<_> = logs.refunds().iter().filter(|r| r.invoice == invoice.id).collect();
        let sent_back = |refund: &&&Refund| refund.state == RefundState::Succeeded;
        let was_owed = |refund: &&&Refund| refund.origin != RefundOrigin::LateSuccess;
        let asked_back: i64 = refunds
            .iter()
            .filter(sent_back)
            .filter(was_owed)
            .map(|refund| refund.amount.minor())
            .sum();
        let total = invoice.total.minor();
        let kept: i64 = charges.iter().map(left).sum();
        let owed = match invoice.state {
            InvoiceState::Paid => total - asked_back,
            InvoiceState::Open | InvoiceState::Void | InvoiceState::Uncollectible => 0,
        };
        let is_open = logs.attempts().iter().any(|a| a.invoice == invoice.id && a.state.is_open())
            || refunds.iter().any(|refund| !refund.state.is_settled());
        if is_open {
            return;
        }
        if kept > owed {
            self.found.double_charges.push(format!("{kept} are kept for {id}, of {owed}"));
        } else if kept < owed {
            self.found.ledger_differences.push(format!("{id} is paid, and {kept} came of {owed}"));
        }
        let late: BTreeSet<_> = refunds
            .iter()
            .filter(|refund| refund.origin == RefundOrigin::LateSuccess)
            .map(|refund| refund.attempt.to_string())
            .collect();
        let captured: Vec<_> = charges
            .iter()
            .filter(|charge| charge.captured > 0)
            .filter(|charge| !(late.contains(&charge.reference) && takes_late(charge)))
            .map(|charge| charge.captured)
            .collect();
        let is_exact = match invoice.state {
            InvoiceState::Paid if total > 0 => captured == [total],
            InvoiceState::Paid => captured.is_empty(),
            InvoiceState::Open | InvoiceState::Void | InvoiceState::Uncollectible => true,
        };
        if !is_exact {
            self.found.double_charges.push(format!(
                "{id} over {total} was captured {} times: {captured:?}",
                captured.len()
            ));
        }
    }

    fn of_races(&mut self, logs: &Logs, won: Won) {
        let Won { subscriptions, invoices, refunds, .. } = won;
        for (what, there, wanted) in [
            ("subscriptions", logs.subscriptions().len(), subscriptions),
            ("invoices", logs.invoices().count(), invoices),
            ("refunds", logs.refunds().len(), refunds),
        ] {
            if there != wanted {
                let told = format!("races for {wanted} {what} made {there}");
                self.found.double_charges.push(told);
            }
        }
    }

    /// Nothing was taken that nobody ordered.
    fn of_strangers(&mut self) {
        let unknown = self.taken.by_attempt.iter().filter(|(reference, charges)| {
            !self.attempts_known.contains(*reference) && charges.iter().map(left).sum::<i64>() != 0
        });
        self.found.ledger_differences.extend(
            unknown.map(|(reference, _)| format!("{reference} was taken and is not known")),
        );
    }

    /// Each mail that was sent has come. It may come again only where its answer was lost in a crash.
    fn of_mails(&mut self, stage: &Stage, crashes: u64) {
        self.mails = stage.catcher.counts().values().sum();
        let kept = stage.catcher.mails();
        let ids = kept.iter().filter_map(|mail| mail.header("Message-ID"));
        let mut came: BTreeMap<String, u64> = BTreeMap::new();
        for id in ids {
            let id = id.trim_matches(['<', '>']).split('@').next().unwrap_or_default().to_owned();
            *came.entry(id).or_default() += 1;
        }
        self.mails_doubled = came.values().map(|times| times - 1).sum();
        let faults = &mut self.found.mail_faults;
        if self.mails_doubled > crashes * MAILS_DOUBLED_EACH {
            let doubled = self.mails_doubled;
            faults.push(format!("{doubled} mails came again, after {crashes} crashes"));
        }
        let strangers = came.keys().filter(|id| !self.mails_known.contains(*id));
        faults.extend(strangers.map(|id| format!("{id} came, and nobody wrote it")));
        let lost = self.mails_sent.iter().filter(|id| !came.contains_key(*id));
        faults.extend(lost.map(|id| format!("{id} was sent and never came")));
    }
}

/// Whether its card takes money after it was declined, when another charge may have brought it: the one kind of second
/// charge that nobody can keep from happening. Any other was one too many, though it went back.
fn takes_late(charge: &LedgerCharge) -> bool {
    charge.token.contains("late_success")
}

/// What is left of a charge, in minor units.
fn left(charge: &LedgerCharge) -> i64 {
    charge.captured - charge.refunded - charge.reversed
}
