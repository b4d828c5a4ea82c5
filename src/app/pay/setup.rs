//! Storing a card without a payment, on the gateway's own page. Which page is for whom is kept under
//! two names: ours, by which the customer comes back, and the gateway's, by which its webhook speaks.

use ring::digest;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::{Act, AppError, Result, Rondo, accounts, dunning},
    domain::{
        changes::Changes,
        customer::PaymentMethod,
        event::EventKind,
        ids::{Id, kind},
        merchant::Merchant,
        payment::method::{Shown, StoredMethod},
    },
    gateway::{GatewayError, SetupOrder, SetupState},
    store::{MerchantId, Page, Repository, StoreError, StoredReply, SubscriptionFilter},
};

use super::{PayLink, TRIES, may_try_again};

/// Under which scope a started page is kept.
const BY_OUR_ID: &str = "set-up page";
/// Under which scope it is kept for its gateway's webhook.
const BY_REFERENCE: &str = "set-up page at the gateway";
/// The most subscriptions or cases of one customer that a new card is told to.
const OF_ONE_CUSTOMER: usize = 1_000;

/// A page that was opened, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Begun {
    merchant: MerchantId,
    customer: Id<kind::Customer>,
    method: Id<kind::PaymentMethod>,
    gateway: String,
    reference: String,
    url: String,
}

/// What became of a page on which a card is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardState {
    /// The card is stored, and pays from now on.
    Stored(Shown),
    /// The customer is not done; they go on there.
    Open(String),
    /// The page is over, and nothing was stored.
    Failed,
}

/// Opens a page on which `customer` stores a card. The link leads there, and back from there.
pub async fn start_setup(
    rondo: &Rondo,
    merchant: &Merchant,
    customer: Id<kind::Customer>,
) -> Result<PayLink> {
    let times = rondo.times(merchant);
    let mut repo = rondo.store.snapshot().await?;
    let mut act = Act { repo: repo.as_mut(), merchant, times, mint: &rondo.mint };
    let customer = act.customer(customer).await?;
    let known = repo.methods_of_customers(merchant.id, &[customer.id]).await?;
    drop(repo);
    let gateway = accounts::page_maker(rondo, merchant, &merchant.gateway)?;
    let method: Id<kind::PaymentMethod> = rondo.mint.id(times.now);
    let link = PayLink::Setup { merchant: merchant.id, method };
    let order = SetupOrder {
        reference: method.to_string(),
        customer: customer.id,
        customer_reference: known
            .into_iter()
            .filter(|known| known.deleted_at.is_none() && known.gateway == merchant.gateway)
            .find_map(|known| known.customer_reference),
        return_url: format!("{}/return", link.url(rondo, times.now)),
    };
    let page = gateway.setup(&order).await?;
    let begun = Begun {
        merchant: merchant.id,
        customer: customer.id,
        method,
        gateway: merchant.gateway.clone(),
        reference: page.reference,
        url: page.url,
    };
    begun.keep(rondo).await?;
    Ok(link)
}

impl Begun {
    /// Keeps it under both names, before anyone is sent there.
    async fn keep(&self, rondo: &Rondo) -> Result<()> {
        let reply = serde_json::to_vec(self).expect("ids and texts can be written as JSON");
        let hash = digest::digest(&digest::SHA256, &reply);
        let request_hash = hash.as_ref().try_into().expect("SHA-256 has 32 bytes");
        let at = rondo.clock.now();
        let mut repo = rondo.store.begin().await?;
        for (scope, request_id) in [
            (BY_OUR_ID, self.method.uuid()),
            (BY_REFERENCE, name_of(&self.gateway, &self.reference)),
        ] {
            let (scope, reply) = (scope.to_owned(), reply.clone());
            repo.store_reply(&StoredReply { scope, request_id, request_hash, reply, at }).await?;
        }
        Ok(repo.commit().await?)
    }

    async fn find(rondo: &Rondo, scope: &str, name: Uuid) -> Result<Option<Self>> {
        let mut repo = rondo.store.snapshot().await?;
        let kept = repo.stored_reply(scope, name).await?;
        Ok(kept.and_then(|kept| serde_json::from_slice(&kept.reply).ok()))
    }
}

/// The gateway's name of a page, cut to the length of a key.
fn name_of(gateway: &str, reference: &str) -> Uuid {
    let hash = digest::digest(&digest::SHA256, format!("{gateway}\n{reference}").as_bytes());
    let (first, _) = hash.as_ref().split_first_chunk::<16>().expect("SHA-256 has 32 bytes");
    Uuid::from_bytes(*first)
}

/// Where a started page is; nothing if none is known under that name.
pub async fn setup_page(
    rondo: &Rondo,
    merchant: &Merchant,
    method: Id<kind::PaymentMethod>,
) -> Result<String> {
    let begun = Begun::find(rondo, BY_OUR_ID, method.uuid()).await?;
    let begun = begun.filter(|begun| begun.merchant == merchant.id);
    begun.map(|begun| begun.url).ok_or_else(|| AppError::not_found(method))
}

