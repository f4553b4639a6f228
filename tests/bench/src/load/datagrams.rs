//! CoAP from one thread: a socket has one request in flight and sends the next when its answer is there.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use super::{Outcome, PATIENCE, ready};
use crate::node::AE;

/// Writes the request of a socket: its number and token are all that has to differ. The message ID is filled in.
pub(crate) type Write<'a> = dyn FnMut(usize, u64) -> Vec<u8> + 'a;

/// Acknowledgement and reset, as the first byte of a message without a token.
const ACK: u8 = 0x60;
const RST: u8 = 0x70;

/// Where the message ID is.
const ID: usize = 2;

/// Where the token of a message is.
const TOKEN: usize = 4;

/// How long an answer may take until the request is sent again.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Sockets that ask an address.
pub(crate) struct Datagrams {
    poll: Poll,
    sockets: Vec<Lane>,
    number: u64,
}

struct Lane {
    socket: UdpSocket,
    /// The message ID of the last request. Counted for each socket, so that none comes again as long as a server may
    /// take it for a repetition (RFC 7252 4.4), or after 65,536 others at least.
    id: u16,
    request: Vec<u8>,
    sent: Instant,
    waits: bool,
}

/// The head of a request by the administrator of that name: confirmable, with room for the ID and a token of eight bytes,
/// then the options of numbers that rise.
pub(crate) fn request(code: u8, number: u64, options: &[(u16, &[u8])], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x48, code, 0, 0];
    bytes.extend_from_slice(&number.to_be_bytes());
    let mut last = 0;
    for (option, value) in options {
        let (delta, delta_more) = extended(option - last);
        let (length, length_more) = extended(value.len() as u16);
        bytes.push(delta << 4 | length);
        bytes.extend_from_slice(&delta_more);
        bytes.extend_from_slice(&length_more);
        bytes.extend_from_slice(value);
        last = *option;
    }
    if !payload.is_empty() {
        bytes.push(0xff);
        bytes.extend_from_slice(payload);
    }
    bytes
}

/// A GET of the AE with Observe (RFC 7641): empty begins, 1 ends.
pub(crate) fn observe(path: &str, id: u16, token: u64, observe: &[u8]) -> Vec<u8> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let segments = segments.map(|segment| (11, segment.as_bytes()));
    let named = [(271, b"3".as_slice()), (279, AE.as_bytes()), (283, b"o")];
    let options: Vec<_> = std::iter::once((6, observe)).chain(segments).chain(named).collect();
    let mut message = request(1, token, &options, &[]);
    for (place, byte) in message.iter_mut().skip(ID).zip(id.to_be_bytes()) {
        *place = byte;
    }
    message
}

/// Whether an answer to it says that the observation has begun: Observe is the first option, a difference of 6 to
/// none, behind a head and a token of eight bytes.
pub(crate) fn is_observed(answer: &[u8]) -> bool {
    answer.get(12).is_some_and(|head| head >> 4 == 6)
}

fn extended(number: u16) -> (u8, Vec<u8>) {
    match number {
        0..=12 => (number as u8, Vec::new()),
        13..=268 => (13, vec![(number - 13) as u8]),
        _ => (14, (number - 269).to_be_bytes().to_vec()),
    }
}

impl Datagrams {
    /// So many sockets, each of which asks that address alone.
    pub(crate) fn open(address: SocketAddr, count: usize) -> Result<Self> {
        let poll = Poll::new()?;
        let mut sockets = Vec::with_capacity(count);
        for number in 0..count {
            let mut socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
            socket.connect(address)?;
            poll.registry().register(&mut socket, Token(number), Interest::READABLE)?;
            sockets.push(Lane { socket, id: 0, request: Vec::new(), sent: Instant::now(), waits: false });
        }
        Ok(Self { poll, sockets, number: 0 })
    }

    /// Asks for a time; answers with another code than `expect` (0x45 is 2.05) are errors.
    pub(crate) fn run(&mut self, slice: Duration, expect: u8, write: &mut Write<'_>) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut events = Events::with_capacity(self.sockets.len().max(16));
        let began = Instant::now();
        for lane in 0..self.sockets.len() {
            self.send(lane, began, write)?;
        }
        let mut heard = began;
        while self.sockets.iter().any(|lane| lane.waits) {
            ready(&mut self.poll, &mut events, AGAIN_AFTER)?;
            if heard.elapsed() > PATIENCE {
                bail!("no answer within {} s ({outcome})", PATIENCE.as_secs());
            }
            for event in &events {
                while let Some((answer, took)) = self.receive(event.token().0)? {
                    heard = Instant::now();
                    let code = answer.get(1).copied().unwrap_or_default();
                    outcome.record(u16::from(expect), u16::from(code), took, &answer);
                    if began.elapsed() < slice {
                        self.send(event.token().0, heard, write)?;
                    }
                }
            }
            self.send_again()?;
        }
        outcome.elapsed = began.elapsed();
        Ok(outcome)
    }

    fn send(&mut self, lane: usize, now: Instant, write: &mut Write<'_>) -> Result<()> {
        self.number += 1;
        let mut request = write(lane, self.number);
        let Some(lane) = self.sockets.get_mut(lane) else { return Ok(()) };
        lane.id = lane.id.wrapping_add(1);
        for (place, byte) in request.iter_mut().skip(ID).zip(lane.id.to_be_bytes()) {
            *place = byte;
        }
        lane.socket.send(&request)?;
        (lane.request, lane.sent, lane.waits) = (request, now, true);
        Ok(())
    }

    /// What was lost.
    fn send_again(&self) -> Result<()> {
        for lane in self.sockets.iter().filter(|lane| lane.waits && lane.sent.elapsed() > AGAIN_AFTER) {
            lane.socket.send(&lane.request)?;
        }
        Ok(())
    }

    /// The answer that a socket waits for, if it is there, and how long it took. Resets pings, and acknowledges what
    /// comes apart.
    fn receive(&mut self, lane: usize) -> Result<Option<(Vec<u8>, Duration)>> {
        let Some(lane) = self.sockets.get_mut(lane) else { return Ok(None) };
        let mut buffer = [0; 2048];
        loop {
            let length = match lane.socket.recv(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                length => length?,
            };
            let message = buffer.get(..length).unwrap_or_default();
            let &[first, code, high, low, ..] = message else { continue };
            if first & 0x30 == 0 {
                let kind = if code == 0 { RST } else { ACK };
                lane.socket.send(&[kind, 0, high, low])?;
            }
            let token = lane.request.get(TOKEN..TOKEN + 8);
            if code != 0 && lane.waits && message.get(TOKEN..TOKEN + 8) == token {
                lane.waits = false;
                return Ok(Some((message.to_vec(), lane.sent.elapsed())));
            }
        }
    }
}
