//! One open connection: its messages in and out, until it ends (RFC 6455, TS-0020 5.2).
//!
//! Responsible for the order of things on a connection and for its limits: requests in progress, what is waiting to be
//! sent, and signs of life. One task does it all, so an idle connection costs a task and its buffers. What messages
//! mean is left to `incoming`, requests of this node to `line`.
//!
//! Answers leave in the order in which they are done. While the other side does not take them, or has as many requests
//! in progress as it may, nothing further is read from it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::Data;

use super::closing::End;
use super::incoming::{Incoming, Running, Taken};
use super::line::{Ending, Line};
use super::settings::Limits;
use super::socket::Socket;
use super::subprotocol::opcode;

/// Bytes of answers that wait to be sent before nothing further is read.
const MAX_WAITING: usize = 1024 * 1024;

/// Bytes that are handed to the socket before they are sent.
const BATCH: usize = 64 * 1024;

/// Messages that are read before answers are sent.
const READS: usize = 32;

/// For how long the other side may take to read why it is closed.
const LINGER: Duration = Duration::from_secs(1);

/// Looks for signs of life at which what was written had not left, after which a connection ends.
const PATIENCE: u8 = 2;

/// What a connection is made of.
struct Connection<S> {
    socket: Socket<S>,
    line: Arc<Line>,
    incoming: Incoming,
    limits: Limits,
    kind: Data,
    running: FuturesUnordered<Running>,
    /// Answers that are to be sent, and their bytes.
    answers: VecDeque<Bytes>,
    waiting: usize,
    /// When the next look for signs of life is due.
    look: Pin<Box<Sleep>>,
    /// Whether the other side was asked for a sign of life and has not given any.
    is_asked: bool,
    /// Looks in a row at which what was written had not left.
    untaken: u8,
}

/// How far reading has come.
enum Progress {
    /// There may be more.
    More,
    /// Nothing further may be read now.
    Held,
    /// What comes next wakes the task.
    Waits,
}

/// Serves a connection until it ends. What is in progress then goes on; its answers are lost.
pub(super) async fn run<S>(socket: Socket<S>, line: Arc<Line>, incoming: Incoming, limits: Limits)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let kind = opcode(line.serialization());
    let mut connection = Box::new(Connection {
        socket,
        line,
        incoming,
        limits,
        kind,
        running: FuturesUnordered::new(),
        answers: VecDeque::new(),
        waiting: 0,
        look: Box::pin(sleep(limits.keep_alive)),
        is_asked: false,
        untaken: 0,
    });
    let end = poll_fn(|cx| connection.poll(cx)).await;
    let Connection { socket, incoming, mut running, .. } = *connection;
    // From here on nobody sends requests over it.
    drop(incoming);
    if !running.is_empty() {
        running.iter().for_each(Running::hang_up);
        tokio::spawn(async move { while running.next().await.is_some() {} });
    }
    if let Some(frame) = end.frame() {
        tracing::debug!(code = u16::from(frame.code), why = %frame.reason, "a connection is closed");
        // Whoever does not take it in time does without.
        let _ = timeout(LINGER, farewell(socket, frame)).await;
    }
}

