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

/// Why a folder of words cannot be used. The server does not start with words that cannot be sent.
#[derive(Debug, Error)]
pub enum WordsError {
    /// A folder or file cannot be read.
    #[error("{} cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// A name that stands for nothing.
    #[error("{}: {expected}", path.display())]
    Name {
        /// The file or folder.
        path: PathBuf,
        /// What would be right.
        expected: &'static str,
    },
    /// Words that cannot be filled, too long, or empty.
    #[error("{}: {}", folder.display(), .faults.join("; "))]
    Faults {
        /// Whose.
        folder: PathBuf,
        /// What is wrong, with the line.
        faults: Vec<String>,
    },
}

/// Reads the folder and tries every block on the samples of its kind.
pub fn read(folder: &Path) -> Result<Words, WordsError> {
    let mut words = Words::new();
    for merchant_folder in entries(folder)? {
        let merchant = named(&merchant_folder, "must be named by a merchant, like mer_06ew…")?;
        words.insert(merchant, read_merchant(&merchant_folder)?);
    }
    Ok(words)
}

/// Reads the folder of one merchant, and tries every block in it.
pub fn read_merchant(folder: &Path) -> Result<Overrides, WordsError> {
    let mut own = Overrides::default();
    for locale_folder in entries(folder)? {
        let locale = name(&locale_folder).and_then(Locale::from_tag).ok_or_else(|| {
            let expected = "must be named by a language: en, de or es";
            WordsError::Name { path: locale_folder.clone(), expected }
        })?;
        for file in entries(&locale_folder)? {
            let (kind, block) = what(&file)?;
            let text = fs::read_to_string(&file)
                .map_err(|error| WordsError::Unreadable(file.clone(), error))?;
            own.set(kind, locale, block, text);
        }
    }
    own.check().map_err(|faults| WordsError::Faults {
        folder: folder.to_owned(),
        faults: faults.iter().map(ToString::to_string).collect(),
    })?;
    Ok(own)
}

fn what(file: &Path) -> Result<(MessageKind, Block), WordsError> {
    let parts = || {
        let (kind, block) = name(file)?.strip_suffix(".txt")?.split_once('.')?;
        Some((kind.parse().ok()?, block.parse().ok()?))
    };
    parts().ok_or_else(|| WordsError::Name {
        path: file.to_owned(),
        expected: "must be named KIND.BLOCK.txt, for example receipt.subject.txt",
    })
}

fn named<T: std::str::FromStr>(path: &Path, expected: &'static str) -> Result<T, WordsError> {
    name(path)
        .and_then(|name| name.parse().ok())
        .ok_or_else(|| WordsError::Name { path: path.to_owned(), expected })
}

fn name(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}

/// What is in a folder, in the order of names; without what begins with a dot, which version control,
/// editors and mounted volumes leave behind.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, WordsError> {
    let unreadable = |error| WordsError::Unreadable(folder.to_owned(), error);
    let mut paths = fs::read_dir(folder)
        .map_err(unreadable)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    paths.retain(|path| name(path).is_none_or(|name| !name.starts_with('.')));
    paths.sort_unstable();
    Ok(paths)
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
}
