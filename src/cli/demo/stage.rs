//! What the demo runs on, all of it on this machine: the sandbox gateway with a ledger of its own,
//! the mail catcher, and Rondo itself, each reached as in the world outside, by HTTP, SMTP and gRPC.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use secrecy::SecretString;
use tokio::net::TcpListener;

use crate::{
    cli::{init::make_admin_key, sandbox::machine_clock, service::Service, settings, telemetry},
    config::{Config, DatabaseUrl, Engine, Loaded, Log, Origins, RateLimit, Smtp, SmtpTls},
    gateway::{
        AccountConfig, GatewayKind,
        sandbox::server::{SandboxOptions, SandboxServer, WebhookOptions},
    },
    mail::catcher::{Catcher, CatcherHandle},
    security::chance::system_mint,
    store::{Access, Durability},
};

/// The gateway account's name.
pub const GATEWAY: &str = "sandbox";
/// The sandbox's key: it guards nothing but made-up money on this machine.
const SECRET_KEY: &str = "sk_sandbox";
const WEBHOOK_SECRET: &str = "whsec_sandbox";
/// The most that a webhook of the sandbox is late.
const WEBHOOK_DELAY: Duration = Duration::from_millis(400);
/// Any free port of this machine, out of reach from elsewhere.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The files of a demo, in its folder. No others are ever touched.
struct Files {
    database: PathBuf,
    ledger: PathBuf,
    log: PathBuf,
}

impl Files {
    fn of(folder: &Path) -> Self {
        let [database, ledger, log] =
            ["demo.db", "demo-sandbox.jsonl", "demo.log"].map(|name| folder.join(name));
        Self { database, ledger, log }
    }

    /// Removes what an earlier demo left. Refuses while one still runs.
    fn clear(&self) -> anyhow::Result<()> {
        let beside = |ending: &str| {
            let mut path = self.database.clone().into_os_string();
            path.push(ending);
            PathBuf::from(path)
        };
        let lock = beside(".lock");
        if let Ok(file) = File::open(&lock)
            && let Err(TryLockError::WouldBlock) = file.try_lock()
        {
            bail!("a demo is running in this folder; stop it, or choose another with --dir");
        }
        for path in [&self.database, &beside("-wal"), &beside("-shm"), &lock, &self.ledger] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| {
                        let path = path.display();
                        format!(
                            "cannot remove {path}: remove it, or name another folder with --dir"
                        )
                    });
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Everything that runs.
pub struct Stage {
    /// Rondo.
    pub service: Service,
    /// The gateway.
    pub sandbox: SandboxServer,
    /// Where mails arrive.
    pub catcher: CatcherHandle,
    /// An administrator's key.
    pub admin_key: String,
    /// The name and the version of the database.
    pub engine: String,
    /// Where the log is written.
    pub log: PathBuf,
}

impl Stage {
    /// Sets the stage in `folder`, on a new SQLite file there or on the database at `url`.
    pub async fn set(folder: &Path, url: Option<&str>, seed: u64) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| {
            format!("cannot make the folder {}: name another with --dir", folder.display())
        })?;
        let files = Files::of(folder);
        files.clear()?;
        let url = url.map_or_else(|| format!("sqlite:{}", files.database.display()), str::to_owned);
        let listener = TcpListener::bind(ANY_PORT).await?;
        let address = listener.local_addr()?;
        let sandbox = sandbox(&files.ledger, address, seed).await?;
        let catcher = Catcher::new().start(ANY_PORT, ANY_PORT).await?;
        let config = configuration(url, address, sandbox.base_url(), catcher.smtp_addr);
        let config = Loaded { config, origins: Origins::default() };
        settings::refuse_errors(&config)?;
        let config = config.config;
        telemetry::log_to_file(&config.log, &files.log)?;
        // Made-up money may be lost with the power.
        let store = settings::open_with(&config, Access::Engine, Durability::TestOnly).await?;
        store.migrate().await.context("the database could not be migrated")?;
        let engine = store.describe().await?;
        let admin_key = make_admin_key(store.as_ref(), &system_mint()).await?;
        let service = Service::start(&config, store, listener, telemetry::count()?).await?;
        Ok(Self { service, sandbox, catcher, admin_key, engine, log: files.log })
    }

    /// What the sandbox's own ledger is asked with.
    pub const fn sandbox_key() -> &'static str {
        SECRET_KEY
    }

    /// Stops everything in good order: Rondo first, so that nothing it calls is gone.
    pub async fn clear(self) -> anyhow::Result<()> {
        self.service.stop().await?;
        self.catcher.shutdown().await;
        self.sandbox.shutdown().await.context("the sandbox's ledger could not be closed")
    }
}

async fn sandbox(ledger: &Path, rondo: SocketAddr, seed: u64) -> anyhow::Result<SandboxServer> {
    let webhooks = WebhookOptions {
        url: format!("http://{rondo}/hooks/{GATEWAY}"),
        secret: SecretString::from(WEBHOOK_SECRET),
        max_delay: WEBHOOK_DELAY,
    };
    let options = SandboxOptions {
        webhooks: Some(webhooks),
        seed,
        ..SandboxOptions::new(ledger, SecretString::from(SECRET_KEY), machine_clock())
    };
    SandboxServer::start(options).await.context("the sandbox gateway does not start")
}

fn configuration(url: String, listen: SocketAddr, gateway: &str, smtp: SocketAddr) -> Config {
    let secret_key = BASE64_STANDARD.encode(system_mint().bytes::<32>());
    Config {
        database_url: DatabaseUrl::new(url),
        listen,
        secret_key: Some(SecretString::from(secret_key)),
        smtp: Smtp {
            host: Some(smtp.ip().to_string()),
            port: smtp.port(),
            tls: SmtpTls::None,
            from: Some("Open Academy <billing@academy.example>".to_owned()),
            ..Smtp::default()
        },
        gateways: BTreeMap::from([(GATEWAY.to_owned(), account(gateway))]),
        // One card answers a second later than this, after it was charged.
        engine: Engine { tick_seconds: 1, call_seconds: 2, ..Engine::default() },
        log: Log { filter: "info".to_owned(), ..Log::default() },
        reflection: true,
        // A year in a minute takes more calls than a portal makes.
        rate_limit: RateLimit { calls_per_second: 10_000, burst: 10_000, ..RateLimit::default() },
        ..Config::default()
    }
}

/// The sandbox's account. Its limits are out of the way: what is shown is Rondo's pace.
fn account(base_url: &str) -> AccountConfig {
    AccountConfig {
        kind: GatewayKind::Sandbox,
        base_url: Some(base_url.to_owned()),
        secret_key: SecretString::from(SECRET_KEY),
        webhook_secrets: vec![SecretString::from(WEBHOOK_SECRET)],
        calls_per_second: 10_000,
        calls_in_flight: 64,
    }
}
