//! The parts of a world, each started as it is in production, on a free port of this machine.

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use rondo::{
    app::{
        Pace, Rondo,
        clock::{Clock as _, ManualClock},
        webhooks_out::Reach,
    },
    domain::ids::Mint,
    gateway::{
        self, AccountConfig, Gateway, GatewayKind,
        http::{Timeouts, client},
        sandbox::server::{Clock as SandboxClock, SandboxOptions, SandboxServer},
    },
    grpc::{self, Services},
    mail::{
        SmtpConfig, SmtpMailer,
        catcher::{Catcher, CatcherHandle},
    },
    security::links::LinkKey,
    web,
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::transport::Channel;

use super::{Database, line::Line};

/// What the sandbox wants to hear from who calls it.
pub const SANDBOX_KEY: &str = "sk_sandbox_for_a_story";
/// What the sandbox's webhooks are signed with.
pub const HOOK_SECRET: &str = "whsec_of_the_sandbox";

const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// The gateway's server, in the world's time.
pub async fn sandbox(folder: &TempDir, clock: &Arc<ManualClock>) -> SandboxServer {
    let clock = Arc::clone(clock);
    let mut options = SandboxOptions::new(
        folder.path().join("ledger.jsonl"),
        SANDBOX_KEY.into(),
        SandboxClock::new(move || clock.now()),
    );
    options.calls_per_second = None;
    SandboxServer::start(options).await.unwrap()
}

/// The way to the gateway.
pub fn line(sandbox: &SandboxServer) -> Line {
    Line::new(adapter(sandbox, SANDBOX_KEY), adapter(sandbox, "sk_that_was_revoked"))
}

fn adapter(sandbox: &SandboxServer, key: &str) -> Arc<dyn Gateway> {
    let account = AccountConfig {
        kind: GatewayKind::Sandbox,
        base_url: Some(sandbox.base_url().to_owned()),
        secret_key: key.into(),
        webhook_secrets: vec![HOOK_SECRET.into()],
        calls_per_second: 100_000,
        calls_in_flight: 64,
    };
    let timeouts = Timeouts { connect: Duration::from_secs(2), total: Duration::from_secs(5) };
    gateway::connect("sandbox", &account, client(timeouts).unwrap(), timeouts.total).unwrap()
}

/// An account that would move real money, if it were reached: it is nowhere.
fn real_money() -> Arc<dyn Gateway> {
    let account = AccountConfig {
        kind: GatewayKind::Stripe,
        base_url: Some("http://127.0.0.1:9".to_owned()),
        secret_key: "sk_live_of_nobody".into(),
        webhook_secrets: Vec::new(),
        calls_per_second: 1,
        calls_in_flight: 1,
    };
    let timeouts = Timeouts::default();
    gateway::connect("live", &account, client(timeouts).unwrap(), timeouts.total).unwrap()
}

/// The mail server.
pub async fn mail_server() -> CatcherHandle {
    Catcher::new().start(LOOPBACK, LOOPBACK).await.unwrap()
}

/// Where Rondo is reached.
pub struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

impl Port {
    /// A free one.
    pub async fn open() -> Self {
        let listener = TcpListener::bind(LOOPBACK).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    /// Serves the API, the pay pages and the webhooks in, as `rondo serve` does; a line to it.
    pub async fn serve(self, rondo: &Rondo, pages_per_minute: u32) -> Channel {
        let plenty = NonZeroU32::new(10_000).unwrap();
        let services = Services {
            rondo: Arc::new(rondo.clone()),
            calls_per_second: plenty,
            burst: plenty,
            reflection: true,
        };
        let routes = grpc::routes(services)
            .merge(web::hooks::routes(rondo.clone()))
            .merge(web::pay::routes(rondo.clone(), pages_per_minute))
            .merge(web::assets::routes());
        let never = std::future::pending();
        tokio::spawn(web::serve::serve(routes, self.listener, None, never, Duration::ZERO));
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }
}

/// Rondo with its ports.
pub fn rondo(
    database: &Database,
    clock: &Arc<ManualClock>,
    line: &Arc<Line>,
    mails: &CatcherHandle,
    port: &Port,
) -> Rondo {
    let smtp: SmtpConfig = serde_json::from_value(serde_json::json!({
        "host": "127.0.0.1",
        "port": mails.smtp_addr.port(),
        "tls": "none",
        "from": "billing@academy.example",
    }))
    .unwrap();
    let line: Arc<dyn Gateway> = Arc::<Line>::clone(line);
    let gateways = [("sandbox", Arc::clone(&line)), ("vendor", line), ("live", real_money())];
    Rondo {
        store: database.store(),
        clock: Arc::<ManualClock>::clone(clock),
        mint: Arc::new(Mint::seeded([7; 32])),
        gateways: gateways.into_iter().map(|(name, port)| (name.to_owned(), port)).collect(),
        mailer: Arc::new(SmtpMailer::new(&smtp).unwrap()),
        mail_from: smtp.from.clone(),
        words: Arc::default(),
        links: Arc::new(LinkKey::from_secret(&[9; 32])),
        public_url: format!("http://{}", port.address),
        webhook_reach: Reach::ThisMachineToo,
        pace: Pace::default(),
        restored: None,
    }
}
