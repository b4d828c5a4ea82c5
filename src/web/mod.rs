//! Pages and hooks.

pub mod assets;
pub mod health;
pub mod hooks;
pub mod metrics;
pub mod pay;
pub mod serve;
