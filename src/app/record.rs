//! Records what was heard of attempts: the one path for replies, look-ups, webhooks, pages and staff.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Act, Result, Rondo, dunning,
    index::ids_of,
    order::Word,
    renew::given_up_with,
    standing,
    turn::{self, TurnError},
    whole_reason,
};
use crate::{
    domain::{
        backoff::backoff,
        changes::Changes,
        event::{Event, EventKind},
        ids::{Id, Mint, kind},
        merchant::Merchant,
        payment::{
            Payment,
            attempt::{Attempt, AttemptState, News},
            decline::Flag,
            settle::{self, Settled, Standing},
        },
    },
    store::{Repository, StoreError, Times, Work},
};

/// What was heard of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    /// The attempt.
    pub attempt: Id<kind::Attempt>,
    /// The lease under which the gateway was called, where a worker did: what is no evidence counts only while
    /// nobody holds a newer one (RULES WRK-2).
    pub leased_until: Option<DateTime<Utc>>,
    /// What came back.
    pub word: Word,
}

impl Heard {
    /// News that came by itself, or to somebody who asked without a lease.
    pub fn news(attempt: Id<kind::Attempt>, news: News) -> Self {
        Self { attempt, leased_until: None, word: Word::News(news) }
    }

    /// Whether it was heard under a lease that is over, and the attempt is another's or has come on since.
    fn is_outlived(&self, attempt: &Attempt) -> bool {
        self.leased_until.is_some() && self.leased_until != attempt.leased_until
    }
}

/// What staff has to do with an outcome.
enum Task {
    /// To mend something, before the loop may go on with the object.
    Stop(Work),
    /// To look at it; asking after the attempt goes on.
    Look,
}

/// How often a group is decided anew when someone else wrote first.
const TRIES: usize = 5;

/// A charge that could not leave for so long is told to staff; it is tried all the same.
const PUT_OFF_FOR: TimeDelta = TimeDelta::hours(24);

/// Records a group of answers, each with all that follows from it, in one transaction. Two that
/// concern one customer go one after the other, so that each sees what the other did.
pub(super) async fn record(
    rondo: &Rondo,
    merchant: &Merchant,
    mut group: Vec<Heard>,
) -> Result<(), TurnError> {
    let mut tries = 0;
    while !group.is_empty() {
        match Box::pin(record_once(rondo, merchant, &group)).await {
            Ok(left) => {
                group = left;
                tries = 0;
            }
            Err(TurnError::Later(error)) => {
                tries += 1;
                if tries == TRIES {
                    // Nothing is lost: the attempts are in flight, and their leases run out.
                    return Err(TurnError::Later(error));
                }
            }
            Err(TurnError::Poisoned { source, .. }) if group.len() == 1 => {
                let (object, reason) = (group[0].attempt.to_string(), whole_reason(&source));
                turn::set_poison_aside(rondo, merchant, Work::Resolve, &object, &reason).await?;
                return Ok(());
            }
            // Find the one that cannot be written; the others go through.
            Err(TurnError::Poisoned { .. }) => {
                for heard in std::mem::take(&mut group) {
                    Box::pin(record(rondo, merchant, vec![heard])).await?;
                }
            }
        }
    }
    Ok(())
}

/// Records what it can of `group` in one transaction and returns what must wait for the next.
async fn record_once(
    rondo: &Rondo,
    merchant: &Merchant,
    group: &[Heard],
) -> Result<Vec<Heard>, TurnError> {
    let times = rondo.times(merchant);
    let mut repo = rondo.store.begin().await?;
    let ids: Vec<_> = group.iter().map(|heard| heard.attempt).collect();
    let concerned = repo.attempts(merchant.id, &ids).await?;
    repo.lock_customers(merchant.id, &ids_of(&concerned, |attempt| attempt.customer)).await?;
    let mut standings = standing::load(repo.as_mut(), merchant, &ids, times.now).await?;
    let known: BTreeSet<_> = standings.keys().copied().collect();
    let mut customers = BTreeSet::new();
    let mut outcomes = Outcomes::default();
    let mut left = Vec::new();
    for heard in group {
        if !known.contains(&heard.attempt) {
            tracing::warn!(attempt = %heard.attempt, "news of an attempt that we do not know");
            continue;
        }
        let standing = standings
            .remove(&heard.attempt)
            .filter(|standing| customers.insert(standing.owed.customer.id));
        let Some(standing) = standing else {
            left.push(heard.clone());
            continue;
        };
        let before = standing.attempt.clone();
        outcomes.add(&before, decide(standing, heard, times, &rondo.mint));
    }
    let objects = ids.iter().map(ToString::to_string).collect();
    let mut act = Act { repo: repo.as_mut(), merchant, times, mint: &rondo.mint };
    outcomes.write(&mut act).await.map_err(|error| TurnError::of(objects, error))?;
    repo.commit().await?;
    Ok(left)
}

