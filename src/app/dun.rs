//! Takes the dunning steps that are due.

use std::collections::BTreeSet;

use super::{
    Rondo,
    index::ids_of,
    renew::given_up_with,
    standing,
    turn::{self, TurnError},
};
use crate::{
    domain::{changes::Changes, merchant::Merchant, payment::settle},
    store::{StoreError, Work},
};

/// Takes up to `limit` due steps of `merchant`. How many were due.
pub async fn turn(rondo: &Rondo, merchant: &Merchant, limit: usize) -> Result<usize, TurnError> {
    let times = rondo.times(merchant);
    let mut repo = rondo.store.begin().await?;
    let claim = repo.claim_due_cases(merchant.id, times, limit).await?;
    turn::set_broken_aside(repo.as_mut(), merchant, Work::Dun, times, &claim.broken).await?;
    let count = claim.rows.len() + claim.broken.len();
    let objects: Vec<_> = claim.rows.iter().map(|case| case.id.to_string()).collect();
    let poisoned = |error: StoreError| TurnError::of(objects.clone(), error.into());
    let payments = ids_of(&claim.rows, |case| case.payment);
    let concerned = ids_of(&claim.rows, |case| case.customer);
    repo.lock_customers(merchant.id, &concerned).await?;

    let mut changes = Changes::default();
    let mut customers = BTreeSet::new();
    let owed = standing::load_owed(repo.as_mut(), merchant, &payments, times.now).await;
    for owed in owed.map_err(poisoned)? {
        // A customer's second case waits for the next turn, to see what the first one did.
        if !customers.insert(owed.customer.id) {
            continue;
        }
        let case = owed.case.as_ref().map(|case| case.id.to_string()).unwrap_or_default();
        match settle::take_step(owed, times.now, &rondo.mint) {
            Ok(taken) => changes.append(taken),
            Err(refusal) => {
                let reason = refusal.to_string();
                turn::set_aside(repo.as_mut(), merchant, Work::Dun, times, &case, &reason).await?;
            }
        }
    }
    let more = given_up_with(repo.as_mut(), merchant, &changes, times.now, &rondo.mint).await;
    changes.append(more.map_err(poisoned)?);
    repo.write(changes).await.map_err(poisoned)?;
    repo.commit().await?;
    Ok(count)
}
