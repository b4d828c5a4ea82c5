//! What happened in a simulated world, in order: the last of it as a story to read, all of it as one
//! digest, by which two runs are compared byte for byte (RULES P-7).

use std::{
    collections::VecDeque,
    fmt::{self, Write as _},
    sync::{Mutex, MutexGuard},
};

use chrono::{DateTime, Utc};
use ring::digest::{Context, SHA256};

/// How many lines a story keeps, unless all are wanted.
const STORY: usize = 60;

/// The record of one world.
pub(super) struct Trace {
    pages: Mutex<Pages>,
    keep: usize,
}

struct Pages {
    digest: Context,
    lines: VecDeque<String>,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").finish_non_exhaustive()
    }
}

impl Trace {
    /// An empty one, which keeps every line if `whole`.
    pub(super) fn new(whole: bool) -> Self {
        let pages = Pages { digest: Context::new(&SHA256), lines: VecDeque::new() };
        Self { pages: Mutex::new(pages), keep: if whole { usize::MAX } else { STORY } }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().expect("no holder of the trace can panic")
    }

    /// Notes one line.
    pub(super) fn note(&self, at: DateTime<Utc>, what: fmt::Arguments<'_>) {
        let line = format!("{} {what}", at.format("%Y-%m-%d %H:%M:%S"));
        let mut pages = self.pages();
        pages.digest.update(line.as_bytes());
        pages.digest.update(b"\n");
        if pages.lines.len() == self.keep {
            pages.lines.pop_front();
        }
        pages.lines.push_back(line);
    }

    /// The digest of all lines so far, in hexadecimal digits.
    pub(super) fn digest(&self) -> String {
        let digest = self.pages().digest.clone().finish();
        digest.as_ref().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The lines that are kept, oldest first.
    pub(super) fn story(&self) -> Vec<String> {
        self.pages().lines.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_of_all_lines_and_the_story_of_the_last() {
        let [short, other] = [Trace::new(false), Trace::new(false)];
        for number in 0..STORY + 5 {
            short.note(DateTime::UNIX_EPOCH, format_args!("step {number}"));
            other.note(DateTime::UNIX_EPOCH, format_args!("step {}", number.max(1)));
        }
        assert_eq!(short.story(), other.story());
        assert_eq!(short.story()[0], "1970-01-01 00:00:00 step 5");
        assert_ne!(short.digest(), other.digest());
    }
}
