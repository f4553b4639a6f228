//! A tree of a million containers, held against one that is almost empty.

use anyhow::{Context, Result};

use super::forest::Forest;
use crate::bench::Bench;
use crate::load::Framing;
use crate::node::{AE, INSTANCE, Node, TY_INSTANCE};
use crate::report::{Report, Row};
use crate::rounds::{Side, alternate, median};
use crate::script::{self, Dice};

/// The same requests to both: any container, by chance, of a hundred or of a million.
const SMALL: Forest = Forest { parents: 1, each: 100 };

/// Fills the tree, compares it, and starts the node again on it.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let forest = Forest { parents: if bench.quick { 100 } else { 1000 }, each: 1000 };
    let size = forest.size();
    let node = Node::start(bench)?;
    println!("     creating {size} containers");
    let planted = forest.plant(bench, &node)?;
    let figure = format!("{:.0} s, {:.0}/s", planted.elapsed.as_secs_f64(), planted.rate());
    report.add(Row::noted(&format!("CREATE of {size} containers"), figure));

    let small = Node::start(bench)?;
    SMALL.plant(bench, &small)?;
    let pair = alternate(bench, &mut side(&node, forest, false), &mut side(&small, SMALL, false))?;
    report.add(Row::cost(&format!("RETRIEVE, any of {size}, to any of 100"), &pair, 1.5));
    let pair = alternate(bench, &mut side(&node, forest, true), &mut side(&small, SMALL, true))?;
    report.add(Row::cost(&format!("CREATE instance, in any of {size}, to any of 100"), &pair, 1.5));
    report.add(memory(&format!("Memory with {size} containers, filled"), &node)?);
    drop(small);
    again(bench, report, node, forest)
}

fn side(node: &Node, forest: Forest, create: bool) -> Side<'_> {
    let mut dice = Dice::new(1);
    let script = move |number: u64, out: &mut Vec<u8>| {
        let path = forest.any(&mut dice);
        if create {
            script::write_post(out, number, &path, AE, TY_INSTANCE, INSTANCE);
        } else {
            script::write_get(out, number, &path, AE);
        }
    };
    Side {
        server: &node.server,
        framing: Framing::Http,
        script: Box::new(script),
        expect: if create { 201 } else { 200 },
    }
}

fn again(bench: &Bench, report: &mut Report, mut node: Node, forest: Forest) -> Result<()> {
    let (mut ready, mut answered) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        node = node.restart(bench)?;
        node.retrieve(&forest.path(forest.size() - 1), AE).context("the first request")?;
        answered.push(node.server.started.elapsed().as_secs_f64());
        ready.push(node.server.ready_after.as_secs_f64());
    }
    println!("     ready after {:.2} s", median(&ready));
    let measure = format!("Start with {} containers to the first answer", forest.size());
    report.add(Row::limit(&measure, median(&answered), 3.0, "s"));
    report.add(memory(&format!("Memory with {} containers, started again", forest.size()), &node)?);
    Ok(())
}

fn memory(measure: &str, node: &Node) -> Result<Row> {
    Ok(Row::limit(measure, node.server.memory()?, 1000.0, "MB"))
}
