//! Tables for people, in one style.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

/// An empty table with these columns.
pub fn table(columns: &[(&str, Column)]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|(name, kind)| Cell::new(name).set_alignment(kind.side())));
    for (place, (_, kind)) in columns.iter().enumerate() {
        if let Some(column) = table.column_mut(place) {
            column.set_cell_alignment(kind.side());
        }
    }
    table
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
