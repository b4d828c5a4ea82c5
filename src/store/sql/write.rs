//! The write: everything that a decision changes, in one statement per table.
//!
//! What must be serial is kept short: numbers of invoices and places of events are taken for the
//! whole batch, just before the last statements, so that the counters are locked for a moment only.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row as _;

use super::{
    super::{Connection, fault},
    event,
    ledger::PostingRow,
    row,
    statement::{Statement, statements},
    stuck,
};
use crate::{
    domain::{
        changes::Changes,
        event::Event,
        invoice::Invoice,
        merchant::TestClock,
        payment::{PaymentState, refund::RefundState},
    },
    store::{MerchantId, Result, Work},
};

statements! {
    TAKE = "
        insert into counter (merchant_id, series, value)
        values ($1, $2, $3)
        on conflict (merchant_id, series) do update
        set value = counter.value + excluded.value
        returning value";

    INVOICE_PREFIX = "
        select invoice_prefix
        from merchant
        where merchant_id = $1";
}

/// Writes all of `changes`; tells which loops have new work.
pub async fn write(connection: &mut Connection, mut changes: Changes) -> Result<BTreeSet<Work>> {
    let mut wakes = due_work(&changes);
    let going_on = going_on(&changes);
    // An attempt that is over makes room for the next one of its invoice, and so does a case.
    changes.attempts.sort_by_key(|attempt| attempt.state.is_open());
    changes.dunning_cases.sort_by_key(|case| case.closed_at.is_none());
    let rung: BTreeSet<_> = changes
        .events
        .iter()
        .map(|event| event.merchant)
        .chain(changes.webhook_endpoints.iter().map(|endpoint| endpoint.merchant))
        .collect();

    row::write(connection, &changes.merchants).await?;
    row::write(connection, &changes.api_keys).await?;
    row::write(connection, &changes.customers).await?;
    row::write(connection, &changes.payment_methods).await?;
    row::write(connection, &changes.plans).await?;
    row::write(connection, &changes.plan_versions).await?;
    row::write(connection, &changes.dunning_policies).await?;
    row::write(connection, &changes.subscriptions).await?;
    row::write(connection, &changes.payments).await?;
    row::write(connection, &changes.attempts).await?;
    row::write(connection, &changes.refunds).await?;
    row::write(connection, &changes.dunning_cases).await?;
    row::write(connection, &changes.notices).await?;
    row::write(connection, &PostingRow::of(&changes.journals)).await?;

    for ((merchant, work), objects) in going_on {
        stuck::go_on(connection, merchant, work, &objects).await?;
    }
    number_invoices(connection, &mut changes.invoices).await?;
    row::write(connection, &changes.invoices).await?;
    place_events(connection, &mut changes.events).await?;
    row::write(connection, &changes.events).await?;
    // After the counter, as every transaction does: in one order nobody waits in a circle.
    row::write(connection, &changes.webhook_endpoints).await?;
    if event::ring_endpoints(connection, &rung).await? {
        wakes.insert(Work::DeliverEvents);
    }
    Ok(wakes)
}

/// The loops that these objects are due in, now or later.
fn due_work(changes: &Changes) -> BTreeSet<Work> {
    let collects = changes.payments.iter().any(|payment| payment.collect_at.is_some())
        || changes.refunds.iter().any(|refund| refund.due_at.is_some());
    let advances = changes
        .merchants
        .iter()
        .any(|merchant| merchant.test_clock.is_some_and(TestClock::is_advancing));
    let due = [
        (Work::Renew, changes.subscriptions.iter().any(|one| one.due_at.is_some())),
        (Work::Collect, collects),
        (Work::Resolve, changes.attempts.iter().any(|one| one.probe_at.is_some())),
        (Work::Dun, changes.dunning_cases.iter().any(|one| one.due_at.is_some())),
        (Work::Remind, changes.subscriptions.iter().any(|one| one.remind_at.is_some())),
        (Work::SendMail, changes.notices.iter().any(|one| one.due_at.is_some())),
        (Work::AdvanceClocks, advances),
    ];
    due.into_iter().filter(|(_, is_due)| *is_due).map(|(work, _)| work).collect()
}

