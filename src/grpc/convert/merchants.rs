//! Merchants.

use super::{optional, time};
use crate::{
    app::{
        Result,
        merchants::{MerchantTerms, MerchantUpdate},
    },
    domain::merchant::Merchant,
    grpc::{masks::Mask, names, proto::v1},
};

/// A merchant as the API writes it.
pub fn merchant(merchant: &Merchant) -> v1::Merchant {
    v1::Merchant {
        name: names::name(merchant.id),
        uid: merchant.id.uuid().to_string(),
        display_name: merchant.name.clone(),
        time_zone: merchant.zone.name().to_owned(),
        language_code: merchant.locale.clone(),
        gateway: merchant.gateway.clone(),
        other_gateways: merchant.other_gateways.clone(),
        invoice_prefix: merchant.invoice_prefix.clone(),
        reply_to: merchant.reply_to.clone().unwrap_or_default(),
        legal_lines: merchant.legal_lines.clone(),
        portal_url: merchant.portal_url.clone().unwrap_or_default(),
        dunning_policy: names::optional_name(merchant.dunning_policy),
        test_clock: names::optional_name(merchant.test_clock.map(|clock| clock.id)),
        etag: merchant.version.to_string(),
        create_time: Some(time::timestamp(merchant.created_at)),
    }
}

/// What a request wants a merchant to be.
pub fn merchant_terms(told: &v1::Merchant) -> Result<MerchantTerms> {
    let locale = optional(&told.language_code).unwrap_or_else(|| "en".to_owned());
    Ok(MerchantTerms {
        name: told.display_name.clone(),
        zone: told.time_zone.clone(),
        locale,
        gateway: told.gateway.clone(),
        other_gateways: told.other_gateways.clone(),
        invoice_prefix: told.invoice_prefix.clone(),
        reply_to: optional(&told.reply_to),
        legal_lines: told.legal_lines.clone(),
        portal_url: optional(&told.portal_url),
        dunning_policy: names::optional_id("merchant.dunning_policy", &told.dunning_policy)?,
    })
}

/// What a request wants to be changed of a merchant.
pub fn merchant_update(
    told: &v1::Merchant,
    request: &v1::UpdateMerchantRequest,
) -> Result<MerchantUpdate> {
    let mask = Mask::read(
        request.update_mask.as_ref(),
        &[
            ("display_name", !told.display_name.is_empty()),
            ("time_zone", !told.time_zone.is_empty()),
            ("language_code", !told.language_code.is_empty()),
            ("gateway", !told.gateway.is_empty()),
            ("other_gateways", !told.other_gateways.is_empty()),
            ("reply_to", !told.reply_to.is_empty()),
            ("legal_lines", !told.legal_lines.is_empty()),
            ("portal_url", !told.portal_url.is_empty()),
            ("dunning_policy", !told.dunning_policy.is_empty()),
        ],
        &["name", "uid", "invoice_prefix", "test_clock", "etag", "create_time"],
    )?;
    let whole = merchant_terms(told)?;
    Ok(MerchantUpdate {
        name: mask.pick("display_name", whole.name),
        zone: mask.pick("time_zone", whole.zone),
        locale: mask.pick("language_code", whole.locale),
        gateway: mask.pick("gateway", whole.gateway),
        other_gateways: mask.pick("other_gateways", whole.other_gateways),
        reply_to: mask.pick("reply_to", whole.reply_to),
        legal_lines: mask.pick("legal_lines", whole.legal_lines),
        portal_url: mask.pick("portal_url", whole.portal_url),
        dunning_policy: mask.pick("dunning_policy", whole.dunning_policy),
    })
}
