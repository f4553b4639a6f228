//! CoAP (TS-0008) over UDP: confirmable requests, one at a time on each socket, with block-wise transfer (RFC 7959).

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use coap_lite::{CoapOption, MessageClass, MessageType, Packet, RequestType, ResponseType};
use serde_json::Value;

use super::primitive::{parameters, unescape};
use super::{Answer, PATIENCE, http};
use crate::request::{Operation, Request};

/// A message that is not acknowledged is sent again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Bytes in a block, and the exponent that says so.
const BLOCK: (usize, u32) = (1024, 6);

/// `application/json`
const JSON: u64 = 50;

/// Options of requests and responses (TS-0008 6.2.2.4) by the names that their parameters have in JSON.
const OPTIONS: [(&str, u16); 10] = [
    ("fr", 279),
    ("rqi", 283),
    ("rvi", 271),
    ("ot", 259),
    ("rqet", 291),
    ("rset", 295),
    ("oet", 299),
    ("ec", 303),
    ("gid", 311),
    ("vsi", 331),
];

/// Options of responses and the headers of HTTP that carry the same.
const RESPONSE: [(u16, &str, bool); 8] = [
    (307, "x-m2m-rsc", true),
    (283, "x-m2m-ri", false),
    (271, "x-m2m-rvi", false),
    (279, "x-m2m-origin", false),
    (259, "x-m2m-ot", false),
    (295, "x-m2m-rst", false),
    (323, "x-m2m-cts", true),
    (319, "x-m2m-cto", true),
];

static TOKENS: AtomicU64 = AtomicU64::new(1);

/// Sockets that are kept and used again.
#[derive(Debug)]
pub(super) struct Coap {
    address: SocketAddr,
    idle: Mutex<Vec<Endpoint>>,
}

impl Coap {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, idle: Mutex::default() }
    }

    pub(super) fn send(&self, request: &Request, identifier: String) -> io::Result<Answer> {
        let idle = self.idle.lock().unwrap().pop();
        let mut endpoint = idle.map_or_else(|| Endpoint::open(self.address), Ok)?;
        let response = endpoint.carry_out(&message(request, &identifier))?;
        self.idle.lock().unwrap().push(endpoint);
        Ok(answer(&response, identifier))
    }
}

#[derive(Debug)]
struct Endpoint {
    socket: UdpSocket,
    next: u16,
}

