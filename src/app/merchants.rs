//! Merchants: making and changing those who bill through this installation.

use chrono::{DateTime, Utc};

use super::{
    AppError, Result, Rondo, Violation, accounts,
    customers::{ZONE, is_language_tag},
    dunning, line,
};
use crate::{
    domain::{
        calendar::Zone,
        changes::Changes,
        ids::{Id, kind},
        merchant::Merchant,
        version::Version,
    },
    mail::Address,
    store::{MerchantId, Repository},
};

const NAME_MAX_CHARS: usize = 200;
const LEGAL_MAX_CHARS: usize = 1_000;
const URL_MAX_CHARS: usize = 500;
const PREFIX_MAX_CHARS: usize = 12;

/// What a merchant shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MerchantTerms {
    /// Its name, as members know it.
    pub name: String,
    /// Where its calendar months begin, as an IANA name.
    pub zone: String,
    /// BCP 47 tag of the language for customers who have none.
    pub locale: String,
    /// The gateway account that it goes by, by its name in the configuration.
    pub gateway: String,
    /// Further accounts that its customers' payment methods may be stored with.
    pub other_gateways: Vec<String>,
    /// What invoice numbers begin with.
    pub invoice_prefix: String,
    /// Where a member's reply goes.
    pub reply_to: Option<String>,
    /// What stands under each mail.
    pub legal_lines: String,
    /// The portal's own address.
    pub portal_url: Option<String>,
    /// The dunning policy of plans that name none.
    pub dunning_policy: Option<Id<kind::DunningPolicy>>,
}

/// What is to be changed of a merchant; what is absent stays, and the inner absence clears.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each changes the field of its name")]
pub struct MerchantUpdate {
    pub name: Option<String>,
    pub zone: Option<String>,
    pub locale: Option<String>,
    pub gateway: Option<String>,
    pub other_gateways: Option<Vec<String>>,
    pub reply_to: Option<Option<String>>,
    pub legal_lines: Option<String>,
    pub portal_url: Option<Option<String>>,
    pub dunning_policy: Option<Option<Id<kind::DunningPolicy>>>,
}

/// Makes a merchant, in the world's time `now`.
pub async fn create_merchant(
    rondo: &Rondo,
    repo: &mut dyn Repository,
    now: DateTime<Utc>,
    new: MerchantTerms,
) -> Result<Merchant> {
    let zone = check(&new)?;
    accounts::check_configured(rondo, &new.gateway, &new.other_gateways)?;
    if new.dunning_policy.is_some() {
        let message = "must be empty: a new merchant has no policies yet";
        return Err(AppError::invalid("merchant.dunning_policy", message));
    }
    let merchant = Merchant {
        id: rondo.mint.id(now),
        name: new.name,
        zone,
        locale: new.locale,
        gateway: new.gateway,
        other_gateways: new.other_gateways,
        invoice_prefix: new.invoice_prefix,
        reply_to: new.reply_to,
        legal_lines: new.legal_lines,
        portal_url: new.portal_url,
        dunning_policy: None,
        test_clock: None,
        created_at: now,
        version: Version::NEW,
    };
    write(repo, merchant).await
}

/// A merchant, or that there is none.
pub async fn merchant(repo: &mut dyn Repository, id: MerchantId) -> Result<Merchant> {
    repo.merchant(id).await?.ok_or_else(|| AppError::not_found(id))
}

/// Changes a merchant. `seen` is the version that the caller has read, if they told it.
pub async fn update_merchant(
    rondo: &Rondo,
    repo: &mut dyn Repository,
    id: MerchantId,
    seen: Option<Version>,
    update: MerchantUpdate,
) -> Result<Merchant> {
    let old = merchant(repo, id).await?;
    let now = rondo.times(&old).now;
    let named_policy = update.dunning_policy;
    AppError::check_etag(id, seen, old.version)?;
    let names_accounts = update.gateway.is_some() || update.other_gateways.is_some();
    let whole = MerchantTerms {
        name: update.name.unwrap_or(old.name),
        zone: update.zone.unwrap_or_else(|| old.zone.to_string()),
        locale: update.locale.unwrap_or(old.locale),
        gateway: update.gateway.unwrap_or(old.gateway),
        other_gateways: update.other_gateways.unwrap_or(old.other_gateways),
        invoice_prefix: old.invoice_prefix,
        reply_to: update.reply_to.unwrap_or(old.reply_to),
        legal_lines: update.legal_lines.unwrap_or(old.legal_lines),
        portal_url: update.portal_url.unwrap_or(old.portal_url),
        dunning_policy: update.dunning_policy.unwrap_or(old.dunning_policy),
    };
    let zone = check(&whole)?;
    if names_accounts {
        accounts::check_configured(rondo, &whole.gateway, &whole.other_gateways)?;
    }
    // One that is not touched is not judged by newer rules.
    if let Some(Some(policy)) = named_policy {
        dunning::check_named(repo, id, policy, "merchant.dunning_policy", now).await?;
    }
    let merchant = Merchant {
        id,
        name: whole.name,
        zone,
        locale: whole.locale,
        gateway: whole.gateway,
        other_gateways: whole.other_gateways,
        invoice_prefix: whole.invoice_prefix,
        reply_to: whole.reply_to,
        legal_lines: whole.legal_lines,
        portal_url: whole.portal_url,
        dunning_policy: whole.dunning_policy,
        test_clock: old.test_clock,
        created_at: old.created_at,
        version: old.version,
    };
    if names_accounts {
        accounts::check_time(rondo, &merchant)?;
    }
    write(repo, merchant).await
}

