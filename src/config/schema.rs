//! What can be configured, with its defaults. The first paragraph of each field's documentation is
//! its row in `docs/configuration.md`.
//!
//! Plain values only: what they mean together is judged by [`super::check`].

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Unexpected, Visitor},
};
use thiserror::Error;
use url::Url;

use crate::{gateway::AccountConfig, security::links::LinkKey};

/// Everything that an operator can set.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The database: `sqlite:FILE`, or `postgres://USER:PASSWORD@HOST/NAME`.
    pub database_url: DatabaseUrl,
    /// The most connections that one process holds to Postgres. SQLite ignores it: one writer and
    /// four readers.
    pub database_connections: u32,
    /// How long `rondo serve` waits for a Postgres that does not answer when it starts, in seconds;
    /// 0 asks once. Other commands ask once.
    pub database_wait_seconds: u32,
    /// The address and port for gRPC and HTTP. Without `tls` it must be a loopback address.
    pub listen: SocketAddr,
    /// How members reach this server, for the links in mails, for example
    /// `https://pay.academy.example`. Unset: made from `listen`.
    pub public_url: Option<String>,
    /// How far webhooks to portals go: `public` (to public hosts, over TLS), `this_machine` (to
    /// loopback too) or `private` (to private and link-local addresses too). Unset: `this_machine`
    /// while `listen` and `public_url` are loopback, as in development, else `public`.
    pub webhook_reach: Option<WebhookReach>,
    /// The certificate to serve. Unset: plain HTTP, on loopback only.
    pub tls: Option<Tls>,
    /// The file that holds the secret key: 32 bytes in base64, which sign links and page tokens.
    /// `rondo init` makes one. All replicas need the same.
    pub secret_key_file: PathBuf,
    /// The secret key itself, in base64; then the file is not read.
    #[serde(skip_serializing)]
    pub secret_key: Option<SecretString>,
    /// A folder of merchants' own words for mails (docs/mail.md). Unset: ours everywhere.
    pub mail_words: Option<PathBuf>,
    /// How mails leave.
    pub smtp: Smtp,
    /// The accounts at payment gateways, by a name of your choice in lower case.
    #[serde(skip_serializing)]
    pub gateways: BTreeMap<String, AccountConfig>,
    /// The loops that bill.
    pub engine: Engine,
    /// What is logged, to standard error.
    pub log: Log,
    /// Whether gRPC reflection answers, for `grpcurl` and its like; off in production.
    #[serde(deserialize_with = "truth")]
    pub reflection: bool,
    /// How fast callers may call.
    pub rate_limit: RateLimit,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database_url: DatabaseUrl::new("sqlite:rondo.db"),
            database_connections: 10,
            database_wait_seconds: 30,
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            webhook_reach: None,
            tls: None,
            secret_key_file: PathBuf::from("rondo.key"),
            secret_key: None,
            mail_words: None,
            smtp: Smtp::default(),
            gateways: BTreeMap::new(),
            engine: Engine::default(),
            log: Log::default(),
            reflection: false,
            rate_limit: RateLimit::default(),
        }
    }
}

impl Config {
    /// How long `rondo serve` waits for a Postgres that does not answer when it starts.
    pub fn database_wait(&self) -> Duration {
        Duration::from_secs(self.database_wait_seconds.into())
    }

    /// How members reach this server, without a slash at the end.
    pub fn public_url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.public_url.as_deref().map_or_else(
            || format!("{scheme}://{}", self.listen),
            |url| url.trim_end_matches('/').to_owned(),
        )
    }

    /// How far webhooks to portals go. Behind a proxy on the same machine, `listen` is loopback and
    /// `public_url` is not: whoever calls comes from outside, and is not let in.
    pub fn webhook_reach(&self) -> WebhookReach {
        let members_come_from_here = Url::parse(&self.public_url()).is_ok_and(|url| {
            let host = url.host_str().unwrap_or_default();
            let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
            host == "localhost" || literal.is_ok_and(|ip| ip.is_loopback())
        });
        let is_at_home = self.listen.ip().is_loopback() && members_come_from_here;
        let unset = if is_at_home { WebhookReach::ThisMachine } else { WebhookReach::Public };
        self.webhook_reach.unwrap_or(unset)
    }

    /// The key that signs links and page tokens, from the configuration or its file.
    pub fn link_key(&self) -> Result<LinkKey, SecretKeyError> {
        let encoded = match &self.secret_key {
            Some(key) => key.clone(),
            None => std::fs::read_to_string(&self.secret_key_file)
                .map(SecretString::from)
                .map_err(|source| SecretKeyError::Unreadable {
                    path: self.secret_key_file.clone(),
                    source,
                })?,
        };
        BASE64_STANDARD
            .decode(encoded.expose_secret().trim())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(|secret| LinkKey::from_secret(&secret))
            .ok_or(SecretKeyError::Malformed)
    }
}

