//! Who may call the API, and for what.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

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
    /// When it was last used, to the hour, and never before it was made.
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
    /// Everything, across merchants: makes merchants and keys.
    Admin,
    /// Everything of one merchant.
    Merchant,
    /// Reads everything of one merchant and changes nothing.
    ReadOnly,
}

impl Role {
    const ALL: [Self; 3] = [Self::Admin, Self::Merchant, Self::ReadOnly];

    /// The name that the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Merchant => "merchant",
            Self::ReadOnly => "read_only",
        }
    }

    /// Whether it may change anything.
    pub const fn may_write(self) -> bool {
        match self {
            Self::Admin | Self::Merchant => true,
            Self::ReadOnly => false,
        }
    }

    /// Whether it reaches beyond one merchant.
    pub const fn spans_merchants(self) -> bool {
        match self {
            Self::Admin => true,
            Self::Merchant | Self::ReadOnly => false,
        }
    }
}

/// A text that names no role.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("must be admin, merchant or read_only")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_by_the_name_it_is_written_with() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!("root".parse::<Role>(), Err(UnknownRole));
    }
}
