//! The quick form of `rondo crash-test`: servers and gateway are killed and stopped at every point,
//! and callers race, on both databases.

use serde_json::Value;

use super::{cluster::Cluster, program::Room};

/// Figures that are zero, if all is well.
const WRONG: [&str; 6] = [
    "double_charges",
    "lost_cycles",
    "ledger_differences",
    "rule_violations",
    "mail_faults",
    "races_lost",
];

#[test]
fn on_sqlite_every_debt_is_captured_once_whatever_is_killed() {
    let told = crash_test(&["--kills=10", "--pauses=2", "--races=500"]);
    assert_eq!(figures(&told, &["kills", "pauses", "races"]), [10, 2, 500]);
    struck(&told, &["kill_before_send", "kill_before_record", "kill_anywhere"]);
}

#[test]
fn on_postgres_every_debt_is_captured_once_whichever_replica_is_killed() {
    let cluster = Cluster::start();
    let url = format!("--database-url={}", cluster.url());
    let told = crash_test(&["--kills=10", "--pauses=3", "--races=500", "--replicas=2", &url]);
    assert_eq!(figures(&told, &["kills", "pauses", "races"]), [10, 3, 500]);
    let points = ["before_send", "before_record", "before_commit", "after_commit", "anywhere"];
    struck(&told, &points.map(|point| format!("kill_{point}")).each_ref().map(String::as_str));
}

fn crash_test(flags: &[&str]) -> Value {
    let room = Room::new();
    let ended = room.run(&[&["crash-test", "--json"], flags].concat());
    let told = ended.well().json();
    assert_eq!(figures(&told, &WRONG), [0; WRONG.len()], "{told}");
    told
}

fn figures<const N: usize>(told: &Value, names: &[&str; N]) -> [u64; N] {
    names.map(|name| told[name].as_u64().unwrap_or_else(|| panic!("{name} in {told}")))
}

fn struck(told: &Value, names: &[&str]) {
    for name in names {
        assert!(told["faults"][name].as_u64() > Some(0), "{name} in {told}");
    }
}
