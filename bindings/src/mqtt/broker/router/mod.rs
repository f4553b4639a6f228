//! The middle of the broker: all sessions, who subscribed to what, and what is retained.
//!
//! Nothing here waits: a message is put where its subscribers find it. Locks are taken in the order sessions, state of
//! one session, and either the subscriptions or the retained messages; none is held while messages are delivered.

mod route;
mod sessions;
mod subscribe;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::time::Instant;

use super::message::{Message, Qos};
use super::retained::Retained;
use super::rules::Rules;
use super::session::{Budget, Session, Will};
use super::settings::BrokerSettings;
use super::topic::Filter;
use super::tree::Tree;

pub(super) use route::Routed;
pub(super) use sessions::{Join, Joined, Leave, Refusal};
pub use subscribe::SubscribeError;
pub(super) use subscribe::{Options, RetainedFor};

/// Publishers that are no session: wills of clients that are gone, and the broker itself.
pub(super) const NOBODY: u64 = 0;

/// What a subscription is for.
#[derive(Debug)]
struct Subscription {
    session: Arc<Session>,
    qos: Qos,
    no_local: bool,
    retain_as_published: bool,
    identifier: Option<u32>,
}

/// Sessions, subscriptions and retained messages of one broker.
#[derive(Debug)]
pub(super) struct Router {
    pub(super) settings: BrokerSettings,
    pub(super) rules: Arc<dyn Rules>,
    sessions: Mutex<HashMap<Arc<str>, Arc<Session>>>,
    subscriptions: RwLock<Tree<Subscription>>,
    retained: RwLock<Retained>,
    /// Wills that wait for their clients to come back, by session.
    wills: Mutex<Vec<DelayedWill>>,
    budget: Arc<Budget>,
    numbers: AtomicU64,
    turn: AtomicUsize,
    is_stopping: AtomicBool,
}

#[derive(Debug)]
struct DelayedWill {
    due: Instant,
    session: u64,
    will: Will,
}

impl Router {
    pub(super) fn new(settings: BrokerSettings, rules: Arc<dyn Rules>) -> Self {
        Self {
            retained: RwLock::new(Retained::new(settings.max_retained, settings.max_retained_bytes)),
            budget: Arc::new(Budget::new(settings.max_queued_bytes)),
            settings,
            rules,
            sessions: Mutex::default(),
            subscriptions: RwLock::default(),
            wills: Mutex::default(),
            numbers: AtomicU64::new(NOBODY + 1),
            turn: AtomicUsize::new(0),
            is_stopping: AtomicBool::new(false),
        }
    }

    /// A number that nothing else has: for a session or a connection.
    pub(super) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wills(&self) -> MutexGuard<'_, Vec<DelayedWill>> {
        self.wills.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes wills whose time has come.
    fn publish_wills(&self, wills: Vec<Will>, now: Instant) {
        for will in wills {
            let message = Message { expires: super::message::expires(will.expiry, now), ..will.message };
            let routed = self.route(&Arc::new(message), NOBODY);
            if !routed.blocked.is_empty() {
                tracing::warn!("a will is lost: its subscriber in this process is busy");
            }
        }
    }

    /// Takes the subscriptions of a session out of the index.
    fn forget_subscriptions(&self, session: &Session, filters: impl IntoIterator<Item = Arc<str>>) {
        let mut filters = filters.into_iter().peekable();
        if filters.peek().is_none() {
            return;
        }
        let mut tree = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        for filter in filters {
            if let Some(filter) = Filter::parse(&filter) {
                tree.remove(filter, session.number);
            }
        }
    }
}

#[cfg(test)]
mod tests;
