//! Each change once (RULES API-3): a request is sent again under its `request_id` until it is
//! answered, and gets the first answer without a second effect.
//!
//! The answer is kept in the transaction of the change itself, so that there is never one without
//! the other. A request that fails leaves nothing, and may be sent again under the same id. One that is
//! only to be validated runs whole, and its transaction is dropped.

use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use prost::Message;
use ring::digest::{SHA256, digest};
use tonic::{Response, Status};
use uuid::Uuid;

use super::{Api, auth::Caller, errors::ApiError, mutations::Mutating};
use crate::{
    app::{Act, AppError},
    domain::ids::Mint,
    store::{MerchantId, Repository, StoreError, StoredReply},
};

/// How often a transaction is tried that others got in the way of.
const TRIES: u32 = 5;
/// The first pause between two tries; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// A request that changes something.
#[derive(Debug, Clone)]
pub struct Mutation {
    merchant: Option<MerchantId>,
    scope: String,
    request_id: Option<Uuid>,
    hash: [u8; 32],
    validate_only: bool,
}

impl Mutation {
    /// Reads a request. Refuses one without a `request_id` by which money moves (RULES API-3).
    pub fn read<M: Mutating>(caller: &Caller, request: &M) -> Result<Self, ApiError> {
        let request_id = match request.request_id() {
            "" if M::MOVES_MONEY => {
                return Err(
                    AppError::invalid("request_id", "must be set, because money is moved").into()
                );
            }
            "" => None,
            text => Some(Uuid::try_parse(text).map_err(|_| {
                AppError::invalid(
                    "request_id",
                    "must be a UUID like 8f3b1c52-6d0a-4e7f-9b21-5c4d3e2f1a00",
                )
            })?),
        };
        Ok(Self {
            merchant: caller.merchant,
            scope: format!("{} {}", caller.scope(), M::PATH),
            request_id,
            hash: hash(request),
            validate_only: request.validate_only(),
        })
    }

    /// A name for this request towards others, 32 letters: the same when it is sent again, and of
    /// no other caller's.
    pub fn key(&self, mint: &Mint) -> String {
        let bytes = match self.request_id {
            Some(id) => {
                let named = digest(&SHA256, format!("{} {id}", self.scope).as_bytes());
                named.as_ref()[..16].try_into().expect("SHA-256 has 32 bytes")
            }
            None => mint.bytes(),
        };
        Uuid::from_bytes(bytes).simple().to_string()
    }

    fn to_stored(&self, reply: Vec<u8>, at: chrono::DateTime<chrono::Utc>) -> Option<StoredReply> {
        let (scope, request_hash) = (self.scope.clone(), self.hash);
        self.request_id.map(|request_id| StoredReply { scope, request_id, request_hash, reply, at })
    }
}

