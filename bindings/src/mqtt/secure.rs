//! MQTT over TLS (`mqtts`) into the broker of this process.
//!
//! Responsible for accepting connections and handing on those that were secured. The handshake is left to
//! [`crate::tls`], everything that is said inside to the broker.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::broker::Entrance;
use crate::tls::TlsAcceptor;

/// How long accepting pauses after an error, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens until it is dropped; connections stay with the broker.
#[derive(Debug)]
pub struct SecureListener {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl SecureListener {
    /// Binds an address; port 0 takes a free one. Fails with the error of the operating system.
    pub async fn start(address: SocketAddr, acceptor: TlsAcceptor, entrance: Entrance) -> io::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
        let address = listener.local_addr()?;
        Ok(Self { address, accepting: tokio::spawn(accept(listener, acceptor, entrance)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for SecureListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, entrance: Entrance) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Small packets are to arrive at once; a socket that refuses this is slower and works.
                drop(stream.set_nodelay(true));
                let (acceptor, entrance) = (acceptor.clone(), entrance.clone());
                tokio::spawn(async move {
                    // Why there is no connection is in the log.
                    if let Ok(stream) = acceptor.accept(stream, Some(peer)).await {
                        entrance.serve(stream, Some(peer)).await;
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept an MQTT connection over TLS");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
