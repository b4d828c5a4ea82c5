//! A merchant's named ladder, in versions: a case keeps the version with which it was opened, a
//! change is for new cases alone.

use serde::{Deserialize, Serialize};

use super::ladder::Ladder;
use crate::domain::ids::{Id, kind};

/// The longest name, in characters.
const LONGEST_NAME: usize = 80;

/// What a dunning policy says. Whose it is, and when it was saved, stands in its row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DunningPolicy {
    name: String,
    version: u32,
    ladder: Ladder,
}

/// One version of one policy, as a case records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// The policy.
    pub policy: Id<kind::DunningPolicy>,
    /// Its version, from 1.
    pub version: u32,
}

/// The name is empty or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("name: from 1 to {LONGEST_NAME} characters, and not only spaces")]
pub struct BadName;

impl DunningPolicy {
    /// The first version of a policy.
    pub fn new(name: &str, ladder: Ladder) -> Result<Self, BadName> {
        Ok(Self { name: checked(name)?, version: 1, ladder })
    }

    /// The next version, with another name, another ladder, or both. Nothing changed is no new
    /// version.
    pub fn revised(&self, name: &str, ladder: Ladder) -> Result<Self, BadName> {
        let revised = Self { name: checked(name)?, version: self.version, ladder };
        let version = self.version + u32::from(revised != *self);
        Ok(Self { version, ..revised })
    }

    /// The policy of a merchant who set none: RULES RET-5.
    pub fn standard() -> Self {
        Self { name: "Standard".to_owned(), version: 1, ladder: Ladder::standard() }
    }

    /// What staff calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version, from 1.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The ladder.
    pub const fn ladder(&self) -> &Ladder {
        &self.ladder
    }
}

fn checked(name: &str) -> Result<String, BadName> {
    let name = name.trim();
    let length = name.chars().count();
    if (1..=LONGEST_NAME).contains(&length) { Ok(name.to_owned()) } else { Err(BadName) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        dunning::ladder::{FinalAction, LadderDraft},
        payment::rules::RuleBook,
    };

    #[test]
    fn a_change_is_a_new_version_and_no_change_is_none() {
        let policy = DunningPolicy::new(" Courses ", Ladder::standard()).unwrap();
        assert_eq!((policy.name(), policy.version()), ("Courses", 1));
        assert_eq!(policy.revised("Courses", Ladder::standard()).unwrap().version(), 1);
        let draft =
            LadderDraft { final_action: FinalAction::WriteOff, ..Ladder::standard().into() };
        let gentle = Ladder::new(draft, RuleBook::newest()).unwrap();
        let revised = policy.revised("Courses", gentle).unwrap();
        assert_eq!(revised.version(), 2);
        assert_eq!(revised.ladder().final_action(), FinalAction::WriteOff);
    }

    #[test]
    fn a_policy_has_a_name() {
        assert_eq!(DunningPolicy::new("  ", Ladder::standard()), Err(BadName));
        assert_eq!(DunningPolicy::new(&"x".repeat(81), Ladder::standard()), Err(BadName));
    }
}
