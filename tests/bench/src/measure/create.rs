//! Durable CREATE of an instance, held against a bare program with SQLite and group commit.

use anyhow::{Context, Result};

use crate::bench::Bench;
use crate::load::Framing;
use crate::node::{AE, INSTANCE, Node, TY_INSTANCE};
use crate::report::{Report, Row};
use crate::rounds::{Side, alternate};
use crate::script;

/// Into a container that is full, so that every CREATE also trims.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut node = Node::start(bench)?;
    let path = node.container("c", 1000)?;
    node.fill(bench, &path, 1500)?;
    let size = node.create(&path, TY_INSTANCE, INSTANCE)?.body.len();

    let directory = bench.scratch()?;
    let store = directory.path().join("yardstick.db");
    let store = store.to_str().context("a path that is no text")?;
    let arguments = ["yardstick-write", "--store", store, "--size", &size.to_string()];
    let yardstick = bench.yardstick(&arguments, &node.server)?;

    let request = script::post(&path, AE, TY_INSTANCE, INSTANCE);
    let mut judged = Side::of(&node.server, Framing::Http, &request, 201);
    let mut against = Side::of(&yardstick, Framing::Http, &request, 201);
    let pair = alternate(bench, &mut judged, &mut against)?;
    report.add(Row::share(&format!("CREATE instance, mni 1000, {size} bytes"), &pair, 0.60));
    Ok(())
}
