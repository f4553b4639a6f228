//! CREATE of an instance with a subscriber over HTTP, held against one without.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bench::Bench;
use crate::child::{Server, pause};
use crate::client::Client;
use crate::load::{Outcome, Until};
use crate::node::{AE, INSTANCE, Node, TY_INSTANCE, TY_SUBSCRIPTION};
use crate::report::{Report, Row};
use crate::rounds::{Pair, median};
use crate::script;
use crate::yardstick::sink;

/// Without a new notification for so long, the missing ones are lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two full containers of one node; one of them is listened to.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let sink = bench.sink()?;
    let mut node = Node::start(bench)?;
    let quiet = node.container("quiet", 1000)?;
    let heard = node.container("heard", 1000)?;
    let subscription = format!(
        r#"{{"m2m:sub":{{"rn":"s","nu":["http://{}/"],"enc":{{"net":[3]}},"nct":1}}}}"#,
        sink.address
    );
    node.fill(bench, &quiet, 1500)?;
    node.fill(bench, &heard, 1500)?;
    node.create(&heard, TY_SUBSCRIPTION, &subscription)?;

    let mut pair = Pair::default();
    let mut sustained = Vec::new();
    create(bench, &node, &heard, bench.slice / 3)?;
    await_notifications(&sink, None)?;
    for _ in 0..bench.rounds {
        let before = count(&sink)?;
        let started = Instant::now();
        let outcome = create(bench, &node, &heard, bench.slice)?;
        let created = outcome.answered;
        pair.judged.add(outcome)?;
        await_notifications(&sink, Some(before + created))?;
        sustained.push(created as f64 / started.elapsed().as_secs_f64());
        pair.against.add(create(bench, &node, &quiet, bench.slice)?)?;
    }
    let owed = pair.judged.answered;
    report.add(Row::cost("CREATE with a subscriber, to one without", &pair, 2.0));
    let figure = format!("{:.0}/s, none of {owed} lost", median(&sustained));
    report.add(Row::noted("the same until the last notification has arrived", figure));
    Ok(())
}

fn create(bench: &Bench, node: &Node, path: &str, time: Duration) -> Result<Outcome> {
    let request = script::post(path, AE, TY_INSTANCE, INSTANCE);
    bench.load(&node.server, 201, Until::Elapsed(time)).run(&mut request.script())?.clean()
}

/// Waits until this many have arrived, or, without a number, until no more come.
fn await_notifications(sink: &Server, total: Option<u64>) -> Result<()> {
    let quiet = if total.is_some() { PATIENCE } else { Duration::from_secs(2) };
    let (mut seen, mut since) = (count(sink)?, Instant::now());
    while total.is_none_or(|total| seen < total) {
        if since.elapsed() > quiet {
            let Some(total) = total else { break };
            ensure!(seen >= total, "{} of {total} notifications never arrived", total - seen);
        }
        pause(Duration::from_millis(2));
        let now = count(sink)?;
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
    }
    ensure!(seen > 0, "no notification arrived");
    Ok(())
}

fn count(sink: &Server) -> Result<u64> {
    let request = script::get(sink::COUNT, AE).numbered(0);
    let reply = Client::connect(sink.address)?.ask(&request)?.expect(200)?;
    std::str::from_utf8(&reply.body)?.parse().context("the count of the sink")
}
