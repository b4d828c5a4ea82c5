//! What happened in a simulated world, in order: line by line, and as one digest, by which two runs are compared byte
//! for byte (RULES P-7).

use std::{
    fmt,
    sync::{Mutex, MutexGuard},
};

use chrono::{DateTime, Utc};
use ring::digest::{Context, SHA256};

/// The record of one world.
pub(super) struct Trace {
    pages: Mutex<Pages>,
}

struct Pages {
    digest: Context,
    lines: Vec<(DateTime<Utc>, String)>,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").finish_non_exhaustive()
    }
}

impl Trace {
    /// An empty one.
    pub(super) fn new() -> Self {
        let pages = Pages { digest: Context::new(&SHA256), lines: Vec::new() };
        Self { pages: Mutex::new(pages) }
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
        pages.lines.push((at, line));
    }

    /// The digest of all lines so far, in hexadecimal digits.
    pub(super) fn digest(&self) -> String {
        hex::encode(self.pages().digest.clone().finish())
    }

    /// All lines, oldest first: what was noted later than it happened stands where it happened.
    pub(super) fn story(&self) -> Vec<String> {
        let mut lines = self.pages().lines.clone();
        lines.sort_by_key(|(at, _)| *at);
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn the_digest_is_of_lines_as_they_were_noted_and_the_story_as_they_happened() {
        let [forth, back] = [[1, 2, 3], [3, 2, 1]].map(|order| {
            let trace = Trace::new();
            for second in order {
                let at = DateTime::UNIX_EPOCH + TimeDelta::seconds(second);
                trace.note(at, format_args!("step {second}"));
            }
            trace
        });
        assert_eq!(forth.story(), back.story());
        assert_eq!(back.story()[0], "1970-01-01 00:00:01 step 1");
        assert_ne!(forth.digest(), back.digest());
    }
}
