//! Notices threads that a service function keeps.
//!
//! No time limit ends code that does not await. So each thread says which function is at work on it, at the price of two
//! stores for each call, and a thread of its own looks at that from time to time: a call that it finds again and again,
//! for longer than `functions.time_limit`, is a fault that switches the function off at once. What is left to others:
//! code that a function runs on threads of its own, and ending what never ends, which only the end of the process does.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::ThreadId;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::faults::Fault;
use super::hosted::Hosted;
use crate::Cse;

/// The hooks of a function, those of its facets among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Hook {
    TakesPart = 1,
    Intercept,
    Prepare,
    Begin,
    Apply,
    Committed,
    Facets,
    Run,
    Report,
    Reach,
    Ready,
    Accepted,
    UnderWay,
    Done,
    Answered,
    Described,
    Depart,
    Ring,
    Network,
    Locate,
    Tailor,
}

/// All of them, in their order.
const HOOKS: [Hook; 21] = [
    Hook::TakesPart,
    Hook::Intercept,
    Hook::Prepare,
    Hook::Begin,
    Hook::Apply,
    Hook::Committed,
    Hook::Facets,
    Hook::Run,
    Hook::Report,
    Hook::Reach,
    Hook::Ready,
    Hook::Accepted,
    Hook::UnderWay,
    Hook::Done,
    Hook::Answered,
    Hook::Described,
    Hook::Depart,
    Hook::Ring,
    Hook::Network,
    Hook::Locate,
    Hook::Tailor,
];

impl Hook {
    /// As in logs and reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::TakesPart => "takes_part",
            Self::Intercept => "intercept",
            Self::Prepare => "prepare",
            Self::Begin => "begin",
            Self::Apply => "apply",
            Self::Committed => "committed",
            Self::Facets => "facets",
            Self::Run => "run",
            Self::Report => "report",
            Self::Reach => "reach",
            Self::Ready => "ready",
            Self::Accepted => "accepted",
            Self::UnderWay => "under_way",
            Self::Done => "done",
            Self::Answered => "answered",
            Self::Described => "described",
            Self::Depart => "depart",
            Self::Ring => "ring",
            Self::Network => "network",
            Self::Locate => "locate",
            Self::Tailor => "tailor",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Bits of a call that name its hook.
const HOOK_BITS: u32 = 8;

/// Looks in a row that find the same call until it counts as blocked: two of the pauses between them are one time limit.
const LOOKS: u32 = 3;

/// Looks after which a writer that is kept all the time ends the node: nothing can be written any more.
const LAST_LOOKS: u32 = 5 * LOOKS;

/// The least pause between two looks.
const LEAST_PAUSE: Duration = Duration::from_millis(20);

/// What is at work on one thread.
struct Slot {
    thread: ThreadId,
    name: String,
    /// The address of the function's [`Hosted`], 0 if none is at work. It is compared and never followed.
    host: AtomicUsize,
    /// The number of the call and its hook, so that two calls are told apart.
    call: AtomicU64,
}

/// The threads on which functions ever were at work, as long as they live.
static SLOTS: Mutex<Vec<Weak<Slot>>> = Mutex::new(Vec::new());

thread_local! {
    static HERE: Arc<Slot> = Slot::new();
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

impl Slot {
    fn new() -> Arc<Self> {
        let thread = std::thread::current();
        let slot = Arc::new(Self {
            thread: thread.id(),
            name: thread.name().unwrap_or("without a name").to_owned(),
            host: AtomicUsize::new(0),
            call: AtomicU64::new(0),
        });
        let mut slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(&slot));
        slot
    }

    fn state(&self) -> (usize, u64) {
        (self.host.load(Ordering::Relaxed), self.call.load(Ordering::Relaxed))
    }

    fn set(&self, (host, call): (usize, u64)) {
        self.host.store(host, Ordering::Relaxed);
        self.call.store(call, Ordering::Relaxed);
    }
}

/// A function is at work on this thread, until this is dropped; then whoever was at work before is again.
pub(crate) struct Inside {
    before: (usize, u64),
    /// It belongs to its thread.
    _here: PhantomData<*const ()>,
}

impl Inside {
    /// A function is about to be called.
    pub(crate) fn enter(host: &Hosted, hook: Hook) -> Self {
        let number = CALLS.get().wrapping_add(1);
        CALLS.set(number);
        let state = (address(host), number << HOOK_BITS | u64::from(hook as u8));
        let enter = |slot: &Arc<Slot>| {
            let before = slot.state();
            slot.set(state);
            before
        };
        // A thread that ends has no slot any more.
        Self { before: HERE.try_with(enter).unwrap_or_default(), _here: PhantomData }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = HERE.try_with(|slot| slot.set(self.before));
    }
}

fn address(host: &Hosted) -> usize {
    std::ptr::from_ref(host).addr()
}

/// What the last look found on a thread.
struct Found {
    thread: ThreadId,
    state: (usize, u64),
    times: u32,
}

/// Starts to look, until the other end of the channel is dropped.
pub(crate) fn start(cse: &Arc<Cse>, end: Receiver<()>) -> std::io::Result<()> {
    let (pause, cse) = ((cse.config().functions.time_limit / 2).max(LEAST_PAUSE), Arc::downgrade(cse));
    std::thread::Builder::new().name("watchdog".into()).spawn(move || {
        let mut found = Vec::new();
        while end.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            let Some(cse) = cse.upgrade() else { return };
            found = look(&cse, found);
        }
    })?;
    Ok(())
}

/// One look at all threads.
fn look(cse: &Cse, before: Vec<Found>) -> Vec<Found> {
    let slots: Vec<_> = {
        let slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
        slots.iter().filter_map(Weak::upgrade).collect()
    };
    let mut found = Vec::new();
    for slot in slots {
        let (thread, state) = (slot.thread, slot.state());
        // Other nodes of this process have functions of their own.
        let Some(hosted) = cse.hosts().all().iter().find(|hosted| address(hosted) == state.0) else {
            continue;
        };
        let last = before.iter().find(|found| found.thread == thread && found.state == state);
        let times = last.map_or(1, |last| last.times.saturating_add(1));
        let hook = HOOKS.into_iter().find(|hook| state.1 & 0xff == u64::from(*hook as u8));
        if let Some(hook) = hook.filter(|hook| *hook != Hook::Begin) {
            judge(cse, hosted, hook, &slot.name, times);
        }
        found.push(Found { thread, state, times });
    }
    found
}

/// Acts on what was found so many times.
fn judge(cse: &Cse, hosted: &Hosted, hook: Hook, thread: &str, times: u32) {
    let is_writer = thread == crate::resource::WRITER;
    if times == LOOKS {
        hosted.note(cse, hook, Fault::Blocked(thread.to_owned()));
        if is_writer {
            tracing::error!(
                function = hosted.function().name(),
                "nothing can be written until the function returns; if it never does, the node ends itself soon: \
                 start it with the function in functions.off"
            );
        }
    }
    if times == LAST_LOOKS && is_writer {
        cse.fail();
    }
}

#[cfg(test)]
mod tests {
    use super::{HOOKS, Hook};

    #[test]
    fn hooks_are_numbered_in_their_order() {
        for (at, hook) in HOOKS.into_iter().enumerate() {
            assert_eq!(at + 1, usize::from(hook as u8), "{hook}");
        }
        assert_eq!(Hook::Ring.to_string(), "ring");
    }
}
