//! A small shop to tell stories about: a merchant, a customer with a card, a plan; and what the
//! customer owes. Every value is a plain default that a story changes where it matters.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rondo::{
    domain::{
        calendar::{Alignment, BillingAnchor, Interval, Period, Zone},
        catalog::{Plan, PlanState, PlanVersion, PriceComponent, PriceModel, Terms, VersionNumber},
        changes::Changes,
        customer::{Customer, PaymentMethod},
        dunning::{Case, Circumstances, DunningCase, DunningPolicy, Ladder, MethodFacts},
        event::{Event, EventKind, Subject, WebhookEndpoint},
        ids::{Id, Kind, Mint},
        invoice::{Basis, Invoice, InvoiceState, Line},
        labels::Labels,
        merchant::Merchant,
        money::{Currency, Money},
        notice::{Facts, Notice, NoticeState},
        payment::{
            Payment, PaymentState,
            attempt::{Attempt, AttemptState, Initiator},
            decline::{Decline, DeclineClass, Network},
            method::{CardMark, Expiry},
            refund::{Refund, RefundOrigin, RefundState},
            rules::RuleBook,
        },
        subscription::{Access, Subscription, SubscriptionState},
        version::Version,
    },
    store::{Result, Store, Times},
};

/// Midnight UTC of a day, for example `2026-01-31`.
pub fn at(day: &str) -> DateTime<Utc> {
    day.parse::<NaiveDate>().unwrap().and_hms_opt(0, 0, 0).unwrap().and_utc()
}

/// A merchant without a test clock lives in the world's time.
pub fn times(day: &str) -> Times {
    Times { now: at(day), world: at(day) }
}

/// The n-th month of 2026, from 1.
pub fn month(n: u32) -> Period {
    let first = |n| chrono::NaiveDate::from_ymd_opt(2026, n, 1).unwrap().to_string();
    Period::new(at(&first(n)), at(&first(n + 1))).unwrap()
}

/// An amount in euro cents.
pub fn euro(minor: i64) -> Money {
    Money::new(minor, Currency::from_code("EUR").unwrap())
}

/// A decline for want of funds.
pub fn no_funds() -> Decline {
    Decline {
        gateway_code: Some("insufficient_funds".into()),
        response_code: Some("51".into()),
        ..Decline::of(DeclineClass::WaitFunds)
    }
}

/// Commits `changes` in a transaction of their own.
pub async fn write(store: &dyn Store, changes: Changes) -> Result<()> {
    let mut repo = store.begin().await?;
    repo.write(changes).await?;
    repo.commit().await
}

/// A shop, as it was before its first write.
#[derive(Debug)]
pub struct Shop {
    /// Where its ids come from.
    pub mint: Mint,
    /// The day on which it opens.
    pub opening: DateTime<Utc>,
    /// The portal.
    pub merchant: Merchant,
    /// Who pays.
    pub customer: Customer,
    /// The customer's card.
    pub card: PaymentMethod,
    /// What is sold, 20.00 EUR a month.
    pub plan: Plan,
    /// The plan's first version.
    pub terms: PlanVersion,
}

/// A month of membership that is not paid yet.
#[derive(Debug, Clone)]
pub struct Owed {
    /// For what.
    pub subscription: Subscription,
    /// How much.
    pub invoice: Invoice,
    /// How it is to be collected.
    pub payment: Payment,
}

impl Owed {
    /// All of it.
    pub fn changes(&self) -> Changes {
        Changes {
            subscriptions: vec![self.subscription.clone()],
            invoices: vec![self.invoice.clone()],
            payments: vec![self.payment.clone()],
            ..Changes::default()
        }
    }
}