/// What follows from what was heard of some attempts, to be written in one transaction.
#[derive(Default)]
pub(super) struct Outcomes {
    changes: Changes,
    told: Told,
}

/// What staff is told with it.
#[derive(Default)]
struct Told {
    tasks: Vec<(Task, String, String)>,
    /// Attempts that they need not see to any more.
    off_list: Vec<String>,
}

impl Outcomes {
    /// Adds what was decided of one attempt, which stood as `before`.
    pub(super) fn add(&mut self, before: &Attempt, settled: Settled) {
        let attempt = before.id.to_string();
        let is_off_list = |after: &Attempt| after.id == before.id && goes_on(before, after);
        if settled.changes.attempts.iter().any(is_off_list) {
            self.told.off_list.push(attempt.clone());
        }
        if let Some(reason) = settled.for_staff {
            let planned = settled.changes.payments.first().filter(|p| p.collect_at.is_some());
            let is_asked_on = settled.changes.attempts.iter().any(|a| a.probe_at.is_some());
            let mut cases = settled.changes.dunning_cases.iter();
            let waiting = cases.find(|file| file.case.waits_for_staff());
            self.told.tasks.push(match (planned, waiting) {
                (Some(payment), _) if settled.holds_charge => {
                    (Task::Stop(Work::Collect), payment.id.to_string(), reason)
                }
                (Some(_), _) => (Task::Look, attempt, reason),
                (None, Some(file)) => (Task::Stop(Work::Dun), file.id.to_string(), reason),
                (None, None) if is_asked_on => (Task::Look, attempt, reason),
                (None, None) => (Task::Stop(Work::Resolve), attempt, reason),
            });
        }
        self.changes.append(settled.changes);
    }

    /// Writes all of it within the transaction of `act`.
    pub(super) async fn write(self, act: &mut Act<'_>) -> Result<()> {
        let Self { mut changes, told } = self;
        let (merchant, times) = (act.merchant, act.times);
        changes.append(given_up_with(act.repo, merchant, &changes, times.now, act.mint).await?);
        observe(&changes);
        let stored = who_stored_a_card(&changes);
        act.write(changes).await?;
        for customer in stored {
            // A card that was kept on a page pays their other debts too.
            dunning::method_replaced(act, customer).await?;
        }
        Ok(told.write(act.repo, merchant, times).await?)
    }
}

impl Told {
    async fn write(
        self,
        repo: &mut dyn Repository,
        merchant: &Merchant,
        times: Times,
    ) -> Result<(), StoreError> {
        if !self.off_list.is_empty() {
            repo.take_off_list(merchant.id, Work::Resolve, &self.off_list).await?;
        }
        for (task, object, reason) in self.tasks {
            match task {
                Task::Stop(work) => {
                    turn::set_aside(repo, merchant, work, times, &object, &reason).await?;
                }
                Task::Look => turn::tell_staff(repo, merchant, times, &object, &reason).await?,
            }
        }
        Ok(())
    }
}

/// Those who stored a card with the charge.
fn who_stored_a_card(changes: &Changes) -> Vec<Id<kind::Customer>> {
    let attached = |event: &&Event| event.kind == EventKind::PaymentMethodAttached;
    changes.events.iter().filter(attached).filter_map(|event| event.customer).collect()
}

/// Whether staff may have been told of an attempt that was open, and need not see to it any more: it came
/// on, or is asked after again. Of one that was over, what they were told stays true.
fn goes_on(before: &Attempt, after: &Attempt) -> bool {
    let was_aside = before.probe_at.is_none() && before.leased_until.is_none();
    let may_be_listed = before.state.is_open() && (was_aside || before.probes > 0);
    may_be_listed && (after.state != before.state || (was_aside && after.probe_at.is_some()))
}

fn decide(standing: Standing, heard: &Heard, times: Times, mint: &Mint) -> Settled {
    let is_outlived = heard.is_outlived(&standing.attempt);
    match &heard.word {
        // Whoever overslept knows nothing that the one who took over does not.
        Word::News(News::Silence)
        | Word::NotFound { .. }
        | Word::CannotTell
        | Word::SendAgain { .. }
            if is_outlived =>
        {
            Settled::of(Changes::default())
        }
        Word::SendAgain { wait } if standing.attempt.state == AttemptState::InFlight => {
            send_again(standing, *wait, times.now)
        }
        Word::SendAgain { .. } => heard_of(standing, News::Silence, times.now, mint),
        Word::NotFound { proves_after } => {
            settle::not_found(standing, *proves_after, times.now, mint)
        }
        Word::CannotTell => settle::cannot_tell(standing, times.now, mint),
        Word::News(news) => heard_of(standing, news.clone(), times.now, mint),
    }
}

