//! A process that dies at a commit leaves what a process that lives on would have left (RULES P-4):
//! one story is told as often as it commits, and each time it dies at another commit.

use std::{
    collections::BTreeSet,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use chrono::TimeDelta;
use futures::{StreamExt as _, stream};
use rondo::{
    app::Rondo,
    engine,
    store::{Access, Moment, OpenOptions, StoreError, Trouble, open_in_trouble},
};
use rstest::rstest;
use tokio::sync::Notify;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    THROWAWAY, cards,
    course::Course,
    member,
    world::World,
};

/// The process dies once: at the commit of this number, just before or just after it.
#[derive(Debug)]
struct Death {
    at: usize,
    commits: AtomicUsize,
    dies: Notify,
}

#[async_trait]
impl Trouble for Death {
    async fn befall(&self, moment: Moment) -> Result<(), StoreError> {
        if moment != Moment::Begin && self.commits.fetch_add(1, Ordering::Relaxed) == self.at {
            self.dies.notify_one();
            pending::<()>().await;
        }
        Ok(())
    }
}

/// A boundary that is never reached.
const NEVER: usize = usize::MAX;

/// Lives through the story, and dies at the boundary `at` on the way. How many boundaries there were, and all that is
/// left in the end.
async fn told(engine: Engine, at: usize) -> (usize, Vec<String>) {
    let world = World::on(engine, "2026-01-31").in_order().await;
    let plan = world.plan("Membership", "20.00 EUR").create().await;
    let mut courses = Vec::new();
    for (name, card) in [
        ("Ana", cards::GOOD),
        ("Bo", cards::EMPTY_IN_THE_SECOND_MONTH),
        ("Cem", "tok_visa_ok_x1_then_lost_card"),
        ("Dora", "tok_visa_ok_x1_then_reply_lost"),
    ] {
        let member = world.member(name, card).await;
        courses.push((name, world.subscribe(&member, &plan).await));
    }
    let first = courses[0].1.payment().await;
    world.gives_back(&first.name, Some("5.00 EUR")).await;
    world.send_clock_to("2026-03-12").await;

    let death = Arc::new(Death { at, commits: AtomicUsize::new(0), dies: Notify::new() });
    let options = OpenOptions { access: Access::Command, ..THROWAWAY };
    let trouble = Arc::<Death>::clone(&death);
    let store = open_in_trouble(&world.database.url, options, trouble).await.unwrap();
    let mortal = Rondo { store, ..world.rondo.clone() };
    tokio::select! {
        idle = engine::run_until_idle(&mortal) => {
            idle.unwrap();
            assert_eq!(at, NEVER, "the story came to its end without a death");
        }
        () = death.dies.notified() => {
            // Another one comes up, and takes over what the dead one had in its hands when its leases are over.
            world.settle().await;
            world.time_passes(TimeDelta::minutes(6));
        }
    }
    world.arrive().await;
    world.assert_books_agree().await;
    (death.commits.load(Ordering::Relaxed), left(&world, &courses).await)
}

/// All that is left of the story, without names and instants that differ each time it is told.
async fn left(world: &World, courses: &[(&str, Course)]) -> Vec<String> {
    let mut left = Vec::new();
    for (name, course) in courses {
        left.push(format!("{name}: {:?}", course.get().await.state()));
        for invoice in course.invoices().await {
            let tried = course.attempts_at(&invoice).await;
            left.push(format!("{name}: {:?} {:?} {tried:?}", invoice.total, invoice.state()));
        }
        // A mail may come once more where its worker died; the member's program knows it by its name.
        let mails = world.mails.mails();
        let theirs = mails
            .iter()
            .filter(|mail| mail.to.iter().any(|to| to.contains(&member::address(name))));
        let kinds = theirs.map(|mail| (mail.header("Message-ID"), mail.kind.clone()));
        let mut kinds: Vec<_> =
            kinds.collect::<BTreeSet<_>>().into_iter().filter_map(|(_, kind)| kind).collect();
        kinds.sort();
        left.push(format!("{name}: {kinds:?}"));
    }
    left.extend(world.stuck().await.into_iter().map(|stuck| stuck.reason));
    left
}

#[rstest]
#[case::every_boundary(Sqlite, 1)]
#[case::some_boundaries(Postgres, 7)]
#[tokio::test]
async fn whoever_dies_at_a_commit_leaves_what_they_would_have_left(
    #[case] engine: Engine,
    #[case] step: usize,
) {
    let (boundaries, expected) = told(engine, NEVER).await;
    assert!(boundaries > 50, "the story commits often: {boundaries}");
    let lives = (0..boundaries).step_by(step);
    let lives = lives.map(|at| async move { (at, told(engine, at).await.1) });
    let mut lives = stream::iter(lives).buffer_unordered(8);
    while let Some((at, found)) = lives.next().await {
        assert_eq!(found, expected, "after a death at boundary {at} of {boundaries}");
    }
}
