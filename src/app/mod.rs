//! Operations that gRPC, pages and engine share. Each loads what it needs, asks the domain what
//! follows, and writes the answer; whoever called it commits, or does not (a preview, a
//! `validate_only` request) and leaves no trace.

pub mod access;
pub mod accounts;
mod act;
pub mod api_keys;
pub mod audit;
pub mod clock;
pub mod clocks;
pub mod collect;
pub mod customers;
pub mod dun;
pub mod dunning;
mod entitlements;
mod error;
pub mod events;
pub mod inbox;
mod index;
pub mod invoices;
pub mod labels;
mod letter;
mod line;
pub mod merchants;
mod news;
mod order;
mod papers;
pub mod pay;
pub mod payment_methods;
pub mod payments;
pub mod plans;
pub mod reconcile;
mod record;
pub mod refunds;
pub mod remind;
pub mod renew;
pub mod resolve;
pub mod restored;
mod returns;
mod rondo;
pub mod send_mail;
mod sent;
pub mod settle_attempt;
mod standing;
pub mod stuck;
pub mod subscriptions;
pub mod test_clocks;
pub mod turn;
pub mod webhook_endpoints;
pub mod webhooks_out;

pub use act::Act;
pub use error::{AppError, Result, Violation, whole_reason};
pub use rondo::{Pace, Rondo};
