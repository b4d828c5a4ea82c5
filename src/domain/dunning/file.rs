//! What is kept of policies and cases: who they belong to, and when they are next looked at.

use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{AccessLevel, Case, Ladder};
use crate::domain::{
    calendar::Zone,
    catalog::VersionNumber,
    event::{Event, EventKind, Subject},
    ids::{Id, Mint, kind},
    subscription::{Access, OtherDebts},
    version::Version,
};

/// The longest name of a policy, in characters.
const LONGEST_NAME: usize = 80;

/// A merchant's ladder under a name, in versions: a case keeps the version with which it was
/// opened, a change is for new cases alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DunningPolicy {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id.
    pub id: Id<kind::DunningPolicy>,
    /// What staff calls it.
    pub name: String,
    /// Which version of the ladder this is.
    pub number: VersionNumber,
    /// The ladder.
    pub ladder: Ladder,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was deleted, softly.
    pub deleted_at: Option<DateTime<Utc>>,
    /// How often it was written.
    pub version: Version,
}

/// The name is empty or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("name: from 1 to {LONGEST_NAME} characters, and not only spaces")]
pub struct BadName;

impl DunningPolicy {
    /// The first version of a policy.
    pub fn new(
        merchant: Id<kind::Merchant>,
        name: &str,
        ladder: Ladder,
        now: DateTime<Utc>,
        mint: &Mint,
    ) -> Result<Self, BadName> {
        Ok(Self {
            merchant,
            id: mint.id(now),
            name: checked(name)?,
            number: VersionNumber::FIRST,
            ladder,
            created_at: now,
            deleted_at: None,
            version: Version::NEW,
        })
    }

    /// The next version, with another name, another ladder, or both. Nothing changed is no new
    /// version.
    pub fn revised(&self, name: &str, ladder: Ladder) -> Result<Self, BadName> {
        let revised = Self { name: checked(name)?, ladder, ..self.clone() };
        let number = if revised == *self { self.number } else { self.number.next() };
        Ok(Self { number, ..revised })
    }
}

fn checked(name: &str) -> Result<String, BadName> {
    let name = name.trim();
    let length = name.chars().count();
    if (1..=LONGEST_NAME).contains(&length) { Ok(name.to_owned()) } else { Err(BadName) }
}

/// One invoice's way through dunning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DunningCase {
    /// The merchant.
    pub merchant: Id<kind::Merchant>,
    /// Its id.
    pub id: Id<kind::DunningCase>,
    /// The invoice that is overdue: one open case each.
    pub invoice: Id<kind::Invoice>,
    /// Its payment.
    pub payment: Id<kind::Payment>,
    /// The subscription, unless the invoice stands alone.
    pub subscription: Option<Id<kind::Subscription>>,
    /// Who owes.
    pub customer: Id<kind::Customer>,
    /// The policy that it began with; none for the built-in one.
    pub policy: Option<Id<kind::DunningPolicy>>,
    /// The version of the policy that it began with.
    pub policy_version: VersionNumber,
    /// Where it stands, with its frozen ladder.
    pub case: Case,
    /// When its next step is due, if one is.
    pub due_at: Option<DateTime<Utc>>,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When it was over.
    pub closed_at: Option<DateTime<Utc>>,
    /// How often it was written.
    pub version: Version,
}

/// What dunning goes by when it opens a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The policy; none for the built-in ladder.
    pub policy: Option<Id<kind::DunningPolicy>>,
    /// The policy's version.
    pub number: VersionNumber,
    /// The ladder.
    pub ladder: Ladder,
    /// The payer's time zone.
    pub zone: Zone,
}

impl Setting {
    /// The built-in ladder (RULES RET-5), for merchants who set none.
    pub fn standard(zone: Zone) -> Self {
        let number = VersionNumber::FIRST;
        Self { policy: None, number, ladder: Ladder::standard(), zone }
    }

    /// A merchant's own policy.
    pub fn of(policy: &DunningPolicy, zone: Zone) -> Self {
        let (number, ladder) = (policy.number, policy.ladder.clone());
        Self { policy: Some(policy.id), number, ladder, zone }
    }
}

impl DunningCase {
    /// It, when it hears that its subscription is unpaid by another invoice.
    #[must_use]
    pub fn unpaid_by_another(self, now: DateTime<Utc>) -> Self {
        let decision = self.case.clone().unpaid_by_another(now);
        self.moved(decision.case, now)
    }

    /// The file with its case as it is now: when it is due, and whether it is closed, follow. What staff has
    /// put back stays so until its turn, whatever is learned meanwhile.
    #[must_use]
    pub fn moved(self, case: Case, now: DateTime<Utc>) -> Self {
        let is_staffs = self.case.waits_for_staff() && case.waits_for_staff();
        let due_at = case.next_at().or(self.due_at.filter(|_| is_staffs));
        let closed_at = case.is_over().then_some(now);
        Self { case, due_at, closed_at, ..self }
    }

    /// An event about it as it stands, which will be committed with it.
    pub fn event(&self, kind: EventKind, now: DateTime<Utc>, mint: &Mint) -> Event {
        Event {
            customer: Some(self.customer),
            reason: Some(self.case.class().name().to_owned()),
            ..Event::new(
                kind,
                self.merchant,
                Subject::DunningCase(self.id),
                self.version,
                now,
                mint,
            )
        }
    }
}

impl OtherDebts {
    /// Those of these overdue invoices: the case of each, while it is open.
    pub fn of<'c>(cases: impl Iterator<Item = Option<&'c DunningCase>>) -> Self {
        let levels: Option<Vec<_>> = cases.map(|file| Some(file?.case.access())).collect();
        match levels.map(|levels| levels.into_iter().min()) {
            None => Self::GivenUp,
            Some(None) => Self::None,
            Some(Some(strictest)) => Self::Dunned(strictest.into()),
        }
    }
}

impl From<AccessLevel> for Access {
    fn from(level: AccessLevel) -> Self {
        match level {
            AccessLevel::None => Self::None,
            AccessLevel::Grace => Self::Grace,
            AccessLevel::Full => Self::Full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        dunning::{FinalAction, LadderDraft},
        payment::rules::RuleBook,
    };

    fn named(name: &str) -> Result<DunningPolicy, BadName> {
        let mint = Mint::seeded([3; 32]);
        let now = "2026-02-28T09:00:00Z".parse().unwrap();
        DunningPolicy::new(mint.id(now), name, Ladder::standard(), now, &mint)
    }

    #[test]
    fn a_change_is_a_new_version_and_no_change_is_none() {
        let policy = named(" Courses ").unwrap();
        assert_eq!((policy.name.as_str(), policy.number), ("Courses", VersionNumber::FIRST));
        assert_eq!(policy.revised("Courses", Ladder::standard()), Ok(policy.clone()));
        let draft =
            LadderDraft { final_action: FinalAction::WriteOff, ..Ladder::standard().into() };
        let gentle = Ladder::new(draft, RuleBook::newest()).unwrap();
        let revised = policy.revised("Courses", gentle).unwrap();
        assert_eq!((revised.id, revised.number), (policy.id, VersionNumber(2)));
        assert_eq!(revised.ladder.final_action(), FinalAction::WriteOff);
        assert_eq!(policy.revised("Lessons", Ladder::standard()).unwrap().number.0, 2);
    }

    #[test]
    fn a_policy_has_a_name() {
        assert_eq!(named("  "), Err(BadName));
        assert_eq!(named(&"x".repeat(81)), Err(BadName));
        assert!(named(&"x".repeat(80)).is_ok());
    }
}
