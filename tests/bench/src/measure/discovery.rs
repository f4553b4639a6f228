//! Discovery that finds one resource by its label, held against a RETRIEVE of the same node.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::forest::Forest;
use crate::bench::Bench;
use crate::load::Framing;
use crate::node::{ADMIN, AE, HOME, Node, TY_CONTAINER};
use crate::report::{Report, Row};
use crate::rounds::{Side, alternate};
use crate::script;

const QUERY: &str = "/cse-in?fu=1&lbl=needle";

/// One hit of a thousand, then of a hundred thousand.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let sizes = [(Forest { parents: 10, each: 100 }, 0.50), (Forest { parents: 100, each: 1000 }, 0.40)];
    for (forest, goal) in sizes {
        let mut node = Node::start(bench)?;
        forest.plant(bench, &node)?;
        let needle = r#"{"m2m:cnt":{"rn":"needle","lbl":["needle"]}}"#;
        node.create(HOME, TY_CONTAINER, needle)?;
        find(&mut node)?;

        let discovery = script::get(QUERY, ADMIN);
        let retrieve = script::get(&format!("{HOME}/needle"), AE);
        let mut judged = Side::of(&node.server, Framing::Http, &discovery, 200);
        let mut against = Side::of(&node.server, Framing::Http, &retrieve, 200);
        let pair = alternate(bench, &mut judged, &mut against)?;
        report.add(Row::share(&format!("Discovery, 1 of {}, to RETRIEVE", forest.size()), &pair, goal));
    }
    Ok(())
}

fn find(node: &mut Node) -> Result<()> {
    let reply = node.retrieve(QUERY, ADMIN)?;
    let found: Value = serde_json::from_slice(&reply.body).context("the answer to a discovery")?;
    let list = found.get("m2m:uril").and_then(Value::as_array);
    let hits = list.map_or(0, Vec::len);
    ensure!(hits == 1, "{hits} hits instead of 1: {found}");
    Ok(())
}
