//! From datagrams to messages (RFC 7252 3, 4.2, 4.3, 5.4). Pure.
//!
//! Responsible for what has to be refused before `coap-lite` reads a datagram, because it takes it: other versions,
//! reserved lengths, payload markers without a payload, empty messages that are not empty; and for options: critical
//! ones that nobody knows, those that come twice, and too many of them. What known options mean is left to others.

use bytes::Bytes;
use coap_lite::Packet;

/// The bytes of the fixed header.
const HEADER: usize = 4;

/// The longest token (RFC 7252 3).
const MAX_TOKEN: usize = 8;

/// Options in one message, repetitions counted. A request that names every parameter there is has some sixty.
pub const MAX_OPTIONS: usize = 128;

/// The longest value of an option: its length has 16 bits, counted from 269, of which `write` uses those up to here.
const MAX_OPTION: usize = u16::MAX as usize;

/// Empty, the code of acknowledgements without an answer, resets and pings.
const EMPTY: u8 = 0;

/// Type of a message (RFC 7252 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// CON
    Confirmable,
    /// NON
    NonConfirmable,
    /// ACK
    Acknowledgement,
    /// RST
    Reset,
}

/// What comes before the options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// The type.
    pub kind: Kind,
    /// Class and detail: 0.01 is 1, 4.04 is 0x84.
    pub code: u8,
    /// The message ID.
    pub id: u16,
    /// Up to eight bytes.
    pub token: &'a [u8],
}

impl Head<'_> {
    /// Whether it is a request, by an unknown method perhaps.
    pub fn is_request(&self) -> bool {
        self.code != EMPTY && self.code >> 5 == 0
    }

    /// Whether it is a response.
    pub fn is_response(&self) -> bool {
        matches!(self.code >> 5, 2 | 4 | 5)
    }
}

/// Why a request that is well formed is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    /// A critical option that is unknown, comes too often or is too long (RFC 7252 5.4.1, 5.4.3, 5.4.5): 4.02.
    Option(u16),
    /// More than [`MAX_OPTIONS`]: 4.02.
    Flood,
    /// Proxy-Uri or Proxy-Scheme: 5.05.
    Proxy,
}

