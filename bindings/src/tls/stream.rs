//! Connections whose handshake is over, whatever proved who is there.
//!
//! Responsible for being one stream over two libraries: certificates are spoken by rustls, which has no pre-shared keys, and
//! those by s2n-tls.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::peer::Peer;
use super::replay::Replayed;

/// With certificates.
pub(super) type Certified<S> = tokio_rustls::server::TlsStream<Replayed<S>>;

/// With a pre-shared key.
pub(super) type Keyed<S> = s2n_tls_tokio::TlsStream<Replayed<S>>;

/// A connection whose handshake is over.
#[derive(Debug)]
pub struct Accepted<S: AsyncRead + AsyncWrite + Unpin>(Kind<S>);

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the larger one is the usual one, and would gain nothing from a box"
)]
enum Kind<S: AsyncRead + AsyncWrite + Unpin> {
    Certified(Certified<S>),
    Keyed(Keyed<S>, Box<[u8]>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Accepted<S> {
    pub(super) fn certified(stream: Certified<S>) -> Self {
        Self(Kind::Certified(stream))
    }

    pub(super) fn keyed(stream: Keyed<S>, identity: Box<[u8]>) -> Self {
        Self(Kind::Keyed(stream, identity))
    }

    /// Who is at the other end.
    pub fn peer(&self) -> Peer<'_> {
        match &self.0 {
            Kind::Certified(stream) => {
                let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                certificate.map_or(Peer::Nobody, Peer::Certificate)
            }
            Kind::Keyed(_, identity) => Peer::Key(identity),
        }
    }

    /// The version of TLS that is spoken.
    pub(super) fn version(&self) -> Option<rustls::ProtocolVersion> {
        match &self.0 {
            Kind::Certified(stream) => stream.get_ref().1.protocol_version(),
            // There are no such keys in others.
            Kind::Keyed(..) => Some(rustls::ProtocolVersion::TLSv1_3),
        }
    }
}

/// Does the same with the stream of either kind.
macro_rules! either {
    ($self:ident, $stream:ident => $does:expr) => {
        match &mut $self.get_mut().0 {
            Kind::Certified(stream) => {
                let $stream = Pin::new(stream);
                $does
            }
            Kind::Keyed(stream, _) => {
                let $stream = Pin::new(stream);
                $does
            }
        }
    };
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Accepted<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(context, buffer))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Accepted<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Kind::Certified(stream) => stream.is_write_vectored(),
            Kind::Keyed(stream, _) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(context))
    }
}
