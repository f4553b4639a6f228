//! CoAP over DTLS (`coaps`, RFC 7252 9.1).
//!
//! Responsible for joining the endpoint of this binding with the sessions of `tls::dtls`: what is inside of their datagrams
//! are messages as over UDP.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::link::Link;
use super::resources::Source;
use super::server::Server;
use crate::tls::dtls::Endpoint;

/// Sends within sessions.
#[derive(Debug)]
pub(super) struct Sessions(pub(super) Arc<Endpoint>);

impl Link for Sessions {
    fn send(&self, to: SocketAddr, datagram: &[u8]) {
        self.0.send(to, datagram);
    }

    fn is_secured(&self) -> bool {
        true
    }
}

/// A socket with DTLS of a server. Dropping it ends its receiving.
#[derive(Debug)]
pub struct Secured {
    endpoint: Arc<Endpoint>,
    receiving: JoinHandle<()>,
}

impl Secured {
    /// Lets a server take what comes in over DTLS; within the runtime.
    pub fn serve(server: &Server, endpoint: Arc<Endpoint>) -> Self {
        let link = server.attach(Arc::new(Sessions(Arc::clone(&endpoint))));
        let (received, running) = (server.received(), Arc::clone(&endpoint));
        let receiving = tokio::spawn(async move {
            running.run(move |address, datagram| received(Source { address, link }, datagram)).await;
        });
        Self { endpoint, receiving }
    }

    /// Where it listens, with the port that was taken for port 0.
    pub fn address(&self) -> SocketAddr {
        self.endpoint.address()
    }

    /// Says goodbye to all clients.
    pub fn stop(self) {
        self.endpoint.close();
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        self.receiving.abort();
    }
}
