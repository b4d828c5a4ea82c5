//! `rondo bench`: how fast the production code is on this machine, in plain figures.

mod renewals;
mod shop;

use std::process::ExitCode;

use clap::{Args as ClapArgs, Subcommand};

/// Measures on this machine, in databases of its own.
#[derive(Debug, ClapArgs)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  \
    rondo bench renewals\n  \
    rondo bench renewals --subscriptions 100000 --database-url postgres://rondo@localhost/rondo"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Renewals(renewals::Args),
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Renewals(args) => renewals::run(args).await,
    }
}
