//! Test clocks.

use super::time;
use crate::{
    domain::merchant::TestClock,
    grpc::{
        names,
        proto::v1::{self, test_clock},
    },
};

/// A clock as the API writes it.
pub fn test_clock(clock: TestClock) -> v1::TestClock {
    let state =
        if clock.is_advancing() { test_clock::State::Advancing } else { test_clock::State::Ready };
    v1::TestClock {
        name: names::name(clock.id),
        uid: clock.id.uuid().to_string(),
        current_time: Some(time::timestamp(clock.now)),
        target_time: Some(time::timestamp(clock.target)),
        state: state.into(),
    }
}