async fn write(repo: &mut dyn Repository, merchant: Merchant) -> Result<Merchant> {
    let id = merchant.id;
    repo.write(Changes { merchants: vec![merchant], ..Changes::default() }).await?;
    self::merchant(repo, id).await
}

/// All that is wrong with what a merchant shall be; else its zone.
fn check(terms: &MerchantTerms) -> Result<Zone> {
    let mut faults = Vec::new();
    let mut fault = |field: &str, message: String| {
        faults.push(Violation { field: format!("merchant.{field}"), message });
    };
    if terms.name.trim() != terms.name {
        let message = format!("must have 1 to {NAME_MAX_CHARS} characters, no spaces around them");
        fault("display_name", message);
    } else if let Some(message) = line::fault(&terms.name, NAME_MAX_CHARS) {
        fault("display_name", message);
    }
    if !is_language_tag(&terms.locale) {
        fault("language_code", "must be a BCP 47 tag like de-AT".to_owned());
    }
    let prefix = &terms.invoice_prefix;
    if !(1..=PREFIX_MAX_CHARS).contains(&prefix.len())
        || !prefix.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    {
        let message = format!("must be 1 to {PREFIX_MAX_CHARS} capitals and digits, like OA");
        fault("invoice_prefix", message);
    }
    if terms.reply_to.as_ref().is_some_and(|address| address.parse::<Address>().is_err()) {
        fault("reply_to", "must be an address like help@academy.example".to_owned());
    }
    if terms.legal_lines.chars().count() > LEGAL_MAX_CHARS {
        fault("legal_lines", format!("must have at most {LEGAL_MAX_CHARS} characters"));
    }
    if terms.portal_url.as_ref().is_some_and(|url| !is_web_address(url)) {
        let message = "must be an address like https://academy.example".to_owned();
        fault("portal_url", message);
    }
    match terms.zone.parse::<Zone>() {
        Ok(zone) if faults.is_empty() => Ok(zone),
        Ok(_) => Err(AppError::Invalid(faults)),
        Err(_) => {
            let (field, message) = ("merchant.time_zone".to_owned(), ZONE.to_owned());
            faults.push(Violation { field, message });
            Err(AppError::Invalid(faults))
        }
    }
}

/// Whether a text is an address that a browser can be sent to: https, or http on this machine.
pub fn is_web_address(text: &str) -> bool {
    let Ok(uri) = text.parse::<axum::http::Uri>() else { return false };
    let is_here = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    text.len() <= URL_MAX_CHARS
        && !has_user
        && match uri.scheme_str() {
            Some("https") => uri.host().is_some_and(|host| !host.is_empty()),
            Some("http") => is_here,
            Some(_) | None => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn academy() -> MerchantTerms {
        MerchantTerms {
            name: "Open Academy".to_owned(),
            zone: "Europe/Berlin".to_owned(),
            locale: "en".to_owned(),
            gateway: "sandbox".to_owned(),
            other_gateways: Vec::new(),
            invoice_prefix: "OA".to_owned(),
            reply_to: Some("help@academy.example".to_owned()),
            legal_lines: String::new(),
            portal_url: Some("https://academy.example".to_owned()),
            dunning_policy: None,
        }
    }

    #[test]
    fn all_wrong_fields_are_told_at_once() {
        assert!(check(&academy()).is_ok());
        let wrong = MerchantTerms {
            name: " ".to_owned(),
            zone: "Berlin".to_owned(),
            locale: "english please".to_owned(),
            invoice_prefix: "oa-".to_owned(),
            reply_to: Some("help".to_owned()),
            legal_lines: "x".repeat(1_001),
            portal_url: Some("academy".to_owned()),
            ..academy()
        };
        let AppError::Invalid(faults) = check(&wrong).unwrap_err() else {
            panic!("the fields are wrong");
        };
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "merchant.display_name",
                "merchant.language_code",
                "merchant.invoice_prefix",
                "merchant.reply_to",
                "merchant.legal_lines",
                "merchant.portal_url",
                "merchant.time_zone",
            ]
        );
    }

    #[test]
    fn a_browser_is_sent_to_safe_addresses_alone() {
        for (text, is_safe) in [
            ("https://academy.example/back?x=1", true),
            ("http://127.0.0.1:8080/back", true),
            ("http://localhost/back", true),
            ("http://[::1]:8080/", true),
            ("http://academy.example/back", false),
            ("https://user@academy.example/", false),
            ("javascript:alert(1)", false),
            ("//academy.example", false),
            ("/back", false),
            ("", false),
        ] {
            assert_eq!(is_web_address(text), is_safe, "{text}");
        }
    }
}
