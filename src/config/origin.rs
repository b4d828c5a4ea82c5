//! Who set what: the file with its line, an environment variable, a flag, or nobody.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use toml_edit::{ImDocument, Item, TableLike, TomlError};

/// Settings from the environment begin so.
pub(super) const PREFIX: &str = "RONDO_";

/// Who set a key. Sorted, the file comes first, line by line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The file.
    File {
        /// Where it is.
        path: PathBuf,
        /// The line of the key, from 1.
        line: usize,
    },
    /// An environment variable, by its name.
    Environment(String),
    /// A flag, by its name.
    Flag(String),
    /// Nobody: the default stands.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Who set which keys of a configuration.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    file: Option<(PathBuf, Lines)>,
    environment: Vec<String>,
    flags: Vec<String>,
}

impl Origins {
    pub(super) fn new(
        file: Option<(PathBuf, Lines)>,
        environment: Vec<String>,
        flags: Vec<String>,
    ) -> Self {
        Self { file, environment, flags }
    }

    /// Who set `key`. If nobody did, who set the table around it, or some other key of that table:
    /// there the operator must look.
    pub fn of(&self, key: &str) -> Origin {
        let mut place = key;
        loop {
            if let Some(origin) = self.exactly(place).or_else(|| self.within(place)) {
                return origin;
            }
            match place.rsplit_once('.') {
                Some((around, _)) => place = around,
                None => return Origin::Default,
            }
        }
    }

    /// The last word on a key that is no table.
    fn exactly(&self, key: &str) -> Option<Origin> {
        let is_key = |known: &&String| *known == key;
        let flag = self.flags.iter().find(is_key).map(|key| flag(key));
        let environment = || self.environment.iter().find(is_key).map(|key| variable(key));
        flag.or_else(environment).or_else(|| self.in_file(key))
    }

    /// Somebody who set a key of the table `table`.
    fn within(&self, table: &str) -> Option<Origin> {
        let is_inside =
            |known: &&String| known.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'));
        let environment = self.environment.iter().find(is_inside).map(|key| variable(key));
        environment.or_else(|| self.flags.iter().find(is_inside).map(|key| flag(key)))
    }

    fn in_file(&self, key: &str) -> Option<Origin> {
        let (path, lines) = self.file.as_ref()?;
        let line = lines.0.get(key)?;
        Some(Origin::File { path: path.clone(), line: *line })
    }
}

fn variable(key: &str) -> Origin {
    Origin::Environment(format!("{PREFIX}{}", key.to_uppercase().replace('.', "__")))
}

fn flag(key: &str) -> Origin {
    Origin::Flag(format!("--{}", key.replace(['.', '_'], "-")))
}

/// The line of every key of a TOML text, tables too.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines(BTreeMap<String, usize>);

impl Lines {
    /// Reads the text. Where it is no TOML: the line, and what is wrong there.
    pub(super) fn of(text: &str) -> Result<Self, (usize, String)> {
        let document = ImDocument::parse(text).map_err(|error| complaint(text, &error))?;
        let mut lines = Self::default();
        lines.read(text, "", document.as_table());
        Ok(lines)
    }

    fn read(&mut self, text: &str, prefix: &str, table: &dyn TableLike) {
        for (name, _) in table.iter() {
            let Some((key, item)) = table.get_key_value(name) else { continue };
            let path = format!("{prefix}{name}");
            if let Some(span) = key.span().or_else(|| item.span()) {
                self.0.insert(path.clone(), line_of(text, span.start));
            }
            if let Some(inner) = Item::as_table_like(item) {
                self.read(text, &format!("{path}."), inner);
            }
        }
    }
}

/// What the parser says of a text that does not end, and the quotes around such a text.
const ENDLESS: [(&str, &str); 4] = [
    ("invalid basic string", "\""),
    ("invalid literal string", "'"),
    ("invalid multiline basic string", "\"\"\""),
    ("invalid multiline literal string", "'''"),
];

/// What is wrong, without the text of the line, which may be a secret.
fn complaint(text: &str, error: &TomlError) -> (usize, String) {
    let at = error.span().map_or(0, |span| span.start);
    if let Some((_, quotes)) = ENDLESS.iter().find(|(told, _)| *told == error.message()) {
        // The parser gives up where the line ends, or the file; the mistake is where the text begins.
        let begins = text.get(..at).and_then(|before| before.rfind(quotes)).unwrap_or(at);
        let problem = format!("the text that begins here needs a closing {quotes}");
        return (line_of(text, begins), problem);
    }
    let told: Vec<_> = error.message().lines().map(str::trim).collect();
    (line_of(text, at), told.join(", "))
}

fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().split('\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "listen = '127.0.0.1:1'\n\n[smtp]\nhost = 'relay'\ntls = 'none'\n\n\
                        [gateways.main]\nkind = 'stripe'\nlog.format = 'x'\n\
                        inline = { a = 1,\n b.c = 2 }\n";

    #[test]
    fn every_key_is_found_on_its_line() {
        // A newline within an inline table is not TOML 1.0.
        let (line, problem) = Lines::of(TEXT).unwrap_err();
        assert_eq!(line, 10, "{problem}");
        let lines = Lines::of(&TEXT.replace(",\n", ",")).unwrap();
        for (key, line) in [
            ("listen", 1),
            ("smtp", 3),
            ("smtp.tls", 5),
            ("gateways.main", 7),
            ("gateways.main.kind", 8),
            ("gateways.main.log.format", 9),
            ("gateways.main.inline.b.c", 10),
        ] {
            assert_eq!(lines.0.get(key), Some(&line), "{key} in {lines:?}");
        }
    }

    #[test]
    fn the_origin_is_who_had_the_last_word_or_the_table_around() {
        let keys = |keys: &[&str]| keys.iter().map(ToString::to_string).collect();
        let lines = Lines::of("listen = 'a'\n[smtp]\nhost = 'b'\n[log]\nformat = 'c'").unwrap();
        let origins = Origins::new(
            Some(("rondo.toml".into(), lines)),
            keys(&["smtp.port", "log.format", "tls.cert"]),
            keys(&["log.format", "database_url"]),
        );
        for (key, told) in [
            ("listen", "rondo.toml:1"),
            ("smtp.port", "environment variable RONDO_SMTP__PORT"),
            ("log.format", "flag --log-format"),
            ("database_url", "flag --database-url"),
            // Missing: what is around it.
            ("smtp.from", "rondo.toml:2"),
            ("tls.key", "environment variable RONDO_TLS__CERT"),
            ("tls", "environment variable RONDO_TLS__CERT"),
            ("engine.batch", "default"),
        ] {
            assert_eq!(origins.of(key).to_string(), told, "{key}");
        }
    }
}
