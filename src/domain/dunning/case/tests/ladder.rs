//! The ladder's steps, the quick retries beside them, and the end.

use super::*;

#[test]
fn an_empty_account_is_tried_after_3_4_7_and_7_days_and_then_cancelled() {
    let mut world = World::on(Network::Visa).opens(&funds(), plain());
    assert_eq!(world.mail(), Some(DunningMail::PaymentFailed));
    assert_eq!(world.last().access, AccessLevel::Grace);

    for (day, mail, access) in [
        (3, Some(DunningMail::PaymentFailed), AccessLevel::Grace),
        (7, Some(DunningMail::FinalWarning), AccessLevel::Grace),
        (14, Some(DunningMail::Suspended), AccessLevel::None),
    ] {
        assert_eq!(world.next(), days(day));
        world.retries(&funds());
        assert_eq!((world.mail(), world.last().access), (mail, access));
    }
    assert_eq!(world.next(), days(21));
    let end = world.retries(&funds());
    assert_eq!(end.action, Action::Finish(FinalAction::Cancel));
    assert_eq!(world.mail(), Some(DunningMail::Canceled));
    assert!(world.case().is_over());
}

#[test]
fn the_standard_ladder_stays_near_its_days_and_in_daylight() {
    let mut world =
        World { zone: "America/Los_Angeles".parse().unwrap(), ..World::on(Network::Visa) }
            .opens(&funds(), Ladder::standard().into());
    let mut before = world.now;
    for gap in [3, 4, 7, 7] {
        world.retries(&funds());
        let passed = world.now - before;
        assert!(passed >= days(gap) * 9 / 10, "{passed} before {gap} days");
        assert!(passed <= days(gap) * 11 / 10 + hours(13), "{passed} after {gap} days");
        let hour = chrono::Timelike::hour(&world.zone.local(world.now));
        assert!((8..20).contains(&hour), "at {hour} o'clock");
        before = world.now;
    }
    assert!(world.case().is_over());
}

#[test]
fn a_paid_retry_ends_the_case_and_tells_who_was_told() {
    let mut world = World::on(Network::Visa).opens(&funds(), plain());
    world.turns();
    let paid = world.case().paid(RecoveredBy::Retry, world.now);
    assert_eq!(paid.mail.unwrap().kind, DunningMail::Recovered);
    assert_eq!((paid.action, paid.access), (Action::Nothing, AccessLevel::Full));
    assert_eq!(paid.case.next_at(), None);
    let again = paid.case.clone().paid(RecoveredBy::Customer, world.now);
    assert_eq!((again.case, again.mail), (paid.case, None));
}

#[test]
fn money_that_comes_after_the_end_still_counts() {
    let draft = LadderDraft { steps: vec![plain().steps[0]], ..plain() };
    let mut world = World::on(Network::Visa).opens(&funds(), draft);
    world.retries(&funds());
    assert!(world.case().is_over());
    let late = world.case().paid(RecoveredBy::Customer, world.now);
    assert!(matches!(late.case.state(), CaseState::Recovered { .. }));
}

#[test]
fn an_issuer_that_is_down_is_tried_after_1_6_and_24_hours_and_then_by_the_ladder() {
    let down = read(Network::Visa, "91", None);
    let mut world = World::on(Network::Visa).opens(&down, plain());
    let mut told = Vec::new();
    for hour in [1, 7, 31] {
        assert_eq!(world.next(), hours(hour));
        told.push(world.mail());
        world.retries(&down);
        assert_eq!(world.case().steps_taken(), 0);
    }
    assert_eq!(told, [None, None, None]);
    assert_eq!(world.mail(), Some(DunningMail::PaymentFailed));
    assert_eq!(world.next(), hours(31) + days(3));
    world.retries(&down);
    assert_eq!((world.next(), world.case().steps_taken()), (hours(31) + days(7), 1));
}

#[test]
fn technical_retries_keep_the_networks_windows() {
    let down = read(Network::Mastercard, "91", None);
    let mut world = World::on(Network::Mastercard).opens(&down, plain());
    assert_eq!(world.next(), hours(1));
    world.retries(&down);
    assert_eq!(world.next(), hours(24));
    assert!(world.last().reasons.contains(&Reason::NetworkWindow(world.start + hours(24))));
}

#[test]
fn a_suspicious_issuer_gets_one_retry_after_72_hours() {
    let draft =
        LadderDraft { steps: vec![Step { after_days: 2, ..plain().steps[0] }; 4], ..plain() };
    let mut world = World::on(Network::Visa).opens(&Decline::of(HoldRisk), draft);
    assert_eq!(world.next(), hours(72));
    assert!(world.last().reasons.contains(&Reason::AdviceWait(world.start + hours(72))));
    world.retries(&funds());
    assert_eq!(world.case().next_retry(), None);
    assert!(world.last().reasons.contains(&Reason::RetriesSpent(Method::Primary)));
    assert_eq!(world.mail(), Some(DunningMail::PaymentFailed));
}

