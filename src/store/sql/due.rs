//! What is due: by merchant, by kind of work, and for test clocks that want to go on.
//!
//! Each question is a few probes of the partial indexes, so its cost does not grow with the number
//! of subscriptions. A minimum is asked of what `is not null`, or SQLite does not see that the
//! partial index has it.

use chrono::{DateTime, Utc};
use sqlx::Row as _;

use super::{
    super::{Connection, Query, Ts, fault},
    row,
    statement::{Statement, statements},
};
use crate::{
    domain::merchant::Merchant,
    store::{Broken, MerchantId, Result, Work},
};

statements! {
    TO_RENEW = "
        select {merchant}
        from merchant
        where exists (
            select 1 from subscription
            where subscription.merchant_id = merchant.merchant_id
              and subscription.due_at <= coalesce(merchant.clock_now, $2)
        )
        order by merchant.merchant_id
        limit $1";

    TO_REMIND = "
        select {merchant}
        from merchant
        where exists (
            select 1 from subscription
            where subscription.merchant_id = merchant.merchant_id
              and subscription.remind_at <= coalesce(merchant.clock_now, $2)
        )
        order by merchant.merchant_id
        limit $1";

    TO_COLLECT = "
        select {merchant}
        from merchant
        where exists (
            select 1 from payment
            where payment.merchant_id = merchant.merchant_id
              and payment.collect_at <= coalesce(merchant.clock_now, $2)
        )
        or exists (
            select 1 from refund
            where refund.merchant_id = merchant.merchant_id
              and refund.due_at <= coalesce(merchant.clock_now, $2)
              and (refund.leased_until is null or refund.leased_until <= $2)
        )
        order by merchant.merchant_id
        limit $1";

    TO_RESOLVE = "
        select {merchant}
        from merchant
        where exists (
            select 1 from attempt
            where attempt.merchant_id = merchant.merchant_id
              and attempt.probe_at <= coalesce(merchant.clock_now, $2)
              and (attempt.leased_until is null or attempt.leased_until <= $2)
        )
        or exists (
            select 1 from attempt
            where attempt.merchant_id = merchant.merchant_id
              and attempt.leased_until <= $2
              and attempt.state in ('in_flight', 'pending', 'action_required', 'unknown')
        )
        order by merchant.merchant_id
        limit $1";

    TO_DUN = "
        select {merchant}
        from merchant
        where exists (
            select 1 from dunning_case
            where dunning_case.merchant_id = merchant.merchant_id
              and dunning_case.due_at <= coalesce(merchant.clock_now, $2)
        )
        order by merchant.merchant_id
        limit $1";

    TO_SEND_MAIL = "
        select {merchant}
        from merchant
        where exists (
            select 1 from notice
            where notice.merchant_id = merchant.merchant_id
              and notice.due_at <= coalesce(merchant.clock_now, $2)
              and (notice.leased_until is null or notice.leased_until <= $2)
        )
        order by merchant.merchant_id
        limit $1";

    TO_DELIVER_EVENTS = "
        select {merchant}
        from merchant
        where exists (
            select 1 from webhook_endpoint
            where webhook_endpoint.merchant_id = merchant.merchant_id
              and webhook_endpoint.due_at <= coalesce(merchant.clock_now, $2)
              and (
                  webhook_endpoint.leased_until is null
                  or webhook_endpoint.leased_until <= $2
              )
        )
        order by merchant.merchant_id
        limit $1";

    TO_ADVANCE = "
        select {merchant}
        from merchant
        where clock_now < clock_target
        order by merchant_id
        limit $1";

    NEXT_DUE = "
        select min(at) as at
        from (
            select min(due_at) as at from subscription
            where merchant_id = $1 and due_at > $2
            union all
            select min(remind_at) from subscription
            where merchant_id = $1 and remind_at > $2
            union all
            select min(collect_at) from payment
            where merchant_id = $1 and collect_at > $2
            union all
            select min(probe_at) from attempt
            where merchant_id = $1 and probe_at > $2
            union all
            select min(due_at) from refund
            where merchant_id = $1 and due_at > $2
            union all
            select min(due_at) from dunning_case
            where merchant_id = $1 and due_at > $2
            union all
            select min(due_at) from notice
            where merchant_id = $1 and due_at > $2 and tries = 0
            union all
            select min(due_at) from webhook_endpoint
            where merchant_id = $1 and due_at > $2
        ) as earliest";

    /// A lease that ran out still counts: its work is not done. An endpoint that fails and a mail
    /// that waits for its server do not, or a broken server would hold the merchant's time.
    IS_BUSY = "
        select
            exists (select 1 from subscription where merchant_id = $1 and due_at <= $2)
            or exists (select 1 from subscription where merchant_id = $1 and remind_at <= $2)
            or exists (select 1 from payment where merchant_id = $1 and collect_at <= $2)
            or exists (select 1 from attempt where merchant_id = $1 and probe_at <= $2)
            or exists (
                select 1 from attempt
                where merchant_id = $1 and leased_until is not null
                  and state in ('in_flight', 'pending', 'action_required', 'unknown')
            )
            or exists (select 1 from refund where merchant_id = $1 and due_at <= $2)
            or exists (select 1 from dunning_case where merchant_id = $1 and due_at <= $2)
            or exists (
                select 1 from notice
                where merchant_id = $1 and due_at <= $2 and (tries = 0 or leased_until is not null)
            )
            or exists (
                select 1 from webhook_endpoint
                where merchant_id = $1 and due_at <= $2 and tries = 0
            ) as is_busy";

    /// One row for each merchant on the world's time, at least one; the inbox is everybody's.
    OLDEST_DUE = "
        select
            inbox.at as inbox,
            (select min(due_at) from subscription
             where subscription.merchant_id = merchant.merchant_id
               and subscription.due_at is not null) as renew,
            (select min(remind_at) from subscription
             where subscription.merchant_id = merchant.merchant_id
               and subscription.remind_at is not null) as remind,
            (select min(collect_at) from payment
             where payment.merchant_id = merchant.merchant_id
               and payment.collect_at is not null) as collect,
            (select min(due_at) from refund
             where refund.merchant_id = merchant.merchant_id
               and refund.due_at is not null) as refund,
            (select min(probe_at) from attempt
             where attempt.merchant_id = merchant.merchant_id
               and attempt.probe_at is not null) as resolve,
            (select min(leased_until) from attempt
             where attempt.merchant_id = merchant.merchant_id
               and attempt.leased_until is not null
               and attempt.state in ('in_flight', 'pending', 'action_required', 'unknown')
            ) as lease,
            (select min(due_at) from dunning_case
             where dunning_case.merchant_id = merchant.merchant_id
               and dunning_case.due_at is not null) as dun,
            (select min(due_at) from notice
             where notice.merchant_id = merchant.merchant_id
               and notice.due_at is not null) as send_mail,
            (select min(due_at) from webhook_endpoint
             where webhook_endpoint.merchant_id = merchant.merchant_id
               and webhook_endpoint.due_at is not null) as deliver_events
        from (select min(due_at) as at from webhook_inbox where due_at is not null) as inbox
        left join merchant on merchant.clock_now is null";

    OLDEST_IN_INBOX = "
        select min(due_at) as resolve
        from webhook_inbox
        where due_at is not null";
}

