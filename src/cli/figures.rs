//! What `/metrics` shows from the first scrape on: who this is, and every figure at zero, so that an
//! alert on a figure that never came up can tell "nothing happened" from "nobody counts".

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use crate::{
    config::Config,
    domain::payment::{decline::DeclineClass, reconcile::Difference},
    mail::MessageKind,
    store::Work,
};

/// Counters, with what one more of each means.
const COUNTERS: [(&str, &str); 19] = [
    ("rondo_renewals_total", "Invoices that renewals issued."),
    ("rondo_attempts_total", "Charges that came to this state."),
    ("rondo_unknown_response_codes_total", "Declines whose code stands in no table of ours."),
    ("rondo_reversals_total", "Payments taken back by banks and card schemes, by why."),
    ("rondo_reinstatements_total", "Payments that had been taken back and came again."),
    ("rondo_foreign_refunds_total", "Refunds made at a gateway that Rondo did not order."),
    ("rondo_mails_total", "Mails handed to the relay, or not."),
    ("rondo_webhooks_in_total", "Webhooks that a gateway sent, by what became of them."),
    ("rondo_webhooks_not_applied_total", "Webhooks that were kept and could not be applied."),
    ("rondo_webhooks_out_total", "Webhooks to portals, by the answer."),
    ("rondo_webhook_endpoints_disabled_total", "Addresses of portals that were switched off."),
    ("rondo_work_done_total", "Objects that a loop decided."),
    ("rondo_rounds_failed_total", "Rounds of a loop that are taken again."),
    ("rondo_set_aside_total", "Objects set aside for a person: see `rondo stuck`."),
    ("rondo_differences_total", "Differences from what a gateway took: see `rondo reconcile`."),
    ("rondo_told_staff_total", "Things told to staff: see `rondo stuck`."),
    ("rondo_mail_override_fault_total", "Words of a merchant's that could not be filled."),
    ("rondo_mail_missing_message_total", "Words of ours that a language lacks, in mails."),
    ("rondo_page_missing_message_total", "Words of ours that a language lacks, on pages."),
];

/// The states of `rondo_attempts_total`.
const STATES: [&str; 9] = [
    "InFlight",
    "Succeeded",
    "Reversed",
    "Declined",
    "Rejected",
    "NotExecuted",
    "Pending",
    "ActionRequired",
    "Unknown",
];
/// Why money is taken back, as far as that decides what follows.
const TAKEN_BACK: [DeclineClass; 4] = [
    DeclineClass::WaitFunds,
    DeclineClass::FixData,
    DeclineClass::StopMandate,
    DeclineClass::Never,
];
/// The outcomes of `rondo_webhooks_in_total`.
const WEBHOOKS_IN: [&str; 6] =
    ["kept", "repeated", "forged", "unreadable", "unverifiable", "not kept"];
/// The outcomes of `rondo_webhooks_out_total`.
const WEBHOOKS_OUT: [&str; 3] = ["taken", "gone", "refused"];

/// Declares all figures of this process, once it counts.
pub fn declare(config: &Config) {
    for (name, meaning) in COUNTERS {
        describe_counter!(name, Unit::Count, meaning);
    }
    describe_gauge!("rondo_build_info", "Always 1; the label is the version.");
    gauge!("rondo_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    describe_gauge!("rondo_audit_flaws", "What `rondo audit` found at night; nothing until then.");
    describe_gauge!(
        "rondo_oldest_due_seconds",
        Unit::Seconds,
        "How long the oldest due work of a loop has waited."
    );
    for work in Work::ALL {
        gauge!("rondo_oldest_due_seconds", "work" => work.name()).set(0.0);
        for name in [
            "rondo_work_done_total",
            "rondo_rounds_failed_total",
            "rondo_set_aside_total",
            "rondo_told_staff_total",
        ] {
            counter!(name, "work" => work.name()).absolute(0);
        }
    }
    for name in [
        "rondo_renewals_total",
        "rondo_webhook_endpoints_disabled_total",
        "rondo_reinstatements_total",
        "rondo_foreign_refunds_total",
    ] {
        counter!(name).absolute(0);
    }
    for class in TAKEN_BACK {
        counter!("rondo_reversals_total", "class" => class.name()).absolute(0);
    }
    for state in STATES {
        counter!("rondo_attempts_total", "state" => state).absolute(0);
    }
    for kind in MessageKind::ALL {
        for result in ["sent", "failed"] {
            counter!("rondo_mails_total", "kind" => kind.name(), "result" => result).absolute(0);
        }
        counter!("rondo_mail_override_fault_total", "kind" => kind.name()).absolute(0);
    }
    for difference in Difference::NAMES {
        counter!("rondo_differences_total", "difference" => difference).absolute(0);
    }
    for outcome in WEBHOOKS_OUT {
        counter!("rondo_webhooks_out_total", "outcome" => outcome).absolute(0);
    }
    for gateway in config.gateways.keys() {
        counter!("rondo_webhooks_not_applied_total", "gateway" => gateway.clone()).absolute(0);
        for outcome in WEBHOOKS_IN {
            counter!("rondo_webhooks_in_total", "gateway" => gateway.clone(), "outcome" => outcome)
                .absolute(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// The names in the sources, wherever something is counted.
    fn counted(folder: &Path, names: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                counted(&path, names);
            } else if !path.ends_with("cli/figures.rs") && !path.ends_with("cli/telemetry.rs") {
                let text = fs::read_to_string(path).unwrap();
                let found = text.split("metrics::counter!(\"").skip(1);
                names.extend(found.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
            }
        }
    }

    #[test]
    fn everything_that_is_counted_is_declared_and_documented() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = fs::read_to_string(root.join("docs/cli.md")).unwrap();
        let mut names = Vec::new();
        counted(&root.join("src"), &mut names);
        names.sort();
        names.dedup();
        let mut declared = COUNTERS.map(|(name, _)| name.to_owned());
        declared.sort();
        assert_eq!(names, declared);
        for name in declared.iter().map(String::as_str).chain(["rondo_build_info"]) {
            assert!(page.contains(&format!("| `{name}")), "{name} is not in docs/cli.md");
        }
    }
}
