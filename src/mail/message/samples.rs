//! Made-up messages of every kind: what previews show, and what every text is tried on.
//!
//! The first of each kind is the plain case; the others have what is most likely to break a text:
//! nothing optional, a long or hostile name, a currency without minor digits or with three.

use chrono::{DateTime, Utc};

use super::{
    Advice, AuthenticationNeeded, CancellationUndone, Cancelled, CancelledBy, CardExpiring, Charge,
    Cycle, CycleUnit, Instrument, Message, MessageKind, PaymentFailed, Period, PlanChanging, Price,
    Receipt, Recovered, Refund, Suspended, TrialEnding, UpcomingRenewal, Welcome,
};
use crate::domain::{money::Money, payment::method::Expiry};

const PLAN: &str = "Course monthly";
const LONG_PLAN: &str = "Fundamentals of Mediterranean cartography, complete yearly membership";
const HOSTILE_PLAN: &str = "<script>alert('paid')</script> & more";
const INVOICE: &str = "RN-2027-0007";

impl Message {
    /// Messages of one kind to try texts on; never empty.
    pub fn samples(kind: MessageKind) -> Vec<Self> {
        match kind {
            MessageKind::Welcome => welcome().map(Self::Welcome).into(),
            MessageKind::TrialEnding => trial_ending().map(Self::TrialEnding).into(),
            MessageKind::UpcomingRenewal => upcoming_renewal().map(Self::UpcomingRenewal).into(),
            MessageKind::Receipt => receipt().map(Self::Receipt).into(),
            MessageKind::PaymentFailed => payment_failed().map(Self::PaymentFailed).collect(),
            MessageKind::AuthenticationNeeded => {
                authentication_needed().map(Self::AuthenticationNeeded).into()
            }
            MessageKind::CardExpiring => card_expiring().map(Self::CardExpiring).into(),
            MessageKind::Recovered => recovered().map(Self::Recovered).into(),
            MessageKind::Suspended => suspended().map(Self::Suspended).into(),
            MessageKind::Cancelled => cancelled().map(Self::Cancelled).into(),
            MessageKind::CancellationUndone => {
                cancellation_undone().map(Self::CancellationUndone).into()
            }
            MessageKind::PlanChanging => plan_changing().map(Self::PlanChanging).into(),
            MessageKind::Refund => refund().map(Self::Refund).into(),
        }
    }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("samples are written with care")
}

fn money(minor: i64, code: &str) -> Money {
    Money::new(minor, code.parse().expect("samples are written with care"))
}

fn euros(minor: i64) -> Money {
    money(minor, "EUR")
}

fn monthly(amount: Money) -> Price {
    Price { amount, cycle: Cycle { count: 1, unit: CycleUnit::Month } }
}

fn visa() -> Instrument {
    Instrument { name: "Visa".into(), last_four: Some("4242".into()) }
}

fn wallet() -> Instrument {
    Instrument { name: "PayPal".into(), last_four: None }
}

fn next_charge() -> Charge {
    Charge { amount: euros(2_000), at: at("2027-02-28T09:00:00Z") }
}

fn february() -> Period {
    Period { from: at("2027-01-31T00:00:00Z"), until: at("2027-02-28T00:00:00Z") }
}

fn url(path: &str) -> String {
    format!("https://my.course-house.example/{path}")
}

fn welcome() -> [Welcome; 4] {
    let plain = Welcome {
        plan: PLAN.into(),
        price: monthly(euros(2_000)),
        paid: Some(euros(2_000)),
        next_charge: Some(next_charge()),
        instrument: Some(visa()),
        open_url: Some(url("courses/1")),
        manage_url: Some(url("home")),
    };
    let on_trial = Welcome { paid: None, ..plain.clone() };
    let hostile = Welcome {
        plan: HOSTILE_PLAN.into(),
        price: Price {
            amount: money(240_000, "JPY"),
            cycle: Cycle { count: 6, unit: CycleUnit::Month },
        },
        paid: Some(money(240_000, "JPY")),
        next_charge: Some(Charge { amount: money(240_000, "JPY"), at: at("2027-07-31T09:00:00Z") }),
        instrument: Some(wallet()),
        ..plain.clone()
    };
    let bare = Welcome {
        plan: LONG_PLAN.into(),
        price: monthly(euros(0)),
        paid: None,
        next_charge: None,
        instrument: None,
        open_url: None,
        manage_url: None,
    };
    [plain, on_trial, hostile, bare]
}

