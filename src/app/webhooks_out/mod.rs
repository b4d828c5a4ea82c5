//! Webhooks to portals: each endpoint gets every event of its merchant, in order, at least once,
//! signed (RULES §5, Standard Webhooks 1.0.0). An endpoint that fails holds up itself alone.

mod address;
mod body;
mod post;
mod schedule;
mod signature;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;

use super::{
    Rondo,
    turn::{self, TurnError},
};
use crate::{
    domain::{
        changes::Changes,
        event::{Event, WebhookEndpoint},
        merchant::Merchant,
    },
    store::{EventFilter, StoreError, Times, Work},
};

pub use address::{Reach, read as read_address};
use post::Answer;

/// After so long without a success an endpoint is switched off (RULES WOUT-5).
const FAILING_FOR: TimeDelta = TimeDelta::days(5);

/// The shortest lease: a receiver's slowest answer, and something for what comes before and after.
const SHORTEST_LEASE: TimeDelta = TimeDelta::seconds(30);

/// Endpoints that are written to at once.
const AT_ONCE: usize = 16;

/// Delivers up to `limit` events to each endpoint of `merchant` that is due. How many endpoints were.
pub async fn turn(rondo: &Rondo, merchant: &Merchant, limit: usize) -> Result<usize, TurnError> {
    turn_with(rondo, merchant, rondo.webhook_reach, limit).await
}

/// As [`turn`], as far as the caller says.
pub async fn turn_with(
    rondo: &Rondo,
    merchant: &Merchant,
    reach: Reach,
    limit: usize,
) -> Result<usize, TurnError> {
    let endpoints = claim(rondo, merchant, limit).await?;
    let count = endpoints.len();
    let delivered = futures::stream::iter(endpoints)
        .map(|endpoint| deliver(rondo, merchant, reach, endpoint, limit))
        .buffer_unordered(AT_ONCE);
    turn::record_each(delivered, async |told| Ok(told?)).await?;
    Ok(count)
}

/// Leases the endpoints that are due.
async fn claim(
    rondo: &Rondo,
    merchant: &Merchant,
    limit: usize,
) -> Result<Vec<WebhookEndpoint>, TurnError> {
    let times = rondo.times(merchant);
    let mut repo = rondo.store.begin().await?;
    let claim = repo.claim_due_endpoints(merchant.id, times, limit).await?;
    turn::set_broken_aside(repo.as_mut(), merchant, Work::DeliverEvents, times, &claim.broken)
        .await?;
    let objects = claim.rows.iter().map(|endpoint| endpoint.id.to_string()).collect();
    let leased: Vec<_> = claim
        .rows
        .into_iter()
        .map(|endpoint| {
            let leased_until = Some(lease_until(rondo, times.world));
            WebhookEndpoint { leased_until, ..endpoint }
        })
        .collect();
    let changes = Changes { webhook_endpoints: leased.clone(), ..Changes::default() };
    repo.write(changes).await.map_err(|error| TurnError::of(objects, error.into()))?;
    repo.commit().await?;
    // As they are now: the write has raised each version by one.
    Ok(leased.into_iter().map(|e| WebhookEndpoint { version: e.version.next(), ..e }).collect())
}

/// Until when whoever takes an endpoint now may be busy with it: long enough for one delivery,
/// however short the leases of quick gateways are.
fn lease_until(rondo: &Rondo, world: DateTime<Utc>) -> DateTime<Utc> {
    rondo.lease_until(world).max(world + SHORTEST_LEASE)
}

