//! The opening handshake of the client's side (RFC 6455 4.1, TS-0020 6.2.2).
//!
//! Responsible for one connection to one address. Keeping it is left to `client`.

use dyad_protocol::Serialization;
use dyad_protocol::exchange::TransportError;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tungstenite::handshake::client::{Response, generate_key};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse as _;
use tungstenite::http::Uri;

use super::handshake::MAX_HEAD;
use super::subprotocol;

/// The ports of URLs that name none, `ws` and `wss` (TS-0020 6.2.1).
const DEFAULT_PORT: u16 = 80;
const DEFAULT_SECURE_PORT: u16 = 443;

/// Where a URL leads, and in which serialisation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// `wss`
    pub(super) is_secure: bool,
    /// As in the Host header.
    authority: String,
    path: String,
    /// What is offered first.
    serialization: Serialization,
}

impl Place {
    /// Takes a URL apart: `ws://host:port/path`, `wss://…`. `None` if it is none.
    pub(super) fn parse(url: &str, serialization: Option<Serialization>) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let is = |scheme: &str| uri.scheme_str().is_some_and(|own| own.eq_ignore_ascii_case(scheme));
        let is_secure = is("wss");
        if host.is_empty() || !(is_secure || is("ws")) {
            return None;
        }
        let usual = if is_secure { DEFAULT_SECURE_PORT } else { DEFAULT_PORT };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Some(Self {
            host: host.to_ascii_lowercase(),
            port: authority.port_u16().unwrap_or(usual),
            is_secure,
            authority: authority.as_str().to_ascii_lowercase(),
            path: path.to_owned(),
            serialization: serialization.unwrap_or(Serialization::Json),
        })
    }
}

/// Carries out a handshake on a stream. Gives the serialisation that the server has chosen, and what it has sent
/// behind the head.
pub(super) async fn greet<S>(
    stream: &mut S,
    place: &Place,
) -> Result<(Serialization, Vec<u8>), TransportError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |error: std::io::Error| TransportError::Unreachable(error.to_string());
    let key = generate_key();
    let Place { authority, path, serialization, .. } = place;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
        subprotocol::all_after(*serialization)
    );
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut head = Vec::with_capacity(1024);
    loop {
        match judge(&head, &key)? {
            Some((serialization, length)) => {
                return Ok((serialization, head.split_off(length.min(head.len()))));
            }
            None if stream.read_buf(&mut head).await.map_err(broken)? > 0 => {}
            None => return Err(TransportError::Unreachable("closed during the handshake".to_owned())),
        }
    }
}

/// Judges the answer to a handshake: the serialisation and the length of the head, `None` if more has to come.
///
/// Fails with [`TransportError::Unreachable`] if the server refuses, [`TransportError::Malformed`] for what is no answer
/// to the handshake with this key.
pub fn judge(head: &[u8], key: &str) -> Result<Option<(Serialization, usize)>, TransportError> {
    let malformed = |what: &str| Err(TransportError::Malformed(what.to_owned()));
    let (length, answer) = match Response::try_parse(head) {
        Ok(Some(parsed)) => parsed,
        Ok(None) if head.len() < MAX_HEAD => return Ok(None),
        _ => return malformed("the answer to the handshake is not HTTP"),
    };
    if answer.status() != 101 {
        let status = answer.status().as_u16();
        return Err(TransportError::Unreachable(format!("the handshake is answered with {status}")));
    }
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    if header("sec-websocket-accept") != Some(derive_accept_key(key.as_bytes()).as_str()) {
        return malformed("the handshake is answered with the wrong key");
    }
    if header("sec-websocket-extensions").is_some() {
        return malformed("the handshake is answered with an extension that was not offered");
    }
    match header("sec-websocket-protocol").and_then(subprotocol::parse) {
        Some(serialization) => Ok(Some((serialization, length))),
        None => malformed("the handshake is answered without a sub-protocol that was offered"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, judge};
    use dyad_protocol::exchange::TransportError;
    use proptest::prelude::*;

    #[test]
    fn places() {
        let of = |url: &str| Place::parse(url, None).map(|place| (place.host, place.port, place.path));
        let place = |host: &str, port, path: &str| Some((host.to_owned(), port, path.to_owned()));
        for (url, expected) in [
            ("ws://a.example", place("a.example", 80, "/")),
            ("WS://A.example:8180/m2m/?x=1", place("a.example", 8180, "/m2m/?x=1")),
            ("ws://[::1]:9", place("::1", 9, "/")),
            ("wss://a", place("a", 443, "/")),
            ("http://a", None),
            ("ws://", None),
            ("ws://user@a", None),
            ("a", None),
        ] {
            assert_eq!(of(url), expected, "{url}");
        }
    }

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const RIGHT: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: oneM2M.json\r\n\r\n";

    #[test]
    fn answers() {
        let judged = judge(format!("{RIGHT}tail").as_bytes(), KEY).unwrap();
        assert_eq!(judged.map(|(_, length)| length), Some(RIGHT.len()));
        assert!(judge(&RIGHT.as_bytes()[..90], KEY).unwrap().is_none());
        assert!(judge(RIGHT.as_bytes(), "other").is_err());
        for (from, to) in [
            ("oneM2M.json", "mqtt"),
            ("Upgrade: websocket", "Sec-WebSocket-Extensions: permessage-deflate"),
            ("HTTP", "SMTP"),
        ] {
            let outcome = judge(RIGHT.replace(from, to).as_bytes(), KEY);
            assert!(matches!(outcome, Err(TransportError::Malformed(_))), "{to}: {outcome:?}");
        }
        let refused = judge(RIGHT.replace("101", "403").as_bytes(), KEY);
        assert!(matches!(refused, Err(TransportError::Unreachable(_))), "{refused:?}");
    }

    proptest! {
        #[test]
        fn never_panics(head in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = judge(&head, KEY);
        }
    }
}
