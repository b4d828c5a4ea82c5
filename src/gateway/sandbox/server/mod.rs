//! The sandbox's server: a payment provider that lies like real ones do, over real HTTP, with a
//! ledger of its own on disk.
//!
//! | call | what it does |
//! | --- | --- |
//! | `POST /v1/charges` | charges a stored card |
//! | `GET /v1/charges?after=&limit=` | lists charges in pages, the oldest first |
//! | `GET /v1/charges/{id}` | looks a charge up by the sandbox's id |
//! | `GET /v1/lookup?reference=` | looks charges and the checkout up by the caller's reference |
//! | `POST /v1/charges/{id}/cancel` | cancels a charge that is pending or waits for the customer |
//! | `POST /v1/refunds` | gives money back, in full or in part |
//! | `GET /v1/refunds/{id}`, `GET /v1/refunds?reference=` | looks a refund up |
//! | `POST /v1/setups`, `POST /v1/checkouts` | opens a page to store a card, or to pay |
//! | `GET /v1/pages/{id}`, `POST /v1/pages/{id}/cancel` | looks a page up, closes it |
//! | `/pages/…` | the pages themselves, for the customer |
//! | `GET /ledger/summary`, `GET /ledger/charges` | what was really taken: the witness |
//! | `GET /v1/returns?since=&after=&limit=` | lists refunds and reversals as they happened |
//! | `POST /control` | outages, and how idempotency keys are treated |
//! | `POST /control/take-back`, `/control/reinstate` | takes money of a charge back, gives it again |
//! | `POST /control/refund`, `/control/fail` | refunds as staff does, lets a charge fail after all |
//! | `POST /control/turn-refund` | lets a refund end otherwise than it was told |
//!
//! All but the pages want `authorization: Bearer <secret key>`. Every `POST` to `/v1` that makes
//! something wants an `idempotency-key`. It is kept for [`SandboxOptions::key_ttl`]: the same order
//! gets the first answer again, errors included; another order is refused with 422; a key whose
//! first call is still being answered, with 409.
//!
//! What a card does is written in its token: [`script`] has the grammar and the tables,
//! [`cards`] the data. Nothing here reads a wall clock: the caller gives one.

mod api;
mod book;
mod cards;
mod chance;
mod charging;
mod desk;
mod ledger;
mod line;
mod pages;
mod refunding;
mod returning;
mod script;
pub mod tokens;
mod webhooks;
mod wire;
mod witness;
mod words;

use std::{fmt, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::Router;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::{chance::Chance, desk::Desk, ledger::Ledger, line::Lines, wire::Wire};
pub use self::{
    webhooks::WebhookOptions,
    witness::{LedgerCharge, Summary},
};

/// Where the sandbox asks for the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// A clock that answers what `now` does.
    pub fn new(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// How a sandbox runs.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address that customers' browsers reach it at, if it is not the one it listens on.
    pub public_url: Option<String>,
    /// The ledger file; made if absent, continued if present.
    pub ledger: PathBuf,
    /// The one account's secret key.
    pub secret_key: SecretString,
    /// Where webhooks go; none are sent if absent.
    pub webhooks: Option<WebhookOptions>,
    /// Calls a second before it answers 429; unlimited if absent.
    pub calls_per_second: Option<u32>,
    /// What ids, lateness and doubling follow from.
    pub seed: u64,
    /// Latency in per cent: 100 is 0 to 2 ms a call and 300 ms for slow cards, 0 is none at all.
    pub latency_percent: u32,
    /// How long idempotency keys live.
    pub key_ttl: Duration,
    /// Where it asks for the time.
    pub clock: Clock,
}

impl SandboxOptions {
    /// A sandbox on a free port of this machine, without webhooks and without a rate limit, whose
    /// keys live for 24 hours.
    pub fn new(ledger: impl Into<PathBuf>, secret_key: SecretString, clock: Clock) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            ledger: ledger.into(),
            secret_key,
            webhooks: None,
            calls_per_second: None,
            seed: 0,
            latency_percent: 100,
            key_ttl: Duration::from_hours(24),
            clock,
        }
    }
}

/// A running sandbox. Dropped, it stops by itself; [`SandboxServer::shutdown`] waits for that.
#[derive(Debug)]
pub struct SandboxServer {
    base_url: String,
    serving: JoinHandle<io::Result<()>>,
    stop: DropGuard,
}

impl SandboxServer {
    /// Reads the ledger, listens, and serves in the background.
    pub async fn start(options: SandboxOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let stop = CancellationToken::new();
        let serving = open(options, listener, &base_url, stop.clone())?;
        Ok(Self { base_url, serving: tokio::spawn(serving), stop: stop.drop_guard() })
    }

    /// Where it listens, as `http://127.0.0.1:40123`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Answers what has begun, brings the ledger to the disk and gives the file free.
    pub async fn shutdown(self) -> io::Result<()> {
        drop(self.stop);
        self.serving.await.map_err(io::Error::other)?
    }
}

/// Serves until the task is dropped: a sandbox as a process of its own. Calls `listening` with the
/// base URL once it takes calls.
pub async fn run(options: SandboxOptions, listening: impl FnOnce(&str)) -> io::Result<()> {
    let server = SandboxServer::start(options).await?;
    listening(server.base_url());
    let _stop = server.stop;
    server.serving.await.map_err(io::Error::other)?
}

fn open(
    options: SandboxOptions,
    listener: TcpListener,
    base_url: &str,
    stop: CancellationToken,
) -> io::Result<impl Future<Output = io::Result<()>> + Send + 'static> {
    let chance = Chance(options.seed);
    let (ledger, writer) = Ledger::open(&options.ledger)?;
    let courier = options
        .webhooks
        .clone()
        .map(|webhooks| webhooks::Courier::start(webhooks, chance, options.clock.clone()))
        .transpose()
        .map_err(io::Error::other)?;
    let (post, courier) = courier.unzip();
    let public_url = options.public_url.as_deref().unwrap_or(base_url).trim_end_matches('/');
    let wire = Wire { public_url: public_url.to_owned(), chance };
    let desk = Arc::new(Desk::new(options, Arc::clone(&ledger), wire, post));
    let routes = Router::new()
        .merge(api::routes())
        .merge(witness::routes())
        .merge(returning::routes())
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&desk), desk::admit))
        .merge(pages::routes())
        .with_state(desk);
    Ok(async move {
        let service = routes.into_make_service_with_connect_info::<line::Line>();
        let served = axum::serve(Lines(listener), service)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await;
        if let Some(courier) = courier {
            courier.abort();
        }
        ledger.close();
        tokio::task::spawn_blocking(|| writer.join())
            .await?
            .map_err(|_| io::Error::other("the sandbox's ledger thread panicked"))?;
        served
    })
}
