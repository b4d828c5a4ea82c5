//! The configuration: one schema, four sources, one list of findings.
//!
//! [`schema`] says what can be set, [`load`] reads it (defaults, then file, then environment, then
//! flags; the later wins) and [`check`] says what is wrong with the whole. `docs/configuration.md`
//! is made from the schema's documentation, and a test keeps the two equal.
//!
//! Nothing here opens a port, a database or a mail connection.

mod check;
mod load;
mod schema;

pub use check::{Finding, Severity, check};
pub use load::{ConfigError, Overrides, Sources};
pub use schema::{
    Config, DatabaseUrl, Engine, Log, LogFormat, RateLimit, SecretKeyError, Smtp, SmtpTls, Tls,
};
