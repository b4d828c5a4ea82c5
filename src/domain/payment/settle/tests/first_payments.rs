//! The first payment of a subscription, which opens it or never comes.

use super::*;

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
    for number in 0..4 {
        standing.attempt.id = id(20 + number);
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
fn a_quick_retry_that_its_network_holds_back_is_not_due_again_at_once() {
    let standing = first_payment();
    let changes = heard(standing.clone(), declined(DeclineClass::WaitIssuer)).changes;
    let owed = standing.owed.after(&changes);
    let due_at = owed.payment.collect_at.unwrap();
    let changes = held_back(owed, due_at, &mint());
    assert_eq!(changes.payments[0].collect_at, None);
    assert_eq!(mails(&changes), ["payment_failed"]);
}

#[test]
fn a_quick_retry_does_not_come_before_the_networks_advice_allows() {
    let mut standing = first_payment();
    standing.attempt.network = Network::Mastercard;
    let decline = Decline {
        response_code: Some("96".to_owned()),
        // It stands in no table, and so nothing is tried for three days.
        network_advice: Some("99".to_owned()),
        ..Decline::of(DeclineClass::Generic)
    };
    let news = News::Declined { reference: Some("ch_1".to_owned()), decline };
    let changes = heard(standing.clone(), news).changes;
    assert_eq!(changes.payments[0].state, PaymentState::Waiting);
    assert_eq!(mails(&changes), ["payment_failed"]);

    // Nor does it come when its payer has left a page.
    let page =
        Attempt { method: None, credential: None, ..attempt(9, ByCustomer, an_hour_later()) };
    let left = Standing { attempt: page, owed: standing.owed.after(&changes) };
    let changes = heard(left, News::NeverHappened).changes;
    assert_eq!(changes.payments[0].state, PaymentState::Waiting);
}

#[rstest]
#[case::an_issuer_that_is_down(&[DeclineClass::WaitIssuer], PaymentState::Scheduled)]
#[case::a_suspicion_since(&[DeclineClass::WaitIssuer, DeclineClass::HoldRisk], PaymentState::Waiting)]
#[case::a_set_up_that_staff_mends(&[DeclineClass::Config], PaymentState::Scheduled)]
fn a_page_that_was_left_brings_back_the_retry_of_what_failed_last(
    #[case] refusals: &[DeclineClass],
    #[case] expected: PaymentState,
) {
    let mut standing = first_payment();
    for (minutes, class) in (0..).zip(refusals) {
        standing.owed.attempts.push(Attempt {
            state: AttemptState::Declined,
            decline: Some(Decline::of(*class)),
            settled_at: Some(at(START) + TimeDelta::minutes(minutes)),
            ..attempt(20, ByMerchant, at(START))
        });
    }
    standing.attempt.initiator = ByCustomer;
    let settled = heard(standing, News::NeverHappened);
    assert_eq!(settled.changes.payments[0].state, expected);
    let is_for_staff = refusals.contains(&DeclineClass::Config);
    assert_eq!((settled.for_staff.is_some(), settled.holds_charge), (is_for_staff, is_for_staff));
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

/// Beside a page, or a charge that is undecided, the member has stored another card.
fn with_a_card_stored_meanwhile(mut standing: Standing) -> Standing {
    let card = card(5, 2030, 12);
    let card_key = "another".to_owned();
    standing.owed.primary = Some(PaymentMethod { id: id(50), card_key, ..card });
    standing.owed.payment.state = PaymentState::Collecting;
    standing
}

#[rstest]
#[case::a_charge_is_declined(ByMerchant, declined(DeclineClass::WaitFunds))]
#[case::a_charge_came_to_a_bank_that_is_down(ByMerchant, declined(DeclineClass::WaitIssuer))]
#[case::a_page_was_left(ByCustomer, News::NeverHappened)]
fn a_card_that_was_stored_beside_a_first_payment_is_tried_when_that_has_failed(
    #[case] initiator: Initiator,
    #[case] news: News,
) {
    let mut standing = first_payment();
    standing.attempt.initiator = initiator;
    let changes = heard(with_a_card_stored_meanwhile(standing), news).changes;
    let payment = &changes.payments[0];
    let planned = (payment.state, payment.collect_at);
    assert_eq!(planned, (PaymentState::Scheduled, Some(an_hour_later())));
    assert!(changes.notices.is_empty(), "nobody is asked for what is being tried");
}
