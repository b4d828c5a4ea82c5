//! Stories of single payments that were taken back, and what that does to everything that hangs on
//! them.

use rstest::rstest;

use super::*;
use crate::domain::{
    dunning::CaseState,
    ledger::{Account, Journal},
    payment::{
        attempt::News,
        decline::DeclineClass,
        method::Expiry,
        refund::{RefundOrigin, RefundState},
        settle::{
            given::{START, at, balances, card, eur, id, mint, paid, renewal, stored},
            settle,
        },
    },
    subscription::{Access, OtherDebts, SubscriptionState},
};

const LATER: &str = "2026-02-10T09:00:00Z";

/// The renewal, stored, paid by its first attempt.
fn settled() -> Standing {
    let Standing { attempt, owed } = renewal();
    let standing = Standing { attempt, owed };
    let changes = settle(standing.clone(), paid(2_000), at(START), &mint()).unwrap().changes;
    let attempt = changes.attempts[0].clone();
    let mut owed = standing.owed.after(&changes);
    owed.attempts = vec![attempt.clone()];
    Standing { attempt, owed }
}

fn gone(minor: i64, class: DeclineClass) -> News {
    let (reference, state) = ("dp_1".to_owned(), ReversalState::TakenBack);
    let amount = eur(minor);
    News::Reversed(Box::new(Reversal { reference, amount, state, why: Decline::of(class) }))
}

/// What [`gone`] took came again.
fn won(minor: i64) -> News {
    let (reference, state) = ("dp_1".to_owned(), ReversalState::Reinstated);
    let (amount, why) = (eur(minor), Decline::of(DeclineClass::Never));
    News::Reversed(Box::new(Reversal { reference, amount, state, why }))
}

fn heard(standing: Standing, news: News) -> Settled {
    settle(standing, news, at(LATER), &mint()).unwrap()
}

#[test]
fn the_invoice_is_open_again_and_all_of_it_is_one_change() {
    let settled = heard(settled(), gone(2_000, DeclineClass::WaitFunds));
    assert_eq!(settled.for_staff, None);
    let changes = settled.changes;
    assert_eq!(changes.attempts[0].state, AttemptState::Reversed);
    assert_eq!((changes.attempts[0].applied, changes.attempts[0].reversed), (eur(0), eur(2_000)));
    assert_eq!(changes.payments[0].state, PaymentState::Waiting);
    assert_eq!(changes.payments[0].reversed, eur(2_000));
    assert_eq!(changes.payments[0].succeeded_at, None);
    assert_eq!(changes.invoices[0].state, InvoiceState::Open);
    assert_eq!(changes.invoices[0].open_amount(), eur(2_000));
    assert_eq!(changes.subscriptions[0].state, SubscriptionState::PastDue);
    assert_eq!(changes.subscriptions[0].access, Access::Grace);
    let [journal] = &changes.journals[..] else { panic!("{:?}", changes.journals) };
    assert!(balances(journal));
    let sides: Vec<_> =
        journal.postings().iter().map(|p| (p.account.clone(), p.amount.minor())).collect();
    let clearing = Account::Clearing("main".to_owned());
    assert_eq!(sides, [(Account::Receivable, 2_000), (clearing, -2_000)]);
    let events: Vec<_> = changes.events.iter().map(|event| event.kind).collect();
    let expected = [
        EventKind::PaymentReversed,
        EventKind::InvoiceReopened,
        EventKind::DunningOpened,
        EventKind::SubscriptionPastDue,
    ];
    assert_eq!(events, expected);
    assert_eq!(changes.events[0].reason.as_deref(), Some("wait_funds"));
    let [notice] = &changes.notices[..] else { panic!("one mail") };
    assert!(matches!(notice.facts, Facts::PaymentFailed { taken_back: true, .. }));
}

#[rstest]
#[case(DeclineClass::WaitFunds, None, true)]
#[case(DeclineClass::FixData, Some(DeclineClass::FixData), false)]
#[case(DeclineClass::StopMandate, Some(DeclineClass::StopMandate), false)]
#[case(DeclineClass::Never, Some(DeclineClass::Never), false)]
#[case(DeclineClass::Generic, Some(DeclineClass::Never), false)]
#[case(DeclineClass::WaitIssuer, Some(DeclineClass::Never), false)]
#[case(DeclineClass::HoldRisk, Some(DeclineClass::Never), false)]
#[case(DeclineClass::Config, Some(DeclineClass::Never), false)]
#[case(DeclineClass::NeedsSca, Some(DeclineClass::Never), false)]
fn only_for_want_of_funds_it_is_collected_again_by_itself(
    #[case] class: DeclineClass,
    #[case] blocked: Option<DeclineClass>,
    #[case] is_retried: bool,
) {
    let changes = heard(settled(), gone(2_000, class)).changes;
    let barred = changes.payment_methods.first().and_then(|method| method.blocked);
    assert_eq!(barred, blocked);
    let case = &changes.dunning_cases[0].case;
    assert_eq!(case.next_retry().is_some(), is_retried, "{:?}", case.state());
    let waits = matches!(case.state(), CaseState::WaitingForCustomer { .. });
    assert_eq!(waits, !is_retried, "the ladder reminds all the same");
}

