//! The HTTP server and client over real sockets, with a receiver that echoes. Here the server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod client;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use dyad_bindings::http::{CorsSetting, Door, DoorReply, Server, ServerSettings, start};
use dyad_protocol::exchange::{Arrival, Receiver};
use dyad_protocol::{Content, Operation, Request, Response, StatusCode};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Answers with what it received; does other things for some names.
struct Echo;

#[async_trait]
impl Receiver for Echo {
    async fn receive(&self, request: Box<Request>, arrival: Arrival) -> Response {
        assert!(arrival.binding == "http" && arrival.peer.is_some());
        match request.to.as_str() {
            "panic" => panic!("on purpose"),
            "late-panic" => {
                tokio::task::yield_now().await;
                panic!("on purpose")
            }
            "slow" => tokio::time::sleep(Duration::from_millis(150)).await,
            "spawn" => tokio::spawn(async {}).await.unwrap(),
            _ => {}
        }
        let status =
            if request.operation == Operation::Create { StatusCode::Created } else { StatusCode::Ok };
        let mut response = Response::to(&request, status);
        let seen = json!({"to": request.to, "op": request.operation.number(), "fr": request.from, "ty": request.resource_type,
            "pc": request.content.as_ref().map(|content| content.value().clone())});
        response.content = Some(Content::from_value(json!({ "m2m:echo": seen })));
        response.location = (request.operation == Operation::Create).then(|| "cse/new".to_owned());
        response.suppressed = request.to == "nothing";
        response
    }
}

fn settings() -> ServerSettings {
    ServerSettings {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        header_timeout: Duration::from_millis(200),
        keep_alive: Duration::from_millis(800),
        body_timeout: Duration::from_millis(200),
        stop_deadline: Duration::from_secs(3),
        max_body: 10_000,
        max_header: 8_000,
        workers: 1,
        ..ServerSettings::default()
    }
}

async fn server(settings: ServerSettings) -> Server {
    start(settings, Arc::new(Echo)).await.unwrap()
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.addresses()[0]).await.unwrap()
}

const HEAD: &str = "host: x\r\nx-m2m-ri: r1\r\nx-m2m-rvi: 4\r\nx-m2m-origin: CAdmin\r\n";

/// One response: head in lower case, body.
async fn answer(stream: &mut TcpStream) -> (String, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)
        .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    (head, String::from_utf8(body).unwrap())
}

async fn ask(stream: &mut TcpStream, message: impl AsRef<[u8]>) -> (String, String) {
    stream.write_all(message.as_ref()).await.unwrap();
    answer(stream).await
}

