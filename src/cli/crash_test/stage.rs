//! What a crash test runs on, all of it on this machine: replicas of Rondo, the sandbox gateway and its
//! ledger, each a process of its own, the mail catcher, and the doors in between.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{
    database_door::{self, Place},
    doors,
    misfortune::{Replica, Tally},
    process::{self, Process},
};
use crate::{
    app::{audit, clock},
    cli::{academy::witness::Sandbox, init::write_new},
    config::Engine,
    mail::catcher::{Catcher, CatcherHandle},
    security::chance::system_mint,
    store::{self, Access, OpenOptions, Store, bench::Scratch},
};

/// The gateway account's name.
pub const GATEWAY: &str = "sandbox";
/// The sandbox's key: it guards nothing but made-up money on this machine.
const SECRET_KEY: &str = "sk_sandbox";
const WEBHOOK_SECRET: &str = "whsec_sandbox";
/// The longest call to the gateway, in seconds: the shorter, the sooner a dead replica's work goes on.
const CALL_SECONDS: u32 = 2;
const LEASE_SECONDS: u32 = CALL_SECONDS + Engine::LEASE_BEYOND_CALL;
/// A replica that is stopped is stopped until all that it had claimed may be another's.
pub const PAUSE: Duration = Duration::from_secs(LEASE_SECONDS as u64 + 1);
/// The longest that it may take until nothing is due any more, when all is well again.
const RESTS_WITHIN: Duration = Duration::from_mins(10);
const POLL: Duration = Duration::from_millis(200);
/// Any free port of this machine, out of reach from elsewhere.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// What stands before the address in the greetings of the two servers.
const SERVES: &str = "gRPC and HTTP at http://";
const TAKES_CALLS: &str = "takes calls at http://";

/// Everything that runs.
pub struct Stage {
    folder: TempDir,
    /// Where mails arrive.
    pub catcher: CatcherHandle,
    /// The gateway.
    pub sandbox: Arc<Process>,
    /// Rondo.
    pub replicas: Vec<Arc<Replica>>,
    /// What has befallen them.
    pub tally: Arc<Tally>,
    /// Where portals reach Rondo, whichever replica is up.
    pub front: SocketAddr,
    /// An administrator's key.
    pub admin_key: String,
    database: Scratch,
}

