//! A database that is not there, or is none: one line that says where, and what to do.

use std::fs;

use super::program::Room;

#[test]
fn a_question_to_no_database_makes_none() {
    let room = Room::new();
    for line in [
        &["stuck"][..],
        &["stuck", "list", "--json"],
        &["stuck", "retry", "pay_06ew5kkq3hx3d1qj9w2t7m8c0g"],
        &["keys", "list"],
        &["keys", "create", "--name", "x", "--role", "admin"],
        &["keys", "revoke", "key_06ew5kkq3hx3d1qj9w2t7m8c0g"],
        &["migrate", "--check"],
    ] {
        let ended = room.run(line);
        assert_eq!((ended.code, &*ended.out), (1, ""), "{line:?}");
        let told = "error: there is no database at rondo.db: `rondo init` sets one up, `rondo \
                    serve` makes one too\n";
        assert_eq!(ended.err, told, "{line:?}");
    }
    assert_eq!(fs::read_dir(room.path("")).unwrap().count(), 0, "nothing was made");
}

#[test]
fn a_place_where_no_database_can_be_is_told() {
    let room = Room::new();
    room.write("notes.txt", &"This is no database. ".repeat(100));
    fs::create_dir(room.path("folder")).unwrap();
    for (url, told) in [
        ("sqlite:absent/rondo.db", "there is no folder absent for the database: make it first"),
        ("sqlite:notes.txt", "notes.txt is no SQLite database: move it away, or correct"),
        ("sqlite:folder", "folder cannot be opened: it must be a file"),
        ("sqlite::memory:", "ends with the process, and what was paid with it: name a file"),
        ("sqlite:rondo.db?mode=wild", "sqlite:rondo.db?mode=wild names no SQLite file: unknown"),
        ("postgres://db:port/x", "`database_url` names no Postgres database: invalid port number"),
    ] {
        let ended = room.run(&["migrate", "--database-url", url]);
        assert_eq!((ended.code, &*ended.out), (1, ""), "{url}");
        assert!(ended.err.starts_with("error: ") && ended.err.contains(told), "{}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    }
}

#[test]
fn a_postgres_that_does_not_answer_is_told_at_once_and_without_its_password() {
    let room = Room::new();
    for line in [&["stuck"][..], &["keys", "list"], &["migrate", "--check"], &["migrate"]] {
        let url = "postgres://rondo:hidden@127.0.0.1:1/rondo";
        let ended = room.run(&[line, &["--database-url", url]].concat());
        assert_eq!((ended.code, &*ended.out), (1, ""), "{line:?}");
        let told = "error: no Postgres answers at 127.0.0.1:1: start it, or correct \
                    `database_url`: Connection refused (os error 111)\n";
        assert_eq!(ended.err, told, "{line:?}");
    }
}

#[test]
fn serve_tells_that_it_waits_for_postgres_and_then_gives_up() {
    let room = Room::new();
    room.run(&["init"]).well();
    let url = "postgres://rondo:hidden@127.0.0.1:1/rondo";
    room.write(
        "rondo.toml",
        &format!("database_url = '{url}'\ndatabase_wait_seconds = 3\nlisten = '127.0.0.1:0'"),
    );
    let ended = room.run(&["serve"]);
    assert_eq!((ended.code, &*ended.out), (1, ""), "{}", ended.err);
    let told = "no Postgres answers at 127.0.0.1:1: start it, or correct `database_url`: \
                Connection refused (os error 111)";
    let lines: Vec<_> = ended.err.lines().filter(|line| line.contains("Postgres")).collect();
    let [waits, gives_up] = &lines[..] else { panic!("{}", ended.err) };
    assert!(waits.contains(&format!("{told}; asking again for ")), "{waits}");
    assert_eq!(*gives_up, format!("error: {told}"));
    assert!(!ended.err.contains("hidden"), "{}", ended.err);
}

#[test]
fn serve_that_waits_for_postgres_can_be_stopped() {
    let room = Room::new();
    room.run(&["init"]).well();
    let mut server = room.start(&["serve", "--database-url", "postgres://127.0.0.1:1/rondo"]);
    server.line_in_err("asking again");
    let (code, err) = server.terminate();
    assert_eq!(code, Some(0), "{err}");
}
