//! Daily reconciliation: a gateway's own list of what it took, held against what we have recorded, both
//! ways (RULES REC-1): what went back first, then what was taken. News that was lost is made up for; all
//! else is told to staff, but for a second charge of one attempt, which goes back.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use super::{
    Rondo, audit,
    index::by_id,
    news::{self, NotApplied},
    record::{self, Heard},
    resolve, standing,
    turn::{self, TurnError},
    whole_reason,
};
use crate::{
    domain::{
        ids::{Id, kind},
        money::Money,
        payment::{
            attempt::{Attempt, News as ChargeNews},
            reading::{Reading, Readings},
            reconcile::{Difference, Taking, of_our_refund, of_refund, of_reversal, of_taking},
            refund::{Refund, RefundState},
            settle,
        },
    },
    gateway::{ChargeTrace, Gateway, GatewayError, News, Outcome, Remedy, Sighting},
    store::{MerchantId, StoreError},
};

/// What was begun so shortly before is left to the next time: the gateway's list may not have it yet.
const SETTLES_WITHIN: TimeDelta = TimeDelta::hours(1);

/// What came of it for one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// The gateway account, by its name in the configuration.
    pub gateway: String,
    /// Charges that the gateway listed.
    pub listed: usize,
    /// Charges that we have recorded as paid.
    pub recorded: usize,
    /// Where the two differ, as they did before what follows from it was done.
    pub differences: Vec<Difference>,
}

/// Why an account could not be reconciled, or not all of it.
#[derive(Debug, Error)]
pub enum ReconcileError {
    /// No such account is configured.
    #[error("no gateway account is called {0}")]
    NoAccount(String),
    /// The gateway has no list, or did not answer.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What followed could not be recorded.
    #[error(transparent)]
    Record(#[from] TurnError),
    /// The gateway was asked after one charge, and did not tell.
    #[error("{attempt} could not be looked up")]
    LookUp {
        /// The charge.
        attempt: Id<kind::Attempt>,
        /// Why.
        source: GatewayError,
    },
    /// Something failed. All else was looked at, and what follows from it was done.
    #[error("not all could be looked at (differences in the rest: {})", found.differences.len())]
    InPart {
        /// What was found all the same.
        found: Box<Reconciliation>,
        /// What failed first.
        source: Box<ReconcileError>,
    },
}

/// What fails in one night. It keeps nothing else from being looked at, and the first of it is told.
#[derive(Debug)]
struct Failures<'a> {
    account: &'a str,
    first: Option<ReconcileError>,
}

impl Failures<'_> {
    /// What came of a step, if it did not fail.
    fn noted<T, E: Into<ReconcileError>>(&mut self, step: Result<T, E>) -> Option<T> {
        step.map_err(|error| {
            let (error, account) = (error.into(), self.account);
            tracing::warn!(account, reason = whole_reason(&error), "not looked at; all else is");
            self.first.get_or_insert(error);
        })
        .ok()
    }
}

/// The accounts that can be reconciled: those whose gateway has a list.
pub fn accounts(rondo: &Rondo) -> impl Iterator<Item = &str> {
    let has_list = rondo.gateways.iter().filter(|(_, g)| g.capabilities().has_statement);
    has_list.map(|(name, _)| name.as_str())
}

/// Whether `account` was last read to its end so long ago that its next reading cannot wait for the night
/// (RULES REC-1).
pub async fn is_overdue(rondo: &Rondo, account: &str) -> Result<bool, StoreError> {
    let last = rondo.store.snapshot().await?.readings(account).await?;
    Ok(Readings::are_overdue(last, rondo.clock.now()))
}

