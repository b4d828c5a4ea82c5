//! The command line: the map of the commands, and what a process ends with.
//!
//! One file per command. Each parses, calls what it needs and prints; nothing is decided here.
//! What a command has to say for machines goes to standard output, all else to standard error. An
//! error is one line that tells the next step. Exit codes:
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | done |
//! | 1 | refused, failed, or a check that found something |
//! | 2 | the command line is wrong |

mod academy;
pub mod audit;
pub mod backup;
pub mod bench;
pub mod check_config;
pub mod crash_test;
pub mod demo;
mod figures;
pub mod init;
pub mod keys;
pub mod mail;
pub mod migrate;
mod output;
mod progress;
pub mod reconcile;
pub mod restored;
pub mod sandbox;
pub mod serve;
mod service;
mod settings;
mod signals;
pub mod simulate;
pub mod stuck;
pub mod telemetry;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, error::ErrorKind};

use crate::{app::whole_reason, security::tls};

/// The version, and of an optimised program the commit that it was built of.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), env!("RONDO_REVISION"));

/// The command line was wrong.
const USAGE: u8 = 2;

#[derive(Debug, Parser)]
#[command(
    name = "rondo",
    version = VERSION,
    about = "Recurring billing: plans, cycles, dunning and e-mails over gRPC, on SQLite or Postgres",
    after_help = "Examples:\n  \
                  rondo demo                            a year of billing, to look at\n  \
                  rondo init && rondo serve             a server in this folder\n  \
                  rondo check-config                    what is wrong, and where\n  \
                  rondo stuck                           what waits for a person\n\n\
                  Every setting has a variable, RONDO_DATABASE_URL for one: docs/configuration.md \
                  lists all.\n\
                  Exit codes: 0 done; 1 refused or failed; 2 the command line is wrong.",
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Init(init::Args),
    Migrate(migrate::Args),
    CheckConfig(check_config::Args),
    Stuck(stuck::Args),
    Audit(audit::Args),
    Reconcile(reconcile::Args),
    Backup(backup::Args),
    Restored(restored::Args),
    Keys(keys::Args),
    Mail(mail::Args),
    Sandbox(sandbox::Args),
    Demo(demo::Args),
    Bench(bench::Args),
    Simulate(simulate::Args),
    CrashTest(crash_test::Args),
}

/// Parses the command line and runs what it asks for.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    tls::install();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let ended = runtime.block_on(run(cli.command));
    // What still reads a terminal or a name server in the background must not hold the exit up.
    runtime.shutdown_background();
    ended.unwrap_or_else(|error| failed(&error))
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => serve::run(args).await,
        Command::Init(args) => init::run(args).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Stuck(args) => stuck::run(args).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Reconcile(args) => reconcile::run(args).await,
        Command::Backup(args) => backup::run(args).await,
        Command::Restored(args) => restored::run(args).await,
        Command::Keys(args) => keys::run(args).await,
        Command::Mail(args) => mail::run(args),
        Command::Sandbox(args) => sandbox::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::Simulate(args) => simulate::run(args).await,
        Command::CrashTest(args) => crash_test::run(args).await,
    }
}

/// One line, with all causes.
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {}", one_line(&whole_reason(error.as_ref())));
    ExitCode::FAILURE
}

/// Help and version as they are; what is wrong in one line, with where to read on.
fn refuse(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Standard output may be closed already (`rondo --help | head -1`).
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(USAGE)
        }
        _ => {
            let arguments = std::env::args_os().skip(1);
            let words = arguments.map(|word| word.to_string_lossy().into_owned());
            eprintln!("{}", complaint(&error.render().to_string(), &named(words)));
            ExitCode::from(USAGE)
        }
    }
}

/// Clap's complaint in one line: its first paragraph, and the command whose help says more.
fn complaint(rendered: &str, command: &str) -> String {
    let first = rendered.split("\n\n").next().unwrap_or_default();
    format!("{}; see `{command} --help`", one_line(first))
}

/// The command that a command line names, as far as there is one.
fn named(words: impl Iterator<Item = String>) -> String {
    let root = Cli::command();
    let mut command = &root;
    let mut path = vec![root.get_name()];
    for word in words {
        let Some(inner) = command.find_subcommand(&word) else { break };
        path.push(inner.get_name());
        command = inner;
    }
    path.join(" ")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn look(command: &clap::Command, path: &str) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("\n  {path}")), "{path} has no example");
            for inner in command.get_subcommands() {
                look(inner, &format!("{path} {}", inner.get_name()));
            }
        }
        for command in Cli::command().get_subcommands() {
            look(command, &format!("rondo {}", command.get_name()));
        }
    }

    #[test]
    fn a_wrong_command_line_is_told_in_one_line() {
        for (line, told) in [
            (
                &["rondo", "serve", "--lisen", "x"][..],
                "error: unexpected argument '--lisen' found; see `rondo serve --help`",
            ),
            (
                &["rondo", "stuck", "retry"],
                "error: the following required arguments were not provided: <ID>...; see `rondo \
                 stuck retry --help`",
            ),
            (&["rondo", "sing"], "error: unrecognized subcommand 'sing'; see `rondo --help`"),
            (
                &["rondo", "stuck", "list", "--limit", "0"],
                "error: invalid value '0' for '--limit <N>': must be a whole number from 1 to \
                 100000; see `rondo stuck list --help`",
            ),
        ] {
            let error = Cli::try_parse_from(line).unwrap_err();
            let command = named(line.iter().skip(1).map(ToString::to_string));
            assert_eq!(complaint(&error.render().to_string(), &command), told);
        }
    }
}
