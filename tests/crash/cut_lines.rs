//! A line to Postgres that breaks in the middle of a transaction: just before the database hears of a
//! commit, and just after it did it.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use super::{
    cluster::Cluster,
    course::{Course, Place, until},
};

/// A commit, as a client sends it: a query of eleven bytes.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
/// Every so many commits the line breaks.
const EVERY: u32 = 3;

/// Where a line breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breaks {
    Never,
    BeforeCommit,
    AfterCommit,
}

/// A line to a Postgres, which breaks as it is told.
struct Line {
    address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
}

struct Mood {
    breaks: Breaks,
    commits: u32,
    broken: u32,
}

impl Line {
    fn to(socket: PathBuf) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let mood = Arc::new(Mutex::new(Mood { breaks: Breaks::Never, commits: 0, broken: 0 }));
        let told = Arc::clone(&mood);
        std::thread::spawn(move || {
            for caller in listener.incoming() {
                let (caller, mood) = (caller.unwrap(), Arc::clone(&told));
                let Ok(database) = UnixStream::connect(&socket) else { continue };
                let back = (database.try_clone().unwrap(), caller.try_clone().unwrap());
                let commits = Arc::new(Mutex::new(false));
                let committing = Arc::clone(&commits);
                std::thread::spawn(move || there(caller, database, &mood, &committing));
                std::thread::spawn(move || self::back(back.0, back.1, &commits));
            }
        });
        Self { address, mood }
    }

    fn url(&self) -> String {
        format!("postgres://rondo@{}/postgres?sslmode=disable", self.address)
    }

    fn breaks(&self, breaks: Breaks) {
        self.mood.lock().unwrap().breaks = breaks;
    }

    fn times_broken(&self) -> u32 {
        self.mood.lock().unwrap().broken
    }
}

/// Passes on what the caller sends, up to a commit at which the line breaks.
fn there(
    mut caller: TcpStream,
    mut database: UnixStream,
    mood: &Mutex<Mood>,
    breaks_on_answer: &Mutex<bool>,
) {
    let mut chunk = [0; 16 * 1024];
    loop {
        let read = caller.read(&mut chunk).unwrap_or_default();
        let sent = &chunk[..read];
        if sent.windows(COMMIT.len()).any(|window| window == COMMIT) {
            let mut mood = mood.lock().unwrap();
            mood.commits += 1;
            let is_its_turn = mood.breaks != Breaks::Never && mood.commits.is_multiple_of(EVERY);
            mood.broken += u32::from(is_its_turn);
            match mood.breaks {
                Breaks::BeforeCommit if is_its_turn => break,
                Breaks::AfterCommit if is_its_turn => *breaks_on_answer.lock().unwrap() = true,
                Breaks::Never | Breaks::BeforeCommit | Breaks::AfterCommit => {}
            }
        }
        if read == 0 || database.write_all(sent).is_err() {
            break;
        }
    }
    // What is gone already need not be cut.
    let _ = caller.shutdown(Shutdown::Both);
    let _ = database.shutdown(Shutdown::Both);
}

/// Passes on what the database answers, unless it is to a commit whose answer is lost.
fn back(mut database: UnixStream, mut caller: TcpStream, breaks: &Mutex<bool>) {
    let mut chunk = [0; 16 * 1024];
    loop {
        let read = database.read(&mut chunk).unwrap_or_default();
        if read == 0 || *breaks.lock().unwrap() || caller.write_all(&chunk[..read]).is_err() {
            break;
        }
    }
    let _ = caller.shutdown(Shutdown::Both);
    let _ = database.shutdown(Shutdown::Both);
}

#[tokio::test]
async fn a_line_that_breaks_at_commits_loses_and_doubles_nothing() {
    let cluster = Cluster::start();
    let line = Line::to(cluster.socket());
    let place = Place::new(Some(&line.url()));
    let mut server = place.room.start(&["serve"]);
    let course = Course::open(server.address_in_out(), &place.key, 3).await;

    for (breaks, target) in [
        (Breaks::BeforeCommit, "2026-06-30T12:00:00Z"),
        (Breaks::AfterCommit, "2026-12-31T12:00:00Z"),
    ] {
        let before = line.times_broken();
        line.breaks(breaks);
        course.send_clock_to(target).await;
        until("the line broke often enough", async || line.times_broken() >= before + 5).await;
        line.breaks(Breaks::Never);
        course.arrives().await;
    }
    assert!(server.is_up());
    place.assert_all_is_paid_once(&course, 3 * 12).await;
}
