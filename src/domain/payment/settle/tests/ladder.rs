//! The ladder's turns, and its end.

use super::*;

#[rstest]
#[case(
    FinalAction::Cancel,
    InvoiceState::Uncollectible,
    PaymentState::Abandoned,
    SubscriptionState::Canceled
)]
#[case(
    FinalAction::MarkUnpaid,
    InvoiceState::Open,
    PaymentState::Waiting,
    SubscriptionState::Unpaid
)]
#[case(
    FinalAction::WriteOff,
    InvoiceState::Uncollectible,
    PaymentState::Abandoned,
    SubscriptionState::Active
)]
fn the_ladders_end_is_as_the_policy_says(
    #[case] action: FinalAction,
    #[case] invoice: InvoiceState,
    #[case] payment: PaymentState,
    #[case] subscription: SubscriptionState,
) {
    let (owed, changes) = at_the_end(action);
    assert_eq!(owed.invoice.state, invoice);
    assert_eq!(owed.payment.state, payment);
    let (ended, _) = owed.subscription.as_ref().unwrap();
    assert_eq!(ended.state, subscription);
    let cause = ended.cancellation.as_ref().map(|cancellation| cancellation.cause);
    let by_dunning = (action == FinalAction::Cancel).then_some(CancellationCause::Dunning);
    assert_eq!(cause, by_dunning);
    assert!(owed.case.is_none());
    let entries: Vec<_> = changes.journals.iter().map(|journal| journal.entry).collect();
    let written_off = invoice == InvoiceState::Uncollectible;
    assert_eq!(entries, if written_off { vec![Entry::WrittenOff] } else { Vec::new() });
    assert!(changes.journals.iter().all(balances));
    assert!(events(&changes).contains(&EventKind::DunningExhausted));
}

#[test]
fn after_a_declined_backup_the_ladder_goes_on_with_the_first_method() {
    let mut standing = renewal();
    let step = Step {
        after_days: 3,
        retry: true,
        mail: None,
        access: AccessLevel::Grace,
        try_backup: true,
    };
    standing.owed.dunning.ladder = ladder(vec![step, step], FinalAction::MarkUnpaid);
    standing.owed.customer.backup_method = Some(id(15));
    standing.owed.backup = Some(card(15, 2030, 12));

    let mut owed = standing.owed.clone();
    owed = owed.after(&heard(standing, declined(DeclineClass::WaitFunds)).changes);
    let first_step = owed.case.as_ref().unwrap().due_at.unwrap();
    owed = owed.clone().after(&take_step(owed, first_step, &mint()).unwrap());
    assert!(owed.payment.on_backup);

    // The backup is refused for good: that binds the backup alone.
    owed.payment.state = PaymentState::Collecting;
    owed.charged.clone_from(&owed.backup);
    let on_backup = Attempt {
        method: Some(id(15)),
        credential: Some(card(15, 2030, 12).credential()),
        ..attempt(9, Initiator::Merchant, first_step)
    };
    let standing = Standing { attempt: on_backup, owed: owed.clone() };
    let changes = settle(standing, declined(DeclineClass::Never), first_step, &mint());
    let changes = changes.unwrap().changes;
    let blocked: Vec<_> = changes.payment_methods.iter().map(|m| (m.id, m.blocked)).collect();
    assert_eq!(blocked, [(id(15), Some(DeclineClass::Never))]);
    owed = owed.after(&changes);
    assert!(!owed.payment.on_backup);

    owed.charged.clone_from(&owed.primary);
    owed.backup = None;
    let second_step = owed.case.as_ref().unwrap().due_at.unwrap();
    let changes = take_step(owed, second_step, &mint()).unwrap();
    let next = &changes.payments[0];
    assert_eq!((next.state, next.on_backup), (PaymentState::Scheduled, false));
}

#[test]
fn tries_on_the_backup_are_counted_for_the_backup() {
    let mut standing = renewal();
    standing.owed.backup = Some(card(15, 2030, 12));
    let sent = SentAttempt {
        sent_at: at(START),
        amount: eur(2_000),
        initiator: Initiator::Merchant,
        same_card: true,
        same_invoice: false,
    };
    standing.owed.sent_on_backup = vec![sent; 3];
    let around = standing.owed.circumstances(an_hour_later());
    assert_eq!(around.primary.history.len(), 1);
    assert_eq!(around.backup.unwrap().history.len(), 3);
}

