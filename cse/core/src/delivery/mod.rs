//! Delivery of what is owed: notifications leave the outbox in order, target by target.
//!
//! A notification is a row in the outbox from the commit that caused it until its target has taken it, so it is
//! sent at least once whatever happens to the node. Each target has a lane of its own with a bounded queue in
//! memory; what does not fit waits in the outbox alone. A target that is slow or dead holds up nobody else.

mod lane;
mod originate;
mod target;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use dyad_protocol::exchange::{Transport, TransportError};
use dyad_protocol::{Request, Response};
use rustc_hash::FxHashMap;
use tokio::sync::{Semaphore, watch};

use crate::Cse;
use crate::config::NotificationConfig;
use crate::store::Owed;

/// How often rows of delivered notifications are removed when no write takes them along.
const SETTLE_EVERY: Duration = Duration::from_millis(500);

/// Delivers what is owed, over the transports of the bindings.
pub struct Delivery {
    transports: Vec<Arc<dyn Transport>>,
    config: NotificationConfig,
    timeout_millis: AtomicU64,
    lanes: Mutex<FxHashMap<String, Lane>>,
    settled: Mutex<Vec<i64>>,
    queued: AtomicUsize,
    permits: Semaphore,
    stop: watch::Receiver<bool>,
    home: OnceLock<Home>,
}

/// What delivery needs of the node that it belongs to, known once the node is there.
struct Home {
    cse: Weak<Cse>,
    runtime: tokio::runtime::Handle,
}

/// What waits for one target.
#[derive(Default)]
struct Lane {
    queue: VecDeque<Arc<Owed>>,
    /// Whether there may be more in the outbox than in the queue.
    spilled: bool,
    /// Counts what was left to the outbox, to notice more of it during a read.
    spills: u64,
    /// The last one that was taken from the queue.
    last: i64,
}

impl Delivery {
    pub(crate) fn new(
        transports: Vec<Arc<dyn Transport>>,
        config: NotificationConfig,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let permits = Semaphore::new(config.targets.max(1));
        let (lanes, settled) = (Mutex::default(), Mutex::default());
        let timeout_millis = AtomicU64::new(millis(config.timeout));
        Self {
            transports,
            config,
            timeout_millis,
            lanes,
            settled,
            queued: AtomicUsize::new(0),
            permits,
            stop,
            home: OnceLock::new(),
        }
    }

    /// Starts delivery for a node: what an earlier run of it owes is sent first.
    pub(crate) fn start(&self, cse: &Arc<Cse>, targets: Vec<String>) {
        let home = Home { cse: Arc::downgrade(cse), runtime: tokio::runtime::Handle::current() };
        if self.home.set(home).is_err() {
            return;
        }
        for target in targets {
            self.lanes().insert(target.clone(), Lane { spilled: true, ..Lane::default() });
            self.spawn(target);
        }
        let (cse, mut stop) = (Arc::downgrade(cse), self.stop.clone());
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(SETTLE_EVERY) => {}
                    _ = stop.wait_for(|stopped| *stopped) => return,
                }
                let Some(cse) = cse.upgrade() else { return };
                if !lock(&cse.delivery().settled).is_empty() {
                    cse.writer().nudge();
                }
            }
        });
    }

    /// Takes over what a commit owes. Called by the writer; never waits.
    pub(crate) fn accept(&self, owed: Vec<Arc<Owed>>) {
        for notification in owed {
            let target = notification.target.clone();
            let mut lanes = self.lanes();
            let is_full =
                self.queued.load(Ordering::Relaxed) >= self.config.queue.saturating_mul(self.config.targets);
            match lanes.get_mut(&target) {
                Some(lane) if lane.spilled || is_full || lane.queue.len() >= self.config.queue => {
                    lane.spilled = true;
                    lane.spills += 1;
                }
                Some(lane) => {
                    self.queued.fetch_add(1, Ordering::Relaxed);
                    lane.queue.push_back(notification);
                }
                None => {
                    self.queued.fetch_add(1, Ordering::Relaxed);
                    let lane = Lane { queue: VecDeque::from([notification]), ..Lane::default() };
                    lanes.insert(target.clone(), lane);
                    drop(lanes);
                    self.spawn(target);
                }
            }
        }
    }

    fn spawn(&self, target: String) {
        let Some(home) = self.home.get() else { return };
        let cse = Weak::clone(&home.cse);
        home.runtime.spawn(async move {
            if let Some(cse) = cse.upgrade() {
                lane::serve(&cse, &target).await;
            }
        });
    }

    /// Drops everything that waits in memory, after the outbox was emptied.
    pub(crate) fn forget(&self) {
        for lane in self.lanes().values_mut() {
            self.queued.fetch_sub(lane.queue.len(), Ordering::Relaxed);
            lane.queue.clear();
            lane.spilled = false;
        }
        lock(&self.settled).clear();
    }

    /// The notifications that were delivered since the last time; their rows can go.
    pub(crate) fn take_settled(&self) -> Vec<i64> {
        std::mem::take(&mut lock(&self.settled))
    }

    fn settle(&self, seq: i64) {
        lock(&self.settled).push(seq);
    }

    /// How long a target may take to answer.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_millis.load(Ordering::Relaxed))
    }

    /// Changes how long a target may take to answer, until the next start. Gives the time before.
    pub fn set_timeout(&self, timeout: Duration) -> Duration {
        Duration::from_millis(self.timeout_millis.swap(millis(timeout), Ordering::Relaxed))
    }

    /// Notifications that wait in memory.
    pub fn waiting(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Sends a request to a point of access by the transport for its scheme.
    pub async fn send(&self, url: &str, request: &Request) -> Result<Response, TransportError> {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
        let transport =
            self.transports.iter().find(|transport| transport.schemes().contains(&scheme.as_str()));
        match transport {
            Some(transport) => transport.send(url, request, self.timeout()).await,
            None => Err(TransportError::Unreachable(format!("no transport for the scheme '{scheme}'"))),
        }
    }

    fn lanes(&self) -> MutexGuard<'_, FxHashMap<String, Lane>> {
        lock(&self.lanes)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
