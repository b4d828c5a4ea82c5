//! What all of a simulated world shares: its time, its dice, its faults, the record of what happened,
//! and the blows that a process takes in the middle of its work.
//!
//! The machine's clock, by which Rondo lives, may be off from the true time, by which all others do.

use std::{
    fmt,
    future::pending,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    dice::Dice,
    fault::{Fault, Faults},
    trace::Trace,
};
use crate::{
    app::clock::Clock,
    store::{Moment, StoreError, Trouble},
};

/// The time, as it is and as the machine has it.
#[derive(Debug, Clone, Copy)]
struct Time {
    truth: DateTime<Utc>,
    /// How far the machine's clock is ahead.
    ahead: TimeDelta,
}

/// What befell the process that runs just now.
#[derive(Debug)]
pub(super) enum Blow {
    /// It died.
    Died,
    /// It stands still until `until`; then `wake` is cancelled, and all of it goes on.
    Sleeps { until: DateTime<Utc>, wake: CancellationToken },
}

/// Where in its work a process may be struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// All is committed, and a call to the outside begins.
    BeforeCall,
    /// The call is over, and nothing of it is recorded.
    AfterCall,
}

/// After so long a call is given up.
const CALL_DEADLINE: TimeDelta = TimeDelta::seconds(25);

/// What leaves later than this may find its key forgotten: what is left of a day's key after 80 % of it, less
/// what two readings of the clock may be apart.
const SURELY_FORGOTTEN: TimeDelta = TimeDelta::minutes(40);

/// How far the machine's clock may be off.
const CLOCK_OFF: TimeDelta = TimeDelta::hours(2);

/// Trouble with a database or a line, in a simulation.
#[derive(Debug, thiserror::Error)]
#[error("{0} (simulated)")]
pub(super) struct Mishap(pub(super) &'static str);

/// What all share.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) dice: Dice,
    pub(super) faults: Faults,
    trace: Trace,
    time: Mutex<Time>,
    blow: Mutex<Option<Blow>>,
    struck: Notify,
    /// How often the database was in trouble.
    trouble: AtomicU64,
    /// How many workers stand still.
    asleep: AtomicU64,
    /// The longest lease: a pause is longer.
    lease: TimeDelta,
}

impl Stage {
    pub(super) fn new(dice: Dice, start: DateTime<Utc>, lease: TimeDelta) -> Self {
        let faults = Faults::drawn(&dice);
        Self {
            dice,
            faults,
            trace: Trace::new(),
            time: Mutex::new(Time { truth: start, ahead: TimeDelta::zero() }),
            blow: Mutex::new(None),
            struck: Notify::new(),
            trouble: AtomicU64::new(0),
            asleep: AtomicU64::new(0),
            lease,
        }
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.time.lock().expect("no holder of the time can panic")
    }

    /// The true time.
    pub(super) fn truth(&self) -> DateTime<Utc> {
        self.time().truth
    }

    /// How far the machine's clock is ahead of it.
    pub(super) fn ahead(&self) -> TimeDelta {
        self.time().ahead
    }

    /// How far two readings of the machine's clock may be apart that were one at the same time.
    pub(super) fn clock_error(&self) -> TimeDelta {
        if Fault::OF_CLOCKS.into_iter().any(|fault| self.faults.can(fault)) {
            CLOCK_OFF * 2
        } else {
            TimeDelta::zero()
        }
    }

    /// Lets time pass until then. It never goes back.
    pub(super) fn pass(&self, until: DateTime<Utc>) {
        let mut time = self.time();
        time.truth = time.truth.max(until);
    }

    /// Sets the machine's clock off by so much.
    pub(super) fn set_clock(&self, ahead: TimeDelta) {
        self.time().ahead = ahead;
    }

    /// Notes what happened.
    pub(super) fn note(&self, what: fmt::Arguments<'_>) {
        self.trace.note(self.truth(), what);
    }

    /// The record.
    pub(super) fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Whether a fault happens now; then it is noted.
    pub(super) fn strikes(&self, fault: Fault) -> bool {
        let strikes = self.faults.strikes(fault, &self.dice);
        if strikes {
            self.note(format_args!("fault: {}", fault.name()));
            if fault.is_of_database() {
                self.trouble.fetch_add(1, Ordering::Relaxed);
            }
        }
        strikes
    }

    /// Whether a fault may be met from now on, which is noted when it is.
    pub(super) fn threatens(&self, fault: Fault) -> bool {
        self.faults.threatens(fault, &self.dice)
    }

    /// A fault that was to be met is met.
    pub(super) fn meets(&self, fault: Fault) {
        self.faults.count(fault);
        self.note(format_args!("fault: {}", fault.name()));
    }

    /// Whether a worker stands still, whose order may leave yet.
    pub(super) fn has_sleepers(&self) -> bool {
        self.asleep.load(Ordering::Relaxed) > 0
    }

    /// How often the database was in trouble, so that what was done may not be recorded.
    pub(super) fn trouble(&self) -> u64 {
        self.trouble.load(Ordering::Relaxed)
    }