pub async fn merchants(
    connection: &mut Connection,
    work: Work,
    world: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<Merchant>> {
    let statement = match work {
        Work::Renew => &TO_RENEW,
        Work::Collect => &TO_COLLECT,
        Work::Resolve => &TO_RESOLVE,
        Work::Dun => &TO_DUN,
        Work::Remind => &TO_REMIND,
        Work::SendMail => &TO_SEND_MAIL,
        Work::DeliverEvents => &TO_DELIVER_EVENTS,
        Work::AdvanceClocks => {
            let query = sqlx::query(TO_ADVANCE.text()).bind(row::limit(limit));
            return readable(connection, query).await;
        }
    };
    let query = sqlx::query(statement.text()).bind(row::limit(limit)).bind(Ts(world));
    readable(connection, query).await
}

/// Those that can be read. Where one cannot, its own work stands still, and nobody else's does.
async fn readable(connection: &mut Connection, query: Query<'_>) -> Result<Vec<Merchant>> {
    let claim = row::claim::<Merchant>(connection, query).await?;
    for Broken { id, reason } in claim.broken {
        tracing::error!(
            merchant = id,
            reason,
            "the merchant cannot be read; its work stands still"
        );
    }
    Ok(claim.rows)
}

pub async fn next(
    connection: &mut Connection,
    merchant: MerchantId,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>> {
    let query = sqlx::query(NEXT_DUE.text()).bind(merchant.uuid()).bind(Ts(now));
    let row = query.fetch_one(connection).await.map_err(fault)?;
    Ok(row.try_get::<Option<Ts>, _>("at").map_err(fault)?.map(|Ts(at)| at))
}

pub async fn is_busy(
    connection: &mut Connection,
    merchant: MerchantId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let query = sqlx::query(IS_BUSY.text()).bind(merchant.uuid()).bind(Ts(now));
    query.fetch_one(connection).await.map_err(fault)?.try_get("is_busy").map_err(fault)
}

/// The columns of [`OLDEST_DUE`], and whose work each is.
const OLDEST: [(&str, Work); 10] = [
    ("inbox", Work::Resolve),
    ("renew", Work::Renew),
    ("collect", Work::Collect),
    ("refund", Work::Collect),
    ("resolve", Work::Resolve),
    ("lease", Work::Resolve),
    ("dun", Work::Dun),
    ("remind", Work::Remind),
    ("send_mail", Work::SendMail),
    ("deliver_events", Work::DeliverEvents),
];

pub async fn oldest(
    connection: &mut Connection,
    world: DateTime<Utc>,
) -> Result<Vec<(Work, DateTime<Utc>)>> {
    let rows = sqlx::query(OLDEST_DUE.text()).fetch_all(connection).await.map_err(fault)?;
    let mut due = Vec::new();
    for row in &rows {
        for (column, work) in OLDEST {
            due.push((work, row.try_get::<Option<Ts>, _>(column).map_err(fault)?));
        }
    }

    let oldest = |work: Work| {
        let of_work = due.iter().filter(|(of, _)| *of == work);
        let times = of_work.filter_map(|(_, at)| at.as_ref().map(|Ts(at)| *at));
        times.filter(|at| *at <= world).min().map(|at| (work, at))
    };
    Ok(Work::ALL.into_iter().filter_map(oldest).collect())
}

pub async fn next_in_inbox(connection: &mut Connection) -> Result<Option<DateTime<Utc>>> {
    let row = sqlx::query(OLDEST_IN_INBOX.text()).fetch_one(connection).await.map_err(fault)?;
    let due: Option<Ts> = row.try_get("resolve").map_err(fault)?;
    Ok(due.map(|Ts(at)| at))
}
