//! Dunning: what follows a failed charge.

mod file;

pub use file::{DunningCase, DunningPolicy};
use serde::{Deserialize, Serialize};

/// A ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {}
