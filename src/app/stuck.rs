//! Staff looks at what waits for them. Of the charges among it whose outcome is unknown, the gateway is asked once
//! more (RULES PRB-1): by a look-up alone, whose answer goes the one path of all news.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;

use super::{Rondo, resolve, turn::TurnError};
use crate::{
    domain::{
        changes::Changes,
        ids::{Id, kind},
        merchant::Merchant,
        payment::attempt::{Attempt, AttemptState},
    },
    store::{MerchantId, StoreError, Stuck},
};

/// However often staff looks, an attempt is asked after no sooner again.
const LEAST_BETWEEN: TimeDelta = TimeDelta::minutes(1);

/// So many are asked after each time that staff looks; looking again asks after others.
const MOST_ASKED: usize = 50;

/// So many at once.
const AT_ONCE: usize = 8;

/// Asks after the charges of `stuck` whose outcome is unknown, unless that was done a moment ago or is being
/// done. How many were asked after.
pub async fn ask_after(rondo: &Rondo, stuck: &[Stuck]) -> Result<usize, TurnError> {
    let mut attempts: BTreeMap<MerchantId, Vec<Id<kind::Attempt>>> = BTreeMap::new();
    for one in stuck {
        if let Ok(attempt) = one.object.parse() {
            attempts.entry(one.merchant).or_default().push(attempt);
        }
    }
    if attempts.is_empty() {
        return Ok(0);
    }
    let asked = note(rondo, attempts).await?;
    let answers = futures::stream::iter(&asked)
        .map(|(merchant, attempt)| resolve::ask_now(rondo, merchant, *attempt))
        .buffer_unordered(AT_ONCE);
    let answers: Vec<_> = answers.collect().await;
    for answer in answers {
        answer?;
    }
    Ok(asked.len())
}

/// Notes which of them are being asked after now.
async fn note(
    rondo: &Rondo,
    attempts: BTreeMap<MerchantId, Vec<Id<kind::Attempt>>>,
) -> Result<Vec<(Merchant, Id<kind::Attempt>)>, StoreError> {
    let now = rondo.clock.now();
    let mut repo = rondo.store.begin().await?;
    let mut asked = Vec::new();
    let mut changes = Changes::default();
    for (merchant, ids) in attempts {
        let Some(merchant) = repo.merchant(merchant).await? else { continue };
        let mut known = repo.attempts(merchant.id, &ids).await?;
        known.retain(|attempt| is_to_be_asked(attempt, now));
        known.truncate(MOST_ASKED - asked.len());
        for attempt in known {
            asked.push((merchant.clone(), attempt.id));
            changes.attempts.push(Attempt { asked_at: Some(now), ..attempt });
        }
    }
    repo.write(changes).await?;
    repo.commit().await?;
    Ok(asked)
}

fn is_to_be_asked(attempt: &Attempt, now: DateTime<Utc>) -> bool {
    attempt.state == AttemptState::Unknown
        && attempt.leased_until.is_none_or(|until| until <= now)
        && attempt.asked_at.is_none_or(|asked| asked <= now - LEAST_BETWEEN)
}
