//! Objects taken out of their loop, and put back into it.

use std::str::FromStr as _;

use chrono::{DateTime, Utc};
use sqlx::Row as _;
use uuid::Uuid;

use super::{
    super::{Connection, Row, Ts, fault},
    row::{self, Reader},
    statement::{Statement, statements},
    table::json,
};
use crate::{
    domain::{
        ids::{Id, Kind, kind},
        merchant::Merchant,
    },
    store::{MerchantId, Result, StoreError, Stuck, Work},
};

statements! {
    NOTE = "
        insert into stuck (merchant_id, object, work, reason, since)
        values ($1, $2, $3, $4, $5)
        on conflict (merchant_id, object, work) do update
        set reason = excluded.reason
        where stuck.reason <> excluded.reason";

    OLDEST = "
        select merchant_id, object, work, reason, since
        from stuck
        order by since, object
        limit $1";

    OLDEST_OF_MERCHANT = "
        select merchant_id, object, work, reason, since
        from stuck
        where merchant_id = $2
        order by since, object
        limit $1";

    GO_ON = "
        delete from stuck
        where merchant_id = $1 and work = $2 and object in (select {text 0} from {rows $3})";

    FORGET = "
        delete from stuck
        where object = $1
        returning merchant_id, object, work, reason, since";

    SUBSCRIPTION_OUT = "
        update subscription set due_at = null, version = version + 1
        where merchant_id = $1 and subscription_id = $2";

    /// A rest that was asked for meanwhile stays one: it has an end of its own, or waits for its member.
    SUBSCRIPTION_BACK = "
        update subscription set due_at = $3, version = version + 1
        where merchant_id = $1 and subscription_id = $2
          and due_at is null
          and state not in ('canceled', 'expired')
          and (state <> 'paused' or pause->>'resumes_at' is not null)";

    REMINDER_OUT = "
        update subscription set remind_at = null, version = version + 1
        where merchant_id = $1 and subscription_id = $2";

    REMINDER_BACK = "
        update subscription set remind_at = $3, version = version + 1
        where merchant_id = $1 and subscription_id = $2
          and state not in ('canceled', 'expired')";

    PAYMENT_OUT = "
        update payment set collect_at = null, version = version + 1
        where merchant_id = $1 and payment_id = $2";

    PAYMENT_BACK = "
        update payment set collect_at = $3, version = version + 1
        where merchant_id = $1 and payment_id = $2
          and state = 'scheduled'";

    REFUND_OUT = "
        update refund set due_at = null, leased_until = null, version = version + 1
        where merchant_id = $1 and refund_id = $2";

    REFUND_BACK = "
        update refund set due_at = $3, version = version + 1
        where merchant_id = $1 and refund_id = $2
          and state in ('queued', 'pending')";

    ATTEMPT_OUT = "
        update attempt set probe_at = null, leased_until = null, version = version + 1
        where merchant_id = $1 and attempt_id = $2";

    /// Whether one that was in flight had left is not known any more, so that it is looked up first.
    ATTEMPT_BACK = "
        update attempt
        set
            probe_at = $3,
            state = case state when 'in_flight' then 'unknown' else state end,
            version = version + 1
        where merchant_id = $1 and attempt_id = $2
          and state in ('in_flight', 'pending', 'action_required', 'unknown')";

    CASE_OUT = "
        update dunning_case set due_at = null, version = version + 1
        where merchant_id = $1 and dunning_case_id = $2";

    CASE_BACK = "
        update dunning_case set due_at = $3, version = version + 1
        where merchant_id = $1 and dunning_case_id = $2
          and closed_at is null";

    NOTICE_OUT = "
        update notice set due_at = null, leased_until = null, version = version + 1
        where merchant_id = $1 and notice_id = $2";

    NOTICE_BACK = "
        update notice set due_at = $3, version = version + 1
        where merchant_id = $1 and notice_id = $2
          and state = 'queued'";

    ENDPOINT_OUT = "
        update webhook_endpoint
        set due_at = null, leased_until = null, version = version + 1
        where merchant_id = $1 and webhook_endpoint_id = $2";

    ENDPOINT_BACK = "
        update webhook_endpoint set due_at = $3, version = version + 1
        where merchant_id = $1 and webhook_endpoint_id = $2
          and disabled_at is null";

    /// What a merchant on a test clock takes for now.
    CLOCK = "
        select clock_now
        from merchant
        where merchant_id = $1";

    /// A clock that was set aside stands where it stood.
    CLOCK_OUT = "
        update merchant set clock_target = clock_now, version = version + 1
        where merchant_id = $1 and merchant_id = $2";
}

/// How an object of one loop is taken out and put back.
struct Loop {
    object: Uuid,
    out: &'static Statement,
    back: Option<&'static Statement>,
}

