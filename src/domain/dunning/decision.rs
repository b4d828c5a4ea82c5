//! What dunning answers to a piece of news: what to do now, whom to tell, and why then. A decision
//! is a value; nobody has acted on it yet.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    case::Case,
    ladder::{AccessLevel, FinalAction},
    standing::Bar,
};
use crate::domain::payment::decline::{Decline, DeclineClass, Flag, Remedy};

/// One of the customer's stored methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The one that the subscription is charged to.
    Primary,
    /// The one that stands in for it.
    Backup,
}

/// What is to be done now. Carried out in the transaction that stores the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing, until [`Case::next_at`], if there is such an instant.
    Nothing,
    /// Queue one attempt for the whole amount due.
    Attempt(Method),
    /// The ladder's end.
    Finish(FinalAction),
}

/// A mail that dunning writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DunningMail {
    /// The payment failed; what would help follows from the class.
    PaymentFailed,
    /// The customer must authenticate: with a link.
    AuthenticationNeeded,
    /// Another method, or a new consent, is needed: with a link.
    CardNeedsReplacing,
    /// Access ends soon.
    FinalWarning,
    /// Access ended; paying brings it back.
    Suspended,
    /// The subscription ended.
    Canceled,
    /// It is paid after all.
    Recovered,
}

/// A mail to be put in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueMail {
    /// Which.
    pub kind: DunningMail,
    /// What the primary method's last decline meant, so that the mail can say what would help.
    pub class: DeclineClass,
    /// Not to leave sooner: two dunning mails to one customer are a day apart (RULES EML-5). If the case is over
    /// by then, it need not leave.
    pub at: DateTime<Utc>,
}

/// Something that people have to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StaffTask {
    /// A decline that our own or the gateway's set-up caused. The case waits.
    SetUpIsWrong,
    /// Sanctions screening spoke (RULES §1.3, advice 42).
    ComplianceHold,
    /// The network advised something that stands in no table (RULES DEC-4).
    UnknownAdvice,
}

impl StaffTask {
    /// What a decline asks of staff.
    pub(in crate::domain) fn asked_by(decline: &Decline, remedy: Remedy) -> Vec<Self> {
        let mends = (remedy == Remedy::StaffMustMend).then_some(Self::SetUpIsWrong);
        let flagged = decline.flags.iter().filter_map(|flag| match flag {
            Flag::ComplianceHold => Some(Self::ComplianceHold),
            Flag::UnknownNetworkAdvice => Some(Self::UnknownAdvice),
            Flag::UnknownResponseCode
            | Flag::UnknownVisaCategory
            | Flag::NothingSaid
            | Flag::AskUpdater
            | Flag::RefreshToken
            | Flag::PrepaidFixed
            | Flag::SingleUse
            | Flag::MultiUse
            | Flag::Unauthorised
            | Flag::RefundedAfterSettlement => None,
        });
        flagged.chain(mends).collect()
    }

    /// What staff read of all of them; nothing if there are none.
    pub(in crate::domain) fn sentences(tasks: &[Self]) -> Option<String> {
        let sentences: Vec<_> = tasks.iter().map(|task| task.sentence()).collect();
        (!sentences.is_empty()).then(|| sentences.join("; "))
    }

    /// What staff read of it.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::SetUpIsWrong => {
                "a decline that our own or the gateway's set-up caused: mend it, then put it back \
                 with `rondo stuck retry`"
            }
            Self::ComplianceHold => "sanctions screening spoke: do not charge, ask compliance",
            Self::UnknownAdvice => {
                "the network advised something that stands in no table of ours; nothing is retried \
                 for three days"
            }
        }
    }
}

/// Why a turn comes when it comes, or why a retry does not come at all. Each instant is a bound;
/// the latest one decided (RULES RET-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The ladder, or the technical retries' own gaps.
    PolicyTime(DateTime<Utc>),
    /// The decline asked not to come back sooner.
    AdviceWait(DateTime<Utc>),
    /// A network's window is full until then.
    NetworkWindow(DateTime<Utc>),
    /// A notice or a lead time must pass first.
    NoticeOrLeadTime(DateTime<Utc>),
    /// The payer's hours begin then.
    SendWindow(DateTime<Utc>),
    /// No retry: the method may not be charged by itself.
    MethodBarred(Method, DeclineClass),
    /// No retry: the declines allow no more of them.
    RetriesSpent(Method),
    /// No retry: the network allows no more attempts for this invoice.
    NetworkCapSpent(Method),
    /// No retry: it would come after the ladder's end, and is never squeezed in earlier.
    PastLadderEnd(Method, DateTime<Utc>),
}

/// An answer to a piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The case as it is now.
    pub case: Case,
    /// What is to be done.
    pub action: Action,
    /// Which mail is due, if one is.
    pub mail: Option<DueMail>,
    /// What the member may use now.
    pub access: AccessLevel,
    /// A method that must not be charged by itself any more, with how far that reaches.
    pub bar: Option<(Method, Bar)>,
    /// What staff must look at.
    pub staff: Vec<StaffTask>,
    /// Why the next turn comes when it comes, and which retries do not come.
    pub reasons: Vec<Reason>,
}
