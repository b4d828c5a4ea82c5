//! How mails leave: the port, and SMTP as the way out.
//!
//! A transport sends one mail once and says what came of it. It neither waits nor repeats: that is
//! the outbox's, with [`backoff`](super::backoff()).

use std::time::Duration;

use async_trait::async_trait;
use lettre::transport::smtp::{
    authentication::Credentials,
    client::{Certificate, TlsParameters},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::{
    address::Address,
    error::{Fate, MailError},
    lines::{Door, Lines, Protection},
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
    /// How long handing one mail over may take, from waiting for a line to the last answer.
    #[serde(default = "half_a_minute")]
    pub timeout_seconds: u64,
    /// How many lines are open at once; a mail that comes when all are taken waits for its turn.
    #[serde(default = "four_lines")]
    pub connections: usize,
}

const fn half_a_minute() -> u64 {
    30
}

const fn four_lines() -> usize {
    4
}

/// SMTP over lines that are kept open.
#[derive(Debug)]
pub struct SmtpMailer {
    lines: Lines,
    timeout: Duration,
}

impl SmtpMailer {
    /// A mailer for `config`. Opens no line yet.
    pub fn new(config: &SmtpConfig) -> Result<Self, MailError> {
        let timeout = Duration::from_secs(config.timeout_seconds);
        let login = config.username.as_ref().map(|username| {
            let password =
                config.password.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
            Credentials::new(username.clone(), password.to_owned())
        });
        let door = Door {
            host: config.host.clone(),
            port: config.port,
            protection: match config.tls {
                SmtpTls::None => Protection::None,
                SmtpTls::Starttls => Protection::Starttls(tls_parameters(config)?),
                SmtpTls::Implicit => Protection::Implicit(tls_parameters(config)?),
            },
            login,
            timeout,
        };
        Ok(Self { lines: Lines::new(door, config.connections), timeout })
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Outgoing) -> Result<Accepted, MailError> {
        let message = mail.message()?;
        let deadline = Instant::now() + self.timeout;
        let late = |fate| {
            move |late: tokio::time::error::Elapsed| MailError::Temporary {
                fate,
                source: late.into(),
            }
        };
        // Nothing of the mail leaves before its line is open.
        let line = timeout_at(deadline, self.lines.take())
            .await
            .map_err(late(Fate::NotSent))?
            .map_err(|error| understood(error, Fate::NotSent))?;
        let content = message.formatted();
        let answer = timeout_at(deadline, line.send(message.envelope(), &content))
            .await
            .map_err(late(Fate::Unknown))?
            .map_err(|error| understood(error, Fate::Unknown))?;
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

/// What went wrong; `silence` is what became of the mail if the server gave no answer to it.
fn understood(error: lettre::transport::smtp::Error, silence: Fate) -> MailError {
    let answer = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    // What the library refuses to do by itself: no STARTTLS there, no way to log in.
    if error.is_tls() || error.is_client() {
        return MailError::Unauthorised { answer };
    }
    let code = error.status().map(u16::from);
    match code {
        Some(code) if error.is_permanent() => refusal(code, answer),
        Some(_) => MailError::Temporary { fate: Fate::NotSent, source: error.into() },
        None => MailError::Temporary { fate: silence, source: error.into() },
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
