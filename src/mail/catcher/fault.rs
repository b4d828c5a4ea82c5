//! How the mail catcher misbehaves when it is told to.

use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

/// A step of the conversation at which something can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// The greeting.
    Connect,
    /// `EHLO` or `HELO`.
    Hello,
    /// `STARTTLS`.
    Starttls,
    /// `AUTH`.
    Auth,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA`.
    Data,
    /// The dot after the content: the moment at which a mail is accepted.
    Content,
}

/// One way to misbehave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Fault {
    /// Not at all.
    #[default]
    None,
    /// Closes each line at once without a word, as a dead server behind a balancer does. (For a
    /// refused connection, shut the catcher down.)
    HangUp,
    /// Answers `code` at `verb`: 4xx is temporary, 5xx for good.
    Answer {
        /// When.
        verb: Verb,
        /// The SMTP reply code, 400 to 599.
        code: u16,
        /// The words after it, in one line.
        text: String,
    },
    /// Takes the whole content and closes the line before it answers.
    DropAfterData {
        /// Whether the mail was kept all the same: the sender cannot know.
        kept: bool,
    },
    /// Waits so long before every answer.
    Slow(Duration),
    /// Falls silent at `verb` and keeps the line; at the content it has kept the mail, too.
    Silent(Verb),
}

/// The fault in force, shared by all lines.
#[derive(Debug, Default)]
pub struct Mood(RwLock<Fault>);

impl Mood {
    pub fn set(&self, fault: Fault) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    pub fn now(&self) -> Fault {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
