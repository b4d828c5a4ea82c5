//! The attempt protocol of RULES §3 as a model, explored whole: two workers, one gateway, and a loss, a
//! crash or a pause anywhere. What decides is the production code (`AttemptState::hear`,
//! `probe::weigh_absence`, `Idempotency::resend_is_safe`); what moves it is written down here once more
//! as plain steps, each as atomic as the transaction or the call that it stands for.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use rondo::{
    domain::{
        ids::Mint,
        money::{Currency, Money},
        payment::{
            attempt::{Attempt, AttemptState, Initiator, News, Step},
            decline::{Decline, DeclineClass, Network},
            outcome::Paid,
            probe::{self, Absence},
        },
        version::Version,
    },
    gateway::Idempotency,
};
use stateright::{Checker, Model, Property, Representative};

/// The hours after its sending at which an attempt is looked at: young, a day old, and an hour more.
const HOURS: [i64; 3] = [0, 24, 25];

/// A payment may take so many attempts here; more of them show nothing new.
const MOST_ATTEMPTS: usize = 2;

/// What is explored.
#[derive(Debug, Clone, Copy)]
struct Protocol {
    /// Whether a call may leave, or arrive, days after it was begun: a process that was stopped in the
    /// middle of it. Then money may come for what was proven never to have happened.
    calls_outlive_a_day: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    attempts: Vec<Row>,
    workers: [Task; 2],
    /// Orders on their way to the gateway, by attempt, of which nobody waits for the reply.
    network: BTreeSet<usize>,
    /// What the gateway did with each key.
    gateway: [Option<Verdict>; MOST_ATTEMPTS],
    is_paid: bool,
    /// Captures that were given back, by attempt.
    given_back: BTreeSet<usize>,
}

/// An attempt as the database has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Row {
    state: AttemptState,
    /// How long ago it was last sent: a place in [`HOURS`].
    age: usize,
    /// How long ago it was first sent, which is when its key was born.
    key_age: usize,
    /// Whether its last lease still runs.
    lease_runs: bool,
    /// A worker noted that nothing had left.
    was_not_sent: bool,
    /// At what age "not found" was first heard, if it counted.
    not_found: Option<usize>,
}