impl Loop {
    /// The loop that this work does with this object.
    fn of(work: Work, object: &str) -> Option<Self> {
        let (object, out, back) = match work {
            Work::Renew => {
                (id::<kind::Subscription>(object)?, &SUBSCRIPTION_OUT, Some(&SUBSCRIPTION_BACK))
            }
            Work::Remind => {
                (id::<kind::Subscription>(object)?, &REMINDER_OUT, Some(&REMINDER_BACK))
            }
            Work::Collect => match id::<kind::Payment>(object) {
                Some(payment) => (payment, &PAYMENT_OUT, Some(&PAYMENT_BACK)),
                None => (id::<kind::Refund>(object)?, &REFUND_OUT, Some(&REFUND_BACK)),
            },
            Work::Resolve => (id::<kind::Attempt>(object)?, &ATTEMPT_OUT, Some(&ATTEMPT_BACK)),
            Work::Dun => (id::<kind::DunningCase>(object)?, &CASE_OUT, Some(&CASE_BACK)),
            Work::SendMail => (id::<kind::Mail>(object)?, &NOTICE_OUT, Some(&NOTICE_BACK)),
            Work::DeliverEvents => {
                (id::<kind::WebhookEndpoint>(object)?, &ENDPOINT_OUT, Some(&ENDPOINT_BACK))
            }
            // Where it was going to is for staff to say again.
            Work::AdvanceClocks => (id::<kind::Merchant>(object)?, &CLOCK_OUT, None),
        };
        Some(Self { object, out, back })
    }
}

fn id<K: Kind>(text: &str) -> Option<Uuid> {
    Id::<K>::from_str(text).ok().map(Id::uuid)
}

pub async fn set_aside(connection: &mut Connection, stuck: &Stuck) -> Result<()> {
    let Some(of) = Loop::of(stuck.work, &stuck.object) else {
        let constraint = format!("{} is in no loop called {}", stuck.object, stuck.work.name());
        return Err(StoreError::Refused { constraint });
    };
    sqlx::query(of.out.text())
        .bind(stuck.merchant.uuid())
        .bind(of.object)
        .execute(&mut *connection)
        .await
        .map_err(fault)?;
    note(connection, stuck).await?;
    Ok(())
}

/// Lists an object. `false` if it stands there with the same reason already.
pub async fn note(connection: &mut Connection, stuck: &Stuck) -> Result<bool> {
    let noted = sqlx::query(NOTE.text())
        .bind(stuck.merchant.uuid())
        .bind(stuck.object.clone())
        .bind(stuck.work.name())
        .bind(stuck.reason.clone())
        .bind(Ts(stuck.since))
        .execute(connection)
        .await
        .map_err(fault)?;
    Ok(noted.rows_affected() > 0)
}

/// Forgets that these objects of one loop were set aside: they go on, or are over.
pub async fn go_on(
    connection: &mut Connection,
    merchant: MerchantId,
    work: Work,
    objects: &[String],
) -> Result<()> {
    let objects: Vec<_> = objects.iter().map(|object| [object]).collect();
    sqlx::query(GO_ON.text())
        .bind(merchant.uuid())
        .bind(work.name())
        .bind(json(&objects).to_string())
        .execute(connection)
        .await
        .map_err(fault)?;
    Ok(())
}

pub async fn list(
    connection: &mut Connection,
    merchant: Option<MerchantId>,
    limit: usize,
) -> Result<Vec<Stuck>> {
    let query = match merchant {
        Some(merchant) => {
            sqlx::query(OLDEST_OF_MERCHANT.text()).bind(row::limit(limit)).bind(merchant.uuid())
        }
        None => sqlx::query(OLDEST.text()).bind(row::limit(limit)),
    };
    query.fetch_all(connection).await.map_err(fault)?.iter().map(read).collect()
}

/// Puts an object back into each loop that it was taken out of, and tells which.
pub async fn put_back(
    connection: &mut Connection,
    object: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Work>> {
    let query = sqlx::query(FORGET.text()).bind(object.to_owned());
    let rows = query.fetch_all(&mut *connection).await.map_err(fault)?;
    let stuck = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
    for stuck in &stuck {
        let of = Loop::of(stuck.work, &stuck.object);
        if let Some(Loop { object, back: Some(back), .. }) = of {
            let merchant = stuck.merchant.uuid();
            let clock = sqlx::query(CLOCK.text()).bind(merchant);
            let clock = clock.fetch_optional(&mut *connection).await.map_err(fault)?;
            let clock = clock.map(|row| row.try_get::<Option<Ts>, _>("clock_now")).transpose();
            let at = clock.map_err(fault)?.flatten().unwrap_or(Ts(now));
            let query = sqlx::query(back.text()).bind(merchant).bind(object).bind(at);
            query.execute(&mut *connection).await.map_err(fault)?;
        }
    }
    Ok(stuck.iter().map(|stuck| stuck.work).collect())
}

fn read(row: &Row) -> Result<Stuck> {
    let row = Reader::of::<Merchant>(row);
    Ok(Stuck {
        merchant: row.id("merchant_id")?,
        work: row.named("work")?,
        object: row.get("object")?,
        reason: row.get("reason")?,
        since: row.time("since")?,
    })
}
