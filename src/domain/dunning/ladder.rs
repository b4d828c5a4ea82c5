//! The ladder: which steps follow a declined renewal, and what stands at their end. A ladder that
//! makes no sense, or could break a network's limit, cannot be built (RULES RET-6). When a step
//! really comes is the business of [`super::case`].

use std::sync::LazyLock;

use chrono::TimeDelta;
use figment::providers::{Format, Toml};
use serde::{Deserialize, Serialize};

use super::{jitter, scheme};
use crate::domain::{
    calendar::{SendWindow, WindowHours},
    payment::rules::Rules,
};

/// What a member may use while an invoice is unpaid. Ordered from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessLevel {
    /// Nothing.
    None,
    /// Everything, for the time being.
    Grace,
    /// Everything, as if paid.
    Full,
}

/// What becomes of invoice and subscription when the ladder's end is reached without money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalAction {
    /// The subscription ends.
    Cancel,
    /// The subscription is unpaid until someone pays; nothing more is charged by itself.
    MarkUnpaid,
    /// The invoice becomes uncollectible and the subscription goes on.
    WriteOff,
}

/// What a step writes to the customer. What exactly is asked for follows from the decline: a
/// reminder asks for a new card where the old one is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepMail {
    /// It still is not paid, and this would help.
    Reminder,
    /// The last word before access ends.
    FinalWarning,
    /// Access ends now.
    Suspended,
}

/// One rung. Of a step that tries to collect, mail and access follow only when the try failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Days since the step before, or since the first decline.
    pub after_days: u32,
    /// Whether the method is tried again.
    pub retry: bool,
    /// What is written to the customer.
    pub mail: Option<StepMail>,
    /// What the member may use from here on.
    pub access: AccessLevel,
    /// Whether the customer's backup method is tried, in the place of the first.
    #[serde(default)]
    pub try_backup: bool,
}

/// A ladder as it was written, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LadderDraft {
    /// The rungs, first to last.
    pub steps: Vec<Step>,
    /// What stands at the end.
    pub final_action: FinalAction,
    /// Whether steps may try the customer's backup method.
    #[serde(default)]
    pub backup_method: bool,
    /// How far a gap may be moved either way, in per cent of it.
    pub jitter_percent: u8,
    /// The hours of the payer's day in which retries and reminders happen.
    pub window: WindowHours,
}

/// A ladder that makes sense.
///
/// Reading one back checks its shape alone and not the networks' limits: what was saved under
/// yesterday's rules must be readable under tomorrow's, and each attempt is held to the limits of
/// its own day anyway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LadderDraft", into = "LadderDraft")]
pub struct Ladder {
    draft: LadderDraft,
    /// The draft's hours, which can be.
    window: SendWindow,
}

/// What is wrong with a draft, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct LadderFault {
    /// The field's path, for example `steps[2].after_days`.
    pub field: String,
    /// What would be right.
    pub message: String,
}

/// More rungs than this are no ladder any more.
const MOST_STEPS: usize = 20;
/// The longest gap: a quarter.
const LONGEST_GAP_DAYS: u32 = 92;
/// The longest ladder: a year.
const LONGEST_LADDER_DAYS: u32 = 366;
/// More jitter than this and "in three days" would be a lie.
const MOST_JITTER_PERCENT: u8 = 25;

static STANDARD: LazyLock<Ladder> = LazyLock::new(|| {
    Toml::from_str(include_str!("standard.toml")).expect("a test builds the standard ladder")
});

impl Ladder {
    /// A ladder that makes sense and keeps every card network's limits (RULES RET-6), or all that
    /// is wrong with the draft.
    pub fn new(draft: LadderDraft, rules: &Rules) -> Result<Self, Vec<LadderFault>> {
        let ladder = Self::of_shape(draft)?;
        let faults = scheme::faults(&ladder.draft, rules);
        if faults.is_empty() { Ok(ladder) } else { Err(faults) }
    }

