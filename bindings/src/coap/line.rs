//! A socket of the client, and one request over it at a time (RFC 7252 5.3).
//!
//! Responsible for tokens, for finding whom a response is for, and for waiting for it, however it comes: with the
//! acknowledgement, behind it, or instead of it. Blocks are left to `conversation`.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use coap_lite::Packet;
use dyad_protocol::exchange::TransportError;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::client::ClientDtls;
use super::endpoint::{Endpoint, UnderWay};
use super::layer::Limits;
use super::link::{Link, Udp};
use super::remembered::{Asks, Remembered, Room, Seen};
use super::resources::{Outcome, Source};
use super::secured::Sessions;
use super::server;
use super::serving::lock;
use super::wire::{self, Datagram, Head, Kind, Token};
use crate::tls;

/// Responses that are known again when they are repeated.
const REMEMBERED: Room = Room { messages: 16_384, bytes: 1024 * 1024 };

/// The longest datagram there is.
const MAX_DATAGRAM: usize = 65_535;

/// A socket with what waits for responses on it. Dropping it ends its tasks.
pub(super) struct Line {
    shared: Arc<Shared>,
    /// The sessions that requests travel in, if they are secured.
    sessions: Option<Arc<Sessions>>,
    tasks: [JoinHandle<()>; 2],
}

struct Shared {
    endpoint: Endpoint,
    waiting: Mutex<HashMap<Token, Waiting>>,
    remembered: Mutex<Remembered>,
    tokens: RandomState,
    drawn: AtomicU64,
    link: u16,
}

/// Who waits for a response, and from whom it has to come.
struct Waiting {
    from: SocketAddr,
    answer: oneshot::Sender<Packet>,
}

impl Line {
    /// A socket of the family of an address.
    pub(super) fn open(to: SocketAddr, limits: Limits) -> io::Result<Self> {
        let socket = server::bind(any(to))?;
        let shared = Shared::new(limits, Arc::new(Udp(Arc::clone(&socket))));
        let (receiving, socket) = (Arc::clone(&shared), UdpSocket::from_std(socket.try_clone()?)?);
        let receiving = tokio::spawn(async move { receiving.receive(&socket).await });
        Ok(Self::with(shared, None, receiving))
    }

    /// The same for requests over DTLS.
    pub(super) fn open_securely(to: SocketAddr, limits: Limits, dtls: &ClientDtls) -> io::Result<Self> {
        let sockets = tls::dtls::Endpoint::client(any(to), Arc::clone(&dtls.secrets), dtls.limits)?;
        let sessions = Arc::new(Sessions(Arc::new(sockets)));
        let shared = Shared::new(limits, Arc::clone(&sessions) as Arc<dyn Link>);
        let (receiving, running) = (Arc::clone(&shared), Arc::clone(&sessions.0));
        let receiving = tokio::spawn(async move {
            let take = |address: SocketAddr, datagram: &[u8]| {
                receiving.datagram(Instant::now(), Source { address, link: receiving.link }, datagram);
            };
            running.run(take).await;
        });
        Ok(Self::with(shared, Some(sessions), receiving))
    }

    fn with(shared: Arc<Shared>, sessions: Option<Arc<Sessions>>, receiving: JoinHandle<()>) -> Self {
        let repeating = Arc::clone(&shared);
        let repeating = tokio::spawn(async move { repeating.endpoint.run().await });
        Self { shared, sessions, tasks: [receiving, repeating] }
    }

    /// Makes sure that requests can be sent to an address: over DTLS, that there is a session with this host.
    pub(super) async fn prepare(
        &self,
        to: SocketAddr,
        host: &str,
        deadline: Instant,
    ) -> Result<(), TransportError> {
        let Some(sessions) = &self.sessions else { return Ok(()) };
        match tokio::time::timeout_at(deadline.into(), sessions.0.connect(to, host)).await {
            Ok(made) => made.map_err(|error| TransportError::Unreachable(error.to_string())),
            Err(_) => Err(TransportError::TimedOut),
        }
    }

