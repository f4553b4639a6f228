//! Taking datagrams from a socket.
//!
//! Responsible for the threads that do, and for whose turn it is. As long as one of them can keep up, it takes and
//! answers everything, and no other is woken: a hop to another thread costs more than most requests. Where more came than
//! it takes at a time, the next one takes the rest meanwhile. Answers leave together, so that who waits for several is
//! woken once. What is done with a datagram is left to `serving`.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

use super::resources::Source;
use super::serving::{Serving, lock};

/// Datagrams that are taken at a time: few, so that few wait for one that takes long, and others can help early.
const BATCH: usize = 8;

/// How long an answer may wait for those to datagrams that came together with its own.
const TOGETHER: Duration = Duration::from_micros(200);

/// The longest datagram there is.
const MAX_DATAGRAM: usize = 65_535;

/// The threads that receive from a socket. They end when this is dropped.
pub(super) struct Receivers {
    _running: watch::Sender<()>,
}

impl Receivers {
    /// Starts as many as may serve at the same time; within the runtime on which what waits goes on. `link` is that of
    /// the sources.
    pub(super) fn start(
        serving: &Arc<Serving>,
        socket: &std::net::UdpSocket,
        link: u16,
        count: usize,
    ) -> io::Result<Self> {
        let (running, end) = watch::channel(());
        let turn = Arc::new(Mutex::new(()));
        for _ in 0..count {
            // With a driver of its own: that of the node would wake one of its threads for every datagram that comes or
            // leaves.
            let driver = Builder::new_current_thread().enable_io().build()?;
            let socket = {
                let _driver = driver.enter();
                UdpSocket::from_std(socket.try_clone()?)?
            };
            let receiver = Receiver {
                serving: Arc::clone(serving),
                socket,
                link,
                turn: Arc::clone(&turn),
                end: end.clone(),
                batch: Batch::new(),
            };
            let node = Handle::current();
            std::thread::Builder::new()
                .name("coap".to_owned())
                .spawn(move || receiver.run(&driver, &node))?;
        }
        Ok(Self { _running: running })
    }
}

/// What a thread needs.
struct Receiver {
    serving: Arc<Serving>,
    socket: UdpSocket,
    link: u16,
    /// Held by the one that waits for the socket.
    turn: Arc<Mutex<()>>,
    end: watch::Receiver<()>,
    batch: Batch,
}

impl Receiver {
    fn run(mut self, driver: &Runtime, node: &Handle) {
        loop {
            let turn = lock(&self.turn);
            if !driver.block_on(self.batch.fill(&self.socket, &mut self.end)) {
                return;
            }
            // One that has more to do than it took leaves the rest to another.
            let _turn = (!self.batch.is_full()).then_some(turn);
            let _node = node.enter();
            self.hand_over();
        }
    }

    fn hand_over(&self) {
        let Some(link) = self.serving.endpoint.link(self.link) else { return };
        let mut answers: Vec<(SocketAddr, Bytes)> = Vec::with_capacity(self.batch.datagrams.len());
        let mut began = Instant::now();
        for (address, range) in &self.batch.datagrams {
            let datagram = self.batch.bytes.get(range.clone()).unwrap_or_default();
            let source = Source { address: *address, link: self.link };
            let now = Instant::now();
            if now.saturating_duration_since(began) > TOGETHER {
                answers.drain(..).for_each(|(to, answer)| link.send(to, &answer));
                began = now;
            }
            if let Some(answer) = self.serving.datagram(now, source, false, datagram) {
                answers.push((*address, answer));
            }
        }
        answers.into_iter().for_each(|(to, answer)| link.send(to, &answer));
    }
}

/// Datagrams that were taken.
struct Batch {
    /// Room for the longest one behind what is there.
    bytes: Vec<u8>,
    datagrams: Vec<(SocketAddr, Range<usize>)>,
}

impl Batch {
    fn new() -> Self {
        Self { bytes: vec![0; 2 * MAX_DATAGRAM], datagrams: Vec::with_capacity(BATCH) }
    }

    /// Waits for datagrams and takes them. `false` if it is the end.
    async fn fill(&mut self, socket: &UdpSocket, end: &mut watch::Receiver<()>) -> bool {
        self.datagrams.clear();
        let ready = tokio::select! {
            biased;
            ready = socket.readable() => ready,
            _ = end.changed() => return false,
        };
        // What went out came back as unreachable: of no concern to what comes in.
        ready.and_then(|()| self.take(socket)).unwrap_or_else(|error| tracing::debug!(%error, "receiving"));
        true
    }

    /// Takes what is there. What was taken before an error is there all the same.
    fn take(&mut self, socket: &UdpSocket) -> io::Result<()> {
        let mut filled = 0;
        while !self.is_full() {
            let room = self.bytes.get_mut(filled..).unwrap_or_default();
            match socket.try_recv_from(room) {
                Ok((length, address)) => {
                    self.datagrams.push((address, filled..filled + length));
                    filled += length;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether nothing more fits, so that there may be more.
    fn is_full(&self) -> bool {
        let filled = self.datagrams.last().map_or(0, |(_, range)| range.end);
        self.datagrams.len() >= BATCH || filled > MAX_DATAGRAM
    }
}

/// Hands over what is sent to a group; answers leave through the socket of that link.
pub(super) async fn of_group(serving: Arc<Serving>, socket: UdpSocket, link: u16) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, address)) => {
                let (datagram, source) = (buffer.get(..length).unwrap_or_default(), Source { address, link });
                let answer = serving.datagram(Instant::now(), source, true, datagram);
                serving.say(source, answer);
            }
            Err(error) => tracing::debug!(%error, "receiving"),
        }
    }
}
