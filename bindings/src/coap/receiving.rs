//! Taking datagrams from a socket.
//!
//! Responsible for the threads that do, and for whose turn it is. As long as one of them can keep up, it takes and
//! answers everything, and no other is woken: a hop to another thread costs more than most requests. Where more came than
//! it takes at a time, the next one takes the rest meanwhile. Answers leave together, so that who waits for several is
//! woken once. What is done with a datagram is left to `serving`.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

use super::burst::{Inbox, MAX_DATAGRAM, Outbox};
use super::resources::Source;
use super::serving::{Serving, lock};

/// How long an answer may wait for those to datagrams that came together with its own.
const TOGETHER: Duration = Duration::from_micros(200);

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
            let ready = {
                let _driver = driver.enter();
                UdpSocket::from_std(socket.try_clone()?)?
            };
            let receiver = Receiver {
                serving: Arc::clone(serving),
                socket: socket.try_clone()?,
                ready,
                link,
                turn: Arc::clone(&turn),
                end: end.clone(),
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
    socket: std::net::UdpSocket,
    /// The same socket, to wait for.
    ready: UdpSocket,
    link: u16,
    /// Held by the one that waits for the socket.
    turn: Arc<Mutex<()>>,
    end: watch::Receiver<()>,
}

impl Receiver {
    fn run(self, driver: &Runtime, node: &Handle) {
        let (mut inbox, mut outbox) = (Inbox::new(), Outbox::new());
        let mut end = self.end.clone();
        loop {
            let turn = lock(&self.turn);
            if !driver.block_on(self.fill(&mut inbox, &mut end)) {
                return;
            }
            // One that has more to do than it took leaves the rest to another.
            let _turn = (!inbox.is_full()).then_some(turn);
            let _node = node.enter();
            self.hand_over(&inbox, &mut outbox);
        }
    }

    /// Waits for datagrams and takes them. `false` if it is the end.
    async fn fill(&self, inbox: &mut Inbox, end: &mut watch::Receiver<()>) -> bool {
        inbox.clear();
        let ready = tokio::select! {
            biased;
            ready = self.ready.readable() => ready,
            _ = end.changed() => return false,
        };
        let taken = ready.and_then(|()| self.ready.try_io(Interest::READABLE, || inbox.take(&self.socket)));
        match taken {
            // What went out came back as unreachable: of no concern to what comes in.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => tracing::debug!(%error, "receiving"),
            _ => {}
        }
        true
    }

    fn hand_over(&self, inbox: &Inbox, outbox: &mut Outbox) {
        let mut began = Instant::now();
        for (address, datagram) in inbox.datagrams() {
            let now = Instant::now();
            if now.saturating_duration_since(began) > TOGETHER {
                outbox.send(&self.socket);
                began = now;
            }
            let source = Source { address, link: self.link };
            if let Some(answer) = self.serving.datagram(now, source, false, datagram) {
                outbox.put(address, answer);
            }
        }
        outbox.send(&self.socket);
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
