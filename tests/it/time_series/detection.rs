//! Missing data of a running node, and of one that is killed.

use std::collections::BTreeSet;

use dyad_tests::{Client, Node, Received, Request, Sink, moment};
use serde_json::{Value, json};

use super::{SERIES, add, everywhere, look, make, missing, wait_for};
use crate::load::PATIENCE;

/// From one point to the next, in milliseconds.
const INTERVAL: i64 = 100;

/// How far ahead of their arrival the first data are, in milliseconds: nothing is due before a slow machine is ready.
const AHEAD: i64 = 3_000;

/// A time series that is watched, and when its first data were made.
fn watched(client: &Client, name: &str, more: &Value) -> i64 {
    let mut attributes = json!({"pei": INTERVAL, "peid": 20, "mdt": 150, "mdd": true});
    for (key, value) in more.as_object().unwrap() {
        attributes[key] = value.clone();
    }
    make(client, name, attributes);
    let first = moment::millis() + AHEAD;
    let _ = add(client, &format!("cse-in/{name}"), &moment::from_millis(first), "first").expect(2001);
    first
}

/// The list that has these points, of those after the first, missing.
fn points(first: i64, missing: impl DoubleEndedIterator<Item = usize>) -> Vec<String> {
    let at = |point| moment::from_millis(first + i64::try_from(point).unwrap() * INTERVAL);
    missing.rev().map(at).collect()
}

#[test]
fn every_point_is_missing_once_and_in_order() {
    everywhere(|store| {
        let node = Node::on(store).start();
        let client = node.client();
        let first = watched(&client, "ts", &json!({}));
        let series = wait_for(&client, SERIES, |series| missing(series).len() > 20);
        let list = missing(&series);
        // From the first that should have come; none twice, none left out.
        assert_eq!(list, points(first, 1..=list.len()), "{store:?}");
    });
}

#[test]
fn what_fell_due_while_the_node_was_down_is_missing() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        let first = watched(&node.client(), "ts", &json!({}));
        let bounded = watched(&node.client(), "bounded", &json!({"mdn": 5}));
        for _ in 0..4 {
            let known = missing(&look(&node.client(), SERIES)).len();
            let _ = wait_for(&node.client(), SERIES, |series| missing(series).len() > known + 2);
            node.kill();
            node.restart();
            let client = node.client();
            let down = points(first, 1..=known + 3);
            let series = wait_for(&client, SERIES, |series| missing(series).len() > down.len() + 5);
            let list = missing(&series);
            assert_eq!(list, points(first, 1..=list.len()), "{store:?}");
        }
        let client = node.client();
        let list = missing(&wait_for(&client, "cse-in/bounded", |series| series["mdc"] == 5));
        let last = (1..10_000).find(|last| points(bounded, *last..=*last)[0] == list[0]).unwrap();
        assert_eq!(list, points(bounded, last - 4..=last), "{store:?}: the latest, without a gap");
    });
}

#[test]
fn what_came_before_a_kill_is_not_missing_after_it() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        // Nothing but the latest instance is kept, so nobody can look what was there.
        let first = watched(&node.client(), "ts", &json!({"mni": 1, "mdt": 3_000}));
        let mut came = BTreeSet::new();
        for round in 0..3 {
            let client = node.client();
            for point in [2, 3, 5, 7, 11, 13].map(|point| point + 20 * round) {
                let at = moment::from_millis(first + i64::try_from(point).unwrap() * INTERVAL);
                let answer = add(&client, SERIES, &at, "x");
                assert_eq!(answer.rsc, 2001, "{answer:?}");
                came.insert(point);
            }
            node.kill();
            node.restart();
        }
        let series = wait_for(&node.client(), SERIES, |series| {
            missing(series).first() >= points(first, 54..55).first()
        });
        let list = missing(&series);
        let last = list.len() + came.len();
        assert_eq!(list, points(first, (1..=last).filter(|point| !came.contains(point))), "{store:?}");
    });
}

