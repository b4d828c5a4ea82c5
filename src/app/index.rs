//! What a batch has read, by id.

use std::collections::BTreeMap;

use crate::domain::ids::Id;

/// The ids that a batch refers to, each once.
pub(super) fn ids_of<T, K>(rows: &[T], id: impl Fn(&T) -> Id<K>) -> Vec<Id<K>> {
    let mut ids: Vec<_> = rows.iter().map(id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// What was read, by id.
pub(super) fn by_id<T, K>(rows: Vec<T>, id: impl Fn(&T) -> Id<K>) -> BTreeMap<Id<K>, T> {
    rows.into_iter().map(|row| (id(&row), row)).collect()
}
