//! Moves test clocks: from due instant to due instant, so that what happens in between happens in
//! order, and never past work that is still to be done.

use super::{Rondo, turn::TurnError};
use crate::{
    domain::{
        changes::Changes,
        merchant::{Merchant, TestClock},
    },
    store::StoreError,
};

/// What a turn did to a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// It went to the next due instant, or to its target.
    Moved,
    /// Something at its present instant is still to be done; it waits for that.
    Waits,
    /// It has arrived.
    Stands,
}

/// Moves the clock of `merchant` one due instant on, if nothing is left to do at the present one.
pub async fn turn(rondo: &Rondo, merchant: &Merchant) -> Result<Tick, TurnError> {
    let mut repo = rondo.store.begin().await?;
    let Some(mut merchant) = repo.merchant(merchant.id).await? else { return Ok(Tick::Stands) };
    let Some(clock) = merchant.test_clock.filter(|clock| clock.is_advancing()) else {
        return Ok(Tick::Stands);
    };
    if repo.is_busy(merchant.id, clock.now).await? {
        return Ok(Tick::Waits);
    }
    let next = repo.next_due(merchant.id, clock.now).await?;
    let now = next.map_or(clock.target, |next| next.min(clock.target));
    merchant.test_clock = Some(TestClock { now, ..clock });
    let written = repo.write(Changes { merchants: vec![merchant], ..Changes::default() }).await;
    match written {
        Ok(()) => repo.commit().await?,
        Err(StoreError::Conflict { .. }) => return Ok(Tick::Waits),
        Err(error) => return Err(error.into()),
    }
    Ok(Tick::Moved)
}