/// A truth value, or its name, as environment variables and flags have it; not what else may pass for
/// one, like `yes`.
fn truth<'de, D: Deserializer<'de>>(told: D) -> Result<bool, D::Error> {
    struct Truth;

    impl Visitor<'_> for Truth {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a boolean")
        }

        fn visit_bool<E: de::Error>(self, told: bool) -> Result<bool, E> {
            Ok(told)
        }

        fn visit_str<E: de::Error>(self, told: &str) -> Result<bool, E> {
            told.parse().map_err(|_| E::invalid_type(Unexpected::Str(told), &self))
        }
    }

    told.deserialize_any(Truth)
}

/// Why there is no secret key.
#[derive(Debug, Error)]
pub enum SecretKeyError {
    /// The file is missing or closed to us.
    #[error(
        "cannot read {}: put the old one back, as the links that are out work with it alone; `rondo \
         init` makes one for a new installation",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something else is in there.
    #[error("must be 32 bytes in base64, as from `openssl rand -base64 32`")]
    Malformed,
}

/// Where the database is. May hold a password, so it prints with the password hidden.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Takes a text as it is; [`super::check`] judges it.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The whole address, password included: for the driver alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query can hold a password too.
        let shown = self.0.split('?').next().unwrap_or_default();
        let Some((scheme, rest)) = shown.split_once("://") else {
            // Without a host in its place, nobody knows which part is the password.
            let hides_login = shown.contains('@');
            return f.write_str(if hides_login { "(not shown: it has no ://)" } else { shown });
        };
        match rest.rsplit_once('@') {
            None => f.write_str(shown),
            Some((login, place)) => {
                let user = login.split(':').next().unwrap_or_default();
                write!(f, "{scheme}://{user}:***@{place}")
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How far webhooks to portals go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookReach {
    /// To public hosts, over TLS alone.
    Public,
    /// To this machine too.
    ThisMachine,
    /// To private networks and link-local addresses too.
    Private,
}

/// The certificate to serve.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The PEM file of the certificate chain, the server's own first.
    pub cert: PathBuf,
    /// The PEM file of its private key.
    pub key: PathBuf,
}

/// How mails leave.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Smtp {
    /// The relay's name. Unset: mails wait in the outbox.
    pub host: Option<String>,
    /// The relay's port.
    pub port: u16,
    /// How the connection is protected: `starttls`, `implicit` (TLS from the first byte, mostly
    /// port 465) or `none` (loopback only).
    pub tls: SmtpTls,
    /// A PEM file of certificate authorities of your own that may vouch for the relay, besides the
    /// machine's.
    pub ca_pem: Option<PathBuf>,
    /// The login, if the relay wants one.
    pub username: Option<String>,
    /// The login's password.
    #[serde(skip_serializing)]
    pub password: Option<SecretString>,
    /// The sender of every mail, for example `Open Academy <billing@academy.example>`.
    pub from: Option<String>,
    /// How long handing one mail to the relay may take, in seconds. At most 120: no worker is still
    /// sending when another may take its mails over.
    pub timeout_seconds: u32,
}

impl Default for Smtp {
    fn default() -> Self {
        Self {
            host: None,
            port: 587,
            tls: SmtpTls::Starttls,
            ca_pem: None,
            username: None,
            password: None,
            from: None,
            timeout_seconds: 30,
        }
    }
}

impl Smtp {
    /// The longest that handing one mail over may be allowed to take, in seconds.
    pub const LONGEST_TIMEOUT: u32 = 120;

    /// How long handing one mail to the relay may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.into())
    }
}

/// How the connection to the mail relay is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// Not at all.
    None,
    /// Plain at first, then TLS or nothing.
    Starttls,
    /// TLS from the first byte.
    Implicit,
}

