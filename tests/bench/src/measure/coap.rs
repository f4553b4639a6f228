//! CoAP: RETRIEVE of a container, held against a bare server on `coap-lite`; and CREATE, held against HTTP's.

use anyhow::{Context, Result};

use crate::bench::Bench;
use crate::load::{Datagrams, Framing, Load, Until, request};
use crate::node::{AE, INSTANCE, Node, TY_INSTANCE};
use crate::report::{Report, Row};
use crate::rounds::Pair;
use crate::script;

/// How many ask at the same time.
const SOCKETS: usize = 32;

/// 2.05 and 2.01.
const CONTENT: u8 = 0x45;
const CREATED: u8 = 0x41;

/// Measures both.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut node = Node::start(bench)?;
    let path = node.container("c", 1000)?;
    let size = node.retrieve(&path, AE)?.body.len();
    let echo = bench.yardstick(&["yardstick-echo", "--size", &size.to_string()], &node.server)?;
    let mut ours = Datagrams::open(node.server.address_of("CoAP").context("where CoAP is")?, SOCKETS)?;
    let mut theirs = Datagrams::open(echo.address, SOCKETS)?;
    let mut retrieve = |_: usize, number: u64| message(1, number, None);
    let mut pair = Pair::default();
    for round in 0..=bench.rounds {
        // The first warms up.
        let slice = if round == 0 { bench.slice / 3 } else { bench.slice };
        let judged = ours.run(slice, CONTENT, &mut retrieve)?.clean()?;
        let against = theirs.run(slice, CONTENT, &mut retrieve)?.clean()?;
        if round > 0 {
            pair.judged.add(judged)?;
            pair.against.add(against)?;
        }
    }
    report.add(Row::share(&format!("CoAP: RETRIEVE, {size} bytes, to a bare coap-lite server"), &pair, 0.70));

    let mut create = |_: usize, number: u64| message(2, number, Some(INSTANCE));
    let over_http = script::post(&path, AE, TY_INSTANCE, INSTANCE);
    let mut pair = Pair::default();
    for round in 0..=bench.rounds {
        let slice = if round == 0 { bench.slice / 3 } else { bench.slice };
        let judged = ours.run(slice, CREATED, &mut create)?.clean()?;
        let until = Until::Elapsed(slice);
        let load = Load {
            address: node.server.address,
            framing: Framing::Http,
            connections: SOCKETS,
            expect: 201,
            until,
        };
        let against = load.run(&mut over_http.script())?.clean()?;
        if round > 0 {
            pair.judged.add(judged)?;
            pair.against.add(against)?;
        }
    }
    report.add(Row::share("CoAP: CREATE instance, over HTTP", &pair, 0.80));
    Ok(())
}

/// A request of the AE to its container.
fn message(code: u8, number: u64, content: Option<&str>) -> Vec<u8> {
    let identifier = format!("c{number}");
    let ty = [TY_INSTANCE as u8];
    let path: [(u16, &[u8]); 3] = [(11, b"cse-in"), (11, b"bench"), (11, b"c")];
    let mut options = path.to_vec();
    if content.is_some() {
        options.extend([(12, &[50_u8][..]), (267, &ty[..])]);
    }
    options.extend([(271, &b"3"[..]), (279, AE.as_bytes()), (283, identifier.as_bytes())]);
    request(code, number, &options, content.unwrap_or_default().as_bytes())
}
