//! A folder of merchants' own words for mails: one file a block, read when the server starts.
//!
//! ```text
//! mail-words/mer_06ew5kkq3hx3d1qj9w2t7m8c0g/de/receipt.subject.txt
//! ```

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{Block, Locale, MessageKind, Overrides};
use crate::domain::ids::{Id, kind};

/// The words of each merchant that has any.
pub type Words = BTreeMap<Id<kind::Merchant>, Overrides>;

/// Why a folder of words cannot be used: all of it in one go. The server does not start with words
/// that cannot be sent.
#[derive(Debug, Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct WordsError(Vec<Unusable>);

impl WordsError {
    /// What is wrong, in the order of the folder.
    pub fn faults(&self) -> &[Unusable] {
        &self.0
    }
}

/// One thing in a folder of words that cannot be used.
#[derive(Debug, Error)]
pub enum Unusable {
    /// A folder or file cannot be read.
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// A name that stands for nothing.
    #[error("{}: {expected}", path.display())]
    Name {
        /// The file or folder.
        path: PathBuf,
        /// What would be right.
        expected: &'static str,
    },
    /// Words that cannot be filled, too long, or empty.
    #[error("{}: {fault}", folder.display())]
    Fault {
        /// Whose.
        folder: PathBuf,
        /// What is wrong, with the line.
        fault: String,
    },
}

/// Reads the folder and tries every block on the samples of its kind.
pub fn read(folder: &Path) -> Result<Words, WordsError> {
    let mut faults = Vec::new();
    let mut words = Words::new();
    for merchant_folder in entries(folder, &mut faults) {
        let own = own(&merchant_folder, &mut faults);
        match name(&merchant_folder).and_then(|name| name.parse().ok()) {
            Some(merchant) => drop(words.insert(merchant, own)),
            None => faults.push(Unusable::Name {
                path: merchant_folder,
                expected: "must be named by a merchant, like mer_06ew…",
            }),
        }
    }
    if faults.is_empty() { Ok(words) } else { Err(WordsError(faults)) }
}

/// Reads the folder of one merchant, and tries every block in it.
pub fn read_merchant(folder: &Path) -> Result<Overrides, WordsError> {
    let mut faults = Vec::new();
    let own = own(folder, &mut faults);
    if faults.is_empty() { Ok(own) } else { Err(WordsError(faults)) }
}

/// What can be used of the folder of one merchant, and what cannot.
fn own(folder: &Path, faults: &mut Vec<Unusable>) -> Overrides {
    let mut own = Overrides::default();
    for locale_folder in entries(folder, faults) {
        let locale = name(&locale_folder).and_then(Locale::from_tag);
        if locale.is_none() {
            let expected = "must be named by a language: en, de or es";
            faults.push(Unusable::Name { path: locale_folder.clone(), expected });
        }
        for file in entries(&locale_folder, faults) {
            let Some((kind, block)) = what(&file) else {
                let expected = "must be named KIND.BLOCK.txt, for example receipt.subject.txt";
                faults.push(Unusable::Name { path: file, expected });
                continue;
            };
            match (fs::read_to_string(&file), locale) {
                (Ok(text), Some(locale)) => own.set(kind, locale, block, text),
                (Ok(_), None) => {}
                (Err(why), _) => faults.push(Unusable::Unreadable { path: file, why }),
            }
        }
    }
    if let Err(found) = own.check() {
        faults.extend(
            found.iter().map(|fault| Unusable::Fault {
                folder: folder.to_owned(),
                fault: fault.to_string(),
            }),
        );
    }
    own
}

fn what(file: &Path) -> Option<(MessageKind, Block)> {
    let (kind, block) = name(file)?.strip_suffix(".txt")?.split_once('.')?;
    Some((kind.parse().ok()?, block.parse().ok()?))
}

fn name(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}

/// What is in a folder, in the order of names; without what begins with a dot, which version control,
/// editors and mounted volumes leave behind.
fn entries(folder: &Path, faults: &mut Vec<Unusable>) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>());
    let mut paths = listed.unwrap_or_else(|why| {
        faults.push(Unusable::Unreadable { path: folder.to_owned(), why });
        Vec::new()
    });
    paths.retain(|path| name(path).is_none_or(|name| !name.starts_with('.')));
    paths.sort_unstable();
    paths
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const MERCHANT: &str = "mer_06ew5kkq3hx3d1qj9w2t7m8c0g";

    fn folder_with(path: &str, text: &str) -> TempDir {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        folder
    }

    #[test]
    fn a_merchants_words_are_found_by_kind_language_and_block() {
        let path = format!("{MERCHANT}/de/receipt.subject.txt");
        let words = read(folder_with(&path, "Danke für {{ amount }}").path()).unwrap();
        let own: Vec<_> = words[&MERCHANT.parse().unwrap()].iter().collect();
        let expected = (MessageKind::Receipt, Locale::De, Block::Subject, "Danke für {{ amount }}");
        assert_eq!(own, [expected]);
    }

    #[test]
    fn what_version_control_leaves_behind_is_passed_over() {
        let folder = folder_with(&format!("{MERCHANT}/de/receipt.first.txt"), "Danke.");
        fs::create_dir(folder.path().join(".git")).unwrap();
        fs::write(folder.path().join(MERCHANT).join("de/.receipt.first.txt.swp"), "x").unwrap();
        assert_eq!(read(folder.path()).unwrap()[&MERCHANT.parse().unwrap()].iter().count(), 1);
    }

    #[test]
    fn what_cannot_be_sent_is_refused_with_its_place() {
        for (path, text, expected) in [
            ("portal/de/receipt.subject.txt", "x", "must be named by a merchant"),
            (&format!("{MERCHANT}/xx/receipt.subject.txt"), "x", "en, de or es"),
            (&format!("{MERCHANT}/de/receipt.txt"), "x", "must be named KIND.BLOCK.txt"),
            (&format!("{MERCHANT}/de/receit.subject.txt"), "x", "must be named KIND.BLOCK.txt"),
            (&format!("{MERCHANT}/de/receipt.subject.txt"), "{{ amount", "receipt, de, subject"),
            (&format!("{MERCHANT}/de/receipt.subject.txt/x"), "x", "subject.txt cannot be read"),
            ("mer_06ew5kkq3hx3d1qj9w2t7m8c0g", "x", "0g cannot be read"),
        ] {
            let error = read(folder_with(path, text).path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn all_that_cannot_be_used_is_told_at_once() {
        let folder = folder_with(&format!("{MERCHANT}/de/receit.subject.txt"), "x");
        for (path, text) in [
            ("mer_x/en/receipt.first.txt", "{% if amount %}"),
            (&*format!("{MERCHANT}/de/receipt.first.txt"), "{{ plan | upper }}\n{{ nobody }}"),
        ] {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let error = read(folder.path()).unwrap_err();
        let told: Vec<_> = error.faults().iter().map(ToString::to_string).collect();
        let expected = [
            "must be named KIND.BLOCK.txt",
            "receipt, de, first, line 1: '|' is not for mails",
            "receipt, de, first, line 2: there is no value nobody; known are ",
            "receipt, en, first, line 1: ",
            "mer_x: must be named by a merchant",
        ];
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.contains(expected), "{told}");
        }
        assert_eq!(error.to_string(), told.join("; "));
    }
}