/// What a worker is in the middle of.
/// `holds` says whether its lease is still the last that was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Task {
    Idle,
    /// Is about to send, and has yet to look whether its lease still allows that.
    Order {
        attempt: usize,
        holds: bool,
    },
    /// Has looked, and sends now, however long that takes.
    Sending {
        attempt: usize,
        holds: bool,
    },
    /// Is about to ask the gateway.
    Ask {
        attempt: usize,
        holds: bool,
    },
    /// Has heard, and is about to record.
    Record {
        attempt: usize,
        holds: bool,
        word: Word,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Word {
    Verdict(Verdict),
    Silence,
    NotFound,
    SendAgain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Verdict {
    Captured,
    Declined,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// collect: commits an attempt and its lease.
    Start(usize),
    /// Looks whether a call may still begin within the lease.
    Look(usize),
    /// The order arrives, the gateway does it (or has done it), and the reply arrives.
    Reply(usize, Verdict),
    /// The order arrives and is done; the reply is lost.
    LoseReply(usize, Verdict),
    /// Nothing leaves, and the worker knows it.
    NothingLeft(usize),
    /// The order is lost or late; the worker hears nothing.
    LoseOrder { worker: usize, is_late: bool },
    /// A late order arrives.
    Arrive(usize, Verdict),
    /// The gateway is asked and answers.
    Answer(usize),
    /// The gateway cannot be asked.
    NoAnswer(usize),
    /// Records what was heard.
    Record(usize),
    /// The process dies, wherever it is.
    Crash(usize),
    /// A lease runs out: its worker died, or was paused.
    LeaseEnds(usize),
    /// resolve: claims an open attempt that nobody holds.
    Resolve { worker: usize, attempt: usize },
    /// A webhook tells what the gateway did; as often as it likes.
    Webhook(usize),
    /// Time passes.
    GrowOld(usize),
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            attempts: Vec::new(),
            workers: [Task::Idle, Task::Idle],
            network: BTreeSet::new(),
            gateway: [None; MOST_ATTEMPTS],
            is_paid: false,
            given_back: BTreeSet::new(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let verdicts = [Verdict::Captured, Verdict::Declined];
        for (worker, task) in state.workers.iter().enumerate() {
            match task {
                Task::Idle => {
                    actions.push(Action::Start(worker));
                    let attempts = 0..state.attempts.len();
                    actions.extend(attempts.map(|attempt| Action::Resolve { worker, attempt }));
                    continue;
                }
                Task::Order { .. } => actions.push(Action::Look(worker)),
                Task::Sending { .. } => {
                    actions.extend(verdicts.map(|verdict| Action::Reply(worker, verdict)));
                    actions.extend(verdicts.map(|verdict| Action::LoseReply(worker, verdict)));
                    actions.push(Action::NothingLeft(worker));
                    let lost = [true, false].map(|is_late| Action::LoseOrder { worker, is_late });
                    actions.extend(lost);
                }
                Task::Ask { .. } => {
                    actions.push(Action::Answer(worker));
                    actions.push(Action::NoAnswer(worker));
                }
                Task::Record { .. } => actions.push(Action::Record(worker)),
            }
            actions.push(Action::Crash(worker));
        }
        for attempt in 0..state.attempts.len() {
            actions.extend(verdicts.map(|verdict| Action::Arrive(attempt, verdict)));
            actions.push(Action::LeaseEnds(attempt));
            actions.push(Action::Webhook(attempt));
            actions.push(Action::GrowOld(attempt));
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        state.take(*self, action)?;
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one attempt is open at most", |_, state: &State| {
                state.attempts.iter().filter(|row| row.state.is_open()).count() <= 1
            }),
            Property::always("what is booked was captured", |_, state: &State| {
                let succeeded =
                    state.attempts.iter().enumerate().filter(|(_, a)| is_succeeded(a.state));
                let mut captured = succeeded.map(|(attempt, _)| state.is_captured(attempt));
                captured.all(|is_captured| is_captured)
            }),
            Property::always("no debt is captured twice", |model: &Self, state: &State| {
                model.calls_outlive_a_day || state.captures() <= 1
            }),
            Property::always("at rest, captures less refunds are the debt", |_, state: &State| {
                !state.is_at_rest()
                    || state.captures() - state.given_back.len() == usize::from(state.is_paid)
            }),
            Property::sometimes("a lost reply is found", |_, state: &State| {
                state.is_at_rest() && state.is_paid && state.attempts.len() == 1
            }),
            Property::sometimes("a second attempt pays", |_, state: &State| {
                state.is_paid && is_succeeded_at(state, 1)
            }),
            Property::sometimes("silence is proven to be nothing", |_, state: &State| {
                state.attempts.iter().any(|row| row.state == AttemptState::NotExecuted)
            }),
        ]
    }
}

/// Which worker is which makes no difference.
impl Representative for State {
    fn representative(&self) -> Self {
        let mut same = self.clone();
        same.workers.sort_unstable();
        same
    }
}

