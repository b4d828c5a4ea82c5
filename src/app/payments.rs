//! Payments: looking at one with its attempts. Refunding one is the business of [`super::refunds`].

use super::{Act, Result};
use crate::domain::{
    ids::{Id, kind},
    payment::{Payment, attempt::Attempt},
};

/// A payment with all that was tried for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentWithAttempts {
    /// The payment.
    pub payment: Payment,
    /// Its attempts, oldest first.
    pub attempts: Vec<Attempt>,
}

/// A payment with its attempts, or that there is none.
pub async fn with_attempts(
    act: &mut Act<'_>,
    id: Id<kind::Payment>,
) -> Result<PaymentWithAttempts> {
    let payment = act.payment(id).await?;
    let attempts = act.repo.attempts_of_payments(act.merchant.id, &[id]).await?;
    Ok(PaymentWithAttempts { payment, attempts })
}
