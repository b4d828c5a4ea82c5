//! Stories of members, told on both engines against the real sandbox gateway and a real mail server.

#[path = "../support/mod.rs"]
mod support;

mod misbehaviour;
mod renewals;
mod year;
