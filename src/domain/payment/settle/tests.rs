//! Stories of single attempts and what their outcome does to everything that hangs on them.

use chrono::TimeDelta;
use rstest::rstest;

use super::{
    given::{
        START, at, attempt, balances, card, declined, eur, id, ladder, mint, paid, renewal,
        short_ladder, stored,
    },
    *,
};
use crate::domain::{
    calendar::{Alignment, BillingAnchor, Interval, Unit, Zone},
    dunning::{AccessLevel, CaseState, FinalAction, RecoveredBy, Refusal, Step},
    invoice::InvoiceState,
    ledger::{Account, Entry},
    notice::Facts,
    payment::{
        attempt::Initiator::{self, Customer as ByCustomer, Merchant as ByMerchant},
        decline::{Decline, DeclineClass},
        method::Expiry,
        outcome::Paid,
        refund::{RefundOrigin, RefundState},
    },
    subscription::{
        Access, CancellationCause, OtherDebts, Subscription, SubscriptionState, renewal::next_bill,
    },
};

/// What `news` leads to an hour after the sending.
fn heard(standing: Standing, news: News) -> Settled {
    settle(standing, news, an_hour_later(), &mint()).unwrap()
}

fn an_hour_later() -> DateTime<Utc> {
    at(START) + TimeDelta::hours(1)
}

fn mails(changes: &Changes) -> Vec<&'static str> {
    changes.notices.iter().map(|notice| notice.facts.kind()).collect()
}

fn events(changes: &Changes) -> Vec<EventKind> {
    changes.events.iter().map(|event| event.kind).collect()
}

/// The renewal with its first charge declined, and a second attempt by `initiator` in flight.
fn overdue(initiator: Initiator) -> Standing {
    let first = renewal();
    let settled = heard(first.clone(), declined(DeclineClass::WaitFunds));
    let mut owed = first.owed.after(&settled.changes);
    owed.payment.state = PaymentState::Collecting;
    Standing { attempt: attempt(9, initiator, an_hour_later()), owed }
}

/// The same while the ladder itself has ordered the second attempt.
fn retried() -> Standing {
    let standing = overdue(ByMerchant);
    let due_at = standing.owed.case.as_ref().unwrap().due_at.unwrap();
    let mut owed = standing.owed;
    owed.payment.state = PaymentState::Waiting;
    let changes = take_step(owed.clone(), due_at, &mint()).unwrap();
    let mut owed = owed.after(&changes);
    assert!(owed.case.as_ref().unwrap().case.is_retrying());
    assert_eq!(owed.payment.state, PaymentState::Scheduled);
    owed.payment.state = PaymentState::Collecting;
    Standing { attempt: attempt(9, ByMerchant, due_at), owed }
}

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
fn a_subscription_with_another_overdue_invoice_stays_past_due() {
    let mut standing = overdue(ByCustomer);
    standing.owed.other_debts = OtherDebts::Dunned(Access::Grace);
    let changes = heard(standing, paid(2_000)).changes;
    assert_eq!(changes.invoices[0].state, InvoiceState::Paid);
    assert_eq!(changes.subscriptions[0].state, SubscriptionState::PastDue);
}

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

