//! A Postgres that is restarted while work is under way: whoever waits goes on when it is back.

use super::{
    cluster::{Cluster, Stop},
    course::{Course, Place, until},
    program::Running,
};

#[tokio::test]
async fn a_postgres_that_restarts_under_load_delays_and_loses_nothing() {
    let cluster = Cluster::start();
    let place = Place::new(Some(&cluster.url()));
    let mut servers = [place.room.start(&["serve"]), place.room.start(&["serve"])];
    let [first, second] = servers.each_mut().map(Running::address_in_out);
    let course = Course::open(first, &place.key, 3).await;

    for (stop, target, paid) in [
        (Stop::Fast, "2026-06-30T12:00:00Z", 3 * 2),
        (Stop::Immediate, "2026-11-30T12:00:00Z", 3 * 7),
    ] {
        course.send_clock_to(target).await;
        let is_under_way = async || course.paid_invoices().await.len() >= paid;
        until("it is under way", is_under_way).await;
        cluster.restart(stop);
        course.arrives().await;
    }
    assert!(servers.iter_mut().all(Running::is_up));
    let course = course.moves_to(second, &place.key);
    place.assert_all_is_paid_once(&course, 3 * 11).await;
}
