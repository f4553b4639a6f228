//! A repetition that comes as soon as the answer has left, faster than whoever sends the answer goes on; what a panic
//! leaves behind; and the end of a server.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs, reason = "tests")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use coap_lite::{MessageClass, Packet};
use dyad_bindings::coap::decode::Rules;
use dyad_bindings::coap::link::Link;
use dyad_bindings::coap::observe::Limits;
use dyad_bindings::coap::{Origin, Primitives, Resources, ServerSettings, Source, start};
use dyad_protocol::exchange::{Arrival, Receiver};
use dyad_protocol::serialization::Codec;
use dyad_protocol::{Request, Response, Serialization, StatusCode};
use tokio::sync::Notify;

/// A confirmable POST.
const REQUEST: &[u8] = b"\x41\x02\x12\x34t\xb1a";

/// Answers with 2.01, at once or when it is told to.
struct Answers(Option<Arc<Notify>>);

#[async_trait]
impl Resources for Answers {
    async fn answer(self: Arc<Self>, _: Packet, _: Origin) -> Option<Packet> {
        if let Some(told) = &self.0 {
            told.notified().await;
        }
        let mut answer = Packet::new();
        answer.header.code = MessageClass::from(0x41);
        Some(answer)
    }
}

/// Panics when it is asked about an option, and answers everything else.
struct Fragile;

#[async_trait]
impl Resources for Fragile {
    fn knows(&self, option: u16) -> bool {
        panic!("option {option}");
    }

    async fn answer(self: Arc<Self>, request: Packet, origin: Origin) -> Option<Packet> {
        Arc::new(Answers(None)).answer(request, origin).await
    }
}

/// Answers nothing.
struct Nobody;

#[async_trait]
impl Receiver for Nobody {
    async fn receive(&self, request: Box<Request>, _: Arrival) -> Response {
        Response::to(&request, StatusCode::NotFound)
    }
}

type Receive = Box<dyn Fn(Source) + Send + Sync>;

/// Repeats the request the moment that something leaves, once.
#[derive(Default)]
struct Hasty {
    receive: OnceLock<Receive>,
    sent: Mutex<Vec<Vec<u8>>>,
    changed: Notify,
}

impl Link for Hasty {
    fn send(&self, to: SocketAddr, datagram: &[u8]) {
        let number = {
            let mut sent = self.sent.lock().unwrap();
            sent.push(datagram.to_vec());
            sent.len()
        };
        self.changed.notify_one();
        if number == 1 {
            (self.receive.get().unwrap())(Source { address: to, link: 1 });
        }
    }
}

/// What leaves for a request and its repetition.
async fn sent(told: Option<Arc<Notify>>) -> Vec<Vec<u8>> {
    let settings = ServerSettings {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        acknowledge_after: Duration::from_millis(1),
        ..ServerSettings::default()
    };
    let server = start(settings, Arc::new(Answers(told))).await.unwrap();
    let hasty = Arc::new(Hasty::default());
    assert_eq!(server.attach(Arc::clone(&hasty) as Arc<dyn Link>), 1);
    let receive = server.received();
    let set = hasty.receive.set(Box::new(move |source| receive(source, REQUEST)));
    assert!(set.is_ok());
    let source = Source { address: SocketAddr::from(([192, 0, 2, 1], 5683)), link: 1 };
    (hasty.receive.get().unwrap())(source);
    while hasty.sent.lock().unwrap().len() < 2 {
        tokio::time::timeout(Duration::from_secs(20), hasty.changed.notified()).await.unwrap();
    }
    hasty.sent.lock().unwrap().clone()
}

#[tokio::test]
async fn it_gets_the_answer_again() {
    let sent = sent(None).await;
    assert_eq!(sent, [b"\x61\x41\x12\x34t", b"\x61\x41\x12\x34t"]);
}

#[tokio::test]
async fn it_gets_the_acknowledgement_again() {
    let sent = sent(Some(Arc::default())).await;
    assert_eq!(sent, [b"\x60\x00\x12\x34", b"\x60\x00\x12\x34"]);
}

/// The only thread that receives goes on behind a datagram that nobody survives, also for those that came with it.
#[tokio::test]
async fn a_panic_costs_the_datagram_alone() {
    let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    let settings = ServerSettings { listen, receivers: 1, ..ServerSettings::default() };
    let server = start(settings, Arc::new(Fragile)).await.unwrap();
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server.addresses()[0]).await.unwrap();
    for id in 0..3 {
        // Option 2051, which is critical.
        socket.send(&[0x41, 0x02, 0x11, id, b't', 0xe0, 0x06, 0xf6]).await.unwrap();
        socket.send(&[0x41, 0x02, 0x12, id, b't']).await.unwrap();
        let mut answer = [0; 64];
        let received = tokio::time::timeout(Duration::from_secs(20), socket.recv(&mut answer)).await;
        let length = received.unwrap().unwrap();
        assert_eq!(answer[..length], [0x61, 0x41, 0x12, id, b't']);
    }
}

/// What observes holds the server no longer than the server itself: its port is free afterwards.
#[tokio::test]
async fn a_server_that_is_dropped_lets_go_of_its_port() {
    let rules = Rules {
        lenient: true,
        default: Serialization::Json,
        codec: Codec::new(Arc::default(), 64),
        is_attribute: Arc::new(|_| false),
        new_identifier: dyad_bindings::identifiers(),
    };
    let limits = Limits { total: 1, per_address: 1 };
    let primitives = Primitives::new(rules, Arc::new(Nobody)).with_observers(limits);
    let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    let settings = ServerSettings { listen, ..ServerSettings::default() };
    let server = start(settings, Arc::new(primitives)).await.unwrap();
    let address = server.addresses()[0];
    drop(server);
    // The tasks that receive end when the runtime comes to it.
    while std::net::UdpSocket::bind(address).is_err() {
        tokio::task::yield_now().await;
    }
}