impl State {
    /// Takes one step; none, if it is not to be taken here.
    fn take(&mut self, model: Protocol, action: Action) -> Option<()> {
        match action {
            Action::Start(worker) => self.start(worker),
            Action::Look(worker) => self.look(worker),
            Action::Reply(worker, verdict) => {
                let (attempt, holds) = self.sending(worker)?;
                let word = Word::Verdict(self.execute(attempt, verdict)?);
                self.workers[worker] = Task::Record { attempt, holds, word };
                Some(())
            }
            Action::LoseReply(worker, verdict) => {
                let (attempt, _) = self.sending(worker)?;
                self.execute(attempt, verdict)?;
                self.hears_nothing(worker)
            }
            Action::NothingLeft(worker) => {
                let (attempt, holds) = self.sending(worker)?;
                self.workers[worker] = Task::Record { attempt, holds, word: Word::SendAgain };
                Some(())
            }
            Action::LoseOrder { worker, is_late } => {
                let (attempt, _) = self.sending(worker)?;
                if is_late {
                    self.network.insert(attempt);
                }
                self.hears_nothing(worker)
            }
            Action::Arrive(attempt, verdict) => {
                self.network.remove(&attempt).then_some(())?;
                self.execute(attempt, verdict).map(|_| ())
            }
            Action::Answer(worker) => self.answer(worker),
            Action::NoAnswer(worker) => {
                let Task::Ask { attempt, holds } = self.workers[worker] else { return None };
                self.workers[worker] = Task::Record { attempt, holds, word: Word::Silence };
                Some(())
            }
            Action::Record(worker) => {
                let Task::Record { attempt, holds, word } = self.workers[worker] else {
                    return None;
                };
                self.workers[worker] = Task::Idle;
                self.record(attempt, holds, word);
                Some(())
            }
            Action::Crash(worker) => {
                self.workers[worker] = Task::Idle;
                Some(())
            }
            Action::LeaseEnds(attempt) => {
                let row = self.attempts.get_mut(attempt).filter(|row| row.lease_runs)?;
                row.lease_runs = false;
                Some(())
            }
            Action::Resolve { worker, attempt } => self.resolve(worker, attempt),
            Action::Webhook(attempt) => {
                let verdict = self.gateway[attempt]?;
                self.hear(attempt, Word::Verdict(verdict))
            }
            Action::GrowOld(attempt) => self.grow_old(model, attempt),
        }
    }

    fn start(&mut self, worker: usize) -> Option<()> {
        let is_free = self.attempts.iter().all(|row| !row.state.is_open());
        (is_free && !self.is_paid && self.attempts.len() < MOST_ATTEMPTS).then_some(())?;
        self.attempts.push(Row {
            state: AttemptState::InFlight,
            age: 0,
            key_age: 0,
            lease_runs: true,
            was_not_sent: false,
            not_found: None,
        });
        self.workers[worker] = Task::Order { attempt: self.attempts.len() - 1, holds: true };
        Some(())
    }

    /// A worker whose lease is over begins nothing (RULES WRK-2).
    fn look(&mut self, worker: usize) -> Option<()> {
        let Task::Order { attempt, holds } = self.workers[worker] else { return None };
        let row = &mut self.attempts[attempt];
        self.workers[worker] = if holds && row.lease_runs {
            row.age = 0;
            row.not_found = None;
            Task::Sending { attempt, holds }
        } else {
            Task::Record { attempt, holds, word: Word::SendAgain }
        };
        Some(())
    }

    fn resolve(&mut self, worker: usize, attempt: usize) -> Option<()> {
        let row = &mut self.attempts[attempt];
        (row.state.is_open() && !row.lease_runs).then_some(())?;
        row.lease_runs = true;
        let holds = true;
        let was_not_sent = row.was_not_sent && row.state == AttemptState::InFlight;
        self.disown(attempt);
        let row = &mut self.attempts[attempt];
        self.workers[worker] = if was_not_sent {
            row.was_not_sent = false;
            Task::Order { attempt, holds }
        } else {
            if row.state == AttemptState::InFlight {
                row.state = AttemptState::Unknown;
            }
            Task::Ask { attempt, holds }
        };
        Some(())
    }

    /// A look-up; and, where the gateway knows of nothing and its keys still live, the same key again.
    fn answer(&mut self, worker: usize) -> Option<()> {
        let Task::Ask { attempt, holds } = self.workers[worker] else { return None };
        let age =
            Duration::from_hours(1) * u32::try_from(HOURS[self.attempts[attempt].key_age]).ok()?;
        let keys = Idempotency::FrozenReplay { ttl: Duration::from_hours(24) };
        self.workers[worker] = match self.gateway[attempt] {
            Some(verdict) => Task::Record { attempt, holds, word: Word::Verdict(verdict) },
            None if keys.resend_is_safe(age) => Task::Order { attempt, holds },
            None => Task::Record { attempt, holds, word: Word::NotFound },
        };
        Some(())
    }

