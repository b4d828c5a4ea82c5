//! Where every call passes: who may come in, how fast, and what may be said when.
//!
//! Nothing is answered before the ledger holds it, and nothing is told by webhook before that.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use ring::digest::{SHA256, digest};
use secrecy::ExposeSecret;
use serde::{Deserialize, de::DeserializeOwned};
use subtle::ConstantTimeEq;

use super::{
    SandboxOptions,
    book::{Answered, Sent},
    ledger::{DiskFailed, Ledger, Pen},
    webhooks::Post,
    wire::{Refusal, Wire},
};

/// The server's shared state.
#[derive(Debug)]
pub(super) struct Desk {
    pub wire: Wire,
    options: SandboxOptions,
    ledger: Arc<Ledger>,
    post: Option<Post>,
    /// The keys whose first call is being answered.
    busy: Mutex<HashSet<String>>,
    manners: Mutex<Manners>,
    pace: Mutex<Pace>,
}

/// How the sandbox behaves, told by `POST /control`.
#[derive(Debug, Clone, Copy, Default)]
struct Manners {
    is_down: bool,
    ignores_keys: bool,
}

/// What `POST /control` may say; what it leaves out stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Control {
    /// Answer every call with 503, and do nothing.
    pub outage: Option<bool>,
    /// Execute every call anew, whatever its key.
    pub ignore_keys: Option<bool>,
    /// Forget all keys known now.
    #[serde(default)]
    pub forget_keys: bool,
}

/// When the next call may come: the generic cell rate algorithm on the sandbox's own clock.
#[derive(Debug, Default)]
struct Pace {
    free_at: Option<DateTime<Utc>>,
    calls: u64,
}

/// One order that came with a key.
#[derive(Debug)]
pub(super) struct Call<T> {
    pub sent: Sent,
    pub order: T,
}

impl<T: DeserializeOwned> Call<T> {
    /// Reads the key and the order. `what` keeps orders of different kinds apart under one key.
    pub fn read(what: &str, headers: &HeaderMap, body: &Bytes) -> Result<Self, Refusal> {
        let key = headers
            .get("idempotency-key")
            .and_then(|key| key.to_str().ok())
            .filter(|key| (1..=255).contains(&key.len()))
            .ok_or(Refusal::Invalid("an idempotency-key of 1 to 255 characters is missing"))?;
        let order = serde_json::from_slice(body)
            .map_err(|_| Refusal::Invalid("the body is not the order that this call takes"))?;
        let whole = [what.as_bytes(), b"\n", body].concat();
        let digest = hex::encode(&digest(&SHA256, &whole).as_ref()[..8]);
        Ok(Self { sent: Sent { key: key.to_owned(), digest }, order })
    }
}

/// Marks a key as being answered, until dropped.
pub(super) struct Busy<'a> {
    desk: &'a Desk,
    key: &'a str,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        locked(&self.desk.busy).remove(self.key);
    }
}

impl Desk {
    /// A desk over an open ledger.
    pub fn new(
        options: SandboxOptions,
        ledger: Arc<Ledger>,
        wire: Wire,
        post: Option<Post>,
    ) -> Self {
        Self {
            wire,
            options,
            ledger,
            post,
            busy: Mutex::default(),
            manners: Mutex::default(),
            pace: Mutex::default(),
        }
    }

    /// Runs `work` on the book, and comes back when all that it saw and wrote is on the disk.
    pub async fn commit<T>(&self, work: impl FnOnce(&mut Pen) -> T) -> Result<T, Refusal> {
        let (answer, position, events) = self.ledger.with(&self.wire, work);
        self.ledger.settled(position).await.map_err(|DiskFailed| Refusal::Failed)?;
        if let Some(post) = &self.post {
            post.send(events);
        }
        Ok(answer)
    }

    /// The time.
    pub fn now(&self) -> DateTime<Utc> {
        self.options.clock.now()
    }

    /// Takes a key for the length of one answer.
    pub fn occupy<'a>(&'a self, key: &'a str) -> Result<Busy<'a>, Refusal> {
        if !locked(&self.busy).insert(key.to_owned()) {
            return Err(Refusal::KeyInUse);
        }
        Ok(Busy { desk: self, key })
    }

    /// The first answer to this order, if its key is known and still lives.
    pub fn answered(&self, pen: &mut Pen, sent: &Sent) -> Result<Option<Answered>, Refusal> {
        if locked(&self.manners).ignores_keys {
            return Ok(None);
        }
        let Some(first) = pen.book().answered(&sent.key).cloned() else { return Ok(None) };
        let age = (self.now() - first.at).to_std().unwrap_or_default();
        if age >= self.options.key_ttl {
            pen.book_mut().forget_key(&sent.key);
            return Ok(None);
        }
        if first.digest != sent.digest {
            return Err(Refusal::KeyReused);
        }
        Ok(Some(first))
    }

    /// Waits so long, at the speed that the options set.
    pub async fn linger(&self, delay_ms: u64) {
        let scaled = delay_ms * u64::from(self.options.latency_percent) / 100;
        if scaled > 0 {
            tokio::time::sleep(Duration::from_millis(scaled)).await;
        }
    }

    /// Changes how the sandbox behaves from now on.
    pub async fn behave(&self, control: Control) -> Result<(), Refusal> {
        {
            let mut manners = locked(&self.manners);
            manners.is_down = control.outage.unwrap_or(manners.is_down);
            manners.ignores_keys = control.ignore_keys.unwrap_or(manners.ignores_keys);
        }
        if control.forget_keys {
            self.commit(|pen| pen.book_mut().forget_keys()).await?;
        }
        Ok(())
    }

    /// The key that a call shows, compared without telling how much of it is right.
    fn knows(&self, headers: &HeaderMap) -> bool {
        headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .is_some_and(|shown| {
                let key = self.options.secret_key.expose_secret();
                shown.as_bytes().ct_eq(key.as_bytes()).into()
            })
    }

    /// Counts a call of the API; its number, or how long to wait.
    fn pace(&self) -> Result<u64, Refusal> {
        let mut pace = locked(&self.pace);
        if let Some(rate) = self.options.calls_per_second {
            let now = self.now();
            let free_at = pace.free_at.unwrap_or(now).max(now);
            // A second's worth may come at once.
            if free_at - now >= TimeDelta::seconds(1) {
                return Err(Refusal::TooFast { retry_after_s: 1 });
            }
            let interval_us = 1_000_000 / i64::from(rate.max(1));
            pace.free_at = Some(free_at + TimeDelta::microseconds(interval_us));
        }
        pace.calls += 1;
        Ok(pace.calls)
    }
}

/// Lets a call in: the right key, not too fast, and the sandbox up. The witness and the control
/// answer during an outage too.
pub(super) async fn admit(
    State(desk): State<Arc<Desk>>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if !desk.knows(request.headers()) {
        return Err(Refusal::Unauthorised);
    }
    if !request.uri().path().starts_with("/v1/") {
        return Ok(next.run(request).await);
    }
    if locked(&desk.manners).is_down {
        return Err(Refusal::Down);
    }
    let number = desk.pace()?;
    desk.linger(desk.wire.chance.below(3, "latency", &[&number.to_string()])).await;
    Ok(next.run(request).await.into_response())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics under the desk's locks")
}
