//! What commands print: lines that survive a closed pipe, and tables in one style.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Row, Table, TableComponent, presets};
use console::Term;

/// Prints a line to standard output. Whoever closed the pipe (`| head`) has read enough; any other
/// failure is told.
pub fn say(line: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Prints what is shown this once to standard output, and says so on standard error: as its heading,
/// or where to find it if it goes elsewhere than to the reader.
pub fn say_secret(what: &str, secret: &str) -> io::Result<()> {
    if io::stdout().is_terminal() {
        eprintln!("{what}, shown this once:");
    } else {
        eprintln!("{what}, shown this once, is on standard output.");
    }
    say(secret)
}

/// Prints a table, as wide as it is where nobody reads it from a terminal.
pub fn show_table(table: &Table) -> io::Result<()> {
    let terminal = Term::stdout();
    let width = terminal.is_term().then(|| terminal.size_checked()).flatten();
    say(fitted(table, width.map(|(_, columns)| columns.into())))
}

/// A table, or a paragraph for each of its rows where it is wider than the terminal: a row that wraps
/// is hard to read, and an id in two pieces cannot be copied.
fn fitted(table: &Table, width: Option<usize>) -> String {
    let drawn = table.to_string();
    let is_wider = |width| drawn.lines().any(|line| line.chars().count() > width);
    let Some(header) = table.header().filter(|_| width.is_some_and(is_wider)) else { return drawn };
    let names: Vec<_> = header.cell_iter().map(Cell::content).collect();
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let paragraph = |row: &Row| {
        let cells = names.iter().zip(row.cell_iter());
        let lines = cells.map(|(name, cell)| format!("{name:longest$}  {}\n", cell.content()));
        lines.collect::<String>()
    };
    table.row_iter().map(paragraph).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Words, to the left.
    Words,
    /// Figures, to the right.
    Figures,
}

impl Column {
    const fn side(self) -> CellAlignment {
        match self {
            Self::Words => CellAlignment::Left,
            Self::Figures => CellAlignment::Right,
        }
    }
}

/// An empty table with these columns.
pub fn table(columns: &[(&str, Column)]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    for between_rows in [
        TableComponent::HorizontalLines,
        TableComponent::MiddleIntersections,
        TableComponent::LeftBorderIntersections,
        TableComponent::RightBorderIntersections,
    ] {
        table.remove_style(between_rows);
    }
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|(name, kind)| Cell::new(name).set_alignment(kind.side())));
    for (place, (_, kind)) in columns.iter().enumerate() {
        if let Some(column) = table.column_mut(place) {
            column.set_cell_alignment(kind.side());
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_wider_than_the_terminal_becomes_paragraphs() {
        let mut keys = table(&["id", "begins with"].map(|name| (name, Column::Words)));
        keys.add_row(["key_06ew5kkq3hx3d1qj9w2t7m8c0g", "rk_live_ab"]);
        keys.add_row(["key_07ew5kkq3hx3d1qj9w2t7m8c0g", "rk_live_cd"]);
        let drawn = keys.to_string();
        assert_eq!(fitted(&keys, None), drawn);
        assert_eq!(fitted(&keys, Some(80)), drawn);
        let told = "id           key_06ew5kkq3hx3d1qj9w2t7m8c0g\n\
                    begins with  rk_live_ab\n\n\
                    id           key_07ew5kkq3hx3d1qj9w2t7m8c0g\n\
                    begins with  rk_live_cd";
        assert_eq!(fitted(&keys, Some(40)), told);
    }
}
