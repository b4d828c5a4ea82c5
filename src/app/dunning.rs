//! Dunning, as people see to it: policies, and moving a case. What a case answers is decided by
//! [`crate::domain::dunning`]; what time brings is taken by the engine.

mod cases;
mod policies;

pub use cases::{hold, method_replaced, release, retry_now};
pub(super) use policies::check_named;
pub use policies::{PolicyUpdate, create_policy, delete_policy, policy, update_policy};

use super::{Act, AppError, Result, standing};
use crate::domain::{
    dunning::{DunningCase, Refusal},
    ids::{Id, Kind, kind},
    payment::settle::Owed,
};

/// A case, or that there is none.
pub async fn case(act: &mut Act<'_>, id: Id<kind::DunningCase>) -> Result<DunningCase> {
    let found = act.repo.dunning_cases(act.merchant.id, &[id]).await?;
    found.into_iter().next().ok_or_else(|| AppError::not_found(id))
}

/// What is owed with a payment, if there is such a payment.
pub(super) async fn owed(act: &mut Act<'_>, payment: Id<kind::Payment>) -> Result<Option<Owed>> {
    let now = act.now();
    let owed = standing::load_owed(act.repo, act.merchant, &[payment], now).await?;
    Ok(owed.into_iter().next())
}

/// Why a case did not move as asked, as the caller is told.
pub(super) fn refused<K: Kind>(subject: Id<K>, refusal: Refusal) -> AppError {
    let reason = match refusal {
        Refusal::Over => "DUNNING_OVER",
        Refusal::AttemptInFlight => "PAYMENT_UNDER_WAY",
        // These two are answers to the engine alone, which takes turns and hears outcomes; no call does.
        Refusal::NotDue => "DUNNING_STEP_NOT_DUE",
        Refusal::NoAttempt => "NO_ATTEMPT",
        Refusal::WaitsForStaff => "DUNNING_WAITS_FOR_STAFF",
        Refusal::NotHeld => "DUNNING_NOT_HELD",
        Refusal::MethodBarred(_) => "PAYMENT_METHOD_BLOCKED",
        Refusal::NotBefore(_) | Refusal::NetworkCapSpent => "NETWORK_LIMIT",
    };
    let told = AppError::precondition(reason, subject, refusal.to_string());
    match refusal {
        Refusal::NotBefore(at) => told.with("notBefore", at.to_rfc3339()),
        Refusal::MethodBarred(class) => told.with("declineClass", class.name()),
        Refusal::Over
        | Refusal::NotDue
        | Refusal::AttemptInFlight
        | Refusal::NoAttempt
        | Refusal::WaitsForStaff
        | Refusal::NotHeld
        | Refusal::NetworkCapSpent => told,
    }
}
