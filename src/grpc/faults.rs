//! All that is wrong with a request, told at once instead of one fault after the other.

use crate::app::{AppError, Result, Violation};

/// The wrong fields found so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<Violation>);

impl Faults {
    /// Nothing wrong yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a wrong field and what would be right.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(Violation { field: field.into(), message: message.into() });
    }

    /// The value, or a note of why there is none.
    pub fn keep<T>(&mut self, parsed: Result<T>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(AppError::Invalid(mut violations)) => {
                self.0.append(&mut violations);
                None
            }
            Err(other) => {
                self.add("", other.to_string());
                None
            }
        }
    }

    /// `value`, if nothing was wrong anywhere. It is absent only if its own fault was noted.
    pub fn finish<T>(self, value: Option<T>) -> Result<T> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            Some(_) | None => Err(AppError::Invalid(self.0)),
        }
    }
}

/// The message in a field that must be set.
pub fn required<T>(field: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| AppError::invalid(field, "must be set"))
}
