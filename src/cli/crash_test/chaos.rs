//! Chance: when which replica is killed or stopped, and where, until as often as was asked for. Each
//! replica has bad luck of its own, and the gateway too.

use std::{cell::RefCell, sync::Arc, time::Duration};

use futures::future::try_join_all;
use indicatif::ProgressBar;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    misfortune::{Deed, Point, Replica, Tally},
    stage::Stage,
};

/// How long a replica may take to come to a point: it may have nothing to do there just now.
const COMES_WITHIN: Duration = Duration::from_secs(4);
/// The most that passes between two misfortunes of a replica, in milliseconds.
const WELL_FOR_MS: u64 = 400;
/// The most that a replica works on before it is struck wherever it is, in milliseconds.
const WORKS_FOR_MS: u64 = 1_500;
/// The most that a process stays away, in milliseconds.
const AWAY_FOR_MS: u64 = 400;
/// Between how many seconds the gateway crashes too.
const GATEWAY_CRASHES_S: std::ops::Range<u64> = 4..12;

/// How much is still to befall them.
struct Left {
    kills: u64,
    pauses: u64,
}

/// How often each is to come about.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Kills of replicas.
    pub kills: u64,
    /// Pauses of replicas.
    pub pauses: u64,
}

/// What chance has in hand.
struct Chaos<'a> {
    tally: &'a Tally,
    points: &'static [Point],
    left: RefCell<Left>,
    rng: RefCell<ChaCha20Rng>,
    progress: &'a ProgressBar,
}

/// The points at which a replica can be struck on this engine.
pub const fn points(on_postgres: bool) -> &'static [Point] {
    const ALL: [Point; 5] = [
        Point::Anywhere,
        Point::BeforeSend,
        Point::BeforeRecord,
        Point::BeforeCommit,
        Point::AfterCommit,
    ];
    if on_postgres { &ALL } else { ALL.first_chunk::<3>().expect("there are five").as_slice() }
}

/// Lets it all come about. How often the gateway crashed on the way.
pub async fn reign(
    stage: &Stage,
    points: &'static [Point],
    wanted: Wanted,
    seed: u64,
    progress: &ProgressBar,
) -> anyhow::Result<u64> {
    let chaos = Chaos {
        tally: &stage.tally,
        points,
        left: RefCell::new(Left { kills: wanted.kills, pauses: wanted.pauses }),
        rng: RefCell::new(ChaCha20Rng::seed_from_u64(seed)),
        progress,
    };
    let over = CancellationToken::new();
    let strikes = async {
        let all = stage.replicas.iter().map(|replica| chaos.bad_luck_of(replica));
        let ended = try_join_all(all).await;
        over.cancel();
        ended
    };
    let (_, crashes) = tokio::try_join!(strikes, chaos.of_gateway(stage, &over))?;
    Ok(crashes)
}

impl Chaos<'_> {
    /// What befalls one replica, one after the other.
    async fn bad_luck_of(&self, replica: &Arc<Replica>) -> anyhow::Result<()> {
        while let Some(deed) = self.next_deed() {
            self.some_time(WELL_FOR_MS).await;
            replica.process.is_up()?;
            let point = self.next_point(deed);
            let came_about = if point == Point::Anywhere {
                self.some_time(WORKS_FOR_MS).await;
                replica.befall(deed).await?;
                true
            } else {
                replica.await_at(point, deed, COMES_WITHIN).await
            };
            if !came_about {
                self.put_back(deed);
                continue;
            }
            if deed == Deed::Kill {
                self.some_time(AWAY_FOR_MS).await;
                replica.process.start_again().await?;
            }
            self.progress.inc(1);
        }
        Ok(())
    }

    async fn of_gateway(&self, stage: &Stage, over: &CancellationToken) -> anyhow::Result<u64> {
        let mut crashes = 0;
        loop {
            let seconds = self.rng.borrow_mut().random_range(GATEWAY_CRASHES_S);
            tokio::select! {
                () = over.cancelled() => return Ok(crashes),
                () = sleep(Duration::from_secs(seconds)) => {}
            }
            stage.sandbox.kill();
            self.some_time(AWAY_FOR_MS).await;
            stage.sandbox.start_again().await?;
            crashes += 1;
        }
    }

    fn next_deed(&self) -> Option<Deed> {
        let mut left = self.left.borrow_mut();
        let all = left.kills + left.pauses;
        if all == 0 {
            return None;
        }
        if self.rng.borrow_mut().random_range(0..all) < left.kills {
            left.kills -= 1;
            Some(Deed::Kill)
        } else {
            left.pauses -= 1;
            Some(Deed::Pause)
        }
    }

    fn put_back(&self, deed: Deed) {
        let mut left = self.left.borrow_mut();
        match deed {
            Deed::Kill => left.kills += 1,
            Deed::Pause => left.pauses += 1,
        }
    }

    /// Any point; but first each once, and then every other time the one where it came about least
    /// often.
    fn next_point(&self, deed: Deed) -> Point {
        let mut rng = self.rng.borrow_mut();
        let any = self.points[rng.random_range(0..self.points.len())];
        let count = |point: &Point| self.tally.count(deed, *point);
        let rarest = self.points.iter().min_by_key(|point| count(point)).copied().unwrap_or(any);
        if count(&rarest) == 0 || rng.random_range(0..2) == 0 { rarest } else { any }
    }

    async fn some_time(&self, most_ms: u64) {
        let wait = self.rng.borrow_mut().random_range(0..=most_ms);
        sleep(Duration::from_millis(wait)).await;
    }
}
