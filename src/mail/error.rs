//! What can go wrong with a mail, told apart by what the caller can do about it.

use thiserror::Error;

use super::message::MessageKind;

/// What became of a mail that we have no good answer for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The server surely does not have it.
    NotSent,
    /// The line broke where the server may already have had it. Sending it again keeps the
    /// `Message-ID`, so that the reader's programs can tell the two apart.
    Unknown,
}

/// What to do about a [`MailError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Send the same mail again after [`backoff`](super::backoff()), for 72 hours (RULES EML-4); then keep it
    /// for staff.
    Retry,
    /// Write no more to this address, and raise the notice that cannot be given (RULES EML-4).
    SuppressAddress,
    /// Keep the mail, try again later, and tell staff: our account, configuration or text is at fault.
    TellStaff,
}

/// Why a mail was not sent.
#[derive(Debug, Error)]
pub enum MailError {
    /// The server was away, slow, or asked us to come back (4xx).
    #[error("the mail server cannot take the mail now")]
    Temporary {
        /// Whether the mail may have gone out all the same.
        fate: Fate,
        /// What was seen on the line.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server refused this mail for good (5xx).
    #[error("the mail was refused for good: {code} {answer}")]
    Permanent {
        /// The SMTP reply code.
        code: u16,
        /// The server's own words.
        answer: String,
    },
    /// The server refused *us* (credentials, TLS, policy), which says nothing about the address.
    #[error("the mail server refuses us: {answer}")]
    Unauthorised {
        /// The server's own words, or what failed in the handshake.
        answer: String,
    },
    /// A text or link that the mail is made of cannot be used.
    #[error("the text of the mail cannot be used: {0}")]
    Template(String),
    /// A preview of a case that there is not.
    #[error("{kind} has the samples 1 to {count}")]
    NoSample {
        /// The kind of mail.
        kind: MessageKind,
        /// How many made-up cases it has.
        count: usize,
    },
    /// Not an e-mail address.
    #[error("{0:?} is not an e-mail address")]
    Address(String),
}

impl MailError {
    /// What the caller can do.
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::Temporary { .. } => Remedy::Retry,
            Self::Permanent { .. } | Self::Address(_) => Remedy::SuppressAddress,
            Self::Unauthorised { .. } | Self::Template(_) | Self::NoSample { .. } => {
                Remedy::TellStaff
            }
        }
    }
}
