//! What is wrong with a configuration that can be read: for `rondo check-config`, and before
//! `rondo serve` opens its port.
//!
//! Looks at values and at the files that they name. It never calls a gateway, a relay or a database.

use std::{fmt, net::IpAddr, ops::RangeInclusive};

use axum::http::Uri;
use secrecy::ExposeSecret;
use tracing_subscriber::EnvFilter;

use super::{Config, Engine, Loaded, Origin, Origins, Smtp, SmtpTls};
use crate::{
    gateway::{AccountConfig, GatewayKind, stripe},
    mail,
    security::tls,
};

/// One remark on a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether Rondo can start.
    pub severity: Severity,
    /// Who set it, or what is around it: there the operator must look.
    pub origin: Origin,
    /// The key, with dots.
    pub key: String,
    /// What is wrong and what would be right; never the value of a secret.
    pub message: String,
}

impl Finding {
    /// Whether Rondo refuses to start for it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Rondo starts, but something will not work as one may think.
    Warning,
    /// Rondo refuses to start.
    Error,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, key, message, .. } = self;
        match origin {
            Origin::Default => write!(f, "`{key}` {message}"),
            origin => write!(f, "{origin}: `{key}` {message}"),
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Everything that is wrong: the file line by line, then the environment, flags, and what nobody set.
/// Empty: nothing to say.
pub fn check(loaded: &Loaded) -> Vec<Finding> {
    let Loaded { config, origins } = loaded;
    let mut findings = Findings { origins, all: Vec::new() };
    database(config, &mut findings);
    server(config, &mut findings);
    secret_key(config, &mut findings);
    mail_words(config, &mut findings);
    smtp(config, &mut findings);
    gateways(config, &mut findings);
    engine(config, &mut findings);
    if let Err(problem) = EnvFilter::try_new(&config.log.filter) {
        findings.error("log.filter", format!("is no filter: {problem}"));
    } else if let Some(word) = no_level(&config.log.filter) {
        let message = format!(
            "must name a level alone, like `info`, or a part and its level, like `rondo=debug`: \
             `{word}` would show nothing"
        );
        findings.error("log.filter", message);
    }
    let limits = &config.rate_limit;
    findings.positive("rate_limit.calls_per_second", limits.calls_per_second);
    findings.positive("rate_limit.burst", limits.burst);
    findings.positive("rate_limit.pages_per_minute", limits.pages_per_minute);
    in_order(findings.all)
}

/// A word of a log filter that stands alone and is no level: it would be taken for a part of the program, of
/// which all is shown, and nothing of the rest.
fn no_level(filter: &str) -> Option<&str> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let words = filter.split(',').map(str::trim).filter(|word| !word.is_empty());
    let mut alone = words.filter(|word| !word.contains(['=', '[', ':']));
    alone.find(|word| !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word)))
}

/// Everything that is wrong where some settings are `unread`. Of the rest, findings that would only
/// repeat what was told, or that rest on a value nobody knows, are left out.
pub(super) fn check_with(unread: Vec<Finding>, rest: Option<&Loaded>) -> Vec<Finding> {
    let mut findings = rest.map(check).unwrap_or_default();
    findings.retain(|finding| !unread.iter().any(|unread| rests_on(&finding.key, &unread.key)));
    in_order([unread, findings].concat())
}

/// As an operator reads the sources, from the top of the file.
fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|one, other| one.origin.cmp(&other.origin));
    findings
}

/// The first error, and how many more there are.
pub(super) fn shortly(findings: &[Finding]) -> String {
    let mut errors = findings.iter().filter(|finding| finding.is_error());
    match (errors.next(), errors.count()) {
        (None, _) => "the settings cannot be read".to_owned(),
        (Some(only), 0) => only.to_string(),
        (Some(first), more) => {
            format!("{first} (and {more} more: `rondo check-config` shows all)")
        }
    }
}

/// Whether a finding about `key` may come from `unread` alone: the same, around it or within it, or
/// judged together with it.
fn rests_on(key: &str, unread: &str) -> bool {
    let holds = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let is_of_tls = holds("tls", unread) && ["listen", "public_url"].contains(&key);
    let is_of_address = unread == "listen" && key == "public_url";
    let is_of_key = unread == "secret_key" && key == "secret_key_file";
    let is_of_kind = unread.strip_suffix(".kind").is_some_and(|account| holds(account, key));
    let is_of_call = unread == "engine.call_seconds"
        && ["engine.lease_seconds", "engine.shutdown_grace_seconds"].contains(&key);
    holds(key, unread)
        || holds(unread, key)
        || is_of_call
        || is_of_tls
        || is_of_address
        || is_of_key
        || is_of_kind
}

