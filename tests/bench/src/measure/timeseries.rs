//! What it costs to watch many time series of which none gets data: every one has a point missing in each interval, spread
//! evenly, and each of them is found, listed and made durable.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use dyad_core::{Clock, SystemClock};
use dyad_protocol::Timestamp;

use crate::bench::Bench;
use crate::child::pause;
use crate::client::Client;
use crate::node::{AE, HOME, Node, TY_CONTAINER};
use crate::report::{Report, Row};
use crate::script;

const TY_TIME_SERIES: u32 = 29;
const TY_TIME_SERIES_INSTANCE: u32 = 30;

const SERIES: u64 = 100_000;
const PARENTS: u64 = 100;

/// From one data point to the next, and from when it is expected to when it is missing, in milliseconds.
const INTERVAL: u64 = 600_000;
const TIMER: u64 = 60_000;

/// How long the node is left alone before it is looked at.
const CALM: Duration = Duration::from_secs(5);

/// Makes the series, each with a first instance, and takes the time of the processor while points fall due.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let node = Node::start(bench)?;
    let (begin, began) = (SystemClock.now().micros(), Instant::now());
    println!("     creating {SERIES} time series");
    plant(bench, &node, begin)?;
    // Nothing is missing before the timer of the first has run.
    pause((Duration::from_millis(TIMER) + CALM).saturating_sub(began.elapsed()).max(CALM));
    let (calm, busy) = (node.server.processor()?, Instant::now());
    pause(if bench.quick { Duration::from_secs(10) } else { Duration::from_secs(30) });
    let spent = node.server.processor()?.saturating_sub(calm);
    let share = 100.0 * spent.as_secs_f64() / busy.elapsed().as_secs_f64();
    let rate = SERIES as f64 / Duration::from_millis(INTERVAL).as_secs_f64();
    let measure = format!("Share of a core for {SERIES} time series, {rate:.0}/s missing");
    report.add(Row::limit(&measure, share, 5.0, "%"));
    report.add(Row::noted(
        &format!("Memory with {SERIES} time series"),
        format!("{:.0} MB", node.server.memory()?),
    ));
    check(&node, begin, began)
}

fn plant(bench: &Bench, node: &Node, begin: i64) -> Result<()> {
    let mut parents = |number: u64, out: &mut Vec<u8>| {
        let body = format!(r#"{{"m2m:cnt":{{"rn":"p{number}"}}}}"#);
        script::write_post(out, number, HOME, AE, TY_CONTAINER, &body);
    };
    bench.filling(&node.server, PARENTS).run(&mut parents)?.clean()?;
    let mut series = |number: u64, out: &mut Vec<u8>| {
        let (parent, name) = (number % PARENTS, number / PARENTS);
        let body = format!(
            r#"{{"m2m:ts":{{"rn":"t{name}","pei":{INTERVAL},"mdt":{TIMER},"mdd":true,"mdn":10,"mni":10}}}}"#
        );
        script::write_post(out, number, &format!("{HOME}/p{parent}"), AE, TY_TIME_SERIES, &body);
    };
    bench.filling(&node.server, SERIES).run(&mut series)?.clean()?;
    let mut first = |number: u64, out: &mut Vec<u8>| {
        let generated = Timestamp::from_micros(expected(begin, number) - micros(INTERVAL));
        let body = format!(r#"{{"m2m:tsi":{{"dgt":"{generated}","con":"21.5"}}}}"#);
        script::write_post(out, number, &path(number), AE, TY_TIME_SERIES_INSTANCE, &body);
    };
    bench.filling(&node.server, SERIES).run(&mut first)?.clean().map(drop)
}

/// A series whose point fell due before the end has it in its list.
fn check(node: &Node, begin: i64, began: Instant) -> Result<()> {
    let passed = i64::try_from(began.elapsed().as_micros())? - micros(TIMER) - micros(5_000);
    let overdue = (0..SERIES).rev().find(|number| expected(begin, *number) - begin < passed);
    if let Some(number) = overdue {
        // The node has closed the connections that were idle.
        let request = script::get(&path(number), AE).numbered(0);
        let reply = Client::connect(node.server.address)?.ask(&request)?.expect(200)?;
        let text = String::from_utf8_lossy(&reply.body);
        ensure!(text.contains(r#""mdc":1"#), "what is missing was not found: {text}");
    }
    Ok(())
}

fn path(number: u64) -> String {
    format!("{HOME}/p{}/t{}", number % PARENTS, number / PARENTS)
}

/// When the second data point of a series is expected, in microseconds since 1970: within one interval from the begin.
fn expected(begin: i64, number: u64) -> i64 {
    begin + micros(number * INTERVAL / SERIES)
}

fn micros(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(0) * 1_000
}
