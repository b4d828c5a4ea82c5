//! What the driver's errors mean to those who asked, the same for both engines.

use std::error::Error as _;

use sqlx::{
    Error,
    error::{BoxDynError, ErrorKind},
    migrate::MigrateError,
};

use super::StoreError;

/// What only the engine knows of its error.
pub struct Told {
    /// The constraint that would be broken, by its name in the schema where the engine tells.
    pub constraint: String,
    /// Whether the engine is busy, restarting or gone, so that the same may work later.
    pub passes: bool,
}

/// Sorts an error by what the caller can do about it. `told` reads the engine's own error.
pub fn sorted(error: Error, told: fn(&dyn sqlx::error::DatabaseError) -> Told) -> StoreError {
    match &error {
        Error::Database(database) => {
            let Told { constraint, passes } = told(database.as_ref());
            match database.kind() {
                ErrorKind::UniqueViolation => StoreError::Duplicate { constraint },
                ErrorKind::ForeignKeyViolation
                | ErrorKind::NotNullViolation
                | ErrorKind::CheckViolation
                | ErrorKind::ExclusionViolation => StoreError::Refused { constraint },
                _ if passes => StoreError::Unavailable(cause(error)),
                _ => StoreError::Statement(cause(error)),
            }
        }
        Error::Io(_)
        | Error::Tls(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed
        | Error::BeginFailed => StoreError::Unavailable(cause(error)),
        _ => StoreError::Statement(cause(error)),
    }
}

/// What the driver wraps: its own text repeats it and adds nothing.
pub fn cause(error: Error) -> BoxDynError {
    match error {
        Error::Database(database) => database.into_error(),
        Error::Io(error) => error.into(),
        Error::Configuration(error) | Error::Tls(error) | Error::Encode(error) => error,
        other => other.into(),
    }
}

/// What a failed migration means.
pub fn of_migration(error: MigrateError, sort: fn(Error) -> StoreError) -> StoreError {
    match error {
        MigrateError::Execute(error) => sort(error),
        MigrateError::VersionMissing(version) | MigrateError::VersionNotPresent(version) => {
            StoreError::Unfit(format!(
                "the database has migration {version}, which this Rondo does not know: \
                 start the version of Rondo that made it, or a newer one"
            ))
        }
        MigrateError::VersionMismatch(version) => StoreError::Unfit(format!(
            "migration {version} of the database is not the one of this Rondo: \
             the schema is another program's, or was made by a build that was never released"
        )),
        other => {
            let cause = other.source().map_or_else(|| other.to_string(), ToString::to_string);
            StoreError::Unfit(format!("the schema could not be brought up to date: {cause}"))
        }
    }
}
