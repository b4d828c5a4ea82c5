//! Why an operation was not carried out, by what the caller can do about it.

use thiserror::Error;

use crate::{
    domain::{
        ids::{Id, Kind},
        version::Version,
    },
    gateway::GatewayError,
    store::StoreError,
};

/// What an operation comes to.
pub type Result<T, E = AppError> = std::result::Result<T, E>;

/// One field that is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path, for example `terms.components[1].amounts`.
    pub field: String,
    /// What would be right.
    pub message: String,
}

/// Why an operation was not carried out. Nothing was changed.
#[derive(Debug, Error)]
pub enum AppError {
    /// These fields are wrong.
    #[error("{}", sentence(.0))]
    Invalid(Vec<Violation>),
    /// There is no such object, or it is another merchant's.
    #[error("there is no {id}")]
    NotFound {
        /// The id asked for.
        id: String,
    },
    /// There is already one.
    #[error("{what} exists already: {id}")]
    AlreadyExists {
        /// What it is, for example `a customer with this external_id`.
        what: String,
        /// Its id.
        id: String,
    },
    /// The object's state does not allow it.
    #[error("{message}")]
    Precondition {
        /// In capitals, for programs: `SUBSCRIPTION_OVER`.
        reason: &'static str,
        /// The object.
        subject: String,
        /// What stands in the way, and what would help.
        message: String,
        /// What the message tells of this case, for programs, by a lowerCamel name.
        facts: Vec<(&'static str, String)>,
    },
    /// The object changed since the caller read it.
    #[error("{subject} has changed: its etag is now {current}; read it again")]
    EtagMismatch {
        /// The object.
        subject: String,
        /// Its version now.
        current: Version,
    },
    /// The gateway could not do it.
    #[error("the payment gateway could not do it")]
    Gateway(#[from] GatewayError),
    /// The database could not do it.
    #[error("the database could not do it")]
    Store(#[from] StoreError),
}

impl AppError {
    /// One wrong field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation { field: field.into(), message: message.into() }])
    }

    /// No such object.
    pub fn not_found<K: Kind>(id: Id<K>) -> Self {
        Self::NotFound { id: id.to_string() }
    }

    /// A state that does not allow it.
    pub fn precondition<K: Kind>(
        reason: &'static str,
        subject: Id<K>,
        message: impl Into<String>,
    ) -> Self {
        let (subject, message) = (subject.to_string(), message.into());
        Self::Precondition { reason, subject, message, facts: Vec::new() }
    }

    /// The same, with a fact that its message tells; of what is no matter of a state, itself.
    #[must_use]
    pub fn with(mut self, name: &'static str, fact: impl Into<String>) -> Self {
        if let Self::Precondition { facts, .. } = &mut self {
            facts.push((name, fact.into()));
        }
        self
    }

    /// The same about fields that stand within the field `outer`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        if let Self::Invalid(violations) = &mut self {
            for violation in violations {
                violation.field = format!("{outer}.{}", violation.field);
            }
        }
        self
    }

    /// Compares the version that the caller has seen, if they told it, with the one that is.
    pub fn check_etag<K: Kind>(
        subject: Id<K>,
        seen: Option<Version>,
        current: Version,
    ) -> Result<()> {
        match seen {
            Some(seen) if seen != current => {
                Err(Self::EtagMismatch { subject: subject.to_string(), current })
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn sentence(violations: &[Violation]) -> String {
    let parts: Vec<_> = violations.iter().map(|v| format!("{} {}", v.field, v.message)).collect();
    parts.join("; ")
}
