//! Stories of single cases, told in days and hours after the first decline.

use chrono::{NaiveDate, TimeDelta};
use rstest::rstest;

use super::*;
use crate::domain::{
    calendar::{WindowHours, Zone},
    dunning::{
        Reach,
        decision::{Action, Reason, StaffTask},
        ladder::{LadderDraft, Step},
        standing::Bar,
    },
    money::{Currency, Money},
    payment::{
        attempt::Initiator,
        decline::{Network, StopScope},
        method::CardMark,
        network::SentAttempt,
        rules::{Reading, RuleBook, Rules, Signals},
    },
};
use DeclineClass::{Config, FixData, HoldRisk, NeedsSca, Never, StopMandate, WaitFunds};

/// A case and the world around it. It begins on Monday 2 November 2026 at 10:00 UTC.
struct World {
    start: DateTime<Utc>,
    now: DateTime<Utc>,
    zone: Zone,
    card: CardMark,
    consented_at: DateTime<Utc>,
    /// The card that the attempt under way charges.
    charged: CardMark,
    primary: Network,
    backup: Option<Network>,
    history: Vec<SentAttempt>,
    case: Option<Case>,
    last: Option<Decision>,
}

fn rules() -> &'static Rules {
    RuleBook::at(NaiveDate::from_ymd_opt(2026, 11, 2).unwrap())
}

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::from_code("EUR").unwrap())
}

fn days(days: i64) -> TimeDelta {
    TimeDelta::days(days)
}

fn hours(hours: i64) -> TimeDelta {
    TimeDelta::hours(hours)
}

/// The standard gaps without jitter and without closed hours, so that stories count in days.
fn plain() -> LadderDraft {
    LadderDraft {
        jitter_percent: 0,
        window: WindowHours { from_hour: 0, to_hour: 24 },
        ..Ladder::standard().into()
    }
}

impl World {
    fn on(primary: Network) -> Self {
        let start = "2026-11-02T10:00:00Z".parse().unwrap();
        Self {
            start,
            now: start,
            zone: Zone::UTC,
            card: CardMark::new("the first card", "4242", None),
            consented_at: start,
            charged: CardMark::new("the first card", "4242", None),
            primary,
            backup: None,
            history: Vec::new(),
            case: None,
            last: None,
        }
    }

    fn around<T>(&self, ask: impl FnOnce(&Circumstances<'_>) -> T) -> T {
        let facts = |network| MethodFacts {
            card: self.card,
            consented_at: self.consented_at,
            network,
            history: &self.history,
        };
        // The backup is another card: of what was sent on the first, it shares the invoice alone.
        let others: Vec<SentAttempt> =
            self.history.iter().map(|a| SentAttempt { same_card: false, ..*a }).collect();
        ask(&Circumstances {
            now: self.now,
            zone: self.zone,
            seed: 7,
            amount: eur(2_000),
            primary: facts(self.primary),
            backup: self.backup.map(|network| MethodFacts {
                card: CardMark::new("the backup", "1111", None),
                consented_at: self.start,
                network,
                history: &others,
            }),
            last_mail_at: None,
            not_before: None,
            rules: rules(),
        })
    }

    fn sends(&mut self) {
        self.history.push(SentAttempt {
            sent_at: self.now,
            amount: eur(2_000),
            initiator: Initiator::Merchant,
            same_card: true,
            same_invoice: true,
        });
    }

    fn opens(mut self, decline: &Decline, draft: LadderDraft) -> Self {
        self.sends();
        let ladder = Ladder::new(draft, rules()).unwrap();
        let decision = self.around(|around| Case::open(decline, self.card, ladder, around));
        self.keep(decision);
        self
    }

    fn keep(&mut self, decision: Decision) -> Decision {
        match decision.action {
            Action::Attempt(Method::Primary) => self.charged = self.card,
            Action::Attempt(Method::Backup) => {
                self.charged = CardMark::new("the backup", "1111", None);
            }
            Action::Nothing | Action::Finish(_) => {}
        }
        self.case = Some(decision.case.clone());
        self.last = Some(decision.clone());
        decision
    }

    /// A second card becomes the primary method.
    fn replaces(&mut self) -> Decision {
        self.charges("the second card")
    }

    /// This card becomes the primary method.
    fn charges(&mut self, card: &str) -> Decision {
        self.card = CardMark::new(card, "4242", None);
        self.consented_at = self.now;
        self.around(|around| self.case().method_replaced(around)).unwrap()
    }

    fn case(&self) -> Case {
        self.case.clone().unwrap()
    }

    fn last(&self) -> &Decision {
        self.last.as_ref().unwrap()
    }

    fn mail(&self) -> Option<DunningMail> {
        self.last().mail.map(|mail| mail.kind)
    }

    /// How long after the first decline the next turn comes.
    fn next(&self) -> TimeDelta {
        self.case().next_at().unwrap() - self.start
    }

    fn turns(&mut self) -> Decision {
        self.now = self.case().next_at().unwrap();
        let decision = self.around(|around| self.case().step_due(around)).unwrap();
        self.keep(decision)
    }

    fn declines(&mut self, decline: &Decline) -> Decision {
        self.sends();
        let decision =
            self.around(|around| self.case().after_decline(decline, self.charged, around)).unwrap();
        self.keep(decision)
    }

    /// Takes the next turn, which must be a retry of the primary method, and has it declined.
    fn retries(&mut self, decline: &Decline) -> Decision {
        assert_eq!(self.turns().action, Action::Attempt(Method::Primary));
        self.declines(decline)
    }
}

fn funds() -> Decline {
    Decline::of(WaitFunds)
}

/// A decline as the rules of the day read it.
fn read(network: Network, response: &str, advice: Option<&str>) -> Decline {
    let signals = Signals {
        response_code: Some(response.to_owned()),
        network_advice: advice.map(str::to_owned),
        ..Signals::on(network)
    };
    match rules().classify(&signals) {
        Reading::Declined(decline) => decline,
        other => panic!("{other:?}"),
    }
}

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
fn sanctions_and_unknown_advice_are_shown_to_staff() {
    let sanctioned = read(Network::Mastercard, "05", Some("42"));
    let world = World::on(Network::Mastercard).opens(&sanctioned, plain());
    assert_eq!(world.last().staff, [StaffTask::ComplianceHold]);
    let puzzling = read(Network::Mastercard, "05", Some("99"));
    let world = World::on(Network::Mastercard).opens(&puzzling, plain());
    assert_eq!(world.last().staff, [StaffTask::UnknownAdvice]);
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