/// Says why, and takes what still comes: a connection that is closed with unread bytes would be reset, and the reason
/// lost on the way.
async fn farewell<S: AsyncRead + AsyncWrite + Unpin>(mut socket: Socket<S>, frame: CloseFrame) {
    let said = poll_fn(|cx| socket.poll_close(cx, Some(frame.clone()))).await;
    if said.is_err() {
        return;
    }
    let stream = socket.stream();
    let mut rest = [0; 512];
    let _ = stream.shutdown().await;
    while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.line.watch(cx.waker());
        match self.work(cx) {
            Ok(()) => self.look(cx),
            Err(end) => Poll::Ready(end),
        }
    }

    /// Goes on until everything waits for something.
    fn work(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        loop {
            let progress = self.read(cx)?;
            while let Poll::Ready(Some(done)) = self.running.poll_next_unpin(cx) {
                if let Some(answer) = self.incoming.finish(done) {
                    self.answer(answer);
                }
            }
            self.send(cx)?;
            self.obey()?;
            let goes_on = match progress {
                Progress::More => true,
                // What is done and has left has made room.
                Progress::Held => self.may_read(),
                Progress::Waits => false,
            };
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// Takes messages as far as that is allowed.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<Progress, End> {
        for _ in 0..READS {
            if !self.may_read() {
                return Ok(Progress::Held);
            }
            let Poll::Ready(message) = self.socket.poll_read(cx) else { return Ok(Progress::Waits) };
            let message = match (message?, self.kind) {
                (Message::Text(text), Data::Text) => Bytes::from(text),
                (Message::Binary(bytes), Data::Binary) => bytes,
                (Message::Text(_) | Message::Binary(_), _) => return Err(End::WRONG_KIND),
                // The protocol machine answers those that want an answer.
                _ => continue,
            };
            match self.incoming.take(message) {
                Some(Taken::Answered(answer)) => self.answer(answer),
                Some(Taken::Running(running)) => self.running.push(running),
                None => {}
            }
        }
        Ok(Progress::More)
    }

    /// Requests may wait for responses that come over this same connection, which has to be read then: as many more
    /// are let in.
    fn may_read(&self) -> bool {
        let in_progress = self.running.len() + self.answers.len();
        let most = self.limits.max_in_progress;
        let has_room = in_progress < most || (in_progress < most.saturating_mul(2) && !self.line.is_idle());
        has_room && self.waiting < MAX_WAITING && self.line.is_open()
    }

    fn answer(&mut self, answer: Bytes) {
        self.waiting += answer.len();
        self.answers.push_back(answer);
    }

    /// Sends what there is as far as the other side takes it.
    fn send(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        while self.socket.poll_flush(cx)?.is_ready() {
            self.untaken = 0;
            if !self.hand_over(cx)? {
                break;
            }
        }
        Ok(())
    }

    /// Hands answers, and requests of this node, to the socket. Gives whether there were any.
    fn hand_over(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut handed = 0;
        while handed < BATCH {
            let message = match self.answers.pop_front() {
                Some(answer) => {
                    self.waiting -= answer.len();
                    answer
                }
                None => match self.line.next() {
                    Some(request) => request,
                    None => break,
                },
            };
            handed += message.len();
            self.socket.write(cx, self.kind, message)?;
        }
        if self.answers.is_empty() && self.answers.capacity() > READS {
            self.answers = VecDeque::new();
        }
        Ok(handed > 0)
    }

    /// Ends if it was asked to and all is said.
    fn obey(&self) -> Result<(), End> {
        let is_done = self.running.is_empty() && self.answers.is_empty() && self.socket.is_flushed();
        match self.line.ending() {
            Some(Ending::Closed) => Err(End::STOP),
            Some(Ending::Stop) if is_done => Err(End::STOP),
            Some(Ending::Unused) if is_done => Err(End::IDLE),
            _ => Ok(()),
        }
    }

    /// Looks for signs of life when it is time.
    fn look(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        while self.look.as_mut().poll(cx).is_ready() {
            self.look.as_mut().reset(Instant::now() + self.limits.keep_alive);
            if !self.socket.is_flushed() {
                self.untaken += 1;
                if self.untaken >= PATIENCE {
                    return Poll::Ready(End::NOT_TAKEN);
                }
                continue;
            }
            // Nothing can be seen of one that is not listened to.
            if self.socket.was_alive() || !self.may_read() {
                self.is_asked = false;
                continue;
            }
            if std::mem::replace(&mut self.is_asked, true) {
                return Poll::Ready(End::Gone);
            }
            match self.socket.ping(cx).and_then(|()| Ok(self.socket.poll_flush(cx)?)) {
                Ok(_) => {}
                Err(error) => return Poll::Ready(error.into()),
            }
        }
        Poll::Pending
    }
}
