//! `DunningService`.

use rondo::grpc::proto::v1::{
    self,
    dunning_ladder::{FinalAction, Mail, Step, Window},
};
use rstest::rstest;

use super::{
    CUSTOMER, ETAG, INSTANT, NO_ETAG, NO_INSTANT, NO_POLICY, POLICY, check, fields, instant, mask,
    nowhere, once, stale, state, with,
};
use crate::{
    given,
    portal::{Portal, monthly},
    support::Engine::{self, Postgres, Sqlite},
};

const SERVICE: &str = "DunningService";
const NAME: &str = "must have 1 to 80 characters, and not only spaces";

type Spoil = fn(&mut v1::DunningLadder);

fn step(after_days: i32) -> Step {
    Step {
        after_days,
        retry: true,
        mail: Mail::Reminder.into(),
        access: v1::Access::Grace.into(),
        ..Default::default()
    }
}

fn good() -> v1::DunningPolicy {
    v1::DunningPolicy {
        display_name: "Courses".to_owned(),
        ladder: Some(v1::DunningLadder {
            steps: vec![step(3), step(4)],
            final_action: FinalAction::WriteOff.into(),
            jitter_percent: 10,
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn wrong_ladders() -> Vec<(Spoil, Vec<(&'static str, &'static str)>)> {
    let one = |spoil: Spoil, field, told| (spoil, vec![(field, told)]);
    let days = "must be from 1 to 92 days after the step before";
    let window = "must open before it closes, at full hours from 0 to 24; 8 to 20 is usual";
    let jitter = "must be from 0 to 25; 10 is usual";
    vec![
        one(
            |l| l.steps.clear(),
            "steps",
            "must hold at least one step; the final action follows the last one",
        ),
        one(
            |l| l.steps = vec![Step { retry: false, ..step(3) }; 21],
            "steps",
            "must hold at most 20 steps",
        ),
        one(
            |l| l.steps = vec![Step { retry: false, ..step(80) }; 5],
            "steps",
            "must take at most 366 days, not 400",
        ),
        one(|l| l.steps[1].after_days = -1, "steps[1].after_days", "must not be negative"),
        one(|l| l.steps[1].after_days = 0, "steps[1].after_days", days),
        one(|l| l.steps[1].after_days = 93, "steps[1].after_days", days),
        one(|l| l.steps[1].access = 0, "steps[1].access", "must be FULL, GRACE or NONE"),
        one(
            |l| l.steps[1].access = v1::Access::Full.into(),
            "steps[1].access",
            "must not grow while nothing is paid: as in the step before, or less",
        ),
        one(
            |l| l.steps[1].mail = Mail::Suspended.into(),
            "steps[1].mail",
            "must not say that access has ended unless access is NONE",
        ),
        one(
            |l| l.steps[1].try_backup = true,
            "steps[1].try_backup",
            "must not be set unless the ladder's backup_method is",
        ),
        one(|l| l.final_action = 0, "final_action", "must be CANCEL, MARK_UNPAID or WRITE_OFF"),
        one(|l| l.jitter_percent = -1, "jitter_percent", jitter),
        one(|l| l.jitter_percent = 26, "jitter_percent", jitter),
        one(|l| l.jitter_percent = 300, "jitter_percent", jitter),
        one(|l| l.window = Some(Window { start_hour: 20, end_hour: 8 }), "window", window),
        one(|l| l.window = Some(Window { start_hour: 8, end_hour: 25 }), "window", window),
        one(
            |l| l.window = Some(Window { start_hour: -1, end_hour: 8 }),
            "window.start_hour",
            "must be from 0 to 24",
        ),
        one(
            |l| l.window = Some(Window { start_hour: 8, end_hour: 300 }),
            "window.end_hour",
            "must be from 0 to 24",
        ),
        // What a network would charge for (RULES RET-6).
        one(
            |l| l.steps[1].after_days = 1,
            "steps[1].after_days",
            "must be 2 days or more, or without jitter: with 10 % it could come less than 24 \
             hours after the step before",
        ),
        (
            |l| l.steps = vec![step(8); 9],
            vec![
                (
                    "steps[7].retry",
                    "must not be set from this step on, only reminded: Visa allows 8 attempts \
                     for one invoice, the first one included",
                ),
                (
                    "steps[8].retry",
                    "must not be set from this step on, only reminded: Visa allows 8 attempts \
                     for one invoice, the first one included",
                ),
            ],
        ),
        (
            |l| {
                l.steps[0].after_days = 0;
                l.jitter_percent = 26;
            },
            vec![("jitter_percent", jitter), ("steps[0].after_days", days)],
        ),
    ]
}

#[rstest]
#[tokio::test]
async fn each_bad_policy_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let create = |policy: v1::DunningPolicy| v1::CreateDunningPolicyRequest {
        dunning_policy: Some(policy),
        ..Default::default()
    };
    let update = |policy: v1::DunningPolicy| v1::UpdateDunningPolicyRequest {
        dunning_policy: Some(v1::DunningPolicy {
            name: names.dunning_policy.clone(),
            etag: if policy.etag.is_empty() { "\"1\"".to_owned() } else { policy.etag },
            ..policy
        }),
        ..Default::default()
    };
    let mut rows = vec![
        fields(
            "CreateDunningPolicy",
            &v1::CreateDunningPolicyRequest::default(),
            &[("dunning_policy", "must be set")],
        ),
        fields(
            "CreateDunningPolicy",
            &create(with(&good(), |p| p.ladder = None)),
            &[("dunning_policy.ladder", "must be set")],
        ),
        fields(
            "CreateDunningPolicy",
            &create(with(&good(), |p| p.display_name.clear())),
            &[("dunning_policy.display_name", NAME)],
        ),
    ];
    for name in ["  ".to_owned(), "x".repeat(81)] {
        let bad = with(&good(), |p| p.display_name = name);
        let told = [("dunning_policy.display_name", NAME)];
        rows.push(fields("CreateDunningPolicy", &create(bad.clone()), &told));
        rows.push(fields("UpdateDunningPolicy", &update(bad), &told));
    }
    for (spoil, told) in wrong_ladders() {
        let bad = with(&good(), |p| spoil(p.ladder.as_mut().unwrap()));
        let told: Vec<_> = told
            .iter()
            .map(|(field, told)| (format!("dunning_policy.ladder.{field}"), *told))
            .collect();
        let told: Vec<_> = told.iter().map(|(field, told)| (field.as_str(), *told)).collect();
        rows.push(fields("CreateDunningPolicy", &create(bad.clone()), &told));
        rows.push(fields("UpdateDunningPolicy", &update(bad), &told));
    }
    let renamed = v1::DunningPolicy { display_name: "Books".to_owned(), ..Default::default() };
    rows.extend([
        fields(
            "UpdateDunningPolicy",
            &v1::UpdateDunningPolicyRequest::default(),
            &[("dunning_policy", "must be set")],
        ),
        fields(
            "UpdateDunningPolicy",
            &with(&update(renamed.clone()), |r| {
                r.dunning_policy.as_mut().unwrap().name = "books".to_owned();
            }),
            &[("dunning_policy.name", POLICY)],
        ),
        nowhere(
            "UpdateDunningPolicy",
            &with(&update(renamed.clone()), |r| {
                r.dunning_policy.as_mut().unwrap().name = NO_POLICY.to_owned();
            }),
            NO_POLICY,
        ),
        fields(
            "UpdateDunningPolicy",
            &update(v1::DunningPolicy { etag: "1".to_owned(), ..renamed.clone() }),
            &[("dunning_policy.etag", ETAG)],
        ),
        fields(
            "UpdateDunningPolicy",
            &with(&update(renamed.clone()), |r| r.dunning_policy.as_mut().unwrap().etag.clear()),
            &[("dunning_policy.etag", NO_ETAG)],
        ),
        stale(
            "UpdateDunningPolicy",
            &update(v1::DunningPolicy { etag: "\"9\"".to_owned(), ..renamed.clone() }),
            &names.dunning_policy,
            "\"1\"",
        ),
        fields(
            "UpdateDunningPolicy",
            &with(&update(renamed.clone()), |r| r.update_mask = mask(&["steps"])),
            &[("update_mask", "must name display_name, ladder, or *, not `steps`")],
        ),
        fields(
            "UpdateDunningPolicy",
            &with(&update(renamed.clone()), |r| r.update_mask = mask(&["ladder"])),
            &[("dunning_policy.ladder", "must be set")],
        ),
    ]);
    check(&portal, SERVICE, rows).await;

    let plan = v1::Plan {
        display_name: "With a policy".to_owned(),
        terms: Some(monthly(2_000)),
        dunning_policy: names.dunning_policy.clone(),
        ..Default::default()
    };
    let request = v1::CreatePlanRequest { plan: Some(plan), ..Default::default() };
    let plan = portal.plans().create_plan(portal.ask(request)).await.unwrap().into_inner();
    let mut dunning = v1::dunning_service_client::DunningServiceClient::new(portal.channel.clone());
    let gone = dunning.create_dunning_policy(portal.ask(create(good()))).await.unwrap();
    let gone = gone.into_inner().name;
    let delete = |name: &str, etag: &str| v1::DeleteDunningPolicyRequest {
        name: name.to_owned(),
        etag: etag.to_owned(),
        ..Default::default()
    };
    dunning.delete_dunning_policy(portal.ask(delete(&gone, "\"1\""))).await.unwrap();
    let rows = vec![
        state(
            "DeleteDunningPolicy",
            &delete(&names.dunning_policy, "\"1\""),
            "POLICY_IN_USE",
            &format!("{} goes by it; give that plan another first", &plan.name[6..]),
        ),
        fields("DeleteDunningPolicy", &delete(&gone, ""), &[("etag", NO_ETAG)]),
        state(
            "DeleteDunningPolicy",
            &delete(&gone, "\"2\""),
            "POLICY_DELETED",
            "the policy is deleted",
        ),
        state(
            "UpdateDunningPolicy",
            &with(&update(renamed), |r| {
                let policy = r.dunning_policy.as_mut().unwrap();
                (policy.name, policy.etag) = (gone.clone(), "\"2\"".to_owned());
            }),
            "POLICY_DELETED",
            "the policy is deleted",
        ),
    ];
    check(&portal, SERVICE, rows).await;
}

#[rstest]
#[tokio::test]
async fn each_bad_move_of_a_case_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let hold = |hold_until_time| v1::HoldDunningCaseRequest {
        name: names.dunning_case.clone(),
        hold_until_time,
        ..Default::default()
    };
    let release = v1::ReleaseDunningCaseRequest {
        name: names.dunning_case.clone(),
        request_id: once(),
        ..Default::default()
    };
    let retry = v1::RetryDunningCaseNowRequest {
        name: names.dunning_case.clone(),
        request_id: once(),
        ..Default::default()
    };
    let rows = vec![
        fields(
            "ListDunningCases",
            &v1::ListDunningCasesRequest { customer: "bo".to_owned(), ..Default::default() },
            &[("customer", CUSTOMER)],
        ),
        fields("HoldDunningCase", &hold(None), &[("hold_until_time", "must be set")]),
        fields("HoldDunningCase", &hold(NO_INSTANT), &[("hold_until_time", INSTANT)]),
        fields(
            "HoldDunningCase",
            &hold(instant("2026-02-02T12:00:00Z")),
            &[("hold_until_time", "must lie in the future; it is 2026-02-02T12:00:00+00:00 now")],
        ),
        state(
            "ReleaseDunningCase",
            &release,
            "DUNNING_NOT_HELD",
            "the case neither is on hold nor waits for staff",
        ),
    ];
    check(&portal, SERVICE, rows).await;

    // Declined because of how the merchant's own account is set up.
    let cem = portal.world.member("Cem", "tok_visa_invalid_merchant").await;
    given::course(&portal, &cem).await;
    portal.world.settle().await;
    let list = v1::ListDunningCasesRequest { customer: cem.name, ..Default::default() };
    let mut dunning = v1::dunning_service_client::DunningServiceClient::new(portal.channel.clone());
    let cases = dunning.list_dunning_cases(portal.ask(list)).await.unwrap().into_inner();
    let waiting = cases.dunning_cases[0].name.clone();
    let hold_it = with(&hold(instant("2026-07-01T00:00:00Z")), |r| r.name = waiting);
    let rows = vec![state(
        "HoldDunningCase",
        &hold_it,
        "DUNNING_WAITS_FOR_STAFF",
        "the case waits for staff already; ask for a retry when the set-up is mended",
    )];
    check(&portal, SERVICE, rows).await;

    portal.world.advance_to("2026-06-01").await;
    let over = ["DUNNING_OVER", "the case is over"];
    let rows = vec![
        state("HoldDunningCase", &hold(instant("2026-07-01T00:00:00Z")), over[0], over[1]),
        state("ReleaseDunningCase", &release, over[0], over[1]),
        state("RetryDunningCaseNow", &retry, over[0], over[1]),
    ];
    check(&portal, SERVICE, rows).await;
}
