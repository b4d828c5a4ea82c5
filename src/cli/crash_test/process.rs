//! A command of this very program as a process of its own, which can be killed, stopped and started
//! again. All that it says goes to a file.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

/// How often a process that starts is looked at.
const POLL: Duration = Duration::from_millis(10);
/// The longest that a process may take to start: it may wait for a database that is just restarting.
const STARTS_WITHIN: Duration = Duration::from_mins(1);
/// The lines of a process that failed which are told.
const LINES_TOLD: usize = 20;

/// A process that stays up.
#[derive(Debug)]
pub struct Process {
    name: String,
    folder: PathBuf,
    arguments: Vec<String>,
    /// What stands before the address in its greeting.
    greeting: &'static str,
    log: PathBuf,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    child: Option<Child>,
    address: Option<SocketAddr>,
}

impl Process {
    /// A process that is not started yet: `rondo` with these arguments, in `folder`.
    pub fn new(
        name: impl Into<String>,
        folder: &Path,
        arguments: Vec<String>,
        greeting: &'static str,
    ) -> Self {
        let name = name.into();
        let log = folder.join(format!("{name}.log"));
        let running = Mutex::default();
        Self { name, folder: folder.to_owned(), arguments, greeting, log, running }
    }

    /// Starts it, and waits until it tells where it listens.
    pub async fn start(&self) -> anyhow::Result<SocketAddr> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let said_before = usize::try_from(log.metadata()?.len())?;
        let child = command(&self.folder, &self.arguments)?
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} cannot be started", self.name))?;
        self.running().child = Some(child);
        let last = Instant::now() + STARTS_WITHIN;
        loop {
            let said = fs::read(&self.log)?.split_off(said_before);
            let said = String::from_utf8_lossy(&said);
            if let Some(address) = address_in(&said, self.greeting) {
                self.running().address = Some(address);
                return Ok(address);
            }
            if let Some(how) = self.ended()? {
                bail!("{} ended as it started ({how}):\n{}", self.name, last_lines(&said));
            }
            if Instant::now() > last {
                let seconds = STARTS_WITHIN.as_secs();
                bail!("{} is not up after {seconds} s:\n{}", self.name, last_lines(&said));
            }
            sleep(POLL).await;
        }
    }

    /// Fails if it has ended by itself.
    pub fn is_up(&self) -> anyhow::Result<()> {
        if let Some(how) = self.ended()? {
            let said = fs::read(&self.log)?;
            let said = String::from_utf8_lossy(&said);
            bail!("{} has ended by itself ({how}):\n{}", self.name, last_lines(&said));
        }
        Ok(())
    }

    /// Ends it where it stands, as `kill -9` does. Whether it was running.
    pub fn kill(&self) -> bool {
        let mut running = self.running();
        running.address = None;
        running.child.as_mut().is_some_and(|child| child.start_kill().is_ok())
    }

    /// Waits until it has ended, and starts it again.
    pub async fn start_again(&self) -> anyhow::Result<SocketAddr> {
        self.wait().await?;
        self.start().await
    }

    /// Waits until it has ended.
    pub async fn wait(&self) -> anyhow::Result<()> {
        let child = self.running().child.take();
        if let Some(mut child) = child {
            child.wait().await?;
        }
        Ok(())
    }

    /// Lets it do nothing any more until it goes on (`SIGSTOP`, `SIGCONT`).
    pub async fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = self.running().child.as_ref().and_then(Child::id);
        let id = id.ok_or_else(|| anyhow!("{} does not run", self.name))?;
        let word = match signal {
            Signal::Stop => "STOP",
            Signal::GoOn => "CONT",
        };
        let told = Command::new("sh").args(["-c", &format!("kill -{word} {id}")]).status().await?;
        if !told.success() {
            bail!("{} cannot be told to {word}", self.name);
        }
        Ok(())
    }

    /// Where it listens, if it is up.
    pub fn address(&self) -> Option<SocketAddr> {
        self.running().address
    }

    /// How it ended, by whatever cause, if it has.
    fn ended(&self) -> anyhow::Result<Option<String>> {
        let mut running = self.running();
        match running.child.as_mut() {
            Some(child) => Ok(child.try_wait()?.map(|status| status.to_string())),
            None => Ok(Some("it was not started".to_owned())),
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().expect("no holder of a process's lock can panic")
    }
}

/// What a process is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Stop where you stand.
    Stop,
    /// Go on.
    GoOn,
}

/// Runs a command of this program to its end: what it printed, and whether it ended well.
pub async fn run(folder: &Path, arguments: &[String]) -> anyhow::Result<(bool, String)> {
    let mut command = command(folder, arguments)?;
    let ended = command.output().await?;
    let told = [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    Ok((ended.status.success(), told.concat()))
}

/// This program, with no setting of its user's.
fn command(folder: &Path, arguments: &[String]) -> anyhow::Result<Command> {
    let program = std::env::current_exe().context("this program does not know where it is")?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RONDO_") {
            command.env_remove(name);
        }
    }
    Ok(command)
}

fn last_lines(said: &str) -> String {
    let lines: Vec<_> = said.lines().rev().take(LINES_TOLD).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

fn address_in(said: &str, greeting: &str) -> Option<SocketAddr> {
    let (_, rest) = said.split_once(greeting)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && !".:".contains(letter))?;
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_once_it_is_whole() {
        let greeting = "gRPC and HTTP at http://";
        for (said, address) in [
            ("Rondo serves gRPC and HTTP at http://127.0.0.1:4711 on", Some("127.0.0.1:4711")),
            ("Rondo serves gRPC and HTTP at http://127.0.0.1:47", None),
            ("warning: http://127.0.0.1:1 is elsewhere", None),
        ] {
            let expected = address.map(|text| text.parse().unwrap());
            assert_eq!(address_in(said, greeting), expected, "{said}");
        }
    }
}