#[test]
fn while_our_set_up_is_wrong_the_ladders_time_stands_still() {
    let standing = retried();
    let sent_at = standing.attempt.sent_at;
    let news = News::Rejected { reason: "credentials refused".to_owned() };
    let ends_at = standing.owed.case.as_ref().unwrap().case.ends_at();
    let refused = settle(standing.clone(), news, sent_at, &mint()).unwrap();
    assert!(refused.for_staff.unwrap().contains("credentials refused"));
    let owed = standing.owed.after(&refused.changes);
    assert_eq!(owed.payment.state, PaymentState::Scheduled);

    // Staff mends it a week later, and the same step is tried again.
    let mended_at = sent_at + TimeDelta::days(7);
    let again = Standing { attempt: attempt(10, ByMerchant, mended_at), owed };
    let changes = settle(again, declined(DeclineClass::WaitFunds), mended_at, &mint());
    let case = &changes.unwrap().changes.dunning_cases[0].case;
    assert_eq!(case.ends_at(), ends_at + TimeDelta::days(7));
    assert_eq!(case.steps_taken(), 1);
}

/// The renewal, declined and three days on at the end of a ladder with this final action.
fn at_the_end(action: FinalAction) -> (Owed, Changes) {
    let mut standing = renewal();
    standing.owed.dunning.ladder = short_ladder(action);
    let declined = heard(standing.clone(), declined(DeclineClass::WaitFunds)).changes;
    let owed = standing.owed.after(&declined);
    let due_at = owed.case.as_ref().unwrap().due_at.unwrap();
    assert_eq!(due_at, an_hour_later() + TimeDelta::days(3));
    let changes = take_step(owed.clone(), due_at, &mint()).unwrap();
    (owed.after(&changes), changes)
}

#[test]
fn money_reopens_an_unpaid_subscription_and_bills_nothing_for_the_time_it_was_closed() {
    let (owed, _) = at_the_end(FinalAction::MarkUnpaid);
    let now = at("2026-04-10T12:00:00Z");
    let standing = Standing { attempt: attempt(9, ByCustomer, now), owed };
    let changes = settle(standing, paid(2_000), now, &mint()).unwrap().changes;
    let reopened = &changes.subscriptions[0];
    assert_eq!((reopened.state, reopened.access), (SubscriptionState::Active, Access::Full));
    // Cycles are counted on, and placed by an anchor of today.
    assert_eq!((reopened.due_at, reopened.next_cycle), (Some(now), 1));
    assert_eq!(reopened.anchor, BillingAnchor::at(now, Zone::UTC));
    assert_eq!(reopened.current_period, None);
}

#[test]
fn where_there_is_nothing_to_charge_the_customer_is_asked_for_a_card() {
    let mut owed = renewal().owed;
    owed.charged = None;
    owed.primary = None;
    owed.payment.state = PaymentState::Scheduled;
    let changes = without_method(owed, an_hour_later(), &mint());
    assert_eq!(changes.payments[0].state, PaymentState::Waiting);
    assert_eq!(changes.dunning_cases[0].case.class(), DeclineClass::FixData);
    assert_eq!(mails(&changes), ["payment_failed"]);
}

#[test]
fn no_step_is_taken_while_the_customer_is_paying() {
    let standing = overdue(ByCustomer);
    let now = standing.owed.case.as_ref().unwrap().due_at.unwrap();
    let changes = take_step(standing.owed.clone(), now, &mint()).unwrap();
    let [file] = &changes.dunning_cases[..] else { panic!("{:?}", changes.dunning_cases) };
    assert_eq!(file.case, standing.owed.case.unwrap().case);
    assert_eq!(file.due_at, Some(now + TimeDelta::hours(1)));
    assert!(changes.payments.is_empty() && changes.notices.is_empty());
}

#[test]
fn a_person_moves_a_case_only_as_the_case_allows() {
    let mut owed = overdue(ByMerchant).owed;
    owed.payment.state = PaymentState::Waiting;
    let (now, until) = (an_hour_later(), an_hour_later() + TimeDelta::days(9));
    let hold = |owed: Owed| {
        move_case(owed, Some(EventKind::DunningHeld), now, &mint(), |case, around| {
            case.hold(until, around.now)
        })
    };
    let changes = hold(owed.clone()).unwrap();
    assert_eq!(changes.dunning_cases[0].due_at, Some(until));
    assert_eq!(events(&changes), [EventKind::DunningHeld]);
    owed.case = None;
    assert_eq!(hold(owed), Err(Refusal::Over));
}
