//! `rondo check-config`: what is wrong with the configuration, and where.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::{output::say, settings::Settings};
use crate::{
    app::whole_reason,
    config::{self, ConfigError, Finding, Loaded, Origin, Overrides, Severity},
};

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
    let remarks = match args.settings.load_with(Overrides::default()) {
        Ok(loaded) => findings(&loaded),
        // The first value that cannot be read ends the reading.
        Err(error) => vec![unread(&error)],
    };
    let is_refused = remarks.iter().any(|remark| remark.severity == Severity::Error);
    if args.json {
        let findings: Vec<_> = remarks.iter().map(|remark| &remark.json).collect();
        say(json!({ "ok": !is_refused, "findings": findings }))?;
    } else {
        for remark in &remarks {
            say(format_args!("{}: {}", remark.severity, remark.text))?;
        }
        if !is_refused {
            say("The configuration is sound.")?;
        }
    }
    Ok(if is_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What is wrong, for people and for machines.
struct Remark {
    severity: Severity,
    text: String,
    json: Value,
}

fn findings(loaded: &Loaded) -> Vec<Remark> {
    let located = |finding: Finding| {
        let origin = loaded.origins.of(&finding.key);
        Remark {
            severity: finding.severity,
            text: finding.at(&origin),
            json: json!({
                "severity": finding.severity.to_string(),
                "key": finding.key,
                "where": place(&origin),
                "message": finding.message,
            }),
        }
    };
    config::check(&loaded.config).into_iter().map(located).collect()
}

fn unread(error: &ConfigError) -> Remark {
    let text = whole_reason(error);
    let (key, place, message) = match error {
        ConfigError::Unreadable { path, .. } => (None, Some(path.display().to_string()), &text),
        ConfigError::Syntax { path, line, problem } => {
            (None, Some(format!("{}:{line}", path.display())), problem)
        }
        ConfigError::Setting { origin, key, problem } => (Some(&**key), place(origin), problem),
    };
    let severity = Severity::Error;
    let json = json!({
        "severity": severity.to_string(),
        "key": key,
        "where": place,
        "message": message,
    });
    Remark { severity, text, json }
}

/// Where to look: a file and its line, a variable or a flag; nowhere for a default.
fn place(origin: &Origin) -> Option<String> {
    (*origin != Origin::Default).then(|| origin.to_string())
}
