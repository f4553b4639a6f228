//! The queues in memory, one for each target that something is owed to; and their bounds.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use rustc_hash::FxHashMap;

use super::lock;
use crate::config::NotificationConfig;
use crate::resource::{Id, Notice};
use crate::store::{Owed, Settled};

/// Bytes of notifications that all lanes hold together; more wait in the outbox.
const BYTES: usize = 64 << 20;

/// Targets that have a lane at the same time; others wait in the outbox until there is room.
const LANES: usize = 100_000;

/// All lanes.
pub(super) struct Lanes {
    lanes: Mutex<FxHashMap<String, Lane>>,
    /// Notifications that one lane holds.
    room: usize,
    /// Notifications that all lanes hold.
    total_room: usize,
    /// Notifications of one lane that are kept, in memory or not.
    stored: usize,
    queued: AtomicUsize,
    bytes: AtomicUsize,
    /// Whether there may be targets in the outbox that have no lane.
    lacks_some: AtomicBool,
    /// Whether a target found no room for its lane.
    was_full: AtomicBool,
}

/// What waits for one target.
#[derive(Default)]
struct Lane {
    queue: VecDeque<Notice>,
    /// Whether there may be more in the outbox than in the queue.
    spilled: bool,
    /// Counts what was left to the outbox, to notice more of it during a read.
    spills: u64,
    /// The last one that was taken from the queue.
    last: i64,
    /// Whether the last one that was tried could not be delivered.
    is_failing: bool,
    /// How many are owed, in memory or not, as far as that is known.
    owed: usize,
    /// Whether room is being made.
    is_relieved: bool,
    /// The newest notification of each subscription whose newer ones take the place of older ones.
    newest: FxHashMap<Id, Settled>,
}

/// What came of putting a notification into a lane.
#[derive(Default)]
pub(super) struct Pushed {
    /// Whether the lane has to be served from now on.
    pub(super) is_new: bool,
    /// The notification whose place it took.
    pub(super) replaced: Option<Settled>,
    /// Whether more is owed to the target than is kept.
    pub(super) is_crowded: bool,
}

/// What a lane has next.
pub(super) enum Next {
    /// A notification.
    Notice(Notice),
    /// More in the outbox, after this number; and the count of what was left to it.
    Outbox(i64, u64),
    /// Nothing: the lane is closed.
    Nothing,
}

/// Which notifications a newer one of the same subscription takes the place of (`replaces` of an outbox row).
pub(crate) mod replaces {
    /// None.
    pub(crate) const NONE: i32 = 0;
    /// All that wait.
    pub(crate) const ALL: i32 = 1;
    /// Those that the target missed, if it could not take them.
    pub(crate) const MISSED: i32 = 2;
    /// All that wait: it is owed while a schedule closes the target.
    pub(crate) const CLOSED: i32 = 3;
}

impl Lanes {
    pub(super) fn new(config: &NotificationConfig) -> Self {
        Self {
            lanes: Mutex::default(),
            room: config.queue,
            total_room: config.queue.saturating_mul(config.targets),
            stored: config.stored,
            queued: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            lacks_some: AtomicBool::new(true),
            was_full: AtomicBool::new(false),
        }
    }