impl Shop {
    /// A shop; shops of different `seed` share no id.
    pub fn new(seed: u8) -> Self {
        let mint = Mint::seeded([seed; 32]);
        let opening = at("2026-01-01");
        let merchant = Merchant {
            id: mint.id(opening),
            name: "Open Academy".into(),
            zone: "Europe/Berlin".parse().unwrap(),
            locale: "en".into(),
            gateway: "sandbox".into(),
            other_gateways: Vec::new(),
            invoice_prefix: "OA".into(),
            reply_to: None,
            legal_lines: "Open Academy, Berlin".into(),
            portal_url: None,
            dunning_policy: None,
            test_clock: None,
            created_at: opening,
            version: Version::NEW,
        };
        let card_id = mint.id(opening);
        let customer = Customer {
            merchant: merchant.id,
            id: mint.id(opening),
            email: "ana@example.com".into(),
            name: "Ana".into(),
            locale: None,
            zone: None,
            country: None,
            default_method: Some(card_id),
            backup_method: None,
            email_suppressed: false,
            external_id: None,
            labels: Labels::default(),
            created_at: opening,
            deleted_at: None,
            version: Version::NEW,
        };
        let card = PaymentMethod {
            merchant: merchant.id,
            id: card_id,
            customer: customer.id,
            gateway: "sandbox".into(),
            token: "tok_good".into(),
            customer_reference: None,
            network: Network::Visa,
            brand: "Visa".into(),
            last_four: "4242".into(),
            expiry: Some(Expiry { year: 2030, month: 12 }),
            fingerprint: Some("card-of-ana".into()),
            card_key: "card-of-ana".into(),
            original_transaction: None,
            consented_at: opening,
            blocked: None,
            blocked_at: None,
            created_at: opening,
            deleted_at: None,
            version: Version::NEW,
        };
        let plan = Plan {
            merchant: merchant.id,
            id: mint.id(opening),
            name: "Membership".into(),
            state: PlanState::Active,
            current: VersionNumber::FIRST,
            dunning_policy: None,
            labels: Labels::default(),
            created_at: opening,
            deleted_at: None,
            version: Version::NEW,
        };
        let price = PriceComponent {
            label: "Membership".into(),
            model: PriceModel::Flat,
            amounts: [(euro(0).currency(), 2000)].into(),
        };
        let terms = PlanVersion {
            merchant: merchant.id,
            plan: plan.id,
            number: VersionNumber::FIRST,
            terms: Terms {
                interval: Interval::MONTHLY,
                alignment: Alignment::Anniversary,
                trial_days: 0,
                components: vec![price],
                entitlements: vec!["courses".into()],
            },
            created_at: opening,
        };
        Self { mint, opening, merchant, customer, card, plan, terms }
    }

    /// The shop, written.
    pub async fn opened(store: &dyn Store) -> Self {
        Self::opened_as(store, 1).await
    }

    /// One of several shops, written.
    pub async fn opened_as(store: &dyn Store, seed: u8) -> Self {
        let shop = Self::new(seed);
        write(store, shop.changes()).await.unwrap();
        shop
    }

    /// All of it.
    pub fn changes(&self) -> Changes {
        Changes {
            merchants: vec![self.merchant.clone()],
            customers: vec![self.customer.clone()],
            payment_methods: vec![self.card.clone()],
            plans: vec![self.plan.clone()],
            plan_versions: vec![self.terms.clone()],
            ..Changes::default()
        }
    }

    /// A new id.
    pub fn id<K: Kind>(&self) -> Id<K> {
        self.mint.id(self.opening)
    }

    /// A running subscription of the customer, with nothing due.
    pub fn subscription(&self) -> Subscription {
        Subscription {
            merchant: self.merchant.id,
            id: self.id(),
            customer: self.customer.id,
            plan: self.plan.id,
            plan_version: self.terms.number,
            currency: euro(0).currency(),
            quantity: 1,
            state: SubscriptionState::Active,
            anchor: BillingAnchor::at(self.opening, Zone::UTC),
            next_cycle: 1,
            current_period: None,
            due_at: None,
            remind_at: None,
            reminded_for: None,
            trial_end: None,
            cancellation: None,
            scheduled_change: None,
            pause: None,
            payment_method: None,
            access: Access::Full,
            labels: Labels::default(),
            started_at: self.opening,
            ended_at: None,
            version: Version::NEW,
        }
    }

