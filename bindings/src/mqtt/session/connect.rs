//! How a connection with a broker is made.
//!
//! Responsible for the seam: whoever puts a node together may bring a connector of his own, for TLS above all. What is
//! said over the stream is left to `connection`.

use std::io;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::mqtt::address::Authority;
use crate::tls::TlsConnector;

/// A stream of bytes to a broker and back.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for T {}

/// Makes connections with brokers.
#[async_trait]
pub trait Connector: Send + Sync + 'static {
    /// A stream to a broker, over TLS if its address says so. `Unsupported` for one that it cannot reach in that way.
    async fn connect(&self, authority: &Authority) -> io::Result<Box<dyn Stream>>;

    /// Whether it can speak TLS (`mqtts`).
    fn is_secure(&self) -> bool {
        false
    }
}

/// TCP, and TLS over it for `mqtts`.
#[derive(Clone, Debug)]
pub struct Secure(TlsConnector);

impl Secure {
    /// One that trusts whom the TLS connector trusts.
    pub fn new(tls: TlsConnector) -> Self {
        Self(tls)
    }
}

#[async_trait]
impl Connector for Secure {
    async fn connect(&self, authority: &Authority) -> io::Result<Box<dyn Stream>> {
        let stream = tcp(authority).await?;
        match authority.is_secure {
            true => Ok(Box::new(self.0.connect(&authority.host, stream).await?)),
            false => Ok(Box::new(stream)),
        }
    }

    fn is_secure(&self) -> bool {
        true
    }
}

async fn tcp(authority: &Authority) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((authority.host.as_str(), authority.port)).await?;
    // An answer leaves at once, not when the next one follows.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Plain TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

#[async_trait]
impl Connector for Tcp {
    async fn connect(&self, authority: &Authority) -> io::Result<Box<dyn Stream>> {
        if authority.is_secure {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "there is no TLS towards MQTT brokers"));
        }
        Ok(Box::new(tcp(authority).await?))
    }
}
