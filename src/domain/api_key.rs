//! Who may call the API, and for what.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    ids::{Id, kind},
    version::Version,
};

/// A key that may call the API, as it is stored: its hash, never itself (RULES KEY-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: Id<kind::ApiKey>,
    /// The merchant it speaks for; none for an administrator's key.
    pub merchant: Option<Id<kind::Merchant>>,
    /// What it may do.
    pub role: Role,
    /// What staff call it.
    pub name: String,
    /// Its first visible characters, to tell keys apart.
    pub shown_prefix: String,
    /// SHA-256 of the whole key.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stops working by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the hour.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// How often it was written.
    pub version: Version,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Make merchants and keys, and all that a merchant may.
    Admin,
    /// Everything of one merchant.
    Merchant,
    /// Look at everything of one merchant.
    ReadOnly,
}
