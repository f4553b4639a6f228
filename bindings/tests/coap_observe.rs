//! Observation (RFC 7641) and links (RFC 6690) without sockets: a receiver that is told what to answer, and a notifier
//! that keeps what it is given.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use coap_lite::{CoapOption, MessageClass, Packet};
use dyad_bindings::coap::decode::Rules;
use dyad_bindings::coap::observe::Limits;
use dyad_bindings::coap::well_known::Site;
use dyad_bindings::coap::{Notifier, Origin, Outcome, Primitives, RequestKey, Resources, Source};
use dyad_protocol::exchange::{Arrival, Bell, Receiver, Watch};
use dyad_protocol::schema::Schemas;
use dyad_protocol::serialization::Codec;
use dyad_protocol::{Content, Request, Response, Serialization, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, Sender};

/// Answers everything with one status and content, and lets watches ring.
struct Node {
    answer: Mutex<(StatusCode, Value)>,
    bell: Bell,
    asked: Mutex<Vec<Request>>,
}

#[async_trait]
impl Receiver for Node {
    async fn receive(&self, request: Box<Request>, _: Arrival) -> Response {
        let (status, content) = self.answer.lock().unwrap().clone();
        let mut response = Response::to(&request, status);
        response.content = Some(Content::from_value(content));
        self.asked.lock().unwrap().push(*request);
        response
    }

    async fn watch(&self, _: &Request) -> Option<Watch> {
        Some(Watch::new(self.bell.clone(), ()))
    }
}

impl Node {
    fn change(&self, status: u16, content: Value) {
        *self.answer.lock().unwrap() = (StatusCode::from_number(status), content);
        self.bell.ring();
    }
}

struct Wire(Sender<(Packet, bool)>);

impl Notifier for Wire {
    fn notify(&self, _: Source, _: &RequestKey, notification: Packet, confirmable: bool) -> bool {
        self.0.try_send((notification, confirmable)).is_ok()
    }
}

struct Bench {
    node: Arc<Node>,
    primitives: Arc<Primitives>,
    sent: mpsc::Receiver<(Packet, bool)>,
    // The endpoint, which holds itself elsewhere.
    _wire: Arc<Wire>,
}

impl Bench {
    fn new() -> Self {
        let schemas = Arc::new(Schemas::builtin().unwrap());
        let node = Arc::new(Node {
            answer: Mutex::new((StatusCode::Ok, json!({"m2m:cin": {"con": "0"}}))),
            bell: Bell::default(),
            asked: Mutex::default(),
        });
        let rules = Rules {
            lenient: true,
            default: Serialization::Json,
            codec: Codec::new(Arc::clone(&schemas), 127),
            is_attribute: Arc::new(|_| false),
            new_identifier: dyad_bindings::identifiers(),
        };
        let primitives = Primitives::new(rules, Arc::clone(&node) as Arc<dyn Receiver>)
            .with_observers(Limits { total: 3, per_address: 2 })
            .with_links(Site { cse_name: "cse-in".to_owned(), release: None, schemas, links: 100 });
        let (sender, sent) = mpsc::channel(100);
        let wire = Arc::new(Wire(sender));
        primitives.started(Arc::clone(&wire) as Arc<dyn Notifier>);
        Self { node, primitives: Arc::new(primitives), sent, _wire: wire }
    }

    async fn get(&self, from: Source, token: u8, observe: Option<u8>) -> Packet {
        let mut packet = get(&["cse-in", "c", "la"]);
        packet.set_token(vec![token]);
        packet.add_option(CoapOption::from(279), b"C1".to_vec());
        if let Some(observe) = observe {
            packet.add_option(CoapOption::Observe, vec![observe]);
        }
        Arc::clone(&self.primitives).answer(packet, origin(from)).await.unwrap()
    }

    async fn told(&mut self) -> (Packet, bool) {
        self.sent.recv().await.unwrap()
    }

    fn echo(&self, from: Source, token: u8, outcome: Outcome) {
        self.primitives.settled(from, &[token], outcome);
    }
}

fn get(path: &[&str]) -> Packet {
    let mut packet = Packet::new();
    packet.header.code = MessageClass::from(1);
    path.iter().for_each(|segment| packet.add_option(CoapOption::UriPath, segment.as_bytes().to_vec()));
    packet
}

fn origin(source: Source) -> Origin {
    Origin { source, multicast: false, confirmable: true, authenticated: None }
}