    /// Where the process may die, stand still, or find its clock set. Tells whether it goes on: a call
    /// whose process stood still beyond its deadline is given up before it leaves. One that sleeps longer
    /// than its key lives, and leaves all the same, can no client undo.
    pub(super) async fn gate(&self, place: Place) -> bool {
        let came_at = self.truth();
        if !self.stands_still().await {
            self.tick_oddly();
            let crash = match place {
                Place::BeforeCall => Fault::CrashBeforeSend,
                Place::AfterCall => Fault::CrashBeforeRecord,
            };
            if self.strikes(crash) {
                self.die().await;
            } else if self.strikes(Fault::TwoWorkers) {
                // Mostly the other one finds the lease over.
                let is_held = self.dice.says(250);
                let beyond = self.lease + TimeDelta::seconds(self.dice.between(1, 60));
                self.sleep(if is_held { TimeDelta::zero() } else { beyond }).await;
            } else {
                self.may_pause().await;
            }
        }
        let slept = self.truth() - came_at;
        if slept < CALL_DEADLINE || place == Place::AfterCall {
            return true;
        }
        let leaves = slept < SURELY_FORGOTTEN && self.dice.says(500);
        if leaves {
            self.note(format_args!("a call leaves {} seconds late", slept.num_seconds()));
        }
        leaves
    }

    async fn may_pause(&self) {
        if self.strikes(Fault::Paused) {
            let seconds = match self.dice.below(4) {
                0 => self.dice.between(1, 60),
                1 => self.dice.between(60, 3_600),
                2 => self.dice.between(3_600, 18_000),
                _ => self.dice.between(86_400, 3 * 86_400),
            };
            self.sleep(self.lease + TimeDelta::seconds(seconds)).await;
        }
    }

    fn tick_oddly(&self) {
        let most = CLOCK_OFF.num_seconds();
        let hours = |sign: i64| TimeDelta::seconds(sign * self.dice.between(1, most));
        if self.strikes(Fault::ClockForward) {
            self.set_clock(hours(1));
        } else if self.strikes(Fault::ClockBack) {
            self.set_clock(hours(-1));
        }
    }

    fn blow(&self) -> MutexGuard<'_, Option<Blow>> {
        self.blow.lock().expect("no holder of the blow can panic")
    }

    async fn die(&self) {
        *self.blow() = Some(Blow::Died);
        self.struck.notify_one();
        pending::<()>().await;
    }

    async fn sleep(&self, duration: TimeDelta) {
        let (wake, until) = (CancellationToken::new(), self.truth() + duration);
        *self.blow() = Some(Blow::Sleeps { until, wake: wake.clone() });
        self.struck.notify_one();
        self.asleep.fetch_add(1, Ordering::Relaxed);
        wake.cancelled().await;
        self.asleep.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether the process was struck at this very instant by something else that it does: what is dead
    /// does nothing more, and what stands still goes on with the rest.
    async fn stands_still(&self) -> bool {
        let wake = match &*self.blow() {
            None => return false,
            Some(Blow::Died) => None,
            Some(Blow::Sleeps { wake, .. }) => Some(wake.clone()),
        };
        match wake {
            None => pending().await,
            Some(wake) => wake.cancelled().await,
        }
        true
    }

    /// What comes of `work`; nothing, if the process dies in the middle of it. One that only stands still
    /// goes on at once: nobody takes over what it does.
    pub(super) async fn unless_struck<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                blow = self.struck() => match blow {
                    Blow::Died => return None,
                    Blow::Sleeps { wake, .. } => wake.cancel(),
                },
                done = &mut work => return Some(done),
            }
        }
    }

    /// Waits until the process that runs is struck, and tells how.
    pub(super) async fn struck(&self) -> Blow {
        loop {
            self.struck.notified().await;
            if let Some(blow) = self.blow().take() {
                return blow;
            }
        }
    }
}

impl Clock for Stage {
    fn now(&self) -> DateTime<Utc> {
        let Time { truth, ahead } = *self.time();
        truth + ahead
    }
}

#[async_trait]
impl Trouble for Stage {
    async fn befall(&self, moment: Moment) -> Result<(), StoreError> {
        let fails = |fault: Fault, why| {
            let error = || StoreError::Unavailable(Box::new(Mishap(why)));
            if self.strikes(fault) { Err(error()) } else { Ok(()) }
        };
        match moment {
            Moment::Begin => {
                // No two transactions are at one time, so that the logs tell what was known when.
                self.pass(self.truth() + TimeDelta::microseconds(1));
                if !self.stands_still().await {
                    fails(Fault::DatabaseBusy, "the database is locked")?;
                    self.may_pause().await;
                }
                Ok(())
            }
            Moment::Write => fails(Fault::DatabaseBusy, "two transactions cannot be put in order"),
            Moment::Commit => {
                fails(Fault::DiskFull, "the disk is full")?;
                if self.strikes(Fault::CrashBeforeCommit) {
                    self.die().await;
                }
                Ok(())
            }
            Moment::Committed => fails(Fault::CommitUnheard, "the connection broke"),
        }
    }
}
