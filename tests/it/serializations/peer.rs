//! A client over HTTP that speaks one serialisation, with contents as bytes.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};

use dyad_protocol::Serialization;
use dyad_protocol::schema::Schemas;
use dyad_protocol::serialization::{Codec, PARSER_LIMIT};
use dyad_tests::Node;
use serde_json::Value;

static CODEC: LazyLock<Codec> =
    LazyLock::new(|| Codec::new(Arc::new(Schemas::builtin().unwrap()), PARSER_LIMIT));

/// Reads and writes what the node does.
pub(super) fn codec() -> &'static Codec {
    &CODEC
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) rsc: u16,
    pub(super) media: String,
    pub(super) body: Value,
    pub(super) bytes: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(super) fn expect(self, rsc: u16) -> Self {
        assert_eq!(self.rsc, rsc, "{self:?}");
        self
    }
}

/// A client of a serialisation.
pub(super) struct Peer {
    address: SocketAddr,
    serialization: Serialization,
    pub(super) originator: &'static str,
}

impl Peer {
    pub(super) fn new(node: &Node, serialization: Serialization) -> Self {
        Self { address: node.address(), serialization, originator: "CAdmin" }
    }

    pub(super) fn create(&self, path: &str, ty: u32, content: &Value) -> Answer {
        self.send("POST", path, Some(ty), Some(content))
    }

    pub(super) fn retrieve(&self, path: &str) -> Answer {
        self.send("GET", path, None, None)
    }

    pub(super) fn update(&self, path: &str, content: &Value) -> Answer {
        self.send("PUT", path, None, Some(content))
    }

    pub(super) fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None, None)
    }

    fn send(&self, method: &str, path: &str, ty: Option<u32>, content: Option<&Value>) -> Answer {
        let media = format!("application/{}", self.serialization.name());
        let kind = ty.map_or_else(|| media.clone(), |ty| format!("{media};ty={ty}"));
        let mut headers = vec![("Accept", media.as_str()), ("X-M2M-Origin", self.originator)];
        let body = content.map(|content| CODEC.write_content(self.serialization, &content.clone().into()));
        headers.extend(body.is_some().then_some(("Content-Type", kind.as_str())));
        over(self.address, method, path, &headers, &body.unwrap_or_default())
    }
}

/// Sends a message of the administrator with these headers and bytes.
pub(super) fn exchange(
    node: &Node,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    over(node.address(), method, path, &[&[("X-M2M-Origin", "CAdmin")], headers].concat(), body)
}

fn over(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut message = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    let length = body.len().to_string();
    for (name, value) in
        [("X-M2M-RI", "1"), ("X-M2M-RVI", "3"), ("Content-Length", &length)].iter().chain(headers)
    {
        write!(message, "{name}: {value}\r\n").unwrap();
    }
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&[message.as_bytes(), b"\r\n", body].concat()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
        line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim()).to_owned()
    };
    let (media, bytes) = (header("content-type"), bytes[end + 4..].to_vec());
    let written = media.rsplit(['/', '+']).next().and_then(Serialization::from_name);
    let body = written.map_or(Value::Null, |written| {
        CODEC.read_content(written, bytes.clone().into()).unwrap().into_value()
    });
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, rsc: header("x-m2m-rsc").parse().unwrap_or(0), media, body, bytes }
}
