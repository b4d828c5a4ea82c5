//! The mail catcher: a real SMTP server that keeps what it is given and shows it in a browser.
//!
//! It stands in for the outside world in the demo and in tests. It delivers nothing, believes any
//! password, and can be told to misbehave as real servers do. It is bound to what its caller gives
//! it, which should be loopback: whoever reaches its pages reads every mail.

mod fault;
mod pages;
mod shelf;
mod smtp;

use std::{collections::BTreeMap, fmt, io, net::SocketAddr, sync::Arc};

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use fault::{Fault, Verb};
pub use shelf::{CaughtMail, KEPT_MAX};

use fault::Mood;
use shelf::Shelf;
use smtp::LinesOpen;

/// A mail catcher that is about to start.
#[derive(Debug, Default)]
pub struct Catcher {
    tls: Option<Arc<ServerConfig>>,
    forgets_nothing: bool,
}

impl Catcher {
    /// A catcher that speaks plain SMTP.
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers STARTTLS with this certificate.
    #[must_use]
    pub fn with_starttls(self, tls: Arc<ServerConfig>) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Keeps all mails whole, however many come.
    #[must_use]
    pub fn that_forgets_nothing(self) -> Self {
        Self { forgets_nothing: true, ..self }
    }

    /// Listens for mails on `smtp` and for browsers on `http`; port 0 takes any free one.
    pub async fn start(self, smtp: SocketAddr, http: SocketAddr) -> io::Result<CatcherHandle> {
        let (smtp, http) = (TcpListener::bind(smtp).await?, TcpListener::bind(http).await?);
        let handle = CatcherHandle {
            smtp_addr: smtp.local_addr()?,
            http_addr: http.local_addr()?,
            shelf: Arc::new(Shelf::new(self.forgets_nothing)),
            mood: Arc::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            lines: Arc::default(),
        };
        let server = smtp::Server {
            shelf: handle.shelf.clone(),
            mood: handle.mood.clone(),
            tls: self.tls,
            stop: handle.stop.clone(),
            tasks: handle.tasks.clone(),
            lines: handle.lines.clone(),
        };
        handle.tasks.spawn(server.listen(smtp));
        let pages = pages::router(handle.shelf.clone());
        let stopped = handle.stop.clone().cancelled_owned();
        handle.tasks.spawn(async move {
            if let Err(error) = axum::serve(http, pages).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "the mail catcher's pages are gone");
            }
        });
        handle.tasks.close();
        Ok(handle)
    }
}

/// A running mail catcher. It stops when this is dropped.
pub struct CatcherHandle {
    /// Where it takes mails.
    pub smtp_addr: SocketAddr,
    /// Where it shows them.
    pub http_addr: SocketAddr,
    shelf: Arc<Shelf>,
    mood: Arc<Mood>,
    stop: CancellationToken,
    tasks: TaskTracker,
    lines: Arc<LinesOpen>,
}

impl CatcherHandle {
    /// The latest mails, at most [`KEPT_MAX`] unless it forgets nothing, in the order in which they came. A mail is here
    /// before its sender hears that it was accepted.
    pub fn mails(&self) -> Vec<Arc<CaughtMail>> {
        self.shelf.mails()
    }

    /// How many mails of each kind (`X-Rondo-Kind`) have come since the start, kept or not.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.shelf.counts()
    }

    /// How many lines were open at once, at most.
    pub fn most_lines(&self) -> usize {
        self.lines.most()
    }

    /// Behaves so from now on, on open lines too.
    pub fn misbehave(&self, fault: Fault) {
        self.mood.set(fault);
    }

    /// Stops listening, hangs up, and returns when both ports are free.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for CatcherHandle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for CatcherHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatcherHandle")
            .field("smtp_addr", &self.smtp_addr)
            .field("http_addr", &self.http_addr)
            .finish_non_exhaustive()
    }
}
