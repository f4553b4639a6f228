//! Discovery by SPARQL: one hit among ten thousand descriptors.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::bench::Bench;
use crate::load::Until;
use crate::node::{ADMIN, AE, HOME, Node, TY_CONTAINER};
use crate::report::{Report, Row};
use crate::script;

const TY_DESCRIPTOR: u32 = 24;

/// Containers with a descriptor each.
const DESCRIBED: u64 = 10_000;

/// Milliseconds.
const LIMIT: f64 = 50.0;

/// `SELECT ?x WHERE { ?x <http://example.org/isIn> <http://example.org/room7777> ; a <http://example.org/Lamp> }`
const QUERY: &str = "/cse-in?fu=1&smf=SELECT%20%3Fx%20WHERE%20%7B%20%3Fx%20%3Chttp%3A%2F%2Fexample.org%2FisIn%3E%20%3Chttp%3A%2F%2Fexample.org%2Froom7777%3E%20%3B%20a%20%3Chttp%3A%2F%2Fexample.org%2FLamp%3E%20%7D";

/// Fills the tree, and asks one at a time.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut node = Node::start(bench)?;
    let mut containers = |number: u64, out: &mut Vec<u8>| {
        let body = format!(r#"{{"m2m:cnt":{{"rn":"d{number}"}}}}"#);
        script::write_post(out, number, HOME, AE, TY_CONTAINER, &body);
    };
    bench.filling(&node.server, DESCRIBED).run(&mut containers)?.clean()?;
    let mut descriptors = |number: u64, out: &mut Vec<u8>| {
        let text = format!(
            "<http://example.org/t{number}> a <http://example.org/Lamp> ; <http://example.org/isIn> <http://example.org/room{number}> ; \
             <http://example.org/watt> {} ; <http://example.org/maker> <http://example.org/m{}> .",
            number % 100,
            number % 7
        );
        let body = format!(r#"{{"m2m:smd":{{"rn":"s","dcrp":5,"dsp":"{}"}}}}"#, base64(text.as_bytes()));
        script::write_post(out, number, &format!("{HOME}/d{number}"), AE, TY_DESCRIPTOR, &body);
    };
    bench.filling(&node.server, DESCRIBED).run(&mut descriptors)?.clean()?;
    let reply = node.retrieve(QUERY, ADMIN)?;
    let found: Value = serde_json::from_slice(&reply.body).context("the answer to a semantic discovery")?;
    let hits = found.get("m2m:uril").and_then(Value::as_array).map_or(0, Vec::len);
    ensure!(hits == 1, "{hits} hits instead of 1: {found}");

    let request = script::get(QUERY, ADMIN);
    let mut load = bench.load(&node.server, 200, Until::Elapsed(bench.slice));
    load.connections = 1;
    let outcome = load.run(&mut request.script())?.clean()?;
    let measure = format!("Discovery by SPARQL, 1 of {DESCRIBED}, median");
    report.add(Row::limit(&measure, outcome.latency.quantile(0.50), LIMIT, "ms"));
    Ok(())
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let whole =
            chunk.iter().fold(0_u32, |whole, byte| whole << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS.get((whole >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}
