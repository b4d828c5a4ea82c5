//! The moves of a case, each from a track to a decision. Which move an answer calls for is said in
//! [`super`]; when a turn comes, in [`crate::domain::dunning::track`].

use super::{Case, CaseState, Circumstances, Turn};
use crate::domain::{
    dunning::{
        decision::{Action, Decision, DunningMail, Method, Reason, StaffTask},
        ladder::{AccessLevel, FinalAction, StepMail},
        standing::Reach,
        track::{Track, asking_mail},
    },
    payment::{
        decline::{Decline, Remedy},
        method::CardMark,
        network::When,
    },
};

/// The state after a decline: of the first charge (without a `turn`), or of a turn's attempt.
pub(super) fn heard(
    mut track: Track,
    decline: &Decline,
    (method, card): (Method, CardMark),
    turn: Option<Turn>,
    around: &Circumstances<'_>,
) -> Decision {
    let remedy = around.rules.remedy(decline.class);
    around.rules.version().clone_into(&mut track.rule_version);
    track.learn(decline, method, card, around);
    if remedy == Remedy::StaffMustMend && method == Method::Backup {
        // Nobody waits for the mending of what only stands in.
        track.record(card).barred(decline.class, Reach::ThisInvoice);
    }
    let bar = track.record(card).bar().map(|bar| (method, bar));
    let staff = StaffTask::asked_by(decline, remedy);

    if remedy == Remedy::StaffMustMend && method == Method::Primary {
        track.stop_clock(around.now);
        let decision = settled(track, CaseState::WaitingForStaff, Vec::new());
        return Decision { staff, ..decision };
    }
    let step_mail = match turn {
        Some(Turn::Step(_)) => track.pass_step(around),
        Some(Turn::Technical(_) | Turn::NewMethod | Turn::Asked) | None => None,
    };
    let mut reasons = Vec::new();
    if let Remedy::Technical { hours } = remedy
        && let Some(state) = track.plan_technical(method, hours, around, &mut reasons)
    {
        let mail = step_mail.map(|mail| track.step_mail_kind(mail));
        let mail = mail.map(|kind| track.mail(kind, around));
        return Decision { mail, staff, ..settled(track, state, reasons) };
    }
    match turn {
        Some(Turn::Technical(_) | Turn::NewMethod | Turn::Asked) => track.rejoin(around),
        None | Some(Turn::Step(_)) => {
            track.start_clock(around.now);
        }
    }
    if track.is_at_end() {
        let finished = exhausted(track, step_mail, reasons, around);
        return Decision { bar, staff, ..finished };
    }
    let is_customers_turn = bar.is_some() && method == Method::Primary;
    let is_first_word = track.last_mail_at.is_none() || turn == Some(Turn::NewMethod);
    let kind = match step_mail {
        Some(StepMail::Suspended) => Some(DunningMail::Suspended),
        Some(StepMail::Reminder | StepMail::FinalWarning) | None
            if is_customers_turn || is_first_word =>
        {
            Some(asking_mail(decline.class))
        }
        Some(mail @ (StepMail::Reminder | StepMail::FinalWarning)) => {
            Some(track.step_mail_kind(mail))
        }
        None => None,
    };
    let mail = kind.map(|kind| track.mail(kind, around));
    let state = track.plan_step(around, &mut reasons);
    Decision { mail, bar, staff, ..settled(track, state, reasons) }
}

/// When `turn` comes, seen from now. A turn that cannot come any more gives way to the ladder.
pub(super) fn planned(
    track: &mut Track,
    turn: Turn,
    around: &Circumstances<'_>,
    reasons: &mut Vec<Reason>,
) -> CaseState {
    match turn {
        Turn::Step(_) => track.plan_step(around, reasons),
        Turn::Technical(method) => match track.earliest(method, around.now, around) {
            Ok((next_at, why)) => {
                reasons.extend(why);
                CaseState::Open { next_at, turn }
            }
            Err(why) => {
                reasons.push(why);
                track.rejoin(around);
                track.plan_step(around, reasons)
            }
        },
        // It was declined for good before it became the primary method again.
        Turn::NewMethod | Turn::Asked if track.bar(Method::Primary, around).is_some() => {
            track.rejoin(around);
            track.plan_step(around, reasons)
        }
        // It is no new card, and its declines allow no more.
        Turn::NewMethod if track.is_spent(Method::Primary, around) => {
            reasons.push(Reason::RetriesSpent(Method::Primary));
            track.rejoin(around);
            track.plan_step(around, reasons)
        }
        Turn::NewMethod | Turn::Asked => match track.earliest_asked(around) {
            When::Now => CaseState::Open { next_at: around.now, turn },
            When::At(next_at) => {
                reasons.push(Reason::NetworkWindow(next_at));
                CaseState::Open { next_at, turn }
            }
            When::Never => {
                reasons.push(Reason::NetworkCapSpent(Method::Primary));
                track.rejoin(around);
                track.plan_step(around, reasons)
            }
        },
    }
}

