//! Delivery of what is owed: notifications leave the outbox in order, target by target.
//!
//! A notification is a row in the outbox from the commit that caused it until its target has taken it, so it is
//! sent at least once whatever happens to the node. Each target has a lane of its own with a bounded queue in
//! memory; what does not fit waits in the outbox alone. A target that is slow or dead holds up nobody else.

mod account;
mod coming;
mod congestion;
mod lane;
mod lanes;
mod originate;
mod reachability;
mod send;
mod target;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use dyad_protocol::exchange::{Connection, Transport, TransportError};
use dyad_protocol::{Request, Response};
use tokio::sync::{Notify, Semaphore, watch};

use crate::Cse;
use crate::clock::Drift;
use crate::config::NotificationConfig;
use crate::resource::{Published, Resource};
use crate::store::{Owed, Settled};
use coming::Comings;
use lanes::Lanes;

/// How often rows of delivered notifications are removed when no write takes them along, and targets looked for that
/// have no lane.
const SETTLE_EVERY: Duration = Duration::from_millis(500);

/// Delivers what is owed, over the transports of the bindings.
pub struct Delivery {
    transports: Vec<Arc<dyn Transport>>,
    timeout_millis: AtomicU64,
    lanes: Lanes,
    settled: Mutex<Vec<Settled>>,
    /// How many targets are served at a time.
    permits: Semaphore,
    /// The same for those that failed the last time: they do not take the places of others.
    second_chances: Semaphore,
    stop: watch::Receiver<bool>,
    home: OnceLock<Home>,
    /// There are events to distribute.
    undistributed: Notify,
    /// The next moment at which something is to be done about what subscriptions hold back; in the past until it is
    /// known after a start.
    due: AtomicI64,
    due_changed: Notify,
    /// Changes when schedules do, or the clock.
    schedules: watch::Sender<()>,
    comings: Comings,
}

/// What delivery needs of the node that it belongs to, known once the node is there.
struct Home {
    cse: Weak<Cse>,
    runtime: tokio::runtime::Handle,
}

impl Delivery {
    pub(crate) fn new(
        transports: Vec<Arc<dyn Transport>>,
        config: NotificationConfig,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let timeout_millis = AtomicU64::new(millis(config.timeout));
        Self {
            transports,
            timeout_millis,
            lanes: Lanes::new(&config),
            settled: Mutex::default(),
            permits: Semaphore::new(config.targets.max(1)),
            second_chances: Semaphore::new((config.targets / 2).max(1)),
            stop,
            home: OnceLock::new(),
            undistributed: Notify::new(),
            due: AtomicI64::new(0),
            due_changed: Notify::new(),
            schedules: watch::Sender::new(()),
            comings: Comings::default(),
        }
    }

