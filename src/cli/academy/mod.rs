//! A learning portal and its members, as `demo` and `crash-test` have them live: what they sell, who pays
//! with what, what the portal asks of Rondo over gRPC, and the gateway's own ledger to compare with.
//!
//! Nothing here reaches around the API, but for the comparison in [`witness`].

mod calendar;
pub mod cards;
mod cast;
pub mod chance;
pub mod line;
pub mod members;
pub mod offers;
pub mod portal;
pub mod witness;
pub mod year;

pub use calendar::{end, steps};
