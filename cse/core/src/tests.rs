//! A node without a binding: primitives in, primitives out, on a clock that the test turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dyad_protocol::exchange::{Arrival, Watch};
use dyad_protocol::primitive::{FilterCriteria, FilterUsage};
use dyad_protocol::schema::Schemas;
use dyad_protocol::time::Span;
use dyad_protocol::{Content, Operation, Request, Response, ResultContent, Timestamp};
use serde_json::{Value, json};

use crate::config::Config;
use crate::store::{Options, Store};
use crate::{Builder, Clock, Cse};

/// A clock that stands still until it is turned.
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

#[derive(Clone)]
struct Bench {
    cse: Arc<Cse>,
    clock: Arc<HandClock>,
}

fn config() -> Config {
    Config { expiration_interval: Duration::from_secs(3_600), cache_bytes: 1 << 20, ..Config::default() }
}

impl Bench {
    async fn new() -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(1_800_000_000_000_000)));
        let builder = Builder {
            config: config(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            schemas: Arc::new(Schemas::builtin().unwrap()),
            store: Store::open("sqlite::memory:", &Options::default()).unwrap(),
            transports: Vec::new(),
            functions: Vec::new(),
        };
        Self { cse: builder.start().await.unwrap(), clock }
    }

    async fn ask(&self, operation: Operation, to: &str, more: impl FnOnce(&mut Request)) -> Response {
        let mut request = Request {
            operation,
            to: to.into(),
            from: Some("CAdmin".into()),
            request_identifier: "1".into(),
            release_version_indicator: Some("3".into()),
            ..Request::default()
        };
        more(&mut request);
        self.cse.handle(request, Arrival::default()).await
    }

    async fn create(&self, to: &str, ty: u32, content: Value) -> Response {
        self.ask(Operation::Create, to, |request| {
            request.resource_type = Some(ty);
            request.content = Some(Content::from_value(content));
        })
        .await
    }

    async fn retrieve(&self, to: &str) -> Response {
        self.ask(Operation::Retrieve, to, |_| {}).await
    }
}

fn value(response: &Response) -> &Value {
    response.content.as_ref().map(|content| content.value()).unwrap()
}

#[tokio::test]
async fn containers_count_and_trim_their_instances() {
    let bench = Bench::new().await;
    let made = bench.create("cse-in", 3, json!({"m2m:cnt": {"rn": "c", "mni": 3}})).await;
    assert_eq!(made.status.number(), 2001, "{made:?}");
    for number in 0..10 {
        let made = bench.create("cse-in/c", 4, json!({"m2m:cin": {"con": format!("v{number}")}})).await;
        assert_eq!(made.status.number(), 2001, "{made:?}");
    }
    let container = bench.retrieve("cse-in/c").await;
    assert_eq!(value(&container)["m2m:cnt"]["cni"], 3);
    assert_eq!(value(&container)["m2m:cnt"]["cbs"], 6);
    assert_eq!(value(&container)["m2m:cnt"]["st"], 10);
    assert_eq!(value(&bench.retrieve("cse-in/c/la").await)["m2m:cin"]["con"], "v9");
    assert_eq!(value(&bench.retrieve("cse-in/c/ol").await)["m2m:cin"]["con"], "v7");
    let deleted = bench.ask(Operation::Delete, "cse-in/c/la", |_| {}).await;
    assert_eq!(deleted.status.number(), 2002);
    assert_eq!(value(&bench.retrieve("cse-in/c/la").await)["m2m:cin"]["con"], "v8");
    let deleted = bench.ask(Operation::Delete, "cse-in/c", |_| {}).await;
    assert_eq!(deleted.status.number(), 2002);
    assert_eq!(bench.retrieve("cse-in/c/la").await.status.number(), 4004);
}

#[tokio::test]
async fn what_was_trimmed_is_gone_whether_or_not_its_row_is() {
    let bench = Bench::new().await;
    let rows = |bench: &Bench| bench.cse.tree().store.reader().unwrap().count().unwrap();
    let before = rows(&bench);
    bench.create("cse-in", 3, json!({"m2m:cnt": {"rn": "c", "mni": 3}})).await;
    let mut names = Vec::new();
    for number in 0..600_usize {
        // Some have a name or labels, and so more than a row.
        let mut content = json!({"con": number});
        match number % 9 {
            4 => content["rn"] = format!("i{number}").into(),
            7 => content["lbl"] = json!(["l"]),
            _ => {}
        }
        let made = bench.create("cse-in/c", 4, json!({"m2m:cin": content})).await;
        names.push(value(&made)["m2m:cin"]["rn"].as_str().unwrap().to_owned());
        bench.cse.tree().clear();
        if let Some(gone) = number.checked_sub(3) {
            let address = format!("cse-in/c/{}", names[gone]);
            assert_eq!(bench.retrieve(&address).await.status.number(), 4004, "{address}");
            let address = format!("cse-in/c/{}", names[gone + 1]);
            assert_eq!(bench.retrieve(&address).await.status.number(), 2000, "{address}");
            assert_eq!(value(&bench.retrieve("cse-in/c/ol").await)["m2m:cin"]["con"], gone + 1);
        }
        assert!(rows(&bench) <= before + 1 + 3 + 256, "rows of trimmed instances go");
    }
    assert!(rows(&bench) > before + 1 + 3, "not one by one");
    for left in (0..3).rev() {
        assert_eq!(value(&bench.retrieve("cse-in/c/la").await)["m2m:cin"]["con"], 597 + left);
        let deleted = bench.ask(Operation::Delete, "cse-in/c/la", |_| {}).await;
        assert_eq!(deleted.status.number(), 2002);
        assert_eq!(value(&bench.retrieve("cse-in/c").await)["m2m:cnt"]["cni"], left);
    }
    assert_eq!(bench.retrieve("cse-in/c/la").await.status.number(), 4004);
    assert_eq!(bench.retrieve("cse-in/c/ol").await.status.number(), 4004);
    assert_eq!(bench.ask(Operation::Delete, "cse-in/c", |_| {}).await.status.number(), 2002);
    assert_eq!(rows(&bench), before);
}

