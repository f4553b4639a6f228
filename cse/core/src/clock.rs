//! The clock that is passed in: the present for the node, a hand-turned one for tests.

use std::time::{SystemTime, UNIX_EPOCH};

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
