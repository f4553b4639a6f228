//! A node in the process of the test, on a clock that the test turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use dyad_core::config::Config;
use dyad_core::store::{Options, Store};
use dyad_core::{Builder, Clock, Cse};
use dyad_protocol::Timestamp;
use dyad_protocol::exchange::Transport;
use dyad_protocol::schema::Schemas;
use dyad_protocol::time::Span;

use crate::function::config;

/// A second, in microseconds.
pub(crate) const SECOND: i64 = 1_000_000;

/// A clock that stands still until it is turned.
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn at(micros: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(micros)))
    }

    pub(crate) fn turn_to(&self, micros: i64) {
        self.0.store(micros, Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// Starts a node on such a clock, with all functions, on which nothing expires however far the clock is turned.
pub(crate) async fn start(clock: &Arc<HandClock>, transports: Vec<Arc<dyn Transport>>) -> Arc<Cse> {
    let life = Span::parse_duration("P1000Y").unwrap();
    let mut config = Config { default_expiration: life, max_expiration: life, ..config() };
    config.notification.keep_for = life;
    let builder = Builder {
        config,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        schemas: Arc::new(Schemas::builtin().unwrap()),
        store: Store::open("sqlite::memory:", &Options::default()).unwrap(),
        transports,
        functions: dyad_plugins::all(),
    };
    builder.start().await.unwrap()
}
