//! The way from a replica to Postgres: a proxy that understands just enough of its protocol to see a
//! transaction that wrote something being committed.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, BufWriter},
    net::{TcpStream, UnixStream},
};
use url::{Url, form_urlencoded};

use super::{
    doors,
    misfortune::{Point, Replica, Way},
};

/// What a client sends first if it wants TLS, or the like by Kerberos: neither is had here.
const WANTS_TLS: u32 = 80_877_103;
const WANTS_GSS: u32 = 80_877_104;
const NOT_HAD: &[u8] = b"N";
/// The longest message that is passed on.
const LONGEST: u32 = 64 << 20;

/// Where Postgres listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Host and port.
    Host(String, u16),
    /// A socket.
    Socket(PathBuf),
}

impl Place {
    /// The place in a `postgres://` address.
    pub fn of(url: &str) -> anyhow::Result<Self> {
        const PORT: u16 = 5432;
        let url = Url::parse(url).context("the database's URL cannot be read")?;
        let port = url.port().unwrap_or(PORT);
        let host = url.query_pairs().find(|(name, _)| name == "host").map(|(_, host)| host);
        let host = host.map_or_else(
            || plain(url.host_str().unwrap_or("localhost")),
            std::borrow::Cow::into_owned,
        );
        if host.starts_with('/') {
            return Ok(Self::Socket(PathBuf::from(host).join(format!(".s.PGSQL.{port}"))));
        }
        Ok(Self::Host(host, port))
    }
}

/// A host as it is, where a socket's path was written in its place.
fn plain(host: &str) -> String {
    let decoded = form_urlencoded::parse(host.as_bytes()).next();
    decoded.map(|(name, _)| name.into_owned()).unwrap_or_default()
}

/// The address of the same database behind the door at `door`.
pub fn behind(url: &str, door: SocketAddr) -> anyhow::Result<String> {
    let mut behind = Url::parse(url).context("the database's URL cannot be read")?;
    let (user, password) = (behind.username().to_owned(), behind.password().map(str::to_owned));
    let path = behind.path().to_owned();
    behind = Url::parse(&format!("postgres://{door}"))?;
    behind.set_path(&path);
    // A URL with a host takes both.
    let _ = behind.set_username(&user);
    let _ = behind.set_password(password.as_deref());
    behind.query_pairs_mut().append_pair("sslmode", "disable");
    Ok(behind.into())
}

/// Opens the door from `replica` to the database at `place`.
pub async fn open(replica: Arc<Replica>, place: Place) -> io::Result<SocketAddr> {
    doors::open(move |caller| pass(caller, Arc::clone(&replica), place.clone())).await
}

async fn pass(caller: TcpStream, replica: Arc<Replica>, place: Place) -> io::Result<()> {
    match place {
        Place::Host(host, port) => {
            let database = TcpStream::connect((host, port)).await?;
            database.set_nodelay(true)?;
            talk(caller, replica, database).await
        }
        Place::Socket(path) => talk(caller, replica, UnixStream::connect(path).await?).await,
    }
}

/// What is known of the transaction on a connection.
#[derive(Debug, Default)]
struct Transaction {
    /// It has written something.
    wrote: AtomicBool,
    /// It is being committed, having written something.
    commits: AtomicBool,
}

