//! The clock that is passed in: the present for the node, a hand-turned one for tests.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dyad_protocol::Timestamp;

/// Tells the time. The core asks it and nothing else.
pub trait Clock: Send + Sync + 'static {
    /// The present, UTC.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    fn now(&self) -> Timestamp {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// Notices when a clock is set: it differs from the time that has passed.
pub(crate) struct Drift {
    clock: Timestamp,
    began: Instant,
}

impl Drift {
    /// Smaller differences do not count.
    const LEAST: Duration = Duration::from_secs(2);

    pub(crate) fn new(clock: Timestamp) -> Self {
        Self { clock, began: Instant::now() }
    }

    /// Whether the clock was set since the last look.
    pub(crate) fn look(&mut self, clock: Timestamp) -> bool {
        let before = std::mem::replace(self, Self::new(clock));
        let passed = i64::try_from(before.began.elapsed().as_micros()).unwrap_or(i64::MAX);
        let drift = clock.micros().saturating_sub(before.clock.micros()).saturating_sub(passed);
        u128::from(drift.unsigned_abs()) >= Self::LEAST.as_micros()
    }
}
