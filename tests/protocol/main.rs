//! The attempt protocol of RULES §3 as a model, explored whole: two workers, one gateway, a payer who would
//! rather pay on a page of the gateway's, and a loss, a crash or a pause anywhere. What decides is the
//! production code (`AttemptState::hear`, `probe::weigh_absence`, `Idempotency::resend_is_safe`); what moves
//! it is written down here once more as plain steps.

mod steps;

use std::collections::BTreeSet;

use rondo::domain::payment::attempt::AttemptState;
use stateright::{Checker, Model, Property, Representative};

use self::steps::{is_succeeded, is_succeeded_at};

/// The hours after its sending at which an attempt is looked at: young, older than four fifths of its key's
/// life, a day old, and an hour more.
const HOURS: [i64; 4] = [0, 20, 24, 25];

/// For so long the gateway remembers a key.
const KEY_LIFE_HOURS: i64 = 24;

/// A payment may take so many attempts here; more of them show nothing new.
const MOST_ATTEMPTS: usize = 2;

/// One key may be carried out so often here: the second time is already once too often.
const MOST_EXECUTIONS: usize = 2;

/// What is explored.
#[derive(Debug, Clone, Copy)]
struct Protocol {
    /// Whether a call may leave, or arrive, days after it was begun: a process that was stopped in the
    /// middle of it. Then money may come for what was proven never to have happened, and the gateway is one
    /// that never forgets a key: what leaves with a forgotten one no client can undo.
    ///
    /// Otherwise a call is over within a fifth of its key's life, which is what that fifth is left for.
    calls_outlive_a_day: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    attempts: Vec<Row>,
    workers: [Task; 2],
    /// Orders on their way to the gateway, by attempt, of which nobody waits for the reply.
    network: BTreeSet<usize>,
    /// What the gateway did under each key, and did again if it had forgotten the key.
    gateway: [Vec<Verdict>; MOST_ATTEMPTS],
    /// The gateway's pages that are open, by attempt.
    pages: BTreeSet<usize>,
    /// Those whose address the payer was told.
    told: BTreeSet<usize>,
    is_paid: bool,
    /// Captures that were given back, by attempt.
    given_back: BTreeSet<usize>,
}

/// An attempt as the database has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Row {
    state: AttemptState,
    /// Whether it is for a page, on which the payer pays.
    is_page: bool,
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
    /// Has committed that a page is to be opened, and opens it, however long that takes.
    Opening {
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
    /// A page is open, at this address.
    Page,
    /// Nobody will ever know the address of the page, if there is one.
    NoPage,
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
    /// A payer asks for a page: commits an attempt and its lease.
    Want(usize),
    /// A page that led nowhere is out of the way, as its payer asks anew.
    Clear(usize),
    /// The page opens, and the worker hears of it or not.
    Open { worker: usize, is_heard: bool },
    /// The page does not open.
    FailToOpen(usize),
    /// The payer pays on the page.
    Pay(usize),
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
            gateway: [const { Vec::new() }; MOST_ATTEMPTS],
            pages: BTreeSet::new(),
            told: BTreeSet::new(),
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
                    actions.push(Action::Want(worker));
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
                Task::Opening { .. } => {
                    let opened = [true, false].map(|is_heard| Action::Open { worker, is_heard });
                    actions.extend(opened);
                    actions.push(Action::FailToOpen(worker));
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
            actions.push(Action::Clear(attempt));
            actions.push(Action::Pay(attempt));
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
            Property::sometimes("a payer pays on a page", |_, state: &State| {
                state.is_paid && state.attempts.iter().any(|a| a.is_page && is_succeeded(a.state))
            }),
            Property::sometimes("a page that nobody paid on makes room", |_, state: &State| {
                state.attempts.first().is_some_and(|a| a.is_page && !is_succeeded(a.state))
                    && is_succeeded_at(state, 1)
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
