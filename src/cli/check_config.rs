//! `rondo check-config`: what is wrong with the configuration, and where.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::{output::say, settings::Settings};
use crate::{
    app::whole_reason,
    config::{self, ConfigError, Finding, Loaded, Origin, Origins, Overrides, Severity, Unread},
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
        Ok(loaded) => findings(&loaded.origins, config::check(&loaded.config)).collect(),
        Err(error) => unread(&error),
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

fn findings(origins: &Origins, findings: Vec<Finding>) -> impl Iterator<Item = Remark> {
    findings.into_iter().map(|finding| {
        let origin = origins.of(&finding.key);
        let text = finding.at(&origin);
        let Finding { severity, key, message } = finding;
        Remark::new(severity, text, Some(&key), place(&origin).as_deref(), &message)
    })
}

fn unread(error: &ConfigError) -> Vec<Remark> {
    let text = whole_reason(error);
    let (place, message) = match error {
        ConfigError::Unreadable { path, .. } => (path.display().to_string(), text.clone()),
        ConfigError::Syntax { path, line, problem } => {
            (format!("{}:{line}", path.display()), problem.clone())
        }
        ConfigError::Settings { unread, rest } => return settings(unread, rest.as_deref()),
    };
    vec![Remark::new(Severity::Error, text, None, Some(&place), &message)]
}

/// All that cannot be read, and what is wrong with the rest.
fn settings(unread: &[Unread], rest: Option<&Loaded>) -> Vec<Remark> {
    let told = unread.iter().map(|setting| {
        let Unread { origin, key, problem } = setting;
        Remark::new(
            Severity::Error,
            setting.to_string(),
            Some(key),
            place(origin).as_deref(),
            problem,
        )
    });
    let rest = rest
        .into_iter()
        .flat_map(|rest| findings(&rest.origins, config::check_rest(&rest.config, unread)));
    told.chain(rest).collect()
}

/// Where to look: a file and its line, a variable or a flag; nowhere for a default.
fn place(origin: &Origin) -> Option<String> {
    (*origin != Origin::Default).then(|| origin.to_string())
}
