//! `EventsService`: what happened, page by page and as it happens.

use std::{collections::VecDeque, pin::Pin, time::Duration};

use chrono::TimeDelta;
use futures::{Stream, TryStreamExt as _, stream};
use tonic::{Request, Response, Status};

use super::{
    Api,
    auth::admitted,
    convert::events as convert,
    deadlines::Deadline,
    names,
    proto::v1::{self, events_service_server::EventsService},
};
use crate::{
    app::{
        Act, AppError, Result as AppResult,
        events::{self, EventReader},
    },
    security::links::Purpose,
    store::MerchantId,
};

/// How long a stream is silent before it sends a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);
/// A resume token does not wear out within a lifetime.
const TOKEN_DAYS: i64 = 36_525;

impl Api {
    /// A token for the place after the event with this sequence number.
    fn resume_token(&self, merchant: MerchantId, sequence: i64) -> String {
        let payload = [&merchant.uuid().into_bytes()[..], &sequence.to_be_bytes()].concat();
        let expires = self.now() + TimeDelta::days(TOKEN_DAYS);
        self.rondo().links.sign(Purpose::EventPosition, &payload, expires)
    }

    /// The sequence number that a token stands after; 0 for no token.
    fn position(&self, merchant: MerchantId, token: &str) -> AppResult<i64> {
        if token.is_empty() {
            return Ok(0);
        }
        let payload = self.rondo().links.verify(Purpose::EventPosition, token, self.now()).ok();
        payload
            .as_deref()
            .and_then(|payload| payload.strip_prefix(&merchant.uuid().into_bytes()))
            .and_then(|rest| Some(i64::from_be_bytes(rest.try_into().ok()?)))
            .ok_or_else(|| AppError::invalid("resume_token", "must be one that Rondo gave out"))
    }
}

#[tonic::async_trait]
impl EventsService for Api {
    async fn get_event(
        &self,
        request: Request<v1::GetEventRequest>,
    ) -> Result<Response<v1::Event>, Status> {
        let (caller, request) = admitted(request)?;
        let id = names::id("name", &request.name)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let mut act = Act::new(repo.as_mut(), &merchant, self.now(), self.mint());
        let found = events::event(&mut act, id).await?;
        Ok(Response::new(convert::event(&found)))
    }

    async fn list_events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Result<Response<v1::ListEventsResponse>, Status> {
        let (caller, mut request) = admitted(request)?;
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let list = self.list(&caller, "/rondo.v1.EventsService/ListEvents", &request);
        let wanted = list.page::<i64>(size, &token)?;
        let filter = convert::filter(&request.customer, &request.types)?;
        let (mut repo, merchant) = self.read(&caller).await?;
        let after = wanted.after().unwrap_or_default();
        let rows = repo.events_after(merchant.id, after, &filter, wanted.to_read()).await;
        let (rows, next_page_token) =
            wanted.cut(rows.map_err(AppError::from)?, |event| event.sequence.unwrap_or_default());
        let reached = rows.last().and_then(|event| event.sequence).unwrap_or(after);
        Ok(Response::new(v1::ListEventsResponse {
            events: rows.iter().map(convert::event).collect(),
            next_page_token,
            resume_token: self.resume_token(merchant.id, reached),
        }))
    }

    type StreamEventsStream =
        Pin<Box<dyn Stream<Item = Result<v1::StreamEventsResponse, Status>> + Send>>;

    async fn stream_events(
        &self,
        request: Request<v1::StreamEventsRequest>,
    ) -> Result<Response<Self::StreamEventsStream>, Status> {
        let deadline = request.extensions().get().copied();
        let (caller, request) = admitted(request)?;
        let filter = convert::filter(&request.customer, &request.types)?;
        let (_, merchant) = self.read(&caller).await?;
        let after = self.position(merchant.id, &request.resume_token)?;
        let reader = EventReader::after(self.rondo(), merchant.id, filter, after);
        let api = self.clone();
        let batches = stream::try_unfold(reader, move |mut reader| {
            let api = api.clone();
            async move {
                let events = reader.next(api.rondo(), SIGN_OF_LIFE).await?;
                let mut batch: VecDeque<_> = events
                    .iter()
                    .map(|event| v1::StreamEventsResponse {
                        resume_token: api
                            .resume_token(merchant.id, event.sequence.unwrap_or_default()),
                        event: Some(convert::event(event)),
                    })
                    .collect();
                if batch.is_empty() {
                    let resume_token = api.resume_token(merchant.id, reader.sequence());
                    batch.push_back(v1::StreamEventsResponse { event: None, resume_token });
                }
                Ok::<_, Status>(Some((stream::iter(batch.into_iter().map(Ok)), reader)))
            }
        });
        Ok(Response::new(Box::pin(Deadline::end(deadline, batches.try_flatten()))))
    }
}
