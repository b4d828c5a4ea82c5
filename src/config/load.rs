//! Where settings come from: defaults, then the file, then the environment, then flags.
//!
//! Every complaint names the source, the key and what would be right. It never repeats the value,
//! which may be a secret.

use std::path::{Path, PathBuf};

use figment::{
    Figment, Metadata, Profile, Provider,
    error::{Actual, Kind},
    providers::{Format, Toml},
    value::{Dict, Map, Value},
};
use thiserror::Error;

use super::{
    Config,
    origin::{Lines, Origin, Origins, PREFIX},
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
    match figment.merge(environment).merge(flags).extract_lossy() {
        Ok(config) => Ok(Loaded { config, origins }),
        Err(error) => Err(explain(error, &origins)),
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
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
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
    /// A setting is not known, or not of its kind.
    #[error("{origin}: `{key}` {problem}")]
    Setting {
        /// Who said it.
        origin: Origin,
        /// The key, with dots.
        key: String,
        /// What would be right.
        problem: String,
    },
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
    let Some((head, rest)) = key.split_once('.') else {
        tree.insert(key.to_owned(), value);
        return;
    };
    let mut branch = match tree.remove(head) {
        Some(Value::Dict(_, branch)) => branch,
        _ => Dict::new(),
    };
    insert(&mut branch, rest, value);
    tree.insert(head.to_owned(), Value::from(branch));
}

fn explain(error: figment::Error, origins: &Origins) -> ConfigError {
    let key = error.path.join(".");
    let origin = origins.of(&key);
    let problem = match error.kind {
        Kind::Message(told) => format!("is not valid: {told}"),
        Kind::InvalidType(found, wanted) | Kind::InvalidValue(found, wanted) => {
            format!("must be {}, not {}", plainly(&wanted), kind_of(&found))
        }
        Kind::InvalidLength(_, wanted) => format!("must be {}", plainly(&wanted)),
        Kind::UnknownVariant(found, known) => {
            format!("must be one of {}, not `{found}`", listed(known))
        }
        Kind::UnknownField(_, known) => {
            format!("is not a setting here; known are {}", listed(known))
        }
        Kind::MissingField(name) => {
            let problem = format!("needs `{name}`");
            let key = if key.is_empty() { name.into_owned() } else { key };
            return ConfigError::Setting { origin, key, problem };
        }
        Kind::DuplicateField(name) => format!("sets `{name}` twice"),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "is out of range".to_owned(),
        Kind::Unsupported(found) | Kind::UnsupportedKey(found, _) => {
            format!("cannot be {}", kind_of(&found))
        }
    };
    ConfigError::Setting { origin, key, problem }
}

/// What stands where something else should: its kind, never the value.
fn kind_of(found: &Actual) -> &'static str {
    match found {
        Actual::Bool(_) => "a truth value",
        Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) => "this number",
        Actual::Char(_) | Actual::Str(_) | Actual::Bytes(_) => "this text",
        Actual::Unit | Actual::Option => "nothing",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        Actual::NewtypeStruct
        | Actual::Enum
        | Actual::UnitVariant
        | Actual::NewtypeVariant
        | Actual::TupleVariant
        | Actual::StructVariant
        | Actual::Other(_) => "this",
    }
}

/// The schema's types in an operator's words.
fn plainly(wanted: &str) -> String {
    match wanted {
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" => "a whole number from 0 to 4294967295".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" | "path string" => "a text".to_owned(),
        "socket address" => "an address and port like 127.0.0.1:8080".to_owned(),
        "a sequence" => "a list".to_owned(),
        other => {
            let table = other.strip_prefix("struct ").map(|_| "a table".to_owned());
            table.unwrap_or_else(|| other.to_owned())
        }
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
