//! What may befall a transaction that writes: nothing in production, and in a simulation whatever its
//! dice say. The one place where a database's trouble can be brought about on purpose.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::Result;

/// A moment in the life of a transaction that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It is about to begin.
    Begin,
    /// Something is about to be written, by what was read in it.
    Write,
    /// All is written, and about to be committed.
    Commit,
    /// It is committed, and its caller about to hear so.
    Committed,
}

/// What brings trouble about.
#[async_trait]
pub trait Trouble: Send + Sync + fmt::Debug {
    /// Lets the transaction go on from `moment`, fails as the database would, or never returns, as when
    /// the process dies there.
    async fn befall(&self, moment: Moment) -> Result<()>;
}

/// Nothing, unless a simulation says so.
#[derive(Debug, Clone, Default)]
pub(super) struct Luck(Option<Arc<dyn Trouble>>);

impl Luck {
    /// All goes well.
    pub(super) const GOOD: Self = Self(None);

    /// Whatever `trouble` brings about.
    pub(super) fn as_said_by(trouble: Arc<dyn Trouble>) -> Self {
        Self(Some(trouble))
    }

    /// Goes on from `moment`, or does not.
    pub(super) async fn at(&self, moment: Moment) -> Result<()> {
        match &self.0 {
            None => Ok(()),
            Some(trouble) => trouble.befall(moment).await,
        }
    }
}