fn trial_ending() -> [TrialEnding; 4] {
    let plain = TrialEnding {
        plan: PLAN.into(),
        ends_at: at("2027-03-07T09:00:00Z"),
        amount: euros(2_000),
        next_charge: None,
        price: monthly(euros(2_000)),
        instrument: Some(visa()),
        card_url: url("u/card"),
        manage_url: Some(url("home")),
    };
    let without_card = TrialEnding { instrument: None, ..plain.clone() };
    let next_charge = Charge { amount: euros(2_000), at: at("2027-04-01T00:00:00Z") };
    let in_part =
        TrialEnding { amount: euros(1_613), next_charge: Some(next_charge), ..plain.clone() };
    let long = TrialEnding {
        plan: LONG_PLAN.into(),
        ends_at: at("2027-09-30T09:00:00Z"),
        manage_url: None,
        amount: money(1_234_567, "KWD"),
        price: Price {
            amount: money(1_234_567, "KWD"),
            cycle: Cycle { count: 2, unit: CycleUnit::Week },
        },
        ..plain.clone()
    };
    [plain, without_card, long, in_part]
}

fn upcoming_renewal() -> [UpcomingRenewal; 5] {
    let plain = UpcomingRenewal {
        plan: "Course yearly".into(),
        renews_at: at("2027-03-28T09:00:00Z"),
        amount: euros(18_000),
        previous: Some(euros(18_000)),
        period: Some(Period {
            from: at("2027-03-28T09:00:00Z"),
            until: at("2028-03-28T09:00:00Z"),
        }),
        next_charge: None,
        instrument: Some(visa()),
        card_url: url("u/card"),
        manage_url: Some(url("home")),
    };
    let dearer = UpcomingRenewal { previous: Some(euros(16_500)), ..plain.clone() };
    let long = UpcomingRenewal {
        plan: LONG_PLAN.into(),
        amount: money(1_800_000, "JPY"),
        previous: None,
        period: None,
        instrument: Some(wallet()),
        manage_url: None,
        ..plain.clone()
    };
    let without_card = UpcomingRenewal { instrument: None, ..plain.clone() };
    let in_part = UpcomingRenewal {
        amount: euros(197),
        period: Some(Period {
            from: at("2027-03-28T09:00:00Z"),
            until: at("2027-04-01T00:00:00Z"),
        }),
        next_charge: Some(Charge { amount: euros(18_000), at: at("2027-04-01T00:00:00Z") }),
        ..plain.clone()
    };
    [plain, dearer, long, without_card, in_part]
}

fn receipt() -> [Receipt; 3] {
    let plain = Receipt {
        plan: PLAN.into(),
        amount: euros(2_000),
        paid_at: at("2027-01-31T09:00:00Z"),
        instrument: Some(visa()),
        invoice: INVOICE.into(),
        period: Some(february()),
        next_charge: Some(next_charge()),
        invoice_url: url("i/1"),
    };
    let once = Receipt {
        plan: "Watercolour for beginners".into(),
        period: None,
        next_charge: None,
        instrument: Some(wallet()),
        ..plain.clone()
    };
    let long = Receipt {
        plan: LONG_PLAN.into(),
        amount: money(20_000, "KWD"),
        instrument: None,
        ..plain.clone()
    };
    [plain, once, long]
}

