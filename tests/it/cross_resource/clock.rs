//! Windows on a clock that the test turns: to the microsecond, and over jumps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dyad_core::Cse;
use dyad_protocol::Operation;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::function::{self, Wire};
use crate::load::PATIENCE;
use crate::on_clock::{self, HandClock, SECOND};

const START: i64 = 1_800_000_000 * SECOND;

/// A node on a clock of the test, with a subscription across the containers `one` and `two`.
struct Bench {
    cse: Arc<Cse>,
    clock: Arc<HandClock>,
    came: mpsc::Receiver<Value>,
    /// Events that the subscription has heard of.
    heard: u64,
}

impl Bench {
    async fn start(window: Value) -> Self {
        let clock = HandClock::at(START);
        let (wire, came) = mpsc::channel(1_000);
        let cse = on_clock::start(&clock, vec![Arc::new(Wire(wire))]).await;
        let mut bench = Self { cse, clock, came, heard: 0 };
        for name in ["one", "two"] {
            bench.ask(Operation::Create, "cse-in", 3, Some(json!({"m2m:cnt": {"rn": name}}))).await;
        }
        let mut attributes = json!({
            "rn": "x", "nu": ["test://x"],
            "rrat": ["cse-in/one", "cse-in/two"], "encs": {"enc": [{"net": [3]}]},
        });
        attributes.as_object_mut().unwrap().extend(window.as_object().unwrap().clone());
        bench.ask(Operation::Create, "cse-in", 48, Some(json!({ "m2m:crs": attributes }))).await;
        assert_eq!(bench.came.recv().await.unwrap()["m2m:sgn"]["vrq"], true);
        bench
    }

    fn turn_to(&self, seconds: i64, micros: i64) {
        self.clock.turn_to(START + seconds * SECOND + micros);
    }

    async fn ask(&self, operation: Operation, to: &str, ty: u32, content: Option<Value>) {
        let (status, answer) = function::ask(&self.cse, "CAdmin", operation, to, ty, content).await;
        assert!((2000..3000).contains(&status), "{answer}");
    }

    /// Something happens in a container, and the subscription hears of it.
    async fn happens(&mut self, container: &str) {
        let instance = json!({"m2m:cin": {"con": "x"}});
        self.ask(Operation::Create, &format!("cse-in/{container}"), 4, Some(instance)).await;
        self.heard += 1;
        let deadline = Instant::now() + PATIENCE;
        while self.figure("received") < self.heard {
            assert!(Instant::now() < deadline, "nobody hears of it");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn figure(&self, name: &str) -> u64 {
        let reports = self.cse.reports();
        let (_, report) = reports.iter().find(|(function, _)| *function == "cross-resource").unwrap();
        report.figures.iter().find(|(figure, _)| *figure == name).unwrap().1
    }

    /// So many notifications have come of it since the start, and arrive.
    async fn has_told(&mut self, count: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.figure("told") < count {
            assert!(Instant::now() < deadline, "{} in place of {count}", self.figure("told"));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(self.figure("told"), count);
    }
}

#[tokio::test]
async fn a_sliding_window_begins_with_the_first_event() {
    let mut bench = Bench::start(json!({"twt": 2, "tws": "PT10S"})).await;
    bench.turn_to(100, 0);
    bench.happens("one").await;
    // Every transaction is a moment of its own, so the window began a little later.
    bench.turn_to(110, 1_000);
    bench.happens("two").await;
    bench.has_told(0).await;
    // That one began the next window.
    bench.turn_to(119, 999_000);
    bench.happens("one").await;
    bench.has_told(1).await;
    assert_eq!(bench.came.recv().await.unwrap()["m2m:sgn"]["cr"], "CAdmin");
    bench.happens("one").await;
    bench.turn_to(125, 0);
    bench.happens("two").await;
    bench.has_told(2).await;
}

#[tokio::test]
async fn periodic_windows_follow_each_other_from_the_start_on() {
    let mut bench = Bench::start(json!({"twt": 1, "tws": "PT10S"})).await;
    bench.turn_to(19, 0);
    bench.happens("one").await;
    bench.turn_to(21, 0);
    bench.happens("two").await;
    bench.has_told(0).await;
    bench.turn_to(29, 0);
    bench.happens("one").await;
    bench.has_told(1).await;
}

#[tokio::test]
async fn a_changed_window_begins_anew() {
    let mut bench = Bench::start(json!({"twt": 1, "tws": "PT10S"})).await;
    bench.turn_to(8, 0);
    bench.happens("one").await;
    let longer = json!({"m2m:crs": {"tws": "PT20S"}});
    bench.ask(Operation::Update, "cse-in/x", 0, Some(longer)).await;
    bench.happens("two").await;
    bench.has_told(0).await;
    bench.turn_to(27, 0);
    bench.happens("one").await;
    bench.has_told(1).await;
    let sliding = json!({"m2m:crs": {"twt": 2}});
    bench.happens("one").await;
    bench.ask(Operation::Update, "cse-in/x", 0, Some(sliding)).await;
    bench.happens("two").await;
    bench.has_told(1).await;
}

#[tokio::test]
async fn silence_is_told_of_once_for_a_clock_that_jumps_ahead() {
    let mut bench = Bench::start(json!({"twt": 1, "tws": "PT10S", "eem": 4})).await;
    // Every transaction is a moment of its own, so the window begins a little after the start.
    bench.turn_to(11, 0);
    bench.has_told(1).await;
    bench.turn_to(10_001, 0);
    bench.has_told(2).await;
    bench.happens("one").await;
    bench.has_told(2).await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_stops_nothing() {
    let mut bench = Bench::start(json!({"twt": 1, "tws": "PT10S"})).await;
    bench.turn_to(-100_000, 0);
    bench.happens("one").await;
    bench.turn_to(-50_000, 0);
    bench.happens("two").await;
    bench.has_told(1).await;
}
