//! `rondo restored`: tells a database that it was restored from a backup.

use std::process::ExitCode;

use anyhow::bail;
use chrono::{DateTime, Utc};
use clap::Args as ClapArgs;
use serde_json::json;

use super::{
    output::say,
    settings::{self, Settings},
};
use crate::{
    app::clock::{Clock as _, SystemClock},
    store::Restored,
};

/// Tells the database that it was restored from a backup, before `rondo serve` runs on it.
///
/// What was charged after the backup is due again. A server that knows of the restoring looks each
/// charge up at its gateway before it first sends it, for 90 days. A copy made by `rondo backup` knows
/// by itself; one made by other tools (`pg_restore`, a snapshot of the disk) must be told.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo restored --backed-up-at 2027-01-31T03:00:00Z\n  \
    rondo restored --backed-up-at 2027-01-31T03:00:00Z --database-url postgres://rondo@db/rondo\n\n\
    Then start the server, and see with `rondo reconcile --hours N` what else was forgotten.")]
pub struct Args {
    #[command(flatten)]
    settings: Settings,

    /// When the backup was made; an earlier time does no harm.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    backed_up_at: DateTime<Utc>,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// An instant on the command line.
fn instant(text: &str) -> Result<DateTime<Utc>, &'static str> {
    text.parse().map_err(|_| "must be an instant like 2026-01-31T03:00:00Z")
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let backed_up_at = args.backed_up_at;
    if backed_up_at > SystemClock.now() {
        bail!("--backed-up-at must not be in the future, as {backed_up_at} is");
    }
    let store = settings::open_migrated(&args.settings.load()?).await?;
    let mut repo = store.begin().await?;
    let restored = Restored::from_backup(repo.restored().await?, backed_up_at);
    repo.keep_restored(restored).await?;
    repo.commit().await?;
    store.close().await;
    if args.json {
        say(json!({ "backed_up_at": backed_up_at }))?;
    } else {
        say(format_args!(
            "From its next start on, `rondo serve` looks each charge up before it sends it, \
             as the database may have forgotten what was charged since {backed_up_at}."
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
