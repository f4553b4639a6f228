//! A socket with its DTLS sessions.
//!
//! Responsible for which sessions there are: begun by clients that have shown where they are, or by this side; as many as the
//! limits say, for as long as they are used. One session is left to `session`.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;

use super::cookie::Cookies;
use super::hello::{self, ClientHello};
use super::secrets::{ClientSecrets, ServerSecrets};
use super::session::{Outgoing, Over, Session};
use crate::tls::provider;

/// The longest datagram there is.
const MAX_DATAGRAM: usize = 65_535;

/// How often sessions are looked after.
const TICK: Duration = Duration::from_millis(100);

/// A session that was not used for this long makes room for another if all places are taken.
const SPARED: Duration = Duration::from_secs(60);

/// Limits of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Sessions at the same time.
    pub sessions: usize,
    /// Of these, those whose handshake is not over.
    pub handshakes: usize,
    /// After how long without use a session is closed.
    pub idle: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { sessions: 10_000, handshakes: 512, idle: Duration::from_secs(3600) }
    }
}

enum Role {
    Server(Arc<ServerSecrets>, Box<Cookies>),
    Client(Arc<ClientSecrets>),
}

/// Who waits for a session to be open.
type Waiter = oneshot::Sender<Result<(), String>>;

struct State {
    role: Role,
    sessions: HashMap<SocketAddr, Session>,
    waiting: HashMap<SocketAddr, Vec<Waiter>>,
}

/// A socket for datagrams over DTLS.
pub struct Endpoint {
    socket: UdpSocket,
    address: SocketAddr,
    limits: SessionLimits,
    state: Mutex<State>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// One that clients call. Fails with the error of the operating system, the address in its text.
    pub fn server(address: SocketAddr, secrets: ServerSecrets, limits: SessionLimits) -> io::Result<Self> {
        let cookies = Cookies::new(Instant::now(), |bytes| {
            // The cookies of a machine without randomness are worth nothing, as is its cryptography.
            let _ = provider().secure_random.fill(bytes);
        });
        Self::new(address, Role::Server(Arc::new(secrets), Box::new(cookies)), limits)
    }

    /// One that calls servers.
    pub fn client(
        address: SocketAddr,
        secrets: Arc<ClientSecrets>,
        limits: SessionLimits,
    ) -> io::Result<Self> {
        Self::new(address, Role::Client(secrets), limits)
    }

    fn new(address: SocketAddr, role: Role, limits: SessionLimits) -> io::Result<Self> {
        let bind = || {
            let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
            if address.is_ipv6() {
                // So that both families can have the same port.
                socket.set_only_v6(true)?;
            }
            socket.set_nonblocking(true)?;
            socket.bind(&address.into())?;
            UdpSocket::from_std(socket.into())
        };
        let socket = bind().map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
        let address = socket.local_addr()?;
        let state = State { role, sessions: HashMap::new(), waiting: HashMap::new() };
        Ok(Self { socket, address, limits, state: Mutex::new(state) })
    }

    /// Where it listens, with the port that was taken for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes other certificates and keys for handshakes from now on; sessions that are open stay.
    pub fn replace(&self, secrets: ServerSecrets) {
        if let Role::Server(own, _) = &mut self.state().role {
            *own = Arc::new(secrets);
        }
    }