    /// Starts delivery for a node: what an earlier run of it owes is sent first.
    pub(crate) fn start(&self, cse: &Arc<Cse>) {
        let home = Home { cse: Arc::downgrade(cse), runtime: tokio::runtime::Handle::current() };
        if self.home.set(home).is_err() {
            return;
        }
        let mut drift = Drift::new(cse.now());
        let (cse, mut stop) = (Arc::downgrade(cse), self.stop.clone());
        tokio::spawn(async move {
            loop {
                let Some(node) = cse.upgrade() else { return };
                lane::open_lacking(&node).await;
                if drift.look(node.now()) {
                    node.delivery().schedules.send_replace(());
                }
                drop(node);
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
    pub(crate) fn accept(&self, published: Published) {
        if published.has_open_events {
            self.undistributed.notify_one();
        }
        if let Some(due) = published.due {
            self.is_due(due);
        }
        if published.changes_schedules {
            self.schedules.send_replace(());
        }
        for notice in published.notices.into_iter().filter(|notice| !is_held(&notice.owed)) {
            let target = notice.owed.target.clone();
            let pushed = self.lanes.push(notice);
            self.settle_all(pushed.replaced);
            if pushed.is_new {
                self.spawn(async move |cse| lane::serve(&cse, &target).await);
            } else if pushed.is_crowded {
                self.spawn(async move |cse| congestion::relieve(&cse, &target).await);
            }
        }
    }

    fn spawn<F>(&self, work: impl FnOnce(Arc<Cse>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(home) = self.home.get() else { return };
        if let Some(cse) = home.cse.upgrade() {
            home.runtime.spawn(work(cse));
        }
    }

    /// Drops everything that waits in memory, after the outbox was emptied.
    pub(crate) fn forget(&self) {
        self.lanes.forget();
        lock(&self.settled).clear();
    }

    /// The notifications that were delivered since the last time; their rows can go.
    pub(crate) fn take_settled(&self) -> Vec<Settled> {
        std::mem::take(&mut lock(&self.settled))
    }

    fn settle(&self, owed: &Owed) {
        self.settle_all([Settled { seq: owed.seq, event: owed.event }]);
    }

    fn settle_all(&self, settled: impl IntoIterator<Item = Settled>) {
        lock(&self.settled).extend(settled);
    }

    /// Resolves when there are events to distribute.
    pub(crate) async fn undistributed(&self) {
        self.undistributed.notified().await;
    }

    /// There may be events to distribute.
    pub(crate) fn distribute(&self) {
        self.undistributed.notify_one();
    }

    /// When something is to be done about what subscriptions hold back, in microseconds since 1970.
    pub(crate) fn due(&self) -> i64 {
        self.due.load(Ordering::Acquire)
    }

    /// There is something to do at a moment.
    pub(crate) fn is_due(&self, at: i64) {
        if self.due.fetch_min(at, Ordering::AcqRel) > at {
            self.due_changed.notify_one();
        }
    }

    /// Nothing is to be done any more.
    pub(crate) fn nothing_is_due(&self) {
        self.due.store(i64::MAX, Ordering::Release);
    }

    /// Resolves when there is something to do earlier than before.
    pub(crate) async fn due_changed(&self) {
        self.due_changed.notified().await;
    }

    /// How long a target may take to answer.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_millis.load(Ordering::Relaxed))
    }

    /// Changes how long a target may take to answer, until the next start. Gives the time before.
    pub fn set_timeout(&self, timeout: Duration) -> Duration {
        Duration::from_millis(self.timeout_millis.swap(millis(timeout), Ordering::Relaxed))
    }

    /// The connection that an AE has opened and can be reached over.
    fn connection(&self, entity: &Resource) -> Option<Arc<dyn Connection>> {
        let identifier = originate::identifier(entity);
        self.transports.iter().find_map(|transport| transport.connection(identifier))
    }

    /// Who waits for whom to open a connection.
    fn comings(&self) -> &Comings {
        &self.comings
    }

    /// Notifications that wait in memory.
    pub fn waiting(&self) -> usize {
        self.lanes.queued()
    }

    /// Sends a request to a URL by the transport for its scheme.
    pub async fn send(&self, url: &str, request: &Request) -> Result<Response, TransportError> {
        self.transport(url)?.send(url, request, self.timeout()).await
    }

    /// Sends a request to a point of access of an entity by the transport for its scheme.
    pub(crate) async fn send_to(
        &self,
        url: &str,
        entity: &str,
        request: &Request,
    ) -> Result<Response, TransportError> {
        self.transport(url)?.send_to(url, entity, request, self.timeout()).await
    }

    fn transport(&self, url: &str) -> Result<&Arc<dyn Transport>, TransportError> {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
        let transport =
            self.transports.iter().find(|transport| transport.schemes().contains(&scheme.as_str()));
        transport
            .ok_or_else(|| TransportError::Unreachable(format!("no transport for the scheme '{scheme}'")))
    }
}

pub(crate) use lane::reading;
pub(crate) use lanes::replaces;
pub(crate) use reachability::is_closed;

/// What the targets of notifications that a subscription holds back begin with: no identifier has such a character.
const HELD: char = '\u{1}';

/// What all targets come behind.
const BEFORE_TARGETS: &str = "\u{2}";

/// The target under which a subscription's notifications are kept while it holds them back.
pub(crate) fn held_by(subscription: crate::resource::Id) -> String {
    format!("{HELD}{subscription}")
}

fn is_held(owed: &Owed) -> bool {
    owed.target.starts_with(HELD)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
