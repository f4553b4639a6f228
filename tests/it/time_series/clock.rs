//! Detection on a clock that the test turns: to the microsecond, and over jumps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dyad_core::Cse;
use dyad_protocol::exchange::Transport;
use dyad_protocol::{Operation, Timestamp};
use serde_json::{Value, json};

use super::{SERIES, missing};
use crate::function;
use crate::load::PATIENCE;
use crate::on_clock::{self, HandClock, SECOND};

const START: i64 = 1_800_000_000 * SECOND;

/// A node on a clock of the test, with a time series of one point in ten seconds, missing after four.
pub(super) struct Bench {
    cse: Arc<Cse>,
    clock: Arc<HandClock>,
}

impl Bench {
    async fn start(most: u64) -> Self {
        Self::on(most, Vec::new()).await
    }

    pub(super) async fn on(most: u64, transports: Vec<Arc<dyn Transport>>) -> Self {
        let clock = HandClock::at(START);
        let bench = Self { cse: on_clock::start(&clock, transports).await, clock };
        let series = json!({"m2m:ts": {
            "rn": "ts", "pei": 10_000, "peid": 1_000, "mdt": 4_000, "mdd": true, "mdn": most,
        }});
        assert_eq!(bench.ask(Operation::Create, "cse-in", 29, Some(series)).await.0, 2001);
        bench.comes(START).await;
        bench
    }

    pub(super) fn turn_to(&self, seconds: i64, micros: i64) {
        self.clock.turn_to(START + seconds * SECOND + micros);
    }

    pub(super) async fn ask(
        &self,
        operation: Operation,
        to: &str,
        ty: u32,
        content: Option<Value>,
    ) -> (u16, Value) {
        function::ask(&self.cse, "CAdmin", operation, to, ty, content).await
    }

    async fn comes(&self, generated: i64) {
        let content = json!({"m2m:tsi": {"dgt": time(generated), "con": "x"}});
        assert_eq!(self.ask(Operation::Create, SERIES, 30, Some(content)).await.0, 2001);
    }

    /// An instance with data of so many seconds after the start.
    pub(super) async fn comes_at(&self, seconds: i64) {
        self.comes(START + seconds * SECOND).await;
    }

    async fn missing(&self) -> Vec<String> {
        missing(&self.ask(Operation::Retrieve, SERIES, 0, None).await.1["m2m:ts"])
    }

    /// Waits until this is missing.
    pub(super) async fn wait_for(&self, wanted: &[String]) {
        let deadline = Instant::now() + PATIENCE;
        while self.missing().await != wanted {
            assert!(Instant::now() < deadline, "{:?} in place of {wanted:?}", self.missing().await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn time(micros: i64) -> String {
    Timestamp::from_micros(micros).to_string()
}

/// When points should have been made, the latest first.
pub(super) fn points(points: impl IntoIterator<Item = i64>) -> Vec<String> {
    points.into_iter().map(|point| time(START + point * 10 * SECOND)).collect()
}

#[tokio::test]
async fn a_point_is_missing_from_its_detection_time_on() {
    let bench = Bench::start(5).await;
    bench.turn_to(14, -100);
    bench.comes(START + 10 * SECOND - SECOND).await;
    assert_eq!(bench.missing().await, points([]), "it came in time, as early as may be");
    bench.turn_to(24, 0);
    bench.comes(START + 20 * SECOND).await;
    assert_eq!(bench.missing().await, points([2]), "it came at the moment at which it was missing");
    bench.turn_to(33, 0);
    bench.comes(START + 31 * SECOND + 1).await;
    bench.turn_to(34, 0);
    bench.wait_for(&points([3, 2])).await;
    bench.turn_to(44, -1);
    bench.comes(START + 41 * SECOND).await;
    bench.turn_to(54, 0);
    bench.wait_for(&points([5, 3, 2])).await;
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_makes_no_more_missing_than_are_listed() {
    let bench = Bench::start(3).await;
    bench.comes(START + 1_000_000 * 10 * SECOND).await;
    bench.turn_to(1_000_001 * 10 + 4, 0);
    // The one that came ahead of its time is not missing.
    bench.wait_for(&points([1_000_001, 999_999, 999_998])).await;
    bench.turn_to(1_000_000_000 * 10, 0);
    let latest = 1_000_000_000 - 1;
    bench.wait_for(&points([latest, latest - 1, latest - 2])).await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_finds_nothing_twice() {
    let bench = Bench::start(9).await;
    bench.turn_to(24, 0);
    bench.wait_for(&points([2, 1])).await;
    bench.turn_to(-3_600, 0);
    bench.comes(START + 15 * SECOND).await;
    bench.turn_to(34, 0);
    bench.wait_for(&points([3, 2, 1])).await;
}
