//! The command line, by running the real program: what it prints, where, and how it ends.

#![expect(clippy::unwrap_used, reason = "tests may unwrap, in their helpers too")]

#[path = "../support/mod.rs"]
mod support;

mod absent;
mod beside;
mod developing;
mod looking_after;
mod program;
mod showing;
mod stopping;
mod usage;
