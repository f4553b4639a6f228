//! A session with a broker elsewhere: a connection that is made again whenever it is lost (TS-0010 6.3).
//!
//! Responsible for the [`Link`] over a network: making the connection, pausing longer after each failure, and ending
//! it. What happens while it lasts is left to `connection`, what has to be sent to `outgoing`, bytes to `wire`.
//!
//! Packets are rumqttc's, the session is not: rumqttc's event loop makes its connections itself, which leaves no room
//! for TLS without its own, forgets what was under way when the broker has forgotten the session, and does not
//! tell which message was acknowledged.

mod connect;
mod connection;
mod outgoing;
pub mod wire;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

pub use connect::{Connector, Secure, Stream, Tcp};

use self::connection::{Connection, End};
use self::outgoing::{Done, Outgoing};
use super::address::Authority;
use super::link::{EVENTS, Event, Events, Heard, Link, LinkError};
use super::settings::{LinkSettings, Login};

/// Messages that may wait to be sent. Whoever has more waits himself.
const COMMANDS: usize = 256;

/// What is asked of a session.
enum Command {
    Publish { topic: String, payload: Bytes, done: Done },
    Subscribe { filter: String, done: Done },
}

/// The handle of a session; it ends when the last one is dropped, or by [`Link::close`].
pub(super) struct Session {
    commands: mpsc::Sender<Command>,
    is_connected: Arc<AtomicBool>,
    closing: watch::Sender<bool>,
    /// Closed when the session has ended.
    ended: watch::Receiver<()>,
}

/// Where a session goes, and as whom.
pub(super) struct Destination {
    pub(super) authority: Authority,
    pub(super) login: Option<Login>,
    pub(super) connector: Arc<dyn Connector>,
}

/// Opens a session that subscribes to some filters. Connections are made in the background.
pub(super) fn open(
    destination: Destination,
    settings: LinkSettings,
    filters: Vec<String>,
) -> (Arc<Session>, Events) {
    let (commands, asked) = mpsc::channel(COMMANDS);
    let (events, happening) = mpsc::channel(EVENTS);
    let (closing, closed) = watch::channel(false);
    let (alive, ended) = watch::channel(());
    let is_connected = Arc::new(AtomicBool::new(false));
    let life = Life {
        destination,
        settings,
        asked,
        events,
        closed,
        is_connected: Arc::clone(&is_connected),
        outgoing: Outgoing::new(filters),
    };
    tokio::spawn(async move {
        life.keep().await;
        drop(alive);
    });
    (Arc::new(Session { commands, is_connected, closing, ended }), Events::Session(happening))
}

#[async_trait]
impl Link for Session {
    async fn publish(&self, topic: String, payload: Bytes) -> Result<Heard, LinkError> {
        let (done, outcome) = oneshot::channel();
        self.ask(Command::Publish { topic, payload, done }, outcome).await
    }

    async fn subscribe(&self, filter: String) -> Result<(), LinkError> {
        let (done, outcome) = oneshot::channel();
        self.ask(Command::Subscribe { filter, done }, outcome).await.map(drop)
    }

    fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Acquire)
    }

    async fn close(&self) {
        self.closing.send_replace(true);
        let mut ended = self.ended.clone();
        // Resolves with an error once the other end is dropped, which is what is waited for.
        while ended.changed().await.is_ok() {}
    }
}

impl Session {
    async fn ask(
        &self,
        command: Command,
        outcome: oneshot::Receiver<Result<Heard, LinkError>>,
    ) -> Result<Heard, LinkError> {
        self.commands.send(command).await.map_err(|_| LinkError::Closed)?;
        outcome.await.unwrap_or(Err(LinkError::Closed))
    }
}

/// The life of a session, over all its connections.
struct Life {
    destination: Destination,
    settings: LinkSettings,
    asked: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    closed: watch::Receiver<bool>,
    is_connected: Arc<AtomicBool>,
    outgoing: Outgoing,
}

impl Life {
    async fn keep(mut self) {
        let mut pause = self.settings.retry_first;
        let mut last_reason = String::new();
        loop {
            let began = Instant::now();
            // A broker elsewhere may send what the codec does not survive: that ends the connection and no more.
            let end = AssertUnwindSafe(self.connection()).catch_unwind().await;
            let was_connected = self.is_connected.swap(false, Ordering::AcqRel);
            let reason = match end {
                Ok(End::Closed) => return,
                Ok(End::Lost(reason)) => reason,
                Err(_) => "what the broker sent cannot be read".to_owned(),
            };
            if was_connected || reason != last_reason {
                let broker = self.destination.authority.to_string();
                tracing::warn!(broker, reason, "no connection with the MQTT broker; trying on");
                last_reason.clone_from(&reason);
            }
            if was_connected && self.events.send(Event::Lost(reason)).await.is_err() {
                return;
            }
            // One that lasted was no failure.
            if began.elapsed() > self.settings.retry_longest.min(Duration::from_secs(10)) {
                pause = self.settings.retry_first;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = closed(&mut self.closed) => return,
            }
            pause = (pause * 2).min(self.settings.retry_longest);
        }
    }

    /// Makes one connection and keeps it as long as it lasts.
    async fn connection(&mut self) -> End {
        let Destination { authority, login, connector } = &self.destination;
        let within = self.settings.connect_timeout;
        let opening = async {
            let stream = connector.connect(authority).await.map_err(|error| error.to_string())?;
            Connection::begin(stream, &self.settings, login.as_ref()).await
        };
        let opened = tokio::select! {
            opened = tokio::time::timeout(within, opening) => opened,
            () = closed(&mut self.closed) => return End::Closed,
        };
        let mut connection = match opened {
            Ok(Ok(connection)) => connection,
            Ok(Err(reason)) => return End::Lost(reason),
            Err(_) => return End::Lost("it does not answer".to_owned()),
        };
        connection.last(self).await
    }
}

/// Resolves when what is told so is to end: it is closed, or nobody is left to use it.
pub(super) async fn closed(closed: &mut watch::Receiver<bool>) {
    // Whether it is told or given up makes no difference.
    let _ = closed.wait_for(|is_closed| *is_closed).await;
}
