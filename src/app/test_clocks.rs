//! Test clocks: a merchant's own time, and sending it forward.
//!
//! Only says where the clock is going to. It goes there with the engine, from due instant to due
//! instant.

use chrono::{DateTime, Datelike, SubsecRound, TimeDelta, Utc};

use super::{Act, AppError, Result, Rondo, accounts};
use crate::{
    domain::{
        changes::Changes,
        ids::{Id, kind},
        merchant::{Merchant, TestClock},
    },
    store::{CustomerFilter, Page, PlanFilter},
};

/// The furthest that a clock is sent at once: ten years.
const LONGEST_WAY: TimeDelta = TimeDelta::days(3_653);
/// The years in which a clock may begin: those of cards, time zones and networks' rules that make
/// sense.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2100;

/// Puts the merchant on a clock that shows `shows`. Refused once it has customers or plans, whose
/// times are the world's, and where its gateway moves real money.
pub async fn create_test_clock(
    rondo: &Rondo,
    act: &mut Act<'_>,
    shows: DateTime<Utc>,
) -> Result<TestClock> {
    if !YEARS.contains(&shows.year()) {
        let message = format!("must lie in the years {} to {}", YEARS.start(), YEARS.end());
        return Err(AppError::invalid("test_clock.current_time", message));
    }
    let merchant = act.merchant_id();
    if let Some(clock) = act.merchant.test_clock {
        return Err(AppError::AlreadyExists {
            what: "a test clock of this merchant".to_owned(),
            id: clock.id.to_string(),
        });
    }
    let all = CustomerFilter { show_deleted: true, ..CustomerFilter::default() };
    let customers = act.repo.list_customers(merchant, &all, Page { after: None, limit: 1 }).await?;
    let all = PlanFilter { show_deleted: true, ..PlanFilter::default() };
    let plans = act.repo.list_plans(merchant, &all, Page { after: None, limit: 1 }).await?;
    if !customers.is_empty() || !plans.is_empty() {
        return Err(AppError::precondition(
            "MERCHANT_IN_USE",
            merchant,
            "a merchant with customers or plans stays on the world's time; make a new merchant",
        ));
    }
    let now = shows.trunc_subsecs(6);
    let clock = TestClock { id: act.id(), now, target: now };
    accounts::check_time(rondo, &Merchant { test_clock: Some(clock), ..act.merchant.clone() })?;
    write(act, clock).await
}

/// The merchant's clock, or that there is none.
pub fn test_clock(merchant: &Merchant, id: Id<kind::TestClock>) -> Result<TestClock> {
    merchant.test_clock.filter(|clock| clock.id == id).ok_or_else(|| AppError::not_found(id))
}

/// Sends the clock forward to `target`.
pub async fn advance_test_clock(
    rondo: &Rondo,
    act: &mut Act<'_>,
    id: Id<kind::TestClock>,
    target: DateTime<Utc>,
) -> Result<TestClock> {
    let mut clock = test_clock(act.merchant, id)?;
    if clock.is_advancing() {
        let target = clock.target.to_rfc3339();
        let message = format!("it is on its way to {target}; wait until it is there");
        let refusal = AppError::precondition("TEST_CLOCK_ADVANCING", id, message);
        return Err(refusal.with("targetTime", target));
    }
    let target = target.trunc_subsecs(6);
    if target <= clock.now {
        let message = format!("must be later than the clock shows, {}", clock.now.to_rfc3339());
        return Err(AppError::invalid("target_time", message));
    }
    if target - clock.now > LONGEST_WAY {
        return Err(AppError::invalid("target_time", "must be at most ten years ahead"));
    }
    // The account behind the name may have become another since the clock was made.
    accounts::check_time(rondo, act.merchant)?;
    clock.target = target;
    write(act, clock).await
}

async fn write(act: &mut Act<'_>, clock: TestClock) -> Result<TestClock> {
    let merchant = Merchant { test_clock: Some(clock), ..act.merchant.clone() };
    act.write(Changes { merchants: vec![merchant], ..Changes::default() }).await?;
    let written = act.repo.merchant(act.merchant.id).await?;
    written.and_then(|merchant| merchant.test_clock).ok_or_else(|| AppError::not_found(clock.id))
}
