//! The API: one service per file, each method parses, calls one operation and translates its answer.
//!
//! Reading order: [`server`] (what is served), [`auth`] (who may call what), [`idempotency`] (how a
//! change is made once), then any service. To add a service: its definition in `proto/`, a file here
//! with `impl XService for Api`, a line in [`server::routes`], a row for each of its methods in
//! [`permissions`]. The tests name what is missing.

pub mod auth;
pub mod card_numbers;
pub mod descriptors;
pub mod errors;
pub mod faults;
pub mod idempotency;
pub mod limits;
pub mod masks;
pub mod names;
pub mod paging;
pub mod permissions;
pub mod proto;
pub mod server;

pub use server::{Api, Services, routes};
