//! Mails, read from a real SMTP server: how they leave, and what members get in their lives.

#![expect(clippy::unwrap_used, reason = "tests may unwrap, in their helpers too")]

#[path = "../support/mod.rs"]
mod support;

mod members;
mod smtp;
mod values;
