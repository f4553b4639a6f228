//! A WebSocket on a stream: messages in, frames out, without waiting.
//!
//! Responsible for the protocol machine of `tungstenite`, for small buffers, and for giving large ones back once they
//! are empty: ten thousand idle connections must not hold what each of them once needed. What messages say is left to
//! `connection`.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

use super::io::Io;

/// Bytes that are read at a time, and that every connection keeps.
const READ: usize = 2 * 1024;

/// Bytes of frames that are put together before they are written without being asked for.
const WRITE: usize = 16 * 1024;

/// A message or frame longer than this leaves buffers behind that are given back.
const LARGE: usize = 8 * 1024;

/// The shortest head of a frame.
const HEAD: usize = 2;

/// A WebSocket.
pub(super) struct Socket<S> {
    stream: S,
    machine: WebSocketContext,
    role: Role,
    /// Bytes that were read and are not accounted for by whole messages: 0 only if the machine holds none.
    unaccounted: usize,
    /// Whether buffers have grown.
    has_grown: bool,
    /// Whether all that was written has left.
    is_flushed: bool,
    /// Whether anything was read since the last look.
    is_alive: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// On a stream whose handshake is over; `tail` is what was read behind it.
    pub(super) fn new(stream: S, tail: Vec<u8>, role: Role, max_message: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .write_buffer_size(WRITE)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        let unaccounted = tail.len();
        let machine = match tail.is_empty() {
            true => WebSocketContext::new(role, Some(config)),
            false => WebSocketContext::from_partially_read(tail, role, Some(config)),
        };
        Self { stream, machine, role, unaccounted, has_grown: false, is_flushed: true, is_alive: true }
    }

    /// The next message or control frame.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Error>> {
        let mut io = Io::new(&mut self.stream, cx);
        let outcome = self.machine.read(&mut io);
        self.unaccounted += io.read;
        self.is_alive |= io.read > 0;
        match outcome {
            Ok(message) => {
                self.account(&message);
                // The machine has an answer to these.
                self.is_flushed &= !matches!(message, Message::Ping(_) | Message::Close(_));
                Poll::Ready(Ok(message))
            }
            Err(error) if would_block(&error) => {
                self.shrink();
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Takes a frame to send. It leaves with [`Socket::poll_flush`], or before.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, kind: Data, payload: Bytes) -> Result<(), Error> {
        self.has_grown |= payload.len() > LARGE;
        self.put(cx, Message::Frame(Frame::message(payload, OpCode::Data(kind), true)))
    }

    /// Asks the other side whether it is there.
    pub(super) fn ping(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.put(cx, Message::Ping(Bytes::new()))
    }

    fn put(&mut self, cx: &mut Context<'_>, message: Message) -> Result<(), Error> {
        self.is_flushed = false;
        let mut io = Io::new(&mut self.stream, cx);
        let outcome = self.machine.write(&mut io, message);
        // What would block has been taken all the same.
        outcome.or_else(|error| if would_block(&error) { Ok(()) } else { Err(error) })
    }

    /// Sends what was written.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.is_flushed {
            return Poll::Ready(Ok(()));
        }
        let mut io = Io::new(&mut self.stream, cx);
        match self.machine.flush(&mut io) {
            Ok(()) => {
                self.is_flushed = true;
                self.shrink();
                Poll::Ready(Ok(()))
            }
            Err(error) if would_block(&error) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Begins to close, and sends what was written before.
    pub(super) fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        frame: Option<CloseFrame>,
    ) -> Poll<Result<(), Error>> {
        let mut io = Io::new(&mut self.stream, cx);
        // From the second time on it flushes alone.
        match self.machine.close(&mut io, frame) {
            Err(error) if would_block(&error) => Poll::Pending,
            outcome => Poll::Ready(outcome),
        }
    }

    /// Whether all that was written has left.
    pub(super) const fn is_flushed(&self) -> bool {
        self.is_flushed
    }

    /// Whether anything was read since the last look.
    pub(super) const fn was_alive(&mut self) -> bool {
        std::mem::replace(&mut self.is_alive, false)
    }

    /// The stream, for what follows the closing handshake.
    pub(super) const fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Takes a message off what was read. Heads of frames are counted at their shortest and fragments as one, so more
    /// is never taken off than the machine has consumed.
    fn account(&mut self, message: &Message) {
        let length = match message {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
            Message::Close(_) | Message::Frame(_) => 0,
        };
        let extended = match length {
            0..=125 => 0,
            126..=0xffff => 2,
            _ => 8,
        };
        let mask = if self.role == Role::Server { 4 } else { 0 };
        self.unaccounted = self.unaccounted.saturating_sub(HEAD + extended + mask + length);
        self.has_grown |= length > LARGE;
    }

    /// Begins anew with small buffers, if those in use have grown and hold nothing.
    fn shrink(&mut self) {
        if self.has_grown && self.unaccounted == 0 && self.is_flushed && self.machine.can_write() {
            self.machine = WebSocketContext::new(self.role, Some(*self.machine.get_config()));
            self.has_grown = false;
        }
    }
}

fn would_block(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}
