//! A session: what the broker keeps for one client, whether it is connected or away (MQTT 5 clause 4.1).
//!
//! Responsible for the state of one session and for waking its connection. Which sessions there are, and what they
//! subscribed to, is left to `router`.

mod outbox;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

pub(super) use outbox::{Budget, Delivery, Outbox, Outgoing, Refused};

use super::message::{Client, Message, Qos};

/// Why the broker ends a connection from its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// More waits for it than it may keep.
    Overflow,
    /// The broker stops.
    Stopping,
}

/// A message that is published when a connection ends without a good-bye.
#[derive(Clone, Debug)]
pub(super) struct Will {
    /// Without a time at which it expires.
    pub(super) message: Message,
    /// For how many seconds it is wanted, once it is published.
    pub(super) expiry: Option<u32>,
    /// How long it waits for the client to come back.
    pub(super) delay: Duration,
}

/// What changes about a session of a client with a connection.
#[derive(Debug)]
pub(super) struct State {
    pub(super) outbox: Outbox,
    /// Filters as the client wrote them, `$share` included.
    pub(super) subscriptions: HashSet<Arc<str>>,
    /// Identifiers of messages with QoS 2 that the client has not released.
    pub(super) received: HashSet<u16>,
    /// The connection that it has, by number.
    pub(super) link: Option<u64>,
    /// Why that connection is to end.
    pub(super) ending: Option<Ending>,
    /// Messages in flight that the client takes at the most.
    pub(super) window: u16,
    pub(super) will: Option<Will>,
    /// For how long it stays after the connection.
    pub(super) expiry: Duration,
    pub(super) away_since: Option<Instant>,
    /// Whether the connection has something to look at.
    pub(super) is_dirty: bool,
    /// What wakes the connection.
    pub(super) waker: Option<Waker>,
}

impl State {
    /// Makes the connection look at this; the waker is to be called once this is not locked any more.
    #[must_use]
    pub(super) fn touch(&mut self) -> Option<Waker> {
        self.is_dirty = true;
        self.waker.take()
    }
}

/// Where messages for a session go.
#[derive(Debug)]
enum Outlet {
    /// To a connection, when there is one.
    Remote(Box<Mutex<State>>),
    /// To a receiver in this process.
    Local(mpsc::Sender<Arc<Message>>),
}

/// The session of one client.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: Arc<str>,
    pub(super) number: u64,
    outlet: Outlet,
    /// Whether there is somebody at the other end now.
    is_online: AtomicBool,
    /// Whether it has ended: it takes no more subscriptions.
    is_ended: AtomicBool,
}

/// What became of a message.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is on its way, or waits for the client.
    Yes,
    /// The client is away and the message may be lost, or there is no room.
    No,
    /// The receiver in this process is full: it has to be waited for.
    Later(mpsc::Sender<Arc<Message>>),
}

impl Session {
    /// The session of a client with a connection; `state` says which.
    pub(super) fn remote(id: Arc<str>, number: u64, state: State) -> Self {
        Self::new(id, number, Outlet::Remote(Box::new(Mutex::new(state))))
    }

    /// The session of a client in this process.
    pub(super) fn local(client: &Client, number: u64, sender: mpsc::Sender<Arc<Message>>) -> Self {
        Self::new(Arc::clone(&client.id), number, Outlet::Local(sender))
    }

    fn new(id: Arc<str>, number: u64, outlet: Outlet) -> Self {
        Self { id, number, outlet, is_online: AtomicBool::new(true), is_ended: AtomicBool::new(false) }
    }

    /// Its state; `None` for a client in this process, which has none.
    pub(super) fn state(&self) -> Option<MutexGuard<'_, State>> {
        match &self.outlet {
            Outlet::Remote(state) => Some(state.lock().unwrap_or_else(PoisonError::into_inner)),
            Outlet::Local(_) => None,
        }
    }

    /// Hands a message over; `extra` as for [`Outbox::push`].
    pub(super) fn deliver(&self, delivery: Delivery, extra: usize) -> Taken {
        let mut state = match &self.outlet {
            Outlet::Local(sender) => return hand_over(sender, delivery.message),
            Outlet::Remote(state) => state.lock().unwrap_or_else(PoisonError::into_inner),
        };
        let is_away = state.link.is_none();
        if is_away && delivery.qos == Qos::AtMostOnce || self.is_ended() {
            return Taken::No;
        }
        let refused = state.outbox.push(delivery, extra).err();
        if refused == Some(Refused::Overflow) {
            tracing::warn!(client = %self.id, is_away, "too much waits for an MQTT client: a message is lost");
            if !is_away && state.ending.is_none() && extra == 0 {
                state.ending = Some(Ending::Overflow);
            }
        }
        let waker = state.touch();
        drop(state);
        waker.inspect(Waker::wake_by_ref);
        if refused.is_some() { Taken::No } else { Taken::Yes }
    }

    /// Tells its connection to end.
    pub(super) fn end_link(&self, ending: Ending) {
        let Some(mut state) = self.state() else { return };
        state.ending.get_or_insert(ending);
        let waker = state.touch();
        drop(state);
        waker.inspect(Waker::wake_by_ref);
    }

    /// Whether the connection with this number has something to look at, be it that it is replaced; if not, the waker is
    /// called when it has.
    pub(super) fn is_dirty_or_wakes(&self, link: u64, waker: &Waker) -> bool {
        let Some(mut state) = self.state() else { return true };
        if state.is_dirty || state.link != Some(link) {
            return true;
        }
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        false
    }

    pub(super) fn is_online(&self) -> bool {
        self.is_online.load(Ordering::Relaxed)
    }

    pub(super) fn set_online(&self, is_online: bool) {
        self.is_online.store(is_online, Ordering::Relaxed);
    }

    pub(super) fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::Acquire)
    }

    pub(super) fn set_ended(&self) {
        self.is_ended.store(true, Ordering::Release);
    }

    /// Whether it belongs to a client in this process.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.outlet, Outlet::Local(_))
    }
}

fn hand_over(sender: &mpsc::Sender<Arc<Message>>, message: Arc<Message>) -> Taken {
    match sender.try_send(message) {
        Ok(()) => Taken::Yes,
        Err(mpsc::error::TrySendError::Full(_)) => Taken::Later(sender.clone()),
        Err(mpsc::error::TrySendError::Closed(_)) => Taken::No,
    }
}
