//! Stories of callers, told over real gRPC on both engines: what the API promises, and what it
//! answers to what is wrong.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on fails there")]

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod catalogue;
mod deadlines;
mod definitions;
mod deleted_plans;
mod dunning;
mod etags;
mod faults;
mod gateways;
mod given;
mod guard;
mod invoices;
mod labels;
mod masks;
mod portal;
mod standard;
mod subscriptions;
mod validate_only;
mod webhook_endpoints;
mod wire;
