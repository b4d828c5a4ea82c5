//! `rondo migrate`: brings the database's schema up to date, or says what that would do.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use serde_json::json;

use super::{
    output::say,
    settings::{self, Settings},
};
use crate::store::Access;

/// Brings the database's schema up to date.
///
/// `rondo serve` does so too when it starts. Makes the database if there is none; with --check it
/// makes and changes nothing.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo migrate\n  \
    rondo migrate --check --database-url postgres://rondo@db.example/rondo\n\n\
    With --check it ends with 1 if migrations are pending, or if there is no database.\n\
    A SQLite file that a server runs on is migrated only once that server has stopped.")]
pub struct Args {
    #[command(flatten)]
    settings: Settings,

    /// List what is pending and run nothing.
    #[arg(long)]
    check: bool,

    /// Print the migrations as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.load()?;
    let (store, migrations) = if args.check {
        let store = settings::open_store(&config, Access::Command).await?;
        let pending = store.pending_migrations().await?;
        (store, pending)
    } else {
        settings::open_up_to_date(&config).await?
    };
    store.close().await;
    if args.json {
        let key = if args.check { "pending" } else { "ran" };
        say(json!({ key: migrations }))?;
    } else {
        for migration in &migrations {
            say(migration)?;
        }
    }
    let url = &config.database_url;
    Ok(match (migrations.len(), args.check) {
        (0, _) => {
            eprintln!("The schema of {url} is up to date.");
            ExitCode::SUCCESS
        }
        (count, true) => {
            eprintln!("{count} migrations of {url} are pending; `rondo migrate` runs them.");
            ExitCode::FAILURE
        }
        (count, false) => {
            eprintln!("Ran {count} migrations of {url}.");
            ExitCode::SUCCESS
        }
    })
}
