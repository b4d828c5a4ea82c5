//! Statements: SQL as prose, in which only words of the dialect are ever filled in.

use std::sync::OnceLock;

use super::{super::dialect, table::CellKind};

/// A statement, written for both engines. In braces stand what the engines call differently:
///
/// - `{payment}`: the columns of the table `payment`;
/// - `{rows $2}`: the rows of a JSON array of arrays, and `{id 0}`, `{text 0}`, `{int 1}`, `{time 2}`
///   their cells;
/// - `{month issued_at}`: the first day of an instant's month, UTC, as text;
/// - `{skip_locked}`: locks what is read and passes over what others have locked.
pub struct Statement {
    template: &'static str,
    text: OnceLock<&'static str>,
}

impl Statement {
    /// A statement from its template.
    pub const fn new(template: &'static str) -> Self {
        Self { template, text: OnceLock::new() }
    }

    /// The text for this engine.
    pub fn text(&self) -> &'static str {
        self.text.get_or_init(|| spelled_out(self.template).leak())
    }
}

/// Names statements, and lists them for the test that prepares each.
macro_rules! statements {
    ($($(#[$comment:meta])* $name:ident = $template:literal;)*) => {
        $($(#[$comment])*
        static $name: Statement = Statement::new($template);)*

        /// All statements of this file.
        pub static STATEMENTS: &[&Statement] = &[$(&$name),*];
    };
}
pub(super) use statements;

fn spelled_out(template: &str) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (word, after) = after.split_once('}').expect("each brace of a template is closed");
        text.push_str(before);
        text.push_str(&spelled(word));
        rest = after;
    }
    text + rest
}

fn spelled(word: &str) -> String {
    let place = |text: &str| text.parse().expect("cells are counted from 0");
    match word.split_once(' ') {
        Some(("rows", bind)) => dialect::rows(bind),
        Some(("id", cell)) => dialect::cell(CellKind::Id, place(cell)),
        Some(("text", cell)) => dialect::cell(CellKind::Text, place(cell)),
        Some(("int", cell)) => dialect::cell(CellKind::Int, place(cell)),
        Some(("time", cell)) => dialect::cell(CellKind::Time, place(cell)),
        Some(("month", time)) => dialect::month(time),
        Some((other, _)) => unreachable!("no word of the dialect: {other}"),
        None if word == "skip_locked" => dialect::SKIP_LOCKED.to_owned(),
        None => super::columns_of(word).to_owned(),
    }
}
