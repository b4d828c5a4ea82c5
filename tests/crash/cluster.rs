//! A throwaway Postgres of a story's own, which is as durable as one for money must be, and can be
//! restarted. It lives in memory where that looks like a folder, so that durable is also quick.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

const MEMORY: &str = "/dev/shm";

/// The cluster. It is stopped and removed with the value.
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
}

/// How a server is stopped before it is started again.
#[derive(Debug, Clone, Copy)]
pub enum Stop {
    /// In good order: its clients are told, and cut off.
    Fast,
    /// As in a crash: it recovers from its log when it starts again.
    Immediate,
}

impl Cluster {
    /// Makes one, and starts it.
    pub fn start() -> Self {
        let mut folder = tempfile::Builder::new();
        folder.prefix("rondo-pg").permissions(open_to_all());
        let memory = Path::new(MEMORY);
        let folder =
            if memory.is_dir() { folder.tempdir_in(memory) } else { folder.tempdir_in("/tmp") };
        let cluster = Self { folder: folder.unwrap(), programs: programs() };
        let at = cluster.folder.path().display();
        if is_root() {
            run(Command::new("chown").arg("postgres:postgres").arg(cluster.folder.path()));
        }
        let data = cluster.data();
        let data = data.to_str().unwrap();
        let init = ["-U", "rondo", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
        cluster.run("initdb", &[&["-D", data], &init[..]].concat());
        let settings = format!(
            "listen_addresses = ''\nunix_socket_directories = '{at}'\nmax_connections = 200\n\
             wal_level = minimal\nmax_wal_senders = 0\njit = off\n"
        );
        let file = cluster.data().join("postgresql.conf");
        let all = fs::read_to_string(&file).unwrap() + &settings;
        fs::write(&file, all).unwrap();
        cluster.control("start", &[]);
        cluster
    }

    /// The address of the server.
    pub fn url(&self) -> String {
        format!("postgres://rondo@localhost/postgres?host={}", self.folder.path().display())
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    /// Stops it, and starts it again.
    pub fn restart(&self, stop: Stop) {
        let how = match stop {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        self.control("restart", &["-m", how]);
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn control(&self, verb: &str, flags: &[&str]) {
        let data = self.data();
        let log = self.folder.path().join("log");
        let place = ["-D", data.to_str().unwrap(), "-l", log.to_str().unwrap(), "-w", "-s"];
        self.run("pg_ctl", &[&place[..], flags, &[verb]].concat());
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program);
        // PostgreSQL refuses to run as root.
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            let user = ["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"];
            command.args(user).arg(program);
            command
        } else {
            Command::new(program)
        };
        run(command.args(arguments).current_dir("/"));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stop = std::panic::AssertUnwindSafe(|| self.control("stop", &["-m", "immediate"]));
        // A story that has failed already tells more than the stop can.
        let _ = std::panic::catch_unwind(stop);
    }
}

fn run(command: &mut Command) {
    // The server keeps what it inherits open, so nothing here is a pipe.
    let log = tempfile::tempfile().unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log.try_clone().unwrap());
    let status = command.status().unwrap();
    if !status.success() {
        use std::io::{Read as _, Seek as _};
        let (mut log, mut said) = (log, String::new());
        log.rewind().unwrap();
        log.read_to_string(&mut said).unwrap();
        panic!("{command:?}: {status}\n{said}");
    }
}

fn open_to_all() -> fs::Permissions {
    fs::Permissions::from_mode(0o755)
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

/// The newest server that is installed, as `tests/pg.sh` finds it.
fn programs() -> PathBuf {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let installed = debian.map(|version| version.path().join("bin"));
    let newest = installed.filter(|bin| bin.join("initdb").exists()).max_by_key(|bin| {
        let version = bin.parent().and_then(Path::file_name).unwrap().to_string_lossy();
        version.parse::<u32>().unwrap_or_default()
    });
    let on_path = || {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&paths).find(|bin| bin.join("initdb").exists())
    };
    newest.or_else(on_path).expect(
        "this story needs a Postgres server of its own: install Debian's package postgresql, or \
         run `tests/pg.sh cargo test`, which does",
    )
}
