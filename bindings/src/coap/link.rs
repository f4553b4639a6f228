//! What datagrams leave through.
//!
//! Responsible for the one function that sockets and secured sockets have in common here. Receiving is left to whoever
//! owns the socket.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

/// Sends datagrams.
pub trait Link: Send + Sync + 'static {
    /// Sends a datagram, at once or not at all: what cannot be sent is lost, as it may be on its way.
    fn send(&self, to: SocketAddr, datagram: &[u8]);

    /// Whether nobody can send in the name of another address (DTLS).
    fn is_secured(&self) -> bool {
        false
    }

    /// The identity that the transport has proved for an address.
    fn authenticated(&self, peer: SocketAddr) -> Option<String> {
        let _ = peer;
        None
    }
}

/// A UDP socket that does not block.
#[derive(Clone, Debug)]
pub struct Udp(pub Arc<UdpSocket>);

impl Link for Udp {
    fn send(&self, to: SocketAddr, datagram: &[u8]) {
        // Past any runtime, which would wait for an event before the first datagram of a new socket.
        if let Err(error) = self.0.send_to(datagram, to) {
            tracing::debug!(%to, %error, "a datagram was not sent");
        }
    }
}
