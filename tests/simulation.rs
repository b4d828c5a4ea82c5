//! The simulator, as anyone runs it: worlds in which all goes wrong that can, with nothing wrong in the
//! end, the same again for the same seed, and the same on both databases (RULES §10, P-1 to P-3, P-7 to
//! P-9). The published run is longer: see docs/reliability.md.

#![expect(clippy::unwrap_used, reason = "tests may unwrap, in their helpers too")]

use std::process::Command;

use rstest::rstest;
use serde_json::Value;

/// What `rondo simulate` told, and whether it found all well.
fn simulate(arguments: &[&str]) -> (Value, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_rondo"))
        .args(["simulate", "--json"])
        .args(arguments)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let figures = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("no figures ({error}), but:\n{told}"));
    eprintln!("{told}");
    (figures, output.status.success())
}

/// The quick form of the published run.
#[test]
fn whatever_breaks_each_debt_is_collected_once_and_no_cycle_is_lost() {
    let run = ["--seeds", "0..20", "--members", "400", "--each-fault", "20"];
    let (figures, is_well) = simulate(&run);
    for figure in
        ["double_charges", "lost_cycles", "ledger_differences", "rule_violations", "mail_faults"]
    {
        assert_eq!(figures[figure], 0, "{figure}");
    }
    assert_eq!(figures["missing_faults"], serde_json::json!([]), "each strikes");
    assert!(figures["attempts"].as_u64().unwrap() >= 20_000, "{figures:#}");
    assert!(figures["subscription_years"].as_u64().unwrap() >= 2_000, "{figures:#}");
    assert!(is_well);
}

#[rstest]
#[case::a_world_that_is_lived_through_again(&["--seeds", "0..1"], true)]
#[case::one_that_was_to_have_them_all(&["--seeds", "0..1", "--each-fault", "1"], false)]
#[case::a_run_of_many(&["--seeds", "0..20"], false)]
fn a_run_in_which_a_kind_of_fault_never_struck_tells_it_and_fails_unless_it_is_short(
    #[case] run: &[&str],
    #[case] expected: bool,
) {
    let (figures, is_well) = simulate(&[run, &["--members", "1"]].concat());
    assert_ne!(figures["missing_faults"], serde_json::json!([]));
    assert_eq!(is_well, expected);
}

#[test]
fn a_seed_is_the_same_byte_for_byte_again_and_on_both_databases() {
    let server = std::env::var("RONDO_TEST_PG").expect("RONDO_TEST_PG names a Postgres server");
    let seeds = ["--seeds", "100..105", "--members", "15"];
    let on_sqlite = simulate(&seeds).0["traces"].clone();
    assert_eq!(on_sqlite.as_object().unwrap().len(), 5);
    assert_eq!(simulate(&seeds).0["traces"], on_sqlite);
    let on_postgres = simulate(&[&seeds[..], &["--database-url", &server]].concat());
    assert_eq!(on_postgres.0["traces"], on_sqlite);
}
