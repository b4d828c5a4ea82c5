//! Who may know whom: the layers of the crate, and the one place for each outside thing.
//!
//! A scan of the text, not of meaning: comments, string literals and `#[cfg(test)]` modules are blanked,
//! then paths that begin with `crate::` (or climb up to it with `super::`) are held against the
//! tables below. `src/lib.rs` draws the same picture for people.

#![expect(clippy::unwrap_used, reason = "tests may unwrap, in their helpers too")]

#[path = "support/rust_files.rs"]
mod rust_files;

use std::{fmt::Write as _, fs, path::Path};

/// Each layer, and whom it may import. `*` is everybody.
const MAY_IMPORT: [(&str, &[&str]); 13] = [
    ("domain", &[]),
    ("store", &["domain"]),
    ("gateway", &["domain"]),
    ("mail", &["domain"]),
    ("security", &["domain"]),
    ("config", &["domain", "gateway", "mail", "security"]),
    ("app", &["domain", "store", "gateway", "mail", "security"]),
    ("engine", &["domain", "store", "gateway", "mail", "security", "app"]),
    ("grpc", &["domain", "store", "gateway", "mail", "security", "app"]),
    ("web", &["domain", "store", "gateway", "mail", "security", "app"]),
    ("sim", &["domain", "store", "gateway", "mail", "security", "app", "engine"]),
    ("cli", &["*"]),
    ("main", &["cli"]),
];

/// Each outside thing, and the places under `src/` where it may be named.
const LIVES_IN: [(&str, &[&str]); 6] = [
    ("sqlx::", &["store/"]),
    ("reqwest::", &["gateway/", "app/webhooks_out"]),
    ("lettre::", &["mail/"]),
    ("Utc::now", &["app/clock.rs"]),
    ("SystemTime::now", &["app/clock.rs"]),
    ("SystemRandom::new", &["security/chance.rs"]),
];

/// A file with more lines is two rooms.
const LINES_MAX: usize = 600;

