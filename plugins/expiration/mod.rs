//! Expiration: resources whose time has come are removed, with all that a removal brings (TS-0004 7.3.3.5, 7.3.3.8).
//!
//! Readers do not see expired resources. How soon they are swept matters to subscribers, to the counters of containers
//! and to what their limits leave, so a sweep begins when the next one expires, as far as the node knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use dyad_core::{Cse, Report, ServiceFunction, Stage, Stop};
use dyad_protocol::Failure;
use tokio::time::Instant;

/// Between two sweeps at least, so that a stream of instances that expire one after the other goes many at a time.
const PAUSE: Duration = Duration::from_millis(100);

/// Resources that one transaction removes at most, so that writes do not wait long.
const PAGE: usize = 200;

/// Sweeps expired resources.
#[derive(Debug, Default)]
pub struct Expiration {
    swept: AtomicU64,
}

#[async_trait]
impl ServiceFunction for Expiration {
    fn stages(&self) -> &'static [Stage] {
        &[]
    }

    fn name(&self) -> &'static str {
        "expiration"
    }

    fn may_block(&self) -> bool {
        false
    }

    async fn run(self: Arc<Self>, cse: Arc<Cse>, mut stop: Stop) -> anyhow::Result<()> {
        let mut interval = cse.expiration_interval();
        loop {
            if let Err(failure) = self.sweep(&cse).await {
                tracing::error!(cause = ?failure.source, "expired resources could not be swept: {failure}");
            }
            let swept = Instant::now();
            loop {
                let longest: Duration = *interval.borrow_and_update();
                let until = cse.next_expiration().micros().saturating_sub(cse.now().micros());
                let until =
                    Instant::now() + Duration::from_micros(u64::try_from(until).unwrap_or(0)).min(longest);
                tokio::select! {
                    () = tokio::time::sleep_until(until.clamp(swept + PAUSE, swept + longest.max(PAUSE))) => break,
                    () = cse.earlier_expiration() => {}
                    // A new interval takes effect at once.
                    changed = interval.changed() => {
                        if changed.is_err() {
                            return Ok(());
                        }
                    }
                    () = stop.stopped() => return Ok(()),
                }
            }
        }
    }

    fn report(&self) -> Report {
        let swept = self.swept.load(Ordering::Relaxed);
        Report {
            summary: format!("{swept} expired resources removed since the start"),
            figures: vec![("swept", swept)],
        }
    }
}

impl Expiration {
    /// Removes everything that has expired by now.
    async fn sweep(&self, cse: &Cse) -> Result<(), Failure> {
        loop {
            let removed = cse.remove_expired(PAGE).await?;
            self.swept.fetch_add(removed as u64, Ordering::Relaxed);
            if removed == 0 {
                return Ok(());
            }
            tracing::debug!(removed, "expired resources removed");
        }
    }
}
