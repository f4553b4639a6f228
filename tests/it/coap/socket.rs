//! A socket and messages that say what they are told to say, right or wrong.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// What no answer takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(20);

/// Types of messages.
pub(super) const CON: u8 = 0;
pub(super) const NON: u8 = 1;
pub(super) const ACK: u8 = 2;
pub(super) const RST: u8 = 3;

/// A message, with options in the order of their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) code: u8,
    pub(super) id: u16,
    pub(super) token: Vec<u8>,
    pub(super) options: Vec<(u16, Vec<u8>)>,
    pub(super) payload: Vec<u8>,
}

impl Message {
    /// A confirmable request of the administrator, with what every request needs.
    pub(super) fn request(code: u8, path: &[&str]) -> Self {
        let request = Self { code, token: b"tok".to_vec(), ..Self::default() };
        let request = request.option(279, b"CAdmin").option(283, b"r1").option(271, b"3");
        path.iter().fold(request, |request, segment| request.option(11, segment.as_bytes()))
    }

    /// A message without code.
    pub(super) fn empty(kind: u8, id: u16) -> Self {
        Self { kind, id, ..Self::default() }
    }

    pub(super) fn kind(mut self, kind: u8) -> Self {
        self.kind = kind;
        self
    }

    pub(super) fn option(mut self, number: u16, value: &[u8]) -> Self {
        self.options.push((number, value.to_vec()));
        self.options.sort_by_key(|(number, _)| *number);
        self
    }

    pub(super) fn without(mut self, number: u16) -> Self {
        self.options.retain(|(own, _)| *own != number);
        self
    }

    pub(super) fn payload(mut self, payload: &[u8]) -> Self {
        self.payload = payload.to_vec();
        self
    }

    /// With Block1 (27) or Block2 (23).
    pub(super) fn block(self, option: u16, number: u32, more: bool, exponent: u8) -> Self {
        let bits = number << 4 | u32::from(more) << 3 | u32::from(exponent);
        let bytes: Vec<u8> = bits.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        self.without(option).option(option, &bytes)
    }

    pub(super) fn value(&self, number: u16) -> Option<&[u8]> {
        self.options.iter().find(|(own, _)| *own == number).map(|(_, value)| value.as_slice())
    }

    pub(super) fn number(&self, number: u16) -> Option<u32> {
        Some(self.value(number)?.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)))
    }

    /// NUM, M and SZX of a block option.
    pub(super) fn block_of(&self, option: u16) -> Option<(u32, bool, u8)> {
        self.number(option).map(|bits| (bits >> 4, bits & 8 != 0, (bits & 7) as u8))
    }

    /// `404` for 4.04.
    pub(super) fn status(&self) -> u16 {
        u16::from(self.code >> 5) * 100 + u16::from(self.code & 31)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0x40 | self.kind << 4 | self.token.len() as u8, self.code];
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(&self.token);
        let mut last = 0;
        for (number, value) in &self.options {
            let (delta, delta_more) = extended(number - last);
            let (length, length_more) = extended(value.len() as u16);
            bytes.push(delta << 4 | length);
            bytes.extend(delta_more);
            bytes.extend(length_more);
            bytes.extend(value);
            last = *number;
        }
        if !self.payload.is_empty() {
            bytes.push(0xff);
            bytes.extend(&self.payload);
        }
        bytes
    }

    pub(super) fn read(bytes: &[u8]) -> Self {
        let token = usize::from(bytes[0] & 15);
        let mut message = Self {
            kind: bytes[0] >> 4 & 3,
            code: bytes[1],
            id: u16::from_be_bytes([bytes[2], bytes[3]]),
            token: bytes[4..4 + token].to_vec(),
            ..Self::default()
        };
        let (mut at, mut number) = (4 + token, 0);
        while at < bytes.len() && bytes[at] != 0xff {
            let first = bytes[at];
            at += 1;
            number += shortened(first >> 4, bytes, &mut at);
            let length = usize::from(shortened(first & 15, bytes, &mut at));
            message.options.push((number, bytes[at..at + length].to_vec()));
            at += length;
        }
        message.payload = bytes.get(at + 1..).unwrap_or_default().to_vec();
        message
    }
}

fn extended(number: u16) -> (u8, Vec<u8>) {
    match number {
        0..=12 => (number as u8, Vec::new()),
        13..=268 => (13, vec![(number - 13) as u8]),
        _ => (14, (number - 269).to_be_bytes().to_vec()),
    }
}

fn shortened(nibble: u8, bytes: &[u8], at: &mut usize) -> u16 {
    let used = match nibble {
        13 => 1,
        14 => 2,
        _ => 0,
    };
    let more = bytes[*at..*at + used].iter().fold(0, |more, byte| more << 8 | u16::from(*byte));
    *at += used;
    [u16::from(nibble), 13, 269][used] + more
}

/// A socket with an address of its own.
#[derive(Debug)]
pub(super) struct Socket {
    socket: UdpSocket,
    next: u16,
}

impl Socket {
    /// One that talks to an address alone, and which has shown that it receives what is sent to it.
    pub(super) fn to(address: SocketAddr) -> Self {
        let mut socket = Self::unknown_to(address);
        let answer = socket.ask(Message::request(1, &["cse-in"]));
        assert_eq!(answer.status(), 205);
        socket
    }

    /// The same, without having shown anything.
    pub(super) fn unknown_to(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, next: 1000 }
    }

    pub(super) fn next_id(&mut self) -> u16 {
        self.next += 1;
        self.next
    }

    pub(super) fn send_bytes(&self, bytes: &[u8]) {
        self.socket.send(bytes).unwrap();
    }

    pub(super) fn send(&self, message: &Message) {
        self.send_bytes(&message.bytes());
    }

    /// The next message.
    #[track_caller]
    pub(super) fn receive(&self) -> Message {
        let mut buffer = vec![0; 65_535];
        let length = self.socket.recv(&mut buffer).expect("a message");
        Message::read(&buffer[..length])
    }

    /// What comes for a ping that is sent behind something else: all that was said to that.
    pub(super) fn drain(&mut self) -> Vec<Message> {
        let id = self.next_id();
        self.send(&Message::empty(CON, id));
        let fence = Message::empty(RST, id);
        std::iter::repeat_with(|| self.receive()).take_while(|message| *message != fence).collect()
    }

    /// Sends a request with the next ID and gives its answer, as an endpoint that does its duty.
    #[track_caller]
    pub(super) fn ask(&mut self, mut message: Message) -> Message {
        message.id = self.next_id();
        message.token = message.id.to_be_bytes().to_vec();
        self.send(&message);
        self.answer_to(&message)
    }

    /// The answer to a request that was sent, however it comes.
    #[track_caller]
    pub(super) fn answer_to(&self, message: &Message) -> Message {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let answer = self.receive();
            match (answer.kind, answer.code) {
                (CON, 0) => self.send(&Message::empty(RST, answer.id)),
                (CON, _) => self.send(&Message::empty(ACK, answer.id)),
                _ => {}
            }
            if answer.code != 0 && answer.token == message.token {
                return answer;
            }
        }
        panic!("no answer");
    }
}
