//! The running service: its ports put together from the configuration, the loops, and one port for
//! gRPC and HTTP. Shared by `serve`, `demo` and `bench`, so that all three run the same thing.

use std::{collections::BTreeMap, io, net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use axum::Router;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::telemetry::Metrics;
use crate::{
    app::{Pace, Rondo, clock, restored, webhooks_out::Reach},
    config::{Config, Smtp, SmtpTls, WebhookReach},
    engine::{self, Engine},
    gateway::{self, Gateway, http},
    grpc::{self, Services},
    mail::{
        self, Accepted, Address, Fate, MailError, Mailer, Outgoing, SmtpConfig, SmtpMailer,
        transport, words::Words,
    },
    security::{chance::system_mint, tls},
    store::Store,
    web,
};

/// Loops that run and a port that answers.
pub struct Service {
    /// The ports that the loops and the API work with.
    pub rondo: Rondo,
    /// Where it listens.
    pub address: SocketAddr,
    engine: Engine,
    serving: JoinHandle<io::Result<()>>,
    stop: CancellationToken,
    grace: Duration,
}

impl Service {
    /// Starts on `listener`. The configuration was checked, and the store is migrated.
    pub async fn start(
        config: &Config,
        store: Arc<dyn Store>,
        listener: TcpListener,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let address = listener.local_addr()?;
        let config = Config { listen: address, ..config.clone() };
        let mut rondo = ports(&config, store).await?;
        rondo.restored = restored::take_up(&rondo).await?;
        warn_of_strangers(&rondo).await?;
        let tls = config.tls.as_ref().map(|files| tls::server_config(&files.cert, &files.key));
        let tls = tls.transpose()?;
        let stop = CancellationToken::new();
        let grace = config.engine.shutdown_grace();
        let settings = engine::Settings { tick: config.engine.tick() };
        let engine = Engine::start(rondo.clone(), settings).await?;
        let routes = routes(&config, &rondo, metrics)?;
        let stopped = stop.clone().cancelled_owned();
        let serving = tokio::spawn(web::serve::serve(routes, listener, tls, stopped, grace));
        Ok(Self { rondo, address, engine, serving, stop, grace })
    }

    /// Takes no new call and no new batch, gives what is in flight its time, and closes the
    /// database. What the grace cuts off is resolved at the next start (RULES CHG-2).
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        let engine = tokio::time::timeout(self.grace, self.engine.stop());
        let (engine, served) = tokio::join!(engine, self.serving);
        if engine.is_err() {
            tracing::warn!(grace = ?self.grace, "work was still in flight when the grace was over");
        }
        self.rondo.store.close().await;
        served?.context("the port was lost")
    }

    /// Comes back when the port was lost by itself.
    pub async fn lost(&mut self) -> anyhow::Error {
        match (&mut self.serving).await {
            Ok(Ok(())) => anyhow!("the port was closed"),
            Ok(Err(error)) => anyhow::Error::new(error).context("the port was lost"),
            Err(error) => anyhow::Error::new(error).context("the server crashed"),
        }
    }
}

/// The ports, from a configuration that was checked.
pub async fn ports(config: &Config, store: Arc<dyn Store>) -> anyhow::Result<Rondo> {
    let engine = &config.engine;
    let restored = store.snapshot().await?.restored().await?;
    Ok(Rondo {
        clock: clock::of(store.as_ref()).await?,
        restored,
        store,
        mint: Arc::new(system_mint()),
        gateways: gateways(config)?,
        mailer: mailer(&config.smtp, size(engine.mails_in_flight))?,
        mail_from: sender(&config.smtp)?,
        words: Arc::new(words(config)?),
        links: Arc::new(config.link_key()?),
        public_url: config.public_url(),
        webhook_reach: match config.webhook_reach() {
            WebhookReach::Public => Reach::Public,
            WebhookReach::ThisMachine => Reach::ThisMachineToo,
            WebhookReach::Private => Reach::PrivateToo,
        },
        pace: Pace {
            batch: size(engine.batch),
            calls_in_flight: size(engine.calls_in_flight),
            mails_in_flight: size(engine.mails_in_flight),
            lease: engine.lease(),
            call_deadline: engine.call_deadline(),
            mail_lease: mail_lease(config.smtp.timeout()),
            mail_deadline: config.smtp.timeout(),
        },
    })
}

/// How long a batch of mails stays claimed when its worker dies: ten times what one of them may take,
/// since several may wait for a server that hangs; but no longer than by the longest patience that is
/// usual.
fn mail_lease(timeout: Duration) -> Duration {
    (timeout * 10).min(Pace::default().mail_lease)
}

fn words(config: &Config) -> anyhow::Result<Words> {
    match &config.mail_words {
        Some(folder) => mail::words::read(folder)
            .context("`mail_words` cannot be used: correct the file, or leave it out"),
        None => Ok(Words::new()),
    }
}

