//! Paying on the gateway's own page: the attempt is committed before the page is opened, and its
//! address is kept before anyone is sent there (RULES CHG-2). Asked for twice, or in two tabs, there
//! is one attempt and one page.

use crate::{
    app::{
        Act, Result, Rondo, accounts,
        record::{self, Heard},
        resolve,
        restored::{self, Asked, Looked},
        turn,
    },
    domain::{
        changes::Changes,
        ids::{Id, kind},
        merchant::Merchant,
        money::Money,
        payment::{
            PaymentState,
            attempt::{Attempt, AttemptState, Initiator, News},
            decline::Network,
            probe,
        },
        version::Version,
    },
    gateway::{CheckoutOrder, HostedPage, Remedy},
    store::{StoreError, Work},
};

use super::{
    TRIES, may_try_again, told,
    view::{Bill, Stage, is_unreached},
};

/// What came of the wish to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// The payer goes there.
    At(String),
    /// It is not to be paid, or not so. Nothing was charged.
    NotNow(Obstacle),
}

/// Why a payment was not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Nothing is owed.
    Settled,
    /// A payment is under way: paying again could pay twice.
    UnderWay,
    /// We are about to take it by ourselves.
    Planned,
    /// The gateway's page did not open; another try may.
    Unreachable,
    /// This merchant's gateway does not offer that.
    NotOffered,
}

/// The wish to pay one invoice on the gateway's page.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Which.
    pub invoice: Id<kind::Invoice>,
    /// Whether the card is to be kept for later payments; the payer ticked it.
    pub store_method: bool,
    /// Where the payer comes back to.
    pub return_url: String,
}

