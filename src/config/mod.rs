//! The configuration: one schema, four sources, one list of findings.
//!
//! [`schema`] says what can be set, [`load`] reads it (defaults, then file, then environment, then
//! flags; the later wins), [`unread`] tells all of it that cannot be read, [`origin`] knows who set
//! what, and [`check`] says what is wrong with the whole. `docs/configuration.md` is made from the schema's documentation, and a test keeps the two
//! equal.
//!
//! Nothing here opens a port, a database or a mail connection.

mod check;
mod load;
mod origin;
mod schema;
mod unread;

pub use check::{Finding, Severity, check};
pub use load::{ConfigError, Loaded, Overrides, Sources, load, load_from};
pub use origin::{Origin, Origins};
pub use schema::{
    Config, DatabaseUrl, Engine, Log, LogFormat, RateLimit, SecretKeyError, Smtp, SmtpTls, Tls,
    WebhookReach,
};