/// Reconciles what `account` took lately, as far back as must be for nothing to be missed: once a week that is all
/// that may still have come late. Where something fails, the next night begins where this one did.
pub async fn nightly(rondo: &Rondo, account: &str) -> Result<Reconciliation, ReconcileError> {
    let takes_late = rondo.gateways.get(account).is_some_and(|g| g.capabilities().late_success);
    let now = rondo.clock.now();
    let last = rondo.store.snapshot().await?.readings(account).await?;
    let reading = Reading::due(last, takes_late, now);
    let found = self::account(rondo, account, now - reading.since).await?;
    let mut repo = rondo.store.begin().await?;
    repo.keep_readings(account, reading.done(last, now)).await?;
    repo.commit().await?;
    Ok(found)
}

/// Reconciles what `account` took within `window` before now. What fails is told when all else is done.
pub async fn account(
    rondo: &Rondo,
    account: &str,
    window: TimeDelta,
) -> Result<Reconciliation, ReconcileError> {
    let gateway = rondo.gateways.get(account).cloned();
    let gateway = gateway.ok_or_else(|| ReconcileError::NoAccount(account.to_owned()))?;
    let until = rondo.clock.now() - SETTLES_WITHIN;
    let since = rondo.clock.now() - window;
    let mut found = Reconciliation {
        gateway: account.to_owned(),
        listed: 0,
        recorded: 0,
        differences: Vec::new(),
    };
    let mut failures = Failures { account, first: None };
    went_back(rondo, gateway.as_ref(), since, &mut found.differences, &mut failures).await;
    let seen = was_taken(rondo, gateway.as_ref(), since, &mut found, &mut failures).await;
    let unlisted = unlisted(rondo, account, since..until, &seen, &mut found).await;
    for attempt in failures.noted(unlisted).unwrap_or_default() {
        let is_there = look_up(rondo, gateway.as_ref(), &attempt, &mut found.differences).await;
        failures.noted(is_there);
    }
    for difference in &found.differences {
        let name = difference.name();
        metrics::counter!("rondo_differences_total", "difference" => name).increment(1);
    }
    match failures.first {
        None => Ok(found),
        Some(only) if found.differences.is_empty() => Err(only),
        Some(first) => {
            Err(ReconcileError::InPart { found: Box::new(found), source: Box::new(first) })
        }
    }
}

/// How often a page of a list is asked for. A list that is not read to its end counts for nothing, and has the more
/// pages the more nights were not whole.
const TRIES: usize = 4;

/// The page that `ask` asks for, once more where no usable answer came.
async fn patiently<T, Asking>(ask: impl Fn() -> Asking) -> Result<T, GatewayError>
where
    Asking: Future<Output = Result<T, GatewayError>>,
{
    let mut tries = 1;
    loop {
        match ask().await {
            Err(error) if tries < TRIES && error.remedy() != Remedy::TellStaff => {
                tracing::debug!(%error, tries, "the page is asked for again");
                tries += 1;
            }
            answer => return answer,
        }
    }
}

