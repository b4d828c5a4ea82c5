//! `rondo keys`: API keys, made and taken back on the machine itself (RULES KEY-2).

use std::process::ExitCode;

use anyhow::{Context, bail};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use serde_json::json;

use super::{
    output::{Column, say, say_secret, show_table, table},
    settings::{self, Settings},
};
use crate::{
    app::{
        api_keys::{self, NewApiKey},
        clock::{Clock as _, SystemClock},
    },
    domain::{
        api_key::{ApiKey, Role},
        ids::{Id, kind},
    },
    security::chance::system_mint,
    store::{MerchantId, Page},
};

/// Lists, makes and takes back API keys.
#[derive(Debug, ClapArgs)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  \
    rondo keys list\n  \
    rondo keys create --name portal --role merchant --merchant mer_06ew5kkq3hx3d1qj9w2t7m8c0g\n  \
    rondo keys revoke key_06ew5kkq3hx3d1qj9w2t7m8c0g"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Create(Create),
    Revoke(Revoke),
}

/// Lists a merchant's keys, or the administrators'.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo keys list\n  \
    rondo keys list --merchant mer_06ew5kkq3hx3d1qj9w2t7m8c0g --json")]
struct List {
    #[command(flatten)]
    settings: Settings,

    /// The merchant; without it, the administrators' keys.
    #[arg(long, value_name = "ID", value_parser = settings::merchant)]
    merchant: Option<MerchantId>,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Makes a key and prints it, once.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo keys create --name ops --role admin --expires-in-days 90\n  \
    rondo keys create --name portal --role merchant --merchant mer_06ew5kkq3hx3d1qj9w2t7m8c0g\n\n\
    The key is all that stands on standard output.")]
struct Create {
    #[command(flatten)]
    settings: Settings,

    /// What staff call it: 1 to 200 characters.
    #[arg(long, value_parser = called)]
    name: String,

    /// What it may do.
    #[arg(long)]
    role: RoleName,

    /// The merchant that it speaks for; none for an administrator's.
    #[arg(long, value_name = "ID", value_parser = settings::merchant)]
    merchant: Option<MerchantId>,

    /// After how many days it stops working; never without it.
    #[arg(long, value_name = "DAYS", value_parser = settings::whole(1_i64..=36_500))]
    expires_in_days: Option<i64>,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Takes a key back: it stops working at once.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo keys revoke key_06ew5kkq3hx3d1qj9w2t7m8c0g")]
struct Revoke {
    #[command(flatten)]
    settings: Settings,

    /// The key's id, as `rondo keys list` shows it.
    #[arg(value_parser = key_id)]
    id: Id<kind::ApiKey>,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum RoleName {
    /// Make merchants and keys, and all that a merchant may.
    Admin,
    /// Everything of one merchant.
    Merchant,
    /// Look at everything of one merchant.
    ReadOnly,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Admin => Self::Admin,
            RoleName::Merchant => Self::Merchant,
            RoleName::ReadOnly => Self::ReadOnly,
        }
    }
}

fn called(name: &str) -> Result<String, &'static str> {
    let name = name.trim();
    let is_short = (1..=200).contains(&name.chars().count());
    is_short.then(|| name.to_owned()).ok_or("must have 1 to 200 characters")
}

fn key_id(text: &str) -> Result<Id<kind::ApiKey>, String> {
    text.parse().map_err(|error| format!("{error}, as `rondo keys list` shows it"))
}

/// Keys that a list shows.
const SHOWN: usize = 1_000;

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List(args) => list(args).await,
        Command::Create(args) => create(args).await,
        Command::Revoke(args) => revoke(args).await,
    }
}