    /// Receives for as long as it is polled, and hands over what is inside the datagrams of sessions that are open.
    pub async fn run(&self, deliver: impl Fn(SocketAddr, &[u8])) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                came = self.socket.recv_from(&mut buffer) => match came {
                    Ok((length, from)) => {
                        let datagram = buffer.get(..length).unwrap_or_default();
                        for content in self.datagram(Instant::now(), from, datagram) {
                            deliver(from, &content);
                        }
                    }
                    // What went out came back as unreachable: of no concern to what comes in.
                    Err(error) => tracing::debug!(%error, "receiving"),
                },
                _ = ticks.tick() => self.tick(Instant::now()),
            }
        }
    }

    /// Sends within the session with a peer; what has none is lost, as it may be on its way.
    pub fn send(&self, to: SocketAddr, content: &[u8]) {
        let mut out = Outgoing::default();
        let mut state = self.state();
        match state.sessions.get_mut(&to).filter(|session| session.is_open) {
            Some(session) => {
                if let Err(over) = session.send(Instant::now(), content, &mut out) {
                    self.end(&mut state, to, &over);
                }
            }
            None => tracing::debug!(%to, "no DTLS session to send in"),
        }
        self.transmit(to, &out.datagrams);
    }

    /// Whether there is a session with a peer whose handshake is over.
    pub fn is_open(&self, peer: SocketAddr) -> bool {
        self.state().sessions.get(&peer).is_some_and(|session| session.is_open)
    }

    /// Makes sure that there is a session with a server, whose certificate has to be for this host. Waits for its
    /// handshake, which has a time of its own.
    pub async fn connect(&self, peer: SocketAddr, host: &str) -> io::Result<()> {
        let (waiter, done) = oneshot::channel();
        let mut out = Outgoing::default();
        {
            let mut state = self.state();
            match state.sessions.get(&peer) {
                Some(session) if session.is_open => return Ok(()),
                Some(_) => {}
                None => {
                    self.make_room(&mut state, Instant::now())
                        .map_err(|why| io::Error::new(io::ErrorKind::QuotaExceeded, why))?;
                    let Role::Client(secrets) = &state.role else {
                        return Err(io::Error::other("this is the socket of a server"));
                    };
                    let now = Instant::now();
                    let mut session = secrets.connect(now, host)?;
                    session.call(now, &mut out).map_err(|over| io::Error::other(over.to_string()))?;
                    state.sessions.insert(peer, session);
                }
            }
            state.waiting.entry(peer).or_default().push(waiter);
        }
        self.transmit(peer, &out.datagrams);
        match done.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(io::Error::new(io::ErrorKind::ConnectionRefused, why)),
            Err(_) => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    /// Closes all sessions, and says so to those at the other end.
    pub fn close(&self) {
        let sessions = std::mem::take(&mut self.state().sessions);
        for (peer, mut session) in sessions {
            let mut out = Outgoing::default();
            session.close(&mut out);
            self.transmit(peer, &out.datagrams);
        }
    }

    fn datagram(&self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Vec<bytes::Bytes> {
        let mut out = Outgoing::default();
        let mut state = self.state();
        let is_server = matches!(state.role, Role::Server(..));
        let hello = if is_server { ClientHello::parse(datagram) } else { None };
        let known = state.sessions.get(&from);
        match hello.filter(|hello| known.is_none_or(|session| session.random != *hello.random)) {
            Some(hello) => self.greeted(&mut state, now, from, &hello, datagram, &mut out),
            None => {
                if let Some(session) = state.sessions.get_mut(&from) {
                    let was_open = session.is_open;
                    match session.take(now, datagram, &mut out) {
                        Ok(()) if session.is_open && !was_open => self.opened(&mut state, from),
                        Ok(()) => {}
                        Err(over) => self.end(&mut state, from, &over),
                    }
                }
            }
        }
        drop(state);
        self.transmit(from, &out.datagrams);
        out.received
    }

    /// A client begins, or begins anew from the same address: it has to bring a cookie before anything that is there gives way.
    fn greeted(
        &self,
        state: &mut State,
        now: Instant,
        from: SocketAddr,
        hello: &ClientHello<'_>,
        datagram: &[u8],
        out: &mut Outgoing,
    ) {
        let Role::Server(secrets, cookies) = &mut state.role else { return };
        if hello.sequence != 1 || !cookies.is_right(now, from, hello.random, hello.cookie) {
            if let Some(cookie) = cookies.make(now, from, hello.random) {
                self.transmit(from, &[hello::verify_request(&cookie).into()]);
            }
            return;
        }
        let secrets = Arc::clone(secrets);
        state.sessions.remove(&from);
        if let Err(why) = self.make_room(state, now) {
            // The client comes again after a while.
            tracing::debug!(peer = %from, why, "no DTLS session");
            return;
        }
        let Some(mut session) = secrets.accept(now, hello) else {
            let over = Over::Failed("there is no cipher suite that both sides have".to_owned(), Some(40));
            return self.end(state, from, &over);
        };
        match session.begin(now, hello, datagram, out) {
            Ok(()) => drop(state.sessions.insert(from, session)),
            Err(over) => self.end(state, from, &over),
        }
    }

    /// A place for one more session, or why there is none.
    fn make_room(&self, state: &mut State, now: Instant) -> Result<(), &'static str> {
        let half = state.sessions.values().filter(|session| !session.is_open).count();
        if half >= self.limits.handshakes {
            return Err("too many handshakes are under way");
        }
        if state.sessions.len() < self.limits.sessions {
            return Ok(());
        }
        let longest = state.sessions.iter().min_by_key(|(_, session)| session.used);
        let spared = |session: &Session| now.saturating_duration_since(session.used) < SPARED;
        match longest.filter(|(_, session)| !spared(session)).map(|(peer, _)| *peer) {
            Some(peer) => {
                self.bid_farewell(state, peer);
                Ok(())
            }
            None => Err("there are too many sessions"),
        }
    }

    fn tick(&self, now: Instant) {
        let mut state = self.state();
        let is_due = |session: &Session| {
            session.due <= now || now.saturating_duration_since(session.used) >= self.limits.idle
        };
        let due: Vec<SocketAddr> =
            state.sessions.iter().filter(|(_, session)| is_due(session)).map(|(peer, _)| *peer).collect();
        for peer in due {
            let Some(session) = state.sessions.get_mut(&peer) else { continue };
            if now.saturating_duration_since(session.used) >= self.limits.idle {
                self.bid_farewell(&mut state, peer);
                continue;
            }
            let mut out = Outgoing::default();
            if let Err(over) = session.tick(now, &mut out) {
                self.end(&mut state, peer, &over);
            }
            self.transmit(peer, &out.datagrams);
        }
    }

    fn bid_farewell(&self, state: &mut State, peer: SocketAddr) {
        if let Some(mut session) = state.sessions.remove(&peer) {
            let mut out = Outgoing::default();
            session.close(&mut out);
            self.transmit(peer, &out.datagrams);
        }
    }

    fn opened(&self, state: &mut State, peer: SocketAddr) {
        let identity = state.sessions.get(&peer).and_then(Session::peer);
        tracing::debug!(%peer, identity, "DTLS session");
        for waiter in state.waiting.remove(&peer).unwrap_or_default() {
            // Who waited may have gone.
            let _ = waiter.send(Ok(()));
        }
    }

    fn end(&self, state: &mut State, peer: SocketAddr, over: &Over) {
        let was_open = state.sessions.remove(&peer).is_some_and(|session| session.is_open);
        let what = if was_open { "the DTLS session is over" } else { "no DTLS session" };
        tracing::debug!(%peer, why = %over, "{what}");
        if let (false, Over::Failed(_, Some(alert))) = (was_open, over) {
            self.transmit(peer, &[bytes::Bytes::copy_from_slice(&hello::fatal_alert(*alert))]);
        }
        for waiter in state.waiting.remove(&peer).unwrap_or_default() {
            // Who waited may have gone.
            let _ = waiter.send(Err(over.to_string()));
        }
    }

    fn transmit(&self, to: SocketAddr, datagrams: &[bytes::Bytes]) {
        for datagram in datagrams {
            // Past the runtime, which would wait for an event before the first datagram of a new socket.
            if let Err(error) = SockRef::from(&self.socket).send_to(datagram, &to.into()) {
                tracing::debug!(%to, %error, "a datagram was not sent");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
