//! What is kept of policies and cases: who they belong to, and when they are next looked at.

use chrono::{DateTime, Utc};

use super::{Case, Ladder};
use crate::domain::{
    catalog::VersionNumber,
    ids::{Id, kind},
    version::Version,
};

/// A dunning policy: one ladder under a name, versioned. Cases keep the version they began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DunningPolicy {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id.
    pub id: Id<kind::DunningPolicy>,
    /// Its name.
    pub name: String,
    /// Which version of the ladder this is.
    pub number: VersionNumber,
    /// The ladder.
    pub ladder: Ladder,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was deleted, softly.
    pub deleted_at: Option<DateTime<Utc>>,
    /// How often it was written.
    pub version: Version,
}

/// One invoice's way through dunning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DunningCase {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id.
    pub id: Id<kind::DunningCase>,
    /// The invoice that is overdue: one open case each.
    pub invoice: Id<kind::Invoice>,
    /// Its payment.
    pub payment: Id<kind::Payment>,
    /// The subscription, unless the invoice stands alone.
    pub subscription: Option<Id<kind::Subscription>>,
    /// Who owes.
    pub customer: Id<kind::Customer>,
    /// The policy that it began with; none for the built-in one.
    pub policy: Option<Id<kind::DunningPolicy>>,
    /// The version of the policy that it began with.
    pub policy_version: VersionNumber,
    /// Where it stands, with its frozen ladder.
    pub case: Case,
    /// When its next step is due, if one is.
    pub due_at: Option<DateTime<Utc>>,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When it was over.
    pub closed_at: Option<DateTime<Utc>>,
    /// How often it was written.
    pub version: Version,
}