#[test]
fn every_layer_imports_only_those_it_may_know() {
    let mut broken = String::new();
    for source in sources() {
        let layer = source.layer();
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == layer) else {
            if layer != "lib" {
                let _ = writeln!(broken, "{}: no rule says whom `{layer}` may import", source.name);
            }
            continue;
        };
        for (line, imported) in source.imports() {
            let is_layer = MAY_IMPORT.iter().any(|(name, _)| *name == imported);
            if is_layer
                && imported != layer
                && ![&*imported, "*"].iter().any(|known| allowed.contains(known))
            {
                let _ = writeln!(
                    broken,
                    "{}:{line}: `{layer}` imports `{imported}`; it may import only {allowed:?}",
                    source.name,
                );
            }
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn every_outside_thing_is_named_in_its_one_place() {
    let mut broken = String::new();
    for source in sources() {
        for (thing, places) in LIVES_IN {
            if places.iter().any(|place| source.name.starts_with(&format!("src/{place}"))) {
                continue;
            }
            for (at, _) in source.code.match_indices(thing) {
                let line = line_of(&source.code, at);
                let _ = writeln!(broken, "{}:{line}: `{thing}` belongs in {places:?}", source.name);
            }
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn every_file_opens_with_what_it_is_for_and_stays_readable() {
    let mut broken = String::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > LINES_MAX {
            let _ = writeln!(broken, "{}: {lines} lines, at most {LINES_MAX}", source.name);
        }
        if !source.text.starts_with("//!") {
            let _ = writeln!(broken, "{}:1: must open with `//!`: what it decides", source.name);
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn the_scan_sees_code_and_nothing_else() {
    for (text, imported) in [
        ("use crate::store::Store;", &["store"][..]),
        ("use crate::{domain::{ids, money}, mail};", &["domain", "mail"]),
        ("use crate::{\n    app::clock,\n    web as pages,\n};", &["app", "web"]),
        ("fn f() -> crate::grpc::Status {}", &["grpc"]),
        ("use super::super::engine::turn;", &["engine"]),
        ("use super::neighbour;", &[]),
        ("// use crate::store;\n/* crate::mail /* crate::web */ crate::app */", &[]),
        (r##"const A: &str = "crate::store"; const B: &str = r#"" crate::web"#;"##, &[]),
        ("const QUOTE: char = '\"'; use crate::app; const OTHER: char = '\\'';", &["app"]),
        ("fn f<'a>(x: &'a str) { crate::mail::send(x) }", &["mail"]),
        (
            "#[cfg(test)]\nmod tests { use crate::store; fn f() { if x { } } }\nuse crate::app;",
            &["app"],
        ),
        ("pub(crate) use self::crates::x;", &[]),
    ] {
        let source = Source::new("src/domain/money.rs", text);
        let found: Vec<_> = source.imports().into_iter().map(|(_, name)| name).collect();
        assert_eq!(found, imported, "{text}");
    }
}

struct Source {
    /// From the project's root, as messages show it.
    name: String,
    text: String,
    /// The text with everything blanked that is not code of the product; lines stay where they are.
    code: String,
}

impl Source {
    fn new(name: &str, text: &str) -> Self {
        let code = without_tests(&without_words(text));
        Self { name: name.to_owned(), text: text.to_owned(), code }
    }

    /// `src/store/sql/invoice.rs` and `src/store.rs` are of the layer `store`.
    fn layer(&self) -> &str {
        let path = self.name.trim_start_matches("src/");
        path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// How many `super::` lead from the file's own module to the crate's root.
    fn depth(&self) -> usize {
        let path = self.name.trim_start_matches("src/").trim_end_matches(".rs");
        path.trim_end_matches("/mod").split('/').count()
    }

    /// The first names after the crate's root, with their lines.
    fn imports(&self) -> Vec<(usize, String)> {
        let climb = "super::".repeat(self.depth());
        ["crate::", &climb]
            .iter()
            .flat_map(|root| {
                let starts = self.code.match_indices(root).map(|(at, _)| (at, at + root.len()));
                starts.filter(|(at, _)| !is_inside_a_name(&self.code, *at)).collect::<Vec<_>>()
            })
            .flat_map(|(at, end)| {
                let line = line_of(&self.code, at);
                first_names(&self.code[end..]).into_iter().map(move |name| (line, name))
            })
            .collect()
    }
}

/// All of the product's sources: files that `#[cfg(test)] mod tests;` names are none.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let paths = rust_files::below("src");
    assert!(paths.len() > 10, "the sources are found");
    paths
        .iter()
        .filter(|path| {
            !path.ends_with("tests.rs")
                && !path.components().any(|part| part.as_os_str() == "tests")
        })
        .map(|path| {
            let name = path.strip_prefix(root).unwrap().to_string_lossy();
            Source::new(&name, &fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn is_inside_a_name(code: &str, at: usize) -> bool {
    let before = code[..at].chars().next_back();
    before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == ':')
}

/// `store::Store` begins with `store`; `{domain::{ids, money}, mail}` with `domain` and `mail`.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| {
        let text = text.trim_start();
        let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        text[..end.unwrap_or(text.len())].to_owned()
    };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut depth = 1;
    let mut names = vec![name(group)];
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(name(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Blanks comments, strings and characters.
fn without_words(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let words = comment(rest).or_else(|| string(rest)).or_else(|| character(rest));
        if let Some(length) = words {
            code.push_str(&blank(&rest[..length]));
            rest = &rest[length..];
        } else {
            // A whole name at once, so that the `r` of `for` opens no raw string.
            let end = rest.find(|l: char| !l.is_alphanumeric() && l != '_').unwrap_or(rest.len());
            let (taken, left) = rest.split_at(end.max(letter.len_utf8()));
            code.push_str(taken);
            rest = left;
        }
    }
    code
}

fn blank(text: &str) -> String {
    text.chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }).collect()
}

fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        let rest = &text[at..];
        at += if rest.starts_with("/*") {
            depth += 1;
            2
        } else if rest.starts_with("*/") {
            depth -= 1;
            2
        } else {
            rest.chars().next().map_or(0, char::len_utf8)
        };
        if depth == 0 || at >= text.len() {
            return Some(at);
        }
    }
}

fn string(text: &str) -> Option<usize> {
    let bare = text.strip_prefix(['b', 'c']).unwrap_or(text);
    let prefix = text.len() - bare.len();
    if let Some(raw) = bare.strip_prefix('r') {
        let opening = raw.trim_start_matches('#');
        let hashes = raw.len() - opening.len();
        let closing = format!("\"{}", "#".repeat(hashes));
        let inside = opening.strip_prefix('"')?;
        let end = inside.find(&closing)?;
        return Some(prefix + 1 + hashes + 1 + end + closing.len());
    }
    closed(bare, '"').map(|length| prefix + length)
}

/// A character or byte; `'a` alone is a lifetime.
fn character(text: &str) -> Option<usize> {
    let bare = text.strip_prefix('b').unwrap_or(text);
    let prefix = text.len() - bare.len();
    let mut letters = bare.strip_prefix('\'')?.chars();
    let is_character = letters.next()? == '\\' || letters.next()? == '\'';
    is_character.then(|| closed(bare, '\'')).flatten().map(|length| prefix + length)
}

/// The length of what stands between two `quote`s, both included.
fn closed(text: &str, quote: char) -> Option<usize> {
    let mut letters = text.strip_prefix(quote)?.char_indices();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            return Some(at + 2);
        }
    }
    None
}

/// Blanks modules that only tests see.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = code.to_owned();
    let mut from = 0;
    while let Some(at) = kept[from..].find(MARK).map(|at| from + at) {
        let end = item_end(&kept, at + MARK.len());
        let blank = blank(&kept[at..end]);
        from = at + blank.len();
        kept.replace_range(at..end, &blank);
    }
    kept
}

/// Where the item that begins at `start` ends: at its `;`, or where its braces close.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in code[start..].char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 1 => return start + at + 1,
            '}' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => return start + at + 1,
            _ => {}
        }
    }
    code.len()
}
