//! WebSockets: requests held against an echo and against HTTP, and ten thousand open connections.

mod open;

use anyhow::Result;

use crate::bench::Bench;
use crate::load::Framing;
use crate::node::{AE, INSTANCE, Node, TY_INSTANCE};
use crate::report::{Report, Row};
use crate::rounds::{Side, alternate};
use crate::script;

/// All of it.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    retrieve(bench, report)?;
    create(bench, report)?;
    open::run(bench, report)
}

/// RETRIEVE of a container, held against a server that sends the request back.
fn retrieve(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut node = Node::start(bench)?;
    let path = node.container("c", 1000)?;
    let size = node.retrieve(&path, AE)?.body.len();
    let echo = bench.yardstick(&["yardstick-ws-echo"], &node.server)?;
    let request = script::ws_get(&path, AE);
    let mut judged = Side::of(&node.server, Framing::WebSocket, &request, 200);
    let mut against = Side::of(&echo, Framing::WebSocket, &request, 200);
    let pair = alternate(bench, &mut judged, &mut against)?;
    report.add(Row::share(&format!("RETRIEVE over WebSocket, {size} bytes, to an echo"), &pair, 0.70));
    Ok(())
}

/// Durable CREATE of an instance, held against the same over HTTP.
fn create(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut node = Node::start(bench)?;
    let path = node.container("c", 1000)?;
    node.fill(bench, &path, 1500)?;
    let (ws, http) =
        (script::ws_post(&path, AE, TY_INSTANCE, INSTANCE), script::post(&path, AE, TY_INSTANCE, INSTANCE));
    let mut judged = Side::of(&node.server, Framing::WebSocket, &ws, 201);
    let mut against = Side::of(&node.server, Framing::Http, &http, 201);
    let pair = alternate(bench, &mut judged, &mut against)?;
    report.add(Row::share("CREATE over WebSocket, to HTTP", &pair, 0.80));
    Ok(())
}
