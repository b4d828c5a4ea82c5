//! Webhooks out: signed, late, sometimes twice, in no order, and tried again when refused.
//!
//! Lateness and doubling follow from the seed and the event's id. Deliveries live in memory: what a
//! crash or a full queue loses is lost, as with real gateways (RULES WIN-7).

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream::FuturesUnordered};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Clock, chance::Chance};
use crate::gateway::http;

/// One event, to be told.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub id: String,
    pub body: String,
}

/// Where webhooks go, and how.
#[derive(Debug, Clone)]
pub struct WebhookOptions {
    /// The address that takes them.
    pub url: String,
    /// What they are signed with.
    pub secret: SecretString,
    /// The most that a delivery is late; each is late by its own part of it.
    pub max_delay: Duration,
}

const WAITING: usize = 10_000;
const OPEN: usize = 64;
const TRIES: u32 = 5;
/// One event in so many is delivered twice.
const TWICE_IN: u64 = 3;

/// The way to the courier.
#[derive(Debug, Clone)]
pub(super) struct Post(mpsc::Sender<Event>);

impl Post {
    /// Hands events to the courier; with the queue full they are lost.
    pub fn send(&self, events: Vec<Event>) {
        for event in events {
            if self.0.try_send(event).is_err() {
                tracing::debug!("the sandbox loses a webhook: its queue is full");
            }
        }
    }
}

/// Delivers events, each in its own time.
#[derive(Debug)]
pub(super) struct Courier {
    options: WebhookOptions,
    client: reqwest::Client,
    key: hmac::Key,
    chance: Chance,
    clock: Clock,
}

impl Courier {
    /// Starts a courier; it ends when nobody is left who could send and all is delivered or given
    /// up, or with the runtime.
    pub fn start(
        options: WebhookOptions,
        chance: Chance,
        clock: Clock,
    ) -> reqwest::Result<(Post, JoinHandle<()>)> {
        let (post, queue) = mpsc::channel(WAITING);
        let client = http::client(http::Timeouts::default())?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, options.secret.expose_secret().as_bytes());
        let courier = Arc::new(Self { options, client, key, chance, clock });
        Ok((Post(post), tokio::spawn(courier.run(queue))))
    }

    async fn run(self: Arc<Self>, mut queue: mpsc::Receiver<Event>) {
        let mut open = FuturesUnordered::new();
        loop {
            tokio::select! {
                event = queue.recv(), if open.len() < OPEN => match event {
                    Some(event) => open.push(Arc::clone(&self).deliver(event)),
                    None => break,
                },
                Some(()) = open.next() => {}
            }
        }
        while open.next().await.is_some() {}
    }

    async fn deliver(self: Arc<Self>, event: Event) {
        let times = if self.chance.below(TWICE_IN, "twice", &[&event.id]) == 0 { 2 } else { 1 };
        let most = u64::try_from(self.options.max_delay.as_millis()).unwrap_or(u64::MAX);
        for time in ["first", "again"].iter().take(times) {
            let late_ms = self.chance.below(most.saturating_add(1), "late", &[&event.id, time]);
            tokio::time::sleep(Duration::from_millis(late_ms)).await;
            self.deliver_once(&event).await;
        }
    }

    async fn deliver_once(&self, event: &Event) {
        for attempt in 0..TRIES {
            let sent = self
                .client
                .post(&self.options.url)
                .header("content-type", "application/json")
                .header("sandbox-signature", self.signature(&event.body, self.clock.now()))
                .body(event.body.clone())
                .send()
                .await;
            if sent.is_ok_and(|response| response.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1 << attempt)).await;
        }
        tracing::debug!(event = event.id, "the sandbox gives a webhook up");
    }

    fn signature(&self, body: &str, now: DateTime<Utc>) -> String {
        let at = now.timestamp();
        let tag = hmac::sign(&self.key, format!("{at}.{body}").as_bytes());
        format!("t={at},v1={}", hex::encode(tag))
    }
}
