//! No money came, or nobody knows.

use super::*;

#[test]
fn a_decline_opens_a_case_and_sends_one_mail() {
    let settled = heard(renewal(), declined(DeclineClass::WaitFunds));
    let changes = settled.changes;
    assert_eq!(settled.for_staff, None);
    assert_eq!(changes.attempts[0].state, AttemptState::Declined);
    assert_eq!(changes.attempts[0].decline.as_ref().unwrap().class, DeclineClass::WaitFunds);
    assert_eq!(changes.payments[0].state, PaymentState::Waiting);
    let [file] = &changes.dunning_cases[..] else { panic!("{:?}", changes.dunning_cases) };
    assert!(file.due_at.is_some_and(|due| due > an_hour_later()) && file.closed_at.is_none());
    assert_eq!((file.invoice, file.payment), (id(6), id(7)));
    assert_eq!(mails(&changes), ["payment_failed"]);
    assert_eq!(changes.notices[0].thread, Some(file.id));
    assert_eq!(changes.subscriptions[0].state, SubscriptionState::PastDue);
    assert_eq!(changes.subscriptions[0].access, Access::Grace);
    let expected =
        [EventKind::PaymentDeclined, EventKind::DunningOpened, EventKind::SubscriptionPastDue];
    assert_eq!(events(&changes), expected);
    assert!(changes.journals.is_empty() && changes.invoices.is_empty());
}

#[rstest]
#[case(DeclineClass::Never, true)]
#[case(DeclineClass::StopMandate, true)]
#[case(DeclineClass::FixData, true)]
#[case(DeclineClass::NeedsSca, false)]
#[case(DeclineClass::WaitFunds, false)]
fn only_what_can_never_work_again_blocks_the_method(
    #[case] class: DeclineClass,
    #[case] blocks: bool,
) {
    let changes = heard(renewal(), declined(class)).changes;
    let blocked: Vec<_> = changes.payment_methods.iter().map(|method| method.blocked).collect();
    assert_eq!(blocked, if blocks { vec![Some(class)] } else { Vec::new() });
}

#[test]
fn a_method_is_blocked_by_what_its_bank_says_of_a_payment_that_was_made_meanwhile() {
    let mut standing = renewal();
    standing.owed.invoice.state = InvoiceState::Paid;
    standing.owed.invoice.paid = standing.owed.invoice.total;
    let changes = heard(standing, declined(DeclineClass::StopMandate)).changes;
    assert_eq!(changes.payment_methods[0].blocked, Some(DeclineClass::StopMandate));
}

#[rstest]
#[case::no_money_came(declined(DeclineClass::WaitFunds))]
#[case::nothing_happened(News::NeverHappened)]
fn what_staff_has_put_back_is_still_due_whatever_comes_of_a_page_meanwhile(#[case] news: News) {
    let set_up = heard(renewal(), declined(DeclineClass::Config));
    assert!(set_up.for_staff.is_some());
    let mut owed = renewal().owed.after(&set_up.changes);
    let file = owed.case.as_mut().unwrap();
    assert!(file.case.waits_for_staff());
    let put_back_for = an_hour_later() + TimeDelta::minutes(1);
    file.due_at = Some(put_back_for);
    owed.payment.state = PaymentState::Collecting;
    let page = Standing { attempt: attempt(9, ByCustomer, an_hour_later()), owed: owed.clone() };
    let owed = owed.after(&settle(page, news, an_hour_later(), &mint()).unwrap().changes);
    let file = owed.case.unwrap();
    assert_eq!((file.case.waits_for_staff(), file.due_at), (true, Some(put_back_for)));
}

#[test]
fn a_case_knows_what_a_try_that_it_did_not_order_has_taught() {
    let standing = overdue(ByMerchant);
    let plan = standing.owed.case.as_ref().unwrap().case.next_retry();
    assert!(plan.is_some());
    let changes = heard(standing.clone(), declined(DeclineClass::NeedsSca)).changes;
    let file = &changes.dunning_cases[0];
    assert_eq!(file.case.next_retry(), plan, "it stays where it is");
    let owed = standing.owed.after(&changes);
    let changes = take_step(owed, file.due_at.unwrap(), &mint()).unwrap();
    assert!(!changes.dunning_cases[0].case.is_retrying(), "its turn only reminds");
}

#[test]
fn staff_is_told_of_advice_that_nobody_knows_while_another_card_is_charged() {
    let mut standing = retried();
    standing.owed.primary = Some(card(15, 2031, 1));
    standing.attempt.network = Network::Mastercard;
    let decline = Decline {
        response_code: Some("51".to_owned()),
        network_advice: Some("99".to_owned()),
        ..Decline::of(DeclineClass::Generic)
    };
    let settled = heard(standing, News::Declined { reference: None, decline });
    assert!(settled.changes.payments[0].collect_at.is_some(), "the new card is charged");
    assert!(settled.for_staff.unwrap().contains("no table of ours"));
    assert!(!settled.holds_charge);
}

