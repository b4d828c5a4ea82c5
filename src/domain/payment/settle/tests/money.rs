//! Money that came: what it closes, and what goes back.

use super::*;

#[test]
fn money_closes_invoice_and_payment_and_balances_the_ledger() {
    let changes = heard(renewal(), paid(2_000)).changes;
    assert_eq!(changes.attempts[0].state, AttemptState::Succeeded);
    assert_eq!(changes.attempts[0].settled_at, Some(an_hour_later()));
    assert_eq!(changes.payments[0].state, PaymentState::Succeeded);
    assert_eq!(changes.payments[0].succeeded_at, Some(an_hour_later()));
    assert_eq!(changes.invoices[0].state, InvoiceState::Paid);
    assert_eq!(changes.invoices[0].paid, eur(2_000));
    assert_eq!(events(&changes), [EventKind::PaymentSucceeded, EventKind::InvoicePaid]);
    assert_eq!(mails(&changes), ["receipt"]);

    let [journal] = &changes.journals[..] else { panic!("{:?}", changes.journals) };
    assert_eq!(journal.entry, Entry::Paid);
    assert!(balances(journal));
    let accounts: Vec<_> =
        journal.postings().iter().map(|p| (p.account.clone(), p.amount.minor())).collect();
    let clearing = Account::Clearing("main".to_owned());
    assert_eq!(accounts, [(clearing, 2_000), (Account::Receivable, -2_000)]);
}

#[rstest]
#[case::the_customer_paid(overdue(ByCustomer), RecoveredBy::Customer)]
#[case::the_ladder_collected(retried(), RecoveredBy::Retry)]
#[case::the_backup_stood_in(
    { let mut s = retried(); s.owed.customer.backup_method = s.attempt.method; s },
    RecoveredBy::BackupMethod
)]
#[case::a_card_stored_since_then_paid(
    { let mut s = retried(); s.owed.charged.as_mut().unwrap().created_at = s.attempt.sent_at; s },
    RecoveredBy::NewMethod
)]
fn money_for_an_overdue_invoice_closes_its_case_too(
    #[case] standing: Standing,
    #[case] by: RecoveredBy,
) {
    let now = standing.attempt.sent_at;
    let changes = settle(standing, paid(2_000), now, &mint()).unwrap().changes;
    let [file] = &changes.dunning_cases[..] else { panic!("{:?}", changes.dunning_cases) };
    assert_eq!(file.case.state(), CaseState::Recovered { by, at: now });
    assert_eq!((file.due_at, file.closed_at), (None, Some(now)));
    assert_eq!(changes.subscriptions[0].state, SubscriptionState::Active);
    assert_eq!(changes.subscriptions[0].access, Access::Full);
    assert_eq!(mails(&changes), ["recovered"]);
    assert!(events(&changes).contains(&EventKind::DunningRecovered));
    assert!(events(&changes).contains(&EventKind::SubscriptionRecovered));
}

#[test]
fn another_sending_that_was_told_of_the_same_charge_denies_nothing() {
    let changes = heard(renewal(), paid(2_000)).changes;
    let owed = renewal().owed.after(&changes);
    let known = Standing { attempt: changes.attempts[0].clone(), owed };
    let settled = heard(known, duplicate());
    assert_eq!(settled.for_staff, None);
    assert!(settled.changes.attempts.is_empty());
}

/// The issuer takes the charge for one that it already has.
fn duplicate() -> News {
    let decline =
        Decline { response_code: Some("94".into()), ..Decline::of(DeclineClass::Generic) };
    News::Declined { reference: Some("ch_repeat".into()), decline }
}

