//! Being told that what a request retrieves may be another now.
//!
//! Responsible for the wake-up alone, which says nothing of what changed: whoever is woken retrieves again, and is then
//! answered as anybody else would be. Which changes concern whom is left to the core.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

/// Wakes the one who holds the [`Watch`]. Cheap to clone; changes that nobody has looked at yet are one.
#[derive(Clone, Debug, Default)]
pub struct Bell(Arc<State>);

#[derive(Debug, Default)]
struct State {
    has_rung: AtomicBool,
    waiting: Mutex<Option<Waker>>,
}

impl Bell {
    /// Something has changed.
    pub fn ring(&self) {
        // Who has been woken already, and has not looked yet, need not be woken again.
        if self.0.has_rung.swap(true, Ordering::AcqRel) {
            return;
        }
        let waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waiting {
            waker.wake();
        }
    }
}

/// Watches what a request retrieves; dropping it ends that.
pub struct Watch {
    bell: Bell,
    /// Takes the bell down when it is dropped.
    _seat: Box<dyn Send + Sync>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("bell", &self.bell).finish_non_exhaustive()
    }
}

impl Watch {
    /// A watch that `bell` wakes, until `seat` is dropped.
    pub fn new(bell: Bell, seat: impl Send + Sync + 'static) -> Self {
        Self { bell, _seat: Box::new(seat) }
    }

    /// Resolves when something has changed since the last time that this resolved, or since the watch was made.
    pub async fn changed(&mut self) {
        let state = &self.bell.0;
        poll_fn(|cx| {
            if state.has_rung.swap(false, Ordering::AcqRel) {
                return Poll::Ready(());
            }
            *state.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
            // It may have rung between the look and the note.
            if state.has_rung.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::{Bell, Watch};
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn several_rings_are_one() {
        let (bell, seat) = (Bell::default(), Arc::new(()));
        let mut watch = Watch::new(bell.clone(), Arc::clone(&seat));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(pin!(watch.changed()).as_mut().poll(&mut cx), Poll::Pending);
        bell.ring();
        bell.ring();
        assert_eq!(pin!(watch.changed()).as_mut().poll(&mut cx), Poll::Ready(()));
        assert_eq!(pin!(watch.changed()).as_mut().poll(&mut cx), Poll::Pending);
        drop(watch);
        assert_eq!(Arc::strong_count(&seat), 1);
    }
}
