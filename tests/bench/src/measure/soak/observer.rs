//! A client that observes one resource over CoAP (RFC 7641), on a socket of its own.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use anyhow::{Result, bail};

use crate::measure::soak::PATIENCE;
use crate::node::{AE, HOME};

/// What tells messages from each other. A port is soon taken again, and a message ID that was seen from it within
/// EXCHANGE_LIFETIME (RFC 7252 4.8.2) is a repetition.
#[derive(Default)]
pub(super) struct Messages {
    last: u16,
}

impl Messages {
    fn next(&mut self) -> [u8; 2] {
        self.last = self.last.wrapping_add(1);
        self.last.to_be_bytes()
    }
}

pub(super) struct Observer {
    socket: UdpSocket,
    token: [u8; 2],
}

impl Observer {
    /// Asks for the latest instance and what follows it.
    pub(super) fn begin(address: SocketAddr, messages: &mut Messages) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let token = messages.next();
        socket.send(&get(token, token, &[]))?;
        let observer = Self { socket, token };
        let first = observer.receive()?;
        // Observe follows the token with a difference of 6 to the option before, if there is none.
        match (first.get(1), first.get(6)) {
            (Some(0x45), Some(head)) if head >> 4 == 6 => Ok(observer),
            (Some(0x45), _) => bail!("it is not observed"),
            (code, _) => bail!("code {code:02x?}"),
        }
    }

    /// Wants to hear no more.
    pub(super) fn end(&self, messages: &mut Messages) -> Result<()> {
        self.socket.send(&get(messages.next(), self.token, &[1]))?;
        self.receive().map(drop)
    }

    /// The next message that is for this observer, acknowledged where it asks for that. A ping, by which the node asks
    /// whether this address is true, is reset (RFC 7252 4.3), and so is what was meant for who had the port before.
    pub(super) fn receive(&self) -> Result<Vec<u8>> {
        let mut input = [0; 2048];
        loop {
            let length = self.socket.recv(&mut input)?;
            let message = input.get(..length).unwrap_or_default();
            let [first, code, high, low, rest @ ..] = message else { bail!("a message of {length} bytes") };
            let is_confirmable = first & 0x30 == 0;
            if *code != 0 && rest.starts_with(&self.token) {
                if is_confirmable {
                    self.socket.send(&[0x60, 0, *high, *low])?;
                }
                return Ok(message.to_vec());
            }
            match first & 0x30 {
                0x00 | 0x10 => {
                    self.socket.send(&[0x70, 0, *high, *low])?;
                }
                0x30 => bail!("the message is reset"),
                _ => {}
            }
        }
    }
}

/// A confirmable GET of the latest instance with Observe: 0, which is empty, begins, and 1 ends.
fn get(id: [u8; 2], token: [u8; 2], observe: &[u8]) -> Vec<u8> {
    let mut message = vec![0x42, 1, id[0], id[1], token[0], token[1]];
    let mut last = 0_u16;
    let mut put = |option: u16, value: &[u8]| {
        let (delta, length) = (option - last, u8::try_from(value.len()).unwrap_or(0));
        last = option;
        // Values here are shorter than 13 bytes; a delta up to 12 is in the first byte, one up to 268 in a second, any
        // other in two.
        let [high, low] = delta.wrapping_sub(269).to_be_bytes();
        match delta {
            0..=12 => message.push(delta.to_be_bytes()[1] << 4 | length),
            13..=268 => message.extend([0xD0 | length, (delta - 13).to_be_bytes()[1]]),
            _ => message.extend([0xE0 | length, high, low]),
        }
        message.extend_from_slice(value);
    };
    put(6, observe);
    for segment in HOME.split('/').filter(|segment| !segment.is_empty()).chain(["soak", "la"]) {
        put(11, segment.as_bytes());
    }
    put(271, b"3");
    put(279, AE.as_bytes());
    put(283, b"1");
    message
}
