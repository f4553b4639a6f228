//! The opening handshake of the server's side (RFC 6455 4.2, TS-0020 6.2). Pure.
//!
//! Responsible for which handshakes are accepted, and for what the others are told. Bytes are left to `greet`.

use std::fmt::Write as _;

use dyad_protocol::Serialization;
use serde_json::json;
use tungstenite::handshake::machine::TryParse as _;
use tungstenite::handshake::server::{Request, create_response};
use tungstenite::http::HeaderMap;

use super::subprotocol;
use crate::http::CorsSetting;

/// The longest head of a handshake in bytes.
pub const MAX_HEAD: usize = 8 * 1024;

/// What a handshake depends on besides its head.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The path: empty, or with a leading and without a trailing slash.
    pub root: String,
    /// The web pages that may connect.
    pub origins: CorsSetting,
}

/// What comes of a head.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// More of it has to come.
    Incomplete,
    /// A WebSocket.
    Accepted {
        /// The answer.
        answer: String,
        /// What its messages are written in.
        serialization: Serialization,
        /// Bytes of the head.
        length: usize,
    },
    /// The answer to something else.
    Refused(String),
}

/// Judges what has come so far.
pub fn judge(head: &[u8], rules: &Rules) -> Verdict {
    let (length, request) = match Request::try_parse(head) {
        Ok(Some(parsed)) => parsed,
        Ok(None) if head.len() < MAX_HEAD => return Verdict::Incomplete,
        Ok(None) => return refused("431 Request Header Fields Too Large", "", "the head is too long"),
        Err(_) if !head.starts_with(b"GET ") => {
            return refused(
                "405 Method Not Allowed",
                "allow: GET\r\n",
                "here are WebSockets alone, which begin with GET",
            );
        }
        Err(_) => return refused("400 Bad Request", "", "the message is not well-formed HTTP/1.1"),
    };
    let path = request.uri().path();
    let path = path.strip_suffix('/').unwrap_or(path);
    if path != rules.root {
        let text = format!("WebSockets are at {}/", rules.root);
        return refused("404 Not Found", "", &text);
    }
    let headers = request.headers();
    if !has_token(headers, "upgrade", "websocket") {
        let upgrade = "upgrade: websocket\r\nconnection: upgrade\r\n";
        return refused("426 Upgrade Required", upgrade, "here are WebSockets alone (TS-0020)");
    }
    if !has_token(headers, "sec-websocket-version", "13") {
        return refused("426 Upgrade Required", "sec-websocket-version: 13\r\n", "the version has to be 13");
    }
    if !is_allowed(&rules.origins, headers) {
        return refused("403 Forbidden", "", "pages of this origin may not connect");
    }
    let offered = headers.get_all("sec-websocket-protocol").iter().filter_map(|value| value.to_str().ok());
    let Some((name, serialization)) = subprotocol::choose(offered) else {
        let text = format!("Sec-WebSocket-Protocol has to offer one of {}", subprotocol::all());
        return refused("400 Bad Request", "", &text);
    };
    match create_response(&request) {
        Ok(answer) => Verdict::Accepted { answer: accept(answer.headers(), name), serialization, length },
        Err(_) => refused("400 Bad Request", "", "Connection or Sec-WebSocket-Key is wrong"),
    }
}

/// What a client that comes when there is no room is told.
pub(super) fn refused(status: &str, headers: &str, why: &str) -> Verdict {
    let body = json!({ "m2m:dbg": why }).to_string();
    Verdict::Refused(format!(
        "HTTP/1.1 {status}\r\n{headers}content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    ))
}

fn accept(headers: &HeaderMap, subprotocol: &str) -> String {
    let mut answer = "HTTP/1.1 101 Switching Protocols\r\n".to_owned();
    for (name, value) in headers {
        // Writing to a String cannot fail; these headers are plain text.
        let _ = write!(answer, "{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    let _ = write!(answer, "sec-websocket-protocol: {subprotocol}\r\n\r\n");
    answer
}

fn has_token(headers: &HeaderMap, name: &str, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(token))
}

/// Whether the page that connects may. What is no page names no origin (RFC 6455 10.2).
fn is_allowed(setting: &CorsSetting, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get("origin") else { return true };
    match setting {
        CorsSetting::Off => false,
        CorsSetting::Any => true,
        CorsSetting::Origins(list) => list.iter().any(|one| one.as_bytes() == origin.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_HEAD, Rules, Verdict, judge};
    use crate::http::CorsSetting;
    use proptest::prelude::*;

    fn rules(root: &str, origins: CorsSetting) -> Rules {
        Rules { root: root.to_owned(), origins }
    }

    fn head(path: &str, more: &str) -> String {
        format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
        )
    }

    const JSON: &str = "Sec-WebSocket-Protocol: oneM2M.yaml, oneM2M.json\r\n";

    fn status(head: &str, rules: &Rules) -> String {
        match judge(head.as_bytes(), rules) {
            Verdict::Incomplete => "incomplete".into(),
            Verdict::Accepted { answer, .. } | Verdict::Refused(answer) => answer[9..12].to_owned(),
        }
    }

    #[test]
    fn accepts() {
        let rules = rules("", CorsSetting::Off);
        let whole = head("/", JSON);
        let message = format!("{whole}tail");
        let Verdict::Accepted { answer, length, .. } = judge(message.as_bytes(), &rules) else { panic!() };
        assert_eq!(length, whole.len());
        assert!(answer.contains("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{answer}");
        assert!(answer.ends_with("\r\nsec-websocket-protocol: oneM2M.json\r\n\r\n"), "{answer}");
        for end in 0..whole.len() {
            assert_eq!(judge(&whole.as_bytes()[..end], &rules), Verdict::Incomplete, "{end}");
        }
    }

    #[test]
    fn refuses() {
        let rules = rules("/m2m", CorsSetting::Origins(vec!["https://a.example".into()]));
        let with = |more: &str| head("/m2m", &format!("{JSON}{more}"));
        for (head, expected) in [
            (head("/m2m", JSON), "101"),
            (head("/m2m/", JSON), "101"),
            (head("/", JSON), "404"),
            (head("/m2m/x", JSON), "404"),
            (head("/m2m", "Sec-WebSocket-Protocol: mqtt\r\n"), "400"),
            (head("/m2m", ""), "400"),
            (with("Origin: https://a.example\r\n"), "101"),
            (with("Origin: https://b.example\r\n"), "403"),
            (with("").replace("Version: 13", "Version: 8"), "426"),
            (with("").replace("Upgrade: WebSocket\r\n", ""), "426"),
            (with("").replace("keep-alive, Upgrade", "close"), "400"),
            (with("").replace("dGhl", ""), "400"),
            (with("").replace("GET", "POST"), "405"),
            (with("").replace("HTTP/1.1", "HTTP/1.0"), "400"),
            ("GET / HTTP/9\r\n\r\n".into(), "400"),
            (format!("GET /m2m HTTP/1.1\r\nx: {}", "x".repeat(MAX_HEAD)), "431"),
        ] {
            assert_eq!(status(&head, &rules), expected, "{head}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(head in proptest::collection::vec(any::<u8>(), 0..300)) {
            judge(&head, &rules("", CorsSetting::Any));
        }
    }
}