impl Stage {
    /// Sets the stage: on a new SQLite file with one replica, or on a database of its own on the
    /// Postgres server at `server` with so many.
    pub async fn set(server: Option<&str>, replicas: usize, seed: u64) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("rondo-crash").tempdir();
        let folder = folder.context("cannot make a folder for the crash test")?;
        let room = folder.path();
        let database = match server {
            None => Scratch::file(room, "rondo"),
            Some(url) => {
                let run = u64::from_be_bytes(system_mint().bytes::<8>());
                Scratch::on_server(url, &format!("rondo_crash_{run:016x}")).await?
            }
        };
        let catcher = Catcher::new().that_forgets_nothing().start(ANY_PORT, ANY_PORT).await?;
        let tally = Arc::new(Tally::default());
        // Replicas are named before they run: each has doors of its own, and its settings name those.
        let all: Vec<_> = (0..replicas)
            .map(|number| {
                let name = format!("replica-{number}");
                let config = format!("--config={name}.toml");
                let arguments = vec!["serve".to_owned(), config];
                let process = Process::new(name, room, arguments, SERVES);
                Arc::new(Replica::new(process, PAUSE, Arc::clone(&tally)))
            })
            .collect();
        let front = doors::front(all.clone()).await?;
        let sandbox = Arc::new(Process::new("sandbox", room, sandbox(front, seed), TAKES_CALLS));
        sandbox.start().await?;
        let key = BASE64_STANDARD.encode(system_mint().bytes::<32>());
        write_new(&room.join("rondo.key"), &key)?;
        let smtp = catcher.smtp_addr;
        let write = |name: &str, url: &str, gateway: SocketAddr| {
            let text = configuration(url, front, gateway, smtp);
            write_new(&room.join(name), &text)
        };
        for (number, replica) in all.iter().enumerate() {
            let url = if server.is_some() {
                let place = Place::of(database.url())?;
                let door = database_door::open(Arc::clone(replica), place).await?;
                database_door::behind(database.url(), door)?
            } else {
                database.url().to_owned()
            };
            let door = doors::gateway(Arc::clone(replica), Arc::clone(&sandbox)).await?;
            write(&format!("replica-{number}.toml"), &url, door)?;
        }
        // What commands go by, which nothing befalls.
        let straight = doors::straight(Arc::clone(&sandbox)).await?;
        write("rondo.toml", database.url(), straight)?;
        let (is_well, said) = process::run(room, &["init".to_owned()]).await?;
        let admin_key = said.lines().find(|line| line.starts_with("rk_")).map(str::to_owned);
        let Some(admin_key) = admin_key.filter(|_| is_well) else { bail!("rondo init: {said}") };
        let stage =
            Self { folder, catcher, sandbox, replicas: all, tally, front, admin_key, database };
        for replica in &stage.replicas {
            replica.process.start().await?;
        }
        Ok(stage)
    }

    /// Ends every replica and the sandbox where they stand, and starts them again, once.
    pub async fn start_all_again(&self) -> anyhow::Result<()> {
        self.sandbox.kill();
        self.sandbox.start_again().await?;
        for replica in &self.replicas {
            replica.process.kill();
            replica.process.start_again().await?;
        }
        Ok(())
    }

    /// Puts back what was set aside as nobody could decide it, as an operator does when the gateway is up again:
    /// a test clock is through with its questions in less time than it takes to start.
    pub async fn put_back_the_undecided(&self) -> anyhow::Result<()> {
        let (is_well, said) = self.run(&["stuck", "retry", "--loop", "resolve"]).await?;
        if is_well { Ok(()) } else { bail!("rondo stuck retry: {said}") }
    }

    /// Runs a command of Rondo's beside the replicas: whether it ended well, and what it said.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<(bool, String)> {
        let arguments: Vec<_> = arguments.iter().map(|word| (*word).to_owned()).collect();
        process::run(self.folder.path(), &arguments).await
    }

    /// Opens the database beside the replicas.
    pub async fn store(&self) -> anyhow::Result<Arc<dyn Store>> {
        let options = OpenOptions { access: Access::Command, ..OpenOptions::default() };
        Ok(store::open(self.database.url(), options).await?)
    }

    /// Waits until nothing is due any more, webhooks from the gateway among it.
    pub async fn comes_to_rest(&self) -> anyhow::Result<()> {
        let store = self.store().await?;
        let clock = clock::of(store.as_ref()).await?;
        let last = Instant::now() + RESTS_WITHIN;
        loop {
            let mut repo = store.snapshot().await?;
            let due = audit::late(repo.as_mut(), clock.now(), TimeDelta::zero()).await?;
            drop(repo);
            // What is still due then is found by `rondo audit`.
            if due.is_empty() || Instant::now() > last {
                store.close().await;
                return Ok(());
            }
            sleep(POLL).await;
        }
    }

    /// The way to the gateway's own ledger.
    pub fn ledger(&self) -> anyhow::Result<Sandbox> {
        let address = self.sandbox.address().context("the sandbox is not up")?;
        Ok(Sandbox { base_url: format!("http://{address}"), secret_key: SECRET_KEY.to_owned() })
    }

    /// Where the files are, to be told and kept when something went wrong.
    pub fn keep_files(&mut self) -> &Path {
        self.folder.disable_cleanup(true);
        self.folder.path()
    }

    /// Ends everything, and removes the database.
    pub async fn clear(self) -> anyhow::Result<()> {
        for process in self.replicas.iter().map(|replica| &replica.process).chain([&*self.sandbox])
        {
            process.kill();
            process.wait().await?;
        }
        self.catcher.shutdown().await;
        Ok(self.database.remove().await?)
    }
}

fn sandbox(front: SocketAddr, seed: u64) -> Vec<String> {
    let webhooks = format!("http://{front}/hooks/{GATEWAY}");
    let seed = seed.to_string();
    [
        ["sandbox", "--listen=127.0.0.1:0"],
        ["--ledger", "sandbox.jsonl"],
        ["--secret-key", SECRET_KEY],
        ["--webhook-url", &webhooks],
        ["--webhook-secret", WEBHOOK_SECRET],
        ["--webhook-delay-ms", "400"],
        ["--seed", &seed],
    ]
    .concat()
    .into_iter()
    .map(str::to_owned)
    .collect()
}

fn configuration(url: &str, front: SocketAddr, gateway: SocketAddr, smtp: SocketAddr) -> String {
    let (host, port) = (smtp.ip(), smtp.port());
    // A JSON text is a TOML text too.
    let url = serde_json::Value::from(url);
    format!(
        r#"database_url = {url}
database_connections = 8
listen = "127.0.0.1:0"
public_url = "http://{front}"
secret_key_file = "rondo.key"

[smtp]
host = "{host}"
port = {port}
tls = "none"
from = "Open Academy <billing@academy.example>"
timeout_seconds = 1

[gateways.{GATEWAY}]
kind = "sandbox"
base_url = "http://{gateway}"
secret_key = "{SECRET_KEY}"
webhook_secrets = ["{WEBHOOK_SECRET}"]
calls_per_second = 10000
calls_in_flight = 64

[engine]
call_seconds = {CALL_SECONDS}
lease_seconds = {LEASE_SECONDS}
tick_seconds = 1

[rate_limit]
calls_per_second = 10000
burst = 10000
"#
    )
}
