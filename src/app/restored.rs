//! A database that was restored from a backup has forgotten what was charged since. What is due again
//! gets the ids that it had, and is looked up at its gateway before it leaves.

use chrono::{DateTime, Utc};

use super::Rondo;
use crate::{
    domain::{
        ids::{Id, kind},
        payment::attempt::{News, id_of_try},
    },
    gateway::{ChargeTrace, Gateway, GatewayError, Idempotency, Lookup, Outcome, Sighting},
    store::{Restored, StoreError},
};

/// The time of which a restored database knows nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forgotten {
    /// When the backup was made.
    pub since: DateTime<Utc>,
    /// When an engine took it up.
    pub until: DateTime<Utc>,
}

impl Forgotten {
    /// Whether a charge for `invoice` may have been forgotten: one that came about since was not.
    pub fn may_hold(&self, invoice: Id<kind::Invoice>) -> bool {
        invoice.made_at() <= self.until
    }
}

/// Charges that are begun at once while each is looked up first: their look-ups share what an account
/// may be asked, and must end within a lease.
pub(super) const AT_ONCE: usize = 8;

/// The tries of one invoice that are looked for: more than an invoice sees. What was forgotten may have
/// counted its tries otherwise, as one that was refused before it was carried out leaves no trace.
const TRIES: u32 = 12;

/// A charge that is about to be sent for the first time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The gateway account.
    pub account: &'a str,
    /// The attempt.
    pub attempt: Id<kind::Attempt>,
    /// What it is for.
    pub invoice: Id<kind::Invoice>,
    /// The gateway's reference of the customer, if it has one.
    pub customer_reference: Option<&'a str>,
}

/// What a look-up showed before the first sending.
pub(super) enum Looked {
    /// It was sent before, or another try for the invoice was, by what the database has forgotten.
    Found {
        /// The try that was found.
        attempt: Id<kind::Attempt>,
        /// How it stands.
        news: Box<News>,
    },
    /// It was not; or nothing can be forgotten.
    Free,
    /// The gateway could not be asked, or cannot know yet.
    NotNow,
}

/// Looks for what was taken, or may yet be, for the same invoice in the time that is forgotten. Where
/// there is no look-up, the key must be young enough to protect.
pub(super) async fn look_first(rondo: &Rondo, port: &dyn Gateway, asked: Asked<'_>) -> Looked {
    let forgotten = rondo.forgotten().filter(|forgotten| forgotten.may_hold(asked.invoice));
    let Some(forgotten) = forgotten else { return Looked::Free };
    match look(rondo, port, asked, forgotten).await {
        Ok(looked) => looked,
        Err(error) => {
            tracing::warn!(attempt = %asked.attempt, %error, "not sent: it must be looked up first");
            Looked::NotNow
        }
    }
}

async fn look(
    rondo: &Rondo,
    port: &dyn Gateway,
    asked: Asked<'_>,
    forgotten: Forgotten,
) -> Result<Looked, GatewayError> {
    let now = rondo.clock.now();
    let capabilities = port.capabilities();
    let age = (now - forgotten.since).to_std().unwrap_or_default();
    let is_protected = capabilities.idempotency == Idempotency::UniqueReference
        || capabilities.idempotency.resend_is_safe(age);
    let mut of_this = None;
    let tries = (1..=TRIES).map(|number| id_of_try(asked.invoice, number));
    let mut ids: Vec<_> = std::iter::once(asked.attempt).chain(tries).collect();
    ids.sort_unstable();
    ids.dedup();
    for attempt in ids {
        let trace = ChargeTrace {
            attempt,
            reference: None,
            customer_reference: asked.customer_reference.map(ToOwned::to_owned),
            not_before: ChargeTrace::not_before(forgotten.since),
        };
        let outcome = match port.find_charge(&trace).await {
            Ok(Sighting::Found(outcome)) => outcome,
            Ok(Sighting::NotFound) => continue,
            Err(GatewayError::Unsupported(_)) if is_protected => return Ok(Looked::Free),
            Err(GatewayError::Unsupported(_)) => {
                return Ok(Looked::Found { attempt, news: Box::new(News::Silence) });
            }
            Err(error) => return Err(error),
        };
        let taken_as = match &outcome {
            Outcome::Paid(paid) => &paid.reference,
            Outcome::Pending { reference } | Outcome::ActionRequired { reference, .. } => reference,
            Outcome::Declined { .. } => {
                of_this = of_this.or((attempt == asked.attempt).then_some(outcome));
                continue;
            }
        };
        if !is_recorded(rondo, asked.account, attempt, taken_as).await? {
            return Ok(Looked::Found { attempt, news: Box::new(outcome.into()) });
        }
    }
    if let Some(outcome) = of_this {
        return Ok(Looked::Found { attempt: asked.attempt, news: Box::new(outcome.into()) });
    }
    Ok(match capabilities.lookup {
        Lookup::ByReferenceEventually { lag } if !is_protected => {
            let knows_from = chrono::TimeDelta::from_std(lag).map(|lag| forgotten.until + lag);
            if knows_from.is_ok_and(|from| now >= from) { Looked::Free } else { Looked::NotNow }
        }
        Lookup::ByReferenceEventually { .. }
        | Lookup::ByReference
        | Lookup::ById
        | Lookup::None => Looked::Free,
    })
}

/// Whether the database knows what became of a charge already, under whatever name.
async fn is_recorded(
    rondo: &Rondo,
    account: &str,
    attempt: Id<kind::Attempt>,
    reference: &str,
) -> Result<bool, GatewayError> {
    let asked = async {
        let mut repo = rondo.store.snapshot().await?;
        repo.attempt_by_gateway(account, Some(attempt), reference).await
    };
    let known = asked.await.map_err(|error| GatewayError::NotSent(Box::new(error)))?;
    Ok(known.is_some_and(|known| known.state.took_money()))
}

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