    /// The subscription's first invoice, 20.00 EUR, open and without a number.
    pub fn invoice(&self, subscription: &Subscription) -> Invoice {
        Invoice {
            merchant: self.merchant.id,
            id: self.id(),
            number: None,
            customer: self.customer.id,
            subscription: Some(subscription.id),
            state: InvoiceState::Open,
            total: euro(2000),
            paid: euro(0),
            lines: vec![Line {
                label: "Membership".into(),
                unit: euro(2000),
                quantity: 1,
                amount: euro(2000),
                basis: Basis::Cycle {
                    plan_version: self.terms.number,
                    first_day: month(1).first_day(Zone::UTC),
                    last_day: month(1).last_day(Zone::UTC),
                    part: None,
                },
            }],
            entitlements: vec![],
            labels: Labels::default(),
            period: Some(month(1)),
            issued_at: self.opening,
            due_at: self.opening,
            closed_at: None,
            version: Version::NEW,
        }
    }

    /// The goal to collect an invoice, waiting.
    pub fn payment(&self, invoice: &Invoice) -> Payment {
        Payment {
            merchant: self.merchant.id,
            id: self.id(),
            invoice: invoice.id,
            customer: self.customer.id,
            amount: invoice.total,
            state: PaymentState::Waiting,
            method: None,
            on_backup: false,
            collect_at: None,
            attempts: 0,
            refunded: euro(0),
            reversed: euro(0),
            succeeded_at: None,
            created_at: self.opening,
            version: Version::NEW,
        }
    }

    /// A subscription with an open invoice and its payment.
    pub fn owed(&self) -> Owed {
        let subscription = self.subscription();
        let invoice = self.invoice(&subscription);
        let payment = self.payment(&invoice);
        Owed { subscription, invoice, payment }
    }

    /// The same, written.
    pub async fn owes(&self, store: &dyn Store) -> Owed {
        let owed = self.owed();
        write(store, owed.changes()).await.unwrap();
        owed
    }

    /// A call to the gateway that is under way; its worker's lease runs for a minute.
    pub fn attempt(&self, payment: &Payment) -> Attempt {
        Attempt {
            merchant: self.merchant.id,
            id: self.id(),
            payment: payment.id,
            invoice: payment.invoice,
            customer: self.customer.id,
            method: Some(self.card.id),
            credential: Some(self.card.credential()),
            request_hash: Some("5".repeat(64)),
            gateway: "sandbox".into(),
            amount: payment.amount,
            applied: euro(0),
            reversed: euro(0),
            reversals: Vec::new(),
            initiator: Initiator::Merchant,
            state: AttemptState::InFlight,
            reference: None,
            decline: None,
            network: Network::Visa,
            card_key: "card-of-ana".into(),
            action_url: None,
            store_method: false,
            sent_at: self.opening,
            key_born_at: self.opening,
            last_sent_at: self.opening,
            leased_until: Some(self.opening + TimeDelta::minutes(1)),
            probe_at: None,
            probes: 0,
            not_found_at: None,
            asked_at: Some(self.opening),
            settled_at: None,
            version: Version::NEW,
        }
    }

    /// An attempt that is over.
    pub fn settled(&self, payment: &Payment, state: AttemptState) -> Attempt {
        let settled_at = Some(self.opening);
        Attempt { state, leased_until: None, settled_at, ..self.attempt(payment) }
    }

