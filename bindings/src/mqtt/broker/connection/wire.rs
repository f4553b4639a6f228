//! The bytes of one connection: what arrived and was not looked at, what is to be written and was not taken.
//!
//! Reading and writing go on beside each other, so that a client that does not read is not waited for. An idle
//! connection keeps no buffers.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read at once.
const CHUNK: usize = 16 * 1024;

/// Buffers that grew beyond this are given back once they are empty.
const KEPT: usize = 1024;

/// For how long a connection that ends may take what is left, and be listened to: closed with bytes unread, a socket
/// takes back what it has written.
const LINGER: Duration = Duration::from_secs(1);

/// Reads at the end of a connection, at the most.
const LINGER_READS: usize = 64;

/// A stream with its buffers.
#[derive(Debug)]
pub(super) struct Wire<T> {
    stream: T,
    /// What arrived and is not handled.
    pub(super) inbound: Vec<u8>,
    /// What is to be written; packets are appended.
    pub(super) out: Vec<u8>,
    /// How much of it is written.
    sent: usize,
    is_unflushed: bool,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    pub(super) fn new(stream: T) -> Self {
        Self { stream, inbound: Vec::new(), out: Vec::new(), sent: 0, is_unflushed: false }
    }

    /// Bytes that wait to be written.
    pub(super) fn backlog(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_drained(&self) -> bool {
        self.out.is_empty() && !self.is_unflushed
    }

    /// Takes away what has been handled of the bytes that arrived.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.inbound.drain(..bytes.min(self.inbound.len()));
        if self.inbound.is_empty() && self.inbound.capacity() > KEPT {
            self.inbound = Vec::new();
        }
    }

    /// Writes; ready with how many bytes the stream took, which is none only if there was nothing to write.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut written = 0;
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut self.stream).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(taken)) => {
                    self.sent += taken;
                    written += taken;
                    self.is_unflushed = true;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if written > 0 => return Poll::Ready(Ok(written)),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.sent = 0;
        self.out.clear();
        if self.out.capacity() > KEPT {
            self.out = Vec::new();
        }
        if self.is_unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(result) => {
                    result?;
                    self.is_unflushed = false;
                }
                Poll::Pending if written > 0 => {}
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(written))
    }

    /// Reads; ready with how many bytes arrived, which is none at the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [const { MaybeUninit::<u8>::uninit() }; CHUNK];
        let mut chunk = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut chunk))?;
        self.inbound.extend_from_slice(chunk.filled());
        Poll::Ready(Ok(chunk.filled().len()))
    }

    /// Waits for bytes; how many arrived.
    pub(super) async fn read(&mut self) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    async fn write(&mut self) -> io::Result<()> {
        while !self.is_drained() {
            poll_fn(|cx| self.poll_write(cx)).await?;
        }
        Ok(())
    }

    /// Ends the connection: writes what is left, and listens until the other side has closed too.
    pub(super) async fn close(mut self) {
        let closing = async {
            self.write().await?;
            poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await?;
            for _ in 0..LINGER_READS {
                if self.read().await? == 0 {
                    break;
                }
                self.inbound.clear();
            }
            io::Result::Ok(())
        };
        // Whoever does not take the end of it does without.
        drop(tokio::time::timeout(LINGER, closing).await);
    }
}
