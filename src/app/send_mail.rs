//! Sends the mails that are due. A dead mail server delays mails and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;

use super::{
    Rondo, letter,
    papers::Papers,
    turn::{self, TurnError},
    whole_reason,
};
use crate::{
    domain::{
        changes::Changes,
        merchant::Merchant,
        notice::{Notice, NoticeState},
        payment::rules::RuleBook,
    },
    mail::{self, MailError, Outgoing, Overrides, Remedy},
    store::{Dunned, Repository, StoreError, Times, Work},
};

/// Mails of a batch that are sent one after the other.
const MAILS_EACH: usize = 8;

/// Sends up to `limit` due mails of `merchant`. How many were due.
pub async fn turn(rondo: &Rondo, merchant: &Merchant, limit: usize) -> Result<usize, TurnError> {
    // A batch is small enough to be sent within its lease, unless the mail server hangs.
    let limit = limit.min(rondo.pace.mails_in_flight * MAILS_EACH);
    let (count, notices, papers) = claim(rondo, merchant, limit).await?;
    let sent = futures::stream::iter(notices)
        .map(|notice| send(rondo, merchant, &papers, notice))
        .buffer_unordered(rondo.pace.mails_in_flight)
        .ready_chunks(rondo.pace.mails_in_flight);
    // What the server took is recorded as it goes, so that little is sent again after a crash.
    turn::record_each(sent, |group| record(rondo, merchant, group)).await?;
    Ok(count)
}

/// Leases what is due, so that no other worker sends it too.
async fn claim(
    rondo: &Rondo,
    merchant: &Merchant,
    limit: usize,
) -> Result<(usize, Vec<Notice>, Papers), TurnError> {
    let times = rondo.times(merchant);
    let mut repo = rondo.store.begin().await?;
    let claim = repo.claim_due_notices(merchant.id, times, limit).await?;
    turn::set_broken_aside(repo.as_mut(), merchant, Work::SendMail, times, &claim.broken).await?;
    let count = claim.rows.len() + claim.broken.len();
    let objects: Vec<_> = claim.rows.iter().map(|notice| notice.id.to_string()).collect();
    let poisoned = |error: StoreError| TurnError::of(objects.clone(), error.into());
    let papers =
        Papers::load(repo.as_mut(), merchant, &claim.rows, times.world).await.map_err(poisoned)?;
    let (now, later) =
        spaced(repo.as_mut(), merchant, &papers, claim.rows, times).await.map_err(poisoned)?;
    repo.write(Changes { notices: later, ..Changes::default() }).await.map_err(poisoned)?;
    let leased: Vec<_> = now
        .into_iter()
        .map(|notice| Notice {
            leased_until: Some(rondo.mail_lease_until(times.world)),
            tries: notice.tries + 1,
            ..notice
        })
        .collect();
    let changes = Changes { notices: leased.clone(), ..Changes::default() };
    repo.write(changes).await.map_err(poisoned)?;
    repo.commit().await?;
    let read = leased.into_iter().map(Notice::as_written).collect();
    Ok((count, read, papers))
}

