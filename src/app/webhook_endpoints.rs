//! Webhook endpoints: the addresses of a portal that events are sent to. Sending is the business of
//! [`super::webhooks_out`], which also looks at where a host leads, anew at each delivery.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    Act, AppError, Result,
    webhooks_out::{self, Reach},
};
use crate::{
    domain::{
        changes::Changes,
        event::WebhookEndpoint,
        ids::{Id, kind},
        version::Version,
    },
    store::EventFilter,
};

/// The most endpoints of a merchant that are being sent to.
const ENDPOINTS_MAX: usize = 16;
/// Random bytes of a secret (RULES WOUT-2: 24 to 64).
const SECRET_BYTES: usize = 32;

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
    webhooks_out::read_address(url, reach)
        .map_err(|wrong| AppError::invalid("webhook_endpoint.url", wrong.to_string()))?;
    let known = act.repo.webhook_endpoints(act.merchant.id).await?;
    if known.iter().filter(|endpoint| endpoint.disabled_at.is_none()).count() >= ENDPOINTS_MAX {
        let message = format!("there are {ENDPOINTS_MAX} endpoints already; delete one first");
        let refusal = AppError::precondition("TOO_MANY_ENDPOINTS", act.merchant.id, message);
        return Err(refusal.with("limit", ENDPOINTS_MAX.to_string()));
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
/// was sent can be told. `seen` is the version that the caller has read, if they told it.
pub async fn delete(
    act: &mut Act<'_>,
    id: Id<kind::WebhookEndpoint>,
    seen: Option<Version>,
) -> Result<()> {
    let mut endpoint = endpoint(act, id).await?;
    AppError::check_etag(id, seen, endpoint.version)?;
    if endpoint.disabled_at.is_none() {
        endpoint.disabled_at = Some(act.now());
        endpoint.due_at = None;
        endpoint.leased_until = None;
        write(act, endpoint).await?;
    }
    Ok(())
}

/// An endpoint, deleted or not, or that there is none.
pub async fn endpoint(act: &mut Act<'_>, id: Id<kind::WebhookEndpoint>) -> Result<WebhookEndpoint> {
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