#[test]
fn an_unknown_code_is_tried_twice_the_first_time_after_a_day() {
    let draft =
        LadderDraft { steps: vec![Step { after_days: 1, ..plain().steps[0] }; 4], ..plain() };
    let unknown = read(Network::Visa, "ZZ", None);
    let mut world = World::on(Network::Visa).opens(&unknown, draft);
    assert_eq!(world.next(), days(1));
    world.retries(&unknown);
    world.retries(&unknown);
    assert_eq!(world.case().next_retry(), None);
}

#[test]
fn advice_moves_a_retry_and_the_steps_after_it() {
    let wait = read(Network::Mastercard, "51", Some("30"));
    let mut world = World::on(Network::Mastercard).opens(&wait, plain());
    assert_eq!(world.next(), days(10));
    world.retries(&funds());
    assert_eq!(world.next(), days(14));
}

#[test]
fn a_retry_past_the_ladders_end_does_not_come_and_the_end_does() {
    let wait = read(Network::Mastercard, "51", Some("30"));
    let draft = LadderDraft { steps: vec![plain().steps[0]; 2], ..plain() };
    let mut world = World::on(Network::Mastercard).opens(&wait, draft);
    let late = world.start + days(10);
    assert_eq!((world.next(), world.case().next_retry()), (days(3), None));
    assert!(world.last().reasons.contains(&Reason::PastLadderEnd(Method::Primary, late)));
    world.turns();
    assert_eq!(world.next(), days(6));
    assert_eq!(world.turns().action, Action::Finish(FinalAction::Cancel));
}

#[test]
fn a_debit_is_presented_again_twice_and_then_only_reminded_of() {
    let bounced = read(Network::Sepa, "AM04", None);
    let mut world = World::on(Network::Sepa).opens(&bounced, plain());
    world.retries(&bounced);
    world.retries(&bounced);
    assert_eq!((world.next(), world.case().next_retry()), (days(14), None));
}

#[test]
fn a_notice_goes_before_a_retry() {
    let mut world = World::on(Network::Visa).opens(&funds(), plain());
    let notice = world.start + days(5);
    world.now += days(3);
    let decision = world
        .around(|around| {
            world.case().step_due(&Circumstances { not_before: Some(notice), ..*around })
        })
        .unwrap();
    assert_eq!(decision.case.next_at(), Some(notice));
    assert!(decision.reasons.contains(&Reason::NoticeOrLeadTime(notice)));
}

#[test]
fn two_mails_of_a_case_are_a_day_apart() {
    let mut world = World::on(Network::Visa).opens(&funds(), plain());
    world.now += hours(2);
    let asked = world.around(|around| world.case().retry_now(around)).unwrap();
    world.keep(asked);
    world.declines(&Decline::of(NeedsSca));
    let mail = world.last().mail.unwrap();
    assert_eq!((mail.kind, mail.at), (DunningMail::AuthenticationNeeded, world.start + days(1)));
}

#[test]
fn only_an_outcome_moves_a_retrying_case() {
    let mut world = World::on(Network::Visa).opens(&funds(), plain());
    world.turns();
    let case = world.case();
    world.around(|around| {
        assert_eq!(case.clone().step_due(around), Err(Refusal::AttemptInFlight));
        assert_eq!(case.clone().retry_now(around), Err(Refusal::AttemptInFlight));
        assert_eq!(case.clone().hold(around.now, around.now), Err(Refusal::AttemptInFlight));
    });
    assert_eq!(case.next_at(), None);
}

#[rstest]
#[case(FinalAction::Cancel, Some(DunningMail::Canceled), AccessLevel::None)]
#[case(FinalAction::MarkUnpaid, Some(DunningMail::Suspended), AccessLevel::None)]
#[case(FinalAction::WriteOff, Some(DunningMail::PaymentFailed), AccessLevel::Grace)]
fn the_end_is_what_the_ladder_says(
    #[case] final_action: FinalAction,
    #[case] mail: Option<DunningMail>,
    #[case] access: AccessLevel,
) {
    let draft = LadderDraft { steps: vec![plain().steps[0]], final_action, ..plain() };
    let mut world = World::on(Network::Visa).opens(&funds(), draft);
    world.retries(&funds());
    assert_eq!(world.last().action, Action::Finish(final_action));
    assert_eq!((world.mail(), world.last().access), (mail, access));
}

#[test]
fn a_case_reads_back_as_it_was_stored_and_names_its_rules() {
    let mut world = World { backup: Some(Network::Amex), ..World::on(Network::Visa) }
        .opens(&funds(), Ladder::standard().into());
    world.turns();
    let text = serde_json::to_string(&world.case()).unwrap();
    assert_eq!(serde_json::from_str::<Case>(&text).unwrap(), world.case());
    assert_eq!(world.case().rule_version(), "2026-11/2026-10-25");
}
