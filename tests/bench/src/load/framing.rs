//! What travels on a connection of the load generator: HTTP, or primitives in the frames of WebSockets (RFC 6455).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::answer::{self, Answer};
use crate::child::Server;

/// Longest time that a handshake may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A binding that the generator speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// TS-0009
    Http,
    /// TS-0020, in JSON
    WebSocket,
}

impl Framing {
    /// Where a server speaks it.
    pub(crate) fn address(self, server: &Server) -> Result<SocketAddr> {
        match self {
            Self::Http => Ok(server.address),
            Self::WebSocket => server.address_of("WebSocket"),
        }
    }

    /// A connection on which requests can be sent at once.
    pub(crate) fn connect(self, address: SocketAddr) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(address).context("connect")?;
        stream.set_nodelay(true)?;
        if self == Self::WebSocket {
            stream.set_read_timeout(Some(PATIENCE))?;
            shake_hands(&mut stream)?;
        }
        Ok(stream)
    }

    /// Reads an answer off the front of `bytes`; `None` while some of it is missing.
    pub(crate) fn parse(self, bytes: &[u8]) -> Result<Option<Answer>> {
        match self {
            Self::Http => answer::parse(bytes),
            Self::WebSocket => Ok(message(bytes)),
        }
    }
}

fn shake_hands(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(
        b"GET / HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: oneM2M.json\r\n\r\n",
    )?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    // One byte at a time: what follows the head belongs to the first message.
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(stream.read(&mut byte)? == 1, "closed during the handshake");
        head.extend_from_slice(&byte);
    }
    ensure!(head.starts_with(b"HTTP/1.1 101"), "the handshake: {}", String::from_utf8_lossy(&head));
    Ok(())
}

/// The first message of a server, control frames before it left out. Servers of this bench send none in fragments.
fn message(bytes: &[u8]) -> Option<Answer> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        let number = |from: usize, to: usize| {
            let bytes = rest.get(from..to)?;
            Some(bytes.iter().fold(0_usize, |number, byte| (number << 8) | usize::from(*byte)))
        };
        let (head, length) = match rest.get(1)? & 0x7f {
            126 => (4, number(2, 4)?),
            127 => (10, number(2, 10)?),
            length => (2, usize::from(length)),
        };
        let (body, end) = (at + head, at + head + length);
        let payload = bytes.get(body..end)?;
        if rest.first()? & 0x08 == 0 {
            return Some(Answer { status: status(payload), body, end, chunked: false });
        }
        at = end;
    }
}

/// The HTTP status that means what a response status code does; 200 for what is no response.
fn status(payload: &[u8]) -> u16 {
    const NAME: &[u8] = b"\"rsc\":";
    let Some(at) = payload.windows(NAME.len()).position(|window| window == NAME) else { return 200 };
    match payload.get(at + NAME.len()..at + NAME.len() + 4) {
        Some(b"2000") => 200,
        Some(b"2001") => 201,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn a_message_is_whole_only_with_its_last_byte() {
        let long = "x".repeat(200);
        let text = format!("{{\"rsc\":2001,\"x\":\"{long}\"}}");
        let mut bytes = b"\x89\x01?\x81\x7e".to_vec();
        bytes.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend(text.as_bytes());
        for cut in 0..bytes.len() {
            assert_eq!(message(&bytes[..cut]), None);
        }
        let answer = message(&bytes).unwrap();
        assert_eq!((answer.status, &bytes[answer.body..answer.end]), (201, text.as_bytes()));
        assert_eq!(message(b"\x81\x02{}").unwrap().status, 200);
        assert_eq!(message(b"\x81\x0a\"rsc\":4004").unwrap().status, 500);
    }
}
