//! What staff and customers do with a case.

use super::*;

#[test]
fn our_own_mistake_waits_for_staff_and_costs_the_customer_nothing() {
    let mut world = World::on(Network::Visa).opens(&funds(), plain());
    world.retries(&Decline::of(Config));
    assert_eq!(world.case().state(), CaseState::WaitingForStaff);
    assert_eq!(
        (world.mail(), world.last().staff.as_slice()),
        (None, &[StaffTask::SetUpIsWrong][..])
    );
    assert_eq!((world.case().steps_taken(), world.case().next_at()), (0, None));

    world.now += days(10);
    let ends_at = world.case().ends_at();
    let decision = world.around(|around| world.case().retry_now(around)).unwrap();
    assert_eq!(decision.action, Action::Attempt(Method::Primary));
    world.keep(decision);
    world.declines(&funds());
    assert_eq!((world.next(), world.case().steps_taken()), (days(16), 0));
    assert_eq!(world.case().ends_at(), ends_at + days(10));
}

#[test]
fn staff_may_let_the_ladder_go_on_without_a_retry() {
    let mut world = World::on(Network::Visa).opens(&Decline::of(Config), plain());
    world.now += days(1);
    let decision = world.around(|around| world.case().release(around)).unwrap();
    world.keep(decision);
    assert_eq!(world.next(), days(4));
}

#[rstest]
#[case::at_once(1, 0, Action::Attempt(Method::Primary))]
#[case::when_its_window_is_free(2, 24, Action::Nothing)]
// The invoice has seen all the attempts that it may: the ladder's first gap begins.
#[case::no_more(8, 72, Action::Nothing)]
fn what_staff_puts_back_is_tried_as_the_network_allows(
    #[case] sent: usize,
    #[case] hours_until: i64,
    #[case] action: Action,
) {
    let mut world = World::on(Network::Mastercard).opens(&Decline::of(Config), plain());
    (1..sent).for_each(|_| world.sends());
    let decision = world.around(|around| world.case().step_due(around)).unwrap();
    assert_eq!(decision.action, action);
    let is_tried = action != Action::Nothing;
    world.keep(decision);
    assert_eq!(world.case().is_retrying(), is_tried);
    if !is_tried {
        assert_eq!(world.next(), hours(hours_until));
    }
}

#[test]
fn a_hold_stops_the_clock_and_what_came_due_comes_after_it() {
    let mut world = World::on(Network::Visa).opens(&funds(), plain());
    let ends_at = world.case().ends_at();
    world.now += days(1);
    let held = world.case().hold(world.now + days(9), world.now).unwrap();
    world.keep(held);
    assert_eq!(world.next(), days(10));
    world.turns();
    assert_eq!((world.next(), world.case().ends_at()), (days(10), ends_at + days(9)));
    assert_eq!(world.turns().action, Action::Attempt(Method::Primary));
}

#[test]
fn a_hold_may_end_early() {
    let mut world = World::on(Network::Visa).opens(&funds(), plain());
    let held = world.case().hold(world.now + days(9), world.now).unwrap();
    world.keep(held);
    world.now += days(1);
    let released = world.around(|around| world.case().release(around)).unwrap();
    world.keep(released);
    assert_eq!(world.next(), days(3));
}

#[test]
fn a_retry_on_request_keeps_the_step_but_not_within_a_day() {
    let mut world = World::on(Network::Visa).opens(&funds(), plain());
    world.now += hours(70);
    let asked = world.around(|around| world.case().retry_now(around)).unwrap();
    assert_eq!(asked.action, Action::Attempt(Method::Primary));
    world.keep(asked);
    world.declines(&funds());
    assert_eq!((world.next(), world.case().steps_taken()), (hours(94), 0));
}

#[test]
fn a_retry_on_request_keeps_the_networks_wait() {
    let world =
        World::on(Network::Mastercard).opens(&read(Network::Mastercard, "51", Some("25")), plain());
    let refused = world.around(|around| world.case().retry_now(around)).unwrap_err();
    assert_eq!(refused, Refusal::NotBefore(world.start + days(1)));
}

#[test]
fn a_customers_own_attempts_push_a_due_retry_back() {
    let mut world = World::on(Network::Mastercard).opens(&funds(), plain());
    for _ in 0..2 {
        world.now = world.start + hours(71);
        world.sends();
    }
    assert_eq!(world.turns().action, Action::Nothing);
    assert_eq!((world.next(), world.case().steps_taken()), (hours(95), 0));
    assert_eq!(world.turns().action, Action::Attempt(Method::Primary));
}

#[test]
fn a_case_refuses_what_makes_no_sense() {
    let world = World::on(Network::Visa).opens(&funds(), plain());
    let case = world.case();
    world.around(|around| {
        assert_eq!(case.clone().step_due(around), Err(Refusal::NotDue));
        assert_eq!(
            case.clone().after_decline(&funds(), world.card, around),
            Err(Refusal::NoAttempt)
        );
        assert_eq!(case.clone().release(around), Err(Refusal::NotHeld));
        let closed = case.clone().close(around.now).unwrap().case;
        assert_eq!(closed.clone().retry_now(around), Err(Refusal::Over));
        assert_eq!(closed.clone().hold(around.now, around.now), Err(Refusal::Over));
        assert_eq!(closed.close(around.now), Err(Refusal::Over));
    });
}

#[test]
fn sanctions_and_unknown_advice_are_shown_to_staff() {
    let sanctioned = read(Network::Mastercard, "05", Some("42"));
    let world = World::on(Network::Mastercard).opens(&sanctioned, plain());
    assert_eq!(world.last().staff, [StaffTask::ComplianceHold]);
    let puzzling = read(Network::Mastercard, "05", Some("99"));
    let world = World::on(Network::Mastercard).opens(&puzzling, plain());
    assert_eq!(world.last().staff, [StaffTask::UnknownAdvice]);
}
