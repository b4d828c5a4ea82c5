//! Field masks (RULES API-5): which fields of a resource an update is about.
//!
//! No mask means the fields that are set, `*` means all of them; what only Rondo writes is passed
//! over, and what does not exist is refused.

use std::collections::BTreeSet;

use prost_types::FieldMask;

use crate::app::{AppError, Result};

/// How much of a path that does not exist is told again.
const PATH_SHOWN_CHARS: usize = 50;

/// The fields that an update is about.
#[derive(Debug, PartialEq, Eq)]
pub struct Mask(BTreeSet<&'static str>);

/// A field that an update can change, and whether the request sets it.
pub type Writable = (&'static str, bool);

impl Mask {
    /// Reads a mask for a resource with these fields. Naming a message names all fields within it
    /// that are written with a point, for example `terms` names `terms.interval`.
    pub fn read(
        mask: Option<&FieldMask>,
        writable: &[Writable],
        output_only: &[&str],
    ) -> Result<Self> {
        let Some(mask) = mask.filter(|mask| !mask.paths.is_empty()) else {
            let set = writable.iter().filter(|(_, is_set)| *is_set).map(|(path, _)| *path);
            return Ok(Self(set.collect()));
        };
        let mut named = BTreeSet::new();
        for path in mask.paths.iter().map(|path| path.trim()) {
            let before = named.len();
            let covered = writable
                .iter()
                .map(|(known, _)| *known)
                .filter(|known| path == "*" || path == *known || is_within(known, path));
            named.extend(covered);
            let is_known = named.len() > before
                || named.contains(path)
                || output_only.contains(&path)
                || writable.iter().any(|(known, _)| is_within(known, path));
            if !is_known {
                let known: Vec<_> = writable.iter().map(|(known, _)| *known).collect();
                let path: String = path.chars().take(PATH_SHOWN_CHARS).collect();
                let message = format!("must name {}, or *, not `{path}`", known.join(", "));
                return Err(AppError::invalid("update_mask", message));
            }
        }
        Ok(Self(named))
    }

    /// Whether the update is about this field.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains(path)
    }

    /// `value`, if the update is about this field.
    pub fn pick<T>(&self, path: &str, value: T) -> Option<T> {
        self.has(path).then_some(value)
    }
}

fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Writable] =
        &[("display_name", true), ("terms.interval", false), ("terms.trial_days", true)];

    fn read(paths: Option<&[&str]>) -> Result<Vec<&'static str>> {
        let mask =
            paths.map(|paths| FieldMask { paths: paths.iter().map(ToString::to_string).collect() });
        Mask::read(mask.as_ref(), FIELDS, &["name", "etag"])
            .map(|mask| mask.0.into_iter().collect())
    }

    #[test]
    fn a_mask_names_what_it_covers() {
        for (paths, named) in [
            (None, vec!["display_name", "terms.trial_days"]),
            (Some(&[][..]), vec!["display_name", "terms.trial_days"]),
            (Some(&["*"][..]), vec!["display_name", "terms.interval", "terms.trial_days"]),
            (Some(&["terms"][..]), vec!["terms.interval", "terms.trial_days"]),
            (Some(&["terms.interval", "terms"][..]), vec!["terms.interval", "terms.trial_days"]),
            (Some(&["display_name", "display_name"][..]), vec!["display_name"]),
            (Some(&["name", "etag"][..]), vec![]),
        ] {
            assert_eq!(read(paths).unwrap(), named, "{paths:?}");
        }
    }

    #[test]
    fn an_unknown_path_is_refused_with_those_that_are_known() {
        for path in ["colour", "", "terms.", "term", "display_name.x", "**"] {
            let refusal = read(Some(&[path])).unwrap_err().to_string();
            assert_eq!(
                refusal,
                format!(
                    "update_mask must name display_name, terms.interval, terms.trial_days, or *, \
                     not `{path}`"
                )
            );
        }
    }
}
