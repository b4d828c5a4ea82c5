//! What cannot be read of the settings: all of it in one go, so that nobody mends one key to be told
//! of the next.
//!
//! Every complaint names the source, the key and what would be right. It never repeats the value,
//! which may be a secret.

use std::collections::BTreeMap;

use figment::{
    Figment, Metadata, Profile, Provider,
    error::{Actual, Kind},
    value::{Dict, Map, Value},
};

use super::{
    Config,
    check::{self, Finding, Severity},
    load::put,
    origin::Origins,
};

/// More complaints than anybody reads; the reading ends there.
const MOST: usize = 1_000;
/// A key goes, is made up, and is made up of a word that is known; a fourth way there is not.
const MENDED_MOST: u8 = 3;

/// Reads the settings. What cannot be read is told, taken out, and the rest is read again; the
/// configuration is then that of the rest. `None`: not even the rest can be read.
pub(super) fn read(sources: &Figment, origins: &Origins) -> (Option<Config>, Vec<Finding>) {
    let mut tree = match Provider::data(sources) {
        Ok(mut profiles) => profiles.remove(&Profile::Default).unwrap_or_default(),
        Err(error) => return (None, vec![explain(&error, origins)]),
    };
    let (mut unread, mut mended) = (Vec::new(), BTreeMap::new());
    let mut read = None;
    while unread.len() < MOST {
        match Figment::from(Tree(tree.clone())).extract_lossy() {
            Ok(config) => {
                read = Some(config);
                break;
            }
            Err(error) => {
                let place = place(&error);
                let times = mended.entry(place.clone()).or_insert(0_u8);
                *times += 1;
                let is_first = *times == 1;
                if is_first {
                    unread.push(explain(&error, origins));
                } else if *times > MENDED_MOST {
                    break;
                }
                mend(&mut tree, &place, &error.kind, is_first);
            }
        }
    }
    (read, unread)
}

/// Settings as a tree.
struct Tree(Dict);

impl Provider for Tree {
    fn metadata(&self) -> Metadata {
        Metadata::named("settings")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.0.clone())]))
    }
}

/// The key that a complaint is about.
fn place(error: &figment::Error) -> Vec<String> {
    let mut place = error.path.clone();
    if let Kind::MissingField(name) = &error.kind {
        place.push(name.to_string());
    }
    place
}

/// Makes what was told readable, so that the next complaint is a new one: a wrong value goes, and
/// what must be there is made up.
fn mend(tree: &mut Dict, place: &[String], kind: &Kind, is_first: bool) {
    let path: Vec<_> = place.iter().map(String::as_str).collect();
    match kind {
        Kind::MissingField(_) => put(tree, &path, Value::from("")),
        Kind::UnknownVariant(_, [known, ..]) if !is_first => put(tree, &path, Value::from(*known)),
        _ => take(tree, &path),
    }
}

/// Takes out what `path` leads to: the list, if it leads into one.
fn take(tree: &mut Dict, path: &[&str]) {
    match path {
        [] => {}
        [head, rest @ ..] => match tree.get_mut(*head) {
            Some(Value::Dict(_, branch)) if !rest.is_empty() => take(branch, rest),
            _ => drop(tree.remove(*head)),
        },
    }
}

fn explain(error: &figment::Error, origins: &Origins) -> Finding {
    let mut key = error.path.join(".");
    let origin = origins.of(&key);
    let message = match &error.kind {
        Kind::Message(told) => {
            plainly(&key, told).unwrap_or_else(|| format!("is not valid: {told}"))
        }
        Kind::InvalidType(found, wanted) | Kind::InvalidValue(found, wanted) => {
            let wanted = plainly(&key, wanted);
            wanted.map_or_else(
                || format!("cannot be {}", kind_of(found)),
                |wanted| format!("{wanted}, not {}", kind_of(found)),
            )
        }
        Kind::InvalidLength(_, wanted) => {
            plainly(&key, wanted).unwrap_or_else(|| format!("must be {wanted}"))
        }
        Kind::UnknownVariant(found, known) => {
            format!("must be one of {}, not `{found}`", listed(known))
        }
        Kind::UnknownField(_, known) => {
            format!("is not a setting here; known are {}", listed(known))
        }
        Kind::MissingField(name) => {
            if key.is_empty() {
                key = name.to_string();
            }
            format!("needs `{name}`")
        }
        Kind::DuplicateField(name) => format!("sets `{name}` twice"),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "is out of range".to_owned(),
        Kind::Unsupported(found) | Kind::UnsupportedKey(found, _) => {
            format!("cannot be {}", kind_of(found))
        }
    };
    Finding { severity: Severity::Error, origin, key, message }
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

/// What the schema wants, in an operator's words.
fn plainly(key: &str, wanted: &str) -> Option<String> {
    Some(match wanted {
        "u16" | "u32" => {
            let most = if wanted == "u16" { u16::MAX.into() } else { u32::MAX };
            let range = check::range(key);
            let most = most.min(*range.end());
            format!("must be a whole number from {} to {most}", range.start())
        }
        "a boolean" => "must be true or false".to_owned(),
        "a string" | "path string" => "must be a text".to_owned(),
        "socket address" => "must be an IP address and a port like 127.0.0.1:8080".to_owned(),
        // A name may have several addresses, so none is looked up.
        "invalid socket address syntax" => {
            "must be an IP address and a port like 127.0.0.1:8080; a name like localhost is not \
             looked up"
                .to_owned()
        }
        "a sequence" => "must be a list".to_owned(),
        other if other.starts_with("struct ") => "must be a table".to_owned(),
        other if other.starts_with("a ") || other.starts_with("an ") => format!("must be {other}"),
        _ => return None,
    })
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
