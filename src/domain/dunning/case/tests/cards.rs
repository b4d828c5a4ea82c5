//! Cards that are barred, replaced or backed up.

use super::*;

#[rstest]
#[case(Never, DunningMail::CardNeedsReplacing)]
#[case(FixData, DunningMail::CardNeedsReplacing)]
#[case(StopMandate, DunningMail::CardNeedsReplacing)]
#[case(NeedsSca, DunningMail::AuthenticationNeeded)]
fn a_hard_decline_asks_at_once_and_then_only_reminds(
    #[case] class: DeclineClass,
    #[case] ask: DunningMail,
) {
    let mut world = World::on(Network::Visa).opens(&Decline::of(class), plain());
    assert_eq!(world.mail(), Some(ask));
    assert_eq!(
        world.last().bar.map(|(method, bar)| (method, bar.class)),
        Some((Method::Primary, class))
    );

    let mut mails = Vec::new();
    for day in [3, 7, 14, 21] {
        assert!(matches!(world.case().state(), CaseState::WaitingForCustomer { .. }));
        assert_eq!((world.next(), world.case().next_retry()), (days(day), None));
        let decision = world.turns();
        assert!(!matches!(decision.action, Action::Attempt(_)));
        mails.push(world.mail());
    }
    assert_eq!(
        mails,
        [
            Some(ask),
            Some(DunningMail::FinalWarning),
            Some(DunningMail::Suspended),
            Some(DunningMail::Canceled)
        ]
    );
}

#[rstest]
#[case(Decline::of(Never), Reach::Credential)]
#[case(Decline::of(FixData), Reach::Credential)]
#[case(Decline::of(NeedsSca), Reach::ThisInvoice)]
#[case(Decline { stops: Some(StopScope::ThisPayment), ..Decline::of(StopMandate) }, Reach::ThisInvoice)]
#[case(Decline { stops: Some(StopScope::Agreement), ..Decline::of(StopMandate) }, Reach::Agreement)]
fn a_bar_says_how_far_it_reaches(#[case] decline: Decline, #[case] reach: Reach) {
    let world = World::on(Network::Visa).opens(&decline, plain());
    let class = decline.class;
    assert_eq!(world.last().bar, Some((Method::Primary, Bar { class, reach })));
}

#[test]
fn a_hard_decline_on_a_retry_ends_the_retries() {
    let mut world = World::on(Network::Visa).opens(&funds(), plain());
    world.retries(&read(Network::Visa, "43", None));
    assert_eq!(world.mail(), Some(DunningMail::CardNeedsReplacing));
    assert_eq!((world.next(), world.case().next_retry()), (days(7), None));
    let refused = world.around(|around| world.case().retry_now(around)).unwrap_err();
    assert_eq!(refused, Refusal::MethodBarred(Never));
}

#[test]
fn a_new_card_is_tried_at_once_and_takes_no_step() {
    let mut world = World::on(Network::Visa).opens(&Decline::of(Never), plain());
    world.now += days(1);
    let decision = world.replaces();
    assert_eq!(decision.action, Action::Attempt(Method::Primary));
    world.keep(decision);
    world.declines(&funds());
    assert_eq!((world.next(), world.case().steps_taken()), (days(3), 0));
    assert!(world.case().next_retry().is_some());
}

#[test]
fn a_card_that_was_declined_for_good_is_not_new_when_it_comes_back() {
    let mut world = World::on(Network::Visa).opens(&Decline::of(NeedsSca), plain());
    world.now += days(1);
    let second = world.replaces();
    world.keep(second);
    world.declines(&funds());
    world.now += days(1);
    let back = world.charges("the first card");
    assert_eq!(back.action, Action::Nothing);
    assert!(matches!(back.case.state(), CaseState::WaitingForCustomer { .. }));
    world.keep(back);
    let asked = world.around(|around| world.case().retry_now(around));
    assert_eq!(asked, Err(Refusal::MethodBarred(NeedsSca)));
}

#[test]
fn a_card_that_is_stored_once_more_is_no_new_card() {
    let mut world = World::on(Network::Visa).opens(&Decline::of(HoldRisk), plain());
    world.now += days(1);
    let again = world.charges("the first card");
    assert_eq!(again.case.next_at(), Some(world.start + hours(72)), "its wait is kept");
    world.keep(again);
    assert_eq!(world.turns().action, Action::Attempt(Method::Primary));
    world.declines(&funds());
    assert_eq!(world.case().next_retry(), None, "that was the one retry after a suspicion");

    world.now += days(1);
    let again = world.charges("the first card");
    assert_eq!((again.action, again.case.next_retry()), (Action::Nothing, None));
}

#[test]
fn storing_the_card_once_more_mends_no_set_up() {
    let mut world = World::on(Network::Visa).opens(&Decline::of(Config), plain());
    world.card = CardMark::new("the first card", "4242", None);
    let again = world.around(|around| world.case().method_replaced(around));
    assert_eq!(again, Err(Refusal::WaitsForStaff));
    assert_eq!(world.replaces().action, Action::Attempt(Method::Primary), "another card may");
}

#[test]
fn a_card_that_our_set_up_refused_does_not_come_back_by_itself() {
    let mut world = World::on(Network::Visa).opens(&Decline::of(Config), plain());
    let second = world.replaces();
    world.keep(second);
    world.declines(&funds());
    let back = world.charges("the first card");
    assert_eq!((back.action, back.case.next_retry()), (Action::Nothing, None));
    assert!(matches!(back.case.state(), CaseState::WaitingForCustomer { .. }));
}

