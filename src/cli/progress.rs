//! How far a long command is: a bar on standard error, if that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of `length` steps. Draws nothing where nobody looks.
pub fn bar(length: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:>12} {bar:32} {pos}/{len} {msg}")
        .expect("the template is written with care");
    ProgressBar::new(length).with_style(style).with_prefix(what.to_owned())
}
