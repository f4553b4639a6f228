//! Entities that open connections: who waits for which of them.
//!
//! Responsible for waking exactly the lanes to whose target somebody has come. Whether there is a connection is left to
//! the transports.

use std::sync::Mutex;

use rustc_hash::FxHashMap;
use tokio::sync::watch;

use super::lock;

/// Whom is waited for, by AE-ID. Holds an entry as long as somebody waits.
#[derive(Default)]
pub(super) struct Comings(Mutex<FxHashMap<String, watch::Sender<()>>>);

/// Waits for one entity. What comes after its making is not missed.
pub(super) struct Coming<'a> {
    comings: &'a Comings,
    entity: String,
    /// Taken out before the entry is looked at, when this is dropped.
    told: Option<watch::Receiver<()>>,
}

impl Comings {
    /// Begins to wait for an entity.
    pub(super) fn of(&self, entity: &str) -> Coming<'_> {
        let told = lock(&self.0).entry(entity.to_owned()).or_default().subscribe();
        Coming { comings: self, entity: entity.to_owned(), told: Some(told) }
    }

    /// An entity has come.
    pub(super) fn came(&self, entity: &str) {
        if let Some(waiting) = lock(&self.0).get(entity) {
            waiting.send_replace(());
        }
    }
}

impl Coming<'_> {
    /// Resolves when the entity comes.
    pub(super) async fn came(&mut self) {
        let told = match &mut self.told {
            Some(told) => told.changed().await.is_ok(),
            None => false,
        };
        if !told {
            std::future::pending().await
        }
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        let mut waiting = lock(&self.comings.0);
        self.told = None;
        if waiting.get(&self.entity).is_some_and(|entry| entry.receiver_count() == 0) {
            waiting.remove(&self.entity);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::{Coming, Comings, lock};

    fn has_come(coming: &mut Coming<'_>) -> bool {
        pin!(coming.came()).poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn who_waits_is_told_once_and_nobody_else() {
        let comings = Comings::default();
        let (mut one, mut same, mut other) = (comings.of("Ca"), comings.of("Ca"), comings.of("Cb"));
        comings.came("Ca");
        comings.came("Cc");
        assert!(has_come(&mut one) && has_come(&mut same), "also before anybody looks");
        assert!(!has_come(&mut one) && !has_come(&mut other));
        comings.came("Ca");
        assert!(has_come(&mut one));
    }

    #[test]
    fn nothing_is_kept_of_whom_nobody_waits_for() {
        let comings = Comings::default();
        let (one, same) = (comings.of("Ca"), comings.of("Ca"));
        drop(one);
        assert_eq!(lock(&comings.0).len(), 1);
        drop(same);
        assert!(lock(&comings.0).is_empty());
    }
}
