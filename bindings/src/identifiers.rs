//! Request identifiers for requests that come without.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes request identifiers that differ, also from those before a restart.
pub fn identifiers() -> Arc<dyn Fn() -> String + Send + Sync> {
    let (run, next) = (RandomState::new().hash_one(0_u8), AtomicU64::new(0));
    Arc::new(move || format!("dyad-{run:016x}-{}", next.fetch_add(1, Ordering::Relaxed)))
}