/// The loops that bill.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Engine {
    /// Objects of one kind that one turn claims and writes in one transaction.
    pub batch: u32,
    /// The longest that one call to a gateway may take, in seconds. What takes longer is unknown, and
    /// asked after.
    pub call_seconds: u32,
    /// How long claimed work stays claimed when its worker dies, in seconds. At least 5
    /// more than `engine.call_seconds`.
    pub lease_seconds: u32,
    /// How often the loops look for due work when nothing wakes them, in seconds.
    pub tick_seconds: u32,
    /// Gateway calls that may be open at once, over all accounts.
    pub calls_in_flight: u32,
    /// Mails that may be on their way at once, and so the lines that are open to the relay.
    pub mails_in_flight: u32,
    /// How long a stop waits for what is in flight, in seconds.
    pub shutdown_grace_seconds: u32,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            batch: 200,
            call_seconds: 25,
            lease_seconds: 30,
            tick_seconds: 5,
            calls_in_flight: 64,
            mails_in_flight: 8,
            shutdown_grace_seconds: 30,
        }
    }
}

impl Engine {
    /// How much longer a lease lasts at least than a call does, in seconds: what comes before and after
    /// the call takes its time too.
    pub const LEASE_BEYOND_CALL: u32 = 5;

    /// The longest that one call to a gateway may take.
    pub fn call_deadline(&self) -> Duration {
        Duration::from_secs(self.call_seconds.into())
    }

    /// How long claimed work stays claimed when its worker dies.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.into())
    }

    /// How often the loops look for due work when nothing wakes them.
    pub fn tick(&self) -> Duration {
        Duration::from_secs(self.tick_seconds.into())
    }

    /// How long a stop waits for what is in flight.
    pub fn shutdown_grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_grace_seconds.into())
    }
}

/// What is logged.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// How a line looks: `text` for people, `json` for machines. Times are UTC.
    pub format: LogFormat,
    /// Which lines: a level, or levels by module, for example `info,rondo::engine=debug`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info,tokio_cron_scheduler=warn".to_owned() }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// How fast callers may call (RULES RATE-1).
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimit {
    /// Calls a second that one API key may make for long.
    pub calls_per_second: u32,
    /// Calls that one API key may make at once, before the rate counts.
    pub burst: u32,
    /// Hosted pages that one address may open in a minute.
    pub pages_per_minute: u32,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { calls_per_second: 50, burst: 100, pages_per_minute: 60 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_url_never_shows_its_password() {
        for (url, shown) in [
            ("sqlite:rondo.db", "sqlite:rondo.db"),
            ("postgres://db.example/rondo", "postgres://db.example/rondo"),
            ("postgres://ana:s3cr@t@db.example/rondo", "postgres://ana:***@db.example/rondo"),
            ("postgres://db.example/rondo?password=s3cret", "postgres://db.example/rondo"),
        ] {
            assert_eq!(DatabaseUrl::new(url).to_string(), shown);
            assert_eq!(format!("{:?}", DatabaseUrl::new(url)), shown);
        }
    }

    #[test]
    fn the_public_url_follows_the_listening_address_until_it_is_set() {
        let mut config = Config::default();
        assert_eq!(config.public_url(), "http://127.0.0.1:8080");
        config.public_url = Some("https://pay.academy.example/".to_owned());
        assert_eq!(config.public_url(), "https://pay.academy.example");
    }

    #[test]
    fn webhooks_stay_out_of_the_network_unless_everything_is_at_home_or_it_is_allowed() {
        use WebhookReach::{Private, Public, ThisMachine};
        for (listen, public_url, set, expected) in [
            ("127.0.0.1:8080", None, None, ThisMachine),
            ("[::1]:8080", None, None, ThisMachine),
            ("127.0.0.1:8080", Some("http://localhost:3000"), None, ThisMachine),
            ("127.0.0.1:8080", Some("https://pay.academy.example"), None, Public),
            ("0.0.0.0:8080", None, None, Public),
            ("0.0.0.0:8080", Some("https://localhost"), None, Public),
            ("0.0.0.0:8080", None, Some(Private), Private),
            ("127.0.0.1:8080", None, Some(Public), Public),
        ] {
            let config = Config {
                listen: listen.parse().unwrap(),
                public_url: public_url.map(ToOwned::to_owned),
                webhook_reach: set,
                ..Config::default()
            };
            assert_eq!(config.webhook_reach(), expected, "{listen} {public_url:?}");
        }
    }

    #[test]
    fn a_secret_key_of_another_length_is_refused() {
        let short = Config { secret_key: Some("c2hvcnQ=".into()), ..Config::default() };
        assert!(matches!(short.link_key(), Err(SecretKeyError::Malformed)));
        let exact = BASE64_STANDARD.encode([7; 32]);
        let whole = Config { secret_key: Some(exact.into()), ..Config::default() };
        assert!(whole.link_key().is_ok());
    }
}
