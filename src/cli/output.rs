//! What commands print: lines that survive a closed pipe, and tables in one style.

use std::{
    fmt::Display,
    io::{self, Write},
};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, TableComponent, presets};

/// Prints a line to standard output. Whoever closed the pipe (`| head`) has read enough; any other
/// failure is told.
pub fn say(line: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
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
