//! Whether the public API suffices for a service function: the sample in a node without a binding.

mod entity;
mod faults;
mod network;
mod operator;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dyad_core::config::{Config, NotificationConfig};
use dyad_core::store::{Options, Store};
use dyad_core::{Builder, Cse, ServiceFunction, SystemClock};
use dyad_protocol::exchange::{Arrival, Transport, TransportError};
use dyad_protocol::schema::Schemas;
use dyad_protocol::{Operation, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use dyad_sample::ceilings::Ceilings;

/// A way to a target in this process, `test://`.
pub(crate) struct Wire(pub(crate) mpsc::Sender<Value>);

#[async_trait]
impl Transport for Wire {
    fn schemes(&self) -> &[&'static str] {
        &["test"]
    }

    async fn send(&self, _: &str, request: &Request, _: Duration) -> Result<Response, TransportError> {
        let content = request.content.as_ref().map(|content| content.value().clone()).unwrap_or_default();
        self.0.send(content).await.map_err(|_| TransportError::TimedOut)?;
        Ok(Response::to(request, StatusCode::Ok))
    }
}

pub(crate) fn config() -> Config {
    Config {
        lenient: false,
        cache_bytes: 1 << 20,
        notification: NotificationConfig {
            retry_first: Duration::from_millis(10),
            retry_longest: Duration::from_millis(100),
            ..NotificationConfig::default()
        },
        ..Config::default()
    }
}

async fn start(functions: Vec<Arc<dyn ServiceFunction>>, wire: Wire) -> anyhow::Result<Arc<Cse>> {
    let mut schemas = Schemas::builtin()?;
    dyad_core::add_schemas(&mut schemas, &functions)?;
    let builder = Builder {
        config: config(),
        clock: Arc::new(SystemClock),
        schemas: Arc::new(schemas),
        store: Store::open("sqlite::memory:", &Options::default())?,
        transports: vec![Arc::new(wire)],
        functions,
    };
    builder.start().await
}

/// Creates a resource: the status code, and the content of the answer.
pub(crate) async fn create(cse: &Cse, from: &str, to: &str, ty: u32, content: Value) -> (u16, Value) {
    ask(cse, from, Operation::Create, to, ty, Some(content)).await
}

/// Asks for something, with no type if it is 0: the status code, and the content of the answer.
pub(crate) async fn ask(
    cse: &Cse,
    from: &str,
    operation: Operation,
    to: &str,
    ty: u32,
    content: Option<Value>,
) -> (u16, Value) {
    let request = Request {
        operation,
        to: to.into(),
        from: Some(from.into()),
        request_identifier: "1".into(),
        release_version_indicator: Some("4".into()),
        resource_type: (ty > 0).then_some(ty),
        content: content.map(Into::into),
        ..Request::default()
    };
    let answer = cse.handle(request, Arrival::default()).await;
    (answer.status.number(), answer.content.map(|content| content.into_value()).unwrap_or_default())
}

async fn say(cse: &Cse, number: &str) -> u16 {
    create(cse, "CAdmin", "cse-in/c", 4, json!({"m2m:cin": {"con": number}})).await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_api_suffices_for_a_function() {
    let ceilings = Arc::new(Ceilings::default());
    let mut functions = dyad_plugins::all();
    functions.insert(0, Arc::clone(&ceilings) as Arc<dyn ServiceFunction>);
    let (wire, mut came) = mpsc::channel(100);
    let cse = start(functions, Wire(wire)).await.unwrap();

    // It adds a type, to containers and nowhere else, with validation by its table.
    assert_eq!(create(&cse, "CAdmin", "cse-in", 3, json!({"m2m:cnt": {"rn": "c"}})).await.0, 2001);
    assert_eq!(create(&cse, "CAdmin", "cse-in", 20_101, json!({"ex:clg": {"max": 100}})).await.0, 4108);
    assert_eq!(create(&cse, "CAdmin", "cse-in/c", 20_101, json!({"ex:clg": {"max": "x"}})).await.0, 4000);
    assert_eq!(create(&cse, "Cother", "cse-in/c", 20_101, json!({"ex:clg": {"max": 100}})).await.0, 4103);
    let (status, made) = create(&cse, "CAdmin", "cse-in/c", 20_101, json!({"ex:clg": {"max": 100}})).await;
    assert_eq!((status, &made["ex:clg"]["warn"]), (2001, &json!(90)), "it completes the draft: {made}");
    // It takes part in the changes of other types and of its own.
    assert_eq!(create(&cse, "CAdmin", "cse-in/c", 20_101, json!({"ex:clg": {"max": 5}})).await.0, 4105);
    assert_eq!(say(&cse, "101").await, 5207);
    assert_eq!(say(&cse, "12").await, 2001);
    // It acts by itself, as an entity of its own: whoever subscribed to its warnings hears of them.
    let watch = json!({"m2m:sub": {"nu": ["test://x"], "enc": {"net": [3]}}});
    let mut subscribed = create(&cse, "CAdmin", "cse-in/ceilings/warnings", 23, watch.clone()).await;
    while subscribed.0 == 4004 {
        // The background has not come so far yet.
        tokio::task::yield_now().await;
        subscribed = create(&cse, "CAdmin", "cse-in/ceilings/warnings", 23, watch.clone()).await;
    }
    assert_eq!(subscribed.0, 2001, "{subscribed:?}");
    assert_eq!(came.recv().await.unwrap()["m2m:sgn"]["vrq"], true);
    assert_eq!(say(&cse, "95").await, 2001);
    let told = tokio::time::timeout(Duration::from_secs(10), came.recv()).await.unwrap().unwrap();
    let warning = told["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"].as_str().unwrap();
    assert!(warning.ends_with("says 95"), "{told}");
    // It reports.
    let reports = cse.reports();
    let (_, report) = reports.iter().find(|(name, _)| *name == "ceilings").unwrap();
    assert_eq!(report.figures, [("refused", 1), ("dropped", 0)], "{}", report.summary);
    // It ends with the node: the node lets go of it.
    cse.stop().await;
    drop((cse, reports));
    let alone = async {
        while Arc::strong_count(&ceilings) > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), alone).await.expect("the background ends");
}

#[tokio::test]
async fn a_type_is_claimed_once() {
    let twice: Vec<Arc<dyn ServiceFunction>> =
        vec![Arc::new(Ceilings::default()), Arc::new(Ceilings::default())];
    let mut schemas = Schemas::builtin().unwrap();
    let refused = dyad_core::add_schemas(&mut schemas, &twice).unwrap_err().to_string();
    assert!(refused.starts_with("ceiling.toml"), "{refused}");
}
