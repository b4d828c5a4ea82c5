//! `rondo init`: from an empty folder to a server that can start. What is there already is kept.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::Args as ClapArgs;

use super::{output::say_secret, settings};
use crate::{
    app::{
        api_keys::{self, NewApiKey},
        clock::{Clock as _, SystemClock},
    },
    config::{self, Config, Loaded, Overrides},
    domain::{
        api_key::{ApiKey, Role},
        ids::Mint,
    },
    security::chance::system_mint,
    store::{Page, Store},
};

/// Sets Rondo up in this folder, and prints the first administrator's API key.
///
/// Writes rondo.toml and rondo.key, migrates the database and makes the key. What is there already
/// is kept.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo init\n  \
    rondo init --database-url postgres://rondo@db.example/rondo\n  \
    rondo init --new-admin-key        the first key was lost\n\n\
    The key is all that stands on standard output:\n  \
    key=$(rondo init) && export RONDO_API_KEY=$key")]
pub struct Args {
    /// The configuration file to write; kept as it is if it is there.
    #[arg(long, value_name = "FILE", env = "RONDO_CONFIG", default_value = "rondo.toml")]
    config: PathBuf,

    /// The database: `sqlite:FILE`, or `postgres://USER:PASSWORD@HOST/NAME`.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,

    /// Make another administrator's key where there is one already.
    #[arg(long)]
    new_admin_key: bool,
}

/// Keys that are looked at to find one that still works.
const KEYS_LOOKED_AT: usize = 1_000;

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let url = args.database_url.as_deref().unwrap_or("sqlite:rondo.db");
    let wrote_config = write_new(&args.config, &configuration(url))?;
    let Loaded { config, origins } = config::load(Some(&args.config), Overrides::default())?;
    if args.database_url.is_some() && config.database_url.expose() != url {
        bail!(
            "{}: `database_url` names {} already: change it there, or leave --database-url out",
            origins.of("database_url"),
            config.database_url
        );
    }
    let mint = system_mint();
    let wrote_key = config.secret_key.is_none()
        && write_new(&config.secret_key_file, &BASE64_STANDARD.encode(mint.bytes::<32>()))?;
    let files = [(&args.config, wrote_config), (&config.secret_key_file, wrote_key)];
    let written: Vec<_> = files.into_iter().filter(|(_, is_new)| *is_new).collect();
    let take_back = || written.iter().for_each(|(path, _)| drop(fs::remove_file(path)));
    let (store, _) = match settings::open_up_to_date(&config).await {
        Ok(opened) => opened,
        Err(error) => {
            // The next try, with another database, must not find the settings of this one.
            take_back();
            return Err(error);
        }
    };
    let is_known = has_admin_key(store.as_ref()).await.inspect_err(|_| take_back())?;
    let key_file = config.secret_key_file.display();
    if is_known && !args.new_admin_key {
        // The old files may only be elsewhere for the moment.
        take_back();
        let missing = if wrote_key {
            format!(
                "; {key_file} is missing: put the old one back, as the links that are out work with it \
                 alone"
            )
        } else {
            String::new()
        };
        bail!(
            "Rondo is set up here already, and its administrator's key was shown once; `rondo \
             init --new-admin-key` makes another{missing}"
        );
    }
    for (path, _) in &written {
        eprintln!("Wrote {}.", path.display());
    }
    if is_known && wrote_key {
        eprintln!(
            "It is a new secret key: the links that are out work no more. Put the old {key_file} back \
             if you have it."
        );
    }
    let key = make_admin_key(store.as_ref(), &mint).await?;
    store.close().await;
    say_secret("The administrator's API key", &key)?;
    eprintln!("{}", next_step(&args, &config));
    Ok(ExitCode::SUCCESS)
}

/// What is left to do before members can be billed.
fn next_step(args: &Args, config: &Config) -> String {
    if args.new_admin_key {
        // Whoever asks for another key has a server that may run, and a key that may be lost.
        "It works from the next call on. Next: `rondo keys list`, and `rondo keys revoke ID` for a key \
         that was lost."
            .to_owned()
    } else if config.gateways.is_empty() {
        let file = args.config.display();
        format!(
            "Next: name a gateway in {file} (`rondo sandbox` is one to try), then `rondo serve`."
        )
    } else {
        "Next: `rondo check-config`, then `rondo serve`.".to_owned()
    }
}

