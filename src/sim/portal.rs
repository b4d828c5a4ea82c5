//! The people of a simulated world: members who subscribe, change their minds and answer mails, and
//! staff who look after what waits for them. What they do goes through the operations that gRPC and
//! pages use.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{dice::Dice, mailer::Arrived, stage::Stage};
use crate::{
    domain::{
        calendar::{Alignment, Interval, Unit, WindowHours},
        catalog::{PriceComponent, PriceModel, Terms},
        dunning::{AccessLevel, FinalAction, LadderDraft, Step, StepMail},
        ids::{Id, kind},
        money::Currency,
    },
    mail::MessageKind,
};

/// A member, as the portal knows them.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// Their place among those who may join.
    pub(super) place: usize,
    pub(super) id: Id<kind::Customer>,
    pub(super) email: String,
    pub(super) subscription: Id<kind::Subscription>,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// A member, by their place in the list, joins.
    Join(usize),
    NewCard(usize),
    TakeCardOut(usize),
    CancelNow(usize),
    CancelAtPeriodEnd(usize),
    UndoCancellation(usize),
    Pause(usize),
    Resume(usize),
    TakeSeats(usize),
    ChangePlan(usize),
    PayNow(usize),
    /// On the gateway's page.
    PayByPage(usize),
    /// Comes back from the gateway's page.
    ComeBack(usize),
    BuyCourse(usize),
    AskMoneyBack(usize),
    VoidInvoice(usize),
    RetryNow(usize),
    HoldCase(usize),
    /// Staff changes a plan.
    RaisePrice,
    /// Staff looks at what is set aside.
    LookAfterStuck,
    /// The nightly reconciliation.
    Reconcile,
    /// The books are audited.
    Audit,
}

impl Wish {
    /// The place of the member whose wish it is.
    const fn place(self) -> Option<usize> {
        match self {
            Self::Join(place)
            | Self::NewCard(place)
            | Self::TakeCardOut(place)
            | Self::CancelNow(place)
            | Self::CancelAtPeriodEnd(place)
            | Self::UndoCancellation(place)
            | Self::Pause(place)
            | Self::Resume(place)
            | Self::TakeSeats(place)
            | Self::ChangePlan(place)
            | Self::PayNow(place)
            | Self::PayByPage(place)
            | Self::ComeBack(place)
            | Self::BuyCourse(place)
            | Self::AskMoneyBack(place)
            | Self::VoidInvoice(place)
            | Self::RetryNow(place)
            | Self::HoldCase(place) => Some(place),
            Self::RaisePrice | Self::LookAfterStuck | Self::Reconcile | Self::Audit => None,
        }
    }

    /// Whether all may go wrong in the middle of it: it is done again another day, or by somebody else.
    pub(super) const fn meets_trouble(self) -> bool {
        matches!(self, Self::LookAfterStuck | Self::Reconcile | Self::ComeBack(_))
    }
}

/// Who does what, and when.
#[derive(Debug, Default)]
pub(super) struct Portal {
    pub(super) members: Vec<Member>,
    pub(super) plans: Vec<Id<kind::Plan>>,
    wishes: BTreeMap<(DateTime<Utc>, u64), Wish>,
    counted: u64,
}

impl Portal {
    pub(super) fn wants(&mut self, at: DateTime<Utc>, wish: Wish) {
        self.counted += 1;
        self.wishes.insert((at, self.counted), wish);
    }

    /// The plan that somebody takes who joins: long cycles are taken more often than short ones.
    pub(super) fn taken(&self, dice: &Dice) -> Id<kind::Plan> {
        self.plans[match dice.below(20) {
            0..7 => 0,
            7..11 => 1,
            11..15 => 2,
            15..19 => 3,
            _ => 4,
        }]
    }

    /// Who has this wish, if they have joined.
    pub(super) fn member(&self, wish: Wish) -> Option<&Member> {
        let place = wish.place()?;
        self.members.iter().find(|member| member.place == place)
    }

    /// When somebody does something next.
    pub(super) fn next_at(&self) -> Option<DateTime<Utc>> {
        self.wishes.keys().next().map(|(at, _)| *at)
    }

