//! What the stories of this room begin with: a monthly membership of 20.00 EUR, whose renewal of
//! 1 February 2026 is being collected by its first attempt. A story changes what matters to it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Owed, Standing};
use crate::domain::{
    calendar::{Alignment, BillingAnchor, Interval, Period, Unit, WindowHours, Zone},
    catalog::{PriceComponent, PriceModel, Terms, VersionNumber},
    customer::{Customer, PaymentMethod},
    dunning::{AccessLevel, FinalAction, Ladder, LadderDraft, Setting, Step},
    ids::{Id, Kind, Mint},
    invoice::{Invoice, InvoiceState},
    labels::Labels,
    ledger::Journal,
    money::{Currency, Money},
    payment::{
        Payment, PaymentState,
        attempt::{Attempt, AttemptState, Initiator, News},
        decline::{Decline, DeclineClass, Network},
        method::{Expiry, StoredMethod},
        network::SentAttempt,
        outcome::Paid,
        rules::RuleBook,
    },
    subscription::{Access, OtherDebts, Subscription, SubscriptionState},
    version::Version,
};

/// When the renewal became due and its attempt was sent.
pub(crate) const START: &str = "2026-02-01T09:00:00Z";

pub(crate) fn at(instant: &str) -> DateTime<Utc> {
    instant.parse().unwrap()
}

pub(crate) fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::from_code("EUR").unwrap())
}

pub(crate) fn mint() -> Mint {
    Mint::seeded([7; 32])
}

/// The n-th id, the same in every story.
pub(crate) fn id<K: Kind>(number: u128) -> Id<K> {
    Id::from_uuid(uuid::Uuid::from_u128(number))
}

/// 20.00 EUR a month.
pub(crate) fn terms() -> Terms {
    Terms {
        interval: Interval::new(1, Unit::Month).unwrap(),
        alignment: Alignment::Anniversary,
        trial_days: 0,
        components: vec![PriceComponent {
            label: "Membership".to_owned(),
            model: PriceModel::Flat,
            amounts: BTreeMap::from([(eur(0).currency(), 2_000)]),
        }],
        entitlements: Vec::new(),
    }
}

/// Active, with February billed.
pub(crate) fn subscription() -> Subscription {
    Subscription {
        merchant: id(1),
        id: id(2),
        customer: id(3),
        plan: id(4),
        plan_version: VersionNumber::FIRST,
        currency: eur(0).currency(),
        quantity: 1,
        state: SubscriptionState::Active,
        anchor: BillingAnchor::at(at(START), Zone::UTC),
        next_cycle: 1,
        current_period: Some(Period::new(at(START), at("2026-03-01T09:00:00Z")).unwrap()),
        due_at: Some(at("2026-03-01T09:00:00Z")),
        remind_at: None,
        reminded_for: None,
        trial_end: None,
        cancellation: None,
        scheduled_change: None,
        pause: None,
        payment_method: None,
        access: Access::Full,
        labels: Labels::default(),
        started_at: at(START),
        ended_at: None,
        version: Version::NEW,
    }
}

/// What a gateway told of a Visa card, as the token `token`.
pub(crate) fn stored(token: &str, expiry: Expiry) -> StoredMethod {
    StoredMethod {
        token: token.to_owned(),
        customer_reference: None,
        network: Network::Visa,
        brand: "Visa".to_owned(),
        last_four: "4242".to_owned(),
        expiry: Some(expiry),
        fingerprint: Some(format!("print of {token}")),
    }
}

/// A Visa card that works to the end of `month`/`year`.
pub(crate) fn card(number: u128, year: u16, month: u8) -> PaymentMethod {
    let stored = stored(&format!("tok_{number}"), Expiry { year, month });
    PaymentMethod::from_stored(id(1), id(number), id(3), "main".to_owned(), stored, at(START))
}

pub(crate) fn invoice() -> Invoice {
    Invoice {
        merchant: id(1),
        id: id(6),
        number: Some("2026-1".to_owned()),
        customer: id(3),
        subscription: Some(id(2)),
        state: InvoiceState::Open,
        total: eur(2_000),
        paid: eur(0),
        lines: Vec::new(),
        entitlements: Vec::new(),
        labels: Labels::default(),
        period: None,
        issued_at: at(START),
        due_at: at(START),
        closed_at: None,
        version: Version::NEW,
    }
}

