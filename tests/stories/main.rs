//! Stories of members, told as they live them: over the API, on both engines, against the real
//! sandbox gateway and a real mail server.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on fails there")]

#[path = "../support/mod.rs"]
mod support;

mod misbehaviour;
mod renewals;
mod year;
