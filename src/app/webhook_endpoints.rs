//! Webhook endpoints: the addresses of a portal that events are sent to. Sending is the business of
//! [`super::webhooks_out`], which also looks at where a host leads, anew at each delivery.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use url::{Host, Url};

use super::{Act, AppError, Result};
use crate::{
    domain::{
        changes::Changes,
        event::WebhookEndpoint,
        ids::{Id, kind},
        version::Version,
    },
    store::EventFilter,
};

/// The longest address, in characters.
const URL_MAX_CHARS: usize = 2_000;
/// The most endpoints of a merchant that are being sent to.
const ENDPOINTS_MAX: usize = 16;
/// Random bytes of a secret (RULES WOUT-2: 24 to 64).
const SECRET_BYTES: usize = 32;

/// Where webhooks may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To public hosts, over TLS alone.
    Public,
    /// To this machine itself too, over plain HTTP and on any port: for a demo and for tests.
    ThisMachineToo,
}

impl Reach {
    /// Of a server that members reach at `public_url`: one that is itself reached on its own machine
    /// alone may write to it.
    pub fn of(public_url: &str) -> Self {
        let is_home = public_url.parse::<Url>().is_ok_and(|url| is_loopback(&url));
        if is_home { Self::ThisMachineToo } else { Self::Public }
    }
}

/// A new endpoint, and what signs its webhooks: shown this once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEndpoint {
    /// The endpoint.
    pub endpoint: WebhookEndpoint,
    /// `whsec_…`.
    pub secret: String,
}

/// Makes an endpoint. It gets all events that happen from now on.
pub async fn create(act: &mut Act<'_>, url: &str, reach: Reach) -> Result<NewEndpoint> {
    if let Some(message) = fault(url, reach) {
        return Err(AppError::invalid("webhook_endpoint.url", message));
    }
    let known = act.repo.webhook_endpoints(act.merchant.id).await?;
    if known.iter().filter(|endpoint| endpoint.disabled_at.is_none()).count() >= ENDPOINTS_MAX {
        let message = format!("there are {ENDPOINTS_MAX} endpoints already; delete one first");
        return Err(AppError::precondition("TOO_MANY_ENDPOINTS", act.merchant.id, message));
    }
    let secret = format!("whsec_{}", BASE64_STANDARD.encode(act.mint.bytes::<SECRET_BYTES>()));
    let endpoint = WebhookEndpoint {
        merchant: act.merchant_id(),
        id: act.id(),
        url: url.to_owned(),
        secrets: vec![secret.clone()],
        cursor: last_sequence(act).await?,
        due_at: None,
        tries: 0,
        failing_since: None,
        disabled_at: None,
        leased_until: None,
        created_at: act.now(),
        version: Version::NEW,
    };
    let endpoint = write(act, endpoint).await?;
    Ok(NewEndpoint { endpoint, secret })
}

/// Deletes an endpoint: nothing more is sent there. It stays in the list, switched off, so that what
/// was sent can be told.
pub async fn delete(act: &mut Act<'_>, id: Id<kind::WebhookEndpoint>) -> Result<()> {
    let mut endpoint = endpoint(act, id).await?;
    if endpoint.disabled_at.is_none() {
        endpoint.disabled_at = Some(act.now());
        endpoint.due_at = None;
        endpoint.leased_until = None;
        write(act, endpoint).await?;
    }
    Ok(())
}

async fn endpoint(act: &mut Act<'_>, id: Id<kind::WebhookEndpoint>) -> Result<WebhookEndpoint> {
    let found = act.repo.webhook_endpoints(act.merchant.id).await?;
    found.into_iter().find(|known| known.id == id).ok_or_else(|| AppError::not_found(id))
}

async fn write(act: &mut Act<'_>, endpoint: WebhookEndpoint) -> Result<WebhookEndpoint> {
    let id = endpoint.id;
    act.write(Changes { webhook_endpoints: vec![endpoint], ..Changes::default() }).await?;
    self::endpoint(act, id).await
}

