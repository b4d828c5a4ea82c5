//! What befalls a replica of Rondo, and where: it is killed or stopped at a point that was named, or
//! anywhere.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};

use super::process::{Process, Signal};

/// Where a replica is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// It has called the gateway, which has not heard of it yet.
    BeforeSend,
    /// The gateway has answered, and it has not heard of that yet.
    BeforeRecord,
    /// It wants to commit what it wrote, and the database has not heard of it yet.
    BeforeCommit,
    /// The database has committed, and it has not heard of that yet.
    AfterCommit,
    /// Wherever it happens to be.
    Anywhere,
}

impl Point {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeSend => "before_send",
            Self::BeforeRecord => "before_record",
            Self::BeforeCommit => "before_commit",
            Self::AfterCommit => "after_commit",
            Self::Anywhere => "anywhere",
        }
    }
}

/// What befalls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// `kill -9`.
    Kill,
    /// `SIGSTOP`, until its leases are over, and then `SIGCONT`.
    Pause,
}

impl Deed {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
        }
    }
}

/// Whether what was on its way goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It does.
    On,
    /// Its caller is dead: it is not passed on.
    Over,
}

/// How often which misfortune came about, over all replicas.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<(Deed, Point), u64>>);

impl Tally {
    fn add(&self, deed: Deed, point: Point) {
        *self.counts().entry((deed, point)).or_default() += 1;
    }

    /// How often `deed` came about at `point`.
    pub fn count(&self, deed: Deed, point: Point) -> u64 {
        self.counts().get(&(deed, point)).copied().unwrap_or_default()
    }

    /// How often `deed` came about.
    pub fn sum(&self, deed: Deed) -> u64 {
        let counts = self.counts();
        counts.iter().filter(|((known, _), _)| *known == deed).map(|(_, count)| count).sum()
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<(Deed, Point), u64>> {
        self.0.lock().expect("no holder of the tally's lock can panic")
    }
}

/// A replica of Rondo, and what will befall it.
#[derive(Debug)]
pub struct Replica {
    /// The process.
    pub process: Process,
    next: Mutex<Option<(Point, Deed)>>,
    befallen: Notify,
    /// How long it is stopped: longer than its leases last.
    pause: Duration,
    tally: Arc<Tally>,
}

/// So long after what it waited for is there it is still stopped.
const STOPPED_ON: Duration = Duration::from_millis(300);

impl Replica {
    /// A replica that is well.
    pub fn new(process: Process, pause: Duration, tally: Arc<Tally>) -> Self {
        Self { process, next: Mutex::default(), befallen: Notify::new(), pause, tally }
    }

    /// Lets `deed` befall it when it next comes to `point`, and waits for that, but not for longer
    /// than `patience`. Whether it came about.
    pub async fn await_at(&self, point: Point, deed: Deed, patience: Duration) -> bool {
        *self.next() = Some((point, deed));
        if tokio::time::timeout(patience, self.befallen.notified()).await.is_ok() {
            return true;
        }
        // It may just have come there.
        let is_still_to_come = self.next().take().is_some();
        if !is_still_to_come {
            self.befallen.notified().await;
        }
        !is_still_to_come
    }

    /// Lets `deed` befall it here and now.
    pub async fn befall(&self, deed: Deed) -> anyhow::Result<()> {
        match deed {
            Deed::Kill => {
                self.process.kill();
            }
            Deed::Pause => {
                self.process.signal(Signal::Stop).await?;
                sleep(self.pause).await;
                self.process.signal(Signal::GoOn).await?;
            }
        }
        self.tally.add(deed, Point::Anywhere);
        Ok(())
    }

    /// It has come to `point` of a call that a proxy has in hand.
    pub async fn comes_to(self: &Arc<Self>, point: Point) -> Way {
        let deed = {
            let mut next = self.next();
            let Some((_, deed)) = next.filter(|(planned, _)| *planned == point) else {
                return Way::On;
            };
            *next = None;
            deed
        };
        let way = match deed {
            Deed::Kill => {
                self.process.kill();
                Way::Over
            }
            Deed::Pause => {
                // One that has ended by itself cannot be stopped, and nothing is on its way any more.
                if self.process.signal(Signal::Stop).await.is_err() {
                    self.befallen.notify_one();
                    return Way::Over;
                }
                sleep(self.pause).await;
                Way::On
            }
        };
        self.tally.add(deed, point);
        match deed {
            Deed::Kill => self.befallen.notify_one(),
            Deed::Pause => {
                // What it waits for goes on first: it arrives while nobody is there.
                let replica = Arc::clone(self);
                tokio::spawn(async move {
                    sleep(STOPPED_ON).await;
                    // If it cannot be told, it is not there to be told.
                    let _ = replica.process.signal(Signal::GoOn).await;
                    replica.befallen.notify_one();
                });
            }
        }
        way
    }

    fn next(&self) -> MutexGuard<'_, Option<(Point, Deed)>> {
        self.next.lock().expect("no holder of a fate's lock can panic")
    }
}
