//! Where the two halves of the binding meet: whole CoAP messages with whom they came from.
//!
//! Below is the endpoint, which alone knows message types and IDs, repetitions, blocks and sockets. Above is what
//! answers requests. Both see what is here, and nothing else of each other.

use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use coap_lite::Packet;

/// Another endpoint, as it is seen from here: its address, and through what it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Address and port.
    pub address: SocketAddr,
    /// Which of this node's sockets (or secured sockets) it talks to.
    pub link: u16,
}

/// In one piece: every datagram is looked up by its source, and each piece costs as much as a short whole.
impl Hash for Source {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let rest = u64::from(self.address.port()) << 16 | u64::from(self.link);
        match self.address {
            SocketAddr::V4(address) => state.write_u64(u64::from(u32::from(*address.ip())) << 32 | rest),
            // Zones differ in their interfaces, of which there are few.
            SocketAddr::V6(address) => {
                state.write_u128(u128::from(*address.ip()));
                state.write_u64(u64::from(address.scope_id()) << 32 | rest);
            }
        }
    }
}

/// How a request came.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Whom it came from.
    pub source: Source,
    /// Whether it was sent to a group (RFC 7252 8): errors are not answered then, and the answer is delayed.
    pub multicast: bool,
    /// Whether it was sent as a confirmable message.
    pub confirmable: bool,
    /// The identity that the transport has proved, if any.
    pub authenticated: Option<String>,
}

/// What became of a message that was sent without having been asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was received (ACK).
    Acknowledged,
    /// It was received by somebody who does not know what it is about (RST).
    Reset,
    /// It was repeated as often as RFC 7252 4.2 allows, without an echo.
    TimedOut,
}

/// What stands on the endpoint: answers requests.
#[async_trait]
pub trait Resources: Send + Sync + 'static {
    /// Called once, before the first request: what notifications are sent with.
    fn started(&self, notifier: Arc<dyn Notifier>) {
        let _ = notifier;
    }

    /// Whether an option that is critical is known, beside those of RFC 7252 and 7959. A request with one that is not is
    /// refused before it gets here, as is one that repeats an option.
    fn knows(&self, option: u16) -> bool {
        let _ = option;
        false
    }

    /// Whether a request only reads, and may be carried out again when its message comes again (RFC 7252 4.5): an
    /// answer that it gets at once is not kept then, which costs more than most reads.
    fn is_harmless(&self, request: &Packet) -> bool {
        let _ = request;
        false
    }

    /// Answers a request. `request` is whole: blocks are put together, options of the block-wise transfer are taken
    /// out; its options are known, see `wire`. Of the answer, code, options and payload count: type, message ID,
    /// token and blocks are those of the endpoint. `None` says nothing, which suits groups alone.
    async fn answer(self: Arc<Self>, request: Packet, origin: Origin) -> Option<Packet>;

    /// Says what became of a notification that was given to a [`Notifier`]; never of a
    /// non-confirmable one, unless it is reset.
    fn settled(&self, to: Source, token: &[u8], outcome: Outcome) {
        let _ = (to, token, outcome);
    }
}

/// Sends messages that nobody asked for just now: notifications (RFC 7641).
pub trait Notifier: Send + Sync + 'static {
    /// Sends a response, its token set, to a source that once sent `request` (as it was given to
    /// [`Resources::answer`]). What does not fit into one datagram waits to be fetched with the same request, without
    /// Observe (RFC 7959 2.6). Confirmable ones are repeated until they are echoed. `false` if so much waits for the
    /// source already that this was dropped.
    fn notify(&self, to: Source, request: &RequestKey, notification: Packet, confirmable: bool) -> bool;
}

/// What makes requests the same, whatever their tokens are: method and options, without those of block-wise transfers,
/// Observe and Echo, as one text of bytes that can be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RequestKey(Arc<[u8]>);

/// Observe, Content-Format, which requests for further blocks have no payload for, Block2, Block1, Size2, Size1
/// (RFC 7641, 7252, 7959), Echo (RFC 9175), No-Response (RFC 7967).
const NO_KEY: [u16; 8] = [6, 12, 23, 27, 28, 60, 252, 258];

impl RequestKey {
    /// The key of a request.
    pub fn of(request: &Packet) -> Self {
        let mut key = Vec::with_capacity(128);
        key.push(u8::from(request.header.code));
        for (number, values) in request.options().filter(|(number, _)| !NO_KEY.contains(number)) {
            for value in values {
                key.extend_from_slice(&number.to_be_bytes());
                key.extend_from_slice(&(value.len() as u32).to_be_bytes());
                key.extend_from_slice(value);
            }
        }
        Self(key.into())
    }
}
