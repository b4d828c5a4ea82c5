//! The program, run in a folder of its own, without any setting of ours in its environment.

#![allow(dead_code, reason = "which parts are used differs by test program")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
};

use tempfile::TempDir;

/// A folder in which commands are run.
pub struct Room(TempDir);

/// How a command ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// Standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}\n{}", self.out, self.err))
    }

    /// Fails unless it ended well.
    #[track_caller]
    pub fn well(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self
    }
}

impl Room {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rondo"));
        command.args(arguments);
        self.furnish(command)
    }

    /// The command under a shell's `script`, which sets what it runs under and ends with [`EXEC`].
    fn command_under(&self, script: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_rondo")]).args(arguments);
        self.furnish(command)
    }

    fn furnish(&self, mut command: Command) -> Command {
        command.current_dir(self.0.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RONDO_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments))
    }

    /// As [`Room::run`], under a shell's `script` that ends with [`EXEC`].
    pub fn run_under(&self, script: &str, arguments: &[&str]) -> Ended {
        ended(self.command_under(script, arguments))
    }

    /// Starts a command that stays up.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::spawn(self.command(arguments))
    }

    /// Starts a sandbox, and writes a configuration with its account behind these `settings`.
    pub fn with_sandbox(&self, settings: &str) -> (Running, SocketAddr) {
        let mut sandbox = self.start(&["sandbox", "--listen", "127.0.0.1:0"]);
        let gateway = sandbox.address_in_err();
        self.write(
            "rondo.toml",
            &format!(
                "{settings}[gateways.sandbox]\nkind = 'sandbox'\nbase_url = 'http://{gateway}'\n\
                 secret_key = 'sk_sandbox'\n"
            ),
        );
        (sandbox, gateway)
    }

    /// As [`Room::start`], under a shell's `script` that ends with [`EXEC`].
    pub fn start_under(&self, script: &str, arguments: &[&str]) -> Running {
        Running::spawn(self.command_under(script, arguments))
    }
}

/// The end of a script under which a command is run: from there on the shell is the command.
pub const EXEC: &str = r#"exec "$0" "$@""#;

fn ended(mut command: Command) -> Ended {
    let output = command.output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A command that stays up; killed if a test forgets it.
pub struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

impl Running {
    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self {
            out: BufReader::new(child.stdout.take().unwrap()),
            err: BufReader::new(child.stderr.take().unwrap()),
            child,
        }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal by its short name.
    pub fn signal(&self, name: &str) {
        let (name, id) = (format!("-{name}"), self.child.id().to_string());
        assert!(Command::new("kill").args([name, id]).status().unwrap().success());
    }

    /// Whether it still runs.
    pub fn is_up(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it where it stands, as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The address in its greeting, on standard output or, for `err`, standard error.
    pub fn address_in_out(&mut self) -> SocketAddr {
        address(&mut self.out)
    }

    /// As [`Running::address_in_out`], on standard error.
    pub fn address_in_err(&mut self) -> SocketAddr {
        address(&mut self.err)
    }

    /// The first line on standard error that has `words` in it.
    pub fn line_in_err(&mut self, words: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.err.read_line(&mut line).unwrap(), 0, "it ended:\n{seen}");
            if line.contains(words) {
                return line;
            }
            seen.push_str(&line);
        }
    }

    /// Asks it to stop, and waits for it: the exit code and the rest of standard error.
    pub fn terminate(mut self) -> (Option<i32>, String) {
        self.signal("TERM");
        let mut rest = String::new();
        self.err.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(lines: &mut impl BufRead) -> SocketAddr {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended:\n{seen}");
        if let Some((_, rest)) = line.split_once("http://") {
            let end = rest.find(|letter: char| !letter.is_ascii_digit() && !".:".contains(letter));
            return rest[..end.unwrap_or(rest.len())].parse().unwrap();
        }
        seen.push_str(&line);
    }
}

/// The status line and the body of a page.
pub fn get(address: SocketAddr, path: &str) -> (String, String) {
    get_with_key(address, path, "none")
}

/// As [`get`], with a key for what is not open to all.
pub fn get_with_key(address: SocketAddr, path: &str, key: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
         connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}
