//! Setting an installation up, running it, and looking after it.

use super::program::{Room, get};

#[test]
fn init_tells_the_administrators_key_once() {
    let room = Room::new();
    let first = room.run(&["init"]).well();
    assert!(first.out.starts_with("rk_live_"), "{}", first.out);
    assert_eq!(first.out.lines().count(), 1, "the key is all that a script reads");
    for file in ["rondo.toml", "rondo.key", "rondo.db"] {
        assert!(room.path(file).exists(), "{file}");
    }

    let again = room.run(&["init"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("`rondo init --new-admin-key` makes another"), "{}", again.err);

    let key = std::fs::read(room.path("rondo.key")).unwrap();
    let second = room.run(&["init", "--new-admin-key"]).well();
    assert_ne!(second.out, first.out);
    assert_eq!(std::fs::read(room.path("rondo.key")).unwrap(), key, "links go on to work");
}

#[test]
fn an_init_that_was_cut_off_is_completed_by_the_next() {
    let room = Room::new();
    room.write("rondo.toml", "database_url = 'sqlite:mine.db'");
    room.run(&["init"]).well();
    assert!(room.path("mine.db").exists() && room.path("rondo.key").exists());
}

#[test]
fn migrate_check_lists_what_is_pending_and_runs_nothing() {
    let room = Room::new();
    for _ in 0..2 {
        let pending = room.run(&["migrate", "--check"]);
        assert_eq!(pending.code, 1);
        assert!(pending.out.starts_with("0001 merchant\n"), "{}", pending.out);
    }
    room.run(&["migrate"]).well();
    assert_eq!(room.run(&["migrate", "--check"]).well().out, "");
}

#[test]
fn serve_answers_until_it_is_told_to_stop_and_gives_the_database_free() {
    let room = Room::new();
    room.run(&["init"]).well();
    let mut server = room.start(&["serve", "--listen", "127.0.0.1:0"]);
    let address = server.address_in_out();
    assert_eq!(get(address, "/healthz"), ("HTTP/1.1 200 OK".to_owned(), "alive\n".to_owned()));
    assert_eq!(get(address, "/readyz").1, "ready\n");
    assert!(get(address, "/metrics").0.contains("200"));
    assert!(get(address, "/nowhere").0.contains("404"));

    let second = room.run(&["stuck"]);
    assert_eq!(second.code, 1);
    assert!(second.err.contains("in use by another Rondo process"), "{}", second.err);

    let (code, err) = server.terminate();
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(room.run(&["stuck"]).well().out, "Nothing is stuck.\n");
}

#[test]
fn serve_logs_for_machines_when_asked() {
    let room = Room::new();
    room.run(&["init"]).well();
    let mut server = room.start(&["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    server.address_in_out();
    let (code, err) = server.terminate();
    assert_eq!(code, Some(0), "{err}");
    for line in err.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["timestamp"].is_string(), "{line}");
    }
    assert!(err.contains("stopping"), "{err}");
}

#[test]
fn a_key_that_was_taken_back_says_so() {
    let room = Room::new();
    room.run(&["init"]).well();
    let made = room.run(&["keys", "create", "--name", "spare", "--role", "admin"]).well();
    assert!(made.out.starts_with("rk_live_"), "{}", made.out);
    let named = |name: &str| {
        let listed = room.run(&["keys", "list", "--json"]).well().json();
        let keys = listed["keys"].as_array().unwrap().clone();
        keys.into_iter().find(|key| key["name"] == name).unwrap()
    };
    let spare = named("spare");
    assert_eq!(spare["state"], "works");
    room.run(&["keys", "revoke", spare["id"].as_str().unwrap()]).well();
    assert_eq!(named("spare")["state"], "revoked");
    assert_eq!(named("administrator")["state"], "works");
    let shown = room.run(&["keys", "list"]).well().out;
    assert!(!shown.contains(made.out.trim()), "a list never shows a key");
}

#[test]
fn what_is_not_stuck_is_not_retried() {
    let room = Room::new();
    room.run(&["init"]).well();
    assert_eq!(room.run(&["stuck", "--json"]).well().json()["stuck"], serde_json::json!([]));
    let retried = room.run(&["stuck", "retry", "pay_06ew5kkq3hx3d1qj9w2t7m8c0g"]);
    assert_eq!(retried.code, 1);
    assert!(retried.err.contains("is not stuck; `rondo stuck` lists what is"), "{}", retried.err);
}
