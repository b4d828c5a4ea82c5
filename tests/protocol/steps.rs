//! The steps of the model, each as atomic as the transaction or the call that it stands for.

use std::time::Duration;

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

use super::{
    Action, HOURS, KEY_LIFE_HOURS, MOST_ATTEMPTS, MOST_EXECUTIONS, Protocol, Row, State, Task,
    Verdict, Word,
};

impl State {
    /// Takes one step; none, if it is not to be taken here.
    pub(super) fn take(&mut self, model: Protocol, action: Action) -> Option<()> {
        match action {
            Action::Start(worker) => self.start(worker, false),
            Action::Want(worker) => self.start(worker, true),
            Action::Clear(attempt) => self.clear(attempt),
            Action::Open { worker, is_heard } => {
                let (attempt, holds) = self.opening(worker)?;
                self.pages.insert(attempt);
                let word = if is_heard { Word::Page } else { Word::NoPage };
                self.workers[worker] = Task::Record { attempt, holds, word };
                Some(())
            }
            Action::FailToOpen(worker) => {
                let (attempt, holds) = self.opening(worker)?;
                self.workers[worker] = Task::Record { attempt, holds, word: Word::NoPage };
                Some(())
            }
            Action::Pay(attempt) => {
                self.told.contains(&attempt).then_some(())?;
                self.pages.remove(&attempt).then_some(())?;
                self.execute(model, attempt, Verdict::Captured).map(|_| ())
            }
            Action::Look(worker) => self.look(worker),
            Action::Reply(worker, verdict) => {
                let (attempt, holds) = self.sending(worker)?;
                let word = Word::Verdict(self.execute(model, attempt, verdict)?);
                self.workers[worker] = Task::Record { attempt, holds, word };
                Some(())
            }
            Action::LoseReply(worker, verdict) => {
                let (attempt, _) = self.sending(worker)?;
                self.execute(model, attempt, verdict)?;
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
                self.execute(model, attempt, verdict).map(|_| ())
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
                let verdict = self.known(attempt)?;
                self.hear(attempt, Word::Verdict(verdict))
            }
            Action::GrowOld(attempt) => self.grow_old(model, attempt),
        }
    }

    /// The engine charges, or a payer wants a page: never both.
    fn start(&mut self, worker: usize, is_page: bool) -> Option<()> {
        let is_free = self.attempts.iter().all(|row| !row.state.is_open());
        (is_free && !self.is_paid && self.attempts.len() < MOST_ATTEMPTS).then_some(())?;
        self.attempts.push(Row {
            state: AttemptState::InFlight,
            is_page,
            age: 0,
            key_age: 0,
            lease_runs: true,
            was_not_sent: false,
            not_found: None,
        });
        let (attempt, holds) = (self.attempts.len() - 1, true);
        self.workers[worker] =
            if is_page { Task::Opening { attempt, holds } } else { Task::Order { attempt, holds } };
        Some(())
    }

    /// Nobody is at it, and nobody was told of a page: it stands in nobody's way.
    fn clear(&mut self, attempt: usize) -> Option<()> {
        let row = &mut self.attempts[attempt];
        let is_undecided = matches!(row.state, AttemptState::InFlight | AttemptState::Unknown);
        (row.is_page && is_undecided && !row.lease_runs).then_some(())?;
        row.state = AttemptState::NotExecuted;
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
        let age = hours(HOURS[self.attempts[attempt].key_age])?;
        let keys = Idempotency::FrozenReplay { ttl: hours(KEY_LIFE_HOURS)? };
        let row = &self.attempts[attempt];
        // Whoever lets the time for a page pass finds it closed.
        if row.state == AttemptState::ActionRequired && HOURS[row.age] >= 24 {
            self.pages.remove(&attempt);
        }
        let was_closed = row.state == AttemptState::ActionRequired;
        self.workers[worker] = match self.known(attempt) {
            Some(verdict) => Task::Record { attempt, holds, word: Word::Verdict(verdict) },
            None if self.pages.contains(&attempt) => {
                Task::Record { attempt, holds, word: Word::Page }
            }
            None if was_closed => {
                Task::Record { attempt, holds, word: Word::Verdict(Verdict::Declined) }
            }
            None if row.is_page => Task::Record { attempt, holds, word: Word::NotFound },
            None if keys.resend_is_safe(age) => Task::Order { attempt, holds },
            None => Task::Record { attempt, holds, word: Word::NotFound },
        };
        Some(())
    }

