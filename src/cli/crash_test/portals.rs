//! The portals: academies whose members join, pay, fail to pay, leave and are refunded, while the
//! processes behind come and go. Each lives its months on a test clock of its own; when one is through,
//! the next one opens, as long as chaos reigns.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    time::Duration,
};

use anyhow::Context;
use chrono::TimeDelta;
use futures::{StreamExt, TryStreamExt, future::try_join_all, stream};
use indicatif::ProgressBar;
use tokio_util::sync::CancellationToken;

use super::stage::GATEWAY;
use crate::cli::academy::{self, line::Patience, members, portal::Portal, year};

/// Academies that are open at the same time.
const AT_ONCE: usize = 2;
/// Members of each.
const MEMBERS: usize = 8;
/// The months of their stories.
const MONTHS: u32 = 3;
/// How much longer their clocks go on when all is well again: until nothing can be open any more.
const SETTLES: TimeDelta = TimeDelta::days(30);

/// How long a portal waits for an answer, and how long it asks again before it gives up: a replica that
/// is stopped answers late, one that was killed not at all.
pub const PATIENCE: Patience =
    Patience::For { call: Duration::from_secs(10), all: Duration::from_mins(2) };

/// Lets academies live until `calm`, each whole; the first opens with `seed`. They come back as they
/// are then.
pub async fn live(
    front: SocketAddr,
    admin_key: &str,
    seed: u64,
    calm: &CancellationToken,
) -> anyhow::Result<Vec<Portal>> {
    let lived = RefCell::new(Vec::new());
    let next = Cell::new(seed);
    let desk = async || {
        loop {
            let seed = next.get();
            next.set(seed + 1);
            let portal = story(front, admin_key, seed).await;
            lived.borrow_mut().push(portal.with_context(|| format!("the academy of seed {seed}"))?);
            if calm.is_cancelled() {
                return anyhow::Ok(());
            }
        }
    };
    try_join_all((0..AT_ONCE).map(|_| desk())).await?;
    Ok(lived.into_inner())
}

async fn story(front: SocketAddr, admin_key: &str, seed: u64) -> anyhow::Result<Portal> {
    let steps = academy::steps(MONTHS);
    let opens = steps.first().context("no months, no story")?;
    let portal = Portal::open(front, admin_key, GATEWAY, *opens, PATIENCE).await?;
    let members = members::strangers(seed, MEMBERS, steps.len());
    year::live(&portal, &members, MONTHS, &ProgressBar::hidden()).await?;
    Ok(portal)
}

/// Lets all of them come to rest.
pub async fn settle(portals: &[Portal]) -> anyhow::Result<()> {
    let rest = academy::end(MONTHS) + SETTLES;
    stream::iter(portals)
        .map(|portal| portal.advance(rest))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}
