//! Requests towards entities that cannot be called: they wait in the channel until the entity polls (TS-0001
//! 10.2.5.17).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use dyad_core::resource::{Lookup, Resource};
use dyad_core::{Cse, Reach};
use dyad_protocol::exchange::TransportError;
use dyad_protocol::primitive::json;
use dyad_protocol::{Request, Response};

use super::{NAME, POLLING_CHANNEL, Polling, QUEUE};

#[async_trait]
impl Reach for Polling {
    async fn reach(
        &self,
        cse: &Cse,
        entity: &Arc<Resource>,
        requests: Vec<Request>,
        timeout: Duration,
    ) -> Option<Vec<Result<Response, TransportError>>> {
        if !self.has_channel(cse, entity).await {
            return None;
        }
        let count = requests.len();
        let identified =
            |request: Request| (request.request_identifier.clone(), json::request_to_json(&request));
        let channel = self.channels.enter(&entity.ri());
        let waiting = requests.into_iter().map(identified).collect();
        let Some(tickets) = channel.put(waiting, cse.settings(NAME).count(QUEUE.name)) else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            let full = || Err(TransportError::Unreachable("too many requests wait in the channel".into()));
            return Some(std::iter::repeat_with(full).take(count).collect());
        };
        let mut outcomes = Vec::with_capacity(count);
        let mut over = std::pin::pin!(tokio::time::sleep(timeout));
        for mut ticket in tickets {
            outcomes.push(tokio::select! {
                biased;
                answered = &mut ticket.answered => answered.map_err(|_| TransportError::TimedOut),
                () = &mut over => Err(TransportError::TimedOut),
            });
        }
        Some(outcomes)
    }

    async fn ready(&self, cse: &Cse, entity: &Arc<Resource>) -> Option<usize> {
        if !self.has_channel(cse, entity).await {
            return None;
        }
        let channel = self.channels.enter(&entity.ri());
        let polled = channel.polled.notified();
        if let Some(room) = channel.room() {
            return Some(room);
        }
        polled.await;
        // Without a poll it was a change of the entity that woke this up.
        Some(channel.room().unwrap_or(0))
    }
}

impl Polling {
    /// Whether an entity has a channel that it may poll.
    async fn has_channel(&self, cse: &Cse, entity: &Arc<Resource>) -> bool {
        if self.channels.visited(&entity.ri()).is_some_and(|channel| channel.room().is_some()) {
            return true;
        }
        let id = entity.id();
        let found = cse.look(move |cse, snapshot| {
            let channels = snapshot.children(id, &[POLLING_CHANNEL as i32], 0, 1)?;
            Ok(channels.iter().any(|channel| !channel.is_expired(cse.now())))
        });
        found.await.unwrap_or_else(|failure| {
            tracing::error!(error = ?failure.source, "polling channels cannot be looked up: {failure}");
            false
        })
    }
}