/// Orders an attempt. The case waits for its outcome, and for nothing else.
pub(super) fn attempt(
    mut track: Track,
    turn: Turn,
    method: Method,
    reasons: Vec<Reason>,
    around: &Circumstances<'_>,
) -> Decision {
    let card = around.facts(method).card;
    if track.is_retry(turn, card) {
        track.record(card).retried();
    }
    track.ordered_beside = Some(around.primary.card);
    let state = CaseState::Retrying { turn, method };
    Decision { action: Action::Attempt(method), ..settled(track, state, reasons) }
}

/// Takes a step that collects nothing.
pub(super) fn remind(
    mut track: Track,
    mut reasons: Vec<Reason>,
    around: &Circumstances<'_>,
) -> Decision {
    let step_mail = track.pass_step(around);
    if track.is_at_end() {
        return exhausted(track, step_mail, reasons, around);
    }
    let kind = step_mail.map(|mail| track.step_mail_kind(mail));
    let mail = kind.map(|kind| track.mail(kind, around));
    let state = track.plan_step(around, &mut reasons);
    Decision { mail, ..settled(track, state, reasons) }
}

/// Learns of a decline of `card`, charged as `method` once, and tries what is the primary method now.
pub(super) fn try_another(
    mut track: Track,
    decline: &Decline,
    (method, card): (Method, CardMark),
    around: &Circumstances<'_>,
) -> Decision {
    around.rules.version().clone_into(&mut track.rule_version);
    track.learn(decline, method, card, around);
    let bar = track.record(card).bar().map(|bar| (method, bar));
    let staff = StaffTask::asked_by(decline, around.rules.remedy(decline.class));
    track.replace_primary(around);
    Decision { bar, staff, ..try_new_method(track, around) }
}

/// Tries a method that was just stored; the customer is at hand, so that no hour is too late.
pub(super) fn try_new_method(mut track: Track, around: &Circumstances<'_>) -> Decision {
    let mut reasons = Vec::new();
    match planned(&mut track, Turn::NewMethod, around, &mut reasons) {
        CaseState::Open { next_at, turn: Turn::NewMethod } if next_at <= around.now => {
            attempt(track, Turn::NewMethod, Method::Primary, reasons, around)
        }
        state => settled(track, state, reasons),
    }
}

/// The ladder's end.
fn exhausted(
    mut track: Track,
    step_mail: Option<StepMail>,
    reasons: Vec<Reason>,
    around: &Circumstances<'_>,
) -> Decision {
    let final_action = track.ladder.final_action();
    let kind = match final_action {
        FinalAction::Cancel => Some(DunningMail::Canceled),
        FinalAction::MarkUnpaid => Some(DunningMail::Suspended),
        // There is nothing left that a last warning could warn of.
        FinalAction::WriteOff => step_mail.map(|mail| match mail {
            StepMail::FinalWarning => track.step_mail_kind(StepMail::Reminder),
            StepMail::Reminder | StepMail::Suspended => track.step_mail_kind(mail),
        }),
    };
    match final_action {
        FinalAction::Cancel | FinalAction::MarkUnpaid => track.access = AccessLevel::None,
        // The subscription goes on; the last step said with how much.
        FinalAction::WriteOff => {}
    }
    let mail = kind.map(|kind| track.mail(kind, around));
    let state = CaseState::Exhausted { final_action, at: around.now };
    Decision { action: Action::Finish(final_action), mail, ..settled(track, state, reasons) }
}

/// A decision that asks for nothing but to be remembered.
pub(super) fn settled(track: Track, state: CaseState, reasons: Vec<Reason>) -> Decision {
    let access = track.access;
    Decision {
        case: Case { track, state },
        action: Action::Nothing,
        mail: None,
        access,
        bar: None,
        staff: Vec::new(),
        reasons,
    }
}
