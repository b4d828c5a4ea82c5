//! The pages, the hooks and the webhooks out, over real HTTP against the real sandbox gateway.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on fails there")]

#[path = "../support/mod.rs"]
mod support;

mod cards;
mod guard;
mod hooks;
mod pay;
mod portal;
mod site;
