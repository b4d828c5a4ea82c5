//! `MerchantsService`.

use rondo::{domain::api_key::Role, grpc::proto::v1};
use rstest::rstest;

use super::{
    ETAG, NO_ETAG, NO_POLICY, POLICY, check, check_as, fields, mask, nowhere, stale, with,
};
use crate::{
    given::{self, other_academy},
    portal::{Portal, key},
    support::Engine::{self, Postgres, Sqlite},
};

const SERVICE: &str = "MerchantsService";
const MERCHANT: &str = "must be a name like merchants/mer_06ew5kkq3hx3d1qj9w2t7m8c0g";
const NOBODY: &str = "merchants/mer_06ew5kkq3hx3d1qj9w2t7m8c0g";

const NAME: &str = "must have 1 to 200 characters, no spaces around them";
const LENGTH: &str = "must have 1 to 200 characters";
const LINE: &str = "must be on one line, without control characters";
const LANGUAGE: &str = "must be a BCP 47 tag like de-AT";
const ZONE: &str = "must be an IANA time zone such as Europe/Berlin";
const GATEWAY: &str = "must be a configured gateway account: live, sandbox, vendor";
const ANOTHER: &str = "must be another than `gateway` and than those before it";
const PREFIX: &str = "must be 1 to 12 capitals and digits, like OA";
const REPLY: &str = "must be an address like help@academy.example";
const LEGAL: &str = "must have at most 1000 characters";
const URL: &str = "must be an address like https://academy.example";

type Spoil = fn(&mut v1::Merchant);

