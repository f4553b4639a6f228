//! CREATE of an instance in a container with many subscriptions, held against one without, and how long it takes until
//! all of them are told.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bench::Bench;
use crate::child::{Server, pause};
use crate::client::Client;
use crate::load::Histogram;
use crate::node::{AE, INSTANCE, Node, TY_INSTANCE, TY_SUBSCRIPTION};
use crate::report::{Report, Row};
use crate::rounds::Pair;
use crate::script;
use crate::yardstick::sink;

const SUBSCRIPTIONS: u64 = 1_000;

/// Creates that are timed on each side.
const CREATES: usize = 20;

/// How long the node is left alone between two rounds.
const CALM: Duration = Duration::from_millis(700);

/// Without a new notification for so long, the missing ones are lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// One create at a time on each side; the next ones when all are told.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let sink = bench.sink()?;
    let mut node = Node::start(bench)?;
    let quiet = node.container("quiet", 100)?;
    let apart = crowded(&mut node, "apart", |number| format!("http://{}/{number}", sink.address))?;
    let shared = crowded(&mut node, "shared", |_| format!("http://{}/", sink.address))?;
    let (pair, told) = compare(bench, &mut node, &sink, &apart, &quiet)?;
    let measure = format!("CREATE with {SUBSCRIPTIONS} subscribers, to one without");
    report.add(Row::cost(&measure, &pair, 3.0));
    report.add(Row::limit("the same until all are told, median", told.quantile(0.5) / 1_000.0, 2.0, "s"));
    let (_, told) = compare(bench, &mut node, &sink, &shared, &quiet)?;
    let figure = format!("{:.2} s", told.quantile(0.5) / 1_000.0);
    report.add(Row::noted("the same with one target for all", figure));
    Ok(())
}

/// A container with subscriptions.
fn crowded(node: &mut Node, name: &str, target: impl Fn(u64) -> String) -> Result<String> {
    let path = node.container(name, 100)?;
    for number in 0..SUBSCRIPTIONS {
        let target = target(number);
        let body = format!(r#"{{"m2m:sub":{{"nu":["{target}"],"enc":{{"net":[3],"chty":[4]}},"nct":1}}}}"#);
        node.create(&path, TY_SUBSCRIPTION, &body)?;
    }
    Ok(path)
}

/// How long creates take on both sides, and until all are told of them.
fn compare(
    bench: &Bench,
    node: &mut Node,
    sink: &Server,
    crowded: &str,
    quiet: &str,
) -> Result<(Pair, Histogram)> {
    let (mut pair, mut told) = (Pair::default(), Histogram::default());
    let creates = if bench.quick { CREATES / 2 } else { CREATES };
    let mut counter = Client::connect(sink.address)?;
    for number in 0..creates + 1 {
        // What was delivered is settled by a commit of its own, which neither side is to wait for.
        pause(CALM);
        let before = count(&mut counter)?;
        let began = Instant::now();
        node.create(quiet, TY_INSTANCE, INSTANCE)?;
        let alone = began.elapsed();
        let began = Instant::now();
        node.create(crowded, TY_INSTANCE, INSTANCE)?;
        let took = began.elapsed();
        wait_for(&mut counter, before + SUBSCRIPTIONS)?;
        let all = began.elapsed();
        // The first one of each is a warm-up.
        if number > 0 {
            told.record(all);
            for (rates, took) in [(&mut pair.judged, took), (&mut pair.against, alone)] {
                rates.rounds.push(1.0 / took.as_secs_f64());
                rates.latency.record(took);
                rates.answered += 1;
            }
        }
    }
    Ok((pair, told))
}

fn wait_for(sink: &mut Client, total: u64) -> Result<()> {
    let (mut seen, mut since) = (count(sink)?, Instant::now());
    while seen < total {
        ensure!(since.elapsed() < PATIENCE, "{} of {total} notifications never arrived", total - seen);
        pause(Duration::from_millis(2));
        let now = count(sink)?;
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
    }
    ensure!(seen == total, "{} notifications more than were owed", seen - total);
    Ok(())
}

fn count(sink: &mut Client) -> Result<u64> {
    let request = script::get(sink::COUNT, AE).numbered(0);
    let reply = sink.ask(&request)?.expect(200)?;
    std::str::from_utf8(&reply.body)?.parse().context("the count of the sink")
}
