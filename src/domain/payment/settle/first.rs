//! A first payment that failed. Nothing is served yet, so nothing is dunned and there is no case: the
//! customer pays by the link, or the subscription expires. What declines have taught binds all the
//! same (RULES §1).

use chrono::{DateTime, TimeDelta, Utc};

use super::{Owed, declined::for_staff};
use crate::domain::{
    changes::Changes,
    customer::PaymentMethod,
    dunning::{Bar, Refusal, Standing},
    ids::Mint,
    notice::{Facts, Notice},
    payment::{
        PaymentState,
        attempt::{Attempt, Initiator},
        decline::{Decline, DeclineClass, Remedy},
        network::{Planned, When, free_at},
        rules::RuleBook,
    },
};

/// What follows from a decline. Why a person must look, if they must.
pub(super) fn declined(
    mut owed: Owed,
    decline: &Decline,
    occasion: &str,
    changes: &mut Changes,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Option<String> {
    let remedy = RuleBook::at(now.date_naive()).remedy(decline.class);
    if decline.class == DeclineClass::WaitIssuer
        && let Some(at) = quick_retry(&owed)
    {
        owed.payment.state = PaymentState::Scheduled;
        owed.payment.collect_at = Some(at);
    }
    if remedy == Remedy::StaffMustMend {
        // Nothing that the customer could mend: it is due again, and staff lets it go.
        owed.payment.state = PaymentState::Scheduled;
        owed.payment.collect_at = Some(now);
    } else if owed.is_primary_untried() && owed.may_be_charged_at_once(now) {
        owed.payment.state = PaymentState::Scheduled;
        owed.payment.collect_at = Some(now);
    } else if owed.payment.collect_at.is_none() {
        changes.notices.push(notice(&owed, decline.class, occasion, now, mint));
    }
    changes.payments.push(owed.payment);
    for_staff(decline, now)
}

/// The attempts that failed because bank or network were down.
fn technical(owed: &Owed) -> impl Iterator<Item = &Attempt> {
    owed.attempts.iter().filter(|attempt| is_technical(attempt))
}

fn is_technical(attempt: &Attempt) -> bool {
    attempt.decline.as_ref().is_some_and(|decline| decline.class == DeclineClass::WaitIssuer)
}

/// The wait before the quick retry that follows so many of them, if one does.
fn quick_gap(failures: usize, now: DateTime<Utc>) -> Option<TimeDelta> {
    let remedy = RuleBook::at(now.date_naive()).remedy(DeclineClass::WaitIssuer);
    let Remedy::Technical { hours } = remedy else { return None };
    let hours = hours.get(failures.checked_sub(1)?)?;
    Some(TimeDelta::hours((*hours).into()))
}

/// When the next quick retry comes, if one is left and comes no sooner than the network advised. A refusal since,
/// of another card perhaps, has ended them.
pub(super) fn quick_retry(owed: &Owed) -> Option<DateTime<Utc>> {
    let ours = |attempt: &&Attempt| attempt.initiator == Initiator::Merchant;
    let refused = owed.attempts.iter().filter(ours).filter(|attempt| attempt.decline.is_some());
    let last = refused.max_by_key(|attempt| attempt.settled_at)?;
    let ended_at = last.settled_at.filter(|_| is_technical(last))?;
    let advised = last.decline.as_ref().and_then(|decline| decline.wait_hours).unwrap_or_default();
    let gap = quick_gap(technical(owed).count(), ended_at)?;
    (gap >= TimeDelta::hours(advised.into())).then(|| ended_at + gap)
}

fn notice(
    owed: &Owed,
    class: DeclineClass,
    occasion: &str,
    now: DateTime<Utc>,
    mint: &Mint,
) -> Notice {
    let tried = owed.charged.as_ref().map(PaymentMethod::shown);
    let amount = owed.invoice.open_amount();
    let lapses_at = owed.subscription.as_ref().and_then(|(subscription, _)| subscription.due_at);
    let facts = if class == DeclineClass::NeedsSca {
        Facts::AuthenticationNeeded { amount, confirm_by: lapses_at, tried }
    } else {
        Facts::PaymentFailed {
            amount,
            failed_at: now,
            class,
            next_try_at: None,
            access_until: None,
            tried,
            taken_back: false,
            is_final: false,
            lapses_at,
        }
    };
    // The same attempt may have asked for a confirmation before, in a mail of its own.
    let key = format!("{}:declined:{occasion}", facts.kind());
    let mut notice = Notice::new(owed.invoice.merchant, owed.customer.id, facts, key, now, mint)
        .about_invoice(&owed.invoice);
    notice.due_at = Some(owed.may_be_dunned_at(now));
    notice
}

/// What was said of `method` for this very invoice, by the attempts at it, and keeps it from being charged for that by
/// itself, though it may be for others: money that was taken back is owed again, and the payer has still to confirm.
pub fn barred_from(
    attempts: &[Attempt],
    method: &PaymentMethod,
    now: DateTime<Utc>,
) -> Option<Bar> {
    let on_it = attempts.iter().filter(|attempt| attempt.method == Some(method.id));
    Standing::after(on_it, RuleBook::at(now.date_naive())).bar_from_invoice()
}

impl Owed {
    /// Whether what would be charged was stored while another one was, and was never tried for this.
    pub(super) fn is_primary_untried(&self) -> bool {
        let Some(primary) = &self.primary else { return false };
        let is_another =
            self.charged.as_ref().is_none_or(|method| method.card_key != primary.card_key);
        is_another && self.attempts.iter().all(|tried| tried.card_key != primary.card_key)
    }

    /// Whether there is something to charge, and it may be charged now.
    pub fn may_be_charged_at_once(&self, now: DateTime<Utc>) -> bool {
        let is_chargeable = self.primary.as_ref().is_some_and(PaymentMethod::is_chargeable);
        is_chargeable && self.may_be_asked_for(now).is_ok()
    }

    /// Whether what would be charged may be charged now because a person asks, as far as the network
    /// and the card's declines for this invoice go. Where there is a case, it knows more.
    pub fn may_be_asked_for(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        let rules = RuleBook::at(now.date_naive());
        let network = self.primary.as_ref().map(|method| method.network);
        let card = self.primary.as_ref().map(|method| &method.card_key);
        let on_it = self.attempts.iter().filter(|attempt| card == Some(&attempt.card_key));
        let learned = Standing::after(on_it, rules);
        if let Some(bar) = learned.bar_from_invoice() {
            return Err(Refusal::MethodBarred(bar.class));
        }
        let amount = self.invoice.open_amount();
        let planned = Planned { amount, initiator: Initiator::Merchant };
        let limits = network.map(|network| rules.limits(network)).unwrap_or_default();
        let advice = learned.wait_until().filter(|until| *until > now);
        let advice = advice.map_or(When::Now, When::At);
        match advice.later(free_at(&self.sent_on_primary, planned, limits, now)) {
            When::Now => Ok(()),
            When::At(at) => Err(Refusal::NotBefore(at)),
            When::Never => Err(Refusal::NetworkCapSpent),
        }
    }
}