#[test]
fn a_decline_after_money_was_taken_back_is_told_as_a_decline() {
    let mut standing = overdue(ByMerchant);
    standing.owed.case = None;
    let gone = Attempt {
        state: AttemptState::Reversed,
        reversed: eur(2_000),
        ..attempt(8, ByMerchant, at(START))
    };
    standing.owed.attempts = vec![gone, standing.attempt.clone()];
    let changes = heard(standing, declined(DeclineClass::WaitFunds)).changes;
    let [notice] = &changes.notices[..] else { panic!("{:?}", changes.notices) };
    assert!(matches!(notice.facts, Facts::PaymentFailed { taken_back: false, .. }));
}

#[test]
fn no_mail_promises_access_that_the_case_of_another_debt_closes_first() {
    let mut standing = renewal();
    let changes = heard(standing.clone(), declined(DeclineClass::WaitFunds)).changes;
    let alone = standing.owed.clone().after(&changes);
    let own = alone.open_until(&changes.dunning_cases[0].case);
    standing.owed.other_cases.clone_from(&changes.dunning_cases);
    let later = at(START) + TimeDelta::days(5);
    let second = settle(standing.clone(), declined(DeclineClass::WaitFunds), later, &mint());
    let second = second.unwrap().changes;
    let [notice] = &second.notices[..] else { panic!("{:?}", second.notices) };
    let Facts::PaymentFailed { access_until, .. } = notice.facts else { panic!("{notice:?}") };
    assert!(access_until <= own && access_until.is_some(), "{access_until:?}, {own:?}");
}

#[test]
fn whoever_stopped_one_payment_stopped_no_other() {
    let stop =
        Decline { stops: Some(StopScope::ThisPayment), ..Decline::of(DeclineClass::StopMandate) };
    let mut owed = renewal().owed;
    owed.attempts = vec![Attempt {
        state: AttemptState::Declined,
        decline: Some(stop),
        settled_at: Some(at(START)),
        ..attempt(8, ByMerchant, at(START))
    }];
    let changes = without_method(owed, an_hour_later(), &mint());
    assert_eq!(changes.dunning_cases[0].case.class(), DeclineClass::StopMandate);
    assert!(changes.payment_methods.is_empty(), "it is charged for the next cycle");
}

#[test]
fn a_set_up_that_is_wrong_is_for_staff_and_not_for_the_customer() {
    let settled = heard(renewal(), declined(DeclineClass::Config));
    assert!(settled.for_staff.is_some());
    assert!(mails(&settled.changes).is_empty());
    assert_eq!(settled.changes.dunning_cases[0].case.state(), CaseState::WaitingForStaff);
}

#[test]
fn silence_sends_no_mail_and_starts_no_dunning() {
    let settled = heard(renewal(), News::Silence);
    let [attempt] = &settled.changes.attempts[..] else { panic!("{settled:?}") };
    assert_eq!(attempt.state, AttemptState::Unknown);
    assert_eq!(attempt.probe_at, Some(an_hour_later() + TimeDelta::seconds(15)));
    assert_eq!(events(&settled.changes), [EventKind::PaymentUnknown]);
    let rest = Changes { attempts: Vec::new(), events: Vec::new(), ..settled.changes };
    assert_eq!((rest, settled.for_staff), (Changes::default(), None));
}

#[test]
fn a_challenge_asks_the_customer_to_confirm_and_starts_no_dunning() {
    let url = Some("https://bank.example/confirm".to_owned());
    let news = News::ActionRequired { reference: "ch_1".to_owned(), url: url.clone() };
    let changes = heard(renewal(), news).changes;
    assert_eq!(changes.attempts[0].state, AttemptState::ActionRequired);
    assert_eq!(changes.attempts[0].action_url, url);
    assert_eq!(mails(&changes), ["authentication_needed"]);
    assert!(changes.dunning_cases.is_empty() && changes.payments.is_empty());
}

#[rstest]
#[case::in_a_day(24, &[(2, false), (25, false), (25, false), (26, true)])]
#[case::when_all_has_arrived(30, &[(25, false), (26, false), (30, false), (31, true)])]
fn two_absences_let_the_payment_be_tried_again(
    #[case] proves_after_hours: i64,
    #[case] look_ups: &[(i64, bool)],
) {
    let mut standing = renewal();
    standing.attempt.state = AttemptState::Unknown;
    let proves_after = TimeDelta::hours(proves_after_hours);
    for &(hours, is_over) in look_ups {
        let now = at(START) + TimeDelta::hours(hours);
        let changes = not_found(standing.clone(), proves_after, now, &mint()).changes;
        standing.attempt = changes.attempts[0].clone();
        let expected = if is_over { AttemptState::NotExecuted } else { AttemptState::Unknown };
        assert_eq!(standing.attempt.state, expected, "after {hours} h");
        let due: Vec<_> = changes.payments.iter().map(|p| (p.state, p.collect_at)).collect();
        let again = vec![(PaymentState::Scheduled, Some(now))];
        assert_eq!(due, if is_over { again } else { Vec::new() });
    }
}

