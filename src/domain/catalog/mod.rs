//! What is sold: plans, whose terms never change once published, and their versions.

mod price;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use price::{BadTerms, NoPrice, PricedLine};

use super::{
    calendar::{Alignment, Interval},
    ids::{Id, kind},
    labels::Labels,
    money::Currency,
    version::Version,
};

/// What members subscribe to. Its terms are in its versions; this is what they have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id.
    pub id: Id<kind::Plan>,
    /// Its name, as members read it.
    pub name: String,
    /// Whether it can be subscribed to.
    pub state: PlanState,
    /// The version that new subscriptions get.
    pub current: VersionNumber,
    /// The dunning policy; the merchant's if absent.
    pub dunning_policy: Option<Id<kind::DunningPolicy>>,
    /// The portal's own words about it.
    pub labels: Labels,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was deleted, softly.
    pub deleted_at: Option<DateTime<Utc>>,
    /// How often it was written.
    pub version: Version,
}

impl Plan {
    /// Whether it can be subscribed to.
    pub fn is_sold(&self) -> bool {
        match self.state {
            PlanState::Active => self.deleted_at.is_none(),
            PlanState::Retired => false,
        }
    }
}

/// Whether a plan can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// It can.
    Active,
    /// It cannot any more; those who have it may run on.
    Retired,
}

/// The n-th version of a plan, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VersionNumber(pub u32);

impl VersionNumber {
    /// The first version.
    pub const FIRST: Self = Self(1);

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The terms under one version number. Immutable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanVersion {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// The plan.
    pub plan: Id<kind::Plan>,
    /// Which version it is.
    pub number: VersionNumber,
    /// What was agreed.
    pub terms: Terms,
    /// When it was published.
    pub created_at: DateTime<Utc>,
}

/// What a subscriber agrees to: how often, how much, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How long a cycle is.
    pub interval: Interval,
    /// Where cycles begin.
    pub alignment: Alignment,
    /// Free days before the first charge.
    pub trial_days: u32,
    /// What a cycle costs.
    pub components: Vec<PriceComponent>,
    /// What it opens in the portal, in the portal's own words.
    pub entitlements: Vec<String>,
}

/// One part of a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceComponent {
    /// What stands on the invoice's line.
    pub label: String,
    /// What it is multiplied by, and when it is due.
    pub model: PriceModel,
    /// The price in minor units, per currency.
    pub amounts: BTreeMap<Currency, i64>,
}

/// What a price is multiplied by, and when it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceModel {
    /// Once a cycle.
    Flat,
    /// Once a cycle and seat.
    PerSeat,
    /// Once, with the first invoice.
    OneTime,
}
