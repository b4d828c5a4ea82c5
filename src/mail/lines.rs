//! The lines to the mail server: so many at once, kept open between mails.
//!
//! Not the library's own pool: that takes back a line whose conversation was given up half-way, and
//! the next mail would be told the answers meant for the last one, or end up inside it. Here a line
//! is kept only after a mail that went well; any other is closed when it is dropped.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lettre::{
    address::Envelope,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, TlsParameters},
        extension::ClientId,
        response::Response,
    },
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

/// How long an unused line is trusted: servers and firewalls drop silent ones without a word.
const KEPT: Duration = Duration::from_mins(1);

/// How the line to the server is protected, with what that needs.
pub enum Protection {
    /// Not at all.
    None,
    /// By STARTTLS, which must succeed.
    Starttls(TlsParameters),
    /// From the first byte.
    Implicit(TlsParameters),
}

/// Where the server is, and how one is let in.
pub struct Door {
    pub host: String,
    pub port: u16,
    pub protection: Protection,
    pub login: Option<Credentials>,
    /// How long opening a line may take.
    pub timeout: Duration,
}

/// All lines to one server.
pub struct Lines {
    door: Door,
    free: Semaphore,
    kept: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

/// A line that nobody else uses.
pub struct Line<'a> {
    talk: AsyncSmtpConnection,
    lines: &'a Lines,
    _one_of_them: SemaphorePermit<'a>,
}

impl Lines {
    /// Lines through `door`, at most `most` at once. Opens none yet.
    pub fn new(door: Door, most: usize) -> Self {
        Self { door, free: Semaphore::new(most.max(1)), kept: Mutex::default() }
    }

    /// A line to send one mail on: waits for its turn, and opens it if none is kept.
    pub async fn take(&self) -> Result<Line<'_>, Error> {
        let turn = self.free.acquire().await.expect("the semaphore is never closed");
        while let Some((mut talk, since)) = self.pop() {
            if since.elapsed() < KEPT && talk.test_connected().await {
                return Ok(Line { talk, lines: self, _one_of_them: turn });
            }
        }
        Ok(Line { talk: self.open().await?, lines: self, _one_of_them: turn })
    }

    fn pop(&self) -> Option<(AsyncSmtpConnection, Instant)> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, Error> {
        let Door { host, port, protection, login, timeout } = &self.door;
        let name = ClientId::default();
        let tls = match protection {
            Protection::Implicit(tls) => Some(tls.clone()),
            Protection::None | Protection::Starttls(_) => None,
        };
        let place = (host.as_str(), *port);
        let mut talk =
            AsyncSmtpConnection::connect_tokio1(place, Some(*timeout), &name, tls, None).await?;
        if let Protection::Starttls(tls) = protection {
            talk.starttls(tls.clone(), &name).await?;
        }
        if let Some(login) = login {
            talk.auth(DEFAULT_MECHANISMS, login).await?;
        }
        Ok(talk)
    }
}

impl Line<'_> {
    /// Hands one mail over. Given up before its end, the line is closed with it.
    pub async fn send(mut self, envelope: &Envelope, mail: &[u8]) -> Result<Response, Error> {
        let answer = self.talk.send(envelope, mail).await?;
        let mut kept = self.lines.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push((self.talk, Instant::now()));
        Ok(answer)
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Door { host, port, .. } = &self.door;
        write!(f, "Lines({host}:{port})")
    }
}
