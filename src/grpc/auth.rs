//! Who is calling, and whether they may (RULES KEY-2, AUT-1): asked before anything else, of every
//! call.
//!
//! Health and reflection are open: they tell nothing of any merchant. Everything else needs a key
//! whose role has what the method needs by the table in [`super::permissions`].

use axum::{
    extract::{Request, State},
    http::HeaderMap,
    middleware::Next,
    response::Response,
};
use chrono::TimeDelta;
use prost::Name;
use tonic::Status;

use super::{
    Api,
    errors::{ApiError, of_unread},
    fields,
    permissions::{self, Permission},
};
use crate::{
    domain::{
        api_key::{ApiKey, Role},
        ids::{Id, kind},
    },
    security::keys,
    store::{MerchantId, StoreError},
};

/// The metadata in which an administrator's key names the merchant.
const MERCHANT_HEADER: &str = "rondo-merchant";
/// What answers without a key.
const OPEN: [&str; 2] = ["/grpc.health.v1.", "/grpc.reflection."];
/// How fine the time of last use is kept.
const LAST_USE_GRAIN: TimeDelta = TimeDelta::hours(1);

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The key.
    pub key: Id<kind::ApiKey>,
    /// What it may do.
    pub role: Role,
    /// The merchant it speaks for in this call.
    pub merchant: Option<MerchantId>,
}

impl Caller {
    /// The merchant that the call is about.
    pub fn merchant(&self) -> Result<MerchantId, ApiError> {
        self.merchant.ok_or(ApiError::MerchantUnnamed)
    }

    /// Whether it may do what needs `permission`.
    pub fn has(&self, permission: Permission) -> bool {
        permissions::has(self.role, permission)
    }

    /// On whose behalf it acts, as a word: request ids and page tokens are this one's own.
    pub fn scope(&self) -> String {
        self.merchant.map_or_else(|| "administrators".to_owned(), |merchant| merchant.to_string())
    }
}

/// Who calls, and with what. The only way to read a request, so that each field of each is looked at.
pub fn admitted<T: Name>(request: tonic::Request<T>) -> Result<(Caller, T), ApiError> {
    let caller = request.extensions().get().cloned().ok_or(ApiError::KeyMissing)?;
    let message = request.into_inner();
    fields::check(&message)?;
    Ok((caller, message))
}

/// Lets a request through if its key may make it, and tells the services who calls.
pub async fn guard(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if OPEN.iter().any(|open| path.starts_with(open)) {
        return next.run(request).await;
    }
    match admit(&api, path, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            let response = next.run(request).await;
            // What could not be read never came to a service, whose refusals say all there is to say.
            let unread = Status::from_header_map(response.headers()).as_ref().and_then(of_unread);
            unread.map_or(response, Status::into_http)
        }
        Err(refusal) => Status::from(refusal).into_http(),
    }
}

async fn admit(api: &Api, path: &str, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let key = known_key(api, headers).await?;
    api.limits().call(key.id)?;
    let method = path.to_owned();
    let Some(permission) = permissions::needed(path) else {
        return Err(ApiError::MethodUnknown { method });
    };
    if !permissions::has(key.role, permission) {
        return Err(ApiError::Denied { method, needed: permission });
    }
    let merchant = merchant_of(&key, headers)?;
    note_use(api, &key).await;
    Ok(Caller { key: key.id, role: key.role, merchant })
}

async fn known_key(api: &Api, headers: &HeaderMap) -> Result<ApiKey, ApiError> {
    let header = headers.get("authorization").ok_or(ApiError::KeyMissing)?;
    let text = header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, text)| text.trim())
        .ok_or(ApiError::KeyMissing)?;
    // A mistyped key fails its checksum, without a look at the database.
    let digest = keys::ApiKey::parse(text).map_err(|_| ApiError::KeyUnknown)?.digest();
    let mut repo = api.store().snapshot().await?;
    let found = repo.api_key_by_hash(*digest.as_bytes()).await?;
    // The database finds by the hash; the comparison in constant time is ours.
    let key = found
        .filter(|key| keys::KeyDigest::from_bytes(key.hash) == digest)
        .ok_or(ApiError::KeyUnknown)?;
    if key.revoked_at.is_some() {
        Err(ApiError::KeyRevoked)
    } else if key.expires_at.is_some_and(|expiry| expiry <= api.now()) {
        Err(ApiError::KeyExpired)
    } else {
        Ok(key)
    }
}

fn merchant_of(key: &ApiKey, headers: &HeaderMap) -> Result<Option<MerchantId>, ApiError> {
    let named = headers
        .get(MERCHANT_HEADER)
        .map(|value| {
            let text = value.to_str().map_err(|_| ApiError::MerchantUnreadable)?;
            let text = text.strip_prefix("merchants/").unwrap_or(text);
            text.parse::<MerchantId>().map_err(|_| ApiError::MerchantUnreadable)
        })
        .transpose()?;
    match (key.merchant, named) {
        (Some(own), Some(named)) if own != named => Err(ApiError::MerchantForeign { own }),
        (Some(own), _) => Ok(Some(own)),
        (None, named) => Ok(named),
    }
}

/// Notes that the key was used, once an hour at most. A call does not fail for that.
async fn note_use(api: &Api, key: &ApiKey) {
    let now = api.now();
    if key.last_used_at.is_some_and(|last| now - last < LAST_USE_GRAIN) {
        return;
    }
    let noted = async {
        let mut repo = api.store().begin().await?;
        repo.touch_api_key(key.id, now).await?;
        repo.commit().await
    };
    if let Err(error) = noted.await {
        let error: StoreError = error;
        tracing::warn!(key = %key.id, error = &error as &dyn std::error::Error, "could not note the use of a key");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ids::Mint, version::Version};

    fn key(merchant: Option<MerchantId>) -> ApiKey {
        let mint = Mint::seeded([5; 32]);
        ApiKey {
            id: mint.id(chrono::DateTime::UNIX_EPOCH),
            merchant,
            role: if merchant.is_some() { Role::Merchant } else { Role::Admin },
            name: "portal".to_owned(),
            shown_prefix: "rk_live_3f7k…".to_owned(),
            hash: [0; 32],
            created_at: chrono::DateTime::UNIX_EPOCH,
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
            version: Version::NEW,
        }
    }

    fn naming(merchant: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            axum::http::HeaderName::from_static(MERCHANT_HEADER),
            merchant.parse().unwrap(),
        )])
    }

    #[test]
    fn an_administrator_names_the_merchant_and_a_merchant_only_itself() {
        let mint = Mint::seeded([6; 32]);
        let [own, other]: [MerchantId; 2] =
            [(), ()].map(|()| mint.id(chrono::DateTime::UNIX_EPOCH));
        let none = HeaderMap::new();
        let of = |key: &ApiKey, headers: &HeaderMap| {
            merchant_of(key, headers).map_err(|refusal| Status::from(refusal).code())
        };

        assert_eq!(of(&key(Some(own)), &none), Ok(Some(own)));
        assert_eq!(of(&key(Some(own)), &naming(&own.to_string())), Ok(Some(own)));
        let foreign = of(&key(Some(own)), &naming(&other.to_string()));
        assert_eq!(foreign, Err(tonic::Code::PermissionDenied));

        assert_eq!(of(&key(None), &none), Ok(None));
        assert_eq!(of(&key(None), &naming(&other.to_string())), Ok(Some(other)));
        assert_eq!(of(&key(None), &naming(&format!("merchants/{other}"))), Ok(Some(other)));
        assert_eq!(of(&key(None), &naming("academy")), Err(tonic::Code::InvalidArgument));
    }
}
