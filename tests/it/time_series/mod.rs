//! Time series: which instances stay, and which are found missing, through kills and whatever the clock does.

mod clock;
mod detection;
mod instances;
mod model;
mod windows;

use std::time::{Duration, Instant};

use dyad_tests::{Answer, Client, Request, everywhere};
use serde_json::{Value, json};

use crate::load::PATIENCE;

/// Where the time series of a test is.
const SERIES: &str = "cse-in/ts";

/// Makes a time series of some attributes.
#[track_caller]
fn make(client: &Client, name: &str, mut attributes: Value) {
    attributes["rn"] = name.into();
    let _ = client.send(&Request::create("cse-in", 29, json!({ "m2m:ts": attributes }))).expect(2001);
}

/// Adds an instance to a time series.
fn add(client: &Client, series: &str, generated: &str, content: &str) -> Answer {
    let instance = json!({ "m2m:tsi": { "dgt": generated, "con": content } });
    client.send(&Request::create(series, 30, instance))
}

/// A time series.
#[track_caller]
fn look(client: &Client, series: &str) -> Value {
    client.send(&Request::retrieve(series)).expect(2000).body["m2m:ts"].clone()
}

/// A time series once a condition holds.
#[track_caller]
fn wait_for(client: &Client, series: &str, enough: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = look(client, series);
        if enough(&found) {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not come to pass: {found}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// The list of missing data, whose length is what is counted.
#[track_caller]
fn missing(series: &Value) -> Vec<String> {
    let list = series["mdlt"].as_array().cloned().unwrap_or_default();
    assert_eq!(series["mdc"], list.len(), "{series}");
    list.iter().map(|point| point.as_str().unwrap().to_owned()).collect()
}