#[test]
fn a_duplicate_is_asked_after_as_silence_is_until_staff_is_told() {
    let mut standing = renewal();
    let mut told = Vec::new();
    while standing.attempt.state.is_open() {
        let now = standing.attempt.probe_at.unwrap_or(standing.attempt.sent_at);
        let settled = settle(standing.clone(), duplicate(), now, &mint()).unwrap();
        told.extend(events(&settled.changes));
        standing.attempt = settled.changes.attempts[0].clone();
        if settled.for_staff.is_some() {
            break;
        }
    }
    let attempt = standing.attempt;
    assert_eq!((attempt.state, attempt.probes), (AttemptState::Unknown, 12));
    assert_eq!((attempt.probe_at, attempt.reference), (None, None));
    assert_eq!(told, [EventKind::PaymentUnknown]);
}

#[rstest]
#[case(AttemptState::Pending)]
#[case(AttemptState::ActionRequired)]
fn a_duplicate_takes_nothing_back_of_what_is_under_way(#[case] state: AttemptState) {
    let mut standing = renewal();
    standing.attempt.state = state;
    let settled = heard(standing, duplicate());
    assert_eq!(settled.changes.attempts[0].state, state);
    assert!(settled.changes.events.is_empty());
}

#[rstest]
#[case(AttemptState::Unknown, true)]
#[case(AttemptState::Pending, false)]
#[case(AttemptState::ActionRequired, false)]
fn what_a_gateway_cannot_tell_is_staffs_at_once_unless_it_was_accepted(
    #[case] state: AttemptState,
    #[case] is_staffs: bool,
) {
    let mut standing = renewal();
    standing.attempt.state = state;
    let settled = cannot_tell(standing, an_hour_later(), &mint());
    let attempt = &settled.changes.attempts[0];
    assert_eq!((attempt.state, attempt.leased_until), (state, None));
    assert_eq!(attempt.probe_at.is_none(), is_staffs);
    assert_eq!(settled.for_staff.is_some(), is_staffs);
}

#[test]
fn a_subscription_with_another_overdue_invoice_stays_past_due() {
    let mut standing = overdue(ByCustomer);
    standing.owed.other_debts = OtherDebts::Dunned(Access::Grace);
    let changes = heard(standing, paid(2_000)).changes;
    assert_eq!(changes.invoices[0].state, InvoiceState::Paid);
    assert_eq!(changes.subscriptions[0].state, SubscriptionState::PastDue);
}

#[test]
fn late_success_on_an_open_invoice_is_applied() {
    let mut standing = overdue(ByMerchant);
    standing.attempt.state = AttemptState::Declined;
    let settled = heard(standing, paid(2_000));
    assert!(settled.for_staff.is_some());
    assert_eq!(settled.changes.invoices[0].state, InvoiceState::Paid);
    assert_eq!(settled.changes.journals[0].entry, Entry::Paid);
    assert!(settled.changes.dunning_cases[0].case.is_over());
    assert!(events(&settled.changes).contains(&EventKind::PaymentLateSuccess));
    assert!(settled.changes.refunds.is_empty());
}

#[rstest]
fn late_success_where_nothing_is_owed_goes_back(
    #[values(InvoiceState::Paid, InvoiceState::Void, InvoiceState::Uncollectible)]
    state: InvoiceState,
    #[values(AttemptState::Unknown, AttemptState::Declined, AttemptState::NotExecuted)]
    was: AttemptState,
) {
    let mut standing = renewal();
    standing.attempt.state = was;
    standing.owed.invoice.state = state;
    let changes = heard(standing, paid(2_000)).changes;
    let [refund] = &changes.refunds[..] else { panic!("{:?}", changes.refunds) };
    assert_eq!((refund.amount, refund.attempt), (eur(2_000), id(8)));
    assert_eq!((refund.origin, refund.state), (RefundOrigin::LateSuccess, RefundState::Queued));
    assert_eq!(refund.due_at, Some(an_hour_later()));
    let [journal] = &changes.journals[..] else { panic!("{:?}", changes.journals) };
    assert_eq!(journal.entry, Entry::Overpaid);
    assert!(balances(journal));
    assert!(changes.invoices.is_empty() && changes.notices.is_empty());
    assert_eq!(changes.payments[0].state, PaymentState::Abandoned);
}

