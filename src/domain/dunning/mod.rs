//! Dunning: what happens between a declined renewal and either its money or its end.
//!
//! A merchant's [`DunningPolicy`] holds a [`ladder`] of steps. The first decline of an invoice's payment
//! opens a [`case`], which freezes the ladder and then answers each piece of news with a
//! [`decision`]: whether to try again, on which method, when and why then; which mail is due; what
//! access the member has. Nothing here sends, charges or writes: the engine carries decisions out,
//! in the transaction that records the news (RULES CHG-5, RET-7).

pub mod case;
pub mod decision;
mod file;
mod jitter;
pub mod ladder;
mod scheme;
mod standing;
mod track;

pub use case::{Case, CaseState, Circumstances, MethodFacts, RecoveredBy, Refusal, Turn};
pub use decision::{Action, Decision, DueMail, DunningMail, Method, Reason, StaffTask};
pub use file::{BadName, DunningCase, DunningPolicy, Setting};
pub use ladder::{AccessLevel, FinalAction, Ladder, LadderDraft, LadderFault, Step, StepMail};
pub(in crate::domain) use standing::Standing;
pub use standing::{Bar, Reach};
