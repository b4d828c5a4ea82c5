//! `ApiKeysService`.

use rondo::{domain::api_key::Role, grpc::proto::v1};
use rstest::rstest;

use super::{INSTANT, NO_INSTANT, check, check_as, fields, instant, nowhere, with};
use crate::{
    portal::{Portal, key},
    support::Engine::{self, Postgres, Sqlite},
};

const SERVICE: &str = "ApiKeysService";

#[rstest]
#[tokio::test]
async fn each_bad_input_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let good = v1::CreateApiKeyRequest {
        api_key: Some(v1::ApiKey {
            display_name: "portal".to_owned(),
            role: v1::api_key::Role::Merchant.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let bad = |spoil: fn(&mut v1::ApiKey)| with(&good, |r| spoil(r.api_key.as_mut().unwrap()));
    let name = "must have 1 to 200 characters";
    let rows = vec![
        fields("CreateApiKey", &v1::CreateApiKeyRequest::default(), &[("api_key", "must be set")]),
        fields("CreateApiKey", &bad(|k| k.display_name.clear()), &[("api_key.display_name", name)]),
        fields(
            "CreateApiKey",
            &bad(|k| k.display_name = "x".repeat(201)),
            &[("api_key.display_name", name)],
        ),
        fields(
            "CreateApiKey",
            &bad(|k| k.role = 0),
            &[("api_key.role", "must be ADMIN, MERCHANT or READ_ONLY")],
        ),
        fields(
            "CreateApiKey",
            &bad(|k| k.role = v1::api_key::Role::Admin.into()),
            &[("api_key.role", "must not be ADMIN for a key of a merchant")],
        ),
        fields(
            "CreateApiKey",
            &bad(|k| k.expire_time = NO_INSTANT),
            &[("api_key.expire_time", INSTANT)],
        ),
        fields(
            "CreateApiKey",
            &bad(|k| k.expire_time = instant("2026-01-31T12:00:00Z")),
            &[("api_key.expire_time", "must lie in the future")],
        ),
        fields(
            "CreateApiKey",
            &bad(|k| (k.role, k.expire_time) = (0, NO_INSTANT)),
            &[
                ("api_key.role", "must be ADMIN, MERCHANT or READ_ONLY"),
                ("api_key.expire_time", INSTANT),
            ],
        ),
        nowhere(
            "RevokeApiKey",
            &v1::RevokeApiKeyRequest {
                name: "apiKeys/key_06ew5kkq3hx3d1qj9w2t7m8c0g".to_owned(),
                ..Default::default()
            },
            "apiKeys/key_06ew5kkq3hx3d1qj9w2t7m8c0g",
        ),
    ];
    check(&portal, SERVICE, rows).await;

    let admin = key(&portal.world, Role::Admin, None).await;
    let rows = vec![fields(
        "CreateApiKey",
        &good,
        &[(
            "api_key.role",
            "must be ADMIN unless a merchant is named, in the metadata `rondo-merchant`",
        )],
    )];
    check_as(&portal, &admin, SERVICE, rows).await;
}
