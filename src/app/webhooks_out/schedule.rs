//! When a webhook that was not taken is sent again (RULES WOUT-4).

use chrono::TimeDelta;
use ring::digest;

use crate::domain::ids::{Id, kind};

/// The waits after the first try, the second and so on, in seconds: 5 s, 5 min, 30 min, 2 h, 5 h,
/// 10 h, 14 h, 20 h, 24 h; and 24 h from then on, until the endpoint is switched off.
const WAITS_SECONDS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// The longest that a receiver may ask us to wait.
pub(super) const LONGEST_WAIT: TimeDelta = TimeDelta::hours(24);

/// How far a wait may be from the schedule, either way, so that many endpoints that fail together do
/// not come back together.
const JITTER_PERCENT: i64 = 20;

/// The wait after the `tries`-th try failed. The same question gets the same answer.
pub(super) fn wait(
    endpoint: Id<kind::WebhookEndpoint>,
    event: Id<kind::Event>,
    tries: u32,
) -> TimeDelta {
    let index = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
    let seconds = WAITS_SECONDS[index.min(WAITS_SECONDS.len() - 1)];
    let spread = seconds * 1_000 * JITTER_PERCENT / 100;
    let dice = dice(endpoint, event, tries);
    let offset = dice % (2 * spread + 1) - spread;
    TimeDelta::milliseconds(seconds * 1_000 + offset)
}

/// A number from 0 up that follows from its arguments alone.
fn dice(endpoint: Id<kind::WebhookEndpoint>, event: Id<kind::Event>, tries: u32) -> i64 {
    let named = format!("{endpoint} {event} {tries}");
    let hash = digest::digest(&digest::SHA256, named.as_bytes());
    let first = hash.as_ref().first_chunk().expect("SHA-256 has 32 bytes");
    i64::from(u32::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    proptest! {
        #[test]
        fn every_wait_is_within_a_fifth_of_the_schedule(endpoint: u128, event: u128, tries in 1_u32..40) {
            let ids = (Id::from_uuid(Uuid::from_u128(endpoint)), Id::from_uuid(Uuid::from_u128(event)));
            let planned = WAITS_SECONDS[usize::try_from(tries - 1).unwrap().min(8)] * 1_000;
            let waited = wait(ids.0, ids.1, tries).num_milliseconds();
            prop_assert!(waited * 5 >= planned * 4 && waited * 5 <= planned * 6);
            prop_assert_eq!(wait(ids.0, ids.1, tries).num_milliseconds(), waited);
        }
    }

    #[test]
    fn ten_tries_take_three_days_and_a_quarter() {
        assert_eq!(WAITS_SECONDS.iter().sum::<i64>(), 75 * 3_600 + 2_105);
    }
}