    fn lanes(&self) -> MutexGuard<'_, FxHashMap<String, Lane>> {
        lock(&self.lanes)
    }

    /// Puts a notification into the lane of its target.
    pub(super) fn push(&self, notice: Notice) -> Pushed {
        let mut lanes = self.lanes();
        if let Some(lane) = lanes.get_mut(&notice.owed.target) {
            let replaced = lane.replace(&notice.owed);
            lane.owed = (lane.owed + 1).saturating_sub(usize::from(replaced.is_some()));
            let is_crowded = lane.owed > self.stored && !lane.is_relieved;
            lane.is_relieved |= is_crowded;
            if lane.spilled || lane.queue.len() >= self.room || self.is_full() {
                lane.spilled = true;
                lane.spills += 1;
            } else {
                self.count(&notice);
                lane.queue.push_back(notice);
            }
            return Pushed { is_new: false, replaced, is_crowded };
        }
        if !self.has_room(&lanes) {
            return Pushed::default();
        }
        let target = notice.owed.target.clone();
        let mut lane = Lane { owed: 1, ..Lane::default() };
        lane.replace(&notice.owed);
        // There may be older ones, which come first.
        if self.lacks_some.load(Ordering::Relaxed) || self.is_full() {
            lane.spilled = true;
        } else {
            self.count(&notice);
            lane.queue.push_back(notice);
        }
        lanes.insert(target, lane);
        Pushed { is_new: true, ..Pushed::default() }
    }

    /// So many of a lane were dropped for lack of room.
    pub(super) fn relieved(&self, target: &str, dropped: usize) {
        if let Some(lane) = self.lanes().get_mut(target) {
            lane.owed = lane.owed.saturating_sub(dropped);
            lane.is_relieved = false;
        }
    }

    /// So many are owed to a target, as its rows say.
    pub(super) fn counted(&self, target: &str, owed: usize) {
        if let Some(lane) = self.lanes().get_mut(target) {
            lane.owed = lane.owed.max(owed);
        }
    }

    /// Opens lanes for targets to whom something is owed in the outbox. Gives those that had none.
    pub(super) fn open(&self, targets: Vec<String>) -> Vec<String> {
        let mut lanes = self.lanes();
        let mut opened = Vec::new();
        for target in targets {
            if lanes.contains_key(&target) {
                continue;
            }
            if self.has_room(&lanes) {
                lanes.insert(target.clone(), Lane { spilled: true, ..Lane::default() });
                opened.push(target);
            }
        }
        opened
    }

    fn has_room(&self, lanes: &FxHashMap<String, Lane>) -> bool {
        let has_room = lanes.len() < LANES;
        if !has_room {
            self.was_full.store(true, Ordering::Relaxed);
            self.lacks_some.store(true, Ordering::Relaxed);
        }
        has_room
    }

    /// Whether the outbox should be looked through for targets that have no lane, and could have one now.
    pub(super) fn lacks_some(&self) -> bool {
        let lacks_some = self.lacks_some.load(Ordering::Relaxed) && (self.lanes().len() < LANES / 2);
        if lacks_some {
            self.was_full.store(false, Ordering::Relaxed);
        }
        lacks_some
    }

    /// The outbox was looked through.
    pub(super) fn looked_through(&self) {
        let _lanes = self.lanes();
        if !self.was_full.load(Ordering::Relaxed) {
            self.lacks_some.store(false, Ordering::Relaxed);
        }
    }

    /// Takes the next notification of a lane.
    pub(super) fn next(&self, target: &str) -> Next {
        let mut lanes = self.lanes();
        let Some(lane) = lanes.get_mut(target) else { return Next::Nothing };
        if let Some(last) = lane.may_be_replaced_from_outbox() {
            return Next::Outbox(last, lane.spills);
        }
        if let Some(notice) = lane.queue.pop_front() {
            lane.last = notice.owed.seq;
            self.discount(&notice);
            return Next::Notice(notice);
        }
        if lane.spilled {
            return Next::Outbox(lane.last, lane.spills);
        }
        lanes.remove(target);
        Next::Nothing
    }

    /// Takes the next notification of a lane if it is in memory.
    pub(super) fn next_at_hand(&self, target: &str) -> Option<Notice> {
        let mut lanes = self.lanes();
        let lane = lanes.get_mut(target)?;
        if lane.may_be_replaced_from_outbox().is_some() {
            return None;
        }
        let notice = lane.queue.pop_front()?;
        lane.last = notice.owed.seq;
        self.discount(&notice);
        Some(notice)
    }

    /// Takes in what was read from the outbox.
    pub(super) fn refill(&self, target: &str, more: Vec<Notice>, spills: u64) {
        let mut lanes = self.lanes();
        let Some(lane) = lanes.get_mut(target) else { return };
        // Nothing more was committed during the read: from here on the queue is enough.
        if more.is_empty() && lane.spills == spills {
            lane.spilled = false;
        }
        for notice in more {
            self.count(&notice);
            // After a restart the lane learns here what takes whose place.
            if lane.newest.get(&notice.owed.subscription).is_none_or(|newest| newest.seq < notice.owed.seq) {
                lane.replace(&notice.owed);
            }
            lane.queue.push_back(notice);
        }
    }

    /// Whether a newer notification of the same subscription waits that takes the place of this one.
    pub(super) fn is_replaced(&self, owed: &Owed) -> bool {
        let lanes = self.lanes();
        let newest = lanes.get(&owed.target).and_then(|lane| lane.newest.get(&owed.subscription));
        newest.is_some_and(|newest| newest.seq > owed.seq)
    }

    /// Notes whether a target could be reached.
    pub(super) fn note(&self, target: &str, is_failing: bool) {
        if let Some(lane) = self.lanes().get_mut(target) {
            lane.is_failing = is_failing;
        }
    }

    /// Forgets a notification that is done.
    pub(super) fn done(&self, owed: &Owed) {
        let mut lanes = self.lanes();
        let Some(lane) = lanes.get_mut(&owed.target) else { return };
        lane.owed = lane.owed.saturating_sub(1);
        if lane.newest.get(&owed.subscription).is_some_and(|newest| newest.seq == owed.seq) {
            lane.newest.remove(&owed.subscription);
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    pub(super) fn forget(&self) {
        for lane in self.lanes().values_mut() {
            for notice in lane.queue.drain(..) {
                self.discount(&notice);
            }
            lane.newest.clear();
            lane.spilled = false;
        }
    }

    fn is_full(&self) -> bool {
        self.queued.load(Ordering::Relaxed) >= self.total_room || self.bytes.load(Ordering::Relaxed) >= BYTES
    }

    fn count(&self, notice: &Notice) {
        self.queued.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(weight(notice), Ordering::Relaxed);
    }

    fn discount(&self, notice: &Notice) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(weight(notice), Ordering::Relaxed);
    }
}

impl Lane {
    /// The number of the last notification in memory, if one in the outbox may take its place.
    fn may_be_replaced_from_outbox(&self) -> Option<i64> {
        let last = self.queue.back().filter(|_| self.spilled && self.queue.len() == 1)?;
        self.applies(&last.owed).then_some(last.owed.seq)
    }

    /// Whether a notification takes the place of others.
    fn applies(&self, owed: &Owed) -> bool {
        match owed.replaces {
            replaces::ALL | replaces::CLOSED => true,
            replaces::MISSED => self.is_failing,
            _ => false,
        }
    }

    /// Notes a notification that takes the place of others. Gives the one that need not be kept any more.
    fn replace(&mut self, owed: &Owed) -> Option<Settled> {
        if !self.applies(owed) || owed.subscription == 0 {
            return None;
        }
        self.newest.insert(owed.subscription, Settled { seq: owed.seq, event: owed.event })
    }
}

/// What a notification weighs in memory. The text of an event counts with each notification that shares it.
fn weight(notice: &Notice) -> usize {
    200 + notice.owed.body.len()
        + notice.owed.target.len()
        + notice.event.as_ref().map_or(0, |event| event.head.len() / 16)
}