#[rstest]
#[tokio::test]
async fn each_bad_input_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let admin = key(&portal.world, Role::Admin, None).await;
    let v1::Merchant { name: own, etag, .. } = given::merchant(&portal).await;
    let create = |merchant: v1::Merchant| v1::CreateMerchantRequest {
        merchant: Some(merchant),
        ..Default::default()
    };
    let update = |merchant: v1::Merchant| v1::UpdateMerchantRequest {
        merchant: Some(v1::Merchant {
            name: own.clone(),
            etag: if merchant.etag.is_empty() { etag.clone() } else { merchant.etag },
            ..merchant
        }),
        ..Default::default()
    };
    let mut rows = vec![
        fields(
            "CreateMerchant",
            &v1::CreateMerchantRequest::default(),
            &[("merchant", "must be set")],
        ),
        fields(
            "CreateMerchant",
            &create(with(&other_academy(), |m| m.invoice_prefix.clear())),
            &[("merchant.invoice_prefix", PREFIX)],
        ),
        fields(
            "CreateMerchant",
            &create(with(&other_academy(), |m| m.invoice_prefix = "oa-".to_owned())),
            &[("merchant.invoice_prefix", PREFIX)],
        ),
        fields(
            "CreateMerchant",
            &create(with(&other_academy(), |m| m.gateway.clear())),
            &[("merchant.gateway", GATEWAY)],
        ),
        fields(
            "CreateMerchant",
            &create(with(&other_academy(), |m| m.time_zone.clear())),
            &[("merchant.time_zone", ZONE)],
        ),
        fields(
            "CreateMerchant",
            &create(with(&other_academy(), |m| m.dunning_policy = NO_POLICY.to_owned())),
            &[("merchant.dunning_policy", "must be empty: a new merchant has no policies yet")],
        ),
        fields(
            "CreateMerchant",
            &create(with(&other_academy(), |m| {
                m.display_name.clear();
                m.time_zone = "Berlin".to_owned();
            })),
            &[("merchant.display_name", LENGTH), ("merchant.time_zone", ZONE)],
        ),
    ];
    let wrong: [(Spoil, &str, &str); 15] = [
        (|m| m.display_name = " Academy".to_owned(), "merchant.display_name", NAME),
        (|m| m.display_name = "x".repeat(201), "merchant.display_name", LENGTH),
        (|m| m.display_name = "Open\nAcademy".to_owned(), "merchant.display_name", LINE),
        (|m| m.time_zone = "Berlin".to_owned(), "merchant.time_zone", ZONE),
        (|m| m.language_code = "english please".to_owned(), "merchant.language_code", LANGUAGE),
        (|m| m.gateway = "paypal".to_owned(), "merchant.gateway", GATEWAY),
        (
            |m| m.other_gateways = vec!["vendor".to_owned(), "paypal".to_owned()],
            "merchant.other_gateways[1]",
            GATEWAY,
        ),
        (
            |m| m.other_gateways = vec!["vendor".to_owned(); 2],
            "merchant.other_gateways[1]",
            ANOTHER,
        ),
        (|m| m.other_gateways = vec!["sandbox".to_owned()], "merchant.other_gateways[0]", ANOTHER),
        (|m| m.reply_to = "help".to_owned(), "merchant.reply_to", REPLY),
        (
            |m| m.reply_to = "help@academy.example\nBcc: eve@example.net".to_owned(),
            "merchant.reply_to",
            REPLY,
        ),
        (|m| m.legal_lines = "x".repeat(1_001), "merchant.legal_lines", LEGAL),
        (|m| m.portal_url = "http://academy.example".to_owned(), "merchant.portal_url", URL),
        (
            |m| m.portal_url = format!("https://academy.example/{}", "x".repeat(500)),
            "merchant.portal_url",
            URL,
        ),
        (|m| m.dunning_policy = "patient".to_owned(), "merchant.dunning_policy", POLICY),
    ];
    for (spoil, field, told) in wrong {
        let bad = with(&other_academy(), spoil);
        rows.push(fields("CreateMerchant", &create(bad.clone()), &[(field, told)]));
        rows.push(fields("UpdateMerchant", &update(bad), &[(field, told)]));
    }
    let renamed = v1::Merchant { display_name: "Academy".to_owned(), ..Default::default() };
    rows.extend([
        fields(
            "UpdateMerchant",
            &v1::UpdateMerchantRequest::default(),
            &[("merchant", "must be set")],
        ),
        fields(
            "UpdateMerchant",
            &with(&update(renamed.clone()), |r| {
                r.merchant.as_mut().unwrap().name = "academy".to_owned();
            }),
            &[("merchant.name", MERCHANT)],
        ),
        fields(
            "UpdateMerchant",
            &update(v1::Merchant { etag: "7".to_owned(), ..renamed.clone() }),
            &[("merchant.etag", ETAG)],
        ),
        fields(
            "UpdateMerchant",
            &with(&update(renamed.clone()), |r| r.merchant.as_mut().unwrap().etag.clear()),
            &[("merchant.etag", NO_ETAG)],
        ),
        stale(
            "UpdateMerchant",
            &update(v1::Merchant { etag: "\"999\"".to_owned(), ..renamed.clone() }),
            &own,
            &etag,
        ),
        fields(
            "UpdateMerchant",
            &with(&update(renamed.clone()), |r| r.update_mask = mask(&["colour"])),
            &[(
                "update_mask",
                "must name display_name, time_zone, language_code, gateway, other_gateways, \
                 reply_to, legal_lines, portal_url, dunning_policy, or *, not `colour`",
            )],
        ),
        fields(
            "UpdateMerchant",
            &update(v1::Merchant { dunning_policy: NO_POLICY.to_owned(), ..Default::default() }),
            &[("merchant.dunning_policy", "must be one of the merchant's dunning policies")],
        ),
        nowhere(
            "UpdateMerchant",
            &with(&update(renamed), |r| r.merchant.as_mut().unwrap().name = NOBODY.to_owned()),
            NOBODY,
        ),
        fields(
            "GetMerchant",
            &v1::GetMerchantRequest { name: "academy".to_owned() },
            &[("name", MERCHANT)],
        ),
        nowhere("GetMerchant", &v1::GetMerchantRequest { name: NOBODY.to_owned() }, NOBODY),
    ]);
    check_as(&portal, &admin, SERVICE, rows).await;
    let nobody = v1::GetMerchantRequest { name: NOBODY.to_owned() };
    check(&portal, SERVICE, vec![nowhere("GetMerchant", &nobody, NOBODY)]).await;
}
