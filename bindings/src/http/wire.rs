//! The byte stream beneath a connection of the server.
//!
//! Responsible for two things that `actix-http` leaves open. It answers messages that it cannot parse, heads that
//! are too large and heads that do not come itself, with an empty body and as the last thing on a connection: here
//! these answers get the shape that an originator expects. And its timers watch the first head and idle time
//! alone: here a connection ends on which a later head, or the taking of an answer, does not get on.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use dyad_protocol::exchange::Hangup;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// What a connection and the service that answers on it know of each other.
#[derive(Clone)]
pub(super) struct Shared(Rc<State>);

struct State {
    /// The service has refused the rest of the connection itself: `actix-http` then adds an answer for the same
    /// fault, which would be one too many.
    refused: Cell<bool>,
    /// A message is with the service.
    busy: Cell<bool>,
    /// When the connection began, or the last answer was ready.
    idle_since: Cell<Instant>,
    /// The other side has closed the connection. Messages are answered one after the other, so one is enough.
    hangup: Hangup,
}

impl Shared {
    pub(super) fn refuse_rest(&self) {
        self.0.refused.set(true);
    }

    /// Tells when the other side closes the connection.
    pub(super) fn hangup(&self) -> Hangup {
        self.0.hangup.clone()
    }

    /// Tells that a message is with the service until the guard is dropped.
    pub(super) fn busy(&self) -> Busy {
        self.0.busy.set(true);
        Busy(self.clone())
    }
}

/// A message is with the service.
pub(super) struct Busy(Shared);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.busy.set(false);
        self.0.0.idle_since.set(Instant::now());
    }
}

/// A connection, in clear text or over TLS.
pub(super) struct Wire<IO> {
    io: IO,
    shared: Shared,
    /// For how long no message may reach the service.
    limit: Duration,
    /// Checks the limit. Made once and moved only when it fires, not with every message.
    watch: Pin<Box<Sleep>>,
    /// The limit has been exceeded.
    over: bool,
    /// Bytes that were accepted in place of others, and how many of them are written.
    pending: Vec<u8>,
    written: usize,
}

impl<IO> Wire<IO> {
    /// `limit`: for how long no whole head may come once an answer is ready (or none has been asked for).
    pub(super) fn new(io: IO, limit: Duration) -> Self {
        let idle_since = Cell::new(Instant::now());
        let shared = Shared(Rc::new(State {
            refused: Cell::default(),
            busy: Cell::default(),
            idle_since,
            hangup: Hangup::default(),
        }));
        let watch = Box::pin(sleep(limit));
        Self { io, shared, limit, watch, over: false, pending: Vec::new(), written: 0 }
    }

    pub(super) fn shared(&self) -> Shared {
        self.shared.clone()
    }

    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.over {
            ready!(self.watch.as_mut().poll(cx));
            let state = &self.shared.0;
            let since = if state.busy.get() { Instant::now() } else { state.idle_since.get() };
            self.over = since.elapsed() >= self.limit;
            self.watch.as_mut().reset(since + self.limit);
        }
        Poll::Ready(())
    }
}

impl<IO: AsyncWrite + Unpin> Wire<IO> {
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.pending.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.io).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        self.pending.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Wire<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.io).poll_read(cx, buf) {
            // The end of the stream, as far as the reader can tell.
            Poll::Pending => self.poll_over(cx).map(Ok),
            Poll::Ready(Ok(())) if buf.filled().len() > before => Poll::Ready(Ok(())),
            end => {
                self.shared.0.hangup.signal();
                end
            }
        }
    }
}

impl<IO> Drop for Wire<IO> {
    fn drop(&mut self) {
        self.shared.0.hangup.signal();
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Wire<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.over {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        ready!(self.poll_pending(cx))?;
        // Contents in JSON never end like a head does, so most writes cost this comparison alone.
        if !buf.ends_with(b"\r\n\r\n") {
            return Pin::new(&mut self.io).poll_write(cx, buf);
        }
        let Some((before, status)) = own_answer(buf) else {
            return Pin::new(&mut self.io).poll_write(cx, buf);
        };
        self.pending.extend_from_slice(before);
        if !self.shared.0.refused.replace(true) {
            self.pending.extend_from_slice(shaped(status).as_bytes());
        }
        match self.poll_pending(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What is pending is written before anything else, and flushed.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(buf.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// If a buffer ends with an answer of `actix-http` itself: what is in front of it, and its status. Such an answer
/// has no header but Content-Length: 0, Connection: close (not in HTTP/1.0) and Date; those of this binding have X-M2M-RSC.
fn own_answer(buf: &[u8]) -> Option<(&[u8], &'static str)> {
    let start = buf.windows(7).rposition(|window| window == b"HTTP/1.")?;
    let (before, head) = buf.split_at_checked(start)?;
    let mut lines = std::str::from_utf8(head).ok()?.strip_suffix("\r\n\r\n")?.split("\r\n");
    let status = match lines.next()?.get(9..12)? {
        "400" => "400 Bad Request",
        "408" => "408 Request Timeout",
        "431" => "431 Request Header Fields Too Large",
        "500" => "500 Internal Server Error",
        _ => return None,
    };
    // HTTP/1.0 closes unless something else is said.
    let mut closes = head.starts_with(b"HTTP/1.0");
    for line in lines {
        let line = line.to_ascii_lowercase();
        closes |= line == "connection: close";
        if !(line == "connection: close" || line == "content-length: 0" || line.starts_with("date: ")) {
            return None;
        }
    }
    closes.then_some((before, status))
}

/// The answer that goes out instead.
fn shaped(status: &str) -> String {
    let (rsc, debug) = match status.get(..3) {
        Some("408") => (4000, "the head of the request did not come in time"),
        Some("431") => (4000, "the head of the request is too large"),
        Some("500") => (5000, "internal error"),
        _ => (4000, "the message is not well-formed HTTP"),
    };
    let body = format!("{{\"m2m:dbg\":\"{debug}\"}}");
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         x-m2m-rsc: {rsc}\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::own_answer;

    #[test]
    fn recognises_foreign_answers_only() {
        let own = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: x\r\n\r\n";
        let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-m2m-rsc: 2000\r\n\r\n{}";
        assert_eq!(own_answer(own.as_bytes()).unwrap().0, b"");
        assert_eq!(own_answer(format!("{ok}{own}").as_bytes()).unwrap().0, ok.as_bytes());
        for other in [
            ok.replace("2\r\n", "0\r\n").trim_end_matches("{}").to_owned(),
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\nx-m2m-rsc: 4000\r\n\r\n"
                .to_owned(),
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "\r\n\r\n".to_owned(),
        ] {
            assert!(own_answer(other.as_bytes()).is_none(), "{other}");
        }
    }
}
