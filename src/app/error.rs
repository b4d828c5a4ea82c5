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
    /// The portal's own id names none of this merchant's customers.
    #[error("no customer with external_id {external_id}")]
    NoCustomer {
        /// What the portal called them.
        external_id: String,
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
    #[error(transparent)]
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

/// An error with all its causes, in one line for people. A cause that stands in its error's own text
/// is not told again: not every library keeps the two apart.
pub fn whole_reason(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |mut told, cause| {
        let cause = cause.to_string();
        if !told.ends_with(&cause) {
            told.push_str(": ");
            told.push_str(&cause);
        }
        told
    })
}

fn sentence(violations: &[Violation]) -> String {
    let parts: Vec<_> = violations.iter().map(|v| format!("{} {}", v.field, v.message)).collect();
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        #[source]
        source: Option<Box<Layer>>,
    }

    #[test]
    fn every_cause_is_told_once() {
        for (texts, told) in [
            (&["no connection"][..], "no connection"),
            (&["the mail waits", "no connection"], "the mail waits: no connection"),
            (&["the mail waits: no line", "no line", "reset"], "the mail waits: no line: reset"),
            (&["no line", "no line", "no line"], "no line"),
        ] {
            let layers = texts.iter().rev();
            let error = layers.fold(None, |source, text| Some(Box::new(Layer { text, source })));
            assert_eq!(whole_reason(&*error.unwrap()), told);
        }
    }
}
