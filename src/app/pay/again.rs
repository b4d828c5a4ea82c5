//! Trying the stored card again because its owner asks: only where the network, its advice and the
//! card's own declines allow it (RULES §2). The charge itself is collected like every other.

use crate::{
    app::{Act, Result, Rondo},
    domain::{
        dunning::Case,
        ids::{Id, kind},
        merchant::Merchant,
        payment::settle,
    },
};

use super::{
    Obstacle, TRIES, may_try_again,
    view::{Bill, Stage},
};

/// Plans an attempt on the stored card for now. What stands in its way, if something does.
pub async fn pay_again(
    rondo: &Rondo,
    merchant: &Merchant,
    invoice: Id<kind::Invoice>,
) -> Result<Option<Obstacle>> {
    for _ in 0..TRIES {
        match plan(rondo, merchant, invoice).await {
            Err(error) if may_try_again(&error) => {}
            planned => return planned,
        }
    }
    Ok(Some(Obstacle::UnderWay))
}

async fn plan(
    rondo: &Rondo,
    merchant: &Merchant,
    invoice: Id<kind::Invoice>,
) -> Result<Option<Obstacle>> {
    let mut repo = rondo.store.begin().await?;
    let mut act = Act::new(repo.as_mut(), merchant, rondo.clock.now(), &rondo.mint);
    let invoice = act.invoice(invoice).await?;
    let Some(bill) = Bill::read(&mut act, &invoice).await? else {
        return Ok(Some(Obstacle::Settled));
    };
    match bill.stage(rondo, merchant, act.times) {
        Stage::Payable { again: Some(_), .. } => {}
        Stage::Payable { again: None, .. } => return Ok(Some(Obstacle::NotOffered)),
        Stage::Planned { .. } => return Ok(Some(Obstacle::Planned)),
        Stage::UnderWay(_) | Stage::GoOn { .. } => return Ok(Some(Obstacle::UnderWay)),
        Stage::Paid { .. } | Stage::TakenBack | Stage::WrittenOff => {
            return Ok(Some(Obstacle::Settled));
        }
    }
    match settle::move_case(bill.owed, None, act.now(), act.mint, Case::retry_now) {
        Ok(changes) => {
            act.write(changes).await?;
            repo.commit().await?;
            Ok(None)
        }
        Err(refusal) => {
            tracing::debug!(invoice = %invoice.id, %refusal, "the stored card is not tried again");
            Ok(Some(Obstacle::NotOffered))
        }
    }
}
