//! API keys: never the key itself, but where it is made.

use super::time;
use crate::{
    app::{AppError, Result, api_keys::NewApiKey},
    domain::api_key::{ApiKey, Role},
    grpc::{
        faults::Faults,
        names,
        proto::v1::{self, api_key},
    },
    store::MerchantId,
};

/// A key as the API writes it.
pub fn api_key(key: &ApiKey) -> v1::ApiKey {
    v1::ApiKey {
        name: names::name(key.id),
        uid: key.id.uuid().to_string(),
        display_name: key.name.clone(),
        role: role(key.role).into(),
        merchant: names::optional_name(key.merchant),
        shown_prefix: key.shown_prefix.clone(),
        expire_time: key.expires_at.map(time::timestamp),
        last_use_time: key.last_used_at.map(time::timestamp),
        revoke_time: key.revoked_at.map(time::timestamp),
        etag: key.version.to_string(),
        create_time: Some(time::timestamp(key.created_at)),
    }
}

/// The key that a request wants to be made for `merchant`, or for administrators.
pub fn new_api_key(told: &v1::ApiKey, merchant: Option<MerchantId>) -> Result<NewApiKey> {
    let mut faults = Faults::new();
    let role = faults.keep(match told.role() {
        api_key::Role::Admin => Ok(Role::Admin),
        api_key::Role::Merchant => Ok(Role::Merchant),
        api_key::Role::ReadOnly => Ok(Role::ReadOnly),
        api_key::Role::Unspecified => {
            Err(AppError::invalid("api_key.role", "must be ADMIN, MERCHANT or READ_ONLY"))
        }
    });
    let expiry = faults.keep(time::optional_instant("api_key.expire_time", told.expire_time));
    let name = told.display_name.clone();
    faults.finish(role.zip(expiry).map(|(role, expires_at)| NewApiKey {
        name,
        role,
        merchant,
        expires_at,
    }))
}

fn role(role: Role) -> api_key::Role {
    match role {
        Role::Admin => api_key::Role::Admin,
        Role::Merchant => api_key::Role::Merchant,
        Role::ReadOnly => api_key::Role::ReadOnly,
    }
}
