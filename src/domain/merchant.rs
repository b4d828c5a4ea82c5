//! A tenant: one portal, and the time it lives in.

use chrono::{DateTime, Utc};

use super::{
    calendar::Zone,
    ids::{Id, kind},
    version::Version,
};

/// A portal that bills its members through Rondo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// Its id.
    pub id: Id<kind::Merchant>,
    /// Its name, as members know it.
    pub name: String,
    /// Where its calendar months begin.
    pub zone: Zone,
    /// BCP 47 tag of the language for customers who have none, for example `en`.
    pub locale: String,
    /// The gateway account that it goes by, by its name in the configuration.
    pub gateway: String,
    /// Further accounts that its customers' payment methods may be stored with.
    pub other_gateways: Vec<String>,
    /// What invoice numbers begin with, for example `OA`.
    pub invoice_prefix: String,
    /// Where a member's reply goes.
    pub reply_to: Option<String>,
    /// What stands under each mail: legal name, address, tax id.
    pub legal_lines: String,
    /// The portal's own address, which mails link to.
    pub portal_url: Option<String>,
    /// The dunning policy of plans that name none.
    pub dunning_policy: Option<Id<kind::DunningPolicy>>,
    /// The clock that it lives on, if not the world's.
    pub test_clock: Option<TestClock>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// How often it was written.
    pub version: Version,
}

/// A time of a merchant's own, for trying out a year in a minute on the code that runs in
/// production. It stands still until told to advance, and then goes from due instant to due instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestClock {
    /// Its id.
    pub id: Id<kind::TestClock>,
    /// What it shows.
    pub now: DateTime<Utc>,
    /// Where it is going to; equal to `now` when it stands.
    pub target: DateTime<Utc>,
}

impl TestClock {
    /// Whether it still has a way to go.
    pub fn is_advancing(self) -> bool {
        self.now < self.target
    }
}

impl Merchant {
    /// The gateway accounts that are its own, the one that it goes by first.
    pub fn gateways(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.gateway.as_str()).chain(self.other_gateways.iter().map(String::as_str))
    }

    /// Whether it goes by this account.
    pub fn goes_by(&self, account: &str) -> bool {
        self.gateways().any(|own| own == account)
    }

    /// This merchant's time, when the world's is `world_now`.
    pub fn now(&self, world_now: DateTime<Utc>) -> DateTime<Utc> {
        self.test_clock.map_or(world_now, |clock| clock.now)
    }
}
