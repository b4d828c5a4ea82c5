//! A stored way to pay: a gateway's token and what may be shown of the card, never its number.

use serde::{Deserialize, Serialize};

/// The month in which a card stops working; it works to that month's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Expiry {
    /// The year, four digits.
    pub year: u16,
    /// The month, 1 to 12.
    pub month: u8,
}
