//! RETRIEVE of one resource, held against a bare handler with an answer of the same size.

use anyhow::Result;

use crate::bench::Bench;
use crate::load::Framing;
use crate::node::{AE, Node};
use crate::report::{Report, Row};
use crate::rounds::{Side, alternate};
use crate::script;

/// A container, whose representation changes rarely.
pub(crate) fn container(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut node = Node::start(bench)?;
    let path = node.container("c", 1000)?;
    compare(bench, report, &mut node, "RETRIEVE container", &path)
}

/// The latest instance, which every CREATE makes another one.
pub(crate) fn latest(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut node = Node::start(bench)?;
    let path = node.container("c", 1000)?;
    node.fill(bench, &path, 1500)?;
    compare(bench, report, &mut node, "RETRIEVE latest instance", &format!("{path}/la"))
}

fn compare(bench: &Bench, report: &mut Report, node: &mut Node, measure: &str, path: &str) -> Result<()> {
    let size = node.retrieve(path, AE)?.body.len();
    let yardstick = bench.yardstick(&["yardstick-read", "--size", &size.to_string()], &node.server)?;
    let request = script::get(path, AE);
    let mut judged = Side::of(&node.server, Framing::Http, &request, 200);
    let mut against = Side::of(&yardstick, Framing::Http, &request, 200);
    let pair = alternate(bench, &mut judged, &mut against)?;
    report.add(Row::share(&format!("{measure}, {size} bytes"), &pair, 0.70));
    Ok(())
}
