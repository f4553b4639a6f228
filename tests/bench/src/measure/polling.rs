//! Entities that cannot be called: ten thousand of them poll at the same time, then each is notified.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mio::{Events, Poll};

use crate::bench::Bench;
use crate::child::pause;
use crate::load::{Framing, Lane, ready};
use crate::node::{Node, TY_AE, TY_CONTAINER, TY_POLLING_CHANNEL, TY_SUBSCRIPTION};
use crate::report::{Report, Row};
use crate::script;

/// How many poll. Each holds a connection, so both processes need as many open files (`ulimit -n`).
const ENTITIES: u64 = 10_000;

/// How long a poll is held: longer than the measure takes.
const HELD_FOR: Duration = Duration::from_secs(1_800);

/// Without an answer for so long, the missing ones are lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the node needs beyond its defaults: the entities answer when all of them have been notified.
const SETTINGS: [&str; 2] = ["notification.timeout=5min", "polling.longest_wait=1h"];

/// Registers the entities, lets them poll, subscribes for them, notifies each once, and answers for them.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let node = Node::start_with(bench, &SETTINGS)?;
    register(bench, &node)?;
    let before = node.server.memory()?;
    let mut polls = Polls::send(&node)?;
    // The last ones are with the node by then.
    pause(Duration::from_secs(2));
    let memory = node.server.memory()?;
    println!(
        "     {before:.1} MB before the polls, {:.1} kB each",
        (memory - before) * 1e3 / ENTITIES as f64
    );
    report.add(Row::limit(&format!("Memory with {ENTITIES} AEs polling"), memory, 200.0, "MB"));

    create(bench, &node, |number| {
        let nu = originator(number);
        let subscription = format!(r#"{{"m2m:sub":{{"rn":"s","nu":["{nu}"],"enc":{{"net":[3]}},"nct":3}}}}"#);
        (home(number), TY_SUBSCRIPTION, subscription)
    })?;
    let started = Instant::now();
    create(bench, &node, |number| (home(number), TY_CONTAINER, r#"{"m2m:cnt":{"rn":"c"}}"#.to_owned()))?;
    let requests = polls.gather()?;
    let took = started.elapsed().as_secs_f64();
    let figure = format!("{:.0}/s, none of {ENTITIES} lost", ENTITIES as f64 / took);
    report.add(Row::noted("Notifications to them, from the events to the answers of all polls", figure));
    respond(bench, &node, &requests)?;
    Ok(())
}

fn home(number: u64) -> String {
    format!("/cse-in/a{number}")
}

fn originator(number: u64) -> String {
    format!("Cp{number}")
}

/// Creates a resource for each entity, which is its originator.
fn create(bench: &Bench, node: &Node, what: impl Fn(u64) -> (String, u32, String)) -> Result<()> {
    let mut script = |number: u64, out: &mut Vec<u8>| {
        let (parent, ty, body) = what(number);
        script::write_post(out, number, &parent, &originator(number), ty, &body);
    };
    bench.filling(&node.server, ENTITIES).run(&mut script)?.clean().map(drop)
}

/// The entities, each with a channel.
fn register(bench: &Bench, node: &Node) -> Result<()> {
    println!("     registering {ENTITIES} AEs");
    create(bench, node, |number| {
        let ae = format!(r#"{{"m2m:ae":{{"rn":"a{number}","api":"Nbench","rr":false,"srv":["3"]}}}}"#);
        ("/cse-in".to_owned(), TY_AE, ae)
    })?;
    create(bench, node, |number| (home(number), TY_POLLING_CHANNEL, r#"{"m2m:pch":{"rn":"p"}}"#.to_owned()))
}

/// A poll of each entity, all of them held.
struct Polls {
    poll: Poll,
    lanes: Vec<Lane>,
}

impl Polls {
    fn send(node: &Node) -> Result<Self> {
        let poll = Poll::new()?;
        let mut lanes = Vec::new();
        for number in 0..ENTITIES {
            let token = usize::try_from(number)?;
            let mut lane = Lane::open(Framing::Http, node.server.address, poll.registry(), token)
                .context("a connection for each AE; raise the limit of open files")?;
            let path = format!("{}/p/pcu", home(number));
            script::write_poll(lane.request(), number, &path, &originator(number), HELD_FOR);
            lane.send(Instant::now())?;
            lanes.push(lane);
        }
        Ok(Self { poll, lanes })
    }

    /// Waits until every poll is answered, and gives the identifiers of what came, by the number of the entity.
    fn gather(&mut self) -> Result<Vec<String>> {
        let mut came = vec![String::new(); self.lanes.len()];
        let mut missing = came.len();
        let mut events = Events::with_capacity(1_024);
        while missing > 0 {
            ready(&mut self.poll, &mut events, PATIENCE)?;
            ensure!(!events.is_empty(), "{missing} of {ENTITIES} polls were not answered");
            for event in &events {
                let Some(lane) = self.lanes.get_mut(event.token().0) else { continue };
                let Some(answer) = lane.advance()? else { continue };
                let text = String::from_utf8_lossy(lane.answer(answer));
                let identifier = text.split_once(r#""rqi":""#).and_then(|(_, rest)| rest.split('"').next());
                match (answer.status, identifier, came.get_mut(event.token().0)) {
                    (200, Some(identifier), Some(place)) => identifier.clone_into(place),
                    _ => bail!("a poll was answered with {text}"),
                }
                missing -= 1;
            }
        }
        Ok(came)
    }
}

/// Responds to what came, for each entity.
fn respond(bench: &Bench, node: &Node, identifiers: &[String]) -> Result<()> {
    let mut responses = |number: u64, out: &mut Vec<u8>| {
        let identifier = usize::try_from(number).ok().and_then(|number| identifiers.get(number));
        let body =
            format!(r#"{{"m2m:rsp":{{"rsc":2000,"rqi":"{}"}}}}"#, identifier.map_or("", String::as_str));
        script::write_notify(out, number, &format!("{}/p/pcu", home(number)), &originator(number), &body);
    };
    let mut load = bench.filling(&node.server, ENTITIES);
    load.expect = 200;
    load.run(&mut responses)?.clean().context("the responses of the AEs")?;
    Ok(())
}
