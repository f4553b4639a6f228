//! The node as a whole: put together, started, stopped.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use dyad_protocol::exchange::Transport;
use dyad_protocol::schema::Schemas;
use dyad_protocol::{Failure, Timestamp};
use tokio::sync::watch;

use crate::alarm::{self, Timer};
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::Delivery;
use crate::expiry::Expiry;
use crate::function::{Active, Functions, Hosted, Report, ServiceFunction, Stop, start_watchdog, supervise};
use crate::request;
use crate::resource::{Snapshot, Tree, Txn, WriteQueue, WriterEnd, spawn_writer};
use crate::store::{Store, Writer};
use crate::types;

/// A common services entity.
pub struct Cse {
    config: Config,
    clock: Arc<dyn Clock>,
    tree: Tree,
    writer: WriteQueue,
    delivery: Delivery,
    requests: request::State,
    alarms: Timer,
    functions: Functions,
    stop: watch::Sender<bool>,
    expiration_interval: watch::Sender<Duration>,
    expiry: Expiry,
    failed: watch::Sender<bool>,
    this: OnceLock<Weak<Cse>>,
    /// The watchdog looks as long as this is there.
    _watchdog: Sender<()>,
}

/// Puts a node together.
pub struct Builder {
    /// The settings.
    pub config: Config,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The tables of the resource types, those of the service functions among them ([`crate::add_schemas`]).
    pub schemas: Arc<Schemas>,
    /// The database.
    pub store: Store,
    /// The ways to other entities.
    pub transports: Vec<Arc<dyn Transport>>,
    /// The service functions, in the order in which they take part.
    pub functions: Vec<Arc<dyn ServiceFunction>>,
}

impl Builder {
    /// Starts the node: the tree is there, the writer runs, what is owed is on its way, the functions run. Must be
    /// called inside a tokio runtime.
    pub async fn start(self) -> anyhow::Result<Arc<Cse>> {
        let alarms = Timer::new(&self.functions);
        let functions = Functions::new(self.functions, &self.config)?;
        let database = self.store.writer()?;
        let (stop, stopped) = watch::channel(false);
        let (watchdog, watched) = bounded(0);
        let (writer, end) = WriteQueue::new(self.config.write_queue);
        let expiration_interval = watch::Sender::new(self.config.expiration_interval);
        let cse = Arc::new(Cse {
            tree: Tree::new(self.store, self.schemas, self.config.cache_bytes),
            requests: request::State::new(&self.config.deferral),
            alarms,
            delivery: Delivery::new(self.transports, self.config.notification.clone(), stopped),
            config: self.config,
            clock: self.clock,
            writer,
            functions,
            stop,
            expiration_interval,
            expiry: Expiry::default(),
            failed: watch::Sender::new(false),
            this: OnceLock::new(),
            _watchdog: watchdog,
        });
        let _ = cse.this.set(Arc::downgrade(&cse));
        cse.run(database, end, watched).await?;
        Ok(cse)
    }
}

/// The first transaction: the CSEBase, and what service functions take up of what is stored.
fn begin(txn: &mut Txn<'_>) -> Result<(), Failure> {
    types::bootstrap(txn)?;
    (0..txn.cse().hosts().all().len()).try_for_each(|place| txn.start_function(place))
}

impl Cse {
    async fn run(
        self: &Arc<Self>,
        database: Writer,
        end: WriterEnd,
        watched: Receiver<()>,
    ) -> anyhow::Result<()> {
        start_watchdog(self, watched)?;
        spawn_writer(Arc::clone(self), database, end)?;
        if let Err(failure) = self.writer.run(begin).await {
            self.writer.stop().await;
            return Err(match failure.source {
                Some(source) => anyhow::anyhow!("{source}"),
                None => failure.into(),
            });
        }
        self.delivery.start(self);
        tokio::spawn(alarm::run(Arc::clone(self), Stop(self.stop.subscribe())));
        for (place, hosted) in self.functions.all().iter().enumerate() {
            if !hosted.is_off() {
                tokio::spawn(supervise(Arc::clone(self), place));
            }
        }
        Ok(())
    }

