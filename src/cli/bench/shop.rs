//! The subscriptions that the bench renews: monthly ones, all due now, each with a customer and a
//! good card of its own.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    domain::{
        calendar::{Alignment, BillingAnchor, Interval, Zone},
        catalog::{Plan, PlanState, PlanVersion, PriceComponent, PriceModel, Terms, VersionNumber},
        changes::Changes,
        customer::{Customer, PaymentMethod},
        ids::Mint,
        labels::Labels,
        merchant::Merchant,
        money::Currency,
        payment::{
            decline::Network,
            method::{Expiry, StoredMethod},
        },
        subscription::{Access, Subscription, SubscriptionState},
        version::Version,
    },
    store::Store,
};

/// Longer than any month, shorter than any two: one cycle is due, and no second.
const BEGAN_DAYS_AGO: i64 = 32;
/// Subscriptions that are written in one transaction.
const TOGETHER: usize = 2_000;

/// A merchant with one plan, 20.00 EUR a month.
pub struct Shop<'a> {
    mint: &'a Mint,
    merchant: Merchant,
    plan: Plan,
    terms: PlanVersion,
    anchor: BillingAnchor,
    began: DateTime<Utc>,
    euro: Currency,
    gateway: &'a str,
}

impl<'a> Shop<'a> {
    /// Opens a shop: `number` tells it from the others.
    pub fn new(mint: &'a Mint, gateway: &'a str, now: DateTime<Utc>, number: usize) -> Self {
        let began = now - TimeDelta::days(BEGAN_DAYS_AGO);
        let euro = Currency::from_code("EUR").expect("the euro is a currency");
        let zone: Zone = "Europe/Lisbon".parse().expect("Lisbon has a zone");
        let merchant = Merchant {
            id: mint.id(began),
            name: format!("Shop {number}"),
            zone,
            locale: "en".to_owned(),
            gateway: gateway.to_owned(),
            other_gateways: Vec::new(),
            invoice_prefix: format!("S{number}"),
            reply_to: None,
            legal_lines: String::new(),
            portal_url: None,
            dunning_policy: None,
            test_clock: None,
            created_at: began,
            version: Version::NEW,
        };
        let plan = Plan {
            merchant: merchant.id,
            id: mint.id(began),
            name: "Membership".to_owned(),
            state: PlanState::Active,
            current: VersionNumber::FIRST,
            dunning_policy: None,
            labels: Labels::default(),
            created_at: began,
            deleted_at: None,
            version: Version::NEW,
        };
        let price = PriceComponent {
            label: "Membership".to_owned(),
            model: PriceModel::Flat,
            amounts: BTreeMap::from([(euro, 2_000)]),
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
                entitlements: Vec::new(),
            },
            created_at: began,
        };
        let anchor = BillingAnchor::at(began, zone);
        Self { mint, merchant, plan, terms, anchor, began, euro, gateway }
    }

    /// Writes the shop and `count` subscriptions; calls `written` with how many after each batch.
    pub async fn fill(
        &self,
        store: &dyn Store,
        count: usize,
        written: impl Fn(u64),
    ) -> anyhow::Result<()> {
        let opening = Changes {
            merchants: vec![self.merchant.clone()],
            plans: vec![self.plan.clone()],
            plan_versions: vec![self.terms.clone()],
            ..Changes::default()
        };
        commit(store, opening).await?;
        let mut left = count;
        while left > 0 {
            let together = left.min(TOGETHER);
            let mut changes = Changes::default();
            for place in 0..together {
                self.subscribe(left - place, &mut changes)?;
            }
            commit(store, changes).await?;
            written(together as u64);
            left -= together;
        }
        Ok(())
    }

    fn subscribe(&self, number: usize, changes: &mut Changes) -> anyhow::Result<()> {
        let (mint, began, merchant) = (self.mint, self.began, self.merchant.id);
        let (customer, method) = (mint.id(began), mint.id(began));
        let interval = self.terms.terms.interval;
        let first = self.anchor.period(interval, 0)?;
        let token = format!("tok_visa.{method}");
        let stored = StoredMethod {
            fingerprint: Some(token.clone()),
            token,
            customer_reference: None,
            network: Network::Visa,
            brand: "Visa".to_owned(),
            last_four: "4242".to_owned(),
            expiry: Some(Expiry { year: 2099, month: 12 }),
        };
        changes.payment_methods.push(PaymentMethod::from_stored(
            merchant,
            method,
            customer,
            self.gateway.to_owned(),
            stored,
            began,
        ));
        changes.customers.push(Customer {
            merchant,
            id: customer,
            email: format!("member.{number}@example.org"),
            name: format!("Member {number}"),
            locale: None,
            zone: None,
            country: None,
            default_method: Some(method),
            backup_method: None,
            email_suppressed: false,
            external_id: Some(number.to_string()),
            labels: Labels::default(),
            created_at: began,
            deleted_at: None,
            version: Version::NEW,
        });
        changes.subscriptions.push(Subscription {
            merchant,
            id: mint.id(began),
            customer,
            plan: self.plan.id,
            plan_version: VersionNumber::FIRST,
            currency: self.euro,
            quantity: 1,
            state: SubscriptionState::Active,
            anchor: self.anchor,
            next_cycle: 1,
            current_period: Some(first),
            due_at: Some(first.end()),
            remind_at: None,
            reminded_for: None,
            trial_end: None,
            cancellation: None,
            scheduled_change: None,
            pause: None,
            payment_method: None,
            access: Access::Full,
            labels: Labels::default(),
            started_at: began,
            ended_at: None,
            version: Version::NEW,
        });
        Ok(())
    }
}

async fn commit(store: &dyn Store, changes: Changes) -> anyhow::Result<()> {
    let mut repo = store.begin().await?;
    repo.write(changes).await?;
    repo.commit().await?;
    Ok(())
}
