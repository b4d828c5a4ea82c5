//! What both engines promise: every story of the port, told on SQLite and on Postgres.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on fails there")]

#[path = "../support/mod.rs"]
mod support;

mod claims;
mod clocks;
mod events;
mod lists;
mod numbers;
mod opening;
mod requests;
mod round_trips;
mod schema;
mod stuck;
mod sums;
mod uniqueness;
mod versions;
mod wakes;
