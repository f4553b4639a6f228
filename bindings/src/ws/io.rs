//! A stream of the runtime as the blocking reader and writer that the WebSocket protocol machine asks for.
//!
//! Responsible for saying "would block" where the stream is not ready, with the task to wake noted, and for counting
//! what is read.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One call of the protocol machine.
pub(super) struct Io<'a, 'c, S> {
    pub(super) stream: &'a mut S,
    pub(super) cx: &'a mut Context<'c>,
    /// Bytes that were read.
    pub(super) read: usize,
}

impl<'a, 'c, S> Io<'a, 'c, S> {
    pub(super) fn new(stream: &'a mut S, cx: &'a mut Context<'c>) -> Self {
        Self { stream, cx, read: 0 }
    }
}

fn settle<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl<S: AsyncRead + Unpin> Read for Io<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        settle(Pin::new(&mut *self.stream).poll_read(self.cx, &mut buffer))?;
        self.read += buffer.filled().len();
        Ok(buffer.filled().len())
    }
}

impl<S: AsyncWrite + Unpin> Write for Io<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        settle(Pin::new(&mut *self.stream).poll_write(self.cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        settle(Pin::new(&mut *self.stream).poll_flush(self.cx))
    }
}