#[test]
fn two_absences_after_a_day_let_the_payment_be_tried_again() {
    let mut standing = renewal();
    standing.attempt.state = AttemptState::Unknown;
    for (hours, is_over) in [(2, false), (25, false), (25, false), (26, true)] {
        let now = at(START) + TimeDelta::hours(hours);
        let changes = not_found(standing.clone(), now, &mint()).changes;
        standing.attempt = changes.attempts[0].clone();
        let expected = if is_over { AttemptState::NotExecuted } else { AttemptState::Unknown };
        assert_eq!(standing.attempt.state, expected, "after {hours} h");
        let due: Vec<_> = changes.payments.iter().map(|p| (p.state, p.collect_at)).collect();
        let again = vec![(PaymentState::Scheduled, Some(now))];
        assert_eq!(due, if is_over { again } else { Vec::new() });
    }
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
#[case::before_any_dunning(renewal(), PaymentState::Scheduled)]
#[case::between_two_steps(overdue(ByCustomer), PaymentState::Waiting)]
#[case::while_the_ladder_waits_for_its_own_try(retried(), PaymentState::Scheduled)]
fn a_decline_that_the_customer_saw_leaves_the_ladder_alone(
    #[case] mut standing: Standing,
    #[case] payment: PaymentState,
) {
    standing.attempt.initiator = ByCustomer;
    let changes = heard(standing, declined(DeclineClass::Never)).changes;
    assert_eq!(changes.payments[0].state, payment);
    assert_eq!(events(&changes), [EventKind::PaymentDeclined]);
    assert!(changes.dunning_cases.is_empty() && changes.subscriptions.is_empty());
    assert!(changes.notices.is_empty() && changes.payment_methods.is_empty());
}

#[rstest]
#[case(DeclineClass::WaitFunds, "payment_failed")]
#[case(DeclineClass::NeedsSca, "authentication_needed")]
fn a_first_payment_that_is_declined_opens_no_case(#[case] class: DeclineClass, #[case] mail: &str) {
    let mut standing = renewal();
    standing.owed.subscription.as_mut().unwrap().0.state = SubscriptionState::Incomplete;
    let changes = heard(standing, declined(class)).changes;
    assert!(changes.dunning_cases.is_empty() && changes.subscriptions.is_empty());
    assert_eq!(changes.payments[0].state, PaymentState::Waiting);
    assert_eq!(mails(&changes), [mail]);
}

/// A first payment, its attempt in flight.
fn first_payment() -> Standing {
    let mut standing = renewal();
    standing.owed.subscription.as_mut().unwrap().0.state = SubscriptionState::Incomplete;
    standing
}

#[test]
fn a_first_payment_whose_issuer_is_down_is_tried_after_1_6_and_24_hours() {
    let mut waits = Vec::new();
    let mut standing = first_payment();
    for _ in 0..4 {
        let changes = heard(standing.clone(), declined(DeclineClass::WaitIssuer)).changes;
        let payment = &changes.payments[0];
        waits.push(payment.collect_at.map(|at| (at - an_hour_later()).num_hours()));
        // Who is tried again within hours hears nothing before that.
        assert_eq!(changes.notices.is_empty(), payment.collect_at.is_some());
        standing.owed.attempts.extend(changes.attempts);
    }
    assert_eq!(waits, [Some(1), Some(6), Some(24), None]);
}

#[test]
fn a_first_payment_that_our_set_up_fails_is_for_staff_and_not_for_the_customer() {
    let settled = heard(first_payment(), declined(DeclineClass::Config));
    assert!(settled.for_staff.unwrap().contains("set-up"));
    assert_eq!(settled.changes.notices, []);
    // It is due again, and set aside with the reason, so that staff lets it go.
    assert_eq!(settled.changes.payments[0].collect_at, Some(an_hour_later()));
}

#[rstest]
#[case::their_bank_wants_them(
    Decline::of(DeclineClass::NeedsSca),
    Err(Refusal::MethodBarred(DeclineClass::NeedsSca))
)]
#[case::their_bank_wants_time(
    Decline::of(DeclineClass::HoldRisk),
    Err(Refusal::NotBefore(an_hour_later() + TimeDelta::hours(72)))
)]
#[case::they_may_have_money_now(Decline::of(DeclineClass::WaitFunds), Ok(()))]
fn a_first_payments_declines_bind_who_asks_for_it_again(
    #[case] decline: Decline,
    #[case] asked: Result<(), Refusal>,
) {
    let standing = first_payment();
    let news = News::Declined { reference: None, decline };
    let changes = heard(standing.clone(), news).changes;
    let owed = Owed { attempts: changes.attempts, ..standing.owed };
    assert_eq!(owed.may_be_asked_for(an_hour_later()), asked);
}

