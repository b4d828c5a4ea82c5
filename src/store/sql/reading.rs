//! How far gateways' own lists were read.

use sqlx::Row as _;

use super::{
    super::{Connection, Ts, fault},
    statement::{Statement, statements},
};
use crate::{domain::payment::reading::Readings, store::Result};

statements! {
    READ = "
        select recent_at, late_at
        from reading
        where gateway = $1";

    KEEP = "
        insert into reading (gateway, recent_at, late_at)
        values ($1, $2, $3)
        on conflict (gateway) do update
        set recent_at = excluded.recent_at, late_at = excluded.late_at";
}

pub async fn of(connection: &mut Connection, account: &str) -> Result<Option<Readings>> {
    let row = sqlx::query(READ.text()).bind(account);
    let row = row.fetch_optional(connection).await.map_err(fault)?;
    row.map(|row| {
        Ok(Readings {
            recent_at: row.try_get::<Ts, _>("recent_at").map_err(fault)?.0,
            late_at: row.try_get::<Option<Ts>, _>("late_at").map_err(fault)?.map(|Ts(at)| at),
        })
    })
    .transpose()
}

pub async fn keep(connection: &mut Connection, account: &str, readings: Readings) -> Result<()> {
    let query = sqlx::query(KEEP.text()).bind(account).bind(Ts(readings.recent_at));
    query.bind(readings.late_at.map(Ts)).execute(connection).await.map_err(fault)?;
    Ok(())
}