    /// Tells everything that waits or works in the background that the node is about to stop. Requests are carried out
    /// until [`Cse::stop`].
    pub fn begin_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Stops the node: what waits is committed, what is owed stays in the store for the next start.
    pub async fn stop(&self) {
        self.begin_stop();
        self.writer.stop().await;
    }

    /// Resolves if the node cannot go on; it should end then.
    pub async fn failed(&self) {
        // An error means that the node is gone altogether.
        let _ = self.failed.subscribe().wait_for(|failed| *failed).await;
    }

    pub(crate) fn fail(&self) {
        self.failed.send_replace(true);
    }

    /// Brings the tree back to what it was just after the start, with everything that is owed forgotten. The
    /// CSEBase is new.
    pub async fn reset(&self) -> Result<(), Failure> {
        self.writer.run_on_empty(begin).await
    }

    /// How often expired resources are swept; follows changes of it.
    pub fn expiration_interval(&self) -> watch::Receiver<Duration> {
        self.expiration_interval.subscribe()
    }

    /// Changes how often expired resources are swept, until the next start. Gives the interval before.
    pub fn set_expiration_interval(&self, interval: Duration) -> Duration {
        self.expiration_interval.send_replace(interval)
    }

    /// When the next resource expires: what was there at the last sweep, and what was written since.
    pub fn next_expiration(&self) -> Timestamp {
        self.expiry.next()
    }

    /// Resolves when [`Cse::next_expiration`] is earlier than it was.
    pub async fn earlier_expiration(&self) {
        self.expiry.earlier().await;
    }

    pub(crate) fn expiry(&self) -> &Expiry {
        &self.expiry
    }

    /// Removes expired resources with everything below them, at most `most` in one transaction. Gives how many.
    pub async fn remove_expired(&self, most: usize) -> Result<usize, Failure> {
        let now = self.now();
        self.writer.run(move |txn| request::remove_expired(txn, now, most)).await
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The time.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The tables of the resource types.
    pub fn schemas(&self) -> &Schemas {
        &self.tree.schemas
    }

    /// The tree.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(crate) fn requests(&self) -> &request::State {
        &self.requests
    }

    pub(crate) fn alarms(&self) -> &Timer {
        &self.alarms
    }

    /// Tells when the node stops.
    pub(crate) fn stop_signal(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Whether the node is being stopped.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Delivery of notifications.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// The service functions that are switched on, in their order.
    pub fn functions(&self) -> Active<'_> {
        self.functions.active()
    }

    /// All service functions with what the node knows of them.
    pub(crate) fn hosts(&self) -> &Functions {
        &self.functions
    }

    /// What each service function says of itself; [`Cse::standings`] says more.
    pub fn reports(&self) -> Vec<(&'static str, Report)> {
        let report = |hosted: &Hosted| (hosted.function().name(), hosted.report(self));
        self.functions.all().iter().map(report).collect()
    }

    /// Write requests that wait for their commit.
    pub fn writes_waiting(&self) -> usize {
        self.writer.waiting()
    }

    pub(crate) fn writer(&self) -> &WriteQueue {
        &self.writer
    }

    /// The node by its shared pointer, for tasks that outlive the call they were made for.
    pub fn shared(&self) -> Arc<Cse> {
        // Nobody has a reference to a node that was not built by `Builder::start`, which sets this first.
        self.this
            .get()
            .and_then(Weak::upgrade)
            .unwrap_or_else(|| unreachable!("a node without a pointer to itself"))
    }

    /// Reads what is committed, for service functions: at once if memory does, on a thread that may block if not.
    pub async fn look<T: Send + 'static>(
        &self,
        read: impl Fn(&Cse, &mut Snapshot<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        match read(self, &mut Snapshot::of_memory(&self.tree)) {
            Err(failure) if crate::resource::is_cold(&failure) => {}
            outcome => return outcome,
        }
        let cse = self.shared();
        tokio::task::spawn_blocking(move || read(&cse, &mut Snapshot::new(&cse.tree)))
            .await
            .unwrap_or_else(|error| Err(Failure::internal(error)))
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
