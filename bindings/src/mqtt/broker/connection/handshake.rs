//! The beginning of a connection: CONNECT is waited for, looked at, and answered (MQTT 5 clauses 3.1, 3.2).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mqtt_proto::v5::ConnectReasonCode;
use tokio::io::{AsyncRead, AsyncWrite};

use super::wire::Wire;
use super::{Connection, Pace};
use crate::mqtt::broker::message::{Client, Message};
use crate::mqtt::broker::packet::{self, Connect, ConnectError, Version, WillMessage};
use crate::mqtt::broker::router::{Join, Refusal, Router};
use crate::mqtt::broker::session::Will;
use crate::mqtt::broker::topic;

/// Opens a connection, or ends it with the refusal that it deserves.
pub(super) async fn open<T: AsyncRead + AsyncWrite + Unpin>(
    router: &Arc<Router>,
    stream: T,
    peer: Option<SocketAddr>,
) -> Option<Connection<T>> {
    let mut wire = Wire::new(stream);
    let connect = tokio::time::timeout(router.settings.connect_timeout, first(router, &mut wire)).await;
    let refused = match connect {
        Ok(Some(Ok(connect))) => match join(router, connect, peer) {
            Ok(opened) => return Some(opened.connect(router, wire)),
            Err(refused) => refused,
        },
        Ok(Some(Err(ConnectError::Refused(version, reason)))) => (version, reason),
        Ok(Some(Err(ConnectError::Version(level)))) => {
            // Whoever speaks something newer understands the newest.
            let version = if level > 5 { Version::V5 } else { Version::V3 };
            (version, ConnectReasonCode::UnsupportedProtocolVersion)
        }
        Ok(Some(Err(ConnectError::Unanswerable)) | None) | Err(_) => return None,
    };
    tracing::debug!(?peer, version = ?refused.0, reason = ?refused.1, "MQTT connection refused");
    packet::refuse(&mut wire.out, refused.0, refused.1);
    wire.close().await;
    None
}

/// The first packet; `None` if the stream ended before it.
async fn first<T: AsyncRead + AsyncWrite + Unpin>(
    router: &Router,
    wire: &mut Wire<T>,
) -> Option<Result<Connect, ConnectError>> {
    loop {
        match packet::frame(&wire.inbound, router.settings.max_packet) {
            Err(_) => return Some(Err(ConnectError::Unanswerable)),
            Ok(Some(frame)) => {
                let connect = packet::connect(frame);
                let len = frame.len;
                wire.consume(len);
                return Some(connect);
            }
            Ok(None) => {}
        }
        // No other packet is worth waiting for.
        if wire.inbound.first().is_some_and(|first| *first != 0x10) || wire.read().await.ok()? == 0 {
            return None;
        }
    }
}

/// A client that was let in.
struct Opened {
    version: Version,
    client: Arc<Client>,
    joined: crate::mqtt::broker::router::Joined,
    max_packet: usize,
    keep_alive: u16,
    is_assigned: bool,
    /// The session expiry that it gets instead of what it wants, in seconds.
    expiry: Option<u32>,
}

fn join(
    router: &Router,
    connect: Connect,
    peer: Option<SocketAddr>,
) -> Result<Opened, (Version, ConnectReasonCode)> {
    let version = connect.version;
    let refused = |reason| (version, reason);
    let is_assigned = connect.id.is_empty();
    let id = if is_assigned { assigned_id(router) } else { connect.id };
    let client = Arc::new(Client { id, user_name: connect.user_name, peer, is_local: false });
    let will = match connect.will {
        Some(will) if topic::is_reserved(&will.topic) || !router.rules.may_publish(&client, &will.topic) => {
            return Err(refused(ConnectReasonCode::NotAuthorized));
        }
        will => will.map(|said| will_of(said, &client)),
    };
    let longest = u32::try_from(router.settings.session_expiry.as_secs()).unwrap_or(u32::MAX);
    let expiry = connect.expiry.min(longest);
    let join = Join {
        id: Arc::clone(&client.id),
        clean: connect.clean,
        expiry: Duration::from_secs(u64::from(expiry)),
        window: connect.receive_max.min(router.settings.max_inflight).max(1),
        will,
    };
    let joined = router.join(join).map_err(|refusal| {
        refused(match refusal {
            Refusal::Reserved => ConnectReasonCode::ClientIdentifierNotValid,
            Refusal::Full => ConnectReasonCode::QuotaExceeded,
            Refusal::Stopping => ConnectReasonCode::ServerUnavailable,
        })
    })?;
    Ok(Opened {
        version,
        client,
        joined,
        max_packet: connect.max_packet,
        keep_alive: connect.keep_alive,
        is_assigned,
        expiry: (expiry < connect.expiry).then_some(expiry),
    })
}

/// An ID for a client without one: no AE-ID, and not that of anybody else who is here.
fn assigned_id(router: &Router) -> Arc<str> {
    use std::hash::BuildHasher;
    let number = router.number();
    let random = std::hash::RandomState::new().hash_one(number);
    format!("auto-{number:x}-{random:016x}").into()
}

fn will_of(said: WillMessage, client: &Arc<Client>) -> Will {
    Will {
        message: Message {
            topic: said.topic,
            payload: said.payload,
            qos: said.qos,
            retain: said.retain,
            publisher: Arc::clone(client),
            properties: said.properties,
            expires: None,
        },
        expiry: said.expiry,
        delay: Duration::from_secs(u64::from(said.delay)),
    }
}

impl Opened {
    /// Answers, and goes on as a connection.
    fn connect<T>(self, router: &Arc<Router>, mut wire: Wire<T>) -> Connection<T> {
        let Self { version, client, joined, .. } = self;
        tracing::debug!(client = %client.id, peer = ?client.peer, ?version, known = joined.is_present, "MQTT client");
        let assigned = self.is_assigned.then(|| Arc::clone(&client.id));
        let settings = &router.settings;
        let abilities =
            packet::abilities(settings.receive_maximum, settings.max_packet, assigned, self.expiry);
        packet::connack(&mut wire.out, version, joined.is_present, abilities);
        for pid in joined.released {
            packet::pubrel(&mut wire.out, version, pid, true);
        }
        Connection {
            router: Arc::clone(router),
            wire,
            version,
            client,
            session: joined.session,
            link: joined.link,
            max_packet: self.max_packet,
            pace: Pace::new(self.keep_alive, settings.write_timeout),
            blocked: None,
            stopping: None,
        }
    }
}
