//! Requests to a whole node in memory, one primitive a line: what comes behind the decoders, all service functions included.
//!
//! No panic, not in what goes on behind the answers either, and no internal error: a request is carried out or refused with a
//! status that means something.
#![no_main]

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use dyad_core::config::Config;
use dyad_core::store::{Options, Store};
use dyad_core::{Builder, Cse, SystemClock};
use dyad_protocol::exchange::Arrival;
use dyad_protocol::primitive::json::{parse, request_from_json};
use dyad_protocol::schema::Schemas;
use dyad_protocol::{Content, Operation, Request};
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use tokio::runtime::Runtime;

/// Requests of one input.
const REQUESTS: usize = 24;

/// Inputs that one node gets: what they leave must not pile up.
const INPUTS: usize = 200;

/// How long an answer is waited for: some requests wait for what does not come.
const PATIENCE: Duration = Duration::from_millis(50);

static NODE: LazyLock<Mutex<(Runtime, Option<Arc<Cse>>, usize)>> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    Mutex::new((runtime, None, 0))
});

fuzz_target!(|data: &[u8]| {
    let mut node = NODE.lock().unwrap();
    let (runtime, cse, inputs) = &mut *node;
    *inputs += 1;
    if *inputs % INPUTS == 1 {
        if let Some(old) = cse.take() {
            runtime.block_on(old.stop());
        }
        *cse = Some(runtime.block_on(start()));
    }
    runtime.block_on(ask(cse.as_ref().unwrap(), data));
});

async fn start() -> Arc<Cse> {
    let mut schemas = Schemas::builtin().unwrap();
    let functions = dyad_plugins::all();
    dyad_core::add_schemas(&mut schemas, &functions).unwrap();
    let config = Config { cache_bytes: 1 << 20, ..Config::default() };
    let store = Store::open("sqlite::memory:", &Options::default()).unwrap();
    let (clock, schemas) = (Arc::new(SystemClock), Arc::new(schemas));
    let builder = Builder { config, clock, schemas, store, transports: Vec::new(), functions };
    builder.start().await.unwrap()
}

/// Registers the AE `f`, sends what the input says, and takes the AE away with all that it has.
async fn ask(cse: &Arc<Cse>, data: &[u8]) {
    let ae = Request {
        operation: Operation::Create,
        to: "cse-in".to_owned(),
        from: Some("Cf".to_owned()),
        request_identifier: "f".to_owned(),
        release_version_indicator: Some("4".to_owned()),
        resource_type: Some(2),
        content: Some(Content::from_value(json!({"m2m:ae": {"rn": "f", "api": "Nf", "rr": true, "srv": ["4"]}}))),
        ..Request::default()
    };
    send(cse, ae.clone()).await;
    for line in data.split(|byte| *byte == b'\n').take(REQUESTS) {
        if let Some(request) = parse(line).ok().and_then(|value| request_from_json(value).ok()) {
            send(cse, request).await;
        }
    }
    let operation = Operation::Delete;
    let from = Some("CAdmin".to_owned());
    send(cse, Request { operation, from, to: "cse-in/f".to_owned(), content: None, resource_type: None, ..ae }).await;
}

async fn send(cse: &Arc<Cse>, request: Request) {
    let said = format!("{request:?}");
    let answer = tokio::time::timeout(PATIENCE, cse.handle(request, Arrival::default())).await;
    if let Ok(answer) = answer {
        assert_ne!(answer.status.number(), 5000, "{said}");
    }
}