#[rstest]
#[case::before_any_dunning(renewal(), PaymentState::Scheduled)]
#[case::between_two_steps(overdue(ByCustomer), PaymentState::Waiting)]
#[case::while_the_ladder_waits_for_its_own_try(retried(), PaymentState::Scheduled)]
fn a_decline_that_the_customer_saw_leaves_the_ladder_alone(
    #[case] mut standing: Standing,
    #[case] payment: PaymentState,
) {
    standing.attempt =
        Attempt { method: None, credential: None, initiator: ByCustomer, ..standing.attempt };
    let changes = heard(standing, declined(DeclineClass::Never)).changes;
    assert_eq!(changes.payments[0].state, payment);
    assert_eq!(events(&changes), [EventKind::PaymentDeclined]);
    assert!(changes.dunning_cases.is_empty() && changes.subscriptions.is_empty());
    assert!(changes.notices.is_empty() && changes.payment_methods.is_empty());
}

#[rstest]
#[case::rejected(News::Rejected { reason: "no such key".to_owned() }, true)]
#[case::never_carried_out(News::NeverHappened, false)]
fn what_was_not_tried_is_due_again_without_a_step(#[case] news: News, #[case] for_staff: bool) {
    let paid_otherwise = || {
        let mut standing = renewal();
        standing.owed.invoice.state = InvoiceState::Paid;
        standing.owed.payment.state = PaymentState::Succeeded;
        standing
    };
    let voided = || {
        let mut standing = renewal();
        standing.owed.invoice.state = InvoiceState::Void;
        standing
    };
    let cases: [(fn() -> Standing, PaymentState); 5] = [
        (renewal, PaymentState::Scheduled),
        (retried, PaymentState::Scheduled),
        // A page that came to nothing must not become a charge that the ladder did not order.
        (|| overdue(ByCustomer), PaymentState::Waiting),
        (voided, PaymentState::Abandoned),
        (paid_otherwise, PaymentState::Succeeded),
    ];
    for (standing, payment) in cases {
        let standing = standing();
        let before = standing.owed.case.clone();
        let settled = heard(standing, news.clone());
        assert_eq!(settled.changes.payments[0].state, payment);
        assert_eq!(settled.for_staff.is_some(), for_staff);
        assert!(settled.changes.notices.is_empty());
        let before = before.map(|file| (file.case.state(), file.case.steps_taken()));
        for file in &settled.changes.dunning_cases {
            assert_eq!(Some((file.case.state(), file.case.steps_taken())), before);
        }
    }
}

/// A page of the customer's for a renewal that no ladder asks for.
fn page_before_any_ladder() -> Standing {
    let mut standing = renewal();
    standing.attempt.initiator = ByCustomer;
    standing
}

#[rstest]
#[case::of_a_subscription_that_runs(SubscriptionState::Active, None, PaymentState::Scheduled)]
#[case::of_one_that_rests(SubscriptionState::Paused, None, PaymentState::Scheduled)]
#[case::refused_to_us(
    SubscriptionState::Incomplete,
    Some(AttemptState::Rejected),
    PaymentState::Scheduled
)]
#[case::of_one_that_is_closed(
    SubscriptionState::Unpaid,
    Some(AttemptState::Rejected),
    PaymentState::Waiting
)]
#[case::of_one_that_waits_for_its_payer(SubscriptionState::Unpaid, None, PaymentState::Waiting)]
fn a_page_that_came_to_nothing_leaves_no_debt_unasked_for(
    #[case] subscription: SubscriptionState,
    #[case] ours: Option<AttemptState>,
    #[case] expected: PaymentState,
) {
    let mut standing = page_before_any_ladder();
    standing.owed.subscription.as_mut().unwrap().0.state = subscription;
    let before = attempt(20, ByMerchant, standing.attempt.sent_at);
    let before = ours.map(|state| Attempt { state, ..before });
    standing.owed.attempts = before.into_iter().collect();
    let changes = heard(standing, News::NeverHappened).changes;
    assert_eq!(changes.payments[0].state, expected);
    let ended: Vec<_> = changes.dunning_cases.iter().map(|file| file.case.is_over()).collect();
    let waits = expected == PaymentState::Waiting;
    assert_eq!(ended, if waits { vec![true] } else { Vec::new() }, "it keeps closed what it bills");
}