    /// A ladder that makes sense, whatever the networks say of it.
    fn of_shape(draft: LadderDraft) -> Result<Self, Vec<LadderFault>> {
        let mut faults = shape_faults(&draft);
        match SendWindow::try_from(draft.window) {
            Ok(window) if faults.is_empty() => return Ok(Self { draft, window }),
            Ok(_) => {}
            Err(_) => {
                faults.push(LadderFault::field(
                    "window",
                    "must open before it closes, at full hours from 0 to 24; 8 to 20 is usual",
                ));
            }
        }
        Err(faults)
    }

    /// The default of RULES RET-5: four retries, 3, 4, 7 and 7 days apart, then cancellation.
    pub fn standard() -> Self {
        STANDARD.clone()
    }

    /// The rungs, first to last; never none.
    pub fn steps(&self) -> &[Step] {
        &self.draft.steps
    }

    /// What stands at the end.
    pub const fn final_action(&self) -> FinalAction {
        self.draft.final_action
    }

    /// Whether steps may try the customer's backup method.
    pub const fn tries_backup_method(&self) -> bool {
        self.draft.backup_method
    }

    /// The hours in which retries and reminders happen.
    pub const fn window(&self) -> SendWindow {
        self.window
    }

    /// The time between step `index` and the one before, for the case that `seed` stands for.
    pub(super) fn gap(&self, index: usize, seed: u64) -> TimeDelta {
        let gap = TimeDelta::days(self.draft.steps[index].after_days.into());
        jitter::jittered(gap, self.draft.jitter_percent, seed, index)
    }

    /// The least that [`Ladder::gap`] may be.
    pub(super) fn shortest_gap(&self, index: usize) -> TimeDelta {
        let gap = TimeDelta::days(self.draft.steps[index].after_days.into());
        jitter::shortest(gap, self.draft.jitter_percent)
    }

    /// The longest that the ladder may take by itself: every gap at its longest, and every step
    /// pushed to the next opening of the window. A retry that would come later does not come.
    pub(super) fn longest(&self) -> TimeDelta {
        // An hour more, for the day on which the clock goes back.
        let push = TimeDelta::hours(i64::from(self.window.closed_hours()) + 1);
        self.draft
            .steps
            .iter()
            .map(|step| TimeDelta::days(step.after_days.into()))
            .map(|gap| jitter::longest(gap, self.draft.jitter_percent) + push)
            .sum()
    }
}

impl TryFrom<LadderDraft> for Ladder {
    type Error = LadderFault;

    fn try_from(draft: LadderDraft) -> Result<Self, LadderFault> {
        Self::of_shape(draft).map_err(|mut faults| faults.remove(0))
    }
}

impl From<Ladder> for LadderDraft {
    fn from(ladder: Ladder) -> Self {
        ladder.draft
    }
}

impl LadderFault {
    pub(super) fn step(index: usize, field: &str, message: impl Into<String>) -> Self {
        Self { field: format!("steps[{index}].{field}"), message: message.into() }
    }

    fn field(field: &str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), message: message.into() }
    }
}

