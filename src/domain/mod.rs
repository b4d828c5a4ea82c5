//! What Rondo decides, as plain synchronous values: no I/O, no clock, no dice.
//!
//! Operations load aggregates, ask a function in here what follows, and write the [`changes`] that
//! come back. Reading order: [`catalog`], [`subscription`], [`invoice`], [`payment`], [`dunning`].

pub mod api_key;
pub mod backoff;
pub mod calendar;
pub mod catalog;
pub mod changes;
pub mod customer;
pub mod dunning;
pub mod event;
pub(crate) mod hash;
pub mod ids;
pub mod invoice;
pub mod labels;
pub mod ledger;
pub mod merchant;
pub mod money;
pub mod notice;
pub mod payment;
pub mod subscription;
pub mod version;
