//! Mails: what they say and how they leave.
//!
//! A fact becomes a [`Message`], which waits in the outbox as JSON. When its turn comes,
//! [`render`] makes subject, HTML and text of it for one [`Envelope`], and a [`Mailer`] sends that.
//! Which mail is due, and when, is decided elsewhere; nothing here reads a clock or a table.

pub mod address;
pub mod backoff;
pub mod catcher;
pub mod envelope;
pub mod error;
pub mod format;
mod letter;
mod lines;
pub mod locale;
pub mod message;
pub mod outgoing;
pub mod overrides;
mod phrases;
pub mod preview;
pub mod template;
pub mod transport;
#[cfg(test)]
mod wording;
pub mod words;

pub use address::Address;
pub use backoff::backoff;
pub use envelope::{Envelope, Recipient, Sender};
pub use error::{Fate, MailError, Remedy};
pub use locale::{Conventions, Locale, UnknownLanguage};
pub use message::{Message, MessageKind};
pub use outgoing::Outgoing;
pub use overrides::{Block, Overrides};
pub use preview::preview;
pub use template::{Rendered, render};
pub use transport::{Accepted, Mailer, SmtpConfig, SmtpMailer};
