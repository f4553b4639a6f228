//! Hooks on threads of their own: for functions that may keep the thread on which they are called.
//!
//! Responsible for carrying out one future of a function where nobody else is held up, a bounded number of them at a
//! time, and for giving it up when nobody waits for it any more. A thread that is kept for good is lost; that its
//! function is switched off is seen to by `watchdog`.

use std::future::poll_fn;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use super::hosted::Hosted;
use super::watchdog::{Hook, Inside};
use crate::Cse;

/// Threads that hooks of one function may have at a time; further calls wait, within their time limit.
const AT_A_TIME: usize = 32;

/// The threads of one function.
pub(super) struct Apart {
    runtime: Handle,
    places: Arc<Semaphore>,
}

impl Apart {
    /// Threads of the runtime in which this is called.
    pub(super) fn new() -> Self {
        Self { runtime: Handle::current(), places: Arc::new(Semaphore::new(AT_A_TIME)) }
    }

    /// Carries out a hook, and ends it, if it awaits, when this is dropped. Panics as the hook does. The watchdog looks
    /// at it unless it may keep its thread as long as it likes.
    pub(super) async fn carry_out<T: Send + 'static>(
        &self,
        cse: Arc<Cse>,
        at: usize,
        watched: Option<Hook>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let place = Arc::clone(&self.places).acquire_owned().await;
        // Dropped with this future: nobody waits any more.
        let (_wanted, unwanted) = oneshot::channel::<()>();
        let runtime = self.runtime.clone();
        let done = self.runtime.spawn_blocking(move || {
            let _place = place;
            runtime.block_on(async move {
                match cse.hosts().get(at).zip(watched) {
                    Some((hosted, hook)) => wanted(watch(hosted, hook, work), unwanted).await,
                    None => wanted(work, unwanted).await,
                }
            })
        });
        match done.await {
            Ok(Some(done)) => done,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            // The node ends, and with it whoever waits for this.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

/// The outcome of work; `None` once it is not wanted.
async fn wanted<T>(work: impl Future<Output = T>, unwanted: oneshot::Receiver<()>) -> Option<T> {
    tokio::select! {
        biased;
        _ = unwanted => None,
        done = work => Some(done),
    }
}

/// A future that says that the function is at work while it is polled.
async fn watch<T>(hosted: &Hosted, hook: Hook, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let polled = poll_fn(|context| {
        let _inside = Inside::enter(hosted, hook);
        work.as_mut().poll(context)
    });
    polled.await
}
