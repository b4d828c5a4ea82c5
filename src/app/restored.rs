//! A database that was restored from a backup has forgotten what was charged since. What is due again
//! gets the ids that it had, and is looked up at its gateway before it leaves.

use super::Rondo;
use crate::store::{Restored, StoreError};

/// Notes that an engine takes a restored database up. What it was restored from, if it was.
pub async fn take_up(rondo: &Rondo) -> Result<Option<Restored>, StoreError> {
    let mut repo = rondo.store.begin().await?;
    let Some(mut restored) = repo.restored().await? else { return Ok(None) };
    if restored.resumed_at.is_none() {
        restored.resumed_at = Some(rondo.clock.now());
        repo.keep_restored(restored).await?;
        repo.commit().await?;
        tracing::warn!(
            backed_up_at = %restored.backed_up_at,
            "the database is a backup: each charge is looked up at its gateway before it is sent; \
             `rondo reconcile --hours` shows what else was forgotten"
        );
    }
    Ok(Some(restored))
}
