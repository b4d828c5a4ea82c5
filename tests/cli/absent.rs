//! A database that is not there, or is none: one line that says where, and what to do.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
};

use super::program::Room;

#[test]
fn a_question_to_no_database_makes_none() {
    let room = Room::new();
    for line in [
        &["stuck"][..],
        &["stuck", "list", "--json"],
        &["stuck", "retry", "pay_06ew5kkq3hx3d1qj9w2t7m8c0g"],
        &["stuck", "settle", "att_06ew5kkq3hx3d1qj9w2t7m8c0g", "--not-charged", "--note", "x"],
        &["keys", "list"],
        &["keys", "create", "--name", "x", "--role", "admin"],
        &["keys", "revoke", "key_06ew5kkq3hx3d1qj9w2t7m8c0g"],
        &["migrate", "--check"],
    ] {
        let ended = room.run(line);
        assert_eq!((ended.code, &*ended.out), (1, ""), "{line:?}");
        let told = "error: there is no database at rondo.db: `rondo init` sets one up\n";
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

/// Something that listens where Postgres should be, and answers everybody as `answer` does.
fn listening(answer: fn(&mut TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for caller in listener.incoming() {
            answer(&mut caller.unwrap());
        }
    });
    address
}

/// The eight bytes with which a client asks for TLS.
fn asked_for_tls(caller: &mut TcpStream) {
    caller.read_exact(&mut [0; 8]).unwrap();
}

/// A Postgres without TLS, that lets nobody in for the reason `code`.
fn refuse(caller: &mut TcpStream, code: &str, reason: &str) {
    asked_for_tls(caller);
    caller.write_all(b"N").unwrap();
    // The client tells who it is.
    let _ = caller.read(&mut [0; 1024]).unwrap();
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{reason}\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap();
    let answer = [b"E", &length.to_be_bytes()[..], fields.as_bytes()].concat();
    caller.write_all(&answer).unwrap();
}

fn a_web_server(caller: &mut TcpStream) {
    asked_for_tls(caller);
    caller.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
}

fn an_ssh_server(caller: &mut TcpStream) {
    caller.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").unwrap();
    // It hangs up once it has heard what is no SSH.
    let _ = caller.read(&mut [0; 1024]);
}

fn one_that_hangs_up(caller: &mut TcpStream) {
    asked_for_tls(caller);
}

fn a_server_without_tls(caller: &mut TcpStream) {
    asked_for_tls(caller);
    caller.write_all(b"N").unwrap();
}

fn a_server_with_tls_of_its_own(caller: &mut TcpStream) {
    asked_for_tls(caller);
    caller.write_all(b"S").unwrap();
    let _ = caller.read(&mut [0; 1024]);
    // An alert: the handshake failed.
    caller.write_all(&[21, 3, 3, 0, 2, 2, 40]).unwrap();
}

fn one_that_refuses_the_password(caller: &mut TcpStream) {
    refuse(caller, "28P01", "password authentication failed for user \"rondo\"");
}

fn one_that_does_not_know_the_host(caller: &mut TcpStream) {
    refuse(caller, "28000", "no pg_hba.conf entry for host \"10.0.0.7\", user \"rondo\"");
}

fn one_that_keeps_the_database_to_others(caller: &mut TcpStream) {
    refuse(caller, "42501", "permission denied for database \"rondo\"");
}

fn one_that_is_full(caller: &mut TcpStream) {
    refuse(caller, "53300", "sorry, too many clients already");
}

#[test]
fn whoever_else_answers_in_the_place_of_postgres_is_told_with_what_to_do() {
    let room = Room::new();
    let no_postgres = "is no Postgres: correct host and port in `database_url`";
    let no_tls = "in `database_url`, `?sslmode=disable`, `require` or `verify-full` says what is";
    let not_in = "lets rondo not in: correct user or password in `database_url`, or the server's \
                  pg_hba.conf (";
    let verified = "?sslmode=verify-full&sslrootcert=absent.pem";
    for (answer, query, told) in [
        (a_web_server as fn(&mut TcpStream), "", no_postgres),
        (one_that_hangs_up, "", no_postgres),
        (an_ssh_server, "", no_tls),
        (a_server_without_tls, "?sslmode=require", no_tls),
        (a_server_with_tls_of_its_own, "?sslmode=require", no_tls),
        (a_server_with_tls_of_its_own, verified, "is not there: correct its path"),
        (one_that_refuses_the_password, "", not_in),
        (one_that_does_not_know_the_host, "", not_in),
        (one_that_keeps_the_database_to_others, "", "`grant connect on database rondo to rondo`"),
        (one_that_is_full, "", "now: try again in a moment: the database is not available just"),
    ] {
        let address = listening(answer);
        let url = format!("postgres://rondo:hidden@{address}/rondo{query}");
        let ended = room.run(&["keys", "list", "--database-url", &url]);
        assert_eq!((ended.code, &*ended.out), (1, ""), "{told}");
        assert!(ended.err.starts_with("error: "), "{}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        assert!(ended.err.contains(told), "\n told: {}wanted: {told}", ended.err);
        assert!(!ended.err.contains("hidden"), "{}", ended.err);
    }
}
