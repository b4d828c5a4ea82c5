//! The catcher's side of SMTP: enough of RFC 5321 for any mail program to hand a mail over.
//!
//! Everything is bounded: lines open at once, the length of a command, recipients, the size of a
//! mail, and how long a silent line is kept.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    fault::{Fault, Mood, Verb},
    shelf::Shelf,
};

const LINES_MAX: usize = 64;
const COMMAND_MAX: u64 = 2_048;
const RECIPIENTS_MAX: usize = 100;
const MAIL_MAX: usize = 4 << 20;
const SILENCE_MAX: Duration = Duration::from_mins(5);

pub struct Server {
    pub shelf: Arc<Shelf>,
    pub mood: Arc<Mood>,
    pub tls: Option<Arc<ServerConfig>>,
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
    pub lines: Arc<LinesOpen>,
}

/// How many lines are open, and how many were at most.
#[derive(Debug, Default)]
pub struct LinesOpen {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl LinesOpen {
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    fn one_more(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn one_less(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Server {
    pub async fn listen(self, listener: TcpListener) {
        let server = Arc::new(self);
        let lines = Arc::new(Semaphore::new(LINES_MAX));
        loop {
            let free = lines.clone().acquire_owned().await.expect("the semaphore is never closed");
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = server.stop.cancelled() => return,
            };
            let Ok((stream, _)) = accepted else { continue };
            let line = server.clone();
            server.tasks.spawn(async move {
                let _taken = free;
                line.lines.one_more();
                tokio::select! {
                    ended = line.talk(stream) => if let Err(error) = ended {
                        tracing::debug!(%error, "a line to the mail catcher broke");
                    },
                    () = line.stop.cancelled() => {}
                }
                line.lines.one_less();
            });
        }
    }

    async fn talk(&self, stream: TcpStream) -> io::Result<()> {
        let mut talk = Talk::new(self, stream, self.tls.is_some());
        if !talk.reply(Verb::Connect, "220 catcher.localhost ESMTP").await? {
            return Ok(());
        }
        let (End::Starttls, Some(tls)) = (talk.converse().await?, &self.tls) else {
            return Ok(());
        };
        // What was sent before the handshake is forgotten, as RFC 3207 asks.
        let plain = talk.stream.into_inner();
        let stream = TlsAcceptor::from(tls.clone()).accept(plain).await?;
        Talk::new(self, stream, false).converse().await?;
        Ok(())
    }
}

enum End {
    Over,
    Starttls,
}

/// One conversation, and the mail that it is about.
struct Talk<'a, S> {
    server: &'a Server,
    stream: BufStream<S>,
    offers_tls: bool,
    from: Option<String>,
    to: Vec<String>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Talk<'a, S> {
    fn new(server: &'a Server, stream: S, offers_tls: bool) -> Self {
        Self { server, stream: BufStream::new(stream), offers_tls, from: None, to: Vec::new() }
    }

    async fn converse(&mut self) -> io::Result<End> {
        while let Some(line) = self.line().await? {
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let goes_on = match verb.to_ascii_uppercase().as_str() {
                "EHLO" | "HELO" => {
                    let tls = if self.offers_tls { "250-STARTTLS\r\n" } else { "" };
                    let greeting = format!(
                        "250-catcher.localhost\r\n{tls}250-SIZE {MAIL_MAX}\r\n250-8BITMIME\r\n\
                         250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN LOGIN"
                    );
                    self.reply(Verb::Hello, &greeting).await?
                }
                "STARTTLS" if self.offers_tls => {
                    if self.reply(Verb::Starttls, "220 2.0.0 go ahead").await? {
                        return Ok(End::Starttls);
                    }
                    false
                }
                "AUTH" => self.authenticate(rest).await?,
                "MAIL" => self.sender(rest).await?,
                "RCPT" => self.recipient(rest).await?,
                "DATA" => self.content().await?,
                "RSET" => {
                    self.forget();
                    self.say("250 2.0.0 forgotten").await?
                }
                "NOOP" => self.say("250 2.0.0 still here").await?,
                "QUIT" => {
                    self.say("221 2.0.0 good-bye").await?;
                    false
                }
                _ => self.say("502 5.5.1 unknown command").await?,
            };
            if !goes_on {
                break;
            }
        }
        Ok(End::Over)
    }

    /// Any name and password will do.
    async fn authenticate(&mut self, rest: &str) -> io::Result<bool> {
        let questions = match rest.to_ascii_uppercase().as_str() {
            "LOGIN" => vec!["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"],
            "PLAIN" => vec!["334 "],
            _ => vec![],
        };
        for question in questions {
            if !self.say(question).await? || self.line().await?.is_none() {
                return Ok(false);
            }
        }
        self.reply(Verb::Auth, "235 2.7.0 welcome").await
    }

    async fn sender(&mut self, rest: &str) -> io::Result<bool> {
        let Some(address) = address(rest, "FROM:") else {
            return self.say("501 5.5.4 MAIL FROM:<address>").await;
        };
        self.forget();
        let accepted = self.accepts(Verb::Mail, "250 2.1.0 sender fine").await?;
        if accepted == Some(true) {
            self.from = Some(address);
        }
        Ok(accepted.is_some())
    }

    async fn recipient(&mut self, rest: &str) -> io::Result<bool> {
        let Some(address) = address(rest, "TO:") else {
            return self.say("501 5.5.4 RCPT TO:<address>").await;
        };
        if self.from.is_none() {
            return self.say("503 5.5.1 MAIL first").await;
        }
        if self.to.len() >= RECIPIENTS_MAX {
            return self.say("452 4.5.3 too many recipients").await;
        }
        let accepted = self.accepts(Verb::Rcpt, "250 2.1.5 recipient fine").await?;
        if accepted == Some(true) {
            self.to.push(address);
        }
        Ok(accepted.is_some())
    }

    async fn content(&mut self) -> io::Result<bool> {
        let Some(from) = self.from.clone().filter(|_| !self.to.is_empty()) else {
            return self.say("503 5.5.1 MAIL and RCPT first").await;
        };
        match self.accepts(Verb::Data, "354 end with a dot on a line of its own").await? {
            Some(true) => {}
            Some(false) => return Ok(true),
            None => return Ok(false),
        }
        let Some(content) = self.dotted().await? else { return Ok(false) };
        let to = std::mem::take(&mut self.to);
        self.forget();
        if content.len() > MAIL_MAX {
            return self.say("552 5.3.4 too large").await;
        }
        match self.server.mood.now() {
            Fault::DropAfterData { kept } => {
                if kept {
                    self.server.shelf.put(from, to, content);
                }
                Ok(false)
            }
            Fault::Answer { verb: Verb::Content, code, text } => {
                self.say(&format!("{code} {text}")).await
            }
            Fault::HangUp => Ok(false),
            Fault::None | Fault::Answer { .. } | Fault::Slow(_) | Fault::Silent(_) => {
                self.server.shelf.put(from, to, content);
                self.reply(Verb::Content, "250 2.0.0 kept").await
            }
        }
    }

    /// The lines up to the lone dot, each with its own first dot taken off. What is larger than a
    /// mail may be is read to its end but not kept.
    async fn dotted(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut content = Vec::new();
        loop {
            let mut line = Vec::new();
            let read = timeout(SILENCE_MAX, async {
                (&mut self.stream).take(MAIL_MAX as u64).read_until(b'\n', &mut line).await
            });
            if read.await?? == 0 {
                return Ok(None);
            }
            if line == b".\r\n" || line == b".\n" {
                return Ok(Some(content));
            }
            if content.len() <= MAIL_MAX {
                content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            }
        }
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
    }

    /// The next command, or `None` when the other side is gone or talks too long.
    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = timeout(SILENCE_MAX, async {
            (&mut self.stream).take(COMMAND_MAX).read_until(b'\n', &mut line).await
        });
        read.await??;
        let Some(line) = line.strip_suffix(b"\n") else { return Ok(None) };
        Ok(Some(String::from_utf8_lossy(line).trim_end().to_owned()))
    }

