//! Real crashes and real trouble: the real program is killed, stopped, cut off from its database and
//! left without a disk, and in the end every debt was captured once.

#![expect(clippy::unwrap_used, reason = "tests may unwrap, in their helpers too")]

#[path = "../cli/program.rs"]
mod program;

mod backups;
mod cluster;
mod course;
mod cut_lines;
mod disks;
mod killed;
mod restarts;
mod two_engines;