fn hash(request: &impl Message) -> [u8; 32] {
    digest(&SHA256, &request.encode_to_vec()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// What is done within one transaction.
#[async_trait]
trait Operation<R>: Sync {
    async fn run(&self, api: &Api, repo: &mut dyn Repository) -> Result<R, ApiError>;
}

/// An operation for the merchant that the caller speaks for.
struct OfMerchant<F> {
    merchant: MerchantId,
    act: F,
}

#[async_trait]
impl<R, F> Operation<R> for OfMerchant<F>
where
    F: for<'a, 'b> Fn(&'a mut Act<'b>) -> BoxFuture<'a, crate::app::Result<R>> + Sync,
{
    async fn run(&self, api: &Api, repo: &mut dyn Repository) -> Result<R, ApiError> {
        let found = repo.merchant(self.merchant).await?;
        let merchant = found.ok_or_else(|| AppError::not_found(self.merchant))?;
        Ok((self.act)(&mut Act::new(repo, &merchant, api.now(), api.mint())).await?)
    }
}

/// An operation that is no merchant's, such as making one.
struct OfAdministrators<F>(F);

#[async_trait]
impl<R, F> Operation<R> for OfAdministrators<F>
where
    F: for<'a> Fn(&'a mut dyn Repository) -> BoxFuture<'a, crate::app::Result<R>> + Sync,
{
    async fn run(&self, _: &Api, repo: &mut dyn Repository) -> Result<R, ApiError> {
        Ok((self.0)(repo).await?)
    }
}

impl Api {
    /// Carries a change of one merchant out, once.
    ///
    /// `operation` may be run more than once, in a transaction each, of which at most one is
    /// committed.
    pub async fn mutate<R, F>(
        &self,
        mutation: &Mutation,
        operation: F,
    ) -> Result<Response<R>, Status>
    where
        R: Message + Default + Clone,
        F: for<'a, 'b> Fn(&'a mut Act<'b>) -> BoxFuture<'a, crate::app::Result<R>> + Sync,
    {
        let merchant = mutation.merchant.ok_or(ApiError::MerchantUnnamed)?;
        self.change(mutation, R::clone, &OfMerchant { merchant, act: operation }).await
    }

    /// Carries a change out that is no merchant's, once. Of its reply, `kept` is told again when
    /// the request is.
    pub async fn administer<R, F>(
        &self,
        mutation: &Mutation,
        kept: impl Fn(&R) -> R + Sync,
        operation: F,
    ) -> Result<Response<R>, Status>
    where
        R: Message + Default,
        F: for<'a> Fn(&'a mut dyn Repository) -> BoxFuture<'a, crate::app::Result<R>> + Sync,
    {
        self.change(mutation, kept, &OfAdministrators(operation)).await
    }

    async fn change<R: Message + Default>(
        &self,
        mutation: &Mutation,
        kept: impl Fn(&R) -> R + Sync,
        operation: &impl Operation<R>,
    ) -> Result<Response<R>, Status> {
        let mut pause = FIRST_PAUSE;
        let mut tries_left = TRIES;
        loop {
            tries_left -= 1;
            match self.change_now(mutation, &kept, operation).await {
                Ok(reply) => return Ok(Response::new(reply)),
                Err(Failure::Final(error)) => {
                    // What refuses it may be its own effect: the same request, at the same time,
                    // was faster. Then that one's answer is this one's.
                    return match self.earlier_reply(mutation).await {
                        Ok(Some(reply)) => Ok(Response::new(reply)),
                        Ok(None) | Err(_) => Err(error.into()),
                    };
                }
                Err(Failure::InTheWay(error)) if tries_left == 0 => {
                    return Err(ApiError::from(error).into());
                }
                Err(Failure::InTheWay(error)) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "trying again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
        }
    }

    /// The reply to a request that was carried out before.
    pub async fn earlier_reply<R: Message + Default>(
        &self,
        mutation: &Mutation,
    ) -> Result<Option<R>, ApiError> {
        let mut repo = self.store().snapshot().await?;
        match stored(repo.as_mut(), mutation).await {
            Ok(reply) => Ok(reply),
            Err(Failure::InTheWay(error)) => Err(error.into()),
            Err(Failure::Final(error)) => Err(error),
        }
    }

    async fn change_now<R: Message + Default>(
        &self,
        mutation: &Mutation,
        kept: &(impl Fn(&R) -> R + Sync),
        operation: &impl Operation<R>,
    ) -> Result<R, Failure> {
        let mut repo = self.store().begin().await?;
        if let Some(reply) = stored(repo.as_mut(), mutation).await? {
            return Ok(reply);
        }
        let reply = operation.run(self, repo.as_mut()).await?;
        if mutation.validate_only {
            // A secret of what was not kept would be good for nothing.
            return Ok(kept(&reply));
        }
        if let Some(stored) = mutation.to_stored(kept(&reply).encode_to_vec(), self.now()) {
            repo.store_reply(&stored).await?;
        }
        match repo.commit().await {
            // It may have come through after all, and nothing would tell a second run of it.
            Err(error @ StoreError::Unavailable(_)) if mutation.request_id.is_none() => {
                Err(Failure::Final(error.into()))
            }
            Err(error) => Err(error.into()),
            Ok(()) => Ok(reply),
        }
    }
}

async fn stored<R: Message + Default>(
    repo: &mut dyn Repository,
    mutation: &Mutation,
) -> Result<Option<R>, Failure> {
    let Some(request_id) = mutation.request_id else { return Ok(None) };
    let Some(stored) = repo.stored_reply(&mutation.scope, request_id).await? else {
        return Ok(None);
    };
    if stored.request_hash != mutation.hash {
        return Err(Failure::Final(ApiError::RequestIdReused { request_id }));
    }
    R::decode(stored.reply.as_slice()).map(Some).map_err(|error| {
        Failure::Final(ApiError::from(StoreError::Corrupt {
            table: "stored_reply",
            column: "reply",
            id: request_id.to_string(),
            reason: error.to_string(),
        }))
    })
}

/// Why a try did not come through.
enum Failure {
    /// Others got in the way: the next try may come through, or find the other's answer.
    InTheWay(StoreError),
    /// The next try would end alike.
    Final(ApiError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. }
            | StoreError::Duplicate { .. }
            | StoreError::Unavailable(_)
            | StoreError::Unreachable { .. } => Self::InTheWay(error),
            StoreError::Refused { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Absent { .. }
            | StoreError::Unfit(_)
            | StoreError::Statement(_) => Self::Final(error.into()),
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::App(AppError::Store(error)) => error.into(),
            other => Self::Final(other),
        }
    }
}
