//! Operations that gRPC, pages and engine share. Each loads what it needs, asks the domain what
//! follows, and writes the answer; whoever called it commits, or does not (a preview, a
//! `validate_only` request) and leaves no trace.

mod act;

mod error;

pub use act::Act;
pub use error::{AppError, Result, Violation};
