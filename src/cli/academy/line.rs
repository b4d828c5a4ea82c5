//! The line to Rondo: the key that every call bears, and how long a caller goes on asking where nobody
//! answers. A call that is made again is the same request, with the same `request_id`.

use std::time::Duration;

use anyhow::anyhow;
use tokio::time::{Instant, sleep};
use tonic::{
    Code, Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::domain::ids::Mint;

/// A line to Rondo on which every call bears the key.
pub type Line = InterceptedService<Channel, Key>;

/// The pause before an unanswered call is made again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// What a call proves itself with.
#[derive(Debug, Clone)]
pub struct Key {
    bearer: MetadataValue<Ascii>,
    merchant: Option<MetadataValue<Ascii>>,
}

impl Key {
    /// The key with this secret, which speaks for `merchant` if it is an administrator's.
    pub fn new(secret: &str, merchant: Option<&str>) -> anyhow::Result<Self> {
        let mut bearer: MetadataValue<Ascii> = format!("Bearer {secret}").parse()?;
        bearer.set_sensitive(true);
        Ok(Self { bearer, merchant: merchant.map(str::parse).transpose()? })
    }
}

impl Interceptor for Key {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.bearer.clone());
        if let Some(merchant) = &self.merchant {
            request.metadata_mut().insert("rondo-merchant", merchant.clone());
        }
        Ok(request)
    }
}

/// How long a caller goes on asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// What is not answered has failed.
    None,
    /// A call may take so long, and what is not answered is asked again for so long.
    For {
        /// One call.
        call: Duration,
        /// All of them.
        all: Duration,
    },
}

impl Patience {
    /// The way to the server at `address`, which is called when it is first needed.
    pub fn channel(self, address: impl std::fmt::Display) -> anyhow::Result<Channel> {
        let mut endpoint = Endpoint::from_shared(format!("http://{address}"))?;
        if let Self::For { call, .. } = self {
            endpoint = endpoint.timeout(call).connect_timeout(call);
        }
        Ok(endpoint.connect_lazy())
    }

    /// Makes a call, again and again as long as nobody answers and patience lasts.
    pub async fn ask<R: Clone, T>(
        self,
        request: R,
        call: impl AsyncFn(R) -> Result<Response<T>, Status>,
    ) -> Result<T, Status> {
        let began = Instant::now();
        loop {
            let status = match call(request.clone()).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) => status,
            };
            match self {
                Self::For { all, .. } if is_silence(&status) && began.elapsed() < all => {
                    sleep(ASK_AGAIN).await;
                }
                Self::For { .. } | Self::None => return Err(status),
            }
        }
    }
}

/// Whether nobody answered, or only that it cannot be done just now.
fn is_silence(status: &Status) -> bool {
    // What comes from the line itself has a cause; what a server says has none.
    std::error::Error::source(status).is_some()
        || matches!(
            status.code(),
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Aborted
        )
}

/// What a call's refusal says: the call, Rondo's own words, and the code.
pub fn refused(call: &'static str) -> impl Fn(Status) -> anyhow::Error {
    move |status| anyhow!("{call}: {} ({:?})", status.message(), status.code())
}

/// The name of one request.
pub fn once(mint: &Mint) -> String {
    uuid::Builder::from_random_bytes(mint.bytes::<16>()).into_uuid().to_string()
}
