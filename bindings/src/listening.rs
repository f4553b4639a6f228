//! Listening for TCP connections, for bindings that accept by themselves.
//!
//! Responsible for addresses that can be bound again at once, and for going on when a connection cannot be accepted.
//! Whom there is room for is left to who accepts.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Connections that the operating system keeps until one is accepted.
const BACKLOG: u32 = 2048;

/// How long accepting pauses after an error, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens at an address; port 0 takes a free one. Needs to be called within a tokio runtime with IO.
///
/// Fails with the error of the operating system, the address in its text, if it cannot be bound.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let bind = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bind().map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))
}

/// The next connection, and who is at its other end. `protocol` is what the log calls it.
pub(crate) async fn next(listener: &TcpListener, protocol: &'static str) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Small packets are to leave at once; a socket that refuses this is slower and works.
                drop(stream.set_nodelay(true));
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(protocol, %error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
