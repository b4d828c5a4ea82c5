//! What Rondo decides, as plain synchronous values: no I/O, no clock, no dice.

pub mod calendar;
pub mod ids;
pub mod money;
pub mod payment;
