//! Resident memory: small with some instances, flat under creates that push out others.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::bench::Bench;
use crate::load::Until;
use crate::node::{AE, INSTANCE, Node, TY_INSTANCE};
use crate::report::{Report, Row};
use crate::script;

const INSTANCES: u64 = 10_000;

/// First the size, then the growth.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut node = Node::start(bench)?;
    report.add(Row::noted("Memory of an empty node", format!("{:.0} MB", node.server.memory()?)));
    let path = node.container("c", 2 * INSTANCES)?;
    node.fill(bench, &path, INSTANCES)?;
    let measure = format!("Memory after {INSTANCES} instances");
    report.add(Row::limit(&measure, node.server.memory()?, 60.0, "MB"));
    growth(bench, report)
}

fn growth(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut node = Node::start(bench)?;
    let path = node.container("c", 1000)?;
    let create = script::post(&path, AE, TY_INSTANCE, INSTANCE);
    let mut script = create.script();
    let watch = bench.watch();
    let mut run = |time: Duration| {
        let load = bench.load(&node.server, 201, Until::Elapsed(time));
        load.run(&mut script)?.clean().map(|outcome| outcome.answered)
    };
    run((watch / 4).min(Duration::from_secs(60)))?;
    let warm = node.server.memory()?;
    let started = Instant::now();
    let (mut peak, mut created) = (warm, 0);
    while started.elapsed() < watch {
        created += run(watch / 20)?;
        peak = node.server.memory()?.max(peak);
    }
    let end = node.server.memory()?;
    println!("     {warm:.1} MB warm, {end:.1} MB at the end, {peak:.1} MB at most");
    let measure = format!("Growth of {warm:.0} MB under {created} creates with mni 1000");
    let grown = 100.0 * (end - warm) / warm;
    report.add(Row::limit(&measure, grown, 10.0, "%"));
    Ok(())
}
