//! Clients that create instances without a pause until the node is gone.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use dyad_tests::{Client, Node, Received, Request};
use serde_json::{Value, json};

/// Longest wait for anything that comes by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A resource that a CREATE was answered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Created {
    pub(crate) ri: String,
    pub(crate) con: String,
}

/// Client threads at work.
pub(crate) struct Load {
    answers: Receiver<Created>,
    threads: Vec<JoinHandle<()>>,
    pub(crate) created: Vec<Created>,
}

impl Load {
    /// Starts so many clients, each on one of the containers. Contents begin with `tag` and differ.
    pub(crate) fn start(node: &Node, tag: &str, clients: usize, containers: &[&str]) -> Self {
        let (answered, answers) = sync_channel(100_000);
        let threads = (0..clients).map(|number| {
            let (client, answered) = (node.client(), answered.clone());
            let (container, tag) =
                (containers[number % containers.len()].to_owned(), format!("{tag}-{number}"));
            spawn(move || {
                for round in 0.. {
                    // Sizes differ, so that a byte count that is wrong shows.
                    let con = format!("{tag}-{round}-{}", "x".repeat(round % 17));
                    let Ok(answer) =
                        client.try_send(&Request::create(&container, 4, json!({"m2m:cin": {"con": con}})))
                    else {
                        return;
                    };
                    assert_eq!(answer.rsc, 2001, "{answer:?}");
                    let ri = answer.text("/m2m:cin/ri");
                    if answered.send(Created { ri, con }).is_err() {
                        return;
                    }
                }
            })
        });
        Self { threads: threads.collect(), answers, created: Vec::new() }
    }

    /// Waits until so many requests have been answered.
    pub(crate) fn wait_for(&mut self, count: usize) {
        while self.created.len() < count {
            self.created.push(self.answers.recv_timeout(PATIENCE).expect("the node answers"));
        }
    }

    /// Everything that was answered, once the node is gone.
    pub(crate) fn finish(mut self) -> Vec<Created> {
        for thread in self.threads {
            thread.join().expect("clients see nothing but answers and the end");
        }
        self.created.extend(self.answers.try_iter());
        self.created
    }
}

/// What a container says and holds.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) attributes: Value,
    /// By resource ID.
    pub(crate) instances: BTreeMap<String, Value>,
}

/// A container with all its instances, whose counters are what the instances sum up to.
#[track_caller]
pub(crate) fn held(client: &Client, container: &str) -> Held {
    let answer = client.send(&Request::retrieve(container).with("rcn", 4)).expect(2000);
    let attributes = answer.body["m2m:cnt"].clone();
    let instances = attributes["m2m:cin"].as_array().cloned().unwrap_or_default();
    let bytes: u64 = instances.iter().map(|instance| instance["cs"].as_u64().unwrap()).sum();
    let held: BTreeMap<String, Value> = instances
        .into_iter()
        .map(|instance| (instance["ri"].as_str().unwrap().to_owned(), instance))
        .collect();
    assert_eq!(attributes["cni"], held.len(), "cni of {container}");
    assert_eq!(attributes["cbs"], bytes, "cbs of {container}");
    Held { attributes, instances: held }
}

/// Creates a container with subscriptions for new children; targets that are asked for agreement must answer.
#[track_caller]
pub(crate) fn subscribed(client: &Client, name: &str, targets: &[&str]) {
    let _ = client.send(&Request::create("cse-in", 3, json!({"m2m:cnt": {"rn": name}}))).expect(2001);
    for target in targets {
        let subscription = json!({"m2m:sub": {"nu": [target], "enc": {"net": [3], "chty": [4]}}});
        let _ = client.send(&Request::create(&format!("cse-in/{name}"), 23, subscription)).expect(2001);
    }
}

/// Adds an instance.
#[track_caller]
pub(crate) fn add(client: &Client, container: &str, con: &str) -> String {
    let request = Request::create(container, 4, json!({"m2m:cin": {"con": con}}));
    client.send(&request).expect(2001).text("/m2m:cin/ri")
}

/// The instance that a notification is about.
pub(crate) fn instance(received: &Received) -> Option<&Value> {
    received.body.pointer("/m2m:sgn/nev/rep/m2m:cin")
}

/// The contents of the instances that notifications are about, in the order in which they came.
pub(crate) fn contents(received: &[Received]) -> Vec<String> {
    received.iter().filter_map(instance).map(|cin| cin["con"].as_str().unwrap().to_owned()).collect()
}

/// Digits of a resource ID: it grows from one resource to the next.
pub(crate) fn number(ri: &str) -> u64 {
    ri.trim_start_matches(|character: char| !character.is_ascii_digit()).parse().expect("a number at the end")
}
