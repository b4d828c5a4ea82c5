//! `rondo check-config`: what is wrong with the configuration, and where.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::{output::say, settings::Settings};
use crate::{
    app::whole_reason,
    config::{self, ConfigError, Finding, Origin, Overrides, Severity},
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
    let remarks: Vec<_> = match args.settings.load_with(Overrides::default()) {
        Ok(loaded) => config::check(&loaded).iter().map(on_a_setting).collect(),
        Err(ConfigError::Settings { findings }) => findings.iter().map(on_a_setting).collect(),
        Err(ref error @ ConfigError::Unreadable { ref path, .. }) => {
            vec![on_the_file(error, &path.display().to_string(), &whole_reason(error))]
        }
        Err(ref error @ ConfigError::Syntax { ref path, line, ref problem }) => {
            vec![on_the_file(error, &format!("{}:{line}", path.display()), problem)]
        }
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

impl Remark {
    fn new(
        severity: Severity,
        text: String,
        key: Option<&str>,
        place: Option<&str>,
        message: &str,
    ) -> Self {
        let json = json!({
            "severity": severity.to_string(),
            "key": key,
            "where": place,
            "message": message,
        });
        Self { severity, text, json }
    }
}

fn on_a_setting(finding: &Finding) -> Remark {
    let Finding { severity, origin, key, message } = finding;
    // A file and its line, a variable or a flag; nowhere for a default.
    let place = (*origin != Origin::Default).then(|| origin.to_string());
    Remark::new(*severity, finding.to_string(), Some(key), place.as_deref(), message)
}

/// What keeps the file from being looked into.
fn on_the_file(error: &ConfigError, place: &str, message: &str) -> Remark {
    Remark::new(Severity::Error, whole_reason(error), None, Some(place), message)
}
