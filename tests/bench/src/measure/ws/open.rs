//! Ten thousand AEs, each with an open connection: what one takes, and how soon each is told of a change.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mio::{Events, Poll};

use crate::bench::Bench;
use crate::child::pause;
use crate::load::{Framing, Histogram, Lane, ready};
use crate::node::{INSTANCE, Node, TY_AE, TY_INSTANCE, TY_SUBSCRIPTION};
use crate::report::{Report, Row};
use crate::script;

/// How many. Each is an open file in both processes (`ulimit -n`).
const ENTITIES: u64 = 10_000;

/// Without anything for so long, what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// Changes that each of them is told of.
const CHANGES: u64 = 5;

/// How long the node is left alone between two changes.
const CALM: Duration = Duration::from_secs(2);

/// The entities do not answer pings, and the connection by which changes are made waits until all have subscribed.
const SETTINGS: [&str; 2] = ["ws.keep_alive=1h", "http.keep_alive=1h"];

/// Registers the entities, opens their connections, and changes what all of them have subscribed to.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut node = Node::start_with(bench, &SETTINGS)?;
    println!("     registering {ENTITIES} AEs");
    let path = node.container("watched", 100)?;
    create(bench, &node, |number| {
        let ae = format!(r#"{{"m2m:ae":{{"rn":"a{number}","api":"Nbench","rr":false,"srv":["3"]}}}}"#);
        ("/cse-in".to_owned(), TY_AE, originator(number), ae)
    })?;
    let before = node.server.memory()?;
    let mut connections = Connections::open(&node)?;
    let each = (node.server.memory()? - before) * 1e3 / ENTITIES as f64;
    report.add(Row::limit(&format!("Memory of each of {ENTITIES} open WebSockets"), each, 20.0, "kB"));
    for number in 0..ENTITIES {
        connections.subscribe(number, &path)?;
    }
    let mut told = Histogram::default();
    for number in 0..=CHANGES {
        pause(CALM);
        let began = Instant::now();
        node.create(&path, TY_INSTANCE, INSTANCE)?;
        let all = connections.notified(began)?;
        // The first one is a warm-up.
        if number > 0 {
            told.merge(&all);
        }
    }
    let median = told.quantile(0.5);
    println!("     told after {median:.0} ms in the median, {:.0} ms the last", told.quantile(1.0));
    let measure = format!("A change told to each of {ENTITIES} over its WebSocket, the last");
    report.add(Row::limit(&measure, told.quantile(1.0) / 1_000.0, 1.0, "s"));
    Ok(())
}

fn originator(number: u64) -> String {
    format!("Cw{number}")
}

fn create(bench: &Bench, node: &Node, what: impl Fn(u64) -> (String, u32, String, String)) -> Result<()> {
    let mut script = |number: u64, out: &mut Vec<u8>| {
        let (parent, ty, from, body) = what(number);
        script::write_post(out, number, &parent, &from, ty, &body);
    };
    bench.filling(&node.server, ENTITIES).run(&mut script)?.clean().map(drop)
}

/// The connections of all entities.
struct Connections {
    poll: Poll,
    lanes: Vec<Lane>,
}

impl Connections {
    /// Opens them; each says whose it is with a request.
    fn open(node: &Node) -> Result<Self> {
        let poll = Poll::new()?;
        let address = Framing::WebSocket.address(&node.server)?;
        let mut all = Self { poll, lanes: Vec::new() };
        for number in 0..ENTITIES {
            let token = usize::try_from(number)?;
            let mut lane = Lane::open(Framing::WebSocket, address, all.poll.registry(), token)
                .context("a connection for each AE; raise the limit of open files")?;
            let request = script::ws_get(&format!("/cse-in/a{number}"), &originator(number));
            lane.request().extend_from_slice(&request.numbered(number));
            lane.send(Instant::now())?;
            all.lanes.push(lane);
        }
        all.gather(ENTITIES, |_, _, text| {
            ensure!(text.contains(r#""rsc":2000"#), "{text}");
            Ok(())
        })?;
        Ok(all)
    }

    /// Subscribes an entity to new instances.
    fn subscribe(&mut self, number: u64, path: &str) -> Result<()> {
        let nu = originator(number);
        let body = format!(r#"{{"m2m:sub":{{"nu":["{nu}"],"enc":{{"net":[3],"chty":[4]}},"nct":3}}}}"#);
        let request = script::ws_post(path, crate::node::ADMIN, TY_SUBSCRIPTION, &body).numbered(number);
        let lane = self.lanes.get_mut(usize::try_from(number)?).context("a lane")?;
        lane.request().extend_from_slice(&request);
        lane.send(Instant::now())?;
        // The node asks the entity first, unless it subscribes for itself.
        let mut is_done = false;
        while !is_done {
            self.gather(1, |lane, now, text| {
                if text.contains(r#""op":5"#) {
                    return respond(lane, now, text);
                }
                ensure!(text.contains(r#""rsc":2001"#), "{text}");
                is_done = true;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Waits until each has been notified, and answers: how long it took.
    fn notified(&mut self, began: Instant) -> Result<Histogram> {
        let mut told = Histogram::default();
        self.lanes.iter_mut().for_each(Lane::wait);
        self.gather(ENTITIES, |lane, now, text| {
            ensure!(text.contains(r#""op":5"#), "{text}");
            told.record(now.duration_since(began));
            respond(lane, now, text)
        })?;
        Ok(told)
    }

    /// Waits for so many messages.
    fn gather(
        &mut self,
        count: u64,
        mut take: impl FnMut(&mut Lane, Instant, &str) -> Result<()>,
    ) -> Result<()> {
        let mut missing = count;
        let mut events = Events::with_capacity(1_024);
        while missing > 0 {
            ready(&mut self.poll, &mut events, PATIENCE)?;
            ensure!(!events.is_empty(), "{missing} of {count} messages did not come");
            for event in &events {
                let Some(lane) = self.lanes.get_mut(event.token().0) else { continue };
                let Some(answer) = lane.advance()? else { continue };
                let text = String::from_utf8_lossy(lane.answer(answer)).into_owned();
                if missing == 0 {
                    bail!("more messages than were expected: {text}");
                }
                take(lane, Instant::now(), &text)?;
                missing -= 1;
            }
        }
        Ok(())
    }
}

/// Answers a notification.
fn respond(lane: &mut Lane, now: Instant, text: &str) -> Result<()> {
    let identifier = text.split_once(r#""rqi":""#).and_then(|(_, rest)| rest.split('"').next());
    let identifier = identifier.context("a request without an identifier")?;
    let response = format!(r#"{{"rsc":2000,"rqi":"{identifier}","rvi":"3"}}"#);
    script::write_frame(lane.request(), &response);
    lane.send(now)
}