#[test]
fn who_paid_when_the_first_cycle_was_over_is_told_of_the_part_that_comes() {
    let mut standing = renewal();
    let (subscription, terms) = standing.owed.subscription.as_mut().unwrap();
    terms.alignment = Alignment::Calendar;
    terms.interval = Interval::new(1, Unit::Year).unwrap();
    let unbilled = Subscription { current_period: None, next_cycle: 0, ..subscription.clone() };
    *subscription = unbilled;
    // December is a part of the year, and 27 December 2026 is billed with it.
    subscription.begin(terms, at("2026-12-27T09:00:00Z")).unwrap();
    let first = next_bill(subscription, terms, at("2026-12-27T09:00:00Z")).unwrap();
    (subscription.current_period, subscription.next_cycle) = (Some(first.period), 1);

    let paid_at = at("2027-01-03T09:00:00Z");
    let changes = settle(standing, paid(2_000), paid_at, &mint()).unwrap().changes;
    let Facts::Welcome { next_charge_at, next_amount, .. } = &changes.notices[0].facts else {
        panic!("no welcome")
    };
    // Five days were bought, and are given from now on; then come 358 of 365 days of 20.00.
    let given_until = at("2027-01-08T09:00:00Z");
    assert_eq!((*next_charge_at, *next_amount), (Some(given_until), eur(1_962)));
}

#[test]
fn who_paid_for_february_when_it_was_over_has_a_month_from_then_on() {
    let mut standing = renewal();
    standing.owed.subscription.as_mut().unwrap().0.state = SubscriptionState::Incomplete;
    let paid_at = at("2026-03-05T09:00:00Z");
    let changes = settle(standing, paid(2_000), paid_at, &mint()).unwrap().changes;
    let until = at("2026-04-05T09:00:00Z");
    let opened = &changes.subscriptions[0];
    assert_eq!(
        opened.current_period.map(|bought| (bought.start(), bought.end())),
        Some((paid_at, until))
    );
    assert_eq!(opened.due_at, Some(until));
}

#[test]
fn a_first_payment_opens_what_was_bought_and_welcomes() {
    let mut standing = renewal();
    standing.owed.subscription.as_mut().unwrap().0.state = SubscriptionState::Incomplete;
    let changes = heard(standing, paid(2_000)).changes;
    assert_eq!(changes.subscriptions[0].state, SubscriptionState::Active);
    assert_eq!(mails(&changes), ["welcome", "receipt"]);
    assert!(matches!(
        &changes.notices[0].facts,
        Facts::Welcome { next_amount, .. } if *next_amount == eur(2_000)
    ));
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

#[rstest]
#[case::rejected(News::Rejected { reason: "no such key".to_owned() }, true)]
#[case::never_carried_out(News::NeverHappened, false)]
fn what_was_not_tried_is_due_again_without_a_step(#[case] news: News, #[case] for_staff: bool) {
    let mut paid_otherwise = renewal();
    paid_otherwise.owed.invoice.state = InvoiceState::Paid;
    paid_otherwise.owed.payment.state = PaymentState::Succeeded;
    let mut voided = renewal();
    voided.owed.invoice.state = InvoiceState::Void;
    for (standing, payment) in [
        (renewal(), PaymentState::Scheduled),
        (retried(), PaymentState::Scheduled),
        // A page that came to nothing must not become a charge that the ladder did not order.
        (overdue(ByCustomer), PaymentState::Waiting),
        (voided, PaymentState::Abandoned),
        (paid_otherwise, PaymentState::Succeeded),
    ] {
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
    SubscriptionState::Unpaid,
    Some(AttemptState::Rejected),
    PaymentState::Scheduled
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

#[test]
fn a_decline_does_not_undo_what_another_attempt_has_paid() {
    let mut standing = renewal();
    standing.owed.invoice.state = InvoiceState::Paid;
    standing.owed.payment.state = PaymentState::Succeeded;
    let changes = heard(standing, declined(DeclineClass::Generic)).changes;
    assert_eq!(changes.payments[0].state, PaymentState::Succeeded);
    assert!(changes.dunning_cases.is_empty() && changes.notices.is_empty());
}

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
