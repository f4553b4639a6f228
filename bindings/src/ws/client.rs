//! The client role: connections that this node opens, one for each address, and requests over them (TS-0020 5.2).
//!
//! Responsible for keeping connections and opening them again. Over one that this node has opened the other side may
//! send requests as well. Which address, how often, and what is owed is left to the core.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dyad_protocol::exchange::{Connection, Transport, TransportError};
use dyad_protocol::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tungstenite::protocol::Role;

use super::connection;
use super::dial::{self, Place};
use super::incoming::Incoming;
use super::line::{Ending, Line};
use super::settings::{ClientSettings, Shared};
use super::socket::Socket;

/// Brings requests to `ws://` and `wss://` addresses, and to entities over the connections that they have opened.
#[derive(Debug)]
pub struct WsTransport {
    shared: Shared,
    settings: ClientSettings,
    kept: Mutex<HashMap<Place, Kept>>,
}

/// A connection to one place.
#[derive(Debug)]
struct Kept {
    /// Held while the connection is being made, so that there is one.
    line: Arc<tokio::sync::Mutex<Option<Arc<Line>>>>,
    used: Instant,
}

impl WsTransport {
    /// A transport without connections.
    pub fn new(settings: ClientSettings, shared: Shared) -> Self {
        Self { shared, settings, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Place, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes all connections with 1001 once their requests are answered.
    pub fn stop(&self) {
        for (_, kept) in self.kept().drain() {
            if let Ok(line) = kept.line.try_lock()
                && let Some(line) = &*line
            {
                line.end(Ending::Stop);
            }
        }
    }

    /// The open connection to a place; one is made if there is none.
    async fn line(&self, place: &Place) -> Result<Arc<Line>, TransportError> {
        let slot = self.slot(place)?;
        let mut slot = slot.lock().await;
        if let Some(line) = slot.as_ref().filter(|line| line.is_open()) {
            return Ok(Arc::clone(line));
        }
        *slot = None;
        let opened = timeout(self.settings.connect_timeout, self.open(place)).await;
        let line = opened.map_err(|_| TransportError::TimedOut)??;
        *slot = Some(Arc::clone(&line));
        Ok(line)
    }

    fn slot(&self, place: &Place) -> Result<Arc<tokio::sync::Mutex<Option<Arc<Line>>>>, TransportError> {
        let mut kept = self.kept();
        if let Some(own) = kept.get_mut(place) {
            own.used = Instant::now();
            return Ok(Arc::clone(&own.line));
        }
        if kept.len() >= self.settings.max_connections {
            make_room(&mut kept)?;
        }
        let line = Arc::default();
        kept.insert(place.clone(), Kept { line: Arc::clone(&line), used: Instant::now() });
        Ok(line)
    }

    async fn open(&self, place: &Place) -> Result<Arc<Line>, TransportError> {
        let unreachable = |error: std::io::Error| TransportError::Unreachable(error.to_string());
        let stream = TcpStream::connect((place.host.as_str(), place.port)).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let peer = stream.peer_addr().ok();
        match (&self.settings.tls, place.is_secure) {
            (_, false) => self.greet(place, stream, peer).await,
            (Some(tls), true) => {
                let stream = tls.connect(&place.host, stream).await.map_err(unreachable)?;
                self.greet(place, stream, peer).await
            }
            (None, true) => Err(TransportError::Unreachable("wss:// is not spoken here".to_owned())),
        }
    }

    async fn greet<S>(
        &self,
        place: &Place,
        mut stream: S,
        peer: Option<SocketAddr>,
    ) -> Result<Arc<Line>, TransportError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (serialization, tail) = dial::greet(&mut stream, place).await?;
        let Shared { codec, limits, .. } = &self.shared;
        let limits = *limits;
        let line = Arc::new(Line::new(serialization, codec.clone(), limits.max_in_progress));
        let socket = Socket::new(stream, tail, Role::Client, limits.max_message);
        let incoming = Incoming::new(self.shared.clone(), Arc::clone(&line), peer, None);
        tokio::spawn(connection::run(socket, Arc::clone(&line), incoming, limits));
        Ok(line)
    }
}

/// Takes out the connection that was not used for the longest time.
fn make_room(kept: &mut HashMap<Place, Kept>) -> Result<(), TransportError> {
    let is_idle =
        |kept: &Kept| kept.line.try_lock().is_ok_and(|line| line.as_ref().is_none_or(|line| line.is_idle()));
    let idle = kept.iter().filter(|(_, kept)| is_idle(kept));
    let Some(place) = idle.min_by_key(|(_, kept)| kept.used).map(|(place, _)| place.clone()) else {
        return Err(TransportError::Unreachable("too many connections are in use".to_owned()));
    };
    if let Some(taken) = kept.remove(&place)
        && let Ok(line) = taken.line.try_lock()
        && let Some(line) = &*line
    {
        line.end(Ending::Unused);
    }
    Ok(())
}

#[async_trait]
impl Transport for WsTransport {
    fn schemes(&self) -> &[&'static str] {
        &["ws", "wss"]
    }

    async fn send(
        &self,
        url: &str,
        request: &Request,
        longest: Duration,
    ) -> Result<Response, TransportError> {
        let Some(place) = Place::parse(url, request.serialization) else {
            return Err(TransportError::Unreachable(format!("'{url}' is no WebSocket address")));
        };
        let answered = async { self.line(&place).await?.send(request, longest).await };
        timeout(longest, answered).await.unwrap_or(Err(TransportError::TimedOut))
    }

    fn connection(&self, entity: &str) -> Option<Arc<dyn Connection>> {
        self.shared.entities.connection(entity)
    }
}
