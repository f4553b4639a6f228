//! Datagrams of a few sources to a whole CoAP server, over something that is no network: each behind two bytes, whom it
//! comes from and its length.
//!
//! No panic; whatever leaves is a message, in blocks of the size of this node; and somebody who has shown nothing gets no
//! answer that is much longer than what came in his name, whatever it was.
#![no_main]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use dyad_bindings::coap::decode::Rules;
use dyad_bindings::coap::link::Link;
use dyad_bindings::coap::observe::Limits;
use dyad_bindings::coap::well_known::Site;
use dyad_bindings::coap::wire::{self, Datagram};
use dyad_bindings::coap::{Primitives, ServerSettings, Source, guard, start};
use dyad_protocol::exchange::{Arrival, Bell, Receiver, Watch};
use dyad_protocol::schema::Schemas;
use dyad_protocol::serialization::Codec;
use dyad_protocol::{Content, Request, Response, Serialization, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use tokio::task::yield_now;

static SCHEMAS: LazyLock<Arc<Schemas>> = LazyLock::new(|| Arc::new(Schemas::builtin().unwrap()));
static CODEC: LazyLock<Codec> = LazyLock::new(|| Codec::new(Arc::clone(&SCHEMAS), 64));

/// The longest datagram: a block and as many options as an answer has.
const LONGEST: usize = 1024 + 1024;

/// Answers with as much as the last letter of the target says; what begins with `w` takes its time.
#[derive(Default)]
struct Stub(Bell);

#[async_trait]
impl Receiver for Stub {
    async fn receive(&self, request: Box<Request>, _: Arrival) -> Response {
        if request.to.starts_with('w') {
            yield_now().await;
        }
        if request.content.is_some() {
            self.0.ring();
        }
        let letters = 3 * usize::from(request.to.bytes().last().unwrap_or_default()).pow(2) % 5_000;
        let mut response = Response::to(&request, StatusCode::Ok);
        response.content = Some(Content::from_value(json!({"m2m:cin": {"con": "x".repeat(letters)}})));
        response
    }

    async fn watch(&self, _: &Request) -> Option<Watch> {
        Some(Watch::new(self.0.clone(), ()))
    }
}

/// Keeps what leaves.
#[derive(Default)]
struct Wire(Mutex<Vec<(SocketAddr, Vec<u8>)>>);

impl Link for Wire {
    fn send(&self, to: SocketAddr, datagram: &[u8]) {
        self.0.lock().unwrap().push((to, datagram.to_vec()));
    }
}

/// What is known of a source.
#[derive(Default)]
struct Known {
    /// The longest datagram that came from it.
    longest: usize,
    /// It may have shown that it receives what is sent to it: it sent what could be an echo.
    may_be_shown: bool,
}

fuzz_target!(|data: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(data));
});

async fn serve(data: &[u8]) {
    let rules = Rules {
        lenient: true,
        default: Serialization::Json,
        codec: CODEC.clone(),
        is_attribute: Arc::new(|name| name.len() < 5),
        new_identifier: Arc::new(|| "new".to_owned()),
    };
    let site = Site { cse_name: "cse-in".into(), release: None, schemas: Arc::clone(&SCHEMAS), links: 100 };
    let primitives = Primitives::new(rules, Arc::new(Stub::default()))
        .with_observers(Limits { total: 8, per_address: 4 })
        .with_links(site);
    let settings = ServerSettings {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        max_body: 3_000,
        rate: 0,
        receivers: 1,
        acknowledge_after: Duration::ZERO,
        ..ServerSettings::default()
    };
    let server = start(settings, Arc::new(primitives)).await.unwrap();
    let wire = Arc::new(Wire::default());
    let (link, receive) = (server.attach(Arc::clone(&wire) as Arc<dyn Link>), server.received());
    let (mut known, mut rest) = (HashMap::<SocketAddr, Known>::new(), data);
    while let [from, length, after @ ..] = rest {
        let (datagram, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        let address = SocketAddr::from(([192, 0, 2, from & 1], 5683 + u16::from(from >> 6)));
        let source = known.entry(address).or_default();
        source.longest = source.longest.max(datagram.len());
        source.may_be_shown |= may_show(datagram);
        receive(Source { address, link }, datagram);
        // Those who wait go on.
        for _ in 0..4 {
            yield_now().await;
        }
        for (to, sent) in wire.0.lock().unwrap().drain(..) {
            check(&known[&to], &sent);
        }
    }
}

/// Whether a datagram may be an echo of something: an acknowledgement, a reset, a request with Echo.
fn may_show(datagram: &[u8]) -> bool {
    match wire::read(datagram, |_| true) {
        Datagram::Empty(_) => true,
        Datagram::Message(_, packet) => packet.options().any(|(number, _)| *number == 252),
        _ => false,
    }
}

fn check(to: &Known, sent: &[u8]) {
    assert!(matches!(wire::read(sent, |_| true), Datagram::Empty(_) | Datagram::Message(..)), "{sent:?}");
    assert!(sent.len() <= LONGEST, "{} bytes", sent.len());
    assert!(to.may_be_shown || sent.len() <= guard::allowance(to.longest), "{} for {}", sent.len(), to.longest);
}