    /// A refund of 5.00 EUR that is to be sent.
    pub fn refund(&self, attempt: &Attempt) -> Refund {
        Refund {
            merchant: self.merchant.id,
            id: self.id(),
            payment: attempt.payment,
            invoice: attempt.invoice,
            customer: self.customer.id,
            attempt: attempt.id,
            amount: euro(500),
            unowed: euro(0),
            reason: "asked for".into(),
            origin: RefundOrigin::Requested,
            state: RefundState::Queued,
            reference: None,
            failure: None,
            due_at: Some(self.opening),
            tries: 0,
            first_sent_at: Some(self.opening),
            leased_until: None,
            created_at: self.opening,
            settled_at: None,
            version: Version::NEW,
        }
    }

    /// The merchant's own ladder.
    pub fn policy(&self) -> DunningPolicy {
        DunningPolicy {
            merchant: self.merchant.id,
            id: self.id(),
            name: "Patient".into(),
            number: VersionNumber::FIRST,
            ladder: Ladder::standard(),
            created_at: self.opening,
            deleted_at: None,
            version: Version::NEW,
        }
    }

    /// An open case after a decline for want of funds, with nothing due.
    pub fn case(&self, payment: &Payment) -> DunningCase {
        let method = MethodFacts {
            card: CardMark::default(),
            consented_at: self.opening,
            network: Network::Visa,
            history: &[],
        };
        let around = Circumstances {
            now: self.opening,
            zone: Zone::UTC,
            seed: 1,
            amount: payment.amount,
            attempts: &[],
            primary: method,
            backup: None,
            last_mail_at: None,
            not_before: None,
            rules: RuleBook::at(self.opening.date_naive()),
        };
        DunningCase {
            merchant: self.merchant.id,
            id: self.id(),
            invoice: payment.invoice,
            payment: payment.id,
            subscription: None,
            customer: self.customer.id,
            policy: None,
            policy_version: VersionNumber::FIRST,
            case: Case::open(&no_funds(), CardMark::default(), Ladder::standard(), &around).case,
            due_at: None,
            opened_at: self.opening,
            closed_at: None,
            version: Version::NEW,
        }
    }

    /// A mail that dunning writes, about the fact of this name.
    pub fn dunning(&self, fact: &str) -> Notice {
        let facts = Facts::Suspended {
            amount: euro(2000),
            closed_since: self.opening,
            tries: 1,
            next_try_at: None,
            ends_at: None,
        };
        Notice { facts, ..self.notice(fact) }
    }

    /// A receipt to be sent at once, about the fact of this name.
    pub fn notice(&self, fact: &str) -> Notice {
        Notice {
            merchant: self.merchant.id,
            id: self.id(),
            customer: self.customer.id,
            subscription: None,
            invoice: None,
            thread: None,
            fact_key: fact.into(),
            facts: Facts::Receipt {
                amount: euro(2000),
                paid_at: self.opening,
                next_charge_at: None,
                paid_with: None,
            },
            state: NoticeState::Queued,
            due_at: Some(self.opening),
            tries: 0,
            leased_until: None,
            sent_at: None,
            failure: None,
            created_at: self.opening,
            version: Version::NEW,
        }
    }

    /// Something that happened to the customer.
    pub fn event(&self) -> Event {
        Event {
            merchant: self.merchant.id,
            id: self.id(),
            sequence: None,
            at: self.opening,
            kind: EventKind::CustomerUpdated,
            subject: Subject::Customer(self.customer.id),
            subject_version: Version::from_count(1),
            customer: Some(self.customer.id),
            amount: None,
            reason: None,
        }
    }

    /// A portal's address that was told everything so far.
    pub fn endpoint(&self) -> WebhookEndpoint {
        WebhookEndpoint {
            merchant: self.merchant.id,
            id: self.id(),
            url: "https://portal.example/hooks".into(),
            secrets: vec!["whsec_c2VjcmV0".into()],
            cursor: 0,
            due_at: None,
            tries: 0,
            failing_since: None,
            disabled_at: None,
            leased_until: None,
            created_at: self.opening,
            version: Version::NEW,
        }
    }
}