#[rstest]
#[case(1_999)]
#[case(2_001)]
#[case(0)]
fn a_wrong_amount_is_refused(#[case] minor: i64) {
    let refused = settle(renewal(), paid(minor), an_hour_later(), &mint());
    assert_eq!(refused, Err(WrongAmount { ordered: eur(2_000), taken: eur(minor) }));
}

#[test]
fn a_gateway_that_takes_back_its_word_is_for_staff_and_moves_nothing() {
    let mut standing = renewal();
    standing.attempt.state = AttemptState::Succeeded;
    let settled = heard(standing.clone(), declined(DeclineClass::Generic));
    assert!(settled.for_staff.is_some());
    let unmoved = Changes { attempts: vec![standing.attempt], ..Changes::default() };
    assert_eq!(settled.changes, unmoved);
}

#[test]
fn a_decline_does_not_undo_what_another_attempt_has_paid() {
    let mut standing = renewal();
    standing.owed.invoice.state = InvoiceState::Paid;
    standing.owed.payment.state = PaymentState::Succeeded;
    let changes = heard(standing, declined(DeclineClass::Generic)).changes;
    assert_eq!(changes.payments[0].state, PaymentState::Succeeded);
    assert!(changes.dunning_cases.is_empty() && changes.notices.is_empty());
}

#[test]
fn a_card_that_the_customer_ticked_on_the_page_is_charged_from_then_on() {
    let mut standing = overdue(ByCustomer);
    standing.attempt.store_method = true;
    let news = News::Paid(Paid {
        network_transaction: Some("nti_1".to_owned()),
        method: Some(Box::new(stored("tok_new", Expiry { year: 2031, month: 1 }))),
        ..Paid::bare("ch_2".to_owned(), eur(2_000))
    });
    let mut unticked = standing.clone();
    unticked.attempt.store_method = false;

    let changes = heard(standing, news.clone()).changes;
    let [method] = &changes.payment_methods[..] else { panic!("{:?}", changes.payment_methods) };
    assert_eq!(method.token, "tok_new");
    assert_eq!(method.original_transaction.as_deref(), Some("nti_1"));
    assert_eq!(changes.customers[0].default_method, Some(method.id));

    // Unless its issuer had said for good that it pays nothing without its payer.
    let mut known = method.clone();
    known.block(DeclineClass::Never, at(START));
    let mut barred = unticked.clone();
    barred.attempt.store_method = true;
    barred.owed.ever_stored = vec![known];
    let changes = heard(barred, news.clone()).changes;
    assert!(changes.customers.is_empty() && changes.payment_methods.is_empty());

    let changes = heard(unticked, news).changes;
    assert!(changes.customers.is_empty());
    assert!(changes.payment_methods.iter().all(|method| method.token == "tok_5"));
}

#[rstest]
#[case::confirmed_by_the_customer(ByCustomer, "nti_new")]
#[case::charged_by_itself(ByMerchant, "nti_old")]
fn later_charges_refer_to_what_the_customer_confirmed_last(
    #[case] initiator: Initiator,
    #[case] expected: &str,
) {
    let mut standing = overdue(initiator);
    let card =
        PaymentMethod { original_transaction: Some("nti_old".to_owned()), ..card(5, 2031, 2) };
    standing.owed.charged = Some(card);
    let news = News::Paid(Paid {
        network_transaction: Some("nti_new".to_owned()),
        ..Paid::bare("ch_2".to_owned(), eur(2_000))
    });
    let changes = heard(standing, news).changes;
    let kept = changes.payment_methods.last().and_then(|m| m.original_transaction.clone());
    assert_eq!(kept.unwrap_or_else(|| "nti_old".to_owned()), expected);
}

#[test]
fn money_plans_the_reminder_that_the_card_will_have_expired() {
    let mut standing = renewal();
    standing.owed.charged = Some(card(5, 2026, 2));
    standing.owed.primary = Some(card(5, 2026, 2));
    let changes = heard(standing, paid(2_000)).changes;
    assert_eq!(changes.subscriptions[0].remind_at, Some(at("2026-02-21T09:00:00Z")));
}
