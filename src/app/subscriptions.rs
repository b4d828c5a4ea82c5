//! Subscriptions: what members and their portal ask for. Each move is decided by
//! [`crate::domain::subscription::lifecycle`]; what time brings is renewed by the engine.

mod change;
mod create;
mod stop;

pub use change::{Change, change, undo_change};
pub use create::{NewSubscription, Trial, create};
pub use stop::{cancel, pause, resume, undo_cancellation};

use super::{Act, AppError, Result, renew};
use crate::domain::{
    catalog::{PriceModel, Terms, VersionNumber},
    changes::Changes,
    event::EventKind,
    ids::{Id, kind},
    notice::Notice,
    payment::method::Expiry,
    subscription::{Subscription, lifecycle::NotNow},
    version::Version,
};

/// A subscription in the version that the caller has seen.
async fn seen_as(
    act: &mut Act<'_>,
    id: Id<kind::Subscription>,
    seen: Option<Version>,
) -> Result<Subscription> {
    let subscription = act.subscription(id).await?;
    AppError::check_etag(id, seen, subscription.version)?;
    Ok(subscription)
}

/// Writes what became of a subscription, with the event that tells of it, and reads it back.
async fn write(
    act: &mut Act<'_>,
    subscription: Subscription,
    kind: EventKind,
    notice: Option<Notice>,
    mut more: Changes,
) -> Result<Subscription> {
    let id = subscription.id;
    more.events.insert(0, subscription.event(kind, act.now(), act.mint));
    more.notices.extend(notice);
    more.subscriptions.push(subscription);
    act.write(more).await?;
    act.subscription(id).await
}

fn refused(id: Id<kind::Subscription>, not_now: &NotNow) -> AppError {
    AppError::precondition(not_now.reason(), id, not_now.to_string())
}

/// The terms of one version of a plan.
async fn terms(act: &mut Act<'_>, version: (Id<kind::Plan>, VersionNumber)) -> Result<Terms> {
    let mut found = renew::terms_of(act.repo, act.merchant, vec![version]).await?;
    found.remove(&version).ok_or_else(|| AppError::not_found(version.0))
}

/// When what pays for a subscription expires, if it does.
async fn card_expiry(act: &mut Act<'_>, subscription: &Subscription) -> Result<Option<Expiry>> {
    let customer = act.customer(subscription.customer).await?;
    let Some(method) = subscription.payment_method.or(customer.default_method) else {
        return Ok(None);
    };
    Ok(act.payment_method(method).await?.expiry)
}

/// What is wrong with a number of seats under these terms, if anything.
fn quantity_fault(terms: &Terms, quantity: u32) -> Option<&'static str> {
    let has_seats = terms.components.iter().any(|price| price.model == PriceModel::PerSeat);
    match quantity {
        0 => Some("must be at least 1"),
        1 => None,
        _ if has_seats => None,
        _ => Some("must be 1, because the plan has no price per seat"),
    }
}

/// The key of a fact about a subscription that can happen to it again and again: its own version
/// tells one time from another.
fn fact_key(fact: &str, subscription: &Subscription) -> String {
    format!("{fact}:{}:{}", subscription.id, subscription.version.next().count())
}
