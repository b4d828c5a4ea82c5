//! Setting an installation up, running it, and looking after it.

use super::program::{Room, get};

#[test]
fn init_tells_the_administrators_key_once() {
    let room = Room::new();
    let first = room.run(&["init"]).well();
    assert!(first.out.starts_with("rk_live_"), "{}", first.out);
    assert_eq!(first.out.lines().count(), 1, "the key is all that a script reads");
    let told = "The administrator's API key, shown this once, is on standard output.\n";
    assert!(first.err.contains(told), "{}", first.err);
    for file in ["rondo.toml", "rondo.key", "rondo.db"] {
        assert!(room.path(file).exists(), "{file}");
    }

    let again = room.run(&["init"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("`rondo init --new-admin-key` makes another"), "{}", again.err);

    let key = std::fs::read(room.path("rondo.key")).unwrap();
    std::fs::remove_file(room.path("rondo.key")).unwrap();
    let keyless = room.run(&["init"]);
    assert_eq!((keyless.code, &*keyless.out), (1, ""));
    let told = "rondo.key is missing: put the old one back, as the links that are out work with it";
    assert!(keyless.err.starts_with("error: ") && keyless.err.contains(told), "{}", keyless.err);
    assert!(!room.path("rondo.key").exists(), "a refusal leaves nothing behind");
    let advice = room.run(&["check-config"]).out;
    assert!(advice.contains("put the old one back, as the links that are out"), "{advice}");
    std::fs::write(room.path("rondo.key"), &key).unwrap();
    let second = room.run(&["init", "--new-admin-key"]).well();
    assert_ne!(second.out, first.out);
    assert_eq!(std::fs::read(room.path("rondo.key")).unwrap(), key, "links go on to work");
}

#[test]
fn the_quick_start_may_be_pasted_twice() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let (_, begins) = docs.split_once("```sh\ncheckout=").unwrap();
    let (paste, _) = begins.split_once("rondo sandbox").unwrap();
    let shell = format!(
        "rondo() {{ \"$0\" \"$@\"; }}
mkdir portal && cd portal
checkout={paste}
first=$RONDO_API_KEY
checkout={paste}
echo \"$first $RONDO_API_KEY ${{checkout##*/}}\""
    );
    let room = Room::new();
    let pasted = room.run_under(&shell, &[]).well();
    let (_, last) = pasted.out.trim_end().rsplit_once('\n').unwrap();
    let [first, second, checkout] = last.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{last}")
    };
    assert!(first.starts_with("rk_live_"), "{last}");
    assert_eq!((second, checkout), (first, "portal"), "{}", pasted.err);
    assert!(pasted.err.contains("`rondo init --new-admin-key` makes another"), "{}", pasted.err);
    let settings = std::fs::read_to_string(room.path("academy/rondo.toml")).unwrap();
    assert_eq!(settings.matches("\n[gateways.sandbox]").count(), 1, "{settings}");
}

#[test]
fn an_init_that_was_cut_off_is_completed_by_the_next() {
    let room = Room::new();
    room.write("rondo.toml", "database_url = 'sqlite:mine.db'");
    room.run(&["init"]).well();
    assert!(room.path("mine.db").exists() && room.path("rondo.key").exists());
}

#[test]
fn an_init_without_a_database_leaves_nothing_to_trip_over() {
    let room = Room::new();
    for (url, told) in [
        ("mysql://db/x", "the database's URL must begin with sqlite: or postgres://"),
        ("postgres://127.0.0.1:1/x", "no Postgres answers at 127.0.0.1:1"),
    ] {
        let refused = room.run(&["init", "--database-url", url]);
        assert_eq!((refused.code, &*refused.out), (1, ""));
        assert!(refused.err.starts_with(&format!("error: {told}")), "{}", refused.err);
        assert_eq!(std::fs::read_dir(room.path("")).unwrap().count(), 0, "{url}");
    }
    room.run(&["init"]).well();
    let other = room.run(&["init", "--database-url", "sqlite:other.db"]);
    assert_eq!(other.code, 1);
    let told = "error: rondo.toml:4: `database_url` names sqlite:rondo.db already: change it there, \
                or leave --database-url out\n";
    assert_eq!(other.err, told);
    assert!(!room.path("other.db").exists());
}

#[cfg(unix)]
#[test]
fn what_init_makes_is_for_its_owners_eyes_alone() {
    use std::os::unix::fs::PermissionsExt;
    let room = Room::new();
    room.run(&["init"]).well();
    for file in ["rondo.toml", "rondo.key", "rondo.db"] {
        let mode = std::fs::metadata(room.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn migrate_check_lists_what_is_pending_and_runs_nothing() {
    let room = Room::new();
    room.write("rondo.db", "");
    for _ in 0..2 {
        let pending = room.run(&["migrate", "--check"]);
        assert_eq!(pending.code, 1);
        assert!(pending.out.starts_with("0001 merchant\n"), "{}", pending.out);
    }
    room.run(&["migrate"]).well();
    assert_eq!(room.run(&["migrate", "--check"]).well().out, "");
}

#[test]
fn serve_answers_until_it_is_told_to_stop() {
    let room = Room::new();
    room.run(&["init"]).well();
    let mut server = room.start(&["serve", "--listen", "127.0.0.1:0"]);
    let address = server.address_in_out();
    assert_eq!(get(address, "/healthz"), ("HTTP/1.1 200 OK".to_owned(), "alive\n".to_owned()));
    assert_eq!(get(address, "/readyz").1, "ready\n");
    assert!(get(address, "/metrics").0.contains("200"));
    assert!(get(address, "/nowhere").0.contains("404"));

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
    let told = "is not stuck, and nothing was put back; `rondo stuck` lists what is";
    assert!(retried.err.contains(told), "{}", retried.err);
}