/// Who is storing a card on a started page; nobody, if none is known under that name.
pub(super) async fn customer_of(
    rondo: &Rondo,
    method: Id<kind::PaymentMethod>,
) -> Result<Option<Id<kind::Customer>>> {
    let begun = Begun::find(rondo, BY_OUR_ID, method.uuid()).await?;
    Ok(begun.map(|begun| begun.customer))
}

/// The customer came back from the page: asks the gateway what became of it.
pub async fn finish_setup(
    rondo: &Rondo,
    merchant: &Merchant,
    method: Id<kind::PaymentMethod>,
) -> Result<CardState> {
    let begun = Begun::find(rondo, BY_OUR_ID, method.uuid()).await?;
    match begun.filter(|begun| begun.merchant == merchant.id) {
        Some(begun) => complete(rondo, &begun).await,
        None => Err(AppError::not_found(method)),
    }
}

/// A gateway's webhook speaks of a page: asks what became of it. Nothing, if the page is not ours.
pub async fn finish_setup_page(
    rondo: &Rondo,
    gateway: &str,
    reference: &str,
) -> Result<Option<CardState>> {
    match Begun::find(rondo, BY_REFERENCE, name_of(gateway, reference)).await? {
        Some(begun) => complete(rondo, &begun).await.map(Some),
        None => Ok(None),
    }
}

async fn complete(rondo: &Rondo, begun: &Begun) -> Result<CardState> {
    let mut repo = rondo.store.snapshot().await?;
    if let Some(known) = stored_as(repo.as_mut(), begun).await? {
        return Ok(CardState::Stored(known.shown()));
    }
    drop(repo);
    let Some(gateway) = rondo.gateways.get(&begun.gateway) else {
        return Err(GatewayError::Unsupported("be reached: it is not configured").into());
    };
    let stored = match gateway.find_setup(&begun.reference).await? {
        SetupState::Open => return Ok(CardState::Open(begun.url.clone())),
        SetupState::Failed => return Ok(CardState::Failed),
        SetupState::Stored(stored) => stored,
    };
    for _ in 1..TRIES {
        match attach(rondo, begun, stored.clone()).await {
            Err(error) if may_try_again(&error) || was_attached_meanwhile(&error) => {}
            attached => return attached,
        }
    }
    attach(rondo, begun, stored).await
}

/// Makes the stored card the customer's, for all that they subscribe to; unless its issuer has said
/// for good that it will never pay.
async fn attach(rondo: &Rondo, begun: &Begun, stored: StoredMethod) -> Result<CardState> {
    let mut repo = rondo.store.begin().await?;
    if let Some(known) = stored_as(repo.as_mut(), begun).await? {
        return Ok(CardState::Stored(known.shown()));
    }
    let merchant = repo.merchant(begun.merchant).await?;
    let merchant = merchant.ok_or_else(|| AppError::not_found(begun.merchant))?;
    let mut act = Act::new(repo.as_mut(), &merchant, rondo.clock.now(), &rondo.mint);
    act.repo.lock_customers(merchant.id, &[begun.customer]).await?;
    let mut customer = act.customer(begun.customer).await?;
    let method = PaymentMethod::from_stored(
        merchant.id,
        begun.method,
        customer.id,
        begun.gateway.clone(),
        stored,
        act.now(),
    );
    let ever_stored = act.repo.methods_of_customers(merchant.id, &[customer.id]).await?;
    let method = method.recognised(&ever_stored);
    if PaymentMethod::lasting_bar(&ever_stored, &method, true).is_some() {
        return Ok(CardState::Failed);
    }
    customer.default_method = Some(method.id);
    let filter = SubscriptionFilter { customer: Some(customer.id), ..Default::default() };
    let all = Page { after: None, limit: OF_ONE_CUSTOMER };
    let mut subscriptions = act.repo.list_subscriptions(merchant.id, &filter, all).await?;
    subscriptions.retain(|s| s.payment_method.is_some() && !s.state.is_over());
    for subscription in &mut subscriptions {
        subscription.payment_method = None;
    }
    let event = method.event(EventKind::PaymentMethodAttached, act.now(), act.mint);
    let (customer_id, shown) = (customer.id, method.shown());
    act.write(Changes {
        customers: vec![customer],
        payment_methods: vec![method],
        subscriptions,
        events: vec![event],
        ..Changes::default()
    })
    .await?;
    dunning::method_replaced(&mut act, customer_id).await?;
    repo.commit().await?;
    Ok(CardState::Stored(shown))
}

async fn stored_as(repo: &mut dyn Repository, begun: &Begun) -> Result<Option<PaymentMethod>> {
    let known = repo.payment_methods(begun.merchant, &[begun.method]).await?;
    Ok(known.into_iter().next())
}

/// Whether the schema refused the same card a second time: the webhook and the customer came at once.
fn was_attached_meanwhile(error: &AppError) -> bool {
    matches!(error, AppError::Store(StoreError::Duplicate { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_gateways_pages_have_two_names() {
        assert_eq!(name_of("main", "cs_1"), name_of("main", "cs_1"));
        assert_ne!(name_of("main", "cs_1"), name_of("other", "cs_1"));
        assert_ne!(name_of("main", "cs_1"), name_of("main", "cs_2"));
    }
}
