//! MQTT: requests of 32 AEs at QoS 1 through the node's broker, held against round trips through the same broker to a
//! client that sends back what it gets; and CREATE over MQTT, held against HTTP's.

use std::net::SocketAddr;
use std::thread;

use anyhow::Result;

use crate::bench::Bench;
use crate::load::{Devices, Framing, Load, Message, Until, Wire};
use crate::node::{INSTANCE, Node, TY_AE, TY_CONTAINER, TY_INSTANCE};
use crate::report::{Report, Row};
use crate::rounds::Pair;
use crate::script;

/// How many AEs ask at the same time.
const ENTITIES: usize = 32;

/// Registers the AEs and measures.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let node = Node::start(bench)?;
    let broker = node.server.address_of("MQTT")?;
    register(bench, &node)?;
    let filter = |number: usize| format!("/oneM2M/resp/{}/id-in/#", originator(number));
    let named = (0..ENTITIES).map(|number| (format!("A::{}", originator(number)), filter(number)));
    let mut devices = Devices::open(broker, named)?;

    echo(broker)?;
    let named = (0..ENTITIES).map(|number| (format!("tool{number}"), format!("echo/resp/{number}")));
    let mut tools = Devices::open(broker, named)?;
    let mut pair = Pair::default();
    for round in 0..=bench.rounds {
        // The first warms up.
        let slice = if round == 0 { bench.slice / 3 } else { bench.slice };
        let judged = devices.run(slice, r#""rsc":2000"#, &mut retrieve)?.clean()?;
        let against = tools.run(slice, "m2m:cnt", &mut plain)?.clean()?;
        if round > 0 {
            pair.judged.add(judged)?;
            pair.against.add(against)?;
        }
    }
    report.add(Row::share("MQTT: RETRIEVE of 32 AEs, round trips without the node", &pair, 0.50));

    let mut pair = Pair::default();
    for round in 0..=bench.rounds {
        let slice = if round == 0 { bench.slice / 3 } else { bench.slice };
        let judged = devices.run(slice, r#""rsc":2001"#, &mut create)?.clean()?;
        let until = Until::Elapsed(slice);
        let load = Load {
            address: node.server.address,
            framing: Framing::Http,
            connections: ENTITIES,
            expect: 201,
            until,
        };
        let against = load
            .run(&mut |number: u64, out: &mut Vec<u8>| {
                let place = place(number);
                script::write_post(out, number, &home(place), &originator(place), TY_INSTANCE, INSTANCE);
            })?
            .clean()?;
        if round > 0 {
            pair.judged.add(judged)?;
            pair.against.add(against)?;
        }
    }
    report.add(Row::share("MQTT: CREATE of 32 AEs, over HTTP", &pair, 0.80));
    Ok(())
}

fn originator(number: usize) -> String {
    format!("Cm{number}")
}

/// The container of an AE.
fn home(number: usize) -> String {
    format!("/cse-in/m{number}/c")
}

fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or_default() % ENTITIES
}

fn register(bench: &Bench, node: &Node) -> Result<()> {
    let count = ENTITIES as u64;
    let mut entities = |number: u64, out: &mut Vec<u8>| {
        let place = place(number);
        let ae = format!(r#"{{"m2m:ae":{{"rn":"m{place}","api":"Nbench","rr":false,"srv":["3"]}}}}"#);
        script::write_post(out, number, "/cse-in", &originator(place), TY_AE, &ae);
    };
    bench.filling(&node.server, count).run(&mut entities)?.clean()?;
    let mut containers = |number: u64, out: &mut Vec<u8>| {
        let place = place(number);
        let container = r#"{"m2m:cnt":{"rn":"c","mni":1000}}"#;
        let parent = format!("/cse-in/m{place}");
        script::write_post(out, number, &parent, &originator(place), TY_CONTAINER, container);
    };
    bench.filling(&node.server, count).run(&mut containers)?.clean().map(drop)
}

fn request(device: usize, number: u64, rest: &str) -> Message {
    let from = originator(device);
    Message {
        topic: format!("/oneM2M/req/{from}/id-in/json"),
        payload: format!(r#"{{"to":"cse-in/m{device}/c","fr":"{from}","rqi":"q{number}","rvi":"3",{rest}}}"#),
    }
}

fn retrieve(device: usize, number: u64) -> Message {
    request(device, number, r#""op":2"#)
}

fn create(device: usize, number: u64) -> Message {
    request(device, number, &format!(r#""op":1,"ty":{TY_INSTANCE},"pc":{INSTANCE}"#))
}

/// A message about as long as the mean of a request and its answer.
fn plain(device: usize, number: u64) -> Message {
    let payload = format!(r#"{{"rqi":"q{number}","m2m:cnt":"{}"}}"#, "x".repeat(200));
    Message { topic: format!("echo/req/{device}"), payload }
}

/// A client of the broker that sends back what it gets, until the broker is gone.
fn echo(broker: SocketAddr) -> Result<()> {
    let mut wire = Wire::open(broker, "echo", "echo/req/#")?;
    thread::spawn(move || -> Result<()> {
        loop {
            wire.read()?;
            while let Some(message) = wire.next()? {
                wire.publish(message.topic.replacen("req", "resp", 1), message.payload)?;
            }
            wire.write()?;
        }
    });
    Ok(())
}