    fn record(&mut self, attempt: usize, holds: bool, word: Word) {
        match word {
            Word::Page
                if !matches!(
                    self.attempts[attempt].state,
                    AttemptState::InFlight | AttemptState::Unknown
                ) => {}
            Word::Page => {
                self.told.insert(attempt);
                let _ = self.hear(attempt, word);
            }
            Word::NoPage => {
                let row = &mut self.attempts[attempt];
                if row.state == AttemptState::InFlight {
                    row.state = AttemptState::NotExecuted;
                    self.end_lease(attempt);
                }
            }
            // Who holds a newer lease, or has heard more, knows better.
            Word::Silence | Word::NotFound | Word::SendAgain if !holds => {}
            // Evidence counts whoever brings it. What changes nothing gives the lease back all the same.
            Word::Verdict(_) | Word::Silence | Word::NotFound => {
                let _ = self.hear(attempt, word);
            }
            Word::SendAgain => {
                let row = &mut self.attempts[attempt];
                if row.state == AttemptState::InFlight {
                    row.was_not_sent = true;
                    self.end_lease(attempt);
                } else {
                    let _ = self.hear(attempt, Word::Silence);
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
            Word::Page => {
                News::ActionRequired { reference: "pg_1".to_owned(), url: Some(String::new()) }
            }
            Word::Silence | Word::SendAgain | Word::NoPage => News::Silence,
            Word::NotFound => match probe::weigh_absence(&as_read(row), ABSENCE, at(row.age)) {
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
            // Only a gateway that carried out a forgotten key contradicts itself, and that is seen elsewhere.
            Step::Nothing | Step::Contradiction => {}
            Step::Reversal => unreachable!("nobody takes money back here"),
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
                Task::Sending { attempt: busy, .. } | Task::Opening { attempt: busy, .. } => {
                    *busy == attempt
                }
                Task::Idle | Task::Order { .. } | Task::Ask { .. } | Task::Record { .. } => false,
            });
        let row = &mut self.attempts[attempt];
        // From four fifths of a key's life on a call that left before may still be on its way, and no longer.
        (model.calls_outlive_a_day || !is_busy || row.age == 0).then_some(())?;
        let oldest = HOURS.len() - 1;
        (row.state.is_open() && row.age < oldest).then_some(())?;
        // Where calls take any time and keys are kept for ever, nothing hangs on the hours before the day is over.
        let steps = if model.calls_outlive_a_day && row.age == 0 { 2 } else { 1 };
        row.age += steps;
        row.key_age = oldest.min(row.key_age + steps);
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
                | Task::Opening { attempt: of, holds }
                | Task::Ask { attempt: of, holds }
                | Task::Record { attempt: of, holds, .. } => *holds &= *of != attempt,
            }
        }
    }

    fn sending(&self, worker: usize) -> Option<(usize, bool)> {
        match self.workers[worker] {
            Task::Sending { attempt, holds } => Some((attempt, holds)),
            _ => None,
        }
    }

    fn opening(&self, worker: usize) -> Option<(usize, bool)> {
        match self.workers[worker] {
            Task::Opening { attempt, holds } => Some((attempt, holds)),
            _ => None,
        }
    }

    fn hears_nothing(&mut self, worker: usize) -> Option<()> {
        let (attempt, holds) = self.sending(worker)?;
        self.workers[worker] = Task::Record { attempt, holds, word: Word::Silence };
        Some(())
    }

    /// The gateway honours its keys while it remembers them: what it did it tells again. `verdict` is for
    /// what it does anew.
    fn execute(&mut self, model: Protocol, attempt: usize, verdict: Verdict) -> Option<Verdict> {
        let age = HOURS[self.attempts[attempt].key_age];
        let is_remembered = model.calls_outlive_a_day || age < KEY_LIFE_HOURS;
        match self.known(attempt) {
            // One of the two verdicts stands for a repetition, so that it is not explored twice.
            Some(known) if is_remembered => (verdict == Verdict::Captured).then_some(known),
            Some(_) | None => {
                let done = &mut self.gateway[attempt];
                (done.len() < MOST_EXECUTIONS).then_some(())?;
                done.push(verdict);
                Some(verdict)
            }
        }
    }

    /// What the gateway tells of a key: what it did last.
    fn known(&self, attempt: usize) -> Option<Verdict> {
        self.gateway[attempt].last().copied()
    }

    pub(super) fn is_captured(&self, attempt: usize) -> bool {
        self.gateway[attempt].contains(&Verdict::Captured)
    }

    pub(super) fn captures(&self) -> usize {
        let done = self.gateway.iter().flatten();
        done.filter(|verdict| **verdict == Verdict::Captured).count()
    }

    /// Whether nothing is under way: no task, no order on the way, no open attempt, and every webhook
    /// of a capture heard.
    pub(super) fn is_at_rest(&self) -> bool {
        let heard = |attempt: &usize| is_succeeded(self.attempts[*attempt].state);
        self.workers.iter().all(|task| *task == Task::Idle)
            && self.network.is_empty()
            && self.attempts.iter().all(|row| !row.state.is_open())
            && (0..self.attempts.len())
                .filter(|attempt| self.is_captured(*attempt))
                .all(|a| heard(&a))
    }
}

pub(super) fn is_succeeded(state: AttemptState) -> bool {
    state == AttemptState::Succeeded
}

pub(super) fn is_succeeded_at(state: &State, attempt: usize) -> bool {
    state.attempts.get(attempt).is_some_and(|row| is_succeeded(row.state))
}

fn hours(count: i64) -> Option<Duration> {
    Some(Duration::from_hours(u64::try_from(count).ok()?))
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

/// How long after the last sending a "not found" of this gateway proves something.
const ABSENCE: TimeDelta = probe::ABSENCE_PROVES_AFTER;

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
        request_hash: None,
        gateway: String::new(),
        amount: euro(),
        applied: Money::zero(euro().currency()),
        reversed: Money::zero(euro().currency()),
        reversals: Vec::new(),
        initiator: if row.is_page { Initiator::Customer } else { Initiator::Merchant },
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
        asked_at: None,
        settled_at: None,
        version: Version::NEW,
    }
}