/// The number of the last event so far. Numbers have no gaps, so whether there is one after a number
/// tells whether the last one is larger: few looks find it among millions.
async fn last_sequence(act: &mut Act<'_>) -> Result<i64> {
    let everything = EventFilter::default();
    let (mut at_least, mut step) = (0_i64, 1_i64);
    // First in growing steps, until one goes too far; then by halves.
    let mut has_gone_too_far = false;
    while step > 0 {
        let tried = at_least + step;
        let rest = act.repo.events_after(act.merchant.id, tried - 1, &everything, 1).await?;
        if rest.is_empty() {
            has_gone_too_far = true;
        } else {
            at_least = tried;
        }
        step = if has_gone_too_far { step / 2 } else { step * 2 };
    }
    Ok(at_least)
}

/// What is wrong with an address, as far as it can be told without resolving its host (RULES
/// SSRF-1).
fn fault(text: &str, reach: Reach) -> Option<&'static str> {
    if text.chars().count() > URL_MAX_CHARS {
        return Some("must have at most 2000 characters");
    }
    let Ok(url) = text.parse::<Url>() else {
        return Some("must be an address like https://portal.example/rondo");
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Some("must not hold a user name or a password");
    }
    if url.fragment().is_some() {
        return Some("must not hold a fragment, the part after #");
    }
    if reach == Reach::ThisMachineToo && is_loopback(&url) {
        let is_web = matches!(url.scheme(), "http" | "https");
        return (!is_web).then_some("must begin with http:// or https://");
    }
    if url.scheme() != "https" {
        return Some("must begin with https://");
    }
    match url.host() {
        Some(Host::Domain(_)) => {}
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => return Some("must name a host, not a number"),
        None => return Some("must name a host"),
    }
    // The parser drops the port that goes without saying.
    url.port().is_some().then_some("must not name another port than 443")
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_public_hosts_over_tls_are_sent_to() {
        for (url, public, at_home) in [
            ("https://portal.example/rondo?from=rondo", None, None),
            ("https://portal.example:443/", None, None),
            ("", Some("must be an address"), Some("must be an address")),
            ("portal.example/rondo", Some("must be an address"), Some("must be an address")),
            (
                "http://portal.example/",
                Some("must begin with https"),
                Some("must begin with https"),
            ),
            ("ftp://portal.example/", Some("must begin with https"), Some("must begin with https")),
            (
                "https://portal.example:8443/",
                Some("must not name another port"),
                Some("must not name"),
            ),
            (
                "https://ana@portal.example/",
                Some("must not hold a user"),
                Some("must not hold a user"),
            ),
            (
                "https://:secret@portal.example/",
                Some("must not hold a user"),
                Some("must not hold"),
            ),
            (
                "https://portal.example/#rondo",
                Some("must not hold a fragment"),
                Some("must not hold"),
            ),
            ("https://10.0.0.1/", Some("must name a host"), Some("must name a host")),
            ("https://0x7f.1/", Some("must name a host"), None),
            ("https://2130706433/", Some("must name a host"), None),
            ("https://[::1]/", Some("must name a host"), None),
            ("http://127.0.0.1:9000/hook", Some("must begin with https"), None),
            ("http://localhost:9000/hook", Some("must begin with https"), None),
            ("ftp://localhost/hook", Some("must begin with https"), Some("must begin with http")),
        ] {
            for (reach, told) in [(Reach::Public, public), (Reach::ThisMachineToo, at_home)] {
                let fault = fault(url, reach);
                let is_right = match (fault, told) {
                    (Some(fault), Some(told)) => fault.starts_with(told),
                    (None, None) => true,
                    (Some(_), None) | (None, Some(_)) => false,
                };
                assert!(is_right, "{url} {reach:?}: {fault:?}");
            }
        }
    }

    #[test]
    fn a_server_at_home_may_write_to_its_home() {
        assert_eq!(Reach::of("http://127.0.0.1:8080"), Reach::ThisMachineToo);
        assert_eq!(Reach::of("http://localhost:8080"), Reach::ThisMachineToo);
        assert_eq!(Reach::of("https://billing.academy.example"), Reach::Public);
        assert_eq!(Reach::of(""), Reach::Public);
    }

    proptest! {
        #[test]
        fn no_address_makes_it_panic(text: String) {
            let _ = fault(&text, Reach::Public);
            let _ = fault(&text, Reach::ThisMachineToo);
        }
    }
}
