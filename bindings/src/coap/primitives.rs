//! What stands on the endpoint: messages become requests, and responses messages.
//!
//! Responsible for which of the parts answers: the mapping of TS-0008, observation, the links of `/.well-known/core`.

use std::sync::Arc;

use async_trait::async_trait;
use coap_lite::{CoapOption, MessageClass, Packet, RequestType};
use dyad_protocol::exchange::{Arrival, Receiver};

use super::decode::{self, Observe, Rules};
use super::encode;
use super::observe::{Limits, Observers};
use super::options;
use super::resources::{Notifier, Origin, Outcome, Resources, Source};
use super::status::code;
use super::well_known::{self, Site};

/// Answers requests with primitives.
pub struct Primitives {
    rules: Rules,
    site: Option<Site>,
    receiver: Arc<dyn Receiver>,
    observers: Arc<Observers>,
}

impl Primitives {
    /// For an endpoint that hands its requests to a receiver. Nobody can observe, and there are no links.
    pub fn new(rules: Rules, receiver: Arc<dyn Receiver>) -> Self {
        let limits = Limits { total: 0, per_address: 0 };
        let observers = Observers::new(limits, Arc::clone(&receiver), rules.codec.clone());
        Self { rules, site: None, receiver, observers }
    }

    /// Lets so many observe.
    #[must_use]
    pub fn with_observers(self, limits: Limits) -> Self {
        let observers = Observers::new(limits, Arc::clone(&self.receiver), self.rules.codec.clone());
        Self { observers, ..self }
    }

    /// Answers requests for `/.well-known/core`.
    #[must_use]
    pub fn with_links(self, site: Site) -> Self {
        Self { site: Some(site), ..self }
    }

    /// How many observe.
    pub fn observers(&self) -> usize {
        self.observers.len()
    }
}

#[async_trait]
impl Resources for Primitives {
    fn started(&self, notifier: Arc<dyn Notifier>) {
        self.observers.attach(&notifier);
    }

    fn knows(&self, option: u16) -> bool {
        options::is_known(option, self.rules.lenient)
    }

    /// A GET without Observe that names a resource and nothing else: with a query it may be non-blocking, and what comes
    /// out of a polling channel does so once. A fan-out may reach one.
    fn is_harmless(&self, request: &Packet) -> bool {
        let is_plain = request.header.code == MessageClass::Request(RequestType::Get)
            && request.get_first_option(CoapOption::Observe).is_none()
            && request.get_first_option(CoapOption::UriQuery).is_none();
        let takes = |segment: &Vec<u8>| matches!(segment.as_slice(), b"pcu" | b"fopt");
        is_plain && request.get_option(CoapOption::UriPath).is_some_and(|path| !path.iter().any(takes))
    }

    async fn answer(self: Arc<Self>, request: Packet, origin: Origin) -> Option<Packet> {
        let arrival = Arrival {
            binding: "coap",
            peer: Some(origin.source.address),
            authenticated: origin.authenticated,
            ..Arrival::default()
        };
        if let Some(site) = self.site.as_ref().filter(|_| well_known::is_meant(&request)) {
            let answer = site.answer(&request, arrival, &*self.receiver).await;
            // A group is answered by those that have something to say alone (RFC 7252 8.2).
            let is_empty = u8::from(answer.header.code) != code(2, 5) || answer.payload.is_empty();
            return (!origin.multicast || !(is_empty || origin.confirmable)).then_some(answer);
        }
        if origin.multicast {
            return None;
        }
        let decoded = match decode::decode(&request, &self.rules) {
            Ok(decoded) => decoded,
            Err(refused) => return Some(encode::refusal(&refused, &self.rules.codec)),
        };
        match decoded.observe {
            Some(Observe::Register) => {
                return Some(self.observers.begin(&request, origin.source, decoded, arrival).await);
            }
            Some(Observe::Deregister) => self.observers.end(origin.source, request.get_token()),
            None => {}
        }
        drop(request);
        let response = self.receiver.receive(decoded.request, arrival).await;
        Some(encode::response(&response, &decoded.reply, &self.rules.codec))
    }

    fn settled(&self, to: Source, token: &[u8], outcome: Outcome) {
        self.observers.settled(to, token, outcome);
    }
}
