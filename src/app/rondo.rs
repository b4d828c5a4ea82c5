//! The running service, as operations see it: its ports, its time and its chance.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use super::{clock::Clock, restored::Forgotten, webhooks_out::Reach};
use crate::{
    domain::{ids::Mint, merchant::Merchant},
    gateway::Gateway,
    mail::{Address, Mailer, words::Words},
    security::links::LinkKey,
    store::{Page, Restored, Store, StoreError, Times},
};

/// The ports and the settings that operations work with. One per process.
#[derive(Debug, Clone)]
pub struct Rondo {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The world's time.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub mint: Arc<Mint>,
    /// The gateway accounts, by their names in the configuration.
    pub gateways: BTreeMap<String, Arc<dyn Gateway>>,
    /// The way out for mails.
    pub mailer: Arc<dyn Mailer>,
    /// What mails come from, unless the merchant has an address of its own.
    pub mail_from: Address,
    /// Merchants' own words for mails.
    pub words: Arc<Words>,
    /// What signs the links in mails.
    pub links: Arc<LinkKey>,
    /// The address under which members reach our pages, without a slash at the end.
    pub public_url: String,
    /// How far webhooks to portals may go.
    pub webhook_reach: Reach,
    /// How the engine works.
    pub pace: Pace,
    /// The backup that the database was restored from, if it was.
    pub restored: Option<Restored>,
}

/// How much the engine takes on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Objects that are claimed in one transaction.
    pub batch: usize,
    /// Calls to gateways that are open at once, over all accounts; each account has its own limit.
    pub calls_in_flight: usize,
    /// Mails that are being sent at once.
    pub mails_in_flight: usize,
    /// How long a worker may be busy with something before others take it for dead (RULES WRK-1).
    pub lease: Duration,
    /// The longest that one call to a gateway takes; shorter than the lease (RULES WRK-2).
    pub call_deadline: Duration,
    /// As `lease`, for a batch of mails: several of them may wait for a server that hangs.
    pub mail_lease: Duration,
    /// The longest that handing one mail over takes; less than half the mail lease.
    pub mail_deadline: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            batch: 200,
            calls_in_flight: 128,
            mails_in_flight: 8,
            lease: Duration::from_secs(30),
            call_deadline: Duration::from_secs(25),
            mail_lease: Duration::from_mins(5),
            mail_deadline: Duration::from_secs(30),
        }
    }
}

impl Rondo {
    /// Whether the database answers, without which nothing can be done.
    pub async fn is_ready(&self) -> Result<(), StoreError> {
        let mut repo = self.store.snapshot().await?;
        repo.merchants(Page { after: None, limit: 1 }).await?;
        Ok(())
    }

    /// The merchant's time and the world's.
    pub fn times(&self, merchant: &Merchant) -> Times {
        let world = self.clock.now();
        Times { now: merchant.now(world), world }
    }

    /// Whether a worker may still begin a call: one that is paused or kept waiting until others may
    /// take it for dead begins nothing any more (RULES WRK-2).
    pub(super) fn may_begin(&self, leased_until: DateTime<Utc>) -> bool {
        self.ends_by(self.pace.call_deadline, leased_until)
    }

    /// As [`Self::may_begin`], for a mail.
    pub(super) fn may_begin_mail(&self, leased_until: DateTime<Utc>) -> bool {
        self.ends_by(self.pace.mail_deadline, leased_until)
    }

    fn ends_by(&self, deadline: Duration, leased_until: DateTime<Utc>) -> bool {
        let deadline = TimeDelta::from_std(deadline).unwrap_or(TimeDelta::MAX);
        self.clock.now().checked_add_signed(deadline).is_some_and(|end| end <= leased_until)
    }

    /// What the database may have forgotten, as long as that matters: then no charge leaves for the first
    /// time without being looked up.
    pub(super) fn forgotten(&self) -> Option<Forgotten> {
        let Restored { backed_up_at: since, resumed_at } = self.restored?;
        let until = resumed_at?;
        (self.clock.now() < until + Restored::LOOKS_FIRST).then_some(Forgotten { since, until })
    }

    /// Until when a worker that starts now may be busy.
    pub fn lease_until(&self, world: DateTime<Utc>) -> DateTime<Utc> {
        world + TimeDelta::from_std(self.pace.lease).expect("a lease is far shorter than time")
    }

    /// As [`Self::lease_until`], for a batch of mails.
    pub(super) fn mail_lease_until(&self, world: DateTime<Utc>) -> DateTime<Utc> {
        world + TimeDelta::from_std(self.pace.mail_lease).expect("a lease is far shorter than time")
    }
}
