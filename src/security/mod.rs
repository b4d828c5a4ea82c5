//! Keys, signed links, chance, TLS, and the guard against card numbers.
//!
//! Holds no state and asks no clock: instants are handed in, chance comes from a `Mint`.

pub mod chance;
pub mod keys;
pub mod links;
pub mod pan;
pub mod tls;
