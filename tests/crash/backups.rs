//! A backup that is taken while the server runs, and a new service that goes on from it: from one that is
//! older than the last charges too.

use std::fs;

use super::course::{Course, Place, until};

#[tokio::test]
async fn a_new_service_goes_on_from_a_backup_taken_while_the_old_one_ran() {
    let place = Place::new(None);
    let mut server = place.room.start(&["serve"]);
    let course = Course::open(server.address_in_out(), &place.key, 3).await;

    // In the middle of everything; what is charged afterwards is not in it.
    course.send_clock_to("2026-06-30T12:00:00Z").await;
    until("it is under way", async || course.paid_invoices().await.len() >= 3 * 2).await;
    place.room.run(&["backup", "copy.db"]).well();
    place.room.run(&["audit", "--database-url=sqlite:copy.db"]).well();
    course.arrives().await;
    let charged = place.captured();
    assert_eq!(charged.len(), 3 * 6);

    server.kill();
    for name in ["rondo.db", "rondo.db-wal", "rondo.db-shm"] {
        // Which of them are there depends on when it died.
        let _ = fs::remove_file(place.room.path(name));
    }
    fs::rename(place.room.path("copy.db"), place.room.path("rondo.db")).unwrap();
    let mut server = place.room.start(&["serve"]);
    let course = course.moves_to(server.address_in_out(), &place.key);
    course.arrives().await;
    assert_eq!(place.captured(), charged, "what it had forgotten is not charged again");

    course.send_clock_to("2026-08-31T12:00:00Z").await;
    course.arrives().await;
    place.assert_all_is_paid_once(&course, 3 * 8).await;
}
