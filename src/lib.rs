//! Rondo, a recurring-billing scheduler: the map of the crate.
//!
//! Who may know whom (a test guards it):
//!
//! ```text
//!                main.rs ─ cli
//!   ┌───────────┬──────┴────┬───────────┐
//!  grpc        web        engine ◄──── sim     driven by requests, people, time, a seed
//!   └─────┬─────┴─────┬─────┘
//!                    app               operations: load → domain → write
//!         ┌───────────┼───────────┐
//!       store      gateway       mail  ports: traits, and their real implementations
//!         └───────────┼───────────┘
//!                  domain              pure: knows nobody
//! ```
//!
//! Beside it, `security` knows `domain` alone and is known from `app` upwards; `config` knows
//! `security`, `gateway`, `mail` and `domain`, and is known to `cli` alone.
//!
//! Absent on purpose: SQL outside `store`, HTTP to a gateway outside `gateway`, and the machine's
//! clock or dice anywhere but in [`security::chance`] and [`app::clock`].

pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod engine;
pub mod gateway;
pub mod grpc;
pub mod mail;
pub mod security;
pub mod sim;
pub mod store;
pub mod web;
