//! Sessions begin, are taken up again, and end (MQTT 5 clauses 3.1.2.4, 3.1.2.5, 4.1).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{DelayedWill, Router};
use crate::mqtt::broker::message::{Client, Message};
use crate::mqtt::broker::session::{Ending, Outbox, Session, State, Will};

/// A client that wants in.
#[derive(Debug)]
pub(in crate::mqtt::broker) struct Join {
    pub(in crate::mqtt::broker) id: Arc<str>,
    /// Whether it wants to begin anew.
    pub(in crate::mqtt::broker) clean: bool,
    /// For how long it wants to be remembered.
    pub(in crate::mqtt::broker) expiry: Duration,
    pub(in crate::mqtt::broker) window: u16,
    pub(in crate::mqtt::broker) will: Option<Will>,
}

/// A client that is in.
#[derive(Debug)]
pub(in crate::mqtt::broker) struct Joined {
    pub(in crate::mqtt::broker) session: Arc<Session>,
    /// The number of its connection.
    pub(in crate::mqtt::broker) link: u64,
    /// Whether it was known.
    pub(in crate::mqtt::broker) is_present: bool,
    /// Identifiers for which PUBREL has to be repeated.
    pub(in crate::mqtt::broker) released: Vec<u16>,
}

/// Why a client may not join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mqtt::broker) enum Refusal {
    /// Its ID is that of a client in this process.
    Reserved,
    /// There are as many sessions as there may be, all with a client.
    Full,
    /// The broker stops.
    Stopping,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::mqtt::broker) struct Leave {
    /// Whether the client said good-bye, and wants no will published.
    pub(in crate::mqtt::broker) is_graceful: bool,
    /// For how long the client wants to be remembered, if it changed its mind.
    pub(in crate::mqtt::broker) expiry: Option<Duration>,
}

/// What is left to do once the sessions are not locked any more.
#[derive(Default)]
struct Aftermath {
    wills: Vec<Will>,
    ended: Vec<(Arc<Session>, Vec<Arc<str>>)>,
    wakers: Vec<Waker>,
}

impl Aftermath {
    /// Ends a session for good: its connection is told, its subscriptions and its will are left to be dealt with.
    fn end(&mut self, session: &Arc<Session>) {
        session.set_ended();
        session.set_online(false);
        if let Some(mut state) = session.state() {
            // Its connection, if there is one, takes that for being replaced.
            state.link = None;
            self.wakers.extend(state.touch());
            self.wills.extend(state.will.take());
            self.ended.push((Arc::clone(session), state.subscriptions.drain().collect()));
        }
    }
}

impl Router {
    /// Lets a client in: takes up its session, or begins one. A connection that it has already is ended.
    pub(in crate::mqtt::broker) fn join(&self, join: Join) -> Result<Joined, Refusal> {
        let (now, link) = (Instant::now(), self.number());
        let mut aftermath = Aftermath::default();
        let mut sessions = self.sessions();
        if self.is_stopping.load(Ordering::Relaxed) {
            return Err(Refusal::Stopping);
        }
        let known = sessions.get(&join.id).cloned();
        if known.as_ref().is_some_and(|known| known.is_local()) {
            return Err(Refusal::Reserved);
        }
        let mut joined = None;
        if let Some(known) = &known {
            if join.clean {
                aftermath.end(known);
            } else {
                joined = self.take_up(known, &join, link, &mut aftermath);
            }
        } else if sessions.len() >= self.settings.max_sessions {
            let oldest = sessions
                .values()
                .filter_map(|one| Some((one.state()?.away_since?, one)))
                .min_by_key(|one| one.0);
            let oldest = oldest.map(|one| Arc::clone(one.1)).ok_or(Refusal::Full)?;
            tracing::warn!(client = %oldest.id, "too many MQTT sessions: the one whose client is away for longest ends");
            sessions.remove(&oldest.id);
            aftermath.end(&oldest);
        }
        let joined = joined.unwrap_or_else(|| {
            let session = self.begin(join, link);
            sessions.insert(Arc::clone(&session.id), Arc::clone(&session));
            Joined { session, link, is_present: false, released: Vec::new() }
        });
        drop(sessions);
        if let Some(known) = known {
            self.settle_delayed(known.number, joined.is_present, &mut aftermath);
        }
        self.finish(aftermath, now);
        Ok(joined)
    }

    fn begin(&self, join: Join, link: u64) -> Arc<Session> {
        let state = State {
            outbox: Outbox::new(self.settings.max_queued, Arc::clone(&self.budget)),
            subscriptions: Default::default(),
            received: Default::default(),
            link: Some(link),
            ending: None,
            window: join.window,
            will: join.will,
            expiry: join.expiry,
            away_since: None,
            is_dirty: false,
            waker: None,
        };
        Arc::new(Session::remote(join.id, self.number(), state))
    }

