//! Lists for people: a merchant's objects, narrowed, page by page.

use std::{borrow::Cow, marker::PhantomData};

use sqlx::QueryBuilder;

use super::{
    super::{Connection, Db},
    row::{self, Stored},
};
use crate::{
    domain::{
        ids::{Id, Kind},
        labels::Labels,
    },
    store::{MerchantId, Page, Result},
};

/// A list of a merchant's `T`s.
pub struct List<T> {
    query: QueryBuilder<Db>,
    of: PhantomData<T>,
}

impl<T: Stored> List<T> {
    /// All of a merchant's.
    pub fn of(merchant: MerchantId) -> Self {
        let table = T::table();
        let mut query = QueryBuilder::new("select ");
        query.push(table.column_list()).push(" from ").push(table.name);
        query.push(" where merchant_id = ").push_bind(merchant.uuid());
        Self { query, of: PhantomData }
    }

    /// Only those of which `condition` holds.
    pub fn only(&mut self, condition: &'static str) -> &mut Self {
        self.query.push(" and ").push(condition);
        self
    }

    /// Only those that have this id in `column`, if one is given.
    pub fn with_id<K: Kind>(&mut self, column: &'static str, id: Option<Id<K>>) -> &mut Self {
        if let Some(id) = id {
            self.query.push(" and ").push(column).push(" = ").push_bind(id.uuid());
        }
        self
    }

    /// Only those whose `column` is above `floor`.
    pub fn above(&mut self, column: &'static str, floor: i64) -> &mut Self {
        self.query.push(" and ").push(column).push(" > ").push_bind(floor);
        self
    }

    /// Only those whose `column` is one of `names`, if any are given.
    pub fn among(&mut self, column: &'static str, names: Vec<Cow<'static, str>>) -> &mut Self {
        if !names.is_empty() {
            self.query.push(" and ").push(column).push(" in (");
            let mut list = self.query.separated(", ");
            for name in names {
                list.push_bind(name.into_owned());
            }
            self.query.push(")");
        }
        self
    }

    /// Only those that bear all of these labels, each with its value.
    pub fn bearing(&mut self, labels: &Labels) -> &mut Self {
        for (key, value) in labels.words() {
            self.query.push(" and labels ->> ").push_bind(key.clone());
            self.query.push(" = ").push_bind(value.clone());
        }
        self
    }

    /// A page in the order of ids.
    pub async fn page(
        &mut self,
        connection: &mut Connection,
        page: Page<T::Kind>,
    ) -> Result<Vec<T>> {
        if let Some(after) = page.after {
            self.query.push(" and ").push(T::ID).push(" > ").push_bind(after.uuid());
        }
        self.ordered_by(connection, T::ID, page.limit).await
    }

    /// The first `limit` in the order of `column`.
    pub async fn ordered_by(
        &mut self,
        connection: &mut Connection,
        column: &'static str,
        limit: usize,
    ) -> Result<Vec<T>> {
        self.query.push(" order by ").push(column).push(" limit ").push_bind(row::limit(limit));
        row::all(connection, self.query.build()).await
    }
}
