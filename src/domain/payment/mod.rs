//! Payments: the goal to collect an amount, the attempts at it, and what gateways say of them.

pub mod decline;
pub mod method;
