//! The broker as a whole: listening, accepting, and stopping.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection;
use super::local::LocalClient;
use super::message::Message;
use super::router::Router;
use super::rules::Rules;
use super::settings::BrokerSettings;
use crate::listening;

/// How often sessions are looked at whose clients are away.
const SWEEP: Duration = Duration::from_secs(1);

/// After how many of those looks retained messages are looked at too.
const SWEEPS_PER_EXPIRY: u32 = 60;

/// More connections than any machine has; what counts them has room for so many.
const MOST_CONNECTIONS: usize = 1 << 24;

/// For how long connections may take to close once their time is over.
const GOOD_BYE: Duration = Duration::from_secs(1);

/// A broker that runs. Dropping it ends listening and leaves connections as they are.
#[derive(Debug)]
pub struct Broker {
    entrance: Entrance,
    addresses: Vec<SocketAddr>,
    tasks: JoinSet<()>,
}

/// The way in for streams that others accept. Clones lead to the same broker.
#[derive(Clone, Debug)]
pub struct Entrance {
    router: Arc<Router>,
    /// One for each connection.
    slots: Arc<Semaphore>,
    connections: u32,
}

impl Broker {
    /// Binds all addresses of the settings and serves them. Needs a tokio runtime with IO and time.
    ///
    /// Fails with the error of the operating system, the address in its text, if one cannot be bound.
    pub fn start(settings: BrokerSettings, rules: Arc<dyn Rules>) -> io::Result<Self> {
        let listeners =
            settings.listen.iter().copied().map(listening::bind).collect::<io::Result<Vec<_>>>()?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
        let connections = settings.max_connections.min(MOST_CONNECTIONS);
        let entrance = Entrance {
            router: Arc::new(Router::new(settings, rules)),
            slots: Arc::new(Semaphore::new(connections)),
            connections: u32::try_from(connections).unwrap_or(u32::MAX),
        };
        let mut tasks = JoinSet::new();
        for listener in listeners {
            tasks.spawn(accept(listener, entrance.clone()));
        }
        tasks.spawn(sweep(Arc::clone(&entrance.router)));
        Ok(Self { entrance, addresses, tasks })
    }

    /// The addresses that it listens on, with the ports that were taken for port 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The way in for streams that others accept: TLS, WebSocket.
    pub fn entrance(&self) -> Entrance {
        self.entrance.clone()
    }

    /// A client in this process, and the receiver of what it subscribes to, where at most `capacity` messages wait.
    /// No other client can have its ID. `None` if one has it already.
    pub fn local(&self, id: &str, capacity: usize) -> Option<(LocalClient, mpsc::Receiver<Arc<Message>>)> {
        LocalClient::join(&self.entrance.router, id, capacity)
    }

    /// Stops: accepts no more, lets clients take what waits for them until the deadline of the settings, says good-bye
    /// to those that speak MQTT 5, and closes. Local clients may publish until it returns.
    pub async fn stop(mut self) {
        self.tasks.abort_all();
        while self.tasks.join_next().await.is_some() {}
        let Entrance { router, slots, connections } = &self.entrance;
        router.stop();
        // All slots are free once all connections are closed.
        let all_left = slots.acquire_many(*connections);
        if tokio::time::timeout(router.settings.stop_deadline + GOOD_BYE, all_left).await.is_err() {
            tracing::warn!("some MQTT clients did not leave in time");
        }
    }
}

impl Entrance {
    /// Serves a stream until it ends; `peer` is who is at the other end. One beyond the bound on connections is closed.
    pub async fn serve<T>(self, stream: T, peer: Option<SocketAddr>)
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Ok(_slot) = self.slots.try_acquire() else {
            tracing::warn!(?peer, "too many MQTT connections (mqtt.max_connections)");
            return;
        };
        connection::serve(Arc::clone(&self.router), stream, peer).await;
    }
}

async fn accept(listener: TcpListener, entrance: Entrance) {
    loop {
        let (stream, peer) = listening::next(&listener, "MQTT").await;
        tokio::spawn(entrance.clone().serve(stream, Some(peer)));
    }
}

async fn sweep(router: Arc<Router>) {
    let mut interval = tokio::time::interval(SWEEP);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut sweeps = 0_u32;
    loop {
        interval.tick().await;
        let now = Instant::now();
        router.sweep(now);
        sweeps = sweeps.wrapping_add(1);
        if sweeps.is_multiple_of(SWEEPS_PER_EXPIRY) {
            router.expire_retained(now);
        }
    }
}
