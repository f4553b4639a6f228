//! Which link leads to a broker: the node's own, or one of those that points of access name.
//!
//! Responsible for opening links when they are needed, for how many there are, and for closing those that are not
//! used. What is said over them is left to `client`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dyad_protocol::exchange::TransportError;
use dyad_protocol::serialization::Codec;
use tokio::time::Instant;

use super::address::{Address, Authority};
use super::client::{Caller, respond};
use super::link::{Event, Events, Link as _};
use super::pending::Pending;
use super::session::{self, Connector, Destination, Session};
use super::settings::{LinkSettings, Login};
use super::topic::Names;

/// Says whether a broker is the node's own.
pub(super) type IsOwn = Box<dyn Fn(&Authority) -> bool + Send + Sync>;

/// A broker, and as whom to log in there: an entity may not use another's connection by naming its broker.
type Key = (Authority, Option<(String, String)>);

/// All links.
pub(super) struct Pool {
    /// The node's own link, and which addresses lead to it.
    own: Option<(IsOwn, Arc<Caller>)>,
    others: Arc<Mutex<HashMap<Key, Other>>>,
    connector: Arc<dyn Connector>,
    settings: LinkSettings,
    most: usize,
    idle: Duration,
    names: Names,
    codec: Codec,
}

struct Other {
    caller: Arc<Caller>,
    session: Arc<Session>,
    used: Instant,
}

/// What a pool is made with.
pub(super) struct Means {
    pub(super) connector: Arc<dyn Connector>,
    pub(super) settings: LinkSettings,
    pub(super) most: usize,
    pub(super) idle: Duration,
    pub(super) names: Names,
    pub(super) codec: Codec,
}

impl Pool {
    pub(super) fn new(own: Option<(IsOwn, Arc<Caller>)>, means: Means) -> Self {
        let Means { connector, settings, most, idle, names, codec } = means;
        Self { own, others: Arc::default(), connector, settings, most, idle, names, codec }
    }

    /// The link for an address. Fails if there is no room for another one.
    pub(super) async fn caller(&self, address: &Address) -> Result<Arc<Caller>, TransportError> {
        if let Some((_, own)) = self.own_for(address) {
            return Ok(Arc::clone(own));
        }
        let key = key(address);
        let mut others = lock(&self.others);
        if let Some(other) = others.get_mut(&key) {
            other.used = Instant::now();
            return Ok(Arc::clone(&other.caller));
        }
        if others.len() >= self.most {
            let idlest = others
                .iter()
                .filter(|(_, other)| other.caller.pending.len() == 0 && other.used.elapsed() > IDLE_AT_LEAST)
                .min_by_key(|(_, other)| other.used)
                .map(|(key, _)| key.clone());
            let Some(idlest) = idlest else {
                return Err(TransportError::Unreachable("too many MQTT brokers are in use".into()));
            };
            others.remove(&idlest);
        }
        let caller = self.open(address, &key, &mut others);
        Ok(caller)
    }

    /// Whether there is a connection with the broker of an address.
    pub(super) async fn is_connected(&self, address: &Address) -> bool {
        match self.own_for(address) {
            Some((_, own)) => own.link.is_connected(),
            None => lock(&self.others).get(&key(address)).is_some_and(|other| other.session.is_connected()),
        }
    }

    fn own_for(&self, address: &Address) -> Option<&(IsOwn, Arc<Caller>)> {
        self.own.as_ref().filter(|(is_own, _)| address.login.is_none() && is_own(&address.authority))
    }

    fn open(&self, address: &Address, key: &Key, others: &mut HashMap<Key, Other>) -> Arc<Caller> {
        let destination = Destination {
            authority: address.authority.clone(),
            login: address.login.clone(),
            connector: Arc::clone(&self.connector),
        };
        let (session, events) = session::open(destination, self.settings.clone(), Vec::new());
        let caller = Arc::new(Caller {
            link: Arc::clone(&session) as _,
            pending: Arc::default(),
            bases: tokio::sync::Mutex::default(),
        });
        let other = Other { caller: Arc::clone(&caller), session, used: Instant::now() };
        others.insert(key.clone(), other);
        let keeper = Keeper {
            key: key.clone(),
            others: Arc::clone(&self.others),
            pending: Arc::clone(&caller.pending),
            idle: self.idle,
            names: self.names.clone(),
            codec: self.codec.clone(),
        };
        tokio::spawn(keeper.keep(events));
        caller
    }
}

/// What was used a moment ago is not given up for another one.
const IDLE_AT_LEAST: Duration = Duration::from_secs(1);

/// Hears what comes over one link, and gives it up when it is not used.
struct Keeper {
    key: Key,
    others: Arc<Mutex<HashMap<Key, Other>>>,
    pending: Arc<Pending>,
    idle: Duration,
    names: Names,
    codec: Codec,
}

impl Keeper {
    async fn keep(self, mut events: Events) {
        let mut looks = tokio::time::interval(self.idle.max(Duration::from_secs(1)) / 4);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(Event::Message(message)) => {
                        respond(&self.pending, &self.names, &self.codec, &message);
                        message.receipt.acknowledge();
                    }
                    Some(Event::Connected | Event::Lost(_)) => {}
                    // The session has ended: what comes next opens a new one.
                    None => return self.forget(|_| true),
                },
                _ = looks.tick() => {
                    let idle = self.idle;
                    self.forget(|other| other.caller.pending.len() == 0 && other.used.elapsed() >= idle);
                }
            }
        }
    }

    /// Takes the link out of the pool, which ends it once nobody uses it.
    fn forget(&self, is_over: impl Fn(&Other) -> bool) {
        let mut others = lock(&self.others);
        let is_own =
            others.get(&self.key).is_some_and(|other| Arc::ptr_eq(&other.caller.pending, &self.pending));
        if is_own && others.get(&self.key).is_some_and(is_over) {
            others.remove(&self.key);
        }
    }
}

fn key(address: &Address) -> Key {
    let login = address.login.as_ref();
    (
        address.authority.clone(),
        login.map(|Login { username, password }| (username.clone(), password.clone())),
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