    /// Says `answer`, or what the fault in force wants instead; `false` if the line is to be closed.
    async fn reply(&mut self, verb: Verb, answer: &str) -> io::Result<bool> {
        Ok(self.accepts(verb, answer).await?.is_some())
    }

    /// As [`Self::reply`], and tells whether `answer` was given; `None` if the line is to be closed.
    async fn accepts(&mut self, verb: Verb, answer: &str) -> io::Result<Option<bool>> {
        let (goes_on, accepted) = match self.server.mood.now() {
            Fault::Answer { verb: at, code, text } if at == verb => {
                // A server that refuses at the door hangs up afterwards.
                let goes_on = self.say(&format!("{code} {text}")).await?;
                (goes_on && verb != Verb::Connect, false)
            }
            Fault::Silent(at) if at == verb => {
                // Until the other side has had enough of it.
                while self.line().await?.is_some() {}
                (false, false)
            }
            Fault::None
            | Fault::HangUp
            | Fault::Answer { .. }
            | Fault::DropAfterData { .. }
            | Fault::Slow(_)
            | Fault::Silent(_) => (self.say(answer).await?, true),
        };
        Ok(goes_on.then_some(accepted))
    }

    async fn say(&mut self, answer: &str) -> io::Result<bool> {
        match self.server.mood.now() {
            Fault::HangUp => return Ok(false),
            Fault::Slow(pause) => tokio::time::sleep(pause).await,
            Fault::None | Fault::Answer { .. } | Fault::DropAfterData { .. } | Fault::Silent(_) => {
            }
        }
        self.stream.write_all(answer.as_bytes()).await?;
        self.stream.write_all(b"\r\n").await?;
        self.stream.flush().await?;
        Ok(true)
    }
}

/// The address in `FROM:<ana@example.org> SIZE=1000`.
fn address(rest: &str, word: &str) -> Option<String> {
    let (found, path) = rest.split_at_checked(word.len())?;
    let (address, _) = path.trim_start().strip_prefix('<')?.split_once('>')?;
    found.eq_ignore_ascii_case(word).then(|| address.to_owned())
}
