//! Dunning policies, ladders and cases.

use super::{customers, number, payments, time};
use crate::{
    app::{AppError, Result, dunning::PolicyUpdate},
    domain::{
        calendar::{SendWindow, WindowHours},
        dunning::{
            AccessLevel, CaseState, DunningCase, DunningPolicy, FinalAction, Ladder, LadderDraft,
            Step, StepMail,
        },
        subscription::Access,
    },
    grpc::{
        faults::{Faults, required},
        masks::Mask,
        names,
        proto::v1::{self, dunning_case::State, dunning_ladder},
    },
};

/// A policy as the API writes it.
pub fn policy(known: &DunningPolicy) -> v1::DunningPolicy {
    v1::DunningPolicy {
        name: names::name(known.id),
        uid: known.id.uuid().to_string(),
        display_name: known.name.clone(),
        version: number(known.number.0),
        ladder: Some(ladder(&known.ladder)),
        etag: known.version.to_string(),
        create_time: Some(time::timestamp(known.created_at)),
        delete_time: known.deleted_at.map(time::timestamp),
    }
}

/// A case as the API writes it.
pub fn case(known: &DunningCase) -> v1::DunningCase {
    let state = match known.case.state() {
        CaseState::Open { .. } => State::Open,
        CaseState::WaitingForCustomer { .. } => State::WaitingForCustomer,
        CaseState::WaitingForStaff => State::WaitingForStaff,
        CaseState::Held { .. } => State::Held,
        CaseState::Retrying { .. } => State::Retrying,
        CaseState::Recovered { .. } => State::Recovered,
        CaseState::Exhausted { .. } => State::Exhausted,
        CaseState::Closed { .. } => State::Closed,
    };
    v1::DunningCase {
        name: names::name(known.id),
        uid: known.id.uuid().to_string(),
        invoice: names::name(known.invoice),
        payment: names::name(known.payment),
        subscription: names::optional_name(known.subscription),
        customer: names::name(known.customer),
        policy: names::optional_name(known.policy),
        policy_version: number(known.policy_version.0),
        state: state.into(),
        decline_class: payments::decline_class(known.case.class()).into(),
        next_step_time: known.due_at.map(time::timestamp),
        etag: known.version.to_string(),
        create_time: Some(time::timestamp(known.opened_at)),
        close_time: known.closed_at.map(time::timestamp),
        ladder: Some(ladder(known.case.ladder())),
    }
}

/// The name and ladder that a request wants a new policy to have.
pub fn new_policy(told: &v1::DunningPolicy) -> Result<(String, LadderDraft)> {
    Ok((told.display_name.clone(), wanted_ladder(told)?))
}

/// What a request wants to be changed of a policy.
pub fn policy_update(
    told: &v1::DunningPolicy,
    request: &v1::UpdateDunningPolicyRequest,
) -> Result<PolicyUpdate> {
    let mask = Mask::read(
        request.update_mask.as_ref(),
        &[("display_name", !told.display_name.is_empty()), ("ladder", told.ladder.is_some())],
        &["name", "uid", "version", "etag", "create_time", "delete_time"],
    )?;
    let ladder = mask.has("ladder").then(|| wanted_ladder(told)).transpose()?;
    Ok(PolicyUpdate { name: mask.pick("display_name", told.display_name.clone()), ladder })
}

fn ladder(known: &Ladder) -> v1::DunningLadder {
    let final_action = match known.final_action() {
        FinalAction::Cancel => dunning_ladder::FinalAction::Cancel,
        FinalAction::MarkUnpaid => dunning_ladder::FinalAction::MarkUnpaid,
        FinalAction::WriteOff => dunning_ladder::FinalAction::WriteOff,
    };
    let draft = LadderDraft::from(known.clone());
    v1::DunningLadder {
        steps: draft.steps.iter().copied().map(step).collect(),
        final_action: final_action.into(),
        backup_method: draft.backup_method,
        jitter_percent: draft.jitter_percent.into(),
        window: Some(dunning_ladder::Window {
            start_hour: draft.window.from_hour.into(),
            end_hour: draft.window.to_hour.into(),
        }),
    }
}

fn step(known: Step) -> dunning_ladder::Step {
    let mail = match known.mail {
        None => dunning_ladder::Mail::Unspecified,
        Some(StepMail::Reminder) => dunning_ladder::Mail::Reminder,
        Some(StepMail::FinalWarning) => dunning_ladder::Mail::FinalWarning,
        Some(StepMail::Suspended) => dunning_ladder::Mail::Suspended,
    };
    dunning_ladder::Step {
        after_days: number(known.after_days),
        retry: known.retry,
        try_backup: known.try_backup,
        mail: mail.into(),
        access: customers::access(Access::from(known.access)).into(),
    }
}