/// Opens the gateway's page for an invoice, or finds the one that is open already.
pub async fn start_checkout(rondo: &Rondo, merchant: &Merchant, wish: &Wish) -> Result<Started> {
    for _ in 0..TRIES {
        match begin(rondo, merchant, wish).await {
            Ok(Begun::Ended(started)) => return Ok(started),
            Ok(Begun::Cleared) => {}
            Ok(Begun::Committed { attempt, order }) => {
                return open_page(rondo, merchant, &attempt, &order).await;
            }
            // Someone else was faster: what they did is seen next time round.
            Err(error) if may_try_again(&error) || is_second_attempt(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Started::NotNow(Obstacle::UnderWay))
}

enum Begun {
    /// There is nothing to send.
    Ended(Started),
    /// An attempt that led nowhere was closed; begin anew.
    Cleared,
    /// The intent stands; the page may be opened.
    Committed { attempt: Box<Attempt>, order: Box<CheckoutOrder> },
}

async fn begin(rondo: &Rondo, merchant: &Merchant, wish: &Wish) -> Result<Begun> {
    let mut repo = rondo.store.begin().await?;
    let mut act = Act::new(repo.as_mut(), merchant, rondo.clock.now(), &rondo.mint);
    let invoice = act.invoice(wish.invoice).await?;
    let Some(bill) = Bill::read(&mut act, &invoice).await? else {
        return Ok(Begun::Ended(Started::NotNow(Obstacle::Settled)));
    };
    let not_now = |obstacle| Ok(Begun::Ended(Started::NotNow(obstacle)));
    match bill.stage(rondo, merchant, act.times) {
        Stage::Paid { .. } | Stage::TakenBack | Stage::WrittenOff => {
            return not_now(Obstacle::Settled);
        }
        Stage::Planned { .. } => return not_now(Obstacle::Planned),
        Stage::UnderWay(_) => return not_now(Obstacle::UnderWay),
        Stage::GoOn { url } => return Ok(Begun::Ended(Started::At(url))),
        Stage::Payable { by_page: false, .. } => return not_now(Obstacle::NotOffered),
        Stage::Payable { by_page: true, .. } => {}
    }
    if let Some(lost) = bill.open_attempt().filter(|a| is_unreached(a, act.times)).cloned() {
        close(&mut act, bill, lost, AttemptState::NotExecuted).await?;
        repo.commit().await?;
        return Ok(Begun::Cleared);
    }
    let (changes, attempt, order) = intend(rondo, &act, &bill, wish);
    act.write(changes).await?;
    repo.commit().await?;
    Ok(Begun::Committed { attempt: Box::new(attempt), order: Box::new(order) })
}

fn intend(
    rondo: &Rondo,
    act: &Act<'_>,
    bill: &Bill,
    wish: &Wish,
) -> (Changes, Attempt, CheckoutOrder) {
    let mut payment = bill.owed.payment.clone();
    payment.state = PaymentState::Collecting;
    payment.collect_at = None;
    payment.attempts += 1;
    let invoice = &bill.owed.invoice;
    let id = payment.attempt_id();
    let attempt = Attempt {
        merchant: payment.merchant,
        id,
        payment: payment.id,
        invoice: invoice.id,
        customer: payment.customer,
        method: None,
        credential: None,
        request_hash: None,
        gateway: act.merchant.gateway.clone(),
        amount: invoice.open_amount(),
        applied: Money::zero(invoice.total.currency()),
        reversed: Money::zero(invoice.total.currency()),
        reversals: Vec::new(),
        initiator: Initiator::Customer,
        state: AttemptState::InFlight,
        reference: None,
        decline: None,
        network: Network::Other,
        // Which card it will be is not known: it counts for the invoice alone (RULES RET-1).
        card_key: format!("page:{id}"),
        action_url: None,
        store_method: wish.store_method,
        sent_at: act.now(),
        key_born_at: act.times.world,
        last_sent_at: act.now(),
        leased_until: Some(rondo.lease_until(act.times.world)),
        probe_at: None,
        probes: 0,
        asked_at: None,
        not_found_at: None,
        settled_at: None,
        version: Version::NEW,
    };
    let known = bill.owed.primary.as_ref().filter(|m| m.gateway == act.merchant.gateway);
    let order = CheckoutOrder {
        attempt: id,
        invoice: invoice.id,
        amount: attempt.amount,
        customer_reference: known.and_then(|method| method.customer_reference.clone()),
        store_method: wish.store_method,
        description: invoice.number.clone().unwrap_or_else(|| invoice.id.to_string()),
        return_url: wish.return_url.clone(),
    };
    let changes =
        Changes { payments: vec![payment], attempts: vec![attempt.clone()], ..Changes::default() };
    (changes, attempt, order)
}

async fn open_page(
    rondo: &Rondo,
    merchant: &Merchant,
    attempt: &Attempt,
    order: &CheckoutOrder,
) -> Result<Started> {
    let gateway = accounts::page_maker(rondo, merchant, &attempt.gateway);
    if let Ok(port) = &gateway {
        let asked = Asked {
            account: &attempt.gateway,
            attempt: attempt.id,
            invoice: attempt.invoice,
            customer_reference: order.customer_reference.as_deref(),
        };
        match restored::look_first(rondo, *port, asked).await {
            Looked::Free => {}
            Looked::Found { attempt: found, news }
                if found == attempt.id && matches!(*news, News::ActionRequired { .. }) => {}
            Looked::Found { news, .. } => {
                let started = match &*news {
                    // A page that is forgotten and still open: a second one beside it could be paid too.
                    News::ActionRequired { url: Some(url), .. } => Started::At(url.clone()),
                    News::Declined { .. } => Started::NotNow(Obstacle::Unreachable),
                    _ => Started::NotNow(Obstacle::UnderWay),
                };
                let heard = Heard::news(attempt.id, *news);
                record::record(rondo, merchant, vec![heard]).await.map_err(told)?;
                return Ok(started);
            }
            Looked::NotNow => {
                give_up(rondo, merchant, attempt.id, AttemptState::Rejected).await?;
                return Ok(Started::NotNow(Obstacle::Unreachable));
            }
        }
    }
    let answer = match gateway {
        Ok(gateway) => gateway.checkout(order).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(page) => keep_address(rondo, merchant, attempt.id, page).await,
        Err(error) => {
            tracing::warn!(attempt = %attempt.id, %error, "the gateway's page did not open");
            let state = match error.remedy() {
                // The page may exist, but nobody knows where: nothing can be paid on it.
                Remedy::ResolveFirst => AttemptState::NotExecuted,
                Remedy::SendSameKeyAgain | Remedy::TellStaff => AttemptState::Rejected,
            };
            give_up(rondo, merchant, attempt.id, state).await?;
            Ok(Started::NotNow(Obstacle::Unreachable))
        }
    }
}

/// Keeps the page's address, and only then tells it.
async fn keep_address(
    rondo: &Rondo,
    merchant: &Merchant,
    attempt: Id<kind::Attempt>,
    page: HostedPage,
) -> Result<Started> {
    for _ in 0..TRIES {
        let mut repo = rondo.store.begin().await?;
        let mut act = Act::new(repo.as_mut(), merchant, rondo.clock.now(), &rondo.mint);
        let Some(mut attempt) = read(&mut act, attempt).await? else { break };
        match attempt.state {
            AttemptState::InFlight | AttemptState::Unknown => {}
            // Whoever asked after it meanwhile has learned the address too.
            AttemptState::ActionRequired => return Ok(Started::At(page.url)),
            AttemptState::Succeeded
            | AttemptState::Reversed
            | AttemptState::Declined
            | AttemptState::Rejected
            | AttemptState::NotExecuted
            | AttemptState::Pending => break,
        }
        attempt.state = AttemptState::ActionRequired;
        attempt.reference = Some(page.reference.clone());
        attempt.action_url = Some(page.url.clone());
        attempt.leased_until = None;
        attempt.probes = 0;
        attempt.probe_at = probe::next(&attempt, act.now());
        let changes = Changes { attempts: vec![attempt], ..Changes::default() };
        match act.write(changes).await {
            Ok(()) => {
                repo.commit().await?;
                return Ok(Started::At(page.url));
            }
            Err(error) if may_try_again(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Started::NotNow(Obstacle::UnderWay))
}

async fn give_up(
    rondo: &Rondo,
    merchant: &Merchant,
    attempt: Id<kind::Attempt>,
    state: AttemptState,
) -> Result<()> {
    let mut repo = rondo.store.begin().await?;
    let mut act = Act::new(repo.as_mut(), merchant, rondo.clock.now(), &rondo.mint);
    let Some(known) = read(&mut act, attempt).await? else { return Ok(()) };
    act.repo.lock_customers(merchant.id, &[known.customer]).await?;
    let Some(attempt) = read(&mut act, attempt).await? else { return Ok(()) };
    let is_as_we_left_it = attempt.state == AttemptState::InFlight && attempt.reference.is_none();
    let invoice = act.invoice(attempt.invoice).await?;
    let bill = Bill::read(&mut act, &invoice).await?.filter(|_| is_as_we_left_it);
    let Some(bill) = bill else { return Ok(()) };
    close(&mut act, bill, attempt, state).await?;
    Ok(repo.commit().await?)
}

/// Closes an attempt whose page nobody saw. The payment is where it was before.
async fn close(
    act: &mut Act<'_>,
    bill: Bill,
    mut attempt: Attempt,
    state: AttemptState,
) -> Result<()> {
    attempt.state = state;
    attempt.leased_until = None;
    attempt.probe_at = None;
    attempt.settled_at = Some(act.now());
    // Staff may have been told already that nobody knows what became of it.
    let off_list = [attempt.id.to_string()];
    act.repo.take_off_list(act.merchant_id(), Work::Resolve, &off_list).await?;
    let mut owed = bill.owed;
    let mut changes = Changes { attempts: vec![attempt], ..Changes::default() };
    let mut to_put_back = None;
    if owed.invoice.open_amount().is_positive() {
        to_put_back = owed.rest(&mut changes, act.now(), act.mint);
    } else {
        owed.payment.state = PaymentState::Abandoned;
        owed.payment.collect_at = None;
    }
    let object = owed.payment.id.to_string();
    changes.payments.push(owed.payment);
    act.write(changes).await?;
    if let Some(reason) = to_put_back {
        turn::set_aside(act.repo, act.merchant, Work::Collect, act.times, &object, &reason).await?;
    }
    Ok(())
}

async fn read(act: &mut Act<'_>, attempt: Id<kind::Attempt>) -> Result<Option<Attempt>> {
    let found = act.repo.attempts(act.merchant_id(), &[attempt]).await?;
    Ok(found.into_iter().next())
}

/// Whether the schema refused a second open attempt for the invoice (RULES CHG-1).
fn is_second_attempt(error: &crate::app::AppError) -> bool {
    matches!(error, crate::app::AppError::Store(StoreError::Duplicate { .. }))
}

/// The payer came back, or wants to know: asks the gateway, and believes nothing else.
pub async fn finish(rondo: &Rondo, merchant: &Merchant, invoice: Id<kind::Invoice>) -> Result<()> {
    let mut repo = rondo.store.snapshot().await?;
    let payments = repo.payments_of_invoices(merchant.id, &[invoice]).await?;
    let payments: Vec<_> = payments.iter().map(|payment| payment.id).collect();
    let attempts = repo.attempts_of_payments(merchant.id, &payments).await?;
    drop(repo);
    for attempt in attempts.iter().filter(|attempt| attempt.state.is_open()) {
        resolve::ask_now(rondo, merchant, attempt.id).await.map_err(told)?;
    }
    Ok(())
}