    fn record(&mut self, attempt: usize, holds: bool, word: Word) {
        match word {
            Word::Verdict(_) | Word::Silence => {
                // What changes nothing gives the lease back all the same.
                let _ = self.hear(attempt, word);
            }
            // Who holds a newer lease, or has heard more, knows better.
            Word::NotFound if !holds => {}
            Word::NotFound => {
                let _ = self.hear(attempt, word);
            }
            Word::SendAgain => {
                let row = &mut self.attempts[attempt];
                if row.state != AttemptState::InFlight {
                    let _ = self.hear(attempt, Word::Silence);
                } else if holds {
                    row.was_not_sent = true;
                    self.end_lease(attempt);
                }
            }
        }
    }

    /// What the one path for news makes of a word; none, if nothing changes.
    fn hear(&mut self, attempt: usize, word: Word) -> Option<()> {
        let before = self.clone();
        let row = &mut self.attempts[attempt];
        let news = match word {
            Word::Verdict(Verdict::Captured) => paid(),
            Word::Verdict(Verdict::Declined) => declined(),
            Word::Silence | Word::SendAgain => News::Silence,
            Word::NotFound => match probe::weigh_absence(&as_read(row), at(row.age)) {
                Absence::NeverHappened => News::NeverHappened,
                Absence::AskAgain(_) => {
                    if HOURS[row.age] >= 24 {
                        row.not_found.get_or_insert(row.age);
                    }
                    News::Silence
                }
            },
        };
        match row.state.hear(&news) {
            Step::Moved(state) => row.state = state,
            Step::LateSuccess => row.state = AttemptState::Succeeded,
            Step::Nothing => {}
            Step::Reversal | Step::Contradiction => unreachable!("this gateway keeps its word"),
        }
        let state = row.state;
        if before.attempts[attempt].state.is_open() {
            self.end_lease(attempt);
        }
        if is_succeeded(state) && !is_succeeded(before.attempts[attempt].state) {
            if self.is_paid {
                self.given_back.insert(attempt);
            }
            self.is_paid = true;
        }
        (*self != before).then_some(())
    }

    fn grow_old(&mut self, model: Protocol, attempt: usize) -> Option<()> {
        let is_busy = self.network.contains(&attempt)
            || self.workers.iter().any(|task| match task {
                Task::Sending { attempt: busy, .. } => *busy == attempt,
                Task::Idle | Task::Order { .. } | Task::Ask { .. } | Task::Record { .. } => false,
            });
        (model.calls_outlive_a_day || !is_busy).then_some(())?;
        let row = &mut self.attempts[attempt];
        let oldest = HOURS.len() - 1;
        (row.state.is_open() && row.age < oldest).then_some(())?;
        row.age += 1;
        row.key_age = oldest.min(row.key_age + 1);
        // No lease outlives a day.
        row.lease_runs = false;
        Some(())
    }

    /// The lease is given back: whoever still believes to hold it does not.
    fn end_lease(&mut self, attempt: usize) {
        self.attempts[attempt].lease_runs = false;
        self.disown(attempt);
    }

    fn disown(&mut self, attempt: usize) {
        for task in &mut self.workers {
            match task {
                Task::Idle => {}
                Task::Order { attempt: of, holds }
                | Task::Sending { attempt: of, holds }
                | Task::Ask { attempt: of, holds }
                | Task::Record { attempt: of, holds, .. } => *holds &= *of != attempt,
            }
        }
    }

    fn sending(&self, worker: usize) -> Option<(usize, bool)> {
        match self.workers[worker] {
            Task::Sending { attempt, holds } => Some((attempt, holds)),
            Task::Idle | Task::Order { .. } | Task::Ask { .. } | Task::Record { .. } => None,
        }
    }

