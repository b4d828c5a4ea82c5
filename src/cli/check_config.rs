//! `rondo check-config`: what is wrong with the configuration, and where.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use serde_json::json;

use super::{
    output::{Column, say, table},
    settings::Settings,
};
use crate::config::{self, Finding, Severity};

/// Says what is wrong with the configuration, and where.
///
/// Looks at the values and at the files that they name; calls no gateway, no mail server and no
/// database.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rondo check-config\n  \
    rondo check-config --config /etc/rondo.toml --json\n\n\
    Ends with 1 if Rondo would refuse to start; warnings alone end with 0.")]
pub struct Args {
    #[command(flatten)]
    settings: Settings,

    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.load()?;
    let findings = config::check(&config);
    let is_refused = findings.iter().any(|finding| finding.severity == Severity::Error);
    if args.json {
        let findings: Vec<_> = findings.iter().map(as_json).collect();
        say(json!({ "ok": !is_refused, "findings": findings }))?;
    } else if findings.is_empty() {
        say("The configuration is sound.")?;
    } else {
        let mut shown =
            table(&[("", Column::Words), ("key", Column::Words), ("what is wrong", Column::Words)]);
        for Finding { severity, key, message } in &findings {
            shown.add_row([name(*severity), key, message]);
        }
        say(shown)?;
    }
    Ok(if is_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn as_json(finding: &Finding) -> serde_json::Value {
    let Finding { severity, key, message } = finding;
    json!({ "severity": name(*severity), "key": key, "message": message })
}

const fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}