#[tokio::test]
async fn instances_that_are_made_together_go_in_their_order() {
    for most in [1, 2, 5, 130, 300] {
        let bench = Bench::new().await;
        bench.create("cse-in", 3, json!({"m2m:cnt": {"rn": "c", "mni": most}})).await;
        // Names grow with the numbers, and all of them are as long.
        let mut expected: Vec<String> = Vec::new();
        for round in 0..14 {
            let mut made = tokio::task::JoinSet::new();
            for _ in 0..61 {
                let bench = bench.clone();
                made.spawn(
                    async move { bench.create("cse-in/c", 4, json!({"m2m:cin": {"con": round}})).await },
                );
            }
            let made = made.join_all().await;
            expected.extend(made.iter().map(|made| name(&value(made)["m2m:cin"]["ri"])));
            expected.sort_by_key(|name| (name.len(), name.clone()));
            expected.drain(..expected.len().saturating_sub(most));
            if round % 4 == 1 {
                let gone = expected.remove(expected.len() / 2);
                let deleted = bench.ask(Operation::Delete, &gone, |_| {}).await;
                assert_eq!(deleted.status.number(), 2002, "{gone}");
            }
            let listed = bench.ask(Operation::Retrieve, "cse-in/c", |request| {
                request.result_content = Some(ResultContent::ChildResourceReferences);
                request.desired_identifier_result_type =
                    Some(dyad_protocol::primitive::DesiredIdentifierResultType::Unstructured);
            });
            let listed = listed.await;
            let listed = value(&listed)["m2m:rrl"]["rrf"].as_array().cloned().unwrap_or_default();
            let mut listed: Vec<String> = listed.iter().map(|child| name(&child["val"])).collect();
            listed.sort_by_key(|name| (name.len(), name.clone()));
            assert_eq!(listed, expected, "mni {most}, round {round}");
            let container = bench.retrieve("cse-in/c").await;
            assert_eq!(value(&container)["m2m:cnt"]["cni"], expected.len());
        }
    }
}

fn name(id: &Value) -> String {
    id.as_str().and_then(|id| id.rsplit('/').next()).unwrap().to_owned()
}

#[tokio::test]
async fn a_flex_container_keeps_a_history_from_its_creation_on() {
    let bench = Bench::new().await;
    let definition = "org.onem2m.common.moduleclass.binarySwitch";
    let content = json!({"cod:binSh": {"rn": "s", "cnd": definition, "state": true, "mni": 2}});
    let made = bench.create("cse-in", 28, content).await;
    assert_eq!(made.status.number(), 2001, "{made:?}");
    for state in [false, true] {
        let changed = bench
            .ask(Operation::Update, "cse-in/s", |request| {
                request.content = Some(json!({"cod:binSh": {"state": state}}).into());
            })
            .await;
        assert_eq!(changed.status.number(), 2004, "{changed:?}");
    }
    let switch = bench.retrieve("cse-in/s").await;
    assert_eq!(value(&switch)["cod:binSh"]["cni"], 2, "{switch:?}");
    let latest = bench.retrieve("cse-in/s/la").await;
    assert_eq!(value(&latest).as_object().unwrap().values().next().unwrap()["state"], true, "{latest:?}");
    assert_eq!(bench.ask(Operation::Delete, "cse-in/s", |_| {}).await.status.number(), 2002);
}

