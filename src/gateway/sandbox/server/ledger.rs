//! The ledger file: one JSON line an entry, appended, and on the disk before anyone is answered.
//!
//! It is the independent witness of what was really taken: it outlives `kill -9` of the sandbox and
//! of Rondo. Commits are grouped: while one is on its way to the disk, the next gather.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
};

use tokio::sync::watch;

use super::{
    book::{Book, Entry, Subject},
    webhooks::Event,
    wire::Wire,
};

/// The book, and the file behind it.
#[derive(Debug)]
pub(super) struct Ledger {
    inside: Mutex<Inside>,
    wake: Condvar,
    durable: watch::Sender<Durable>,
}

#[derive(Debug)]
struct Inside {
    book: Book,
    /// Lines that are not on the disk yet: no more than the calls that wait for them.
    buffer: Vec<u8>,
    written: Position,
    is_closing: bool,
}

/// How many entries were written since the start.
pub(super) type Position = u64;

#[derive(Debug, Clone, Copy)]
enum Durable {
    UpTo(Position),
    Broken,
}

/// The disk refused: nothing may be answered any more.
#[derive(Debug)]
pub(super) struct DiskFailed;

impl Ledger {
    /// Opens or makes the file, reads the book from it and starts the thread that writes.
    ///
    /// A last line without an end was never answered for, and is cut off. A second sandbox on the
    /// same file is refused.
    pub fn open(path: &Path) -> io::Result<(Arc<Self>, thread::JoinHandle<()>)> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        file.try_lock().map_err(|_| {
            io::Error::new(io::ErrorKind::AddrInUse, "another sandbox holds this ledger")
        })?;
        let book = read(&file)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder)?.sync_all()?;
        }
        let inside = Inside { book, buffer: Vec::new(), written: 0, is_closing: false };
        let ledger = Arc::new(Self {
            inside: Mutex::new(inside),
            wake: Condvar::new(),
            durable: watch::Sender::new(Durable::UpTo(0)),
        });
        let writer = Arc::clone(&ledger);
        let thread = thread::Builder::new()
            .name("sandbox-ledger".to_owned())
            .spawn(move || writer.write_on(file))?;
        Ok((ledger, thread))
    }

    /// Runs `work` on the book, alone. What it saw and wrote is safe at the position given back;
    /// then, and not before, the events may be told.
    pub fn with<T>(
        &self,
        wire: &Wire,
        work: impl FnOnce(&mut Pen) -> T,
    ) -> (T, Position, Vec<Event>) {
        let mut inside = self.lock();
        let mut pen = Pen { inside: &mut inside, wire, events: Vec::new() };
        let answer = work(&mut pen);
        let events = pen.events;
        let position = inside.written;
        drop(inside);
        self.wake.notify_one();
        (answer, position, events)
    }

    /// Waits until everything up to `position` is on the disk.
    pub async fn settled(&self, position: Position) -> Result<(), DiskFailed> {
        let mut durable = self.durable.subscribe();
        let reached = durable
            .wait_for(|durable| match durable {
                Durable::UpTo(reached) => *reached >= position,
                Durable::Broken => true,
            })
            .await;
        match reached.map(|durable| *durable) {
            Ok(Durable::UpTo(_)) => Ok(()),
            Ok(Durable::Broken) | Err(_) => Err(DiskFailed),
        }
    }

    /// Lets the writing thread end once all is on the disk.
    pub fn close(&self) {
        self.lock().is_closing = true;
        self.wake.notify_one();
    }

    fn write_on(&self, mut file: File) {
        loop {
            let mut inside = self
                .wake
                .wait_while(self.lock(), |inside| inside.buffer.is_empty() && !inside.is_closing)
                .expect("no holder of the book's lock can panic");
            if inside.buffer.is_empty() {
                return;
            }
            let lines = std::mem::take(&mut inside.buffer);
            let position = inside.written;
            drop(inside);
            if let Err(error) = file.write_all(&lines).and_then(|()| file.sync_data()) {
                tracing::error!(%error, "the sandbox cannot write its ledger");
                self.durable.send_replace(Durable::Broken);
                return;
            }
            self.durable.send_replace(Durable::UpTo(position));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().expect("no holder of the book's lock can panic")
    }
}

/// The right to read the book and write to it, until the lock is given back.
pub(super) struct Pen<'a> {
    inside: &'a mut Inside,
    wire: &'a Wire,
    events: Vec<Event>,
}

impl Pen<'_> {
    /// The book.
    pub fn book(&self) -> &Book {
        &self.inside.book
    }

    /// The book, to count look-ups and forget keys in: what need not be on the disk.
    pub fn book_mut(&mut self) -> &mut Book {
        &mut self.inside.book
    }

    /// Writes an entry, in the book at once and in the file soon.
    pub fn write(&mut self, entry: Entry) -> Subject {
        serde_json::to_writer(&mut self.inside.buffer, &entry)
            .expect("entries have no map with other keys than text");
        self.inside.buffer.push(b'\n');
        self.inside.written += 1;
        let subject = self
            .inside
            .book
            .apply(entry)
            .expect("an entry is about what was just read in this book");
        self.events.extend(self.wire.event(&self.inside.book, subject));
        subject
    }
}

/// Entries are plain text; bytes are read all the same, since a torn line may end inside a letter.
fn read(file: &File) -> io::Result<Book> {
    let mut book = Book::default();
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let mut whole = 0;
    for number in 1_u64.. {
        line.clear();
        reader.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            break;
        }
        let damaged = |why: String| {
            io::Error::new(io::ErrorKind::InvalidData, format!("ledger line {number}: {why}"))
        };
        let entry = serde_json::from_slice(&line).map_err(|error| damaged(error.to_string()))?;
        book.apply(entry).map_err(|why| damaged(why.to_owned()))?;
        whole += line.len() as u64;
    }
    if !line.is_empty() {
        file.set_len(whole)?;
    }
    Ok(book)
}
