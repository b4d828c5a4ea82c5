//! Stories of members, told as they live them: over the API, on both engines, against the real
//! sandbox gateway and a real mail server.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on fails there")]

#[path = "../support/mod.rs"]
mod support;

mod agreements;
mod audit;
mod backups;
mod batches;
mod changed_ladders;
mod commit_boundaries;
mod consent;
mod dead_workers;
mod downtime;
mod dunning_mails;
mod figures;
mod first_payments;
mod ladders_end;
mod misbehaviour;
mod network_limits;
mod new_cards;
mod pages;
mod panics;
mod plans;
mod put_back;
mod put_off;
mod reconciliation;
mod refunds;
mod refused_orders;
mod renewals;
mod replaced_cards;
mod restored;
mod taken_back;
mod two_debts;
mod undecided;
mod year;

/// Mails of one instant come in any order.
fn sorted(mut kinds: Vec<String>) -> Vec<String> {
    kinds.sort();
    kinds
}
