//! What subscribers are told of missing data, on a clock that the test turns: windows go by when points were missing, not
//! by when the node came to look.

use std::sync::Arc;
use std::time::Duration;

use dyad_protocol::Operation;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::SERIES;
use super::clock::{Bench, points};
use crate::function::Wire;

/// A node with a time series of one point in ten seconds, missing after four, and a subscription that wants to know of
/// two in 25 seconds.
async fn watched() -> (Bench, mpsc::Receiver<Value>) {
    let (wire, mut came) = mpsc::channel(100);
    let bench = Bench::on(100, vec![Arc::new(Wire(wire))]).await;
    let watch = json!({"m2m:sub": {
        "rn": "s", "nu": ["test://x"], "enc": {"net": [8], "md": {"num": 2, "dur": "PT25S"}},
    }});
    let (status, made) = bench.ask(Operation::Create, SERIES, 23, Some(watch)).await;
    assert_eq!((status, &made["m2m:sub"]["nct"]), (2001, &json!(5)), "{made}");
    assert_eq!(came.recv().await.unwrap()["m2m:sgn"]["vrq"], true);
    (bench, came)
}

/// The next notification: when the points should have been made, and how many there are in the window.
async fn told(came: &mut mpsc::Receiver<Value>) -> (Vec<String>, u64) {
    let next = tokio::time::timeout(Duration::from_secs(20), came.recv()).await.unwrap().unwrap();
    let event = &next["m2m:sgn"]["nev"];
    assert_eq!(event["net"], 8, "{next}");
    let report = &event["rep"]["m2m:tsn"];
    let list = report["mdlt"].as_array().unwrap();
    let list = list.iter().map(|point| point.as_str().unwrap().to_owned()).collect();
    (list, report["mdc"].as_u64().unwrap())
}

#[tokio::test]
async fn windows_go_by_when_points_were_missing() {
    let (bench, mut came) = watched().await;
    // The first is missing at 14 s, with which the window begins, the second at 24 s.
    bench.turn_to(14, 0);
    bench.wait_for(&points([1])).await;
    bench.turn_to(24, 0);
    assert_eq!(told(&mut came).await, (points([1, 2]), 2));
    // The window ends at 39 s: of two that are found together, one belongs to it.
    bench.turn_to(44, 0);
    assert_eq!(told(&mut came).await, (points([3]), 3));
    bench.turn_to(54, 0);
    assert_eq!(told(&mut came).await, (points([4, 5]), 2));
    // Nobody looked for a while: 64 s is in the window of 44 s, 74 s begins one, and so does 104 s.
    bench.turn_to(104, 0);
    assert_eq!(told(&mut came).await, (points([6]), 3));
    assert_eq!(told(&mut came).await, (points([7, 8]), 2));
    assert_eq!(told(&mut came).await, (points([9]), 3));
    bench.turn_to(114, 0);
    assert_eq!(told(&mut came).await, (points([10, 11]), 2));
}

#[tokio::test]
async fn counting_begins_anew_when_the_criteria_change() {
    let (bench, mut came) = watched().await;
    bench.turn_to(14, 0);
    bench.wait_for(&points([1])).await;
    let criteria = json!({"m2m:sub": {"enc": {"net": [8], "md": {"num": 2, "dur": "PT20S"}}}});
    let to = format!("{SERIES}/s");
    assert_eq!(bench.ask(Operation::Update, &to, 0, Some(criteria)).await.0, 2004);
    bench.turn_to(24, 0);
    bench.wait_for(&points([2, 1])).await;
    bench.turn_to(34, 0);
    assert_eq!(told(&mut came).await, (points([2, 3]), 2), "the first was forgotten");
    // A pause of detection does not stop the window (TS-0001 10.2.4.29), which ends before the next point is missing.
    let switch = |on: bool| Some(json!({"m2m:ts": {"mdd": on}}));
    assert_eq!(bench.ask(Operation::Update, SERIES, 0, switch(false)).await.0, 2004);
    assert_eq!(bench.ask(Operation::Update, SERIES, 0, switch(true)).await.0, 2004);
    bench.comes_at(40).await;
    bench.turn_to(54, 0);
    bench.wait_for(&points([5])).await;
    bench.turn_to(64, 0);
    assert_eq!(told(&mut came).await, (points([5, 6]), 2));
}
