//! That the database was restored from a backup.

use sqlx::Row as _;

use super::{
    super::{Connection, Ts, fault},
    statement::{Statement, statements},
};
use crate::store::{Restored, Result};

statements! {
    READ = "
        select backed_up_at, resumed_at
        from restored";

    KEEP = "
        insert into restored (one, backed_up_at, resumed_at)
        values (1, $1, $2)
        on conflict (one) do update
        set backed_up_at = excluded.backed_up_at, resumed_at = excluded.resumed_at";
}

pub async fn read(connection: &mut Connection) -> Result<Option<Restored>> {
    let row = sqlx::query(READ.text()).fetch_optional(connection).await.map_err(fault)?;
    row.map(|row| {
        Ok(Restored {
            backed_up_at: row.try_get::<Ts, _>("backed_up_at").map_err(fault)?.0,
            resumed_at: row.try_get::<Option<Ts>, _>("resumed_at").map_err(fault)?.map(|Ts(at)| at),
        })
    })
    .transpose()
}

pub async fn keep(connection: &mut Connection, restored: Restored) -> Result<()> {
    let query = sqlx::query(KEEP.text()).bind(Ts(restored.backed_up_at));
    let query = query.bind(restored.resumed_at.map(Ts));
    query.execute(connection).await.map_err(fault)?;
    Ok(())
}
