//! Which instances a time series has, whatever comes in whatever order.

use std::collections::BTreeSet;
use std::sync::Mutex;

use dyad_tests::{Client, Node, Request, moment};
use serde_json::json;

use super::model::{Instance, Model};
use super::{SERIES, add, everywhere, look, make};

/// Numbers that look random, the same on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % limit as u64).unwrap()
    }
}

/// One step, carried out by the node and by the model.
fn step(client: &Client, model: &mut Model, dice: &mut Dice, number: usize, times: usize) {
    match dice.below(20) {
        0 => {
            let end = ["la", "ol"][dice.below(2)];
            let victim = if end == "la" { model.instances.len().checked_sub(1) } else { Some(0) };
            let victim = victim.filter(|_| !model.instances.is_empty());
            let answer = client.send(&Request::delete(&format!("{SERIES}/{end}")));
            assert_eq!(answer.rsc, if victim.is_some() { 2002 } else { 4004 }, "{answer:?}");
            victim.map(|at| model.instances.remove(at));
        }
        1 if !model.instances.is_empty() => {
            let victim = model.instances.remove(dice.below(model.instances.len()));
            let _ = client.send(&Request::delete(&format!("{SERIES}/{}", victim.name))).expect(2002);
        }
        2 if dice.below(3) == 0 => {
            model.most = Some(times / 4 + dice.below(times / 4));
            model.most_bytes = (dice.below(2) == 0).then(|| times + dice.below(times));
            let limits = json!({"m2m:ts": {"mni": model.most, "mbs": model.most_bytes}});
            let _ = client.send(&Request::update(SERIES, limits)).expect(2004);
            model.trim(None);
        }
        _ => {
            // Mostly in order, sometimes late, sometimes again.
            let at = if dice.below(3) == 0 { dice.below(times) } else { number % times };
            let generated = moment::from_millis(1_600_000_000_000 + i64::try_from(at).unwrap());
            let (name, bytes) = (format!("n{number}"), dice.below(5));
            let content = "x".repeat(bytes);
            let instance = json!({"m2m:tsi": {"rn": name, "dgt": generated, "con": content}});
            let answer = client.send(&Request::create(SERIES, 30, instance));
            assert_eq!(answer.rsc, model.add(Instance { name, generated, bytes }), "{answer:?}");
        }
    }
}

/// The node has what the model has.
#[track_caller]
fn compare(client: &Client, model: &Model) {
    let found = client.send(&Request::retrieve(SERIES).with("rcn", 4)).expect(2000).body["m2m:ts"].clone();
    assert_eq!((&found["cni"], &found["cbs"]), (&json!(model.instances.len()), &json!(model.bytes())));
    let instances = found["m2m:tsi"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = instances.iter().map(|instance| instance["rn"].as_str().unwrap()).collect();
    let wanted: Vec<&str> = model.instances.iter().map(|instance| instance.name.as_str()).collect();
    assert_eq!(names, wanted);
    for (end, wanted) in [("la", wanted.last()), ("ol", wanted.first())] {
        let answer = client.send(&Request::retrieve(&format!("{SERIES}/{end}")));
        assert_eq!(answer.body["m2m:tsi"]["rn"].as_str(), wanted.copied(), "{end}");
    }
}

#[test]
fn instances_follow_the_model() {
    // The second is longer than what is read ahead.
    for (seed, times, steps) in [(1, 40, 600), (2, 1_200, 2_400)] {
        everywhere(|store| {
            let mut node = Node::on(store).start();
            make(&node.client(), "ts", json!({}));
            let (mut model, mut dice) = (Model::default(), Dice(0x9E37_79B9 * seed));
            for number in 0..steps {
                step(&node.client(), &mut model, &mut dice, number, times);
                if number % (steps / 20) == 0 {
                    compare(&node.client(), &model);
                }
                if number == steps / 2 {
                    node.kill();
                    node.restart();
                }
            }
            compare(&node.client(), &model);
        });
    }
}

#[test]
fn data_of_one_time_are_taken_once() {
    everywhere(|store| {
        let node = Node::on(store).start();
        make(&node.client(), "ts", json!({}));
        make(&node.client(), "bounded", json!({"mni": 10}));
        let taken = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for client in 0..6 {
                let (taken, node) = (&taken, &node);
                scope.spawn(move || {
                    let connection = node.client();
                    for step in 0..60 {
                        // All send the same, each in an order of its own.
                        let at = (step * [1, 7, 11, 13, 17, 19][client]) % 60;
                        let generated = moment::from_millis(1_600_000_000_000 + at);
                        let answer = add(&connection, SERIES, &generated, "x");
                        match answer.rsc {
                            2001 => taken.lock().unwrap().push(generated.clone()),
                            code => assert_eq!(code, 4105, "{answer:?}"),
                        }
                        let answer = add(&connection, "cse-in/bounded", &generated, "x");
                        assert!([2001, 4105].contains(&answer.rsc), "{answer:?}");
                    }
                });
            }
        });
        let taken = taken.into_inner().unwrap();
        assert_eq!(
            taken.iter().collect::<BTreeSet<_>>().len(),
            taken.len(),
            "{store:?}: one was taken twice"
        );
        assert_eq!((taken.len(), &look(&node.client(), SERIES)["cni"]), (60, &json!(60)), "{store:?}");
        let bounded = Request::retrieve("cse-in/bounded").with("rcn", 4);
        let bounded = node.client().send(&bounded).expect(2000).body["m2m:ts"].clone();
        let held: BTreeSet<&str> =
            bounded["m2m:tsi"].as_array().unwrap().iter().map(|tsi| tsi["dgt"].as_str().unwrap()).collect();
        assert_eq!((held.len(), &bounded["cni"], &bounded["cbs"]), (10, &json!(10), &json!(10)), "{store:?}");
    });
}