    /// Sends a request as a confirmable message and waits for its response, until the deadline at the longest. What is
    /// dropped meanwhile is not repeated.
    pub(super) async fn ask(
        &self,
        to: SocketAddr,
        request: &Packet,
        deadline: Instant,
    ) -> Result<Packet, TransportError> {
        let shared = &self.shared;
        let to = Source { address: to, link: shared.link };
        let token = shared.new_token();
        let (sender, mut answer) = oneshot::channel();
        lock(&shared.waiting).insert(token, Waiting { from: to.address, answer: sender });
        let mut asked = Asked { shared, to, token, id: None };
        let Some(UnderWay { id, outcome }) = shared.endpoint.awaited(Instant::now(), to, request, token)
        else {
            return Err(TransportError::Unreachable("too many requests to this address wait".to_owned()));
        };
        asked.id = Some(id);
        let answered = tokio::time::timeout_at(deadline.into(), async {
            tokio::select! {
                biased;
                packet = &mut answer => return packet.map_err(|_| TransportError::TimedOut),
                outcome = outcome => match outcome {
                    Ok(Outcome::Acknowledged) => {}
                    Ok(Outcome::Reset) => {
                        let why = "the request was reset: no CoAP server takes requests there";
                        return Err(TransportError::Unreachable(why.to_owned()));
                    }
                    Ok(Outcome::TimedOut) | Err(_) => return Err(TransportError::TimedOut),
                },
            }
            // It comes in a message of its own.
            answer.await.map_err(|_| TransportError::TimedOut)
        });
        answered.await.unwrap_or(Err(TransportError::TimedOut))
    }
}

/// Any address and port of the family of an address.
fn any(to: SocketAddr) -> SocketAddr {
    let ip = if to.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    SocketAddr::new(ip, 0)
}

impl Drop for Line {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// A request that is under way; dropping it forgets it.
struct Asked<'a> {
    shared: &'a Shared,
    to: Source,
    token: Token,
    id: Option<u16>,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        lock(&self.shared.waiting).remove(&self.token);
        if let Some(id) = self.id {
            self.shared.endpoint.cancel(Instant::now(), self.to, id);
        }
    }
}

impl Shared {
    fn new(limits: Limits, link: Arc<dyn Link>) -> Arc<Self> {
        let endpoint = Endpoint::new(limits, Box::new(|_, _, _| ()));
        let link = endpoint.attach(link);
        Arc::new(Self {
            endpoint,
            waiting: Mutex::default(),
            remembered: Mutex::new(Remembered::new(REMEMBERED, REMEMBERED)),
            tokens: RandomState::new(),
            drawn: AtomicU64::new(0),
            link,
        })
    }

    /// Eight bytes that nobody can guess: a response in another's name has to have them (RFC 7252 5.3.1).
    fn new_token(&self) -> Token {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        Token::new(&self.tokens.hash_one(number).to_be_bytes())
    }

    async fn receive(&self, socket: &UdpSocket) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            match socket.recv_from(&mut buffer).await {
                Ok((length, address)) => {
                    let source = Source { address, link: self.link };
                    self.datagram(Instant::now(), source, buffer.get(..length).unwrap_or_default());
                }
                Err(error) => tracing::debug!(%error, "receiving"),
            }
        }
    }

    fn datagram(&self, now: Instant, from: Source, datagram: &[u8]) {
        match wire::read(datagram, |_| true) {
            Datagram::Noise => {}
            Datagram::Empty(head) if head.kind == Kind::Acknowledgement => {
                self.endpoint.echoed(now, from, head.id, Outcome::Acknowledged);
            }
            Datagram::Empty(head) if head.kind == Kind::Reset => {
                self.endpoint.echoed(now, from, head.id, Outcome::Reset);
            }
            Datagram::Message(head, packet) if head.is_response() => self.response(now, from, &head, *packet),
            Datagram::Empty(head)
            | Datagram::Malformed(head)
            | Datagram::Objectionable(head, _)
            | Datagram::Message(head, _) => self.reject(from, &head),
        }
    }

    fn response(&self, now: Instant, from: Source, head: &Head<'_>, packet: Packet) {
        if head.kind == Kind::Confirmable {
            let seen = lock(&self.remembered).came(now, from, head.id, Asks::Change);
            if let Seen::Again(acknowledgement) = seen {
                if let Some(datagram) = acknowledgement {
                    self.endpoint.send(from, &datagram);
                }
                return;
            }
        }
        let token = Token::new(head.token);
        let waiting = {
            let mut waiting = lock(&self.waiting);
            let is_for_us = waiting.get(&token).is_some_and(|waiting| waiting.from == from.address);
            if is_for_us { waiting.remove(&token) } else { None }
        };
        let Some(waiting) = waiting else { return self.reject(from, head) };
        // Before the outcome is told: a response that came with it counts more. Who waited may have gone.
        let _ = waiting.answer.send(packet);
        match head.kind {
            Kind::Acknowledgement => drop(self.endpoint.echoed(now, from, head.id, Outcome::Acknowledged)),
            Kind::Confirmable => {
                let datagram = wire::empty(Kind::Acknowledgement, head.id);
                self.endpoint.send(from, &datagram);
                lock(&self.remembered).answered(now, from, head.id, Bytes::copy_from_slice(&datagram));
            }
            Kind::NonConfirmable | Kind::Reset => {}
        }
    }

    /// What nobody asked for.
    fn reject(&self, from: Source, head: &Head<'_>) {
        if head.kind == Kind::Confirmable {
            self.endpoint.send_empty(from, Kind::Reset, head.id);
        }
    }
}