fn payment_failed() -> impl Iterator<Item = PaymentFailed> {
    let plain = PaymentFailed {
        plan: PLAN.into(),
        amount: euros(2_000),
        instrument: Some(visa()),
        failed_at: at("2027-02-28T09:00:00Z"),
        taken_back: false,
        is_final: false,
        advice: Advice::NotEnoughMoney,
        next_try_at: Some(at("2027-03-03T09:00:00Z")),
        access_until: Some(at("2027-03-21T00:00:00Z")),
        lapses_at: None,
        invoice: INVOICE.into(),
        pay_url: url("u/fix"),
        manage_url: Some(url("home")),
    };
    let first = PaymentFailed {
        next_try_at: None,
        access_until: None,
        lapses_at: Some(at("2027-03-03T09:00:00Z")),
        ..plain.clone()
    };
    let hostile = PaymentFailed {
        plan: HOSTILE_PLAN.into(),
        advice: Advice::NewCard,
        next_try_at: None,
        access_until: None,
        manage_url: None,
        ..plain.clone()
    };
    let long = PaymentFailed {
        plan: LONG_PLAN.into(),
        advice: Advice::NewCard,
        instrument: None,
        next_try_at: None,
        ..plain.clone()
    };
    // A card that is of no use is not tried again; another one may be.
    let by_backup = PaymentFailed { advice: Advice::NewCard, ..plain.clone() };
    let no_use = PaymentFailed { next_try_at: None, ..by_backup.clone() };
    let gone = PaymentFailed { taken_back: true, ..no_use.clone() };
    let returned = PaymentFailed { taken_back: true, ..plain.clone() };
    let last = PaymentFailed { is_final: true, ..plain.clone() };
    let last_of_all = PaymentFailed { is_final: true, ..long.clone() };
    let last_by_fault = PaymentFailed {
        is_final: true,
        advice: Advice::Technical,
        access_until: None,
        ..plain.clone()
    };
    let of_advice = move |advice| match advice {
        Advice::NewCard => no_use.clone(),
        Advice::NotEnoughMoney
        | Advice::AskYourBank
        | Advice::BankDidNotSay
        | Advice::Technical => PaymentFailed { advice, ..plain.clone() },
    };
    Advice::ALL.into_iter().map(of_advice).chain([
        by_backup,
        gone,
        returned,
        hostile,
        long,
        last,
        last_of_all,
        last_by_fault,
        first,
    ])
}

fn authentication_needed() -> [AuthenticationNeeded; 2] {
    let plain = AuthenticationNeeded {
        plan: PLAN.into(),
        amount: euros(2_000),
        instrument: Some(visa()),
        confirm_by: Some(at("2027-03-07T00:00:00Z")),
        invoice: INVOICE.into(),
        confirm_url: url("u/confirm"),
        manage_url: Some(url("home")),
    };
    let long = AuthenticationNeeded {
        plan: LONG_PLAN.into(),
        instrument: None,
        confirm_by: None,
        manage_url: None,
        ..plain.clone()
    };
    [plain, long]
}

fn card_expiring() -> [CardExpiring; 2] {
    let plain = CardExpiring {
        plan: PLAN.into(),
        card: visa(),
        expiry: Expiry { year: 2027, month: 8 },
        next_charge: Charge { amount: euros(2_000), at: at("2027-09-30T09:00:00Z") },
        update_url: url("u/card"),
    };
    let long = CardExpiring {
        plan: LONG_PLAN.into(),
        card: Instrument { name: "American Express".into(), last_four: Some("0005".into()) },
        expiry: Expiry { year: 2027, month: 9 },
        ..plain.clone()
    };
    [plain, long]
}

fn recovered() -> [Recovered; 2] {
    let plain = Recovered {
        plan: PLAN.into(),
        amount: euros(2_000),
        paid_at: at("2027-03-03T09:00:00Z"),
        instrument: Some(visa()),
        invoice: INVOICE.into(),
        next_charge: Some(Charge { amount: euros(2_000), at: at("2027-03-31T09:00:00Z") }),
        invoice_url: url("i/1"),
    };
    let long =
        Recovered { plan: LONG_PLAN.into(), instrument: None, next_charge: None, ..plain.clone() };
    [plain, long]
}

