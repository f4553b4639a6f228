//! What a client is told when there will be no connection (RFC 8446 6.2).
//!
//! Responsible for alerts where no library sends them: before one has the connection, and for s2n-tls, which ends failed
//! handshakes as if all were well.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

/// A message that has no place here.
pub(super) const UNEXPECTED_MESSAGE: u8 = 10;
/// Nothing that both sides have.
pub(super) const HANDSHAKE_FAILURE: u8 = 40;
/// What proves that the client has the key does not.
pub(super) const DECRYPT_ERROR: u8 = 51;
/// An identity without a key.
pub(super) const UNKNOWN_PSK_IDENTITY: u8 = 115;

/// Sends a fatal alert in clear text, and ends the stream.
pub(super) async fn send(stream: &mut (impl AsyncWrite + Unpin), alert: u8) -> io::Result<()> {
    stream.write_all(&[21, 3, 3, 0, 2, 2, alert]).await?;
    stream.shutdown().await
}

/// A stream while a handshake goes on over it: keeps back `close_notify` in clear text, with which a server that fails
/// would seem to have ended in peace, and leaves the end to whoever knows why it failed. From the keys of the handshake on
/// alerts are encrypted, and pass.
#[derive(Debug)]
pub(super) struct Undecided<S> {
    stream: S,
    has_failed: bool,
}

impl<S: AsyncWrite + Unpin> Undecided<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, has_failed: false }
    }

    /// The stream, when the handshake is over.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }

    /// Ends the stream, with this alert if none was sent.
    pub(super) async fn fail(mut self, alert: u8) -> io::Result<()> {
        match self.has_failed {
            true => send(&mut self.stream, alert).await,
            false => self.stream.shutdown().await,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Undecided<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Undecided<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let [21, 3, _, 0, 2, _, 0] = bytes {
            self.has_failed = true;
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was written leaves, and the end comes after the alert.
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::{HANDSHAKE_FAILURE, Undecided};
    use tokio::io::AsyncWriteExt as _;

    async fn written(bytes: &[u8]) -> Vec<u8> {
        let (mut here, there) = tokio::io::duplex(64);
        let mut stream = Undecided::new(there);
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        stream.fail(HANDSHAKE_FAILURE).await.unwrap();
        let mut all = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut here, &mut all).await.unwrap();
        all
    }

    #[tokio::test]
    async fn failures_are_told() {
        assert_eq!(written(&[21, 3, 3, 0, 2, 1, 0]).await, [21, 3, 3, 0, 2, 2, HANDSHAKE_FAILURE]);
        let encrypted = [23, 3, 3, 0, 3, 1, 2, 3];
        assert_eq!(written(&encrypted).await, encrypted);
    }
}
