//! Pages of lists (RULES API-6): how many, from where on, and the token of what follows.
//!
//! A token is signed and names the list that it belongs to: method, merchant and filters. It grants
//! nothing; who may list is decided by the call that brings it.

use chrono::{DateTime, TimeDelta, Utc};
use ring::digest::{Context, SHA256};

use crate::{
    app::{AppError, Result},
    domain::ids::{Id, Kind},
    security::links::{BadLink, LinkKey, Purpose},
    store::Page,
};

const DEFAULT_SIZE: usize = 50;
const SIZE_MAX: usize = 1_000;
const TOKEN_DAYS: i64 = 3;
const LIST_BYTES: usize = 16;

/// Where a row stands in its list.
pub trait Position: Sized {
    /// As a token carries it.
    fn to_bytes(&self) -> Vec<u8>;

    /// Reads it back.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl<K: Kind> Position for Id<K> {
    fn to_bytes(&self) -> Vec<u8> {
        self.uuid().into_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        uuid::Uuid::from_slice(bytes).ok().map(Self::from_uuid)
    }
}

/// A sequence number.
impl Position for i64 {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

/// What names a list: pages of one are no pages of another.
#[derive(Debug)]
pub struct List<'a> {
    key: &'a LinkKey,
    now: DateTime<Utc>,
    digest: [u8; LIST_BYTES],
}

impl<'a> List<'a> {
    /// The list that `method` gives to `scope` (a merchant's id, or another word) with `filter`:
    /// the request, encoded without its page's size and token.
    pub fn new(
        key: &'a LinkKey,
        now: DateTime<Utc>,
        method: &str,
        scope: &str,
        filter: &[u8],
    ) -> Self {
        let mut context = Context::new(&SHA256);
        for part in [method.as_bytes(), scope.as_bytes(), filter] {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let digest = context.finish().as_ref()[..LIST_BYTES].try_into().expect("SHA-256 is longer");
        Self { key, now, digest }
    }

    /// The page that a request asks for.
    pub fn page<P: Position>(&self, size: i32, token: &str) -> Result<Wanted<'_, 'a, P>> {
        let limit = match usize::try_from(size) {
            Ok(0) => DEFAULT_SIZE,
            Ok(size) => size.min(SIZE_MAX),
            Err(_) => return Err(AppError::invalid("page_size", "must not be negative")),
        };
        let after = if token.is_empty() { None } else { Some(self.position(token)?) };
        Ok(Wanted { list: self, limit, after })
    }

    fn position<P: Position>(&self, token: &str) -> Result<P> {
        let payload =
            self.key.verify(Purpose::PageToken, token, self.now).map_err(|bad| match bad {
                BadLink::Expired { .. } => {
                    AppError::invalid("page_token", "must be less than three days old; begin again")
                }
                BadLink::Forged => {
                    AppError::invalid("page_token", "must be one that Rondo gave out")
                }
            })?;
        let (digest, position) = payload.split_at_checked(LIST_BYTES).unwrap_or_default();
        P::from_bytes(position).filter(|_| digest == self.digest).ok_or_else(|| {
            AppError::invalid(
                "page_token",
                "must come with the filters of the page that gave it out",
            )
        })
    }

    fn token(&self, last: &impl Position) -> String {
        let payload = [&self.digest[..], &last.to_bytes()].concat();
        self.key.sign(Purpose::PageToken, &payload, self.now + TimeDelta::days(TOKEN_DAYS))
    }
}

/// A page that is asked for.
#[derive(Debug)]
pub struct Wanted<'l, 'a, P> {
    list: &'l List<'a>,
    limit: usize,
    after: Option<P>,
}

impl<P: Position + Copy> Wanted<'_, '_, P> {
    /// What was last seen.
    pub fn after(&self) -> Option<P> {
        self.after
    }

    /// How many rows to read: one more than fit, to know whether others follow.
    pub fn to_read(&self) -> usize {
        self.limit + 1
    }

