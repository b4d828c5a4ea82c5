//! Writes the reminders that are due before charges.

use super::{
    Rondo,
    index::{by_id, ids_of},
    renew::{next_terms, terms_of},
    turn::{self, TurnError},
};
use crate::{
    domain::{changes::Changes, merchant::Merchant, notice::reminder, subscription::Subscription},
    store::{StoreError, Work},
};

/// Writes up to `limit` due reminders of `merchant`. How many were due.
pub async fn turn(rondo: &Rondo, merchant: &Merchant, limit: usize) -> Result<usize, TurnError> {
    let times = rondo.times(merchant);
    let mut repo = rondo.store.begin().await?;
    let claim = repo.claim_reminders(merchant.id, times, limit).await?;
    turn::set_broken_aside(repo.as_mut(), merchant, Work::Remind, times, &claim.broken).await?;
    let count = claim.rows.len() + claim.broken.len();
    let objects: Vec<_> = claim.rows.iter().map(|one| one.id.to_string()).collect();
    let poisoned = |error: StoreError| TurnError::of(objects.clone(), error.into());

    let customers = repo.customers(merchant.id, &ids_of(&claim.rows, |s| s.customer)).await;
    let customers = by_id(customers.map_err(poisoned)?, |customer| customer.id);
    let paying = |s: &Subscription| s.payment_method.or(customers[&s.customer].default_method);
    let methods: Vec<_> = claim.rows.iter().filter_map(paying).collect();
    let methods = repo.payment_methods(merchant.id, &ids_of(&methods, |id| *id)).await;
    let methods = by_id(methods.map_err(poisoned)?, |method| method.id);
    let keys = claim.rows.iter().map(next_terms).collect();
    let terms = terms_of(repo.as_mut(), merchant, keys).await.map_err(poisoned)?;

    let mut changes = Changes::default();
    for mut subscription in claim.rows {
        let method = paying(&subscription).and_then(|id| methods.get(&id));
        let terms = &terms[&next_terms(&subscription)];
        match reminder::remind(&mut subscription, terms, method, times.now, &rondo.mint) {
            Ok(notices) => {
                let card = method.and_then(|m| m.expiry);
                reminder::plan(&mut subscription, terms.interval, card, times.now);
                changes.notices.extend(notices);
                changes.subscriptions.push(subscription);
            }
            Err(error) => {
                let (object, reason) = (subscription.id.to_string(), error.to_string());
                turn::set_aside(repo.as_mut(), merchant, Work::Remind, times, &object, &reason)
                    .await?;
            }
        }
    }
    repo.write(changes).await.map_err(poisoned)?;
    repo.commit().await?;
    Ok(count)
}