/// Which whole numbers may stand at `key`.
pub(super) fn range(key: &str) -> RangeInclusive<u32> {
    match key {
        "database_wait_seconds" | "engine.shutdown_grace_seconds" => 0..=u32::MAX,
        "engine.lease_seconds" => SHORTEST_LEASE..=u32::MAX,
        "engine.call_seconds" => 1..=LONGEST_CALL,
        "smtp.timeout_seconds" => 1..=Smtp::LONGEST_TIMEOUT,
        _ => 1..=u32::MAX,
    }
}

/// The longest that a call to a gateway may be allowed to take, in seconds: none answers after that.
const LONGEST_CALL: u32 = 600;

/// The shortest that claimed work may stay claimed, in seconds, however quick the calls are.
const SHORTEST_LEASE: u32 = 1 + Engine::LEASE_BEYOND_CALL;

struct Findings<'a> {
    origins: &'a Origins,
    all: Vec<Finding>,
}

impl Findings<'_> {
    fn error(&mut self, key: &str, message: impl Into<String>) {
        self.add(Severity::Error, key, message.into());
    }

    fn warning(&mut self, key: &str, message: impl Into<String>) {
        self.add(Severity::Warning, key, message.into());
    }

    fn add(&mut self, severity: Severity, key: &str, message: String) {
        let (origin, key) = (self.origins.of(key), key.to_owned());
        self.all.push(Finding { severity, origin, key, message });
    }

    fn positive(&mut self, key: &str, value: u32) {
        if value == 0 {
            self.error(key, "must be at least 1");
        }
    }
}

fn database(config: &Config, findings: &mut Findings) {
    let url = config.database_url.expose();
    let server = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
    match (url.strip_prefix("sqlite:"), server) {
        (Some(""), _) => findings.error("database_url", "must name a file, like sqlite:rondo.db"),
        (_, Some("")) => {
            findings.error("database_url", "must name a host, like postgres://rondo@db/rondo");
        }
        (Some(_), _) | (_, Some(_)) => {}
        (None, None) => {
            findings.error("database_url", "must begin with `sqlite:` or `postgres://`");
        }
    }
    findings.positive("database_connections", config.database_connections);
}

fn server(config: &Config, findings: &mut Findings) {
    if config.tls.is_none() && !config.listen.ip().is_loopback() {
        findings.error(
            "listen",
            "is reachable from outside, and without TLS configured Rondo listens on loopback only: \
             set `tls.cert` and `tls.key`, or listen on 127.0.0.1 behind a proxy",
        );
    }
    if let Some(url) = &config.public_url {
        match web_address(url) {
            None => findings.error("public_url", "must be like https://pay.academy.example"),
            Some(_) if url.contains(['?', '#']) => findings.error(
                "public_url",
                "must be without `?` and `#`: what follows them is no part of a page's address",
            ),
            Some(address) if address.travels_in_the_clear() => findings
                .warning("public_url", "begins with http: payment links would travel in the clear"),
            Some(_) => {}
        }
    } else if mails_leave(&config.smtp) || config.listen.ip().is_unspecified() {
        findings.warning(
            "public_url",
            format!("should be set: no member can open a link to {}", config.public_url()),
        );
    }
    if let Some(files) = &config.tls
        && let Err(problem) = tls::server_config(&files.cert, &files.key)
    {
        findings.error("tls", problem.to_string());
    }
}

fn secret_key(config: &Config, findings: &mut Findings) {
    let key = if config.secret_key.is_some() { "secret_key" } else { "secret_key_file" };
    if let Err(problem) = config.link_key() {
        findings.error(key, problem.to_string());
    }
}

fn mail_words(config: &Config, findings: &mut Findings) {
    if let Some(folder) = &config.mail_words
        && let Err(problem) = mail::words::read(folder)
    {
        for fault in problem.faults() {
            findings.error("mail_words", format!("cannot be used: {fault}"));
        }
    }
}

fn smtp(config: &Config, findings: &mut Findings) {
    let smtp = &config.smtp;
    let login = smtp.username.is_some() || smtp.password.is_some();
    match &smtp.host {
        None if login || smtp.from.is_some() => {
            findings.error("smtp.host", "is missing, although other settings of `smtp` are there");
        }
        None => findings.warning("smtp.host", "is not set: mails wait in the outbox"),
        Some(host) => {
            if smtp.tls == SmtpTls::None && !is_loopback(host) {
                findings.error("smtp.tls", "may be `none` for a relay on this machine only");
            }
            if smtp.from.is_none() {
                findings.error("smtp.from", "is missing: every mail needs a sender");
            }
        }
    }
    if smtp.username.is_some() != smtp.password.is_some() {
        let missing = if smtp.password.is_some() { "smtp.username" } else { "smtp.password" };
        findings.error(missing, "is missing: a login is a user name and a password");
    }
    if smtp.from.as_ref().is_some_and(|from| !from.contains('@')) {
        findings.error("smtp.from", "must be like Open Academy <billing@academy.example>");
    }
    if let Some(path) = &smtp.ca_pem {
        if let Err(problem) = tls::authorities(path) {
            findings.error("smtp.ca_pem", problem.to_string());
        } else if smtp.tls == SmtpTls::None {
            findings.warning("smtp.ca_pem", "is not looked at: `smtp.tls` is `none`");
        }
    }
    findings.positive("smtp.port", smtp.port.into());
    findings.positive("smtp.timeout_seconds", smtp.timeout_seconds);
    if smtp.timeout_seconds > Smtp::LONGEST_TIMEOUT {
        findings.error(
            "smtp.timeout_seconds",
            format!(
                "must be at most {}: another worker would take a mail over while it is still being \
                 sent; a healthy relay answers within 30",
                Smtp::LONGEST_TIMEOUT
            ),
        );
    }
}

