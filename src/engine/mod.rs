//! The loops that time drives: renew, collect, resolve, dun, remind, send mail, deliver events,
//! advance clocks. What each does is an operation of `app`; here is only when.
//!
//! A loop is woken by committed work or by the tick, does the same idempotent work either way, and
//! trusts no input: what is due stands in the database.

mod round;
mod runner;

pub use round::{round, run_until_idle};
pub use runner::{Engine, EngineError, Settings, audit_all};