fn wanted_ladder(told: &v1::DunningPolicy) -> Result<LadderDraft> {
    let field = "dunning_policy.ladder";
    let told = required(field, told.ladder.as_ref())?;
    let mut faults = Faults::new();
    let steps: Vec<_> = told
        .steps
        .iter()
        .enumerate()
        .filter_map(|(index, step)| {
            wanted_step(&format!("{field}.steps[{index}]"), step, &mut faults)
        })
        .collect();
    let final_action = faults.keep(match told.final_action() {
        dunning_ladder::FinalAction::Cancel => Ok(FinalAction::Cancel),
        dunning_ladder::FinalAction::MarkUnpaid => Ok(FinalAction::MarkUnpaid),
        dunning_ladder::FinalAction::WriteOff => Ok(FinalAction::WriteOff),
        dunning_ladder::FinalAction::Unspecified => {
            let message = "must be CANCEL, MARK_UNPAID or WRITE_OFF";
            Err(AppError::invalid(format!("{field}.final_action"), message))
        }
    });
    let jitter_percent = u8::try_from(told.jitter_percent).map_err(|_| {
        AppError::invalid(format!("{field}.jitter_percent"), "must be from 0 to 25; 10 is usual")
    });
    let jitter_percent = faults.keep(jitter_percent);
    let window = faults.keep(wanted_window(&format!("{field}.window"), told.window.as_ref()));
    let whole = final_action.zip(jitter_percent).zip(window).map(
        |((final_action, jitter_percent), window)| LadderDraft {
            steps,
            final_action,
            backup_method: told.backup_method,
            jitter_percent,
            window,
        },
    );
    faults.finish(whole)
}

fn wanted_step(field: &str, told: &dunning_ladder::Step, faults: &mut Faults) -> Option<Step> {
    let after_days = u32::try_from(told.after_days)
        .map_err(|_| AppError::invalid(format!("{field}.after_days"), "must not be negative"));
    let after_days = faults.keep(after_days);
    let access = faults.keep(match told.access() {
        v1::Access::Full => Ok(AccessLevel::Full),
        v1::Access::Grace => Ok(AccessLevel::Grace),
        v1::Access::None => Ok(AccessLevel::None),
        v1::Access::Unspecified => {
            Err(AppError::invalid(format!("{field}.access"), "must be FULL, GRACE or NONE"))
        }
    });
    let mail = match told.mail() {
        dunning_ladder::Mail::Unspecified => None,
        dunning_ladder::Mail::Reminder => Some(StepMail::Reminder),
        dunning_ladder::Mail::FinalWarning => Some(StepMail::FinalWarning),
        dunning_ladder::Mail::Suspended => Some(StepMail::Suspended),
    };
    let (retry, try_backup) = (told.retry, told.try_backup);
    let whole = after_days.zip(access);
    whole.map(|(after_days, access)| Step { after_days, retry, mail, access, try_backup })
}

fn wanted_window(field: &str, told: Option<&dunning_ladder::Window>) -> Result<WindowHours> {
    let Some(told) = told else { return Ok(SendWindow::default().into()) };
    let hour = |name: &str, hour: i32| {
        u8::try_from(hour)
            .map_err(|_| AppError::invalid(format!("{field}.{name}"), "must be from 0 to 24"))
    };
    Ok(WindowHours {
        from_hour: hour("start_hour", told.start_hour)?,
        to_hour: hour("end_hour", told.end_hour)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standard() -> v1::DunningPolicy {
        v1::DunningPolicy {
            display_name: "Courses".to_owned(),
            ladder: Some(ladder(&Ladder::standard())),
            ..Default::default()
        }
    }

    #[test]
    fn a_ladder_reads_back_as_itself() {
        let (name, draft) = new_policy(&standard()).unwrap();
        assert_eq!((name.as_str(), draft), ("Courses", Ladder::standard().into()));
    }

    #[test]
    fn a_ladder_without_a_window_has_the_usual_one() {
        let mut told = standard();
        told.ladder.as_mut().unwrap().window = None;
        assert_eq!(new_policy(&told).unwrap().1, Ladder::standard().into());
    }

    #[test]
    fn all_that_cannot_be_read_of_a_ladder_is_told_at_once() {
        let mut told = standard();
        let ladder = told.ladder.as_mut().unwrap();
        ladder.steps[1].after_days = -1;
        ladder.steps[2].access = 0;
        ladder.final_action = 0;
        ladder.jitter_percent = 300;
        ladder.window = Some(dunning_ladder::Window { start_hour: -1, end_hour: 8 });
        let AppError::Invalid(faults) = new_policy(&told).unwrap_err() else {
            panic!("the fields are wrong");
        };
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "dunning_policy.ladder.steps[1].after_days",
                "dunning_policy.ladder.steps[2].access",
                "dunning_policy.ladder.final_action",
                "dunning_policy.ladder.jitter_percent",
                "dunning_policy.ladder.window.start_hour",
            ]
        );
    }

    #[test]
    fn an_update_is_about_what_its_mask_names() {
        let request = v1::UpdateDunningPolicyRequest::default();
        let told = v1::DunningPolicy { display_name: "Books".to_owned(), ..Default::default() };
        let update = policy_update(&told, &request).unwrap();
        assert_eq!(update, PolicyUpdate { name: Some("Books".to_owned()), ladder: None });
    }
}