/// Says whose words nobody will read: most likely the name of a folder is wrong.
async fn warn_of_strangers(rondo: &Rondo) -> anyhow::Result<()> {
    let mut repo = rondo.store.snapshot().await?;
    for merchant in rondo.words.keys() {
        if repo.merchant(*merchant).await?.is_none() {
            tracing::warn!(%merchant, "`mail_words` has words for a merchant that does not exist");
        }
    }
    Ok(())
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn gateways(config: &Config) -> anyhow::Result<BTreeMap<String, Arc<dyn Gateway>>> {
    let longest = http::Timeouts::default();
    let total = config.engine.call_deadline();
    let connect = longest.connect.min(total);
    let client = http::client(http::Timeouts { connect, total })?;
    let connect = |(name, account)| -> anyhow::Result<_> {
        let name: &String = name;
        let gateway =
            gateway::connect(name, account, client.clone(), total).with_context(|| {
                format!("the gateway account `{name}` cannot be used: correct `gateways.{name}`")
            })?;
        Ok((name.clone(), gateway))
    };
    config.gateways.iter().map(connect).collect()
}

/// The address out of `Open Academy <billing@academy.example>`; mails bear the merchant's name.
fn sender(smtp: &Smtp) -> anyhow::Result<Address> {
    let Some(from) = &smtp.from else {
        // No mail leaves without a relay, and a relay without a sender is refused.
        return Ok("rondo@localhost".parse()?);
    };
    let bare = from.rsplit_once('<').map_or(from.as_str(), |(_, bare)| bare.trim_end_matches('>'));
    bare.trim().parse().context(
        "`smtp.from` holds no e-mail address; write it like Academy <billing@academy.example>",
    )
}

fn mailer(smtp: &Smtp, mails_in_flight: usize) -> anyhow::Result<Arc<dyn Mailer>> {
    let Some(host) = smtp.host.clone() else { return Ok(Arc::new(NoRelay)) };
    let config = SmtpConfig {
        host,
        port: smtp.port,
        tls: match smtp.tls {
            SmtpTls::None => transport::SmtpTls::None,
            SmtpTls::Starttls => transport::SmtpTls::Starttls,
            SmtpTls::Implicit => transport::SmtpTls::Implicit,
        },
        ca_pem: smtp.ca_pem.as_deref().map(tls::authorities).transpose()?,
        username: smtp.username.clone(),
        password: smtp.password.clone(),
        from: sender(smtp)?,
        timeout_seconds: smtp.timeout_seconds.into(),
        connections: mails_in_flight,
    };
    Ok(Arc::new(SmtpMailer::new(&config)?))
}

/// Stands where no relay is configured: each mail is kept for staff to send again later.
#[derive(Debug)]
struct NoRelay;

#[async_trait]
impl Mailer for NoRelay {
    async fn send(&self, _: &Outgoing) -> Result<Accepted, MailError> {
        let source = "no relay is configured: set `smtp.host`".into();
        Err(MailError::Temporary { fate: Fate::NotSent, source })
    }
}

fn routes(config: &Config, rondo: &Rondo, metrics: Metrics) -> anyhow::Result<Router> {
    let rate = |value: u32| {
        NonZeroU32::new(value).context("a rate limit must be at least 1: correct `rate_limit`")
    };
    let services = Services {
        rondo: Arc::new(rondo.clone()),
        calls_per_second: rate(config.rate_limit.calls_per_second)?,
        burst: rate(config.rate_limit.burst)?,
        reflection: config.reflection,
    };
    let asked = rondo.clone();
    let ready = move || {
        let rondo = asked.clone();
        async move { is_ready(&rondo).await }
    };
    Ok(grpc::routes(services)
        .merge(web::hooks::routes(rondo.clone()))
        .merge(web::pay::routes(rondo.clone(), config.rate_limit.pages_per_minute))
        .merge(web::assets::routes())
        .merge(web::health::routes(ready))
        .merge(web::metrics::routes(move || metrics.render())))
}

/// Whether the database answers.
async fn is_ready(rondo: &Rondo) -> Result<(), String> {
    rondo.is_ready().await.map_err(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
        "the database does not answer".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    };

    use super::*;
    use crate::{
        domain::ids::Mint,
        mail::{Envelope, Locale, Message, MessageKind, Overrides, catcher::Catcher, render},
    };

    #[tokio::test]
    async fn a_relay_is_believed_on_the_word_of_an_authority_that_is_configured() {
        let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key =
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key)
            .unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let catcher = Catcher::new().with_starttls(Arc::new(tls)).start(any, any).await.unwrap();
        let room = tempfile::tempdir().unwrap();
        let ca = room.path().join("ca.pem");
        std::fs::write(&ca, issued.cert.pem()).unwrap();

        let envelope = Envelope::sample(Locale::En);
        let message = &Message::samples(MessageKind::Receipt)[0];
        let rendered = render(message, &envelope, &Overrides::default()).unwrap();
        let now = "2027-02-28T12:00:00Z".parse().unwrap();
        let id = Mint::seeded([7; 32]).id(now);
        let mail = Outgoing::new(id, MessageKind::Receipt, rendered, &envelope, now).unwrap();
        let strict = Smtp {
            host: Some("localhost".into()),
            port: catcher.smtp_addr.port(),
            from: Some("billing@academy.example".into()),
            ..Smtp::default()
        };
        let trusting = Smtp { ca_pem: Some(ca), ..strict.clone() };
        mailer(&trusting, 1).unwrap().send(&mail).await.unwrap();
        assert!(mailer(&strict, 1).unwrap().send(&mail).await.is_err());
        assert_eq!(catcher.mails().len(), 1);
    }

    #[test]
    fn any_patience_with_a_relay_leaves_most_of_the_lease() {
        for seconds in [1, Smtp::default().timeout_seconds, Smtp::LONGEST_TIMEOUT] {
            let timeout = Duration::from_secs(seconds.into());
            assert!(timeout * 2 < mail_lease(timeout), "{seconds}");
        }
        assert_eq!(mail_lease(Smtp::default().timeout()), Pace::default().mail_lease);
    }
}