    /// The rows that fit, and the token of the next page, which is empty at the end.
    pub fn cut<T>(&self, mut rows: Vec<T>, position: impl Fn(&T) -> P) -> (Vec<T>, String) {
        if rows.len() <= self.limit {
            return (rows, String::new());
        }
        rows.truncate(self.limit);
        let token = rows.last().map(|last| self.list.token(&position(last))).unwrap_or_default();
        (rows, token)
    }

    /// The page of a list that is read whole, in ascending order of its positions.
    pub fn of_whole<T>(&self, rows: Vec<T>, position: impl Fn(&T) -> P) -> (Vec<T>, String)
    where
        P: Ord,
    {
        let is_after = |row: &T| self.after.is_none_or(|after| position(row) > after);
        let rest = rows.into_iter().filter(is_after).take(self.to_read()).collect();
        self.cut(rest, position)
    }
}

impl<K: Kind> Wanted<'_, '_, Id<K>> {
    /// The page, as the store is asked for it.
    pub fn to_page(&self) -> Page<K> {
        Page { after: self.after, limit: self.to_read() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::ids::kind;

    fn now() -> DateTime<Utc> {
        "2026-01-31T00:00:00Z".parse().unwrap()
    }

    fn key() -> LinkKey {
        LinkKey::from_secret(&[3; 32])
    }

    fn list<'a>(key: &'a LinkKey, filter: &[u8]) -> List<'a> {
        List::new(key, now(), "/rondo.v1.PlansService/ListPlans", "mer_1", filter)
    }

    #[test]
    fn walking_the_pages_sees_every_row_once() {
        let key = key();
        let list = list(&key, b"");
        let rows: Vec<i64> = (1..=125).collect();
        for size in [0, 1, 7, 124, 125, 126, i32::MAX] {
            let (mut seen, mut token) = (Vec::new(), String::new());
            loop {
                let wanted = list.page::<i64>(size, &token).unwrap();
                let (mut page, next) = wanted.of_whole(rows.clone(), |row| *row);
                seen.append(&mut page);
                token = next;
                if token.is_empty() {
                    break;
                }
            }
            assert_eq!(seen, rows, "{size}");
        }
    }

    #[test]
    fn a_page_has_50_rows_unless_told_and_never_more_than_1000() {
        let key = key();
        let list = list(&key, b"");
        for (size, limit) in [(0, 50), (1, 1), (1_000, 1_000), (1_001, 1_000)] {
            assert_eq!(list.page::<i64>(size, "").unwrap().to_read(), limit + 1);
        }
        let refusal = list.page::<i64>(-1, "").unwrap_err();
        assert_eq!(refusal.to_string(), "page_size must not be negative");
    }

    #[test]
    fn a_token_is_good_for_its_own_list_and_for_three_days() {
        let key = key();
        let id = Id::<kind::Plan>::from_uuid(uuid::Uuid::from_u128(7));
        let token = list(&key, b"active").token(&id);
        let read = |list: &List<'_>, token: &str| {
            list.page::<Id<kind::Plan>>(0, token)
                .map(|wanted| wanted.after())
                .map_err(|refusal| refusal.to_string())
        };
        assert_eq!(read(&list(&key, b"active"), &token), Ok(Some(id)));

        let other_list = read(&list(&key, b"retired"), &token).unwrap_err();
        assert!(other_list.contains("with the filters of the page"), "{other_list}");
        let later = List { now: now() + TimeDelta::days(3), ..list(&key, b"active") };
        let too_late = read(&later, &token).unwrap_err();
        assert!(too_late.contains("less than three days old"), "{too_late}");
        let other_key = LinkKey::from_secret(&[4; 32]);
        let forged = read(&list(&other_key, b"active"), &token).unwrap_err();
        assert!(forged.contains("one that Rondo gave out"), "{forged}");
        let other_kind = list(&key, b"active").page::<i64>(0, &token).unwrap_err();
        assert!(other_kind.to_string().contains("with the filters"));
    }

    proptest! {
        #[test]
        fn no_token_makes_it_panic(token: String) {
            let key = key();
            prop_assert!(list(&key, b"").page::<i64>(0, &token).is_ok() == token.is_empty());
        }
    }
}