/// What leaves now, and what is put off: no dunning mail within a day of another one to the same member,
/// however long the mail server was away (RULES EML-5). One that another worker is sending counts as
/// sent now: members are locked, so that of two workers the second sees what the first one took. What
/// will not be sent puts nothing off.
async fn spaced(
    repo: &mut dyn Repository,
    merchant: &Merchant,
    papers: &Papers,
    due: Vec<Notice>,
    times: Times,
) -> Result<(Vec<Notice>, Vec<Notice>), StoreError> {
    let spacing = RuleBook::at(times.now.date_naive()).mail_spacing();
    let duns = |notice: &Notice| notice.facts.is_dunning() && is_still_to_be_sent(papers, notice);
    let dunning = due.iter().filter(|notice| duns(notice));
    let customers: BTreeSet<_> = dunning.map(|notice| notice.customer).collect();
    if customers.is_empty() {
        return Ok((due, Vec::new()));
    }
    let customers: Vec<_> = customers.into_iter().collect();
    repo.lock_customers(merchant.id, &customers).await?;
    let dunned = repo.last_dunning_mails(merchant.id, &customers).await?;
    let last_of = |dunned: Dunned| {
        let is_being_told = dunned.leased_until.is_some_and(|until| until > times.world);
        let last = if is_being_told { Some(times.now) } else { dunned.sent_at };
        Some((dunned.customer, last?))
    };
    let mut last: BTreeMap<_, _> = dunned.into_iter().filter_map(last_of).collect();
    let (mut now, mut later) = (Vec::new(), Vec::new());
    for mut notice in due {
        if !duns(&notice) {
            now.push(notice);
            continue;
        }
        let free_at = last.get(&notice.customer).map_or(times.now, |last| *last + spacing);
        if free_at > times.now {
            notice.due_at = Some(free_at);
            later.push(notice);
        } else {
            last.insert(notice.customer, times.now);
            now.push(notice);
        }
    }
    Ok((now, later))
}

/// Whether a mail still tells something, to someone who can be told.
fn is_still_to_be_sent(papers: &Papers, notice: &Notice) -> bool {
    papers.is_true(notice) && !papers.is_suppressed(notice)
}

/// What became of a mail.
#[derive(Clone)]
struct Sent {
    notice: Notice,
    /// The address, if it takes no more.
    dead_address: Option<String>,
    for_staff: Option<String>,
}

impl Sent {
    fn of(notice: Notice) -> Self {
        Self { notice, dead_address: None, for_staff: None }
    }
}

/// What was read longer ago than this is read again before a customer is told of a debt: they may have paid
/// while the mails before were sent.
const READ_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(15);

/// Whether a mail is left to the next batch, which reads again what it says.
fn is_stale(rondo: &Rondo, papers: &Papers, notice: &Notice) -> bool {
    notice.facts.is_dunning() && rondo.clock.now() >= papers.read_at + READ_AGAIN_AFTER
}

async fn send(rondo: &Rondo, merchant: &Merchant, papers: &Papers, mut notice: Notice) -> Sent {
    let leased_until = notice.leased_until.take();
    if !is_still_to_be_sent(papers, &notice) {
        notice.state = NoticeState::Superseded;
        notice.due_at = None;
        return Sent::of(notice);
    }
    let may_begin = leased_until.is_some_and(|until| rondo.may_begin_mail(until));
    if !may_begin || is_stale(rondo, papers, &notice) {
        // Others may soon take this worker for dead: it is left to them.
        notice.tries -= 1;
        return Sent::of(notice);
    }
    let begun = rondo.times(merchant).now;
    let answer = match compose(rondo, merchant, papers, &notice, begun) {
        Ok(outgoing) => rondo.mailer.send(&outgoing).await.map(|_| ()),
        Err(error) => Err(error),
    };
    let now = rondo.times(merchant).now;
    let result = if answer.is_ok() { "sent" } else { "failed" };
    metrics::counter!("rondo_mails_total", "kind" => notice.facts.kind(), "result" => result)
        .increment(1);
    match answer {
        Ok(()) => {
            notice.state = NoticeState::Sent;
            notice.due_at = None;
            notice.sent_at = Some(now);
            Sent::of(notice)
        }
        Err(error) => {
            let address = papers.customer(&notice).email.clone();
            refused(notice, &error, address, now)
        }
    }
}

fn compose(
    rondo: &Rondo,
    merchant: &Merchant,
    papers: &Papers,
    notice: &Notice,
    now: DateTime<Utc>,
) -> Result<Outgoing, MailError> {
    let envelope = papers.envelope(rondo, merchant, notice)?;
    let message = letter::write(rondo, merchant, papers, notice)?;
    let ours = Overrides::default();
    let words = rondo.words.get(&merchant.id).unwrap_or(&ours);
    let rendered = mail::render(&message, &envelope, words)?;
    Outgoing::new(notice.id, message.kind(), rendered, &envelope, now)
}

