//! The API: one service per file, each method parses, calls one operation and translates its answer.
//!
//! Reading order: [`server`] (what is served), [`auth`] (who may call what), [`idempotency`] (how a
//! change is made once), then any service. To add a service: its definition in `proto/`, a file here
//! with `impl XService for Api`, a line in [`server::routes`], a row for each of its methods in
//! [`permissions`] and for each that changes something in [`mutations`]. The tests name what is missing.

mod api_keys;
pub mod auth;
pub mod convert;
mod customers;
pub mod deadlines;
pub mod descriptors;
mod dunning;
pub mod errors;
mod events;
pub mod faults;
pub mod fields;
mod health;
pub mod idempotency;
mod invoices;
pub mod limits;
pub mod masks;
mod merchants;
pub mod mutations;
pub mod names;
pub mod paging;
mod payment_methods;
mod payments;
pub mod permissions;
mod plans;
pub mod proto;
pub mod server;
mod subscriptions;
mod test_clocks;
mod webhook_endpoints;

pub use server::{Api, Services, routes};