/// Whether mails reach anybody but a catcher on this machine.
fn mails_leave(smtp: &Smtp) -> bool {
    smtp.host.as_ref().is_some_and(|host| !is_loopback(host))
}

fn gateways(config: &Config, findings: &mut Findings) {
    if config.gateways.is_empty() {
        findings.warning("gateways", "is empty: nothing can be charged");
    }
    for (name, account) in &config.gateways {
        gateway(name, account, findings);
    }
}

fn gateway(name: &str, account: &AccountConfig, findings: &mut Findings) {
    let key = |field: &str| format!("gateways.{name}.{field}");
    // The name stands in the address that the gateway sends its webhooks to.
    let is_plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    if name.is_empty() || !name.bytes().all(|letter| is_plain(letter) || b"_-".contains(&letter)) {
        findings.error(
            &format!("gateways.{name}"),
            "must be named with lower-case letters, digits, `-` and `_` alone",
        );
    }
    if account.kind == GatewayKind::Sandbox && account.base_url.is_none() {
        findings.error(
            &key("base_url"),
            "is missing: a sandbox has no public address; `rondo sandbox` tells its own",
        );
    }
    if let Some(url) = &account.base_url {
        match web_address(url) {
            None => findings.error(&key("base_url"), "must be like https://api.stripe.com"),
            Some(address) if address.travels_in_the_clear() => findings
                .error(&key("base_url"), "must begin with https: the secret key travels with it"),
            Some(_) => {}
        }
    }
    match (account.secret_key.expose_secret().trim(), account.kind) {
        ("", _) => findings.error(&key("secret_key"), "is empty"),
        (_, GatewayKind::Sandbox) => {}
        (secret, GatewayKind::Stripe) => match stripe::is_live(secret) {
            None => findings.error(
                &key("secret_key"),
                "is no secret key of Stripe's: one begins with `sk_live_`, `sk_test_`, `rk_live_` or \
                 `rk_test_` (publishable keys, `pk_…`, cannot charge)",
            ),
            Some(false) => findings.warning(
                &key("secret_key"),
                "is a test key: Stripe moves no money, and Rondo takes invoices for paid all the same",
            ),
            Some(true) => {}
        },
    }
    if account.webhook_secrets.is_empty() {
        findings.warning(
            &key("webhook_secrets"),
            "is empty: no webhook can be verified, so outcomes are learned by asking alone",
        );
    }
    findings.positive(&key("calls_per_second"), account.calls_per_second);
    findings.positive(&key("calls_in_flight"), account.calls_in_flight);
}

fn engine(config: &Config, findings: &mut Findings) {
    let engine = &config.engine;
    for (key, value) in [
        ("engine.batch", engine.batch),
        ("engine.call_seconds", engine.call_seconds),
        ("engine.tick_seconds", engine.tick_seconds),
        ("engine.calls_in_flight", engine.calls_in_flight),
        ("engine.mails_in_flight", engine.mails_in_flight),
    ] {
        findings.positive(key, value);
    }
    let call = engine.call_seconds;
    if call > LONGEST_CALL {
        findings.error("engine.call_seconds", format!("must be at most {LONGEST_CALL}"));
    }
    let shortest = call.saturating_add(Engine::LEASE_BEYOND_CALL);
    if engine.lease_seconds < shortest {
        findings.error(
            "engine.lease_seconds",
            format!("must be at least {shortest}: a gateway's answer may take {call}"),
        );
    }
    if engine.shutdown_grace_seconds < call {
        findings.warning(
            "engine.shutdown_grace_seconds",
            format!(
                "is shorter than a gateway's slowest answer ({call}): a stop may leave charges to \
                 resolve"
            ),
        );
    }
}

struct WebAddress {
    is_https: bool,
    host: String,
}

impl WebAddress {
    fn travels_in_the_clear(&self) -> bool {
        !self.is_https && !is_loopback(&self.host)
    }
}

fn web_address(url: &str) -> Option<WebAddress> {
    let uri: Uri = url.parse().ok()?;
    let is_https = match uri.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let host = uri.host().filter(|host| !host.is_empty())?.to_owned();
    Some(WebAddress { is_https, host })
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