/// What a datagram is.
#[derive(Debug)]
pub enum Datagram<'a> {
    /// Nothing that may be answered.
    Noise,
    /// Malformed: to be answered with RST if it is confirmable (RFC 7252 4.2).
    Malformed(Head<'a>),
    /// A request with an objection.
    Objectionable(Head<'a>, Objection),
    /// An empty message: ACK, RST or, if confirmable, a ping.
    Empty(Head<'a>),
    /// A request or a response.
    Message(Head<'a>, Box<Packet>),
}

/// What comes before the options, without looking at the rest. `None` for what is no message of this version, or too
/// short to have one; a reserved length of the token is `Some(Err)`.
pub fn head(datagram: &[u8]) -> Option<Result<Head<'_>, Head<'_>>> {
    let [first, code, high, low, rest @ ..] = datagram else { return None };
    if first >> 6 != 1 {
        return None;
    }
    let kind = match (first >> 4) & 3 {
        0 => Kind::Confirmable,
        1 => Kind::NonConfirmable,
        2 => Kind::Acknowledgement,
        _ => Kind::Reset,
    };
    let head = Head { kind, code: *code, id: u16::from_be_bytes([*high, *low]), token: &[] };
    let length = usize::from(first & 15);
    match rest.get(..length) {
        Some(token) if length <= MAX_TOKEN => Some(Ok(Head { token, ..head })),
        _ => Some(Err(head)),
    }
}

/// Reads a datagram. `is_known` tells which critical options are known beside those of [`is_base`]. Never panics,
/// whatever comes.
pub fn read(datagram: &[u8], is_known: impl Fn(u16) -> bool + Copy) -> Datagram<'_> {
    let head = match head(datagram) {
        None => return Datagram::Noise,
        Some(Err(head)) => return Datagram::Malformed(head),
        Some(Ok(head)) => head,
    };
    let rest = datagram.get(HEADER + head.token.len()..).unwrap_or_default();
    if head.code == EMPTY {
        let is_empty = head.token.is_empty() && rest.is_empty();
        return if is_empty { Datagram::Empty(head) } else { Datagram::Malformed(head) };
    }
    // An acknowledgement carries no request, a reset nothing at all.
    let misplaced = head.kind == Kind::Reset || (head.kind == Kind::Acknowledgement && head.is_request());
    if misplaced || !(head.is_request() || head.is_response()) {
        return Datagram::Malformed(head);
    }
    match options(rest, is_known) {
        Err(()) => return Datagram::Malformed(head),
        // Of responses, this node asked for them: it takes what it understands.
        Ok(Some(objection)) if head.is_request() => return Datagram::Objectionable(head, objection),
        Ok(_) => {}
    }
    match Packet::from_bytes(datagram) {
        Ok(packet) => Datagram::Message(head, Box::new(packet)),
        Err(_) => Datagram::Malformed(head),
    }
}

/// Walks over the options. `Err` if they are malformed, otherwise the first objection.
fn options(mut rest: &[u8], is_known: impl Fn(u16) -> bool + Copy) -> Result<Option<Objection>, ()> {
    let (mut number, mut count, mut objection) = (0_u16, 0_usize, None);
    let mut last = None;
    while let Some((&first, after)) = rest.split_first() {
        if first == 0xff {
            return if after.is_empty() { Err(()) } else { Ok(objection) };
        }
        let (delta, after) = extended(first >> 4, after)?;
        let (length, after) = extended(first & 15, after)?;
        number = number.checked_add(delta).ok_or(())?;
        let length = usize::from(length);
        rest = after.get(length..).ok_or(())?;
        count += 1;
        if count > MAX_OPTIONS {
            objection = Some(Objection::Flood);
        }
        let repeated = last.replace(number) == Some(number);
        if objection.is_none() {
            objection = objection_to(number, length, repeated, is_known);
        }
    }
    Ok(objection)
}

/// A delta or length with what extends it (RFC 7252 3.1).
fn extended(nibble: u8, rest: &[u8]) -> Result<(u16, &[u8]), ()> {
    match (nibble, rest) {
        (0..=12, rest) => Ok((u16::from(nibble), rest)),
        (13, [more, rest @ ..]) => Ok((u16::from(*more) + 13, rest)),
        (14, [high, low, rest @ ..]) => {
            let more = u16::from_be_bytes([*high, *low]);
            Ok((more.checked_add(269).ok_or(())?, rest))
        }
        _ => Err(()),
    }
}

fn objection_to(
    number: u16,
    length: usize,
    repeated: bool,
    is_known: impl Fn(u16) -> bool + Copy,
) -> Option<Objection> {
    let is_critical = number & 1 == 1;
    match number {
        _ if !is_critical => None,
        35 | 39 => Some(Objection::Proxy),
        _ => {
            let known = match is_base(number) {
                Some(longest) => length <= longest && (!repeated || is_repeatable(number)),
                None => is_known(number) && !repeated,
            };
            (!known).then_some(Objection::Option(number))
        }
    }
}

/// The longest value of a critical option that the endpoint or every mapping knows (RFC 7252 5.10, 7959 2.1).
fn is_base(number: u16) -> Option<usize> {
    match number {
        1 => Some(8),         // If-Match
        3 => Some(255),       // Uri-Host
        5 => Some(0),         // If-None-Match
        7 | 17 => Some(2),    // Uri-Port, Accept
        11 | 15 => Some(255), // Uri-Path, Uri-Query
        23 | 27 => Some(3),   // Block2, Block1
        _ => None,
    }
}

/// If-Match, Uri-Path, Uri-Query.
fn is_repeatable(number: u16) -> bool {
    matches!(number, 1 | 11 | 15)
}

/// A token that outlives its datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Token {
    bytes: [u8; MAX_TOKEN],
    length: u8,
}

impl Token {
    /// The first eight bytes; there are no more.
    pub fn new(token: &[u8]) -> Self {
        let mut bytes = [0; MAX_TOKEN];
        for (to, from) in bytes.iter_mut().zip(token) {
            *to = *from;
        }
        Self { bytes, length: token.len().min(MAX_TOKEN) as u8 }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// The first byte of a message.
fn first(kind: Kind, token: usize) -> u8 {
    let kind = match kind {
        Kind::Confirmable => 0,
        Kind::NonConfirmable => 1,
        Kind::Acknowledgement => 2,
        Kind::Reset => 3,
    };
    0x40 | kind << 4 | token as u8
}

/// A message without code, token, options and payload: an acknowledgement that answers later, a reset, a ping.
pub fn empty(kind: Kind, id: u16) -> [u8; HEADER] {
    let [high, low] = id.to_be_bytes();
    [first(kind, 0), EMPTY, high, low]
}

/// A whole message: code, options and payload are those of the packet. An option of more than 65,535 bytes, which no datagram
/// could carry, is cut.
pub fn write(packet: &Packet, kind: Kind, id: u16, token: Token) -> Bytes {
    let token = token.bytes();
    let marker = usize::from(!packet.payload.is_empty());
    // Exactly as much as is needed: what is left over would cost an allocation of its own.
    let length = HEADER + token.len() + options_length(packet) + marker + packet.payload.len();
    let mut bytes = Vec::with_capacity(length);
    let [high, low] = id.to_be_bytes();
    bytes.extend_from_slice(&[first(kind, token.len()), u8::from(packet.header.code), high, low]);
    bytes.extend_from_slice(token);
    let mut last = 0;
    for (number, values) in packet.options() {
        for value in values {
            let value = value.get(..MAX_OPTION).unwrap_or(value);
            let (delta, delta_more) = extend(number - last);
            let (length, length_more) = extend(value.len() as u16);
            bytes.push(delta << 4 | length);
            bytes.extend_from_slice(delta_more.bytes());
            bytes.extend_from_slice(length_more.bytes());
            bytes.extend_from_slice(value);
            last = *number;
        }
    }
    if !packet.payload.is_empty() {
        bytes.push(0xff);
        bytes.extend_from_slice(&packet.payload);
    }
    bytes.into()
}

/// Bytes of the options of a message.
pub fn options_length(packet: &Packet) -> usize {
    let (mut length, mut last) = (0, 0);
    for (number, values) in packet.options() {
        for value in values {
            let value = value.len().min(MAX_OPTION);
            length += 1 + extension(number - last) + extension(value as u16) + value;
            last = *number;
        }
    }
    length
}

/// Bytes that extend a delta or length.
fn extension(number: u16) -> usize {
    match number {
        0..=12 => 0,
        13..=268 => 1,
        _ => 2,
    }
}

/// A delta or length as it is written: four bits, and what extends them.
fn extend(number: u16) -> (u8, Token) {
    match number {
        0..=12 => (number as u8, Token::default()),
        13..=268 => (13, Token::new(&[(number - 13) as u8])),
        _ => (14, Token::new(&(number - 269).to_be_bytes())),
    }
}