#[test]
fn a_card_that_was_kept_on_a_page_is_blocked_like_any_other() {
    let Standing { attempt, owed } = renewal();
    let page = Attempt { method: None, credential: None, store_method: true, ..attempt };
    let kept = News::Paid(Paid {
        method: Some(Box::new(stored("tok_new", Expiry { year: 2031, month: 1 }))),
        ..Paid::bare("ch_1".to_owned(), eur(2_000))
    });
    let standing = Standing { attempt: page, owed };
    let changes = settle(standing.clone(), kept, at(START), &mint()).unwrap().changes;
    let mut owed = standing.owed.after(&changes);
    owed.charged = changes.payment_methods.last().cloned();
    let standing = Standing { attempt: changes.attempts[0].clone(), owed };
    let changes = heard(standing, gone(2_000, DeclineClass::Never)).changes;
    let [method] = &changes.payment_methods[..] else { panic!("{:?}", changes.payment_methods) };
    assert_eq!((&*method.token, method.blocked), ("tok_new", Some(DeclineClass::Never)));
}

#[test]
fn another_card_of_theirs_is_not_charged_at_once() {
    let mut standing = settled();
    standing.owed.primary = Some(card(9, 2031, 1));
    let changes = heard(standing, gone(2_000, DeclineClass::Never)).changes;
    assert_eq!(changes.payments[0].collect_at, None);
    assert!(!changes.dunning_cases[0].case.is_retrying());
}

#[test]
fn one_more_debt_of_an_unpaid_subscription_is_told_of_and_not_collected() {
    let mut standing = settled();
    if let Some((subscription, _)) = &mut standing.owed.subscription {
        subscription.suspend();
    }
    standing.owed.other_debts = OtherDebts::GivenUp;
    let changes = heard(standing, gone(2_000, DeclineClass::WaitFunds)).changes;
    assert_eq!(changes.invoices[0].state, InvoiceState::Open);
    assert_eq!(changes.subscriptions[0].state, SubscriptionState::Unpaid);
    assert!(changes.dunning_cases[0].case.is_over(), "nothing is charged by itself");
    let [notice] = &changes.notices[..] else { panic!("one mail") };
    assert!(matches!(notice.facts, Facts::Suspended { .. }), "paying the other does not open it");
}

#[test]
fn what_is_taken_back_after_it_was_refunded_is_for_staff_and_nothing_goes_below_zero() {
    let mut standing = settled();
    let refund = Refund {
        state: RefundState::Succeeded,
        ..Refund::of(
            &standing.attempt,
            eur(1_500),
            String::new(),
            RefundOrigin::Requested,
            at(START),
            &mint(),
        )
    };
    standing.owed.refunds = vec![refund];
    standing.owed.payment.refunded = eur(1_500);
    let settled = heard(standing, gone(2_000, DeclineClass::Never));
    assert_eq!(settled.changes.attempts[0].reversed, eur(500), "only the rest");
    assert_eq!(settled.changes.invoices[0].open_amount(), eur(500));
    assert!(settled.for_staff.is_some_and(|told| told.contains("15.00 EUR")));
}

#[rstest]
#[case::all_of_it(2_000, InvoiceState::Paid, 0)]
#[case::a_part(1_500, InvoiceState::Uncollectible, 500)]
fn what_was_given_up_is_paid_by_money_that_comes_again(
    #[case] comes: i64,
    #[case] state: InvoiceState,
    #[case] lost: i64,
) {
    let paid = settled();
    let mut changes = heard(paid.clone(), gone(comes, DeclineClass::Never)).changes;
    let mut owed = paid.owed.after(&changes);
    let mut attempt = changes.attempts[0].clone();
    if lost > 0 {
        let (reference, why) = ("dp_2".to_owned(), Decline::of(DeclineClass::Never));
        let (amount, state) = (eur(lost), ReversalState::TakenBack);
        let other = News::Reversed(Box::new(Reversal { reference, amount, state, why }));
        changes = heard(Standing { attempt, owed: owed.clone() }, other).changes;
        owed = owed.after(&changes);
        attempt = changes.attempts[0].clone();
    }
    closing::write_off(&mut owed.invoice, at(LATER), &mint());
    owed.payment.state = PaymentState::Abandoned;
    owed.case = None;
    let changes = heard(Standing { attempt, owed }, won(comes)).changes;
    assert!(changes.refunds.is_empty(), "the payer has had what they bought");
    let [invoice] = &changes.invoices[..] else { panic!("{:?}", changes.invoices) };
    assert_eq!((invoice.state, invoice.paid), (state, eur(comes)));
    let postings = changes.journals.iter().flat_map(Journal::postings);
    let of_bad_debt = postings.filter(|posting| posting.account == Account::BadDebt);
    let recovered: i64 = of_bad_debt.map(|posting| posting.amount.minor()).sum();
    assert_eq!(recovered, lost - 2_000);
}

#[test]
fn what_was_never_heard_to_be_paid_is_remembered_and_asked_after() {
    for (state, becomes) in [
        (AttemptState::InFlight, AttemptState::Unknown),
        (AttemptState::Pending, AttemptState::Pending),
        (AttemptState::Unknown, AttemptState::Unknown),
        (AttemptState::Declined, AttemptState::Declined),
        (AttemptState::NotExecuted, AttemptState::NotExecuted),
    ] {
        let mut standing = renewal();
        standing.attempt.state = state;
        let changes = heard(standing, gone(2_000, DeclineClass::Never)).changes;
        let [attempt] = &changes.attempts[..] else { panic!("the attempt alone") };
        assert_eq!((attempt.state, attempt.probe_at), (becomes, Some(at(LATER))));
        assert!(!attempt.was_not_sent(), "it is asked after, never sent");
        assert!(changes.journals.is_empty() && changes.payments.is_empty());
        assert_eq!(attempt.id, id(8));
    }
}
