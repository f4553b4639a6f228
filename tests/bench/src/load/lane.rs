//! One keep-alive connection of the load generator.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::Framing;
use crate::answer::Answer;

const ROOM: usize = 8 * 1024;

/// A connection with at most one request in flight.
pub(crate) struct Lane {
    stream: TcpStream,
    framing: Framing,
    request: Vec<u8>,
    written: usize,
    input: Vec<u8>,
    filled: usize,
    busy: bool,
    sent_at: Instant,
}

impl Lane {
    /// Connects and asks for readiness under this token.
    pub(crate) fn open(
        framing: Framing,
        address: SocketAddr,
        registry: &Registry,
        token: usize,
    ) -> Result<Self> {
        let stream = framing.connect(address)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, Token(token), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            framing,
            request: Vec::with_capacity(1024),
            written: 0,
            input: vec![0; ROOM],
            filled: 0,
            busy: false,
            sent_at: Instant::now(),
        })
    }

    /// The emptied buffer for the next request.
    pub(crate) fn request(&mut self) -> &mut Vec<u8> {
        self.request.clear();
        &mut self.request
    }

    /// Sends the request in the buffer.
    pub(crate) fn send(&mut self, now: Instant) -> Result<()> {
        self.written = 0;
        self.filled = 0;
        self.busy = true;
        self.sent_at = now;
        self.flush()
    }

    /// Waits for a message that nobody asks for now.
    pub(crate) fn wait(&mut self) {
        self.filled = 0;
        self.busy = true;
    }

    /// When the request in flight was sent.
    pub(crate) fn sent_at(&self) -> Instant {
        self.sent_at
    }

    /// The bytes of an answer that has just arrived.
    pub(crate) fn answer(&self, answer: Answer) -> &[u8] {
        self.input.get(..answer.end).unwrap_or_default()
    }

    /// Writes and reads what the socket allows; an answer once it is whole.
    ///
    /// Readiness is edge triggered: the next answer brings an event of its own, so a read that would
    /// only find the socket empty is saved.
    pub(crate) fn advance(&mut self) -> Result<Option<Answer>> {
        if !self.busy {
            return Ok(None);
        }
        self.flush()?;
        loop {
            if self.filled == self.input.len() {
                self.input.resize(self.filled * 2, 0);
            }
            let room = self.input.get_mut(self.filled..).unwrap_or_default();
            match self.stream.read(room) {
                Ok(0) => bail!("the connection was closed before an answer was whole"),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("read"),
            }
            let arrived = self.input.get(..self.filled).unwrap_or_default();
            if let Some(answer) = self.framing.parse(arrived)? {
                self.busy = false;
                return Ok(Some(answer));
            }
        }
    }

    fn flush(&mut self) -> Result<()> {
        while let Some(rest) = self.request.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("write"),
            }
        }
        Ok(())
    }
}