/// The objects that are due again in their loops, or are over: whoever had set them aside for staff
/// need not be told any more.
fn going_on(changes: &Changes) -> BTreeMap<(MerchantId, Work), Vec<String>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut go_on = |merchant: MerchantId, work: Work, object: String| {
        all.entry((merchant, work)).or_default().push(object);
    };
    for payment in &changes.payments {
        match payment.state {
            PaymentState::Scheduled if payment.collect_at.is_none() => {}
            PaymentState::Waiting => {}
            PaymentState::Scheduled
            | PaymentState::Collecting
            | PaymentState::Succeeded
            | PaymentState::Abandoned => {
                go_on(payment.merchant, Work::Collect, payment.id.to_string());
            }
        }
    }
    for refund in &changes.refunds {
        if refund.due_at.is_some() || refund.state == RefundState::Succeeded {
            go_on(refund.merchant, Work::Collect, refund.id.to_string());
        }
    }
    for file in &changes.dunning_cases {
        if file.due_at.is_some() || file.closed_at.is_some() || file.case.is_retrying() {
            go_on(file.merchant, Work::Dun, file.id.to_string());
        }
    }
    for known in changes.subscriptions.iter().filter(|known| known.state.is_over()) {
        go_on(known.merchant, Work::Renew, known.id.to_string());
        go_on(known.merchant, Work::Remind, known.id.to_string());
    }
    all
}

async fn number_invoices(connection: &mut Connection, invoices: &mut [Invoice]) -> Result<()> {
    let unnumbered = invoices.iter().filter(|invoice| invoice.number.is_none());
    for (merchant, count) in counted(unnumbered.map(|invoice| invoice.merchant)) {
        let prefix = invoice_prefix(connection, merchant).await?;
        let first = take(connection, merchant, "invoice", count).await?;
        let ours = invoices
            .iter_mut()
            .filter(|invoice| invoice.merchant == merchant && invoice.number.is_none());
        for (invoice, number) in ours.zip(first..) {
            invoice.number = Some(format!("{prefix}-{number:06}"));
        }
    }
    Ok(())
}

async fn place_events(connection: &mut Connection, events: &mut [Event]) -> Result<()> {
    for (merchant, count) in counted(events.iter().map(|event| event.merchant)) {
        let first = take(connection, merchant, "event", count).await?;
        let ours = events.iter_mut().filter(|event| event.merchant == merchant);
        for (event, place) in ours.zip(first..) {
            event.sequence = Some(place);
        }
    }
    Ok(())
}

/// How many each merchant has, in the order of their ids: all transactions lock in one order.
fn counted(merchants: impl Iterator<Item = MerchantId>) -> BTreeMap<MerchantId, i64> {
    merchants.fold(BTreeMap::new(), |mut counts, merchant| {
        *counts.entry(merchant).or_default() += 1;
        counts
    })
}

/// Takes the next `count` numbers of a series, and tells the first.
async fn take(
    connection: &mut Connection,
    merchant: MerchantId,
    series: &'static str,
    count: i64,
) -> Result<i64> {
    let query = sqlx::query(TAKE.text()).bind(merchant.uuid()).bind(series).bind(count);
    let row = query.fetch_one(connection).await.map_err(fault)?;
    let last: i64 = row.try_get("value").map_err(fault)?;
    Ok(last - count + 1)
}

async fn invoice_prefix(connection: &mut Connection, merchant: MerchantId) -> Result<String> {
    let query = sqlx::query(INVOICE_PREFIX.text()).bind(merchant.uuid());
    query.fetch_one(connection).await.map_err(fault)?.try_get("invoice_prefix").map_err(fault)
}