#[test]
fn an_issuers_wait_outlasts_a_change_of_cards_and_back() {
    let mut world = World::on(Network::Visa).opens(&Decline::of(HoldRisk), plain());
    let second = world.replaces();
    world.keep(second);
    world.declines(&funds());
    let back = world.charges("the first card");
    assert_eq!(back.action, Action::Nothing);
    assert_eq!(back.case.next_at(), Some(world.start + hours(72)));
}

#[test]
fn a_second_case_knows_what_the_first_one_was_told() {
    let mut world = World::on(Network::Visa);
    let sent = |number: u128, decline: Option<Decline>| Attempt {
        credential: Some(Credential { card: world.card, ..card(5, 2030, 12).credential() }),
        state: if decline.is_some() { AttemptState::Declined } else { AttemptState::Reversed },
        settled_at: Some(world.start),
        decline,
        ..attempt(number, Initiator::Merchant, world.start)
    };
    // One retry is allowed after suspected fraud; what took the money was none.
    let once = vec![sent(1, Some(Decline::of(HoldRisk))), sent(2, None)];
    let twice = [once.clone(), vec![sent(3, Some(funds()))]].concat();
    for (attempts, retries) in [(once, true), (twice, false)] {
        world.attempts = attempts;
        let ladder = Ladder::new(plain(), rules()).unwrap();
        let back = world.around(|around| Case::reopen(&funds(), world.card, ladder, around));
        assert_eq!(back.case.next_retry().is_some(), retries, "{:?}", back.reasons);
        let is_spent = back.reasons.contains(&Reason::RetriesSpent(Method::Primary));
        assert_eq!(is_spent, !retries);
    }
}

#[test]
fn a_second_case_spares_all_that_was_agreed_to_before_the_mandate_was_stopped() {
    let mut world = World::on(Network::Visa);
    world.attempts = vec![Attempt {
        state: AttemptState::Declined,
        settled_at: Some(world.start),
        decline: Some(Decline::of(StopMandate)),
        ..attempt(1, Initiator::Merchant, world.start)
    }];
    for (days_later, retries) in [(0, false), (1, true)] {
        world.consented_at = world.start + days(days_later);
        let ladder = Ladder::new(plain(), rules()).unwrap();
        let back = world.around(|around| Case::reopen(&funds(), world.card, ladder, around));
        assert_eq!(back.case.next_retry().is_some(), retries);
    }
}

#[test]
fn a_new_card_keeps_the_invoices_counter() {
    let mut world = World::on(Network::Mastercard).opens(&Decline::of(Never), plain());
    world.sends();
    world.now += hours(1);
    let decision = world.replaces();
    assert_eq!(decision.action, Action::Nothing);
    assert_eq!(decision.case.next_at(), Some(world.start + days(1)));
}

#[test]
fn a_card_replaced_during_an_attempt_is_tried_after_it() {
    let mut world = World::on(Network::Visa).opens(&funds(), plain());
    world.turns();
    let decision = world.replaces();
    assert_eq!(decision.action, Action::Nothing);
    world.keep(decision);
    let decision = world.declines(&Decline::of(Never));
    assert_eq!(decision.action, Action::Attempt(Method::Primary));
    let (_, bar) = decision.bar.expect("the old card is barred all the same");
    assert_eq!(bar.class, Never);
    assert_eq!(world.case().steps_taken(), 1);
}

#[test]
fn a_step_tries_the_backup_method_in_the_place_of_the_first() {
    let mut world = World { backup: Some(Network::Amex), ..World::on(Network::Visa) }
        .opens(&Decline::of(Never), plain());
    world.turns();
    world.turns();
    assert_eq!(world.case().next_retry(), Some((world.start + days(14), Method::Backup)));
    assert_eq!(world.turns().action, Action::Attempt(Method::Backup));
    let decision = world.declines(&Decline::of(Never));
    assert_eq!(decision.bar.map(|(method, _)| method), Some(Method::Backup));
    assert_eq!(world.mail(), Some(DunningMail::Suspended));
    assert_eq!((world.next(), world.case().next_retry()), (days(21), None));
}

#[test]
fn a_card_stored_while_the_backup_is_charged_is_tried_after_it() {
    let mut world = World { backup: Some(Network::Amex), ..World::on(Network::Visa) }
        .opens(&Decline::of(Never), plain());
    for _ in 0..3 {
        world.turns();
    }
    assert_eq!(world.last().action, Action::Attempt(Method::Backup));
    let replaced = world.replaces();
    world.keep(replaced);
    world.charged = CardMark::new("the backup", "1111", None);
    let decision = world.declines(&funds());
    assert_eq!(decision.action, Action::Attempt(Method::Primary));
}

#[test]
fn a_wrong_set_up_of_the_backup_does_not_stop_the_ladder() {
    let draft =
        LadderDraft { steps: vec![Step { try_backup: true, ..plain().steps[0] }; 3], ..plain() };
    let mut world =
        World { backup: Some(Network::Amex), ..World::on(Network::Visa) }.opens(&funds(), draft);
    assert_eq!(world.turns().action, Action::Attempt(Method::Backup));
    world.declines(&Decline::of(Config));
    assert_eq!(world.last().staff, [StaffTask::SetUpIsWrong]);
    assert_eq!(world.case().next_retry(), Some((world.start + days(6), Method::Primary)));
}
