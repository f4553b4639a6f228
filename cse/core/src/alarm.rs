//! Alarms: service functions are called for a resource of a type that they own when a time has come.
//!
//! Responsible for: one timer for all of them, whatever their number, and a write transaction for each call. What is due
//! is in the store ([`Txn::set_alarm`](crate::resource::Txn::set_alarm)), in an index by time: nothing is loaded at the
//! start, nothing is lost when the node ends, and an alarm that was due while it was down rings at the next start. The
//! clock is that of the node; one that is set ahead or back is noticed within a second.

use std::sync::Arc;
use std::time::Duration;

use dyad_protocol::Failure;
use dyad_protocol::time::Span;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Cse;
use crate::function::{Hook, Hosted, ServiceFunction, Stop};
use crate::resource::{Id, Lookup, Resource, Txn};

/// A function that has itself called for its resources.
pub trait Alarms: Send + Sync {
    /// The time of an alarm has come. Runs in a write transaction, maybe twice. The alarm is cleared before, so that it
    /// rings again only if this sets it again; on a failure it rings again later.
    fn ring(&self, txn: &mut Txn<'_>, resource: &Arc<Resource>, state: &str) -> Result<(), Failure>;
}

/// Alarms that ring together: as many share a commit.
const AT_A_TIME: usize = 256;

/// Time from the begin of one round to that of the next at least: what falls due within it rings together.
const SPACING: Duration = Duration::from_millis(50);

/// Longest time until the clock is looked at: it may have been set.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long an alarm is put off that could not ring.
const AFTER_FAILURE: Span = Span::from_seconds(10);

/// The timer of a node.
pub(crate) struct Timer {
    /// The types that have alarms, each with the place of its function.
    owners: Vec<(i32, usize)>,
    /// No alarm is due before, in microseconds since 1970.
    earliest: watch::Sender<i64>,
}

impl Timer {
    pub(crate) fn new(functions: &[Arc<dyn ServiceFunction>]) -> Self {
        let mut owners = Vec::new();
        for (place, function) in functions.iter().enumerate() {
            if function.facets().alarms.is_none() {
                continue;
            }
            let types = function.owns().iter().filter_map(|ty| i32::try_from(*ty).ok());
            owners.extend(types.map(|ty| (ty, place)));
        }
        Self { owners, earliest: watch::Sender::new(i64::MIN) }
    }

    /// Whether resources of a type may have alarms.
    pub(crate) fn concerns(&self, ty: i32) -> bool {
        self.owners.iter().any(|(owned, _)| *owned == ty)
    }

    /// An alarm was committed.
    pub(crate) fn note(&self, due: i64) {
        self.earliest.send_if_modified(|earliest| {
            let is_earlier = due < *earliest;
            *earliest = due.min(*earliest);
            is_earlier
        });
    }
}

/// Rings alarms until the node stops.
pub(crate) async fn run(cse: Arc<Cse>, mut stop: Stop) {
    if cse.alarms().owners.is_empty() {
        return;
    }
    tokio::select! {
        () = watch(&cse) => {}
        () = stop.stopped() => {}
    }
}

async fn watch(cse: &Arc<Cse>) {
    let mut earliest = cse.alarms().earliest.subscribe();
    loop {
        let due = *earliest.borrow_and_update();
        let left = due.saturating_sub(cse.now().micros());
        if left > 0 {
            let pause = Duration::from_micros(left.unsigned_abs()).min(LOOK_AGAIN);
            tokio::select! {
                () = tokio::time::sleep(pause), if due < i64::MAX => {}
                changed = earliest.changed() => if changed.is_err() { return },
            }
            continue;
        }
        let began = tokio::time::Instant::now();
        if let Err(failure) = round(cse).await {
            tracing::error!(error = ?failure.source, "alarms cannot be read: {failure}");
            cse.alarms().note(i64::MIN);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        // However many are due, half of the time is left to others.
        tokio::time::sleep(began.elapsed().max(SPACING.saturating_sub(began.elapsed()))).await;
    }
}

/// Rings what is due, and finds out when the next is.
async fn round(cse: &Arc<Cse>) -> Result<(), Failure> {
    // What is set from here on is compared with this, what was set before is in the store.
    cse.alarms().earliest.send_replace(i64::MAX);
    let at_a_time = AT_A_TIME.min(cse.config().write_queue / 2).max(1);
    for (ty, place) in &cse.alarms().owners {
        // What falls due while a function is off rings when it is on again.
        if cse.hosts().get(*place).is_none_or(Hosted::is_off) {
            continue;
        }
        let mut ringing = JoinSet::new();
        for (id, _) in due(cse, *ty, cse.now().micros(), at_a_time).await? {
            ringing.spawn(ring(Arc::clone(cse), id, *place));
        }
        while ringing.join_next().await.is_some() {}
        if let Some((_, next)) = due(cse, *ty, i64::MAX, 1).await?.first() {
            cse.alarms().note(*next);
        }
    }
    Ok(())
}

/// The alarms of a type that are due at a point in time, the earliest first.
async fn due(cse: &Arc<Cse>, ty: i32, until: i64, limit: usize) -> Result<Vec<(Id, i64)>, Failure> {
    let cse = Arc::clone(cse);
    let read = move || {
        let mut reader = cse.tree().store.reader().map_err(Failure::internal)?;
        reader.due_alarms(ty, until, limit).map_err(Failure::internal)
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(Failure::internal(error)))
}

async fn ring(cse: Arc<Cse>, id: Id, place: usize) {
    let name = cse.hosts().get(place).map_or("", |hosted| hosted.function().name());
    let rung = cse
        .writer()
        .run(move |txn| txn.acting(place, Hook::Ring, |function, txn| ring_once(txn, id, function)))
        .await;
    if let Err(failure) = rung {
        tracing::error!(function = name, error = ?failure.source, "an alarm could not ring: {failure}");
        let put_off = cse.writer().run(move |txn| put_off(txn, id)).await;
        if let Err(failure) = put_off {
            tracing::error!(error = ?failure.source, "nor could it be put off: {failure}");
        }
    }
}

fn ring_once(txn: &mut Txn<'_>, id: Id, function: &dyn ServiceFunction) -> Result<(), Failure> {
    let Some(alarm) = txn.alarm(id)?.filter(|alarm| alarm.due <= txn.now().micros()) else {
        // It was set anew or cleared meanwhile.
        return Ok(());
    };
    txn.clear_alarm(id)?;
    match (txn.resource(id)?, function.facets().alarms) {
        (Some(resource), Some(alarms)) => alarms.ring(txn, &resource, &alarm.state),
        _ => Ok(()),
    }
}

fn put_off(txn: &mut Txn<'_>, id: Id) -> Result<(), Failure> {
    if let (Some(alarm), Some(resource)) = (txn.alarm(id)?, txn.resource(id)?) {
        txn.set_alarm(&resource, txn.now().plus(AFTER_FAILURE), alarm.state.clone());
    }
    Ok(())
}
