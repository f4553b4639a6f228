//! MQTT as bytes on a socket, for what no client sends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection that writes what it is told.
pub(super) struct Raw(pub(super) TcpStream);

impl Raw {
    pub(super) fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// A connection with a session: version 4 or 5, clean, no keep-alive.
    pub(super) fn open(address: SocketAddr, level: u8, id: &str) -> Self {
        let mut raw = Self::new(address);
        raw.write(&connect(level, id));
        let (first, body) = raw.packet().expect("CONNACK");
        assert_eq!((first, body.get(..2)), (0x20, Some(&[0, 0][..])));
        raw
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        // The broker may have closed already, which is what the test goes on to look for.
        drop(self.0.write_all(bytes));
    }

    /// The next packet; `None` if the broker has closed.
    pub(super) fn packet(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut byte = [0];
        if self.0.read(&mut byte).ok()? == 0 {
            return None;
        }
        let (first, mut length, mut shift) = (byte[0], 0_usize, 0);
        loop {
            self.0.read_exact(&mut byte).ok()?;
            length |= usize::from(byte[0] & 0x7F) << shift;
            shift += 7;
            if byte[0] & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).ok()?;
        Some((first, body))
    }

    /// Subscribes with this QoS, and waits for the consent.
    pub(super) fn subscribe(&mut self, level: u8, filter: &str, qos: u8) {
        let mut body = vec![0, 1];
        if level == 5 {
            body.push(0);
        }
        string(&mut body, filter);
        body.push(qos);
        self.write(&packet(0x82, &body));
        assert_eq!(self.packet().expect("SUBACK").0, 0x90);
    }
}

/// A packet.
pub(super) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let byte = u8::try_from(length % 128).unwrap();
        length /= 128;
        bytes.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

/// CONNECT with a clean session and without keep-alive.
pub(super) fn connect(level: u8, id: &str) -> Vec<u8> {
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', level, 2, 0, 0];
    if level >= 5 {
        body.push(0);
    }
    string(&mut body, id);
    packet(0x10, &body)
}

/// PUBLISH; `pid` with QoS 1 and 2.
pub(super) fn publish(level: u8, topic: &str, qos: u8, pid: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    string(&mut body, topic);
    if qos > 0 {
        body.extend_from_slice(&pid.to_be_bytes());
    }
    if level == 5 {
        body.push(0);
    }
    body.extend_from_slice(payload);
    packet(0x30 | qos << 1, &body)
}

fn string(body: &mut Vec<u8>, text: &str) {
    body.extend_from_slice(&u16::try_from(text.len()).unwrap().to_be_bytes());
    body.extend_from_slice(text.as_bytes());
}
