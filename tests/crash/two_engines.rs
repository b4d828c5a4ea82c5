//! Two servers on one SQLite file: the second is refused as long as the first is there, even if that
//! one hangs, and starts as soon as it is gone, however it went.

use super::course::{Course, Place};

#[tokio::test]
async fn a_server_takes_over_when_the_first_is_dead_and_not_before() {
    let place = Place::new(None);
    let mut first = place.room.start(&["serve"]);
    let course = Course::open(first.address_in_out(), &place.key, 2).await;
    course.send_clock_to("2026-04-30T12:00:00Z").await;

    first.signal("STOP");
    let second = place.room.run(&["serve"]);
    assert_eq!(second.code, 1);
    assert!(second.err.contains("rondo.db is in use by another Rondo process"), "{}", second.err);

    first.kill();
    let mut second = place.room.start(&["serve"]);
    let course = course.moves_to(second.address_in_out(), &place.key);
    course.arrives().await;
    place.assert_all_is_paid_once(&course, 2 * 4).await;
}
