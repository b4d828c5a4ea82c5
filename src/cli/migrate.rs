//! `rondo migrate`: brings the database's schema up to date, or says what that would do.

use std::process::ExitCode;

use clap::Args as ClapArgs;

use super::{
    output::say,
    settings::{self, Settings},
};

/// Brings the database's schema up to date.
///
/// `rondo serve` does so too when it starts.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo migrate\n  \
    rondo migrate --check --database-url postgres://rondo@db.example/rondo\n\n\
    With --check it ends with 1 if migrations are pending.")]
pub struct Args {
    #[command(flatten)]
    settings: Settings,

    /// List what is pending and run nothing.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.load()?;
    let store = settings::open_store(&config).await?;
    let pending = store.pending_migrations().await?;
    for migration in &pending {
        say(migration)?;
    }
    let url = &config.database_url;
    let code = match (pending.len(), args.check) {
        (0, _) => {
            eprintln!("The schema of {url} is up to date.");
            ExitCode::SUCCESS
        }
        (count, true) => {
            eprintln!("{count} migrations of {url} are pending; `rondo migrate` runs them.");
            ExitCode::FAILURE
        }
        (count, false) => {
            store.migrate().await?;
            eprintln!("Ran {count} migrations of {url}.");
            ExitCode::SUCCESS
        }
    };
    store.close().await;
    Ok(code)
}