async fn list(args: List) -> anyhow::Result<ExitCode> {
    let config = args.settings.load()?;
    let store = settings::open_migrated(&config).await?;
    let page = Page { after: None, limit: SHOWN };
    let mut repo = store.snapshot().await?;
    settings::refuse_unknown(repo.as_mut(), args.merchant).await?;
    let keys = repo.api_keys(args.merchant, page).await?;
    let merchants = settings::merchants(repo.as_mut()).await?;
    drop(repo);
    store.close().await;
    let now = SystemClock.now();
    if args.json {
        let keys: Vec<_> = keys.iter().map(|key| as_json(key, now)).collect();
        say(json!({ "keys": keys }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if keys.is_empty() {
        say("There are no keys.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let names = ["id", "begins with", "name", "role", "made", "last used", "stands"];
    let mut shown = table(&names.map(|name| (name, Column::Words)));
    for key in &keys {
        let last = key.last_used_at.map_or_else(|| "never".to_owned(), shortly);
        let (id, made) = (key.id.to_string(), shortly(key.created_at));
        let role = role_name(key.role);
        shown.add_row([&id, &key.shown_prefix, &key.name, role, &made, &last, stands(key, now)]);
    }
    show_table(&shown)?;
    if args.merchant.is_none() {
        eprintln!(
            "These are the administrators' keys; --merchant ID lists a merchant's ({merchants})."
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(args: Create) -> anyhow::Result<ExitCode> {
    let role = Role::from(args.role);
    match (role, args.merchant) {
        (Role::Admin, Some(_)) => bail!(
            "an administrator's key takes no --merchant: leave it out, or choose --role merchant"
        ),
        (Role::Merchant | Role::ReadOnly, None) => {
            bail!(
                "a key with this role needs --merchant mer_…: whose is it? `rondo keys list` names \
                 the merchants"
            )
        }
        (Role::Admin, None) | (Role::Merchant | Role::ReadOnly, Some(_)) => {}
    }
    let config = args.settings.load()?;
    let store = settings::open_migrated(&config).await?;
    let now = SystemClock.now();
    let expires_at = args.expires_in_days.map(|days| now + TimeDelta::days(days));
    let new = NewApiKey { name: args.name, role, merchant: args.merchant, expires_at };
    let mut repo = store.begin().await?;
    settings::refuse_unknown(repo.as_mut(), args.merchant).await?;
    let (key, secret) = api_keys::create_api_key(repo.as_mut(), &system_mint(), now, new).await?;
    repo.commit().await?;
    store.close().await;
    if args.json {
        let mut told = as_json(&key, now);
        told["secret"] = secret.expose().into();
        say(told)?;
    } else {
        say_secret(&format!("The key {}", key.id), secret.expose())?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn revoke(args: Revoke) -> anyhow::Result<ExitCode> {
    let config = args.settings.load()?;
    let store = settings::open_migrated(&config).await?;
    let mut repo = store.begin().await?;
    let known = repo.api_key(args.id).await?;
    let known = known.with_context(|| {
        format!(
            "there is no {}; `rondo keys list` shows the administrators' keys, and with --merchant \
             a merchant's",
            args.id
        )
    })?;
    let now = SystemClock.now();
    api_keys::revoke_api_key(repo.as_mut(), now, known.merchant, known.id, None).await?;
    repo.commit().await?;
    store.close().await;
    if args.json {
        say(json!({ "revoked": args.id.to_string() }))?;
    } else {
        say(format_args!("{} works no more.", args.id))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(key: &ApiKey, now: DateTime<Utc>) -> serde_json::Value {
    json!({
        "id": key.id.to_string(),
        "shown_prefix": key.shown_prefix,
        "name": key.name,
        "role": role_name(key.role),
        "merchant": key.merchant.map(|merchant| merchant.to_string()),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
        "state": stands(key, now),
    })
}

const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::Merchant => "merchant",
        Role::ReadOnly => "read_only",
    }
}

fn stands(key: &ApiKey, now: DateTime<Utc>) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.expires_at.is_some_and(|expiry| expiry <= now) {
        "expired"
    } else {
        "works"
    }
}

fn shortly(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
