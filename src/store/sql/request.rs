//! What came from outside and must take effect once: replies that are kept, and the inbox of
//! webhooks.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::{Row as _, types::Json};
use uuid::Uuid;

use super::{
    super::{Connection, Row, Ts, dialect, fault},
    row,
    statement::{Statement, statements},
};
use crate::store::{InboxItem, Result, StoreError, StoredReply};

statements! {
    REPLY = "
        select scope, request_id, request_hash, reply, at
        from stored_reply
        where scope = $1 and request_id = $2";

    KEEP_REPLY = "
        insert into stored_reply (scope, request_id, request_hash, reply, at)
        values ($1, $2, $3, $4, $5)";

    FORGET_REPLIES = "
        delete from stored_reply
        where (scope, request_id) in (
            select scope, request_id
            from stored_reply
            where at < $1
            order by at
            limit $2
        )";

    RECEIVE = "
        insert into webhook_inbox
            (gateway, event_id, body, news, received_at, due_at, tries, failure)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (gateway, event_id) do nothing";

    CLAIM_INBOX = "
        select gateway, event_id, body, news, received_at, due_at, tries, failure
        from webhook_inbox
        where due_at <= $1
        order by due_at, received_at, event_id
        limit $2 {skip_locked}";

    UPDATE_INBOX = "
        update webhook_inbox
        set due_at = {time 2}, tries = {int 3}, failure = {text 4}
        from {rows $1}
        where gateway = {text 0} and event_id = {text 1} and webhook_inbox.tries = {int 5}";
}

pub async fn reply(
    connection: &mut Connection,
    scope: &str,
    request_id: Uuid,
) -> Result<Option<StoredReply>> {
    let query = sqlx::query(REPLY.text()).bind(scope.to_owned()).bind(request_id);
    let row = query.fetch_optional(connection).await.map_err(fault)?;
    row.map(|row| {
        let hash: Vec<u8> = row.try_get("request_hash").map_err(fault)?;
        Ok(StoredReply {
            scope: row.try_get("scope").map_err(fault)?,
            request_id: row.try_get("request_id").map_err(fault)?,
            request_hash: hash.try_into().map_err(|_| StoreError::Corrupt {
                table: "stored_reply",
                column: "request_hash",
                id: request_id.to_string(),
                reason: "must be 32 bytes".to_owned(),
            })?,
            reply: row.try_get("reply").map_err(fault)?,
            at: row.try_get::<Ts, _>("at").map_err(fault)?.0,
        })
    })
    .transpose()
}

pub async fn keep_reply(connection: &mut Connection, reply: &StoredReply) -> Result<()> {
    sqlx::query(KEEP_REPLY.text())
        .bind(reply.scope.clone())
        .bind(reply.request_id)
        .bind(reply.request_hash.to_vec())
        .bind(reply.reply.clone())
        .bind(Ts(reply.at))
        .execute(connection)
        .await
        .map_err(fault)?;
    Ok(())
}

pub async fn forget_replies(
    connection: &mut Connection,
    before: DateTime<Utc>,
    limit: usize,
) -> Result<u64> {
    let query = sqlx::query(FORGET_REPLIES.text()).bind(Ts(before)).bind(row::limit(limit));
    Ok(query.execute(connection).await.map_err(fault)?.rows_affected())
}

pub async fn receive(connection: &mut Connection, item: &InboxItem) -> Result<bool> {
    let received = sqlx::query(RECEIVE.text())
        .bind(item.gateway.clone())
        .bind(item.event_id.clone())
        .bind(item.body.clone())
        .bind(Json(item.news.clone()))
        .bind(Ts(item.received_at))
        .bind(item.due_at.map(Ts))
        .bind(i64::from(item.tries))
        .bind(item.failure.clone())
        .execute(connection)
        .await
        .map_err(fault)?;
    Ok(received.rows_affected() == 1)
}

pub async fn claim_inbox(
    connection: &mut Connection,
    world: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<InboxItem>> {
    let query = sqlx::query(CLAIM_INBOX.text()).bind(Ts(world)).bind(row::limit(limit));
    query.fetch_all(connection).await.map_err(fault)?.iter().map(read).collect()
}

pub async fn update_inbox(connection: &mut Connection, items: &[InboxItem]) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    let row = |item: &InboxItem| {
        let due_at = item.due_at.map(dialect::time_cell);
        json!([item.gateway, item.event_id, due_at, item.tries, item.failure, item.tries_read])
    };
    let rows: Value = items.iter().map(row).collect();
    let query = sqlx::query(UPDATE_INBOX.text()).bind(rows.to_string());
    let updated = query.execute(connection).await.map_err(fault)?;
    if updated.rows_affected() == items.len() as u64 {
        Ok(())
    } else {
        Err(StoreError::Conflict { table: "webhook_inbox" })
    }
}

fn read(row: &Row) -> Result<InboxItem> {
    let tries: i64 = row.try_get("tries").map_err(fault)?;
    let tries = u32::try_from(tries).unwrap_or(u32::MAX);
    Ok(InboxItem {
        gateway: row.try_get("gateway").map_err(fault)?,
        event_id: row.try_get("event_id").map_err(fault)?,
        body: row.try_get("body").map_err(fault)?,
        news: row.try_get::<Json<_>, _>("news").map_err(fault)?.0,
        received_at: row.try_get::<Ts, _>("received_at").map_err(fault)?.0,
        due_at: row.try_get::<Option<Ts>, _>("due_at").map_err(fault)?.map(|Ts(at)| at),
        tries,
        tries_read: tries,
        failure: row.try_get("failure").map_err(fault)?,
    })
}
