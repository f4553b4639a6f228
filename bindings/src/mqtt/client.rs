//! Requests of this node over MQTT: notifications above all (TS-0010 6.4, originator side, and 6.6).
//!
//! Responsible for the topic, the payload and the response of one request. A request to an entity goes below the prefix
//! that its point of access names, and its response is waited for. One to a URL goes to the topic that is the path of
//! the URL; nobody need answer there (TS-0001 9.6.8), so it is done once the broker has it. Which broker is meant is
//! left to `pool`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dyad_protocol::exchange::{Transport, TransportError};
use dyad_protocol::id::{Address as Target, Scope};
use dyad_protocol::serialization::{Codec, Envelope, Kind as Form};
use dyad_protocol::{Request, Response, Serialization, StatusCode};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::address::Address;
use super::link::{Heard, Link, LinkError, Message};
use super::pending::Pending;
use super::pool::Pool;
use super::topic::{Kind, Names, Topic, base, filter, level};

/// Prefixes of topics below which responses are listened to on one link.
const PREFIXES: usize = 256;

/// One link with all that is needed to call over it.
pub(super) struct Caller {
    pub(super) link: Arc<dyn Link>,
    pub(super) pending: Arc<Pending>,
    /// What precedes `oneM2M` in the topics of responses that are subscribed to.
    pub(super) bases: Mutex<BTreeSet<String>>,
}

/// Brings requests to `mqtt://` addresses.
pub struct MqttTransport {
    pub(super) pool: Pool,
    pub(super) names: Names,
    pub(super) codec: Codec,
    pub(super) is_secure: bool,
}

#[async_trait]
impl Transport for MqttTransport {
    fn schemes(&self) -> &[&'static str] {
        if self.is_secure { &["mqtt", "mqtts"] } else { &["mqtt"] }
    }

    async fn send(
        &self,
        url: &str,
        request: &Request,
        timeout: Duration,
    ) -> Result<Response, TransportError> {
        if !request.to.contains("://") {
            let node = node_of(&request.to).ok_or_else(|| malformed("it names no CSE to send to"))?;
            return self.send_to(url, &node, request, timeout).await;
        }
        let address = Address::parse(url).ok_or_else(|| malformed("it is no URL of an MQTT topic"))?;
        if address.path.is_empty() {
            return Err(malformed("the URL names no topic (mqtt://broker/topic)"));
        }
        let serialization = request.serialization.unwrap_or(Serialization::Json);
        let payload = self.codec.write_request(serialization, request);
        let work = async {
            let caller = self.pool.caller(&address).await?;
            caller.link.publish(address.path.clone(), payload).await.map_err(failed)
        };
        match tokio::time::timeout(timeout, work).await {
            Ok(done) => done.map(|_| Response::to(request, StatusCode::Ok)),
            Err(_) => Err(TransportError::Unreachable(format!("no connection with {}", address.authority))),
        }
    }

    async fn send_to(
        &self,
        url: &str,
        entity: &str,
        request: &Request,
        timeout: Duration,
    ) -> Result<Response, TransportError> {
        let address = Address::parse(url).ok_or_else(|| malformed("it is no URL of an MQTT broker"))?;
        let mut addressed = request.clone();
        if request.to.contains("://") {
            // The address of the broker says nothing to the entity.
            entity.clone_into(&mut addressed.to);
        }
        let deadline = Instant::now() + timeout;
        let answered = async {
            let caller = self.pool.caller(&address).await?;
            self.call(&caller, &address, entity, &addressed).await
        };
        match tokio::time::timeout_at(deadline, answered).await {
            Ok(answered) => answered,
            Err(_) if self.pool.is_connected(&address).await => Err(TransportError::TimedOut),
            Err(_) => Err(TransportError::Unreachable(format!("no connection with {}", address.authority))),
        }
    }
}

impl MqttTransport {
    /// Publishes a request to an entity and waits for the response.
    async fn call(
        &self,
        caller: &Caller,
        address: &Address,
        entity: &str,
        request: &Request,
    ) -> Result<Response, TransportError> {
        let base = base(&address.path);
        caller.listen(&base, &self.names).await?;
        let level = level(entity);
        let receiver = self.names.shortened(&level);
        let awaited = caller.pending.expect(receiver, &request.request_identifier);
        let awaited = awaited
            .ok_or_else(|| TransportError::Unreachable("too many requests wait for a response".into()))?;
        let serialization = request.serialization.unwrap_or(Serialization::Json);
        let topic = Topic {
            base: &base,
            kind: Kind::Request,
            originator: &self.names.cse,
            receiver,
            format: Some(serialization.name()),
        };
        let payload = self.codec.write_request(serialization, request);
        if caller.link.publish(topic.name(), payload).await.map_err(failed)? == Heard::ByNobody {
            return Err(TransportError::Unreachable("nobody listens for requests to it".to_owned()));
        }
        awaited.response().await.ok_or(TransportError::TimedOut)
    }
}

impl Caller {
    /// Sees to it that responses below a prefix are heard.
    async fn listen(&self, base: &str, names: &Names) -> Result<(), TransportError> {
        let mut bases = self.bases.lock().await;
        if bases.contains(base) {
            return Ok(());
        }
        if bases.len() >= PREFIXES {
            return Err(TransportError::Unreachable("too many prefixes of topics are in use".into()));
        }
        self.link.subscribe(filter(base, Kind::Response, &names.cse)).await.map_err(failed)?;
        bases.insert(base.to_owned());
        Ok(())
    }
}

/// Hands a response to whoever waits for it. What nobody waits for is ignored: it may have come too late.
pub(super) fn respond(pending: &Pending, names: &Names, codec: &Codec, message: &Message) {
    let Some(topic) = Topic::parse(&message.topic).filter(|topic| topic.kind == Kind::Response) else {
        return;
    };
    let serialization = topic.format.map_or(Some(Serialization::Json), Serialization::from_name);
    let (Some(serialization), Some(payload)) = (serialization, &message.payload) else {
        tracing::debug!(topic = message.topic, "ignored: a response that this node does not read");
        return;
    };
    let envelope = Envelope::open_as(Form::Response, serialization, payload.clone());
    match codec.read_response(serialization, envelope.primitive) {
        Ok(response) => {
            if !pending.resolve(names.shortened(topic.receiver), response) {
                tracing::debug!(topic = message.topic, "ignored: a response that nobody waits for");
            }
        }
        Err(failure) => tracing::debug!(topic = message.topic, %failure, "ignored: no response"),
    }
}

/// The CSE that a target is on, `/id-mn` for `/id-mn/cse-mn/x`.
fn node_of(to: &str) -> Option<String> {
    match Target::parse(to).ok()?.scope {
        Scope::CseRelative => None,
        Scope::SpRelative { cse } => Some(format!("/{cse}")),
        Scope::Absolute { sp, cse } => Some(format!("//{sp}/{cse}")),
    }
}

fn malformed(what: &str) -> TransportError {
    TransportError::Malformed(what.to_owned())
}

fn failed(error: LinkError) -> TransportError {
    TransportError::Unreachable(error.to_string())
}
