//! `rondo backup`: a copy of a SQLite database while it is in use, complete or not there at all.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args as ClapArgs;
use serde_json::json;

use super::{
    output::say,
    settings::{self, Settings},
};
use crate::{
    app::clock::{Clock as _, SystemClock},
    store::StoreError,
};

/// Copies a SQLite database into a new file, as it is at one instant, while it is in use.
///
/// The copy is a database like the first, and knows that it is a copy: put in the place of the first, it
/// looks each charge up at its gateway before it sends it. See docs/reliability.md before you do that.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo backup rondo-2027-01-31.db\n  \
    rondo backup --database-url sqlite:/var/lib/rondo/rondo.db /backups/rondo.db\n\n\
    Postgres is backed up by its own tools (pg_dump, pg_basebackup).")]
pub struct Args {
    #[command(flatten)]
    settings: Settings,

    /// The new file. One that is there already is not touched.
    file: PathBuf,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.load()?;
    let file = &args.file;
    if file.exists() {
        bail!("{} is there already: name a new file, or move that one away", file.display());
    }
    let store = settings::open_migrated(&config).await?;
    let folder = folder_of(file);
    let is_file = config.database_url.expose().starts_with("sqlite:");
    if is_file && !folder.is_dir() {
        bail!("there is no folder {}: make it first, or name another file", folder.display());
    }
    let unfinished = unfinished(file);
    // Left behind by a copy that was cut off.
    let _ = fs::remove_file(&unfinished);
    let copied = store.backup(&unfinished, SystemClock.now()).await;
    store.close().await;
    if let Err(error) = copied {
        // An engine with tools of its own says so, and nothing is wrong with the folder.
        if matches!(error, StoreError::Unfit(_)) {
            return Err(error.into());
        }
        let (url, file) = (&config.database_url, file.display());
        return Err(error).with_context(|| {
            format!(
                "cannot copy {url} to {file}; see whether its folder is open to you and has room"
            )
        });
    }
    settle(&unfinished, file).with_context(|| format!("cannot keep {}", file.display()))?;
    let bytes = fs::metadata(file)?.len();
    if args.json {
        say(json!({ "file": file, "bytes": bytes }))?;
    } else {
        say(format_args!("Copied {} to {} ({bytes} bytes).", config.database_url, file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The copy's name until it is whole.
fn unfinished(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".unfinished");
    name.into()
}

/// Gives the whole copy its name, once it outlives a loss of power.
fn settle(unfinished: &Path, file: &Path) -> std::io::Result<()> {
    fs::File::open(unfinished)?.sync_all()?;
    fs::rename(unfinished, file)?;
    fs::File::open(folder_of(file))?.sync_all()
}

fn folder_of(file: &Path) -> &Path {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}