/// Holds what the gateway lists as taken against what is recorded. What it has listed.
async fn was_taken(
    rondo: &Rondo,
    gateway: &dyn Gateway,
    since: DateTime<Utc>,
    found: &mut Reconciliation,
    failures: &mut Failures<'_>,
) -> Seen {
    let account = failures.account;
    let mut seen = Seen { is_whole: true, ..Seen::default() };
    let (mut twice, mut otherwise) = (Vec::new(), Vec::new());
    let mut after = None;
    loop {
        let page = patiently(|| gateway.statement(since, after.as_deref())).await;
        let Some(page) = failures.noted(page) else {
            seen.is_whole = false;
            break;
        };
        found.listed += page.takings.len();
        let differing = compare(rondo, account, &page.takings, &mut seen).await;
        let differing = failures.noted(differing).unwrap_or_else(|| {
            seen.is_whole = false;
            Vec::new()
        });
        for (taking, attempt, difference) in differing {
            match attempt {
                Some(first) if matches!(difference, Difference::TakenTwice { .. }) => {
                    twice.push((taking, first));
                }
                Some(known) if matches!(difference, Difference::ReturnedOtherwise { .. }) => {
                    otherwise.push((known.merchant, difference.clone()));
                }
                attempt => {
                    let followed = follow(rondo, account, &taking, attempt, &difference).await;
                    failures.noted(followed);
                }
            }
            found.differences.push(difference);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    for (taking, first) in twice {
        failures.noted(taken_twice(rondo, account, &taking, &first, &seen).await);
    }
    if failures.first.is_none() {
        for (merchant, difference) in otherwise {
            failures.noted(tell(rondo, Some(merchant), account, &difference).await);
        }
    }
    // Else what went back may not have been heard for that reason, and the next night tells what is left.
    seen
}

/// What is recorded as taken and is not on the gateway's list: nothing can be missed on one that was not
/// read to its end.
async fn unlisted(
    rondo: &Rondo,
    account: &str,
    begun: Range<DateTime<Utc>>,
    seen: &Seen,
    found: &mut Reconciliation,
) -> Result<Vec<Attempt>, StoreError> {
    let mut repo = rondo.store.snapshot().await?;
    let mut unlisted = repo.taken_through(account, begun.start, rondo.clock.now()).await?;
    found.recorded = unlisted.len();
    unlisted.retain(|attempt| seen.is_whole && !seen.attempts.contains(attempt));
    let mut unlisted = repo.attempts_through(account, &unlisted).await?;
    // A second charge is listed in the name of the first one's attempt.
    let is_listed =
        |attempt: &Attempt| attempt.reference.as_ref().is_some_and(|r| seen.references.contains(r));
    // What was begun just now the list may not have yet.
    unlisted.retain(|attempt| attempt.key_born_at <= begun.end && !is_listed(attempt));
    Ok(unlisted)
}

/// Looks up what a list lacks: it may be short of what a look-up still finds.
async fn look_up(
    rondo: &Rondo,
    gateway: &dyn Gateway,
    attempt: &Attempt,
    differences: &mut Vec<Difference>,
) -> Result<(), ReconcileError> {
    let sighting = gateway.find_charge(&ChargeTrace::of(attempt)).await;
    let looked = |source| ReconcileError::LookUp { attempt: attempt.id, source };
    match sighting.map_err(looked)? {
        Sighting::Found(Outcome::Paid(_)) => Ok(()),
        Sighting::Found(_) | Sighting::NotFound => {
            let difference = Difference::NotThere { attempt: attempt.id };
            differences.push(difference.clone());
            Ok(tell(rondo, Some(attempt.merchant), &attempt.gateway, &difference).await?)
        }
    }
}

/// Records what went back without our having heard of it.
async fn went_back(
    rondo: &Rondo,
    gateway: &dyn Gateway,
    since: DateTime<Utc>,
    differences: &mut Vec<Difference>,
    failures: &mut Failures<'_>,
) {
    let account = failures.account;
    let mut after = None;
    loop {
        let page = patiently(|| gateway.returns(since, after.as_deref())).await;
        let Some(page) = failures.noted(page) else { return };
        for news in page.news {
            let unheard = unheard(rondo, account, &news).await;
            let Some((merchant, difference)) = failures.noted(unheard).flatten() else {
                continue;
            };
            match news::hear(rondo, account, news).await {
                Ok(()) => {}
                Err(NotApplied::Later(error)) => {
                    failures.noted::<(), _>(Err(error));
                }
                Err(NotApplied::Because(reason)) => {
                    tracing::warn!(account, %difference, reason, "not recorded");
                    failures.noted(tell(rondo, Some(merchant), account, &difference).await);
                }
            }
            differences.push(difference);
        }
        after = page.next;
        if after.is_none() {
            return;
        }
    }
}

/// Whether what a gateway lists is not recorded yet, and whose it is.
async fn unheard(
    rondo: &Rondo,
    account: &str,
    news: &News,
) -> Result<Option<(MerchantId, Difference)>, StoreError> {
    let mut repo = rondo.store.snapshot().await?;
    match news {
        News::Reversal { attempt, charge, reversal } => {
            let known = repo.attempt_by_gateway(account, *attempt, charge).await?;
            Ok(known.and_then(|known| Some((known.merchant, of_reversal(reversal, &known)?))))
        }
        News::ForeignRefund(told) => {
            let known = repo.attempt_by_gateway(account, told.attempt, &told.charge).await?;
            let Some(known) = known else { return Ok(None) };
            let refunds = repo.refunds_of_payments(known.merchant, &[known.payment]).await?;
            let difference = of_refund(told, &known, &refunds);
            Ok(difference.map(|difference| (known.merchant, difference)))
        }
        News::Refund { refund: Some(ours), outcome } => {
            let Some(refund) = repo.refund_by_id(*ours).await? else { return Ok(None) };
            let charged = repo.attempts(refund.merchant, &[refund.attempt]).await?;
            // Another account's list says nothing of it (RULES WIN-6).
            let is_through = charged.iter().any(|attempt| attempt.gateway == account);
            let difference = of_our_refund(outcome.state(), &refund).filter(|_| is_through);
            Ok(difference.map(|difference| (refund.merchant, difference)))
        }
        News::Refund { refund: None, .. }
        | News::Charge { .. }
        | News::Setup { .. }
        | News::MethodUpdated(_) => Ok(None),
    }
}

/// What the list has shown so far.
#[derive(Debug, Default)]
struct Seen {
    attempts: BTreeSet<Id<kind::Attempt>>,
    references: BTreeSet<String>,
    /// Whether all of it was read.
    is_whole: bool,
}

/// The takings of a page that differ from what we have recorded.
async fn compare(
    rondo: &Rondo,
    account: &str,
    takings: &[Taking],
    seen: &mut Seen,
) -> Result<Vec<(Taking, Option<Attempt>, Difference)>, StoreError> {
    let ids: Vec<_> = takings.iter().filter_map(|taking| taking.attempt).collect();
    let mut repo = rondo.store.snapshot().await?;
    let mut attempts = repo.attempts_through(account, &ids).await?;
    let mut second = BTreeMap::new();
    for taking in takings.iter().filter(|taking| is_of_another_charge(taking, &attempts)) {
        let known = repo.attempt_by_gateway(account, None, &taking.reference).await?;
        second.extend(known.map(|known| (taking.reference.as_str(), known)));
    }
    attempts.extend(second.values().cloned());
    let mut refunds = Vec::new();
    let mut payments: BTreeMap<MerchantId, Vec<_>> = BTreeMap::new();
    for attempt in &attempts {
        payments.entry(attempt.merchant).or_default().push(attempt.payment);
    }
    for (merchant, payments) in payments {
        refunds.append(&mut repo.refunds_of_payments(merchant, &payments).await?);
    }
    let attempts = by_id(attempts, |attempt| attempt.id);
    Ok(takings
        .iter()
        .filter_map(|taking| {
            let named = || taking.attempt.and_then(|id| attempts.get(&id));
            let attempt = second.get(taking.reference.as_str()).or_else(named);
            seen.attempts.extend(taking.attempt);
            seen.attempts.extend(attempt.map(|attempt| attempt.id));
            seen.references.insert(taking.reference.clone());
            let difference = of_taking(taking, attempt, &refunds)?;
            Some((taking.clone(), attempt.cloned(), difference))
        })
        .collect())
}

/// Whether a taking is of another charge than the one that its attempt is known to have made, or of none
/// that is known by the name that it bears.
fn is_of_another_charge(taking: &Taking, attempts: &[Attempt]) -> bool {
    let named = attempts.iter().find(|attempt| Some(attempt.id) == taking.attempt);
    named.is_none_or(|attempt| {
        attempt.state.took_money() && attempt.reference.as_ref() != Some(&taking.reference)
    })
}

/// Gives the second charge of one attempt back, where the gateway lists both and nothing of either went
/// back yet. Anything less is staff's to decide: what is one charge under two names must not be given
/// back, nor the only one that is left. Staff is told in any case (RULES CHG-7).
async fn taken_twice(
    rondo: &Rondo,
    account: &str,
    taking: &Taking,
    first: &Attempt,
    seen: &Seen,
) -> Result<(), ReconcileError> {
    let is_listed = first.reference.as_ref().is_some_and(|known| seen.references.contains(known));
    let went_back =
        taking.returned.is_positive() || taking.taken_back.is_some_and(Money::is_positive);
    if is_listed && !went_back {
        give_second_back(rondo, account, taking, first).await?;
    }
    let (attempt, reference) = (first.id, taking.reference.clone());
    let difference = Difference::TakenTwice { attempt, reference };
    Ok(tell(rondo, Some(first.merchant), account, &difference).await?)
}

async fn give_second_back(
    rondo: &Rondo,
    account: &str,
    taking: &Taking,
    first: &Attempt,
) -> Result<(), StoreError> {
    let mut repo = rondo.store.begin().await?;
    let Some(merchant) = repo.merchant(first.merchant).await? else { return Ok(()) };
    repo.lock_customers(merchant.id, &[first.customer]).await?;
    let second = repo.attempt_by_gateway(account, None, &taking.reference).await?;
    let now = rondo.times(&merchant).now;
    let standing = standing::load(repo.as_mut(), &merchant, &[first.id], now).await?;
    let goes_back =
        |refund: &Refund| refund.attempt == first.id && refund.state != RefundState::Failed;
    for (_, standing) in standing {
        // Another replica was faster, or staff gave the first one back.
        if second.is_some() || standing.owed.refunds.iter().any(goes_back) {
            return Ok(());
        }
        let settled = settle::taken_twice(standing, &taking.paid(), now, &rondo.mint);
        repo.write(settled.expect("another amount is another difference").changes).await?;
    }
    repo.commit().await
}

/// Makes up for lost news, and tells staff of the rest.
async fn follow(
    rondo: &Rondo,
    account: &str,
    taking: &Taking,
    attempt: Option<Attempt>,
    difference: &Difference,
) -> Result<(), ReconcileError> {
    let is_news = matches!(difference, Difference::NotHeard { .. });
    let merchant = attempt.as_ref().map(|attempt| attempt.merchant);
    let Some(attempt) = attempt.filter(|_| is_news) else {
        return Ok(tell(rondo, merchant, account, difference).await?);
    };
    let mut repo = rondo.store.snapshot().await?;
    let merchant = repo.merchant(attempt.merchant).await?;
    drop(repo);
    let Some(merchant) = merchant else { return Ok(()) };
    // A look-up tells more of the card; the list counts also if nobody answers.
    resolve::ask_again(rondo, &merchant, attempt.id).await?;
    let heard = Heard::news(attempt.id, ChargeNews::Paid(taking.paid()));
    Ok(record::record(rondo, &merchant, vec![heard]).await?)
}

/// Tells staff: of the merchant whose attempt it is, else of one that goes by the account.
async fn tell(
    rondo: &Rondo,
    merchant: Option<MerchantId>,
    account: &str,
    difference: &Difference,
) -> Result<(), StoreError> {
    let mut repo = rondo.store.begin().await?;
    let concerned = if let Some(merchant) = merchant {
        repo.merchant(merchant).await?
    } else {
        let merchants = audit::merchants(repo.as_mut()).await?;
        merchants.into_iter().find(|known| known.goes_by(account))
    };
    let Some(merchant) = &concerned else {
        tracing::error!(account, %difference, "nobody goes by this gateway account");
        return Ok(());
    };
    let times = rondo.times(merchant);
    let (object, reason) = (difference.object(), difference.to_string());
    turn::tell_staff(repo.as_mut(), merchant, times, &object, &reason).await?;
    repo.commit().await
}
