//! Whether a ladder, run at its fastest, keeps every card network's limits (RULES RET-6).
//!
//! The first attempt counts too. Bank debits are left out: their two re-presentations depend on
//! the answers, and later steps then only remind. So are the quick technical retries and attempts
//! for other invoices: those are held to the limits when they come.

use chrono::{DateTime, TimeDelta};

use super::{
    jitter,
    ladder::{LadderDraft, LadderFault},
};
use crate::domain::{
    money::{Currency, Money},
    payment::{
        attempt::Initiator,
        decline::Network,
        network::{Planned, SentAttempt, When, free_at},
        rules::Rules,
    },
};

/// Every step whose retry would meet a limit, or whose mail would follow too closely, with the
/// strictest network's word.
pub(super) fn faults(draft: &LadderDraft, rules: &Rules) -> Vec<LadderFault> {
    let mut faults = spacing_faults(draft, rules);
    for network in Network::ALL.into_iter().filter(|network| !network.is_bank_debit()) {
        let found = network_faults(draft, network, rules);
        faults.extend(
            found
                .into_iter()
                .filter(|fault| !faults.iter().any(|f| f.field == fault.field))
                .collect::<Vec<_>>(),
        );
    }
    faults
}

fn spacing_faults(draft: &LadderDraft, rules: &Rules) -> Vec<LadderFault> {
    let spacing = rules.mail_spacing();
    fastest_gaps(draft)
        .enumerate()
        .filter(|(_, gap)| *gap < spacing)
        .map(|(index, _)| {
            LadderFault::step(
                index,
                "after_days",
                format!(
                    "must be 2 days or more, or without jitter: with {} % it could come less than \
                     {} hours after the step before",
                    draft.jitter_percent,
                    spacing.num_hours(),
                ),
            )
        })
        .collect()
}

fn network_faults(draft: &LadderDraft, network: Network, rules: &Rules) -> Vec<LadderFault> {
    // Any day and any amount would do: only the distances count.
    let amount = Money::new(1, Currency::from_code("EUR").expect("the euro is a currency"));
    let planned = Planned { amount, initiator: Initiator::Merchant };
    let mut now = DateTime::UNIX_EPOCH;
    let sent = |sent_at| SentAttempt {
        sent_at,
        amount,
        initiator: Initiator::Merchant,
        same_card: true,
        same_invoice: true,
    };
    let mut history = vec![sent(now)];
    let mut faults = Vec::new();
    for (index, (gap, step)) in fastest_gaps(draft).zip(&draft.steps).enumerate() {
        now += gap;
        if !step.retry {
            continue;
        }
        match free_at(&history, planned, rules.limits(network), now) {
            When::Now => history.push(sent(now)),
            When::At(free) => faults.push(LadderFault::step(
                index,
                "after_days",
                format!(
                    "must be more: {network:?} would allow this retry {} hours later at the earliest",
                    (free - now).num_hours() + 1,
                ),
            )),
            When::Never => faults.push(LadderFault::step(
                index,
                "retry",
                format!(
                    "must not be set from this step on, only reminded: {network:?} allows {} \
                     attempts for one invoice, the first one included",
                    history.len(),
                ),
            )),
        }
    }
    faults
}

fn fastest_gaps(draft: &LadderDraft) -> impl Iterator<Item = TimeDelta> {
    draft
        .steps
        .iter()
        .map(|step| TimeDelta::days(step.after_days.into()))
        .map(|gap| jitter::shortest(gap, draft.jitter_percent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        dunning::ladder::{Ladder, Step},
        payment::rules::RuleBook,
    };

    fn ladder(gaps: &[u32], jitter_percent: u8) -> Result<Ladder, Vec<LadderFault>> {
        let mut draft: LadderDraft = Ladder::standard().into();
        let step = draft.steps[0];
        draft.steps = gaps.iter().map(|&after_days| Step { after_days, ..step }).collect();
        draft.jitter_percent = jitter_percent;
        Ladder::new(draft, RuleBook::newest())
    }

    #[test]
    fn eight_attempts_for_an_invoice_are_the_most() {
        assert!(ladder(&[8; 7], 10).is_ok());
        let faults = ladder(&[8; 9], 10).unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["steps[7].retry", "steps[8].retry"]);
        assert!(faults[0].message.contains("8 attempts for one invoice"), "{}", faults[0]);
    }

    #[test]
    fn a_day_apart_is_allowed_without_jitter_and_refused_with_it() {
        assert!(ladder(&[1, 1], 0).is_ok());
        let faults = ladder(&[3, 1], 10).unwrap_err();
        assert_eq!(faults[0].field, "steps[1].after_days");
        assert!(faults[0].message.contains("with 10 %"), "{}", faults[0]);
    }

    #[test]
    fn reminders_do_not_count_as_attempts() {
        let mut draft: LadderDraft = Ladder::standard().into();
        draft.steps = vec![Step { retry: false, ..draft.steps[0] }; 12];
        assert!(Ladder::new(draft, RuleBook::newest()).is_ok());
    }
}
