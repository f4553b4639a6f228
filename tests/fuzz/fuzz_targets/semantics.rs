//! A query or an update in SPARQL, and behind a line with `--` a descriptor in Turtle; or a descriptor alone, behind a
//! digit for its representation (4 is RDF/XML, 5 Turtle, 7 JSON-LD).
//!
//! No panic, client errors alone, and an end within the effort that is allowed; what was read of a descriptor is written
//! and read back the same.
#![no_main]

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{LazyLock, Mutex};

use dyad_plugins::semantics::fuzzing::{Triples, again, query, triples, update};
use dyad_protocol::Failure;
use libfuzzer_sys::fuzz_target;

/// What an evaluation has in the node, too.
const STACK: usize = 128 * 1024 * 1024;

type Line = (SyncSender<Vec<u8>>, Receiver<()>);

static LINE: LazyLock<Mutex<Line>> = LazyLock::new(|| {
    let (send, inputs) = sync_channel::<Vec<u8>>(0);
    let (done, wait) = sync_channel(0);
    let work = move || inputs.iter().all(|input| done.send(look(&input)).is_ok());
    std::thread::Builder::new().stack_size(STACK).spawn(work).unwrap();
    Mutex::new((send, wait))
});

fuzz_target!(|data: &[u8]| {
    let line = LINE.lock().unwrap();
    line.0.send(data.to_vec()).unwrap();
    line.1.recv().unwrap();
});

fn look(data: &[u8]) {
    if let [digit @ (b'4' | b'5' | b'7'), text @ ..] = data {
        if let Some(read) = taken(triples(u64::from(digit - b'0'), text)) {
            same(&read);
        }
        return;
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (text, turtle) = text.split_once("\n--\n").unwrap_or((text, ""));
    let Some(graph) = taken(triples(5, turtle.as_bytes())) else { return };
    if graph.len() > 100 {
        return;
    }
    if let Some(answer) = taken(query(text, graph.clone())) {
        assert!(serde_json::from_str::<serde_json::Value>(&answer).is_ok(), "{answer}");
    }
    taken(update(text, graph));
}

/// Written in each representation that can hold it, it is the same.
fn same(read: &Triples) {
    let mut different = read.clone();
    different.sort_by_key(ToString::to_string);
    different.dedup();
    for representation in [4, 5, 7] {
        if let Some(number) = taken(again(representation, &different)) {
            assert!(number <= different.len() || representation != 5, "{different:?}");
        }
    }
}

fn taken<T>(outcome: Result<T, Failure>) -> Option<T> {
    match outcome {
        Ok(it) => Some(it),
        Err(failure) => {
            let status = failure.rsc.number();
            assert!((4000..6000).contains(&status) && status != 5000, "{failure}");
            None
        }
    }
}