/// What makes no sense under any network's rules.
fn shape_faults(draft: &LadderDraft) -> Vec<LadderFault> {
    let mut faults = Vec::new();
    if draft.steps.is_empty() {
        faults.push(LadderFault::field(
            "steps",
            "must hold at least one step; the final action follows the last one",
        ));
    }
    if draft.steps.len() > MOST_STEPS {
        faults.push(LadderFault::field("steps", format!("must hold at most {MOST_STEPS} steps")));
    }
    if draft.jitter_percent > MOST_JITTER_PERCENT {
        faults.push(LadderFault::field(
            "jitter_percent",
            format!("must be from 0 to {MOST_JITTER_PERCENT}; 10 is usual"),
        ));
    }
    let days = draft.steps.iter().fold(0, |sum: u32, step| sum.saturating_add(step.after_days));
    if days > LONGEST_LADDER_DAYS {
        faults.push(LadderFault::field(
            "steps",
            format!("must take at most {LONGEST_LADDER_DAYS} days, not {days}"),
        ));
    }
    for (index, step) in draft.steps.iter().enumerate() {
        if !(1..=LONGEST_GAP_DAYS).contains(&step.after_days) {
            faults.push(LadderFault::step(
                index,
                "after_days",
                format!("must be from 1 to {LONGEST_GAP_DAYS} days after the step before"),
            ));
        }
        if step.try_backup && !draft.backup_method {
            faults.push(LadderFault::step(
                index,
                "try_backup",
                "must not be set unless the ladder's backup_method is",
            ));
        }
        if step.mail == Some(StepMail::Suspended) && step.access != AccessLevel::None {
            faults.push(LadderFault::step(
                index,
                "mail",
                "must not say that access has ended unless access is NONE",
            ));
        }
    }
    for (index, pair) in draft.steps.windows(2).enumerate() {
        if pair[1].access > pair[0].access {
            faults.push(LadderFault::step(
                index + 1,
                "access",
                "must not grow while nothing is paid: as in the step before, or less",
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::payment::rules::RuleBook;

    fn draft() -> LadderDraft {
        Ladder::standard().into()
    }

    fn refused(change: impl FnOnce(&mut LadderDraft)) -> Vec<String> {
        let mut draft = draft();
        change(&mut draft);
        let faults = Ladder::new(draft, RuleBook::newest()).unwrap_err();
        faults.into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn the_standard_ladder_is_right_by_its_own_check() {
        assert_eq!(Ladder::new(draft(), RuleBook::newest()), Ok(Ladder::standard()));
        let gaps: Vec<u32> = Ladder::standard().steps().iter().map(|s| s.after_days).collect();
        assert_eq!(gaps, [3, 4, 7, 7]);
    }

    #[test]
    fn a_fault_names_its_field() {
        assert_eq!(refused(|ladder| ladder.steps.clear()), ["steps"]);
        assert_eq!(refused(|ladder| ladder.steps[2].after_days = 0), ["steps[2].after_days"]);
        assert_eq!(refused(|ladder| ladder.steps[1].after_days = 93), ["steps[1].after_days"]);
        assert_eq!(refused(|ladder| ladder.jitter_percent = 26), ["jitter_percent"]);
        assert_eq!(refused(|ladder| ladder.backup_method = false), ["steps[2].try_backup"]);
        assert_eq!(refused(|l| l.steps[2].access = AccessLevel::Grace), ["steps[2].mail"]);
        assert_eq!(refused(|l| l.steps[3].access = AccessLevel::Grace), ["steps[3].access"]);
        assert_eq!(refused(|ladder| ladder.steps = vec![ladder.steps[0]; 21]), ["steps"]);
        assert_eq!(
            refused(|l| l.steps = vec![Step { after_days: 90, ..l.steps[0] }; 5]),
            ["steps"]
        );
    }

    #[rstest]
    #[case(20, 8)]
    #[case(8, 8)]
    #[case(8, 25)]
    fn a_window_is_a_stretch_of_one_day(#[case] from_hour: u8, #[case] to_hour: u8) {
        assert_eq!(refused(|l| l.window = WindowHours { from_hour, to_hour }), ["window"]);
    }

    #[test]
    fn a_ladder_reads_back_as_it_was_written_and_a_senseless_one_does_not() {
        let text = serde_json::to_string(&Ladder::standard()).unwrap();
        assert_eq!(serde_json::from_str::<Ladder>(&text).unwrap(), Ladder::standard());
        let senseless = text.replace("\"after_days\":4", "\"after_days\":0");
        let error = serde_json::from_str::<Ladder>(&senseless).unwrap_err().to_string();
        assert!(error.starts_with("steps[1].after_days: must be from 1 to 92 days"), "{error}");
    }
}
