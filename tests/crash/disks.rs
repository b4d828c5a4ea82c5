//! Disks that are full, and files that may not be written.

use std::{fs, io::ErrorKind, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

use super::{
    course::{Course, Place, may_pass, once},
    program::{EXEC, Running},
};

/// What fails for want of space is an error, and no signal.
const SHRUGS: &str = "trap '' XFSZ;";

/// From now on no file of `server`'s may grow beyond so many bytes: a full disk, as it sees it.
fn limit(server: &Running, bytes: &str) {
    let (id, size) = (format!("--pid={}", server.id()), format!("--fsize={bytes}:unlimited"));
    assert!(Command::new("prlimit").args([id, size]).status().unwrap().success());
}

#[tokio::test]
async fn a_disk_that_is_full_for_a_while_delays_and_loses_nothing() {
    let place = Place::new(None);
    let script = format!("{SHRUGS} {EXEC}");
    let flags = ["serve", "--log-filter=info,rondo::engine=debug"];
    let mut server = place.room.start_under(&script, &flags);
    let course = Course::open(server.address_in_out(), &place.key, 3).await;

    // A caller is told that it may try again.
    limit(&server, "0");
    let request = once();
    let refused = course.try_to_send_clock_to("2026-03-31T12:00:00Z", &request).await.unwrap_err();
    assert!(may_pass(&refused), "{refused:?}");
    limit(&server, "unlimited");
    course.try_to_send_clock_to("2026-03-31T12:00:00Z", &request).await.unwrap();
    course.arrives().await;

    // In the middle of the engine's work, and then there is space again.
    course.send_clock_to("2026-08-31T12:00:00Z").await;
    limit(&server, "0");
    server.line_in_err("is taken later");
    limit(&server, "unlimited");
    course.arrives().await;

    // Once more, and the server does not live to see the space.
    course.send_clock_to("2026-12-31T12:00:00Z").await;
    limit(&server, "0");
    server.line_in_err("is taken later");
    server.kill();
    let mut server = place.room.start(&["serve"]);
    let course = course.moves_to(server.address_in_out(), &place.key);
    course.arrives().await;
    place.assert_all_is_paid_once(&course, 3 * 12).await;
}

/// A file system of its own for the server, of so little space; it goes with the server.
const ON_A_SMALL_DISK: &str = r#"
    mkdir small
    exec unshare --user --map-root-user --mount sh -c '
        mount -t tmpfs -o size=6m tmpfs small && cp rondo.db* small && exec "$0" "$@"
    ' "$0" "$@""#;

#[tokio::test]
async fn a_disk_without_space_delays_and_loses_nothing() {
    let namespaces = ["--user", "--map-root-user", "--mount", "true"];
    if !Command::new("unshare").args(namespaces).status().is_ok_and(|status| status.success()) {
        eprintln!("not shown here: this system lets nobody have a file system of their own");
        return;
    }
    let place = Place::new(None);
    let on_small = ["serve", "--database-url=sqlite:small/rondo.db"];
    let mut server = place.room.start_under(ON_A_SMALL_DISK, &on_small);
    let course = Course::open(server.address_in_out(), &place.key, 3).await;

    let small = place.room.path("small");
    let seen_from_here = PathBuf::from(format!("/proc/{}/root{}", server.id(), small.display()));
    let filler = seen_from_here.join("filler");
    let full = fs::write(&filler, vec![0; 6 << 20]).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    let request = once();
    let refused = course.try_to_send_clock_to("2026-06-30T12:00:00Z", &request).await.unwrap_err();
    assert!(may_pass(&refused), "{refused:?}");
    fs::remove_file(&filler).unwrap();
    course.try_to_send_clock_to("2026-06-30T12:00:00Z", &request).await.unwrap();
    course.arrives().await;

    // The disk goes with its server; what was on it when it died goes on elsewhere.
    assert!(
        Command::new("kill").args(["-STOP", &server.id().to_string()]).status().unwrap().success()
    );
    for name in ["rondo.db", "rondo.db-wal"] {
        fs::copy(seen_from_here.join(name), place.room.path(name)).unwrap();
    }
    server.kill();
    let mut server = place.room.start(&["serve"]);
    let course = course.moves_to(server.address_in_out(), &place.key);
    place.assert_all_is_paid_once(&course, 3 * 6).await;
}

#[tokio::test]
async fn a_server_that_starts_on_a_full_disk_waits_for_space() {
    let place = Place::new(None);
    let script = format!("{SHRUGS} ulimit -S -f 0; {EXEC}");
    let mut server = place.room.start_under(&script, &["serve"]);
    server.line_in_err("asking again");
    limit(&server, "unlimited");
    let course = Course::open(server.address_in_out(), &place.key, 1).await;
    place.assert_all_is_paid_once(&course, 1).await;
}

#[test]
fn a_file_that_may_not_be_written_is_refused_with_what_to_do() {
    let place = Place::new(None);
    let file = place.room.path("rondo.db");
    let may = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    may(0o444);
    let refused = place.room.run_under(&unprivileged(), &["serve"]);
    assert_eq!(refused.code, 1);
    let told = "error: rondo.db cannot be written: it and its folder must be this user's to read \
                and write\n";
    assert!(refused.err.ends_with(told), "{}", refused.err);
    may(0o600);
    place.room.start(&["serve"]).address_in_out();
}

/// Root may write everything, unless it gives that up.
fn unprivileged() -> String {
    let id = Command::new("id").arg("-u").output().unwrap();
    let is_root = id.stdout.trim_ascii() == b"0";
    let gives_up = if is_root { "exec setpriv --bounding-set=-dac_override " } else { "exec " };
    format!(r#"{gives_up}"$0" "$@""#)
}
