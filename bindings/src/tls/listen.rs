//! A TLS listener for bindings that take streams from elsewhere.
//!
//! Responsible for accepting, within the limits of handshakes and connections. What is done with a stream is left to the
//! binding; HTTP has a server of its own that accepts.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::{Accepted, TlsAcceptor};
use crate::listening;

/// A listener that runs; ends with its being dropped, while connections go on.
#[derive(Debug)]
pub struct TlsListener {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl TlsListener {
    /// Binds an address and hands over every stream whose handshake went well, with who is at the other end; each within
    /// a task of its own, at most `connections` at a time, more wait to be accepted. Needs a tokio runtime.
    ///
    /// Fails with the error of the operating system, the address in its text, if it cannot be bound.
    pub fn start<F>(
        address: SocketAddr,
        acceptor: TlsAcceptor,
        connections: usize,
        serve: impl Fn(Accepted<TcpStream>, SocketAddr) -> F + Send + Sync + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let bound = listening::bind(address)?;
        let address = bound.local_addr()?;
        let slots = Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS)));
        let accepting = tokio::spawn(accept(bound, acceptor, slots, Arc::new(serve)));
        Ok(Self { address, accepting })
    }

    /// Where it listens, with the port that was taken for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept<F>(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    slots: Arc<Semaphore>,
    serve: Arc<impl Fn(Accepted<TcpStream>, SocketAddr) -> F + Send + Sync + 'static>,
) where
    F: Future<Output = ()> + Send + 'static,
{
    // Never closed.
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let (stream, peer) = listening::next(&listener, "TLS").await;
        let (acceptor, serve) = (acceptor.clone(), Arc::clone(&serve));
        tokio::spawn(async move {
            // Boxed, so that what a handshake needs is freed with its end. Why there is no connection is in the log.
            let handshake = Box::pin(acceptor.accept(stream, Some(peer)));
            if let Ok(stream) = handshake.await {
                serve(stream, peer).await;
            }
            drop(slot);
        });
    }
}
