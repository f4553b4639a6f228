//! How long a node takes from its start to its first answer.

use anyhow::Result;

use crate::bench::Bench;
use crate::client::Client;
use crate::node::ADMIN;
use crate::report::{Report, Row};
use crate::rounds::median;
use crate::script;

/// On no database, and again on the one that this made.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for _ in 0..if bench.quick { 3 } else { 7 } {
        let directory = bench.scratch()?;
        for times in [&mut first, &mut again] {
            let server = bench.serve(directory.path())?;
            let request = script::get("/cse-in", ADMIN).numbered(1);
            Client::connect(server.address)?.ask(&request)?.expect(200)?;
            times.push(server.started.elapsed().as_secs_f64() * 1000.0);
            server.stop()?;
        }
    }
    report.add(Row::limit("Start with an empty database to the first answer", median(&first), 300.0, "ms"));
    report.add(Row::limit("Start again to the first answer", median(&again), 300.0, "ms"));
    Ok(())
}