fn suspended() -> [Suspended; 5] {
    let plain = Suspended {
        plan: PLAN.into(),
        amount: euros(2_000),
        tries: 5,
        since: at("2027-03-21T00:00:00Z"),
        next_try_at: Some(at("2027-03-28T00:00:00Z")),
        ends_at: Some(at("2027-03-28T00:00:00Z")),
        invoice: INVOICE.into(),
        pay_url: url("u/fix"),
        manage_url: Some(url("home")),
    };
    let long = Suspended {
        plan: LONG_PLAN.into(),
        tries: 1,
        ends_at: None,
        manage_url: None,
        ..plain.clone()
    };
    let never_tried = Suspended { tries: 0, next_try_at: None, ..plain.clone() };
    let unpaid = Suspended { next_try_at: None, ends_at: None, ..plain.clone() };
    let not_yet_last = Suspended { ends_at: Some(at("2027-04-04T00:00:00Z")), ..plain.clone() };
    [plain, long, never_tried, unpaid, not_yet_last]
}

fn cancelled() -> [Cancelled; 4] {
    let plain = Cancelled {
        plan: PLAN.into(),
        by: CancelledBy::Customer,
        received_at: at("2027-03-10T14:02:00Z"),
        ends_at: at("2027-03-30T23:00:00Z"),
        open: None,
        undo_url: Some(url("undo")),
        manage_url: Some(url("home")),
    };
    let at_once = Cancelled { ends_at: plain.received_at, undo_url: None, ..plain.clone() };
    let unpaid = Cancelled {
        by: CancelledBy::Dunning,
        ends_at: plain.received_at,
        open: Some(euros(2_000)),
        undo_url: None,
        ..plain.clone()
    };
    let by_merchant = Cancelled {
        plan: LONG_PLAN.into(),
        by: CancelledBy::Merchant,
        undo_url: None,
        manage_url: None,
        ..plain.clone()
    };
    [plain, at_once, unpaid, by_merchant]
}

fn cancellation_undone() -> [CancellationUndone; 2] {
    let plain = CancellationUndone {
        plan: PLAN.into(),
        undone_at: at("2027-03-12T10:30:00Z"),
        next_charge: Some(Charge { amount: euros(2_000), at: at("2027-03-30T23:00:00Z") }),
        manage_url: Some(url("home")),
    };
    let long = CancellationUndone { plan: LONG_PLAN.into(), next_charge: None, ..plain.clone() };
    [plain, long]
}

fn plan_changing() -> [PlanChanging; 5] {
    let plain = PlanChanging {
        plan: PLAN.into(),
        new_plan: None,
        old_price: monthly(euros(2_000)),
        new_price: monthly(euros(2_400)),
        changes_at: Some(at("2027-04-30T09:00:00Z")),
        manage_url: Some(url("home")),
    };
    let moved = PlanChanging { new_plan: Some("Course monthly plus".into()), ..plain.clone() };
    let long = PlanChanging {
        plan: LONG_PLAN.into(),
        new_plan: Some(format!("{LONG_PLAN} plus")),
        new_price: Price {
            amount: euros(6_000),
            cycle: Cycle { count: 3, unit: CycleUnit::Month },
        },
        ..plain.clone()
    };
    let rests = PlanChanging { changes_at: None, ..plain.clone() };
    let kept = PlanChanging { new_price: plain.old_price, ..plain.clone() };
    [plain, moved, long, rests, kept]
}

fn refund() -> [Refund; 3] {
    let plain = Refund {
        plan: PLAN.into(),
        amount: euros(1_355),
        sent_at: at("2027-03-10T09:00:00Z"),
        instrument: Some(visa()),
        invoice: INVOICE.into(),
        reference: Some("re_3MmlLrLkdIwHu7ix0uke3Ezy".into()),
        document_url: url("i/1"),
    };
    let bare = Refund {
        plan: LONG_PLAN.into(),
        instrument: Some(wallet()),
        reference: None,
        ..plain.clone()
    };
    let unknown = Refund { instrument: None, ..bare.clone() };
    [plain, bare, unknown]
}
