//! How often an object was written: its etag, its fence and its own sequence number in one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of times an object was committed. A write names the version that it has read; if
/// someone wrote meanwhile, nothing is written (RULES WRK-1, API-4). Readers of events keep the
/// highest version they saw of each object and so end right in any order of arrival.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Version(i64);

impl Version {
    /// Of an object that was never committed.
    pub const NEW: Self = Self(0);

    /// The version as the database keeps it.
    pub const fn from_count(count: i64) -> Self {
        Self(count)
    }

    /// How often the object was committed.
    pub const fn count(self) -> i64 {
        self.0
    }

    /// The version that a write of this object makes.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A quoted, strong etag.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}