    fn hears_nothing(&mut self, worker: usize) -> Option<()> {
        let (attempt, holds) = self.sending(worker)?;
        self.workers[worker] = Task::Record { attempt, holds, word: Word::Silence };
        Some(())
    }

    /// The gateway honours its keys: what it did once it tells again. `verdict` is for the first time.
    fn execute(&mut self, attempt: usize, verdict: Verdict) -> Option<Verdict> {
        match self.gateway[attempt] {
            // One of the two verdicts stands for a repetition, so that it is not explored twice.
            Some(known) => (verdict == Verdict::Captured).then_some(known),
            None => Some(*self.gateway[attempt].insert(verdict)),
        }
    }

    fn is_captured(&self, attempt: usize) -> bool {
        self.gateway[attempt] == Some(Verdict::Captured)
    }

    fn captures(&self) -> usize {
        (0..MOST_ATTEMPTS).filter(|attempt| self.is_captured(*attempt)).count()
    }

    /// Whether nothing is under way: no task, no order on the way, no open attempt, and every webhook
    /// of a capture heard.
    fn is_at_rest(&self) -> bool {
        let heard = |attempt: &usize| is_succeeded(self.attempts[*attempt].state);
        self.workers.iter().all(|task| *task == Task::Idle)
            && self.network.is_empty()
            && self.attempts.iter().all(|row| !row.state.is_open())
            && (0..self.attempts.len())
                .filter(|attempt| self.is_captured(*attempt))
                .all(|a| heard(&a))
    }
}

fn is_succeeded(state: AttemptState) -> bool {
    state == AttemptState::Succeeded
}

fn is_succeeded_at(state: &State, attempt: usize) -> bool {
    state.attempts.get(attempt).is_some_and(|row| is_succeeded(row.state))
}

fn at(age: usize) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(HOURS[age])
}

fn euro() -> Money {
    Money::new(2_000, Currency::from_code("EUR").expect("ISO 4217 has the euro"))
}

fn paid() -> News {
    News::Paid(Paid::bare("ch_1".to_owned(), euro()))
}

fn declined() -> News {
    News::Declined { reference: None, decline: Decline::of(DeclineClass::WaitFunds) }
}

/// The attempt as `weigh_absence` reads it.
fn as_read(row: &Row) -> Attempt {
    let mint = Mint::seeded([0; 32]);
    let now = DateTime::UNIX_EPOCH;
    Attempt {
        merchant: mint.id(now),
        id: mint.id(now),
        payment: mint.id(now),
        invoice: mint.id(now),
        customer: mint.id(now),
        method: None,
        credential: None,
        gateway: String::new(),
        amount: euro(),
        applied: Money::zero(euro().currency()),
        reversed: Money::zero(euro().currency()),
        reversals: Vec::new(),
        initiator: Initiator::Merchant,
        state: row.state,
        reference: None,
        decline: None,
        network: Network::Visa,
        card_key: String::new(),
        action_url: None,
        store_method: false,
        sent_at: now,
        key_born_at: now,
        last_sent_at: now,
        leased_until: None,
        probe_at: None,
        probes: 0,
        not_found_at: row.not_found.map(at),
        settled_at: None,
        version: Version::NEW,
    }
}

/// Explores every state that can be reached, and prints how many there are.
fn explore(model: Protocol) {
    let checker = model.checker().threads(2).symmetry().spawn_dfs().join();
    println!(
        "{model:?}: {} states, each reached in some of {} ways",
        checker.unique_state_count(),
        checker.state_count()
    );
    checker.assert_properties();
}

#[test]
fn no_loss_crash_or_pause_captures_a_debt_twice() {
    explore(Protocol { calls_outlive_a_day: false });
}

#[test]
fn a_call_that_outlives_a_day_is_noticed_and_given_back() {
    explore(Protocol { calls_outlive_a_day: true });
}
