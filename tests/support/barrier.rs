//! A barrier in the database: those who have made up their minds wait in front of it with what they are
//! about to write, so that two replicas really are at it at once.

use sqlx::{Connection as _, PgConnection};

use super::Database;

/// A barrier that is down.
#[derive(Debug)]
pub struct Barrier(PgConnection);

impl Database {
    /// From now on nobody records an attempt, until the barrier is lifted. On Postgres alone: on a file
    /// there is one writer anyhow.
    pub async fn holds_up_attempts(&self) -> Barrier {
        let mut server = PgConnection::connect(&self.url).await.unwrap();
        sqlx::query("begin").execute(&mut server).await.unwrap();
        sqlx::query("lock table attempt in share mode").execute(&mut server).await.unwrap();
        Barrier(server)
    }
}

impl Barrier {
    /// Comes back when so many transactions wait, at the barrier or for one that waits there.
    pub async fn is_met_by(&mut self, count: i64) {
        let waiting = "select count(distinct pid) from pg_locks
            where not granted
              and database = (select oid from pg_database where datname = current_database())";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut self.0).await.unwrap() < count {}
    }

    /// Lets them go on.
    pub async fn lift(self) {
        self.0.close().await.unwrap();
    }
}