#[tokio::test]
async fn what_has_expired_is_not_there_and_is_swept() {
    let bench = Bench::new().await;
    let soon = bench.clock.now().plus(Span::from_seconds(60)).to_string();
    bench.create("cse-in", 3, json!({"m2m:cnt": {"rn": "c", "et": soon}})).await;
    bench.create("cse-in/c", 4, json!({"m2m:cin": {"con": "v"}})).await;
    assert_eq!(bench.retrieve("cse-in/c/la").await.status.number(), 2000);
    bench.clock.0.fetch_add(61_000_000, Ordering::Relaxed);
    assert_eq!(bench.retrieve("cse-in/c").await.status.number(), 4004);
    assert_eq!(bench.retrieve("cse-in/c/la").await.status.number(), 4004);
    assert!(bench.cse.remove_expired(100).await.unwrap() > 0);
    assert_eq!(bench.cse.remove_expired(100).await.unwrap(), 0);
    let again = bench.create("cse-in", 3, json!({"m2m:cnt": {"rn": "c"}})).await;
    assert_eq!(again.status.number(), 2001, "{again:?}");
}

#[tokio::test]
async fn a_label_is_found_and_no_more_once_it_is_gone() {
    let bench = Bench::new().await;
    bench.create("cse-in", 3, json!({"m2m:cnt": {"rn": "c", "lbl": ["red", "green"]}})).await;
    let find = |label: &'static str| {
        bench.ask(Operation::Retrieve, "cse-in", move |request| {
            let criteria = dyad_protocol::primitive::FilterCriteria {
                labels: vec![label.into()],
                usage: Some(dyad_protocol::primitive::FilterUsage::Discovery),
                ..Default::default()
            };
            request.filter_criteria = Some(Box::new(criteria));
        })
    };
    assert_eq!(value(&find("red").await)["m2m:uril"], json!(["cse-in/c"]));
    let changed = bench
        .ask(Operation::Update, "cse-in/c", |request| {
            request.content = Some(json!({"m2m:cnt": {"lbl": ["green"]}}).into());
        })
        .await;
    assert_eq!(changed.status.number(), 2004, "{changed:?}");
    assert_eq!(value(&find("red").await)["m2m:uril"], json!([]));
    assert_eq!(value(&find("gre*").await)["m2m:uril"], json!(["cse-in/c"]));
}

/// Whether a watch has been woken since it was last asked.
async fn is_woken(watch: &mut Watch) -> bool {
    // It is woken before the change is answered, if at all.
    tokio::time::timeout(Duration::ZERO, watch.changed()).await.is_ok()
}

#[tokio::test]
async fn watches_are_woken_by_what_changes_a_result() {
    let bench = Bench::new().await;
    let container = async |to: &str, name: &str| {
        let response = bench.create(to, 3, json!({"m2m:cnt": {"rn": name}})).await;
        assert_eq!(response.status.number(), 2001);
    };
    let watch = async |to: &str, wanted: Option<ResultContent>| {
        let request = Request { to: to.into(), result_content: wanted, ..Request::default() };
        bench.cse.watch_result(&request).await
    };
    container("cse-in", "a").await;
    container("cse-in/a", "b").await;
    container("cse-in", "other").await;
    let mut plain = watch("cse-in/a", None).await.unwrap();
    let mut latest = watch("cse-in/a/b/la", None).await.unwrap();
    let all = Some(ResultContent::AttributesAndChildResources);
    let mut deep = watch("cse-in/a", all).await.unwrap();
    let mut other = watch("cse-in/other", all).await.unwrap();

    bench.create("cse-in/a/b", 4, json!({"m2m:cin": {"con": "1"}})).await;
    assert!(is_woken(&mut latest).await && is_woken(&mut deep).await);
    assert!(!is_woken(&mut plain).await && !is_woken(&mut other).await);
    assert!(!is_woken(&mut latest).await, "once");

    let update = json!({"m2m:cnt": {"lbl": ["x"]}});
    bench.ask(Operation::Update, "cse-in/a", |request| request.content = Some(update.into())).await;
    assert!(is_woken(&mut plain).await && is_woken(&mut deep).await && !is_woken(&mut latest).await);

    bench.ask(Operation::Delete, "cse-in/a", |_| {}).await;
    assert!(is_woken(&mut plain).await && is_woken(&mut deep).await && is_woken(&mut latest).await);
    assert!(!is_woken(&mut other).await);
    assert!(watch("cse-in/a", None).await.is_none());
    let search = FilterCriteria { usage: Some(FilterUsage::Discovery), ..FilterCriteria::default() };
    let search =
        Request { to: "cse-in".into(), filter_criteria: Some(Box::new(search)), ..Request::default() };
    assert!(bench.cse.watch_result(&search).await.is_none());
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_any_more_is_not_counted() {
    let bench = Bench::new().await;
    let (go, gate) = crossbeam_channel::bounded::<()>(0);
    let mut write = Box::pin(bench.cse.writer().run(move |_| {
        let _ = gate.recv();
        Ok(())
    }));
    tokio::select! {
        biased;
        outcome = &mut write => panic!("{outcome:?}"),
        () = std::future::ready(()) => assert_eq!(bench.cse.writes_waiting(), 1),
    }
    drop(write);
    assert_eq!(bench.cse.writes_waiting(), 0);
    drop(go);
    bench.cse.stop().await;
}
