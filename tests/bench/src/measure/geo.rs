//! Discovery by place: ten hits among a million containers on a grid over the globe.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::bench::Bench;
use crate::load::Until;
use crate::node::{ADMIN, AE, HOME, Node, TY_CONTAINER};
use crate::report::{Report, Row};
use crate::script::{self, Dice};

/// Containers in a row of the grid, along a parallel; a tenth of a degree lies between two.
const ACROSS: u64 = 1_000;

/// Milliseconds that the slower half of the queries may begin at.
const LIMIT: f64 = 5.0;

/// Fills the grid and asks for ten of it at a time, anywhere.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let rows = if bench.quick { 100 } else { 1_000 };
    let mut node = Node::start(bench)?;
    plant(bench, &node, rows)?;
    node.reconnect()?;
    let mut dice = Dice::new(1);
    check(&mut node, rows, &mut dice)?;

    let mut ask = |number: u64, out: &mut Vec<u8>| {
        script::write_get(out, number, &query(rows, &mut dice), ADMIN);
    };
    // One at a time: what a query takes, not what many take from each other.
    let mut load = bench.load(&node.server, 200, Until::Elapsed(bench.slice / 3));
    load.connections = 1;
    load.run(&mut ask)?.clean()?;
    load.until = Until::Elapsed(bench.slice);
    let outcome = load.run(&mut ask)?.clean()?;
    let measure = format!("Discovery by place, 10 of {}, median", rows * ACROSS);
    report.add(Row::limit(&measure, outcome.latency.quantile(0.50), LIMIT, "ms"));
    let figure = format!("{:.2} ms", outcome.latency.quantile(0.99));
    report.add(Row::noted("the same, 99 of 100", figure));
    Ok(())
}

/// Tenths of a degree as text.
fn tenths(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}.{}", number.abs() / 10, number.abs() % 10)
}

fn plant(bench: &Bench, node: &Node, rows: u64) -> Result<()> {
    let mut parents = |number: u64, out: &mut Vec<u8>| {
        let body = format!(r#"{{"m2m:cnt":{{"rn":"p{number}"}}}}"#);
        script::write_post(out, number, HOME, AE, TY_CONTAINER, &body);
    };
    bench.filling(&node.server, rows).run(&mut parents)?.clean()?;
    let mut containers = |number: u64, out: &mut Vec<u8>| {
        let (row, column) = (number % rows, number / rows);
        let place = format!("[{},{}]", tenths(column as i64 - 500), tenths(row as i64 - 500));
        let body = format!(r#"{{"m2m:cnt":{{"rn":"c{column}","loc":{{"typ":1,"crd":"{place}"}}}}}}"#);
        script::write_post(out, number, &format!("{HOME}/p{row}"), AE, TY_CONTAINER, &body);
    };
    bench.filling(&node.server, rows * ACROSS).run(&mut containers)?.clean().map(drop)
}

/// A box around ten of the grid, five along a parallel and two along a meridian.
fn query(rows: u64, dice: &mut Dice) -> String {
    let west = dice.below(ACROSS - 5) as i64 - 500;
    let south = dice.below(rows - 2) as i64 - 500;
    let edge = |number: i64, hundredths: i64| format!("{:.2}", (number * 10 + hundredths) as f64 / 100.0);
    let (west, east) = (edge(west, -5), edge(west + 4, 5));
    let (south, north) = (edge(south, -5), edge(south + 1, 5));
    let ring =
        format!("[[[{west},{south}],[{east},{south}],[{east},{north}],[{west},{north}],[{west},{south}]]]");
    format!(
        "/cse-in?fu=1&gmty=3&gsf=1&geom={}",
        ring.replace('[', "%5B").replace(']', "%5D").replace(',', "%2C")
    )
}

fn check(node: &mut Node, rows: u64, dice: &mut Dice) -> Result<()> {
    let reply = node.retrieve(&query(rows, dice), ADMIN)?;
    let found: Value = serde_json::from_slice(&reply.body).context("the answer to a geo-query")?;
    let hits = found.get("m2m:uril").and_then(Value::as_array).map_or(0, Vec::len);
    ensure!(hits == 10, "{hits} hits instead of 10: {found}");
    Ok(())
}
