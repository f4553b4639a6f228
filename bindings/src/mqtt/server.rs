//! Requests that come over a link, from the topic to the published answer.
//!
//! Responsible for taking messages off the link without making it wait, for how many requests are carried out at a
//! time, and for the end. One request is left to `answer`, responses to this node's own requests to `pending`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dyad_protocol::{Failure, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::answer::{Answer, Answering};
use super::link::{Event, Events, Link, Message};
use super::pending::Pending;
use super::settings::MqttSettings;
use super::topic::{Kind, Names, Topic, base, filter};
use super::{client, session};

/// Refusals of requests for which there is no room, under way at a time.
const REFUSALS: usize = 64;

/// The filters for all that comes to a node.
pub(super) fn filters(settings: &MqttSettings, names: &Names) -> Vec<String> {
    let mut bases = vec![base(&settings.prefix)];
    if is_tolerant(settings) {
        bases.push(String::new());
    }
    let mut filters = Vec::new();
    for base in &bases {
        for name in [&names.cse, &names.absolute] {
            for kind in [Kind::Request, Kind::RegistrationRequest, Kind::Response] {
                filters.push(filter(base, kind, name));
            }
        }
    }
    filters
}

/// Whether topics without their first slash are taken too.
fn is_tolerant(settings: &MqttSettings) -> bool {
    settings.lenient && base(&settings.prefix) == "/"
}

/// The receiver's side of one link.
pub(super) struct Server {
    link: Arc<dyn Link>,
    answering: Arc<Answering>,
    pending: Arc<Pending>,
    settings: MqttSettings,
    base: String,
    /// Requests that wait to be carried out.
    waiting: VecDeque<Message>,
    /// Bytes of their payloads.
    waiting_bytes: usize,
    places: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    was_crowded: AtomicBool,
}

impl Server {
    pub(super) fn new(
        link: Arc<dyn Link>,
        answering: Arc<Answering>,
        pending: Arc<Pending>,
        settings: MqttSettings,
    ) -> Self {
        Self {
            link,
            answering,
            pending,
            base: base(&settings.prefix),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            places: Arc::new(Semaphore::new(settings.in_progress.clamp(1, Semaphore::MAX_PERMITS))),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            was_crowded: AtomicBool::new(false),
            settings,
        }
    }

    /// Serves until it is told to stop or the link ends; then what is in flight is answered until the deadline, and the
    /// link closed. What waits by then stays with the broker, which has no receipt for it.
    pub(super) async fn serve(mut self, mut events: Events, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(Event::Message(message)) => self.take(message).await,
                    Some(Event::Connected | Event::Lost(_)) => {}
                    None => break,
                },
                place = Arc::clone(&self.places).acquire_owned(), if !self.waiting.is_empty() => {
                    if let (Ok(place), Some(message)) = (place, self.waiting.pop_front()) {
                        self.waiting_bytes -= weight(&message);
                        self.begin(message, place);
                    }
                }
                () = session::closed(&mut stop) => break,
            }
        }
        let all = u32::try_from(self.settings.in_progress.max(1)).unwrap_or(u32::MAX);
        let in_flight = async {
            let finished = self.places.acquire_many(all);
            tokio::pin!(finished);
            loop {
                tokio::select! {
                    _ = &mut finished => return,
                    // Requests in flight may wait for responses themselves.
                    event = events.recv() => match event {
                        Some(Event::Message(message)) => self.respond(&message),
                        Some(Event::Connected | Event::Lost(_)) => {}
                        None => return,
                    }
                }
            }
        };
        if tokio::time::timeout(self.settings.stop_deadline, in_flight).await.is_err() {
            tracing::warn!("requests over MQTT were not answered before the stop");
        }
        self.link.close().await;
    }

    async fn take(&mut self, message: Message) {
        let kind = match self.topic(&message) {
            Some(topic) => topic.kind,
            None => {
                tracing::debug!(topic = message.topic, "ignored: no topic of a request to this node");
                return message.receipt.acknowledge();
            }
        };
        match kind {
            Kind::Response | Kind::RegistrationResponse => {
                self.respond(&message);
                message.receipt.acknowledge();
            }
            // It was meant for who listened then; taken again at every connection, it would be carried out each time.
            _ if message.is_retained => {
                tracing::debug!(topic = message.topic, "ignored: a request that the broker has retained");
                message.receipt.acknowledge();
            }
            _ if self.waiting.len() >= self.settings.waiting
                || self.waiting_bytes >= self.settings.waiting_bytes =>
            {
                self.refuse(message).await;
            }
            _ => {
                self.waiting_bytes += weight(&message);
                self.waiting.push_back(message);
            }
        }
    }

    /// The topic of a message, if it is one of those that this node listens to.
    fn topic<'a>(&self, message: &'a Message) -> Option<Topic<'a>> {
        let topic = Topic::parse(&message.topic)?;
        let names = &self.answering.names;
        let (node, is_base) = match topic.kind {
            // A response comes under the prefix of the point of access that was called.
            Kind::Response | Kind::RegistrationResponse => (topic.originator, true),
            Kind::Request | Kind::RegistrationRequest => (
                topic.receiver,
                topic.base == self.base || topic.base.is_empty() && is_tolerant(&self.settings),
            ),
        };
        let has_format = topic.format.is_some() || self.settings.lenient;
        (names.is_own(node) && is_base && has_format).then_some(topic)
    }

    fn respond(&self, message: &Message) {
        client::respond(&self.pending, &self.answering.names, &self.answering.codec, message);
    }

    fn begin(&self, message: Message, place: OwnedSemaphorePermit) {
        let (answering, link) = (Arc::clone(&self.answering), Arc::clone(&self.link));
        let within = self.settings.answer_within;
        // From here on it is like a request over HTTP: a crash loses it, and its originator times out.
        message.receipt.acknowledge();
        let (topic, payload) = (message.topic, message.payload);
        tokio::spawn(async move {
            if let Some(topic) = Topic::parse(&topic)
                && let Some(answer) = answering.answer(topic, payload).await
            {
                publish(&*link, answer, within).await;
            }
            drop(place);
        });
    }

    /// Refuses a request for which there is no room. Waits only as long as too many refusals are under way: that holds
    /// back the broker at last.
    async fn refuse(&self, message: Message) {
        message.receipt.acknowledge();
        if !self.was_crowded.swap(true, Ordering::Relaxed) {
            tracing::warn!("more requests come over MQTT than can wait (mqtt.waiting); they are refused");
        }
        let Ok(place) = Arc::clone(&self.refusals).acquire_owned().await else { return };
        let Some(topic) = Topic::parse(&message.topic) else { return };
        let failure =
            Failure::new(StatusCode::InternalServerError, "too many requests are waiting, try again later");
        let answer = self.answering.refuse(topic, message.payload, &failure);
        let (link, within) = (Arc::clone(&self.link), self.settings.answer_within);
        tokio::spawn(async move {
            publish(&*link, answer, within).await;
            drop(place);
        });
    }
}

fn weight(message: &Message) -> usize {
    message.payload.as_ref().map_or(0, bytes::Bytes::len)
}

async fn publish(link: &dyn Link, answer: Answer, within: std::time::Duration) {
    let topic = answer.topic.clone();
    match tokio::time::timeout(within, link.publish(answer.topic, answer.payload)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(topic, %error, "an answer could not be published"),
        Err(_) => tracing::warn!(topic, "an answer could not be published in time"),
    }
}