async fn has_admin_key(store: &dyn Store) -> anyhow::Result<bool> {
    let mut repo = store.snapshot().await?;
    let keys = repo.api_keys(None, Page { after: None, limit: KEYS_LOOKED_AT }).await?;
    let works = |key: &ApiKey| key.role == Role::Admin && key.revoked_at.is_none();
    Ok(keys.iter().any(works))
}

/// Makes an administrator's key and tells it.
pub(super) async fn make_admin_key(store: &dyn Store, mint: &Mint) -> anyhow::Result<String> {
    let new = NewApiKey {
        name: "administrator".to_owned(),
        role: Role::Admin,
        merchant: None,
        expires_at: None,
    };
    let mut repo = store.begin().await?;
    let now = SystemClock.now();
    let (_, secret) = api_keys::create_api_key(repo.as_mut(), mint, now, new).await?;
    repo.commit().await?;
    Ok(secret.expose().to_owned())
}

/// Writes a file for its owner's eyes alone, on the disk before this returns. `false` if there is
/// one already, which stays.
pub(super) fn write_new(path: &Path, text: &str) -> anyhow::Result<bool> {
    let cannot = || {
        let path = path.display();
        format!("cannot write {path}: its folder must be there, and open to you")
    };
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(mut file) => {
            let written = file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n"));
            if let Err(error) = written.and_then(|()| file.sync_all()) {
                // Half a key must not be taken for one at the next start.
                let _ = fs::remove_file(path);
                return Err(error).with_context(cannot);
            }
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(cannot),
    }
}

fn configuration(database_url: &str) -> String {
    // A JSON text is a TOML text too.
    let database_url = serde_json::Value::from(database_url);
    format!(
        r#"# Rondo's settings: docs/configuration.md lists all of them. The environment and flags may
# override each; `rondo check-config` says what is wrong.

database_url = {database_url}
listen = "127.0.0.1:8080"

# How members reach this server, for the links in mails.
# public_url = "https://pay.academy.example"

# Signs links and page tokens. All replicas need the same; keep a copy.
secret_key_file = "rondo.key"

# Without a relay, mails wait. `rondo sandbox --mail` catches them on this machine, and tells what to
# write here for that.
# [smtp]
# host = "smtp.academy.example"
# from = "Open Academy <billing@academy.example>"
# username = "billing"
# password = "…"                 # better as RONDO_SMTP__PASSWORD

# `rondo sandbox` runs a gateway that moves no money, to try things out with.
# [gateways.sandbox]
# kind = "sandbox"
# base_url = "http://127.0.0.1:8090"
# secret_key = "sk_sandbox"
# webhook_secrets = ["whsec_sandbox"]

# [gateways.main]
# kind = "stripe"
# secret_key = "sk_live_…"       # better as RONDO_GATEWAYS__MAIN__SECRET_KEY
# webhook_secrets = ["whsec_…"]"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Finding, Sources};

    #[test]
    fn the_configuration_that_is_written_can_be_served() {
        let room = tempfile::tempdir().unwrap();
        let file = room.path().join("rondo.toml");
        let url = r"postgres://rondo:a\'b@db/rondo";
        assert!(write_new(&file, &configuration(url)).unwrap());
        assert!(!write_new(&file, "something else").unwrap());
        let key = room.path().join("rondo.key");
        write_new(&key, &BASE64_STANDARD.encode([7; 32])).unwrap();

        let flags = Overrides::default().set("secret_key_file", key.to_str());
        let sources = Sources { file: Some(file), flags, ..Sources::default() };
        let loaded = config::load_from(sources).unwrap();
        assert_eq!(loaded.config.database_url.expose(), url);
        let findings = config::check(&loaded);
        assert!(!findings.iter().any(Finding::is_error), "{findings:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_is_for_its_owners_eyes_alone() {
        use std::os::unix::fs::PermissionsExt;
        let room = tempfile::tempdir().unwrap();
        let file = room.path().join("rondo.key");
        write_new(&file, "secret").unwrap();
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
