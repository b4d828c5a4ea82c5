//! Events: what happened, page by page, and as it happens.
//!
//! Reads only. A reader keeps its own place, so that it misses nothing and sees nothing twice.

use std::time::Duration;

use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, timeout},
};

use super::{Act, AppError, Result, Rondo};
use crate::{
    domain::{
        event::Event,
        ids::{Id, kind},
    },
    store::{EventFilter, MerchantId, Work},
};

/// Events that are read at once.
const BATCH: usize = 500;
/// How long a reader waits for a wake-up, which may never come, before it looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// An event, or that there is none.
pub async fn event(act: &mut Act<'_>, id: Id<kind::Event>) -> Result<Event> {
    let found = act.repo.events(act.merchant.id, &[id]).await?;
    found.into_iter().next().ok_or_else(|| AppError::not_found(id))
}

/// A reader of one merchant's events, from one place on.
#[derive(Debug)]
pub struct EventReader {
    merchant: MerchantId,
    filter: EventFilter,
    sequence: i64,
    wakes: Receiver<Work>,
}

impl EventReader {
    /// Reads what comes after `sequence`; 0 is before the first event.
    pub fn after(rondo: &Rondo, merchant: MerchantId, filter: EventFilter, sequence: i64) -> Self {
        Self { merchant, filter, sequence, wakes: rondo.store.wakes() }
    }

    /// The sequence number of the last event that was read.
    pub fn sequence(&self) -> i64 {
        self.sequence
    }

    /// The next events in their order: at once if there are any, else when some have happened, and
    /// none if nothing happened for `patience`.
    pub async fn next(&mut self, rondo: &Rondo, patience: Duration) -> Result<Vec<Event>> {
        let deadline = Instant::now() + patience;
        loop {
            let events = self.read(rondo).await?;
            if !events.is_empty() || Instant::now() >= deadline {
                return Ok(events);
            }
            self.wait().await;
        }
    }

    /// Waits for a sign of work. It may be lost or lag behind, so the wait is short; looking again
    /// costs one read by an index.
    async fn wait(&mut self) {
        match timeout(LOOK_AGAIN, self.wakes.recv()).await {
            Ok(Err(RecvError::Closed)) => tokio::time::sleep(LOOK_AGAIN).await,
            // Whatever else came meanwhile is seen by the same look.
            Ok(Ok(_) | Err(RecvError::Lagged(_))) => self.wakes = self.wakes.resubscribe(),
            Err(_) => {}
        }
    }

    async fn read(&mut self, rondo: &Rondo) -> Result<Vec<Event>> {
        let mut repo = rondo.store.snapshot().await?;
        let events = repo.events_after(self.merchant, self.sequence, &self.filter, BATCH).await?;
        if let Some(last) = events.iter().filter_map(|event| event.sequence).max() {
            self.sequence = last;
        }
        Ok(events)
    }
}