#[test]
fn a_pause_lasts_through_a_restart() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        let client = node.client();
        let _ = watched(&client, "ts", &json!({}));
        let _ = watched(&client, "beside", &json!({}));
        let _ = wait_for(&client, SERIES, |series| missing(series).len() > 2);
        let pause = Request::update(SERIES, json!({"m2m:ts": {"mdd": false}}));
        let paused = client.send(&pause).expect(2004).body["m2m:ts"].clone();
        let beside = missing(&look(&client, "cse-in/beside")).len();
        node.restart();
        let client = node.client();
        let _ = wait_for(&client, "cse-in/beside", |series| missing(series).len() > beside + 10);
        assert_eq!(look(&client, SERIES)["mdlt"], paused["mdlt"], "{store:?}");
    });
}

#[test]
fn many_time_series_are_watched_at_once() {
    everywhere(|store| {
        let node = Node::on(store).start();
        let client = node.client();
        let names: Vec<String> = (0..600).map(|number| format!("ts{number}x")).collect();
        let first: Vec<i64> = names.iter().map(|name| watched(&client, name, &json!({"mdn": 3}))).collect();
        for (name, first) in names.iter().zip(first) {
            let series = wait_for(&client, &format!("cse-in/{name}"), |series| series["mdc"] == 3);
            let list = missing(&series);
            let last = (1..10_000).find(|last| points(first, *last..=*last)[0] == list[0]).unwrap();
            assert_eq!(list, points(first, last - 2..=last), "{store:?} {name}");
        }
    });
}

/// What a subscription was told: the points and their number, each notification once.
fn told(received: &[Received]) -> Vec<(Vec<String>, u64)> {
    let mut seen = BTreeSet::new();
    let once = received.iter().filter(|one| seen.insert(one.header("x-m2m-ri").map(str::to_owned)));
    let reports = once.filter_map(|one| {
        let report = one.body.pointer("/m2m:sgn/nev/rep/m2m:tsn")?;
        assert_eq!(one.body["m2m:sgn"]["nev"]["net"], 8, "{one:?}");
        let points = report["mdlt"].as_array()?.iter().map(|point| point.as_str().unwrap().to_owned());
        Some((points.collect(), report["mdc"].as_u64()?))
    });
    reports.collect()
}

#[test]
fn subscribers_are_told_of_missing_points_through_a_kill() {
    everywhere(|store| {
        let mut node = Node::on(store).start();
        let sink = Sink::new();
        let client = node.client();
        let first = watched(&client, "ts", &json!({"mdn": 2}));
        let subscription = json!({"m2m:sub": {
            "nu": [sink.url()], "enc": {"net": [8], "md": {"num": 3, "dur": "PT1H"}},
        }});
        let _ = client.send(&Request::create(SERIES, 23, subscription)).expect(2001);
        let _ = sink.wait_until(PATIENCE, |received| told(received).len() > 3);
        node.kill();
        let before = told(&sink.wait_until(PATIENCE, |_| true)).len();
        node.restart();
        let reports = told(&sink.wait_until(PATIENCE, |received| told(received).len() > before + 10));
        // The first three together, then one at a time, also those that fell due while the node was down; the list
        // is shorter.
        assert_eq!(reports[0], (points(first, 1..=3).into_iter().rev().collect(), 3), "{store:?}");
        for (number, report) in reports.iter().enumerate().skip(1) {
            assert_eq!((report.0.len(), report.1), (1, number as u64 + 3), "{store:?} {reports:?}");
        }
        let all: Vec<&String> = reports.iter().flat_map(|(points, _)| points).collect();
        let wanted: Vec<String> = points(first, 1..=all.len()).into_iter().rev().collect();
        assert_eq!(all, wanted.iter().collect::<Vec<_>>(), "{store:?}: every one, in order");
    });
}
