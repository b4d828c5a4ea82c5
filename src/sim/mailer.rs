//! The mail server of a simulated world: it takes mails, refuses addresses, and now and then leaves
//! its caller in the dark.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    fault::Fault,
    stage::{Mishap, Place, Stage},
};
use crate::mail::{Accepted, Fate, MailError, Mailer, MessageKind, Outgoing};

/// A mail that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrived {
    pub(super) to: String,
    pub(super) kind: MessageKind,
    /// When it first came.
    pub(super) at: DateTime<Utc>,
}

/// How a worker comes to a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Turn {
    /// It takes it up.
    #[default]
    First,
    /// It goes on with it, when others may have done it meanwhile.
    Late,
}

#[derive(Debug, Default)]
struct Boxes {
    /// By `Message-ID`: one that comes twice is one to its reader.
    arrived: BTreeMap<String, Arrived>,
    /// Those that nobody has read yet.
    unread: Vec<Arrived>,
    turn: Turn,
    /// Mails that the worker of this job heard were taken, and how much trouble the database had been in by then.
    heard: Vec<(String, u64)>,
    /// Mails of which Rondo has surely recorded that they were taken.
    recorded: BTreeSet<String>,
    /// Of these, mails that a worker took up and sent once more.
    repeated: Vec<String>,
    /// Addresses that take no mail.
    dead: BTreeSet<String>,
    /// Until when the server is down.
    down_until: Option<DateTime<Utc>>,
}

/// The server.
#[derive(Debug)]
pub(super) struct SimMailer {
    stage: Arc<Stage>,
    boxes: Mutex<Boxes>,
}

impl SimMailer {
    pub(super) fn new(stage: Arc<Stage>) -> Self {
        Self { stage, boxes: Mutex::default() }
    }

    fn boxes(&self) -> MutexGuard<'_, Boxes> {
        self.boxes.lock().expect("no holder of the mail boxes can panic")
    }

    /// What came since it was last asked for.
    pub(super) fn take_unread(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.boxes().unread)
    }

    /// All that ever came, by `Message-ID`.
    pub(super) fn arrived(&self) -> BTreeMap<String, Arrived> {
        self.boxes().arrived.clone()
    }

    /// Mails that came once more without a reason.
    pub(super) fn repeated(&self) -> Vec<String> {
        self.boxes().repeated.clone()
    }

    /// Addresses that take no mail.
    pub(super) fn dead(&self) -> BTreeSet<String> {
        self.boxes().dead.clone()
    }

    /// The server is down for days, though not for so long that a mail would be given up.
    fn goes_down(&self) {
        let until = self.stage.truth() + TimeDelta::hours(self.stage.dice.between(6, 60));
        self.stage.note(format_args!("the mail server is down until {until}"));
        self.boxes().down_until = Some(until);
    }

    fn is_down(&self) -> bool {
        self.boxes().down_until.is_some_and(|until| self.stage.truth() < until)
    }

    /// A worker begins with a job, or goes on with it.
    pub(super) fn job_begins(&self, turn: Turn) {
        let mut boxes = self.boxes();
        boxes.turn = turn;
        boxes.heard.clear();
    }

    /// It is done, and all was well: what it heard is recorded, unless the database was in trouble since, or others
    /// may have been faster.
    pub(super) fn job_is_done(&self) {
        let mut boxes = self.boxes();
        let (is_first, trouble) = (boxes.turn == Turn::First, self.stage.trouble());
        let heard = std::mem::take(&mut boxes.heard);
        let recorded = heard.into_iter().filter(|(_, before)| is_first && *before == trouble);
        boxes.recorded.extend(recorded.map(|(mail, _)| mail));
    }

    fn deliver(&self, mail: &Outgoing) {
        let arrived = Arrived { to: mail.recipient(), kind: mail.kind(), at: self.stage.truth() };
        let mut boxes = self.boxes();
        let is_new = !boxes.arrived.contains_key(mail.message_id());
        self.stage.note(format_args!(
            "mail {} to {}{}",
            mail.kind(),
            arrived.to,
            if is_new { "" } else { " once more" }
        ));
        if boxes.turn == Turn::First && boxes.recorded.contains(mail.message_id()) {
            boxes.repeated.push(mail.message_id().to_owned());
        }
        if is_new {
            boxes.unread.push(arrived.clone());
            boxes.arrived.insert(mail.message_id().to_owned(), arrived);
        }
    }
}

fn no_answer() -> MailError {
    let source = Box::new(Mishap("the mail server did not answer in time"));
    MailError::Temporary { fate: Fate::Unknown, source }
}

#[async_trait]
impl Mailer for SimMailer {
    async fn send(&self, mail: &Outgoing) -> Result<Accepted, MailError> {
        self.stage.gate(Place::BeforeCall).await;
        let to = mail.recipient();
        if self.stage.strikes(Fault::MailBounced) {
            self.boxes().dead.insert(to.clone());
        }
        if self.boxes().dead.contains(&to) {
            let answer = "no such mailbox".to_owned();
            return Err(MailError::Permanent { code: 550, answer });
        }
        if self.is_down() {
            return Err(no_answer());
        }
        if self.stage.strikes(Fault::MailTimeout) {
            if self.stage.dice.says(500) {
                self.deliver(mail);
            } else if self.stage.dice.says(60) {
                self.goes_down();
            }
            return Err(no_answer());
        }
        self.deliver(mail);
        self.stage.gate(Place::AfterCall).await;
        let message_id = mail.message_id().to_owned();
        self.boxes().heard.push((message_id.clone(), self.stage.trouble()));
        Ok(Accepted { message_id, answer: "250 taken".to_owned() })
    }
}
