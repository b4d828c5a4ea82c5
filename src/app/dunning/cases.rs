//! Moving a case: because staff asks, or because its customer can pay with something else now.

use chrono::{DateTime, Utc};

use super::{case, owed, refused};
use crate::{
    app::{Act, AppError, Result, renew},
    domain::{
        changes::Changes,
        customer::PaymentMethod,
        dunning::{Case, CaseState, Circumstances, Decision, DunningCase, Refusal},
        event::EventKind,
        ids::{Id, kind},
        payment::{
            Payment, PaymentState,
            settle::{self, Owed},
        },
        subscription::SubscriptionState,
        version::Version,
    },
    store::{Page, SubscriptionFilter},
};

/// The most subscriptions of one customer that wait for their first payment and are looked at.
const INCOMPLETE: usize = 100;

/// Lets a case rest until `until`; a second hold moves the end of the first. `seen` is the version
/// that the caller has read, if they told it.
pub async fn hold(
    act: &mut Act<'_>,
    id: Id<kind::DunningCase>,
    seen: Option<Version>,
    until: DateTime<Utc>,
) -> Result<DunningCase> {
    if until <= act.now() {
        let message = format!("must lie in the future; it is {} now", act.now().to_rfc3339());
        return Err(AppError::invalid("hold_until_time", message));
    }
    let held = Some(EventKind::DunningHeld);
    move_case(act, id, seen, held, |case, around| case.hold(until, around.now)).await
}

/// Ends a hold, or staff's own work without a retry: the case goes on where it stood.
pub async fn release(
    act: &mut Act<'_>,
    id: Id<kind::DunningCase>,
    seen: Option<Version>,
) -> Result<DunningCase> {
    let released = Some(EventKind::DunningReleased);
    move_case(act, id, seen, released, Case::release).await
}

/// Tries the charge again now. The networks' limits, their advice and a barred method bind staff too.
pub async fn retry_now(
    act: &mut Act<'_>,
    id: Id<kind::DunningCase>,
    seen: Option<Version>,
) -> Result<DunningCase> {
    move_case(act, id, seen, None, Case::retry_now).await
}

/// Lets what a customer owes hear that they have something else to pay with: another default, or a
/// method whose data changed. Each tries it as soon as the network allows. To be called in the
/// transaction in which the method was written, with the customer locked.
pub async fn method_replaced(act: &mut Act<'_>, customer: Id<kind::Customer>) -> Result<()> {
    for file in act.repo.open_cases_of_customers(act.merchant.id, &[customer]).await? {
        // One at a time: two cases may touch the same subscription.
        let Some(owed) = owed(act, file.payment).await?.filter(hears) else { continue };
        match settle::move_case(owed, None, act.now(), act.mint, Case::method_replaced) {
            Ok(changes) => act.write(changes).await?,
            // It was settled meanwhile, in this very transaction; or it is the very card that staff's work is about.
            Err(Refusal::Over | Refusal::WaitsForStaff) => {}
            Err(refusal) => return Err(refused(file.id, refusal)),
        }
    }
    first_payments(act, customer).await
}

/// Plans the first payments of a customer that wait for a card, if they have one now. There is no case
/// that could.
async fn first_payments(act: &mut Act<'_>, customer: Id<kind::Customer>) -> Result<()> {
    let filter = SubscriptionFilter {
        customer: Some(customer),
        states: vec![SubscriptionState::Incomplete],
        ..SubscriptionFilter::default()
    };
    let page = Page { after: None, limit: INCOMPLETE };
    let merchant = act.merchant;
    let incomplete = act.repo.list_subscriptions(merchant.id, &filter, page).await?;
    let incomplete: Vec<_> = incomplete.iter().map(|subscription| subscription.id).collect();
    for open in renew::open_of_subscriptions(act.repo, merchant, &incomplete).await? {
        let Some(payment) = open.payment.filter(|p| p.state == PaymentState::Waiting) else {
            continue;
        };
        let Some(owed) = owed(act, payment.id).await? else { continue };
        if owed.payment.state == PaymentState::Waiting && owed.may_be_charged_at_once(act.now()) {
            let (state, collect_at) = (PaymentState::Scheduled, Some(act.now()));
            let payments = vec![Payment { state, collect_at, ..owed.payment }];
            act.write(Changes { payments, ..Changes::default() }).await?;
        }
    }
    Ok(())
}

/// Whether the new method is what the case would charge by itself: nothing is, once the subscription is
/// unpaid. A subscription that names its own method
/// does not care for another default; it hears only where its own could not be charged until now.
fn hears(owed: &Owed) -> bool {
    let is_chargeable = owed.primary.as_ref().is_some_and(PaymentMethod::is_chargeable);
    let is_unpaid = owed
        .subscription
        .as_ref()
        .is_some_and(|(known, _)| known.state == SubscriptionState::Unpaid);
    let of_subscription = owed.subscription.as_ref().and_then(|(s, _)| s.payment_method);
    let charged = owed.primary.as_ref().map(|method| method.id);
    let has_own = charged.is_some() && [owed.payment.method, of_subscription].contains(&charged);
    let waits = owed.case.as_ref().is_some_and(|file| match file.case.state() {
        CaseState::WaitingForCustomer { .. } => true,
        CaseState::Open { .. }
        | CaseState::WaitingForStaff
        | CaseState::Held { .. }
        | CaseState::Retrying { .. }
        | CaseState::Recovered { .. }
        | CaseState::Exhausted { .. }
        | CaseState::Closed { .. } => false,
    });
    is_chargeable && !is_unpaid && (waits || !has_own)
}

async fn move_case(
    act: &mut Act<'_>,
    id: Id<kind::DunningCase>,
    seen: Option<Version>,
    kind: Option<EventKind>,
    moved: impl FnOnce(Case, &Circumstances<'_>) -> Result<Decision, Refusal>,
) -> Result<DunningCase> {
    let file = case(act, id).await?;
    AppError::check_etag(id, seen, file.version)?;
    if file.closed_at.is_some() {
        return Err(refused(id, Refusal::Over));
    }
    let owed = owed(act, file.payment).await?.ok_or_else(|| AppError::not_found(id))?;
    let changes = settle::move_case(owed, kind, act.now(), act.mint, moved)
        .map_err(|refusal| refused(id, refusal))?;
    act.write(changes).await?;
    case(act, id).await
}
