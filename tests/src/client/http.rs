//! HTTP (TS-0009), on nothing but sockets, so that it can also send what no library
//! would.

use std::fmt::Write as _;
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;

use super::{Answer, PATIENCE};
use crate::request::{Operation, Request};
use crate::wire::Message;

/// Connections that are kept and used again.
#[derive(Debug)]
pub(super) struct Http {
    address: SocketAddr,
    idle: Mutex<Vec<BufReader<TcpStream>>>,
}

impl Http {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, idle: Mutex::default() }
    }

    pub(super) fn send(&self, request: &Request, identifier: String) -> io::Result<Answer> {
        let message = self.exchange(&encode(request, &identifier, self.address))?;
        Ok(answer(message, identifier))
    }

    pub(super) fn send_bytes(&self, bytes: &[u8]) -> io::Result<Option<Answer>> {
        let mut connection = self.connect()?;
        connection.get_mut().write_all(bytes)?;
        Ok(Message::read(&mut connection)?.map(|message| answer(message, String::new())))
    }

    fn exchange(&self, bytes: &[u8]) -> io::Result<Message> {
        let idle = self.idle.lock().unwrap().pop();
        // A kept connection may have been closed meanwhile.
        if let Some(mut connection) = idle.filter(|connection| is_alive(connection.get_ref())) {
            connection.get_mut().write_all(bytes)?;
            if let Some(message) = Message::read(&mut connection)? {
                return Ok(self.keep(connection, message));
            }
        }
        let mut connection = self.connect()?;
        connection.get_mut().write_all(bytes)?;
        let message = Message::read(&mut connection)?;
        let message = message.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "no answer"))?;
        Ok(self.keep(connection, message))
    }

    fn keep(&self, connection: BufReader<TcpStream>, message: Message) -> Message {
        if message.header("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close")) {
            self.idle.lock().unwrap().push(connection);
        }
        message
    }

    fn connect(&self) -> io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(BufReader::new(stream))
    }
}

/// Whether the peer still holds a connection on which nothing is expected.
fn is_alive(mut stream: &TcpStream) -> bool {
    let mut byte = [0];
    let quiet = stream.set_nonblocking(true).is_ok()
        && matches!(stream.read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
    quiet && stream.set_nonblocking(false).is_ok()
}

fn answer(message: Message, identifier: String) -> Answer {
    let code = message.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let rsc = message.header("x-m2m-rsc").and_then(|rsc| rsc.parse().ok()).unwrap_or(0);
    let body = message.json();
    Answer { code, rsc, headers: message.headers, body, identifier }
}

/// The request message of a request (TS-0009 6.2, 6.4).
fn encode(request: &Request, identifier: &str, host: SocketAddr) -> Vec<u8> {
    let method = match request.operation {
        Operation::Create | Operation::Notify => "POST",
        Operation::Retrieve => "GET",
        Operation::Update => "PUT",
        Operation::Delete => "DELETE",
    };
    let (method, path) = match &request.line {
        Some((method, path)) => (method.as_str(), path.clone()),
        None => (method, path(request)),
    };
    let body = match (&request.text, &request.content) {
        (Some(text), _) => text.clone(),
        (None, Some(content)) => content.to_string(),
        (None, None) => String::new(),
    };
    let mut headers: Vec<(String, String)> = vec![("Host".into(), host.to_string())];
    let mut put = |name: &str, value: Option<&str>| {
        let is_replaced = request.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        if let Some(value) = value.filter(|_| !is_replaced) {
            headers.push((name.to_owned(), value.to_owned()));
        }
    };
    put("X-M2M-Origin", request.from.as_deref());
    put("X-M2M-RI", Some(identifier));
    put("X-M2M-RVI", request.release.as_deref());
    put("Accept", Some("application/json"));
    match request.ty {
        Some(ty) => put("Content-Type", Some(&format!("application/json;ty={ty}"))),
        None if !body.is_empty() => put("Content-Type", Some("application/json")),
        None => {}
    }
    if !body.is_empty() || method != "GET" {
        put("Content-Length", Some(&body.len().to_string()));
    }
    headers.extend(request.headers.iter().cloned());
    let mut message = format!("{method} {path} HTTP/1.1\r\n");
    for (name, value) in headers {
        if !request.without.contains(&name.to_ascii_lowercase()) {
            let _ = write!(message, "{name}: {value}\r\n");
        }
    }
    format!("{message}\r\n{body}").into_bytes()
}

/// Path and query.
pub(super) fn path(request: &Request) -> String {
    let (to, attribute) = match request.to.split_once('#') {
        Some((to, attribute)) => (to, Some(attribute)),
        None => (request.to.as_str(), None),
    };
    let mut path = match to.strip_prefix("//") {
        Some(absolute) => format!("/_/{absolute}"),
        None if to.starts_with('/') => format!("/~{to}"),
        None => format!("/{to}"),
    };
    let attribute = attribute.map(|name| ("atrl".to_owned(), name.to_owned()));
    let mut separator = '?';
    for (name, value) in attribute.iter().chain(&request.fields) {
        let _ = write!(path, "{separator}{name}={}", escape(value));
        separator = '&';
    }
    path
}

/// Percent-encodes what a query field cannot have; `+` stays, it separates the values of a list.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'+'
            | b'*'
            | b','
            | b':'
            | b'/'
            | b'%' => {
                escaped.push(char::from(byte));
            }
            _ => {
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}