pub(crate) fn payment(state: PaymentState) -> Payment {
    Payment {
        merchant: id(1),
        id: id(7),
        invoice: id(6),
        customer: id(3),
        amount: eur(2_000),
        state,
        method: None,
        on_backup: false,
        collect_at: None,
        attempts: 1,
        refunded: eur(0),
        reversed: eur(0),
        succeeded_at: None,
        created_at: at(START),
        version: Version::NEW,
    }
}

pub(crate) fn attempt(number: u128, initiator: Initiator, now: DateTime<Utc>) -> Attempt {
    Attempt {
        merchant: id(1),
        id: id(number),
        payment: id(7),
        invoice: id(6),
        customer: id(3),
        method: Some(id(5)),
        credential: Some(card(5, 2030, 12).credential()),
        request_hash: None,
        gateway: "main".to_owned(),
        amount: eur(2_000),
        applied: eur(0),
        reversed: eur(0),
        reversals: Vec::new(),
        initiator,
        state: AttemptState::InFlight,
        reference: None,
        decline: None,
        network: Network::Visa,
        card_key: "print of tok_5".to_owned(),
        action_url: None,
        store_method: false,
        sent_at: now,
        key_born_at: now,
        last_sent_at: now,
        leased_until: None,
        probe_at: None,
        probes: 0,
        asked_at: None,
        not_found_at: None,
        settled_at: None,
        version: Version::NEW,
    }
}

/// The renewal, its first attempt in flight.
pub(crate) fn renewal() -> Standing {
    let customer = Customer {
        merchant: id(1),
        id: id(3),
        email: "ana@example.org".to_owned(),
        name: "Ana".to_owned(),
        locale: None,
        zone: None,
        country: None,
        default_method: Some(id(5)),
        backup_method: None,
        email_suppressed: false,
        external_id: None,
        labels: Labels::default(),
        created_at: at(START),
        deleted_at: None,
        version: Version::NEW,
    };
    let sent = SentAttempt {
        sent_at: at(START),
        amount: eur(2_000),
        initiator: Initiator::Merchant,
        same_card: true,
        same_invoice: true,
    };
    let owed = Owed {
        payment: payment(PaymentState::Collecting),
        invoice: invoice(),
        customer,
        charged: Some(card(5, 2030, 12)),
        ever_stored: Vec::new(),
        primary: Some(card(5, 2030, 12)),
        backup: None,
        subscription: Some((subscription(), terms())),
        other_debts: OtherDebts::None,
        other_cases: Vec::new(),
        case: None,
        is_given_up: false,
        last_dunned_at: None,
        dunning: Setting::standard(Zone::UTC),
        sent_on_primary: vec![sent],
        sent_on_backup: Vec::new(),
        attempts: Vec::new(),
        refunds: Vec::new(),
    };
    Standing { attempt: attempt(8, Initiator::Merchant, at(START)), owed }
}

/// One reminder three days after the decline, and then `final_action`.
pub(crate) fn short_ladder(final_action: FinalAction) -> Ladder {
    let step = Step {
        after_days: 3,
        retry: false,
        mail: None,
        access: AccessLevel::Grace,
        try_backup: false,
    };
    ladder(vec![step], final_action)
}

/// A ladder of these steps, exact to the day, that may try the backup.
pub(crate) fn ladder(steps: Vec<Step>, final_action: FinalAction) -> Ladder {
    let draft = LadderDraft {
        backup_method: steps.iter().any(|step| step.try_backup),
        steps,
        final_action,
        jitter_percent: 0,
        window: WindowHours { from_hour: 0, to_hour: 24 },
    };
    Ladder::new(draft, RuleBook::newest()).unwrap()
}

pub(crate) fn paid(minor: i64) -> News {
    News::Paid(Paid::bare("ch_1".to_owned(), eur(minor)))
}

pub(crate) fn declined(class: DeclineClass) -> News {
    News::Declined { reference: Some("ch_1".to_owned()), decline: Decline::of(class) }
}

/// Whether reading it back finds it balanced.
pub(crate) fn balances(journal: &Journal) -> bool {
    let Journal { merchant, id, at, entry, invoice, movement, .. } = *journal;
    let postings = journal.postings().to_vec();
    Journal::from_postings(merchant, id, at, entry, invoice, movement, postings).is_some()
}
