//! RETRIEVE of a container together with all its instances.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::node::{AE, Node};
use crate::report::{Report, Row};
use crate::rounds::median;

const INSTANCES: usize = 10_000;
const TIMES: usize = 10;

/// `rcn=4`, one request after the other.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut node = Node::start(bench)?;
    let path = node.container("c", 2 * INSTANCES as u64)?;
    node.fill(bench, &path, INSTANCES as u64)?;
    let query = format!("{path}?rcn=4");
    let mut times = Vec::new();
    let mut size = 0;
    for _ in 0..TIMES {
        let started = Instant::now();
        let reply = node.retrieve(&query, AE)?;
        times.push(started.elapsed().as_secs_f64() * 1000.0);
        let found = reply.count("\"con\":");
        ensure!(found == INSTANCES, "{found} of {INSTANCES} instances are in the answer");
        size = reply.body.len();
    }
    let measure = format!("rcn=4 with {INSTANCES} instances, {:.1} MB", size as f64 / 1e6);
    report.add(Row::limit(&measure, median(&times), 100.0, "ms"));
    Ok(())
}