    /// Takes what somebody does next, if its time has come.
    pub(super) fn take_wish(&mut self, now: DateTime<Utc>) -> Option<Wish> {
        let first = self.wishes.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// Nobody wants anything any more, but for what looks after the books.
    pub(super) fn goes_home(&mut self) {
        self.wishes
            .retain(|_, wish| matches!(wish, Wish::LookAfterStuck | Wish::Reconcile | Wish::Audit));
    }

    /// Plans the lives of `count` members between `start` and `end`.
    pub(super) fn plan_lives(
        &mut self,
        stage: &Stage,
        count: usize,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) {
        let dice = &stage.dice;
        let length = (end - start).num_seconds();
        let moment = || start + TimeDelta::seconds(dice.between(0, length));
        for member in 0..count {
            // Many join on the same few days, as after a campaign.
            let day = dice.below(12) * dice.below(8);
            let joins = start + TimeDelta::hours(i64::try_from(day).unwrap_or_default() * 24);
            self.wants(joins, Wish::Join(member));
            let course = joins + TimeDelta::seconds(dice.between(60, length));
            if dice.says(150) {
                self.wants(course, Wish::BuyCourse(member));
            }
            for _ in 0..dice.below(3) {
                let wish = *dice.pick(&[
                    Wish::NewCard(member),
                    Wish::NewCard(member),
                    Wish::TakeCardOut(member),
                    Wish::CancelNow(member),
                    Wish::CancelAtPeriodEnd(member),
                    Wish::UndoCancellation(member),
                    Wish::Pause(member),
                    Wish::TakeSeats(member),
                    Wish::ChangePlan(member),
                    Wish::PayNow(member),
                    Wish::PayByPage(member),
                    Wish::AskMoneyBack(member),
                    Wish::AskMoneyBack(member),
                    Wish::VoidInvoice(member),
                    Wish::RetryNow(member),
                    Wish::HoldCase(member),
                ]);
                self.wants(moment(), wish);
            }
        }
        for _ in 0..dice.below(3) {
            self.wants(moment(), Wish::RaisePrice);
        }
        self.look_after(dice, start, end);
    }

    /// The nightly jobs, and staff who come by each day.
    pub(super) fn look_after(&mut self, dice: &Dice, start: DateTime<Utc>, end: DateTime<Utc>) {
        // In every world each week it would take an eighth of all the time.
        let audited_each = if dice.says(250) { 7 } else { 60 };
        let mut day = start;
        let mut count = 0;
        while day < end {
            self.wants(day + TimeDelta::hours(3), Wish::Reconcile);
            self.wants(day + TimeDelta::hours(9), Wish::LookAfterStuck);
            if count % audited_each == 0 {
                self.wants(day + TimeDelta::hours(4), Wish::Audit);
            }
            day += TimeDelta::days(1);
            count += 1;
        }
    }

    /// A member has read a mail, and may do what it asks for.
    pub(super) fn reads(&mut self, mail: &Arrived, stage: &Stage) {
        let asks = matches!(
            mail.kind,
            MessageKind::PaymentFailed
                | MessageKind::AuthenticationNeeded
                | MessageKind::CardExpiring
                | MessageKind::Suspended
        );
        let member = self.members.iter().find(|member| member.email == mail.to);
        let member = member.map(|member| member.place);
        let Some(member) = member.filter(|_| asks) else { return };
        let dice = &stage.dice;
        let at = stage.truth() + TimeDelta::minutes(dice.between(5, 3 * 24 * 60));
        match dice.below(10) {
            0..3 => self.wants(at, Wish::NewCard(member)),
            3..6 => self.wants(at, Wish::PayByPage(member)),
            6 => self.wants(at, Wish::PayNow(member)),
            _ => {}
        }
    }
}

/// What the portal sells: cycles of every length, with the calendar and without, with and without a
/// trial, in a currency without, with two and with three decimals.
pub(super) fn offers(stage: &Stage) -> (Currency, Vec<(String, Terms)>) {
    let dice = &stage.dice;
    let code = *dice.pick(&["EUR", "EUR", "USD", "JPY", "KWD"]);
    let currency = Currency::from_code(code).expect("a currency of ISO 4217");
    let interval = |count, unit| Interval::new(count, unit).expect("a length of a cycle");
    let intervals = [
        ("year", interval(1, Unit::Year)),
        ("half-year", interval(6, Unit::Month)),
        ("quarter", interval(3, Unit::Month)),
        ("month", interval(1, Unit::Month)),
        ("fortnight", interval(2, Unit::Week)),
    ];
    let offers = intervals.map(|(name, interval)| {
        let price = |label: &str, model| PriceComponent {
            label: label.to_owned(),
            model,
            amounts: [(currency, dice.between(1, 90_000))].into(),
        };
        let mut components = vec![price("Membership", PriceModel::Flat)];
        if dice.says(300) {
            components.push(price("Seats", PriceModel::PerSeat));
        }
        if dice.says(200) {
            components.push(price("Joining", PriceModel::OneTime));
        }
        let fits = Alignment::Calendar.fits(interval);
        let alignment =
            if fits && dice.says(400) { Alignment::Calendar } else { Alignment::Anniversary };
        let trial_days = if dice.says(300) { *dice.pick(&[7, 14, 30]) } else { 0 };
        let entitlements = vec!["courses".to_owned()];
        (name.to_owned(), Terms { interval, alignment, trial_days, components, entitlements })
    });
    (currency, offers.to_vec())
}

/// A ladder of staff's own, in place of the built-in one.
pub(super) fn ladder(stage: &Stage) -> LadderDraft {
    let dice = &stage.dice;
    let backup_method = dice.says(500);
    let step = |after_days, retry, mail, access| Step {
        after_days,
        retry,
        mail,
        access,
        try_backup: backup_method && dice.says(500),
    };
    let days = |low, high| u32::try_from(dice.between(low, high)).unwrap_or_default();
    let steps = vec![
        step(days(2, 4), true, Some(StepMail::Reminder), AccessLevel::Grace),
        step(days(3, 7), true, Some(StepMail::FinalWarning), AccessLevel::Grace),
        step(days(3, 7), dice.says(500), Some(StepMail::Suspended), AccessLevel::None),
        step(days(3, 7), true, None, AccessLevel::None),
    ];
    LadderDraft {
        steps,
        final_action: *dice.pick(&[
            FinalAction::Cancel,
            FinalAction::MarkUnpaid,
            FinalAction::WriteOff,
        ]),
        backup_method,
        jitter_percent: 10,
        window: WindowHours { from_hour: 8, to_hour: 20 },
    }
}
