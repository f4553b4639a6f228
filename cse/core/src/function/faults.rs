//! The faults of a service function, and when there are too many of them.
//!
//! A function is switched off after `functions.max_faults` panics or failures of its background work within ten
//! minutes, or so many calls in a row that took too long: a busy node may be late now and then, one that is always late
//! waits for nothing. One that keeps a thread is switched off at once.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dyad_protocol::Timestamp;
use dyad_protocol::time::Span;

use super::watchdog::Hook;
use crate::Cse;

/// How long a fault counts.
const WINDOW: Span = Span::from_seconds(600);

/// What went wrong in a function.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It panicked, with this message.
    Panic(String),
    /// It took longer than it may.
    Late,
    /// Its background work ended with this failure.
    Ended(String),
    /// It keeps the thread of this name.
    Blocked(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic(message) => write!(f, "panicked: {message}"),
            Self::Late => f.write_str("took longer than functions.time_limit"),
            Self::Ended(error) => write!(f, "ended: {error}"),
            Self::Blocked(thread) => {
                write!(
                    f,
                    "keeps the thread {thread} for longer than functions.time_limit without awaiting anything"
                )
            }
        }
    }
}

/// The faults of one function.
#[derive(Default)]
pub(crate) struct Faults {
    is_off: AtomicBool,
    /// Calls in a row that took too long.
    late: AtomicU32,
    record: Mutex<Record>,
}

/// What the operator is told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// All faults since the start.
    pub(crate) count: u64,
    /// The last one.
    pub(crate) last: Option<String>,
    /// Since when and why the function is off.
    pub(crate) off: Option<(Timestamp, String)>,
    /// Whether it was the operator who switched it off: it stays off after the next start then.
    pub(crate) by_operator: bool,
    recent: VecDeque<Timestamp>,
}

impl Faults {
    pub(crate) fn is_off(&self) -> bool {
        self.is_off.load(Ordering::Relaxed)
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call did not take too long.
    pub(crate) fn in_time(&self) {
        if self.late.load(Ordering::Relaxed) > 0 {
            self.late.store(0, Ordering::Relaxed);
        }
    }

    /// Takes note of a fault. `true` if it is the one that switches the function off.
    pub(crate) fn note(&self, cse: &Cse, name: &'static str, hook: Hook, fault: Fault) -> bool {
        tracing::error!(function = name, hook = hook.name(), "a service function has a fault: it {fault}");
        let most = cse.config().functions.max_faults;
        let now = cse.now();
        let mut record = self.record();
        record.count += 1;
        record.last = Some(format!("{hook} {fault}"));
        let in_total = match fault {
            Fault::Late => self.late.fetch_add(1, Ordering::Relaxed) + 1,
            // Each may cost a thread that never comes back.
            Fault::Blocked(_) => most,
            Fault::Panic(_) | Fault::Ended(_) => {
                record.recent.retain(|at| at.plus(WINDOW) > now);
                record.recent.push_back(now);
                record.recent.truncate(most.max(1) as usize);
                u32::try_from(record.recent.len()).unwrap_or(u32::MAX)
            }
        };
        if most == 0 || in_total < most || self.is_off.swap(true, Ordering::Relaxed) {
            return false;
        }
        record.off = Some((now, format!("after {in_total} faults, the last: {hook} {fault}")));
        tracing::error!(
            function = name,
            hook = hook.name(),
            faults = in_total,
            "the service function is switched off after repeated faults: its resource types answer \
             NOT_IMPLEMENTED, the rest of the node goes on; switch it on again with `dyad functions on {name}`, or \
             start the node anew"
        );
        true
    }

    /// Switches off on demand, and for good. `false` if it is off already.
    pub(crate) fn switch_off(&self, since: Timestamp) -> bool {
        let is_new = !self.is_off.swap(true, Ordering::Relaxed);
        let mut record = self.record();
        if is_new {
            record.off = Some((since, "by the operator".to_owned()));
        }
        record.by_operator = true;
        is_new
    }

    /// Begins anew.
    pub(crate) fn switch_on(&self) {
        let mut record = self.record();
        record.off = None;
        record.by_operator = false;
        record.recent.clear();
        self.late.store(0, Ordering::Relaxed);
        self.is_off.store(false, Ordering::Relaxed);
    }
}
