//! Where settings come from: defaults, then the file, then the environment, then flags.
//!
//! What cannot be read is told by [`super::unread`].

use std::{
    io,
    path::{Path, PathBuf},
};

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Format, Toml},
    value::{Dict, Map, Value},
};
use thiserror::Error;

use super::{
    Config,
    check::{self, Finding},
    origin::{Lines, Origins, PREFIX},
    unread,
};

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "rondo.toml";
/// Variables with our prefix that are no settings: the file's own name, and what examples read.
const NOT_SETTINGS: [&str; 4] = ["CONFIG", "ADDRESS", "API_KEY", "BIN"];
/// And those of tests, and of `rondo sandbox`, begin so.
const NOT_SETTINGS_EITHER: [&str; 2] = ["TEST_", "SANDBOX_"];
/// The only setting that is a list; as text it is written `["one", "two"]`.
const LIST: &str = "webhook_secrets";

/// A configuration, and who set what in it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Who set what.
    pub origins: Origins,
}

/// Reads the configuration of this process: `path`, else `rondo.toml` if it is there, then the
/// environment, then `flags`.
pub fn load(path: Option<&Path>, flags: Overrides) -> Result<Loaded, ConfigError> {
    let default = Path::new(DEFAULT_FILE);
    let file = path.or_else(|| default.exists().then_some(default)).map(Path::to_owned);
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
        .collect();
    load_from(Sources { file, environment, flags })
}

/// Reads the configuration from exactly these sources.
pub fn load_from(sources: Sources) -> Result<Loaded, ConfigError> {
    let Sources { file, environment, flags } = sources;
    let environment = Environment::of(environment);
    let mut figment = Figment::new();
    let mut lines = None;
    if let Some(path) = file {
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        let found = Lines::of(&text).map_err(|(line, problem)| {
            let path = path.clone();
            ConfigError::Syntax { path, line, problem }
        })?;
        figment = figment.merge(Toml::string(&text));
        lines = Some((path, found));
    }
    let keys =
        |settings: &[(String, String)]| settings.iter().map(|(key, _)| key.clone()).collect();
    let origins = Origins::new(lines, keys(&environment.0), keys(&flags.0));
    let (config, unread) = unread::read(&figment.merge(environment).merge(flags), &origins);
    match config.map(|config| Loaded { config, origins }) {
        Some(loaded) if unread.is_empty() => Ok(loaded),
        rest => Err(ConfigError::Settings { findings: check::check_with(unread, rest.as_ref()) }),
    }
}

/// Where settings come from, the weakest first.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Environment variables; those that do not begin with `RONDO_` are passed over.
    pub environment: Vec<(String, String)>,
    /// What the command line says.
    pub flags: Overrides,
}

/// Settings from the command line: the flag `--log-format` sets the key `log.format`.
#[derive(Debug, Clone, Default)]
pub struct Overrides(Vec<(String, String)>);

impl Overrides {
    /// Sets `key` if the flag was given.
    #[must_use]
    pub fn set(mut self, key: &str, value: Option<impl Into<String>>) -> Self {
        self.0.extend(value.map(|value| (key.to_owned(), value.into())));
        self
    }
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file is missing or closed to us.
    #[error("{}: cannot be read: {}", path.display(), remedy(path, source))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{}:{line}: this is no TOML: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, without the text of the line.
        problem: String,
    },
    /// Settings are not known, not of their kind, or cannot work.
    #[error("{}", check::shortly(findings))]
    Settings {
        /// Everything that is wrong, warnings too, in the order of the file.
        findings: Vec<Finding>,
    },
}

/// What makes the file one that can be read.
fn remedy(path: &Path, source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::NotFound => format!(
            "correct --config or RONDO_CONFIG, or let `rondo init --config {}` write it",
            path.display()
        ),
        _ => "it must be a text file, and open to you".to_owned(),
    }
}

/// Dotted keys and their texts.
struct Environment(Vec<(String, String)>);

impl Environment {
    fn of(variables: Vec<(String, String)>) -> Self {
        let settings = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?.to_owned(), value)))
            .filter(|(name, _)| !NOT_SETTINGS.contains(&&**name))
            .filter(|(name, _)| !NOT_SETTINGS_EITHER.iter().any(|other| name.starts_with(other)))
            .map(|(name, value)| (name.to_lowercase().replace("__", "."), value));
        Self(settings.collect())
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(nested(&self.0))
    }
}

impl Provider for Overrides {
    fn metadata(&self) -> Metadata {
        Metadata::named("flags")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(nested(&self.0))
    }
}

/// Dotted keys as a tree. Values stay texts (a password of digits is no number); numbers and
/// truth values are read out of texts where the schema asks for them.
fn nested(settings: &[(String, String)]) -> Map<Profile, Dict> {
    let tree = settings.iter().fold(Dict::new(), |mut tree, (key, text)| {
        let is_list = key.ends_with(LIST) && text.trim_start().starts_with('[');
        let value = if is_list {
            text.parse().unwrap_or_else(|never| match never {})
        } else {
            Value::from(text.as_str())
        };
        insert(&mut tree, key, value);
        tree
    });
    Map::from([(Profile::Default, tree)])
}

fn insert(tree: &mut Dict, key: &str, value: Value) {
    let path: Vec<_> = key.split('.').collect();
    put(tree, &path, value);
}

/// Puts a value where `path` leads to, and makes the tables on the way.
pub(super) fn put(tree: &mut Dict, path: &[&str], value: Value) {
    match path {
        [] => {}
        [name] => drop(tree.insert((*name).to_owned(), value)),
        [head, rest @ ..] => {
            let mut branch = match tree.remove(*head) {
                Some(Value::Dict(_, branch)) => branch,
                _ => Dict::new(),
            };
            put(&mut branch, rest, value);
            tree.insert((*head).to_owned(), Value::from(branch));
        }
    }
}