impl Endpoint {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(address)?;
        Ok(Self { socket, next: 1 })
    }

    /// Sends a whole request, block by block if it is long, and gives the whole response.
    fn carry_out(&mut self, request: &Packet) -> io::Result<Packet> {
        let (size, exponent) = BLOCK;
        let blocks: Vec<&[u8]> = request.payload.chunks(size).collect();
        let mut response = None;
        for (number, payload) in (0_u32..).zip(&blocks) {
            let mut part = request.clone();
            part.payload = payload.to_vec();
            if blocks.len() > 1 {
                let is_last = number as usize + 1 == blocks.len();
                part.add_option(CoapOption::Block1, uint(number << 4 | u32::from(!is_last) << 3 | exponent));
            }
            let answer = self.exchange(part)?;
            let goes_on = answer.header.code == MessageClass::Response(ResponseType::Continue);
            response = Some(answer);
            if !goes_on {
                break;
            }
        }
        let mut whole = match response {
            Some(response) => response,
            None => self.exchange(request.clone())?,
        };
        let mut block = number(&whole, CoapOption::Block2.into());
        while let Some(had) = block.filter(|block| block & 8 != 0) {
            let mut next = request.clone();
            next.payload.clear();
            next.clear_option(CoapOption::ContentFormat);
            let exponent = had & 7;
            let wanted = ((had >> 4) + 1) << 4 | exponent;
            next.add_option(CoapOption::Block2, uint(u32::try_from(wanted).map_err(io::Error::other)?));
            let part = self.exchange(next)?;
            if part.header.code != whole.header.code {
                return Ok(part);
            }
            whole.payload.extend_from_slice(&part.payload);
            block = number(&part, CoapOption::Block2.into());
        }
        Ok(whole)
    }

    /// Sends one confirmable message until it is acknowledged, and gives the response, also one that comes apart.
    fn exchange(&mut self, mut message: Packet) -> io::Result<Packet> {
        self.next = self.next.wrapping_add(1);
        let token = TOKENS.fetch_add(1, Ordering::Relaxed).to_be_bytes().to_vec();
        message.header.message_id = self.next;
        message.set_token(token.clone());
        let bytes = message.to_bytes().map_err(|error| io::Error::other(error.to_string()))?;
        let deadline = Instant::now() + PATIENCE;
        let mut input = vec![0; 64 << 10];
        let mut is_acknowledged = false;
        self.socket.send(&bytes)?;
        self.socket.set_read_timeout(Some(AGAIN_AFTER))?;
        while Instant::now() < deadline {
            let length = match self.socket.recv(&mut input) {
                Ok(length) => length,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if !is_acknowledged {
                        self.socket.send(&bytes)?;
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            let received =
                Packet::from_bytes(&input[..length]).map_err(|error| io::Error::other(error.to_string()))?;
            let is_empty = received.header.code == MessageClass::Empty;
            if received.header.get_type() == MessageType::Confirmable {
                self.acknowledge(&received)?;
            }
            if is_empty {
                is_acknowledged |= received.header.message_id == message.header.message_id;
            } else if received.get_token() == token {
                return Ok(received);
            }
        }
        Err(io::Error::new(ErrorKind::TimedOut, "no answer over CoAP"))
    }

    fn acknowledge(&self, received: &Packet) -> io::Result<()> {
        let mut acknowledgement = Packet::new();
        acknowledgement.header.set_type(MessageType::Acknowledgement);
        acknowledgement.header.code = MessageClass::Empty;
        acknowledgement.header.message_id = received.header.message_id;
        let bytes = acknowledgement.to_bytes().map_err(|error| io::Error::other(error.to_string()))?;
        self.socket.send(&bytes).map(drop)
    }
}

/// The request message (TS-0008 6.2); message ID and token come later.
fn message(request: &Request, identifier: &str) -> Packet {
    let mut message = Packet::new();
    message.header.set_type(MessageType::Confirmable);
    message.header.code = MessageClass::Request(match request.operation {
        Operation::Create | Operation::Notify => RequestType::Post,
        Operation::Retrieve => RequestType::Get,
        Operation::Update => RequestType::Put,
        Operation::Delete => RequestType::Delete,
    });
    let path = http::path(request);
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        message.add_option(CoapOption::UriPath, unescape(segment).into_bytes());
    }
    let uris = parameters(request).filter(|(name, _)| *name == "nu").map(|(_, value)| value);
    for field in query.split('&').filter(|field| !field.is_empty()) {
        message.add_option(CoapOption::UriQuery, unescape(field).into_bytes());
    }
    for (_, profile) in parameters(request).filter(|(name, _)| *name == "prpi") {
        message.add_option(CoapOption::UriQuery, format!("prpi={profile}").into_bytes());
    }
    for uri in uris {
        message.add_option(CoapOption::Unknown(263), uri.as_bytes().to_vec());
    }
    let mut put = |name: &str, value: &[u8]| {
        if let Some((_, option)) = OPTIONS.iter().find(|(own, _)| *own == name) {
            message.add_option(CoapOption::Unknown(*option), value.to_vec());
        }
    };
    put("rqi", identifier.as_bytes());
    for (name, value) in [("fr", &request.from), ("rvi", &request.release)] {
        if let Some(value) = value {
            put(name, value.as_bytes());
        }
    }
    for (name, value) in parameters(request) {
        match value.parse() {
            Ok(category) if name == "ec" => put(name, &uint(category)),
            _ => put(name, value.as_bytes()),
        }
    }
    if let Some(ty) = request.ty.and_then(|ty| u32::try_from(ty).ok()) {
        message.add_option(CoapOption::Unknown(267), uint(ty));
    }
    message.add_option(CoapOption::Accept, uint(50));
    if let Some(content) = &request.content {
        message.add_option(CoapOption::ContentFormat, uint(50));
        message.payload = content.to_string().into_bytes();
    }
    message
}

fn answer(response: &Packet, identifier: String) -> Answer {
    let mut headers = Vec::new();
    for (option, header, is_number) in RESPONSE {
        let text = match is_number {
            true => number(response, option).map(|number| number.to_string()),
            false => first(response, option).map(|value| String::from_utf8_lossy(value).into_owned()),
        };
        headers.extend(text.map(|text| (header.to_owned(), text)));
    }
    let format = number(response, CoapOption::ContentFormat.into());
    if !response.payload.is_empty() {
        let kind = if format == Some(JSON) || format == Some(10001) { "application/json" } else { "unknown" };
        headers.push(("content-type".to_owned(), kind.to_owned()));
    }
    let location: Vec<String> = response
        .get_option(CoapOption::LocationPath)
        .into_iter()
        .flatten()
        .map(|segment| format!("/{}", String::from_utf8_lossy(segment)))
        .collect();
    if !location.is_empty() {
        headers.push(("content-location".to_owned(), location.concat()));
    }
    let code = u8::from(response.header.code);
    let body = match response.payload.as_slice() {
        [] => Value::Null,
        payload => serde_json::from_slice(payload)
            .unwrap_or_else(|_| String::from_utf8_lossy(payload).into_owned().into()),
    };
    Answer {
        code: u16::from(code >> 5) * 100 + u16::from(code & 31),
        rsc: number(response, 307).unwrap_or(0),
        headers,
        body,
        identifier,
    }
}

fn first(message: &Packet, option: u16) -> Option<&Vec<u8>> {
    message.get_option(option.into()).and_then(|values| values.front())
}

/// An option that is a number (RFC 7252 3.2).
fn number(message: &Packet, option: u16) -> Option<u64> {
    let value = first(message, option)?;
    Some(value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn uint(number: u32) -> Vec<u8> {
    number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}