fn source(last: u8, port: u16) -> Source {
    Source { address: ([192, 0, 2, last], port).into(), link: 0 }
}

fn observe(packet: &Packet) -> Option<u32> {
    packet.get_observe_value().map(Result::unwrap)
}

fn code(packet: &Packet) -> u8 {
    packet.header.code.into()
}

#[tokio::test(start_paused = true)]
async fn changes_are_told_in_order_and_bursts_once() {
    let mut bench = Bench::new();
    let client = source(1, 1);
    let first = bench.get(client, 7, Some(0)).await;
    assert_eq!(code(&first), 0x45);
    let mut last = observe(&first).unwrap();
    // The first one shows how long an echo takes.
    bench.node.change(2000, json!({"m2m:cin": {"con": "1"}}));
    let (told, confirmable) = bench.told().await;
    assert!(confirmable && told.payload == br#"{"m2m:cin":{"con":"1"}}"#);
    assert_eq!((told.get_token(), code(&told)), (&[7][..], 0x45));
    assert_eq!(told.get_first_option(CoapOption::MaxAge).unwrap(), &[0x01, 0x51, 0x80]);
    assert!(observe(&told).unwrap() > last);
    last = observe(&told).unwrap();
    // While the echo is awaited nothing goes out; then the latest alone.
    for con in ["2", "3", "4"] {
        bench.node.change(2000, json!({"m2m:cin": {"con": con}}));
        tokio::task::yield_now().await;
    }
    assert!(bench.sent.try_recv().is_err());
    bench.echo(client, 7, Outcome::Acknowledged);
    let (told, confirmable) = bench.told().await;
    assert!(!confirmable && told.payload == br#"{"m2m:cin":{"con":"4"}}"#);
    assert!(observe(&told).unwrap() > last);
    // What went out without an echo is confirmed when it has been quiet for a while, and then no more.
    let (told, confirmable) = bench.told().await;
    assert!(confirmable && told.payload == br#"{"m2m:cin":{"con":"4"}}"#);
    bench.echo(client, 7, Outcome::Acknowledged);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(bench.sent.try_recv().is_err());
    // A wake-up that changes nothing for the client is none.
    bench.node.change(2000, json!({"m2m:cin": {"con": "4"}}));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(bench.sent.try_recv().is_err());
    // Twice a day it is asked whether it is there.
    let (_, confirmable) = bench.told().await;
    assert!(confirmable);
}

#[tokio::test(start_paused = true)]
async fn every_sixth_is_confirmed() {
    let mut bench = Bench::new();
    let client = source(1, 1);
    bench.get(client, 7, Some(0)).await;
    let mut kinds = Vec::new();
    for con in 0..13 {
        bench.node.change(2000, json!({"m2m:cin": {"con": con}}));
        let (_, confirmable) = bench.told().await;
        kinds.push(confirmable);
        if confirmable {
            bench.echo(client, 7, Outcome::Acknowledged);
        }
    }
    let confirmed: Vec<usize> = (0..13).filter(|at| kinds[*at]).collect();
    assert_eq!(confirmed, [0, 6, 12]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_right_or_a_resource_ends_it() {
    for (status, expected) in [(4103, 0x83), (4004, 0x84)] {
        let mut bench = Bench::new();
        bench.get(source(1, 1), 7, Some(0)).await;
        bench.node.change(status, json!({"m2m:dbg": "no"}));
        let (told, confirmable) = bench.told().await;
        assert!(confirmable && observe(&told).is_none());
        assert_eq!((code(&told), told.get_token()), (expected, &[7][..]));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(bench.primitives.observers(), 0);
        bench.node.change(2000, json!({}));
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(bench.sent.try_recv().is_err());
        // Who may not retrieve does not observe.
        *bench.node.answer.lock().unwrap() = (StatusCode::from_number(status), json!({}));
        assert_eq!(observe(&bench.get(source(1, 1), 7, Some(0)).await), None);
        assert_eq!(bench.primitives.observers(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn clients_end_it() {
    let bench = Bench::new();
    let client = source(1, 1);
    for end in [Outcome::Reset, Outcome::TimedOut] {
        bench.get(client, 7, Some(0)).await;
        assert_eq!(bench.primitives.observers(), 1);
        bench.echo(client, 8, end);
        bench.echo(source(1, 2), 7, end);
        assert_eq!(bench.primitives.observers(), 1, "neither another token nor another port");
        bench.echo(client, 7, end);
        assert_eq!(bench.primitives.observers(), 0);
    }
    bench.get(client, 7, Some(0)).await;
    let answer = bench.get(client, 7, Some(1)).await;
    assert_eq!((code(&answer), observe(&answer)), (0x45, None));
    assert_eq!(bench.primitives.observers(), 0);
}

#[tokio::test(start_paused = true)]
async fn there_is_room_for_so_many() {
    let bench = Bench::new();
    assert!(observe(&bench.get(source(1, 1), 1, Some(0)).await).is_some());
    assert!(observe(&bench.get(source(1, 2), 1, Some(0)).await).is_some());
    let third = bench.get(source(1, 3), 1, Some(0)).await;
    assert_eq!((code(&third), observe(&third)), (0x45, None), "answered, but told of nothing");
    assert!(observe(&bench.get(source(1, 1), 1, Some(0)).await).is_some(), "the same again");
    assert!(observe(&bench.get(source(2, 1), 1, Some(0)).await).is_some());
    assert!(observe(&bench.get(source(3, 1), 1, Some(0)).await).is_none());
    assert_eq!(bench.primitives.observers(), 3);
    bench.echo(source(1, 1), 1, Outcome::Reset);
    assert!(observe(&bench.get(source(3, 1), 1, Some(0)).await).is_some());
}

#[tokio::test]
async fn links() {
    let bench = Bench::new();
    *bench.node.answer.lock().unwrap() = (
        StatusCode::Ok,
        json!({"m2m:rrl": {"rrf": [
            {"nm": "a", "typ": 2, "val": "cse-in/a"},
            {"nm": "l", "typ": 28, "val": "cse-in/a/l", "spid": "org.example.lamp"},
        ]}}),
    );
    let read = async |query: &[&str], multicast: bool| {
        let mut packet = get(&[".well-known", "core"]);
        query.iter().for_each(|field| packet.add_option(CoapOption::UriQuery, field.as_bytes().to_vec()));
        let origin = Origin { multicast, confirmable: !multicast, ..origin(source(1, 1)) };
        Arc::clone(&bench.primitives).answer(packet, origin).await
    };
    let targets = async |query: &[&str]| -> Vec<String> {
        let answer = read(query, false).await.unwrap();
        assert_eq!(
            (code(&answer), answer.get_first_option(CoapOption::ContentFormat).unwrap()[0]),
            (0x45, 40)
        );
        let text = String::from_utf8(answer.payload).unwrap();
        let links = text.split(',').filter_map(|link| link.split_once('>'));
        links.map(|(target, _)| target.trim_start_matches('<').to_owned()).collect()
    };
    assert_eq!(targets(&[]).await, ["/cse-in", "/cse-in/a", "/cse-in/a/l"]);
    assert_eq!(targets(&["rt=m2m:cb"]).await, ["/cse-in"]);
    assert_eq!(targets(&["rt=m2m:a*"]).await, ["/cse-in/a"]);
    assert_eq!(targets(&["rt=org.example.lamp"]).await, ["/cse-in/a/l"]);
    assert_eq!(targets(&["href=/cse-in/a*", "rt=m2m:ae"]).await, ["/cse-in/a"]);
    assert!(targets(&["rt=nothing"]).await.is_empty());
    assert_eq!(code(&read(&["rt"], false).await.unwrap()), 0x80);
    // Whoever looks is anybody, and looks for one type if it says so.
    let asked = bench.node.asked.lock().unwrap().clone();
    assert!(asked.iter().all(|request| request.originator() == "anybody"));
    assert_eq!(asked[1].filter_criteria.as_ref().unwrap().resource_type, [5]);
    // To a group: what it has, and nothing else.
    assert!(read(&[], true).await.is_some());
    assert!(read(&["rt=nothing"], true).await.is_none());
    assert!(read(&["rt"], true).await.is_none());
    let origin = Origin { multicast: true, confirmable: false, ..origin(source(1, 1)) };
    assert!(Arc::clone(&bench.primitives).answer(get(&["cse-in"]), origin).await.is_none());
    let mut post = get(&[".well-known", "core"]);
    post.header.code = MessageClass::from(2);
    let answer = Arc::clone(&bench.primitives).answer(post, self::origin(source(1, 1))).await.unwrap();
    assert_eq!(code(&answer), 0x85);
}
