//! Schedules on a clock that the test turns: to the second, and over jumps.

use std::sync::Arc;
use std::time::Duration;

use dyad_core::Cse;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::function::{self, Wire};
use crate::on_clock::{self, HandClock, SECOND};

const HOUR: i64 = 3_600 * SECOND;

/// A midnight.
const START: i64 = 1_795_219_200 * SECOND;

/// A node on a clock of the test, whose targets are here.
struct Bench {
    cse: Arc<Cse>,
    clock: Arc<HandClock>,
    came: mpsc::Receiver<Value>,
}

impl Bench {
    /// With a subscription of an AE that is on a node, which are not reached but from eight to nine; `below` says which
    /// of them has the schedule.
    async fn start(below: &str, attributes: Value) -> Self {
        let clock = HandClock::at(START);
        let (wire, came) = mpsc::channel(100);
        let bench = Self { cse: on_clock::start(&clock, vec![Arc::new(Wire(wire))]).await, clock, came };
        let node = json!({"m2m:nod": {"rn": "nod", "ni": "node"}});
        let ae = json!({"m2m:ae": {"rn": "ae", "api": "N1", "rr": true, "srv": ["3"], "poa": ["test://x"],
            "nl": "cse-in/nod"}});
        let subscription =
            json!({"m2m:sub": {"rn": "s", "nu": ["Cae"], "enc": {"net": [3], "chty": [4]}, "pn": 2}});
        let mut schedule = json!({"rn": "n", "se": {"sce": ["* * 8 * * * *"]}});
        schedule.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
        for (from, to, ty, content) in [
            ("CAdmin", "cse-in", 14, node),
            ("Cae", "cse-in", 2, ae),
            ("Cae", "cse-in/ae", 3, json!({"m2m:cnt": {"rn": "c"}})),
            ("Cae", "cse-in/ae/c", 23, subscription),
            ("CAdmin", below, 18, json!({"m2m:sch": schedule})),
        ] {
            assert_eq!(bench.create(from, to, ty, content).await, 2001, "{to} {ty}");
        }
        bench
    }

    async fn create(&self, from: &str, to: &str, ty: u32, content: Value) -> u16 {
        function::create(&self.cse, from, to, ty, content).await.0
    }

    async fn add(&self, content: &str) {
        let content = json!({"m2m:cin": {"con": content}});
        assert_eq!(self.create("Cae", "cse-in/ae/c", 4, content).await, 2001);
    }

    /// Turns the clock to a time of the first day, or of a later one.
    fn turn_to(&self, micros: i64) {
        self.clock.turn_to(START + micros);
    }

    /// The next one that comes.
    async fn next(&mut self) -> String {
        let came = tokio::time::timeout(Duration::from_secs(20), self.came.recv()).await.unwrap().unwrap();
        came.pointer("/m2m:sgn/nev/rep/m2m:cin/con").unwrap().as_str().unwrap().to_owned()
    }

    /// Nothing has come so far. The next one shows that nothing was under way.
    fn nothing_came(&mut self) {
        assert!(self.came.try_recv().is_err());
    }
}

/// To the second, and over jumps in both directions.
async fn opens_and_closes(below: &str) {
    let mut bench = Bench::start(below, json!({})).await;
    bench.add("night").await;
    bench.turn_to(8 * HOUR - 1);
    bench.add("almost").await;
    bench.nothing_came();
    bench.turn_to(8 * HOUR);
    assert_eq!((bench.next().await, bench.next().await), ("night".into(), "almost".into()), "{below}");
    bench.add("open").await;
    assert_eq!(bench.next().await, "open", "{below}");
    bench.turn_to(9 * HOUR - 1);
    bench.add("still").await;
    assert_eq!(bench.next().await, "still", "{below}");
    bench.turn_to(9 * HOUR);
    bench.add("late").await;
    bench.nothing_came();
    // Set back into the hour, and far ahead into another one.
    bench.turn_to(8 * HOUR + HOUR / 2);
    assert_eq!(bench.next().await, "late", "{below}");
    bench.turn_to(3 * HOUR);
    bench.add("earlier").await;
    bench.nothing_came();
    bench.turn_to((24 * 365 + 8) * HOUR + 1);
    assert_eq!(bench.next().await, "earlier", "{below}");
}

#[tokio::test]
async fn a_subscription_notifies_within_its_schedule() {
    opens_and_closes("cse-in/ae/c/s").await;
}

#[tokio::test]
async fn a_node_is_reached_within_its_schedule() {
    opens_and_closes("cse-in/nod").await;
}

#[tokio::test]
async fn a_schedule_that_has_expired_is_none() {
    for below in ["cse-in/ae/c/s", "cse-in/nod"] {
        let mut bench = Bench::start(below, json!({"et": "20261121T030000"})).await;
        bench.add("before").await;
        bench.turn_to(3 * HOUR - 1);
        bench.nothing_came();
        bench.turn_to(3 * HOUR);
        assert_eq!(bench.next().await, "before", "{below}");
        bench.add("after").await;
        assert_eq!(bench.next().await, "after", "{below}");
    }
}