async fn talk<Database>(
    mut caller: TcpStream,
    replica: Arc<Replica>,
    mut database: Database,
) -> io::Result<()>
where
    Database: AsyncRead + AsyncWrite + Unpin,
{
    let greeting = loop {
        let first = body(&mut caller).await?;
        let wants = first.get(4..8).and_then(|code| code.try_into().ok()).map(u32::from_be_bytes);
        match wants {
            Some(WANTS_TLS | WANTS_GSS) => caller.write_all(NOT_HAD).await?,
            _ => break first,
        }
    };
    database.write_all(&greeting).await?;
    let (from_caller, to_caller) = caller.split();
    let (from_database, to_database) = tokio::io::split(database);
    let (mut from_caller, mut to_caller) = (BufReader::new(from_caller), BufWriter::new(to_caller));
    let mut from_database = BufReader::new(from_database);
    let mut to_database = BufWriter::new(to_database);
    let known = Transaction::default();
    let there = async {
        loop {
            let (kind, message) = message(&mut from_caller).await?;
            if kind == b'Q' && is(&message[5..], b"COMMIT\0") {
                let wrote = known.wrote.swap(false, Ordering::Relaxed);
                if wrote && replica.comes_to(Point::BeforeCommit).await == Way::Over {
                    return Ok(());
                }
                known.commits.store(wrote, Ordering::Relaxed);
            } else if kind == b'Q' && is(&message[5..], b"ROLLBACK\0") {
                known.wrote.store(false, Ordering::Relaxed);
            }
            to_database.write_all(&message).await?;
            if from_caller.buffer().is_empty() {
                to_database.flush().await?;
            }
        }
    };
    let back = async {
        loop {
            let (kind, message) = message(&mut from_database).await?;
            if kind == b'C' {
                if has_written(&message[5..]) {
                    known.wrote.store(true, Ordering::Relaxed);
                }
                if is(&message[5..], b"COMMIT\0")
                    && known.commits.swap(false, Ordering::Relaxed)
                    && replica.comes_to(Point::AfterCommit).await == Way::Over
                {
                    return Ok(());
                }
            }
            to_caller.write_all(&message).await?;
            if from_database.buffer().is_empty() {
                to_caller.flush().await?;
            }
        }
    };
    tokio::select! {
        ended = there => ended,
        ended = back => ended,
    }
}

fn is(body: &[u8], word: &[u8]) -> bool {
    body.eq_ignore_ascii_case(word)
}

/// Whether a statement that ended with this tag has changed rows: `UPDATE 3`, `INSERT 0 1`.
fn has_written(tag: &[u8]) -> bool {
    let tag = String::from_utf8_lossy(tag);
    let tag = tag.trim_end_matches('\0');
    let changes = ["INSERT", "UPDATE", "DELETE"].iter().any(|word| tag.starts_with(word));
    changes && !tag.ends_with(" 0")
}

/// A message with its kind, whole as it came.
async fn message(line: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let kind = line.read_u8().await?;
    let mut message = vec![kind];
    message.append(&mut body(line).await?);
    Ok((kind, message))
}

/// A length and as much as it tells, itself included.
async fn body(line: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = line.read_u32().await?;
    let rest = length.checked_sub(4).filter(|_| length <= LONGEST);
    let rest = rest.ok_or_else(|| io::Error::other("this is not Postgres's protocol"))?;
    let mut whole = length.to_be_bytes().to_vec();
    whole.resize(4 + rest as usize, 0);
    line.read_exact(&mut whole[4..]).await?;
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_host_or_a_socket() {
        let socket = || Place::Socket("/tmp/rondo-pg.x1/.s.PGSQL.5432".into());
        for (url, place) in [
            ("postgres://rondo@db.example/rondo", Place::Host("db.example".to_owned(), 5432)),
            ("postgres://a:b@127.0.0.1:6543/x", Place::Host("127.0.0.1".to_owned(), 6543)),
            ("postgres://rondo@localhost/postgres?host=/tmp/rondo-pg.x1", socket()),
            ("postgres://rondo@%2Ftmp%2Frondo%2Dpg%2Ex1:5432/postgres", socket()),
        ] {
            assert_eq!(Place::of(url).unwrap(), place, "{url}");
        }
    }

    #[test]
    fn the_same_database_is_found_behind_a_door() {
        let door = "127.0.0.1:4711".parse().unwrap();
        for (url, expected) in [
            (
                "postgres://rondo@%2Ftmp%2Fx:5432/crash?sslmode=prefer",
                "postgres://rondo@127.0.0.1:4711/crash?sslmode=disable",
            ),
            ("postgres://a:b%40@db/x", "postgres://a:b%40@127.0.0.1:4711/x?sslmode=disable"),
        ] {
            assert_eq!(behind(url, door).unwrap(), expected);
        }
    }

    #[test]
    fn a_tag_tells_whether_anything_was_written() {
        for (tag, wrote) in [
            (&b"INSERT 0 3\0"[..], true),
            (b"UPDATE 1\0", true),
            (b"UPDATE 0\0", false),
            (b"INSERT 0 0\0", false),
            (b"SELECT 7\0", false),
            (b"COMMIT\0", false),
        ] {
            assert_eq!(has_written(tag), wrote, "{}", String::from_utf8_lossy(tag));
        }
    }
}
