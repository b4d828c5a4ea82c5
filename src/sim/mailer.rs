//! The mail server of a simulated world: it takes mails, refuses addresses, and now and then leaves
//! its caller in the dark.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

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

#[derive(Debug, Default)]
struct Boxes {
    /// By `Message-ID`: one that comes twice is one to its reader.
    arrived: BTreeMap<String, Arrived>,
    /// Those that nobody has read yet.
    unread: Vec<Arrived>,
    /// Addresses that take no mail.
    dead: BTreeSet<String>,
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
        if is_new {
            boxes.unread.push(arrived.clone());
            boxes.arrived.insert(mail.message_id().to_owned(), arrived);
        }
    }
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
        if self.stage.strikes(Fault::MailTimeout) {
            let went = self.stage.dice.says(500);
            if went {
                self.deliver(mail);
            }
            let fate = Fate::Unknown;
            let source = Box::new(Mishap("the mail server did not answer in time"));
            return Err(MailError::Temporary { fate, source });
        }
        self.deliver(mail);
        self.stage.gate(Place::AfterCall).await;
        let message_id = mail.message_id().to_owned();
        Ok(Accepted { message_id, answer: "250 taken".to_owned() })
    }
}
