//! Pages and hooks.

pub mod health;
pub mod metrics;
pub mod serve;
