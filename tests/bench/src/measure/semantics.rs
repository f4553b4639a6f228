//! Discovery by SPARQL among ten thousand descriptors: one hit, a thousand, and a condition on the values of all.

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

/// What is asked: what it is called, how many it finds, and the pattern.
const QUERIES: [(&str, usize, &str); 3] = [
    (
        "1 of 10000",
        1,
        "?x <http://example.org/isIn> <http://example.org/room7777> ; a <http://example.org/Lamp>",
    ),
    (
        "1000 of 10000",
        1_000,
        "?x <http://example.org/floor> <http://example.org/floor7> ; a <http://example.org/Lamp>",
    ),
    ("100 of 10000 by a FILTER", 100, "?x <http://example.org/watt> ?w FILTER(?w > 98)"),
];

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
             <http://example.org/watt> {} ; <http://example.org/floor> <http://example.org/floor{}> .",
            number % 100,
            number % 10
        );
        let body = format!(r#"{{"m2m:smd":{{"rn":"s","dcrp":5,"dsp":"{}"}}}}"#, base64(text.as_bytes()));
        script::write_post(out, number, &format!("{HOME}/d{number}"), AE, TY_DESCRIPTOR, &body);
    };
    bench.filling(&node.server, DESCRIBED).run(&mut descriptors)?.clean()?;
    for (name, hits, pattern) in QUERIES {
        let path = format!("/cse-in?fu=1&smf={}", escaped(&format!("SELECT ?x WHERE {{ {pattern} }}")));
        let reply = node.retrieve(&path, ADMIN)?;
        let found: Value =
            serde_json::from_slice(&reply.body).context("the answer to a semantic discovery")?;
        let found = found.get("m2m:uril").and_then(Value::as_array).map_or(0, Vec::len);
        ensure!(found == hits, "{found} hits instead of {hits}");
        let request = script::get(&path, ADMIN);
        let mut load = bench.load(&node.server, 200, Until::Elapsed(bench.slice));
        load.connections = 1;
        let outcome = load.run(&mut request.script())?.clean()?;
        let measure = format!("Discovery by SPARQL, {name}, median");
        report.add(Row::limit(&measure, outcome.latency.quantile(0.50), LIMIT, "ms"));
    }
    Ok(())
}

/// A text as it stands in a query of HTTP.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let each = text.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    each.collect()
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