    /// Gives a session to a new connection.
    fn take_up(
        &self,
        known: &Arc<Session>,
        join: &Join,
        link: u64,
        aftermath: &mut Aftermath,
    ) -> Option<Joined> {
        let mut state = known.state()?;
        // A will that waits for the client to come back is not wanted any more; any other is (MQTT 5 clause 3.1.2.5).
        aftermath.wills.extend(state.will.take().filter(|will| will.delay.is_zero()));
        aftermath.wakers.extend(state.touch());
        state.link = Some(link);
        state.ending = None;
        state.window = join.window;
        state.will = join.will.clone();
        state.expiry = join.expiry;
        state.away_since = None;
        let released = state.outbox.resume();
        drop(state);
        known.set_online(true);
        Some(Joined { session: Arc::clone(known), link, is_present: true, released })
    }

    /// Does what is due once a connection has ended.
    pub(in crate::mqtt::broker) fn leave(&self, session: &Arc<Session>, link: u64, leave: Leave) {
        let now = Instant::now();
        let mut aftermath = Aftermath::default();
        let mut sessions = self.sessions();
        let Some(mut state) = session.state() else { return };
        if state.link != Some(link) {
            // Another connection has taken over, and dealt with the rest.
            return;
        }
        state.link = None;
        state.waker = None;
        state.ending = None;
        let will = state.will.take().filter(|_| !leave.is_graceful);
        if let Some(expiry) = leave.expiry {
            state.expiry = expiry;
        }
        let is_over = state.expiry.is_zero();
        if !is_over {
            state.away_since = Some(now);
            state.outbox.drop_all_losable();
        }
        drop(state);
        session.set_online(false);
        if is_over {
            if sessions.get(&session.id).is_some_and(|one| Arc::ptr_eq(one, session)) {
                sessions.remove(&session.id);
            }
            aftermath.end(session);
        }
        drop(sessions);
        match will {
            Some(will) if !is_over && !will.delay.is_zero() => {
                let due = now.checked_add(will.delay).unwrap_or(now);
                self.wills().push(DelayedWill { due, session: session.number, will });
            }
            will => aftermath.wills.extend(will),
        }
        self.finish(aftermath, now);
    }

    /// A client in this process joins. `None` if the ID is taken.
    pub(in crate::mqtt::broker) fn join_local(
        &self,
        client: &Client,
        sender: mpsc::Sender<Arc<Message>>,
    ) -> Option<Arc<Session>> {
        let session = Arc::new(Session::local(client, self.number(), sender));
        let mut sessions = self.sessions();
        if sessions.contains_key(&client.id) {
            return None;
        }
        sessions.insert(Arc::clone(&client.id), Arc::clone(&session));
        Some(session)
    }

    /// A client in this process leaves; `filters` are its subscriptions.
    pub(in crate::mqtt::broker) fn leave_local(&self, session: &Arc<Session>, filters: Vec<Arc<str>>) {
        let mut sessions = self.sessions();
        if sessions.get(&session.id).is_some_and(|one| Arc::ptr_eq(one, session)) {
            sessions.remove(&session.id);
        }
        drop(sessions);
        session.set_ended();
        self.forget_subscriptions(session, filters);
    }

    /// Ends sessions whose clients are away for too long, and publishes wills that waited for long enough. To be
    /// called every second or so.
    pub(in crate::mqtt::broker) fn sweep(&self, now: Instant) {
        let mut aftermath = Aftermath::default();
        let mut sessions = self.sessions();
        sessions.retain(|_, session| {
            let is_over = session.state().is_some_and(|state| {
                state.away_since.is_some_and(|since| now.saturating_duration_since(since) >= state.expiry)
            });
            if is_over {
                aftermath.end(session);
            }
            !is_over
        });
        drop(sessions);
        let ended: Vec<u64> = aftermath.ended.iter().map(|one| one.0.number).collect();
        self.wills().retain(|waiting| {
            let is_due = waiting.due <= now || ended.contains(&waiting.session);
            if is_due {
                aftermath.wills.push(waiting.will.clone());
            }
            !is_due
        });
        self.finish(aftermath, now);
    }

    /// Forgets retained messages whose time is over.
    pub(in crate::mqtt::broker) fn expire_retained(&self, now: Instant) {
        self.retained.write().unwrap_or_else(std::sync::PoisonError::into_inner).expire(now);
    }

    /// Tells all connections to end, and lets no more in.
    pub(in crate::mqtt::broker) fn stop(&self) {
        let sessions = self.sessions();
        self.is_stopping.store(true, Ordering::Relaxed);
        let all: Vec<_> = sessions.values().cloned().collect();
        drop(sessions);
        for session in all {
            session.end_link(Ending::Stopping);
        }
    }

    /// A client came back: its delayed will is dropped, or published if it began a new session.
    fn settle_delayed(&self, session: u64, is_present: bool, aftermath: &mut Aftermath) {
        self.wills().retain(|waiting| {
            let is_its = waiting.session == session;
            if is_its && !is_present {
                aftermath.wills.push(waiting.will.clone());
            }
            !is_its
        });
    }

    fn finish(&self, aftermath: Aftermath, now: Instant) {
        for waker in aftermath.wakers {
            waker.wake();
        }
        for (session, filters) in aftermath.ended {
            self.forget_subscriptions(&session, filters);
        }
        self.publish_wills(aftermath.wills, now);
    }
}
