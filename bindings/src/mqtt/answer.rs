//! One request message from its topic to the topic and payload of its answer.
//!
//! Responsible for what a topic allows: its format, its originator (TS-0010 7.2), registrations by credential
//! (TS-0010 6.4.4), and for requests that come again. What a request does is left to the receiver.

use std::sync::Arc;

use bytes::Bytes;
use dyad_protocol::exchange::{Arrival, Receiver};
use dyad_protocol::serialization::{Codec, Envelope, Kind as Form, wrap};
use dyad_protocol::{Failure, Operation, Request, Response, Serialization, StatusCode};
use tokio::time::Instant;

use super::repeats::{Known, Repeats};
use super::topic::{Kind, Names, Topic};

/// The types of entities: AE, remoteCSE.
const ENTITIES: [u32; 2] = [2, 16];

/// What all requests need.
pub(super) struct Answering {
    pub(super) names: Names,
    /// `/id-in`
    pub(super) cse_id: String,
    pub(super) max_payload: usize,
    pub(super) codec: Codec,
    pub(super) receiver: Arc<dyn Receiver>,
    pub(super) repeats: Arc<Repeats>,
}

/// What is to be published.
pub(super) struct Answer {
    pub(super) topic: String,
    pub(super) payload: Bytes,
}

/// What was understood of a message.
struct Understood {
    serialization: Serialization,
    is_wrapped: bool,
    request: Result<Request, Box<(Request, Failure)>>,
}

impl Answering {
    /// Carries out the request on a topic; `payload` is `None` for one that was too long to be read. Gives `None` if no
    /// answer is wanted, or if the request is under way already and will be answered then.
    pub(super) async fn answer(&self, topic: Topic<'_>, payload: Option<Bytes>) -> Option<Answer> {
        let Understood { serialization, is_wrapped, request } = self.understand(topic, payload);
        let response = match request {
            Ok(request) => self.carry_out(topic, request).await?,
            Err(refused) => {
                let (request, failure) = *refused;
                tracing::debug!(topic = topic.name(), %failure, "a request over MQTT is refused");
                addressed(Response::failed(&request, &failure), &self.cse_id, request.from)
            }
        };
        Some(self.written(topic, serialization, is_wrapped, &response))
    }

    /// Refuses the request on a topic without carrying it out.
    pub(super) fn refuse(&self, topic: Topic<'_>, payload: Option<Bytes>, failure: &Failure) -> Answer {
        let Understood { serialization, is_wrapped, request } = self.understand(topic, payload);
        let request = request.unwrap_or_else(|refused| refused.0);
        let response = addressed(Response::failed(&request, failure), &self.cse_id, request.from);
        self.written(topic, serialization, is_wrapped, &response)
    }

    fn written(
        &self,
        topic: Topic<'_>,
        serialization: Serialization,
        is_wrapped: bool,
        response: &Response,
    ) -> Answer {
        let primitive = self.codec.write_response(serialization, response);
        let payload = match is_wrapped {
            true => wrap(serialization, Form::Response, primitive),
            false => primitive,
        };
        Answer { topic: topic.answer(serialization), payload }
    }

    fn understand(&self, topic: Topic<'_>, payload: Option<Bytes>) -> Understood {
        // Release 1 knew no level for the format, which JSON is in most cases.
        let serialization = topic.format.map_or(Some(Serialization::Json), Serialization::from_name);
        let refuse = |failure| Understood {
            serialization: Serialization::Json,
            is_wrapped: false,
            request: Err(Box::new((Request::default(), failure))),
        };
        let Some(serialization) = serialization else {
            let failure = "the topic names a serialization that this node does not speak";
            return refuse(Failure::new(StatusCode::UnsupportedMediaType, failure));
        };
        let Some(payload) = payload.filter(|payload| payload.len() <= self.max_payload) else {
            let most = self.max_payload;
            let understood = refuse(Failure::bad_request(format!("the request is longer than {most} bytes")));
            return Understood { serialization, ..understood };
        };
        // Some put primitives into a root element that JSON and CBOR do not have (TS-0004 8.4), and are answered so.
        let Envelope { is_wrapped, primitive, .. } = Envelope::open_as(Form::Request, serialization, payload);
        let request = match self.codec.read_request(serialization, primitive) {
            Err(refused) => Err(Box::new((refused.request, refused.failure))),
            Ok(request) => match self.check(topic, &request) {
                Ok(()) => Ok(request),
                Err(failure) => Err(Box::new((request, failure))),
            },
        };
        Understood { serialization, is_wrapped, request }
    }

    /// Whether a topic may carry a request. ORIGINATOR_HAS_NO_PRIVILEGE if the originator speaks for another one, and
    /// for anything but a registration in the name of a credential.
    fn check(&self, topic: Topic<'_>, request: &Request) -> Result<(), Failure> {
        let is_registration = request.operation == Operation::Create
            && request.resource_type.is_some_and(|ty| ENTITIES.contains(&ty));
        match (topic.kind, request.from.as_deref()) {
            // What an originator without a name may do is left to the receiver.
            (Kind::RegistrationRequest, None | Some("" | "C" | "S")) | (_, None) => Ok(()),
            (Kind::RegistrationRequest, _) if is_registration => Ok(()),
            (Kind::RegistrationRequest, _) => {
                Err(Failure::no_privilege("a credential in the topic allows nothing but a registration"))
            }
            (_, Some(from)) if self.names.is_same(topic.originator, from) => Ok(()),
            (_, Some(_)) => {
                Err(Failure::no_privilege("the originator of the request is not that of the topic"))
            }
        }
    }

    async fn carry_out(&self, topic: Topic<'_>, request: Request) -> Option<Response> {
        let originator = self.names.shortened(topic.originator);
        let note = match self.repeats.look(originator, &request, Instant::now()) {
            Known::Nothing(note) => note,
            Known::UnderWay => return None,
            Known::Answered(response) => return (!response.suppressed).then_some(*response),
        };
        let from = request.from.clone();
        let arrival = Arrival { binding: "mqtt", ..Arrival::default() };
        let response = self.receiver.receive(Box::new(request), arrival).await;
        let response = addressed(response, &self.cse_id, from);
        if let Some(note) = note {
            note.answered(&response, Instant::now());
        }
        (!response.suppressed).then_some(response)
    }
}

/// Says in a response who answers whom, as nothing else in the message does (TS-0001 8.1.3, TS-0010 6.5.2).
fn addressed(mut response: Response, cse_id: &str, originator: Option<String>) -> Response {
    response.from.get_or_insert_with(|| cse_id.to_owned());
    response.to = response.to.or(originator);
    response
}
