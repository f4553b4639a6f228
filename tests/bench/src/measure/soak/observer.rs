//! A client that observes one resource over CoAP (RFC 7641), on a socket of its own.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use anyhow::{Result, bail};

use crate::load;
use crate::measure::soak::PATIENCE;
use crate::node::HOME;

/// What tells messages from each other. A port is soon taken again, and a message ID that was seen from it within
/// EXCHANGE_LIFETIME (RFC 7252 4.8.2) is a repetition.
#[derive(Default)]
pub(super) struct Messages {
    last: u16,
}

impl Messages {
    fn next(&mut self) -> u16 {
        self.last = self.last.wrapping_add(1);
        self.last
    }
}

pub(super) struct Observer {
    socket: UdpSocket,
    token: u64,
}

impl Observer {
    /// Asks for the latest instance and what follows it.
    pub(super) fn begin(address: SocketAddr, messages: &mut Messages) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let id = messages.next();
        let observer = Self { socket, token: u64::from(id) };
        observer.ask(id, &[])?;
        let first = observer.receive()?;
        match first.get(1) {
            Some(0x45) if load::is_observed(&first) => Ok(observer),
            Some(0x45) => bail!("it is not observed"),
            code => bail!("code {code:02x?}"),
        }
    }

    fn ask(&self, id: u16, observe: &[u8]) -> Result<()> {
        self.socket.send(&load::observe(&format!("{HOME}/soak/la"), id, self.token, observe))?;
        Ok(())
    }

    /// Wants to hear no more.
    pub(super) fn end(&self, messages: &mut Messages) -> Result<()> {
        self.ask(messages.next(), &[1])?;
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
            if *code != 0 && rest.starts_with(&self.token.to_be_bytes()) {
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