/// Everything until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let _ =
        tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut all)).await.expect("not closed");
    String::from_utf8(all).unwrap().to_ascii_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn create_in_one_segment_and_keep_alive() {
    let server = server(ServerSettings { root: "/a/b".to_owned(), ..settings() }).await;
    let mut stream = connect(&server).await;
    for _ in 0..2 {
        let create = format!(
            "POST /a/b/cse HTTP/1.1\r\n{HEAD}content-type: application/json;ty=3\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        stream.write_all(create.as_bytes()).await.unwrap();
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        let text = std::str::from_utf8(&buffer[..count]).unwrap();
        assert!(text.starts_with("HTTP/1.1 201 Created\r\n") && text.ends_with("}}"), "{text}");
        for header in [
            "x-m2m-rsc: 2001",
            "x-m2m-ri: r1",
            "x-m2m-rvi: 4",
            "content-location: /a/b/cse/new",
            "content-type: application/json",
        ] {
            assert!(text.contains(header), "{header} in {text}");
        }
    }
    assert!(ask(&mut stream, format!("GET /cse HTTP/1.1\r\n{HEAD}\r\n")).await.0.contains("x-m2m-rsc: 4004"));
    drop(stream);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_of_messages() {
    // Time is not what is tested, and a panic that is written with all its frames may take a while.
    let patience = Duration::from_secs(30);
    let patient = ServerSettings {
        header_timeout: patience,
        keep_alive: patience,
        body_timeout: patience,
        ..settings()
    };
    let server = server(patient).await;
    let mut stream = connect(&server).await;
    let pipeline: String = (0..40).map(|n| format!("GET /c{n} HTTP/1.1\r\n{HEAD}\r\n")).collect();
    stream.write_all(pipeline.as_bytes()).await.unwrap();
    for n in 0..40 {
        assert!(answer(&mut stream).await.1.contains(&format!("\"c{n}\"")));
    }
    let chunked = format!(
        "PUT /c HTTP/1.1\r\n{HEAD}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{\"\r\n5\r\na\":1}}\r\n0\r\n\r\n"
    );
    assert!(ask(&mut stream, chunked).await.1.contains(r#""pc":{"a":1}"#));
    let expect = format!(
        "PUT /c HTTP/1.1\r\n{HEAD}content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    );
    assert!(ask(&mut stream, expect).await.0.starts_with("http/1.1 100"));
    assert!(ask(&mut stream, "{}").await.0.contains("x-m2m-rsc: 2000"));
    for path in ["spawn", "slow"] {
        assert!(
            ask(&mut stream, format!("GET /{path} HTTP/1.1\r\n{HEAD}\r\n"))
                .await
                .0
                .contains("x-m2m-rsc: 2000")
        );
    }
    for path in ["panic", "late-panic"] {
        let (head, body) = ask(&mut stream, format!("GET /{path} HTTP/1.1\r\n{HEAD}\r\n")).await;
        assert!(
            head.contains("500") && head.contains("x-m2m-rsc: 5000") && head.contains("x-m2m-ri: r1"),
            "{head}"
        );
        assert_eq!(body, r#"{"m2m:dbg":"internal error"}"#);
    }
    assert!(
        ask(&mut stream, format!("GET /nothing HTTP/1.1\r\n{HEAD}\r\n")).await.0.starts_with("http/1.1 204")
    );
    for method in ["OPTIONS", "PATCH", "TRACE"] {
        let (head, _) = ask(&mut stream, format!("{method} /c HTTP/1.1\r\n{HEAD}\r\n")).await;
        assert!(head.starts_with("http/1.1 405") && head.contains("x-m2m-rsc: 4005"), "{head}");
        assert!(head.contains("allow: get, post, put, delete"), "{head}");
    }
    let mut old = connect(&server).await;
    old.write_all(format!("GET /c HTTP/1.0\r\n{HEAD}\r\n").as_bytes()).await.unwrap();
    let text = rest(&mut old).await;
    assert!(text.contains("x-m2m-rsc: 2000"), "{text}");
    let mut head = connect(&server).await;
    head.write_all(format!("HEAD /c HTTP/1.1\r\n{HEAD}connection: close\r\n\r\n").as_bytes()).await.unwrap();
    let text = rest(&mut head).await;
    assert!(text.contains("x-m2m-rsc: 4005") && text.ends_with("\r\n\r\n"), "{text}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits() {
    let server = server(settings()).await;
    let filler = "x".repeat(9_000);
    let huge = "x".repeat(200_000);
    for (message, status) in [
        (
            format!(
                "PUT /c HTTP/1.1\r\n{HEAD}content-type: application/json\r\ncontent-length: 10001\r\n\r\n"
            ),
            400,
        ),
        (
            format!(
                "PUT /c HTTP/1.1\r\n{HEAD}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n4000\r\n{}\r\n0\r\n\r\n",
                "x".repeat(0x4000)
            ),
            400,
        ),
        (format!("GET /c HTTP/1.1\r\n{HEAD}x-filler: {filler}\r\n\r\n"), 431),
        (format!("GET /c HTTP/1.1\r\n{HEAD}x-filler: {huge}\r\n\r\n"), 431),
        (format!("GET /c HTTP/1.1\r\n{HEAD}x-slow: "), 408),
        (
            format!(
                "PUT /c HTTP/1.1\r\n{HEAD}content-type: application/json\r\ncontent-length: 5\r\n\r\n{{\""
            ),
            408,
        ),
        ("GET\r\n\r\n".to_owned(), 400),
        (format!("GET /c HTTP/9.9\r\n{HEAD}\r\n"), 400),
        (format!("GET /\u{e9} HTTP/1.1\r\n{HEAD}\r\n"), 400),
        (format!("PUT /c HTTP/1.1\r\n{HEAD}content-length: 5\r\ncontent-length: 6\r\n\r\n"), 400),
        (
            format!(
                "PUT /c HTTP/1.1\r\n{HEAD}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
            ),
            400,
        ),
    ] {
        let mut stream = connect(&server).await;
        let _ = stream.write_all(message.as_bytes()).await;
        let (head, body) = answer(&mut stream).await;
        let shown = message.get(..90).unwrap_or(&message);
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{shown}: {head}");
        assert!(
            head.contains("x-m2m-rsc: 4000") && body.starts_with("{\"m2m:dbg\""),
            "{shown}: {head}{body}"
        );
    }
    let mut stream = connect(&server).await;
    let broken = format!(
        "PUT /c HTTP/1.1\r\n{HEAD}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
    );
    stream.write_all(broken.as_bytes()).await.unwrap();
    assert_eq!(rest(&mut stream).await.matches("http/1.1").count(), 1);
    // A later head that does not get on.
    let mut stream = connect(&server).await;
    stream.write_all(format!("GET /c HTTP/1.1\r\n{HEAD}\r\nGET /c HT").as_bytes()).await.unwrap();
    answer(&mut stream).await;
    assert!(!rest(&mut stream).await.contains("x-m2m-rsc: 2"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_answers_what_is_in_flight() {
    let server = server(settings()).await;
    let address = server.addresses()[0];
    let (mut busy, mut idle) = (connect(&server).await, connect(&server).await);
    ask(&mut idle, format!("GET /c HTTP/1.1\r\n{HEAD}\r\n")).await;
    busy.write_all(format!("GET /slow HTTP/1.1\r\n{HEAD}\r\n").as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let since = Instant::now();
    let (answer, idle, ()) = tokio::join!(rest(&mut busy), rest(&mut idle), server.stop());
    assert!(answer.contains("x-m2m-rsc: 2000") && idle.is_empty(), "{answer}{idle}");
    assert!(since.elapsed() < Duration::from_secs(3));
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn doors_and_pages() {
    let handler =
        |request: dyad_bindings::http::DoorRequest| -> futures_util::future::BoxFuture<'static, DoorReply> {
            let command = request.header("x-m2m-utcmd").unwrap_or("none").to_owned();
            Box::pin(async move {
                DoorReply {
                    status: 200,
                    headers: vec![("X-M2M-UTRSP".to_owned(), command)],
                    body: Bytes::new(),
                }
            })
        };
    let doors = vec![Door { path: "/__ut__".to_owned(), handler: Arc::new(handler) }];
    let cors = CorsSetting::Origins(vec!["https://a.example".to_owned()]);
    let server = server(ServerSettings { doors, cors, ..settings() }).await;
    let mut stream = connect(&server).await;
    let (head, _) = ask(&mut stream, "POST /__ut__ HTTP/1.1\r\nhost: x\r\nX-M2M-UTCMD: reset\r\n\r\n").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("x-m2m-utrsp: reset"), "{head}");
    let preflight = |origin: &str| {
        format!(
            "OPTIONS /c HTTP/1.1\r\nhost: x\r\norigin: {origin}\r\naccess-control-request-headers: x-m2m-ri\r\n\r\n"
        )
    };
    let (head, _) = ask(&mut stream, preflight("https://a.example")).await;
    assert!(
        head.starts_with("http/1.1 204")
            && head.contains("allow-headers: x-m2m-ri")
            && head.contains("allow-origin: https://a.example"),
        "{head}"
    );
    assert!(!ask(&mut stream, preflight("https://b.example")).await.0.contains("allow-origin"));
    let (head, _) =
        ask(&mut stream, format!("GET /c HTTP/1.1\r\n{HEAD}origin: https://a.example\r\n\r\n")).await;
    assert!(
        head.contains("allow-origin: https://a.example")
            && head.contains("vary: origin")
            && head.contains("expose-headers: x-m2m-rsc")
            && head.contains("etag"),
        "{head}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_is_never_our_fault() {
    let server = server(settings()).await;
    let noise = proptest::collection::vec(any::<u8>(), 1..300);
    let almost = "(GET|POST|PUT|[A-Z]{1,6}) /?[ -~]{0,20} HTTP/1\\.[01]\r\n(([a-z-]{1,12}|x-m2m-ri|content-type|content-length): [ -~]{0,20}\r\n){0,4}\r\n[ -~]{0,20}";
    let mut runner = TestRunner::deterministic();
    for round in 0..150 {
        let bytes = if round % 2 == 0 {
            noise.new_tree(&mut runner).unwrap().current()
        } else {
            almost.new_tree(&mut runner).unwrap().current().into_bytes()
        };
        let mut stream = connect(&server).await;
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let text = rest(&mut stream).await;
        assert!(text.is_empty() || text.starts_with("http/1."), "{text}");
        assert!(
            text.split("http/1.").skip(1).all(|answer| !answer[2..].starts_with('5')
                && (answer[2..].starts_with("100")
                    || answer[2..].starts_with("204")
                    || answer.contains("x-m2m-rsc"))),
            "{text}"
        );
    }
    server.stop().await;
}
