//! API keys: making, listing and taking back (RULES KEY-2). The key itself is told once, to whoever
//! made it; what is kept is its hash.

use chrono::{DateTime, Utc};

use super::{AppError, Result, Violation, line};
use crate::{
    domain::{
        api_key::{ApiKey, Role},
        changes::Changes,
        ids::{Id, Mint, kind},
        version::Version,
    },
    security::keys::{self, Mode},
    store::{MerchantId, Repository},
};

const NAME_MAX_CHARS: usize = 200;

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// What staff call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The merchant it speaks for; none for an administrator's.
    pub merchant: Option<MerchantId>,
    /// When it stops working by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Makes a key, in the world's time `now`: what is kept, and the key itself, which is never seen
/// again. Keys of merchants on a test clock say so in their prefix.
pub async fn create_api_key(
    repo: &mut dyn Repository,
    mint: &Mint,
    now: DateTime<Utc>,
    new: NewApiKey,
) -> Result<(ApiKey, keys::ApiKey)> {
    check(&new, now)?;
    let mode = match new.merchant {
        None => Mode::Live,
        Some(id) => {
            let merchant = repo.merchant(id).await?.ok_or_else(|| AppError::not_found(id))?;
            merchant.test_clock.map_or(Mode::Live, |_| Mode::Test)
        }
    };
    let secret = keys::ApiKey::mint(mode, mint);
    let key = ApiKey {
        id: mint.id(now),
        merchant: new.merchant,
        role: new.role,
        name: new.name.trim().to_owned(),
        shown_prefix: secret.hint(),
        hash: *secret.digest().as_bytes(),
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
        revoked_at: None,
        version: Version::NEW,
    };
    let id = key.id;
    write(repo, key).await?;
    Ok((api_key(repo, new.merchant, id).await?, secret))
}

/// Takes a key back, of the merchant or of the administrators. Taking it back again changes nothing.
/// `seen` is the version that the caller has read, if they told it.
pub async fn revoke_api_key(
    repo: &mut dyn Repository,
    now: DateTime<Utc>,
    merchant: Option<MerchantId>,
    id: Id<kind::ApiKey>,
    seen: Option<Version>,
) -> Result<ApiKey> {
    let mut key = api_key(repo, merchant, id).await?;
    AppError::check_etag(id, seen, key.version)?;
    if key.revoked_at.is_none() {
        key.revoked_at = Some(now);
        write(repo, key).await?;
    }
    api_key(repo, merchant, id).await
}

/// A key of the merchant, or of the administrators, or that there is none.
pub async fn api_key(
    repo: &mut dyn Repository,
    merchant: Option<MerchantId>,
    id: Id<kind::ApiKey>,
) -> Result<ApiKey> {
    let found = repo.api_key(id).await?.filter(|key| key.merchant == merchant);
    found.ok_or_else(|| AppError::not_found(id))
}

async fn write(repo: &mut dyn Repository, key: ApiKey) -> Result<()> {
    Ok(repo.write(Changes { api_keys: vec![key], ..Changes::default() }).await?)
}

fn check(new: &NewApiKey, now: DateTime<Utc>) -> Result<()> {
    let mut faults = Vec::new();
    let mut fault = |field: &str, message: String| {
        faults.push(Violation { field: format!("api_key.{field}"), message });
    };
    if let Some(message) = line::fault(&new.name, NAME_MAX_CHARS) {
        fault("display_name", message);
    }
    match (new.role, new.merchant) {
        (Role::Admin, Some(_)) => {
            fault("role", "must not be ADMIN for a key of a merchant".to_owned());
        }
        (Role::Merchant | Role::ReadOnly, None) => fault(
            "role",
            "must be ADMIN unless a merchant is named, in the metadata `rondo-merchant`".to_owned(),
        ),
        (Role::Admin, None) | (Role::Merchant | Role::ReadOnly, Some(_)) => {}
    }
    if new.expires_at.is_some_and(|expiry| expiry <= now) {
        fault("expire_time", "must lie in the future".to_owned());
    }
    if faults.is_empty() { Ok(()) } else { Err(AppError::Invalid(faults)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_merchants_or_an_administrators() {
        let now = DateTime::UNIX_EPOCH;
        let mint = Mint::seeded([1; 32]);
        let merchant: MerchantId = mint.id(now);
        for (role, merchant, is_right) in [
            (Role::Admin, None, true),
            (Role::Merchant, Some(merchant), true),
            (Role::ReadOnly, Some(merchant), true),
            (Role::Admin, Some(merchant), false),
            (Role::Merchant, None, false),
            (Role::ReadOnly, None, false),
        ] {
            let new = NewApiKey { name: "portal".to_owned(), role, merchant, expires_at: None };
            assert_eq!(check(&new, now).is_ok(), is_right, "{role:?} {merchant:?}");
        }
    }
}