/// Writes to one endpoint what it was not told yet, until something fails or the lease grows short.
async fn deliver(
    rondo: &Rondo,
    merchant: &Merchant,
    reach: Reach,
    mut endpoint: WebhookEndpoint,
    limit: usize,
) -> Result<(), StoreError> {
    let mut repo = rondo.store.snapshot().await?;
    let none = EventFilter::default();
    let events = repo.events_after(merchant.id, endpoint.cursor, &none, limit).await?;
    drop(repo);
    // Nothing left: the store makes it due again with the next event.
    endpoint.due_at = None;
    for event in events {
        if is_lease_short(rondo, &endpoint) {
            endpoint.due_at = Some(rondo.times(merchant).now);
            break;
        }
        let answer = post::send(&endpoint, &event, rondo.clock.now(), reach).await;
        count(&answer);
        let times = rondo.times(merchant);
        if !hear(&mut endpoint, &event, &answer, times) {
            break;
        }
    }
    endpoint.leased_until = None;
    let mut repo = rondo.store.begin().await?;
    let changes = Changes { webhook_endpoints: vec![endpoint], ..Changes::default() };
    match repo.write(changes).await {
        Ok(()) => repo.commit().await,
        // Someone changed the endpoint meanwhile. The lease runs out, and what was told is told
        // again: receivers tell repetitions by their id (RULES WOUT-6).
        Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether another delivery might outlive the lease.
fn is_lease_short(rondo: &Rondo, endpoint: &WebhookEndpoint) -> bool {
    let longest = TimeDelta::from_std(post::TIMEOUT).expect("a few seconds");
    endpoint.leased_until.is_none_or(|until| rondo.clock.now() + longest > until)
}

/// What an answer means for the endpoint. Whether the next event may follow.
fn hear(endpoint: &mut WebhookEndpoint, event: &Event, answer: &Answer, times: Times) -> bool {
    let now = times.now;
    match answer {
        Answer::Taken => {
            endpoint.cursor = event.sequence.unwrap_or(endpoint.cursor);
            endpoint.tries = 0;
            endpoint.failing_since = None;
            true
        }
        Answer::Gone => {
            switch_off(endpoint, now, "it answered 410 Gone");
            false
        }
        Answer::Refused { reason, retry_after } => {
            tracing::warn!(endpoint = %endpoint.id, event = %event.id, reason, "webhook not delivered");
            let since = *endpoint.failing_since.get_or_insert(now);
            endpoint.tries += 1;
            let wait = schedule::wait(endpoint.id, event.id, endpoint.tries).max(
                retry_after.map_or(TimeDelta::zero(), |wait| wait.min(schedule::LONGEST_WAIT)),
            );
            endpoint.due_at = Some(now + wait);
            if now - since >= FAILING_FOR {
                switch_off(endpoint, now, "it failed for five days");
            }
            false
        }
    }
}

fn switch_off(endpoint: &mut WebhookEndpoint, now: DateTime<Utc>, reason: &'static str) {
    tracing::error!(endpoint = %endpoint.id, reason, "webhook endpoint switched off");
    metrics::counter!("rondo_webhook_endpoints_disabled_total").increment(1);
    endpoint.disabled_at = Some(now);
    endpoint.due_at = None;
}

fn count(answer: &Answer) {
    let outcome = match answer {
        Answer::Taken => "taken",
        Answer::Gone => "gone",
        Answer::Refused { .. } => "refused",
    };
    metrics::counter!("rondo_webhooks_out_total", "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        event::{EventKind, Subject},
        ids::Id,
        version::Version,
    };

    fn at(hours: i64) -> Times {
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(hours);
        Times { now, world: now }
    }

    fn endpoint() -> WebhookEndpoint {
        WebhookEndpoint {
            merchant: Id::from_uuid(Uuid::nil()),
            id: Id::from_uuid(Uuid::nil()),
            url: "https://portal.example/hooks".into(),
            secrets: Vec::new(),
            cursor: 6,
            due_at: None,
            tries: 0,
            failing_since: None,
            disabled_at: None,
            leased_until: None,
            created_at: DateTime::UNIX_EPOCH,
            version: Version::NEW,
        }
    }

    fn event() -> Event {
        Event {
            merchant: Id::from_uuid(Uuid::nil()),
            id: Id::from_uuid(Uuid::nil()),
            sequence: Some(7),
            at: DateTime::UNIX_EPOCH,
            kind: EventKind::InvoicePaid,
            subject: Subject::Invoice(Id::from_uuid(Uuid::nil())),
            subject_version: Version::NEW,
            customer: None,
            amount: None,
            reason: None,
        }
    }

    fn refused(retry_after: Option<TimeDelta>) -> Answer {
        Answer::Refused { reason: "503".into(), retry_after }
    }

    #[test]
    fn a_success_moves_the_cursor_and_forgets_the_failures() {
        let mut failing = endpoint();
        assert!(!hear(&mut failing, &event(), &refused(None), at(0)));
        assert_eq!((failing.cursor, failing.tries), (6, 1));
        assert!(hear(&mut failing, &event(), &Answer::Taken, at(1)));
        assert_eq!((failing.cursor, failing.tries, failing.failing_since), (7, 0, None));
    }

    #[test]
    fn an_endpoint_that_is_gone_or_fails_for_five_days_is_switched_off() {
        let mut gone = endpoint();
        hear(&mut gone, &event(), &Answer::Gone, at(0));
        assert_eq!((gone.disabled_at, gone.due_at), (Some(at(0).now), None));

        let mut failing = endpoint();
        hear(&mut failing, &event(), &refused(None), at(0));
        hear(&mut failing, &event(), &refused(None), at(5 * 24 - 1));
        assert_eq!(failing.disabled_at, None);
        hear(&mut failing, &event(), &refused(None), at(5 * 24));
        assert_eq!((failing.disabled_at, failing.due_at), (Some(at(5 * 24).now), None));
    }

    #[test]
    fn an_endpoint_that_asks_for_patience_gets_it_for_a_day_at_most() {
        for (asked, waited) in [(2, 2), (24, 24), (48, 24)] {
            let mut busy = endpoint();
            hear(&mut busy, &event(), &refused(Some(TimeDelta::hours(asked))), at(0));
            assert_eq!(busy.due_at, Some(at(waited).now));
        }
    }
}
