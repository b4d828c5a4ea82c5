//! How mails leave: the port, and SMTP as the way out.
//!
//! A transport sends one mail once and says what came of it. It neither waits nor repeats: that is
//! the outbox's, with [`backoff`](super::backoff()).

use std::time::Duration;

use async_trait::async_trait;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    transport::smtp::{
        PoolConfig,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{
    address::Address,
    error::{Fate, MailError},
    outgoing::Outgoing,
};

/// What the server said when it took a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The mail's `Message-ID`, kept as evidence (RULES CAL-4).
    pub message_id: String,
    /// The server's own words, which often name the mail in its queue.
    pub answer: String,
}

/// A way out for mails.
#[async_trait]
pub trait Mailer: Send + Sync + std::fmt::Debug {
    /// Hands `mail` over, once.
    async fn send(&self, mail: &Outgoing) -> Result<Accepted, MailError>;
}

/// How the line to the mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// Not at all: for a server on this machine.
    None,
    /// By STARTTLS, which must succeed.
    #[default]
    Starttls,
    /// From the first byte.
    Implicit,
}

/// The mail server that everything goes through.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// Its name, which its certificate must bear.
    pub host: String,
    /// Its port: 587 for STARTTLS, 465 for implicit TLS.
    pub port: u16,
    /// How the line is protected.
    #[serde(default)]
    pub tls: SmtpTls,
    /// A certificate authority of your own, in PEM, besides the machine's.
    #[serde(default)]
    pub ca_pem: Option<String>,
    /// The account, if it wants one.
    #[serde(default)]
    pub username: Option<String>,
    /// The account's password.
    #[serde(default)]
    pub password: Option<SecretString>,
    /// The sender for merchants who have no address of their own.
    pub from: Address,
    /// How long handing one mail over may take, from the first byte to the last.
    #[serde(default = "half_a_minute")]
    pub timeout_seconds: u64,
    /// How many lines are open at most.
    #[serde(default = "four_lines")]
    pub connections: u32,
}

const fn half_a_minute() -> u64 {
    30
}

const fn four_lines() -> u32 {
    4
}

/// SMTP over a pool of kept lines.
#[derive(Debug)]
pub struct SmtpMailer {
    pool: AsyncSmtpTransport<Tokio1Executor>,
    timeout: Duration,
}

impl SmtpMailer {
    /// A mailer for `config`. Opens no line yet.
    pub fn new(config: &SmtpConfig) -> Result<Self, MailError> {
        let timeout = Duration::from_secs(config.timeout_seconds);
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .tls(match config.tls {
                SmtpTls::None => Tls::None,
                SmtpTls::Starttls => Tls::Required(tls_parameters(config)?),
                SmtpTls::Implicit => Tls::Wrapper(tls_parameters(config)?),
            })
            .timeout(Some(timeout))
            .pool_config(PoolConfig::new().max_size(config.connections));
        if let Some(username) = &config.username {
            let password =
                config.password.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
            builder = builder.credentials(Credentials::new(username.clone(), password.to_owned()));
        }
        Ok(Self { pool: builder.build(), timeout })
    }

    /// Whether the server greets us now; for `check-config`.
    pub async fn is_reachable(&self) -> Result<bool, MailError> {
        self.in_time(self.pool.test_connection()).await
    }

    /// The pool's own timeout covers the opening of a line only; a server that falls silent later
    /// would hold the mail for ever.
    async fn in_time<T>(
        &self,
        talk: impl Future<Output = Result<T, lettre::transport::smtp::Error>> + Send,
    ) -> Result<T, MailError> {
        tokio::time::timeout(self.timeout, talk)
            .await
            .map_err(|late| MailError::Temporary { fate: Fate::Unknown, source: late.into() })?
            .map_err(understood)
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Outgoing) -> Result<Accepted, MailError> {
        let answer = self.in_time(self.pool.send(mail.message()?)).await?;
        Ok(Accepted {
            message_id: mail.message_id().to_owned(),
            answer: answer.message().collect::<Vec<_>>().join(" "),
        })
    }
}

fn tls_parameters(config: &SmtpConfig) -> Result<TlsParameters, MailError> {
    let unusable = |error: lettre::transport::smtp::Error| MailError::Unauthorised {
        answer: format!("the TLS configuration cannot be used: {error}"),
    };
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(pem) = &config.ca_pem {
        let authority = Certificate::from_pem(pem.as_bytes()).map_err(unusable)?;
        builder = builder.add_root_certificate(authority);
    }
    builder.build().map_err(unusable)
}

fn understood(error: lettre::transport::smtp::Error) -> MailError {
    let answer = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    if error.is_tls() {
        return MailError::Unauthorised { answer };
    }
    let code = error.status().map(u16::from);
    match code {
        Some(code) if error.is_permanent() => refusal(code, answer),
        Some(_) => MailError::Temporary { fate: Fate::NotSent, source: error.into() },
        None => MailError::Temporary { fate: fate(&error), source: error.into() },
    }
}

/// What a 5xx answer is about. Codes of syntax and of authentication speak of us, as do enhanced
/// codes 5.5 (protocol) and 5.7 (policy); everything else speaks of the address or the mail.
fn refusal(code: u16, answer: String) -> MailError {
    let is_about_us = matches!(code, 500..=504 | 530 | 534 | 535 | 538 | 555)
        || answer.starts_with("5.5.")
        || answer.starts_with("5.7.");
    if is_about_us {
        MailError::Unauthorised { answer: format!("{code} {answer}") }
    } else {
        MailError::Permanent { code, answer }
    }
}

/// Only a line that never opened proves that the server has nothing.
fn fate(error: &lettre::transport::smtp::Error) -> Fate {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return match io.kind() {
                std::io::ErrorKind::ConnectionRefused
                | std::io::ErrorKind::HostUnreachable
                | std::io::ErrorKind::NetworkUnreachable
                | std::io::ErrorKind::AddrNotAvailable => Fate::NotSent,
                _ => Fate::Unknown,
            };
        }
        cause = inner.source();
    }
    Fate::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::error::Remedy;

    #[test]
    fn a_refusal_of_us_does_not_cost_the_address() {
        for (code, answer, remedy) in [
            (550, "5.1.1 no such user", Remedy::SuppressAddress),
            (554, "delivery failed", Remedy::SuppressAddress),
            (552, "5.2.2 mailbox full", Remedy::SuppressAddress),
            (535, "5.7.8 credentials", Remedy::TellStaff),
            (550, "5.7.1 relaying denied", Remedy::TellStaff),
            (503, "bad sequence", Remedy::TellStaff),
        ] {
            assert_eq!(refusal(code, answer.into()).remedy(), remedy, "{code} {answer}");
        }
    }
}
