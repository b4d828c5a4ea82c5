//! New labels for what is changed in no other way by its portal: subscriptions and invoices, in
//! whatever state they are. Nothing else comes of it.

use super::{
    Act, AppError, Result,
    invoices::{self, Billed},
};
use crate::domain::{
    changes::Changes,
    event::EventKind,
    ids::{Id, kind},
    labels::Labels,
    subscription::Subscription,
    version::Version,
};

/// Gives a subscription these labels instead of those that it has. `seen` is the version that the
/// caller has read; so too in [`relabel_invoice`].
pub async fn relabel_subscription(
    act: &mut Act<'_>,
    id: Id<kind::Subscription>,
    seen: Option<Version>,
    labels: Option<Labels>,
) -> Result<Subscription> {
    let mut subscription = act.subscription(id).await?;
    AppError::check_etag(id, seen, subscription.version)?;
    if let Some(labels) = labels {
        subscription.labels = labels;
    }
    let kind = EventKind::SubscriptionUpdated;
    let events = vec![subscription.event(kind, act.now(), act.mint)];
    act.write(Changes { subscriptions: vec![subscription], events, ..Changes::default() }).await?;
    act.subscription(id).await
}

/// Gives an invoice these labels instead of those that it has.
pub async fn relabel_invoice(
    act: &mut Act<'_>,
    id: Id<kind::Invoice>,
    seen: Option<Version>,
    labels: Option<Labels>,
) -> Result<Billed> {
    let mut invoice = act.invoice(id).await?;
    AppError::check_etag(id, seen, invoice.version)?;
    if let Some(labels) = labels {
        invoice.labels = labels;
    }
    let events = vec![invoice.event(EventKind::InvoiceUpdated, act.now(), act.mint)];
    act.write(Changes { invoices: vec![invoice], events, ..Changes::default() }).await?;
    invoices::billed(act, id).await
}