fn refused(mut notice: Notice, error: &MailError, address: String, now: DateTime<Utc>) -> Sent {
    notice.failure = Some(error.to_string());
    let is_given_up = mail::backoff::is_given_up(notice.created_at, now);
    match error.remedy() {
        Remedy::Retry if !is_given_up => {
            tracing::debug!(mail = %notice.id, %error, "the mail waits");
            let seed = notice.id.uuid().as_u64_pair().1;
            let wait = TimeDelta::from_std(mail::backoff(notice.tries, seed)).unwrap_or_default();
            notice.due_at = Some(now + wait);
            Sent::of(notice)
        }
        // What is kept for staff is lost to nobody: they put it back when the relay is well again.
        Remedy::Retry | Remedy::TellStaff => {
            let reason = whole_reason(error);
            notice.due_at = Some(now);
            Sent { for_staff: Some(reason), ..Sent::of(notice) }
        }
        Remedy::SuppressAddress => {
            notice.state = NoticeState::Failed;
            notice.due_at = None;
            Sent { dead_address: Some(address), ..Sent::of(notice) }
        }
    }
}

/// How often a recording that met the database's trouble is tried. Mails cannot be taken back: what is not
/// recorded is sent once more when its lease has run out.
const TRIES: usize = 5;

/// Records what became of some mails, one by one where one of them cannot be recorded.
async fn record(rondo: &Rondo, merchant: &Merchant, sent: Vec<Sent>) -> Result<(), TurnError> {
    let mut tries = 0;
    loop {
        match Box::pin(record_once(rondo, merchant, sent.clone())).await {
            Err(TurnError::Later(error)) => {
                tries += 1;
                if tries == TRIES {
                    return Err(TurnError::Later(error));
                }
            }
            Err(TurnError::Poisoned { .. }) if sent.len() > 1 => {
                let mut first_failure = Ok(());
                for one in sent {
                    let recorded = Box::pin(record(rondo, merchant, vec![one])).await;
                    first_failure = first_failure.and(recorded);
                }
                return first_failure;
            }
            recorded => return recorded,
        }
    }
}

async fn record_once(
    rondo: &Rondo,
    merchant: &Merchant,
    mut sent: Vec<Sent>,
) -> Result<(), TurnError> {
    let times = rondo.times(merchant);
    let mut repo = rondo.store.begin().await?;
    let dead: BTreeSet<_> = sent
        .iter()
        .filter(|sent| sent.dead_address.is_some())
        .map(|sent| sent.notice.customer)
        .collect();
    let dead: Vec<_> = dead.into_iter().collect();
    let mut customers = repo.customers(merchant.id, &dead).await?;
    for Sent { notice, dead_address, .. } in &mut sent {
        let Some(address) = dead_address else { continue };
        let Some(customer) = customers.iter_mut().find(|one| one.id == notice.customer) else {
            continue;
        };
        if customer.email == *address {
            customer.email_suppressed = true;
        } else {
            // They have another one by now, and no mail of ours has come there.
            notice.state = NoticeState::Queued;
            notice.due_at = Some(times.now);
        }
    }
    customers.retain(|customer| customer.email_suppressed);
    let objects = sent.iter().map(|sent| sent.notice.id.to_string()).collect();
    let for_staff: Vec<_> = sent
        .iter()
        .filter_map(|sent| Some((sent.notice.id.to_string(), sent.for_staff.clone()?)))
        .collect();
    let notices = sent.into_iter().map(|sent| sent.notice).collect();
    let changes = Changes { customers, notices, ..Changes::default() };
    repo.write(changes).await.map_err(|error| TurnError::of(objects, error.into()))?;
    for (object, reason) in for_staff {
        turn::set_aside(repo.as_mut(), merchant, Work::SendMail, times, &object, &reason).await?;
    }
    repo.commit().await?;
    Ok(())
}