fn heard_of(standing: Standing, news: News, now: DateTime<Utc>, mint: &Mint) -> Settled {
    let is_reply = standing.attempt.state == AttemptState::InFlight;
    settle::settle(standing.clone(), news, now, mint).unwrap_or_else(|wrong| {
        // A reply with a wrong amount is no usable answer; a look-up that insists on it is for a person.
        let mut settled =
            settle::settle(standing, News::Silence, now, mint).expect("silence has no amount");
        settled.for_staff = (!is_reply).then(|| wrong.to_string());
        settled
    })
}

/// Plans the next sending of the same key.
fn send_again(mut standing: Standing, wait: Option<Duration>, now: DateTime<Utc>) -> Settled {
    let attempt = &mut standing.attempt;
    let asked = wait.and_then(|wait| TimeDelta::from_std(wait).ok()).unwrap_or_default();
    attempt.leased_until = None;
    attempt.probes += 1;
    let seed = attempt.id.uuid().as_u64_pair().1;
    let wait = TimeDelta::from_std(backoff(attempt.probes, seed)).unwrap_or_default();
    attempt.probe_at = Some(now + wait.max(asked));
    let for_staff = (now >= attempt.sent_at + PUT_OFF_FOR).then(|| put_off(attempt));
    let changes = Changes { attempts: vec![standing.attempt], ..Changes::default() };
    Settled::of(changes).telling(for_staff)
}

/// What staff is told of an attempt that was put off for a day: the same each time.
fn put_off(attempt: &Attempt) -> String {
    let Attempt { id, gateway, .. } = attempt;
    format!(
        "{id} has not left for a day: `{gateway}` cannot be reached, or puts calls off; it is tried on, \
         and leaves this list by itself"
    )
}

/// Counts what came of attempts.
pub(super) fn observe(changes: &Changes) {
    for attempt in &changes.attempts {
        let state = format!("{:?}", attempt.state);
        metrics::counter!("rondo_attempts_total", "state" => state).increment(1);
        let flags = attempt.decline.iter().flat_map(|decline| &decline.flags);
        let is_unknown = |flag: &Flag| matches!(flag, Flag::UnknownResponseCode);
        if attempt.state == AttemptState::Declined && flags.copied().any(|flag| is_unknown(&flag)) {
            let gateway = attempt.gateway.clone();
            metrics::counter!("rondo_unknown_response_codes_total", "gateway" => gateway)
                .increment(1);
        }
    }
    for event in &changes.events {
        let class = event.reason.clone().unwrap_or_default();
        match event.kind {
            EventKind::PaymentReversed => {
                metrics::counter!("rondo_reversals_total", "class" => class).increment(1);
            }
            EventKind::PaymentReinstated => {
                metrics::counter!("rondo_reinstatements_total").increment(1);
            }
            _ => {}
        }
    }
}

/// Why a payment that was due was not charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoCharge {
    /// There is nothing that may be charged without the customer.
    NoMethod,
    /// The network's window is full (RULES RET-4).
    HeldBack,
}

/// What follows for payments that cannot be charged now: the customer is told at once, as after a
/// decline that says so.
pub(super) async fn not_charged(
    rondo: &Rondo,
    repo: &mut dyn Repository,
    merchant: &Merchant,
    times: Times,
    payments: &[(Payment, NoCharge)],
) -> Result<Changes, StoreError> {
    let mut changes = Changes::default();
    if payments.is_empty() {
        return Ok(changes);
    }
    let mut customers = BTreeSet::new();
    repo.lock_customers(merchant.id, &ids_of(payments, |(payment, _)| payment.customer)).await?;
    let ids = ids_of(payments, |(payment, _)| payment.id);
    let why: BTreeMap<_, _> = payments.iter().map(|(payment, why)| (payment.id, *why)).collect();
    for owed in standing::load_owed(repo, merchant, &ids, times.now).await? {
        // A customer's second one waits for the next turn, to see what the first one did.
        if customers.insert(owed.customer.id) {
            changes.append(match why[&owed.payment.id] {
                NoCharge::NoMethod => settle::without_method(owed, times.now, &rondo.mint),
                NoCharge::HeldBack => settle::held_back(owed, times.now, &rondo.mint),
            });
        }
    }
    let more = given_up_with(repo, merchant, &changes, times.now, &rondo.mint).await?;
    changes.append(more);
    Ok(changes)
}
