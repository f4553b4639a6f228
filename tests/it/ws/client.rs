//! A WebSocket client that also does what no library would: it sees every frame, and sends any.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use dyad_tests::Node;
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::handshake::server;
use tungstenite::{Error, Message, WebSocket};

use crate::load::PATIENCE;

/// An open connection.
pub(super) struct Connection {
    pub(super) socket: WebSocket<TcpStream>,
    /// Requests of the node that came while something else was waited for.
    requests: Vec<Value>,
}

impl Connection {
    pub(super) const fn new(socket: WebSocket<TcpStream>) -> Self {
        Self { socket, requests: Vec::new() }
    }
}

/// Connects, offering sub-protocols; the status if the handshake is refused.
pub(super) fn connect(node: &Node, subprotocol: &str) -> Result<Connection, (u16, String)> {
    connect_with(node, &[("Sec-WebSocket-Protocol", subprotocol)], "/")
}

/// The same with these headers, to a path.
pub(super) fn connect_with(
    node: &Node,
    headers: &[(&'static str, &str)],
    path: &str,
) -> Result<Connection, (u16, String)> {
    let address = node.address_of("WebSocket");
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match tungstenite::client(request, stream) {
        Ok((socket, _)) => Ok(Connection::new(socket)),
        Err(tungstenite::HandshakeError::Failure(Error::Http(answer))) => {
            let body = answer.body().clone().unwrap_or_default();
            Err((answer.status().as_u16(), String::from_utf8(body).unwrap()))
        }
        Err(error) => panic!("{error}"),
    }
}

/// A connection in JSON.
pub(super) fn json_connection(node: &Node) -> Connection {
    connect(node, "oneM2M.json").unwrap_or_else(|refused| panic!("{refused:?}"))
}

/// A request primitive.
pub(super) fn request(op: u64, to: &str, from: &str, rqi: &str, more: Value) -> Value {
    let mut request = json!({"op": op, "to": to, "fr": from, "rqi": rqi, "rvi": "3"});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

/// A CREATE.
pub(super) fn create(to: &str, from: &str, rqi: &str, ty: u64, content: Value) -> Value {
    request(1, to, from, rqi, json!({"ty": ty, "pc": content}))
}

impl Connection {
    pub(super) fn send(&mut self, primitive: &Value) {
        self.socket.send(Message::text(primitive.to_string())).unwrap();
    }

    /// Sends bytes as they are.
    pub(super) fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).unwrap();
    }

    /// The next primitive of any kind.
    pub(super) fn next(&mut self) -> Value {
        loop {
            match self.socket.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Binary(_) => panic!("a binary frame"),
                _ => {}
            }
        }
    }

    /// The next response.
    pub(super) fn response(&mut self) -> Value {
        loop {
            let primitive = self.next();
            if primitive.get("rsc").is_some() {
                return primitive;
            }
            self.requests.push(primitive);
        }
    }

    /// Sends a request and gives its response.
    #[track_caller]
    pub(super) fn ask(&mut self, request: &Value, rsc: u64) -> Value {
        self.send(request);
        let response = self.response();
        assert_eq!((&response["rqi"], &response["rsc"]), (&request["rqi"], &json!(rsc)), "{response}");
        response
    }

    /// The next request of the node, not answered yet.
    pub(super) fn requested(&mut self) -> Value {
        if !self.requests.is_empty() {
            return self.requests.remove(0);
        }
        let primitive = self.next();
        assert!(primitive.get("op").is_some(), "{primitive}");
        primitive
    }

    /// The next request of the node, answered.
    pub(super) fn notified(&mut self) -> Value {
        let request = self.requested();
        assert_eq!(request["op"], 5, "{request}");
        self.send(&json!({"rsc": 2000, "rqi": request["rqi"], "rvi": "3"}));
        request
    }

    /// The contents of the next notifications, answered.
    pub(super) fn contents(&mut self, count: usize) -> Vec<String> {
        let content = |request: &Value| {
            let content = request.pointer("/pc/m2m:sgn/nev/rep/m2m:cin/con").and_then(Value::as_str);
            content.unwrap_or_else(|| panic!("{request}")).to_owned()
        };
        (0..count).map(|_| content(&self.notified())).collect()
    }

    /// Reads to the end: the close code, if one came.
    pub(super) fn closed(&mut self) -> Option<u16> {
        let mut code = None;
        loop {
            match self.socket.read() {
                Ok(Message::Close(frame)) => code = frame.map(|frame| frame.code.into()),
                Ok(_) => {}
                Err(Error::Io(error))
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) =>
                {
                    panic!("it is not closed")
                }
                Err(_) => return code,
            }
        }
    }

    /// Whether the node has closed the connection, without waiting for more than so long.
    pub(super) fn is_closed_within(&mut self, longest: Duration) -> bool {
        let stream = self.socket.get_mut();
        stream.set_read_timeout(Some(longest)).unwrap();
        let mut byte = [0; 4096];
        loop {
            match stream.read(&mut byte) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    }
}

/// Registers `C<name>`, which is reached over connections alone, with a container `c`.
pub(super) fn register(connection: &mut Connection, name: &str) {
    let from = format!("C{name}");
    let ae = json!({"m2m:ae": {"rn": name, "api": "N1", "rr": false, "srv": ["3"]}});
    connection.ask(&create("cse-in", &from, "ae", 2, ae), 2001);
    let container = json!({"m2m:cnt": {"rn": "c"}});
    connection.ask(&create(&format!("cse-in/{name}"), &from, "cnt", 3, container), 2001);
}

/// Subscribes `C<name>` to new instances in its container; the verification is answered on the way.
pub(super) fn subscribe(connection: &mut Connection, name: &str) {
    let from = format!("C{name}");
    let subscription = json!({"m2m:sub": {"rn": "s", "nu": [from], "enc": {"net": [3]}}});
    connection.ask(&create(&format!("cse-in/{name}/c"), &from, "sub", 23, subscription), 2001);
}

/// An instance in the container of `C<name>`.
pub(super) fn instance(name: &str, con: &str) -> Value {
    let content = json!({"m2m:cin": {"con": con}});
    create(&format!("cse-in/{name}/c"), &format!("C{name}"), "cin", 4, content)
}

/// A WebSocket server that notifications go to.
pub(super) struct Target(TcpListener);

impl Target {
    pub(super) fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(super) fn url(&self) -> String {
        format!("ws://{}/", self.0.local_addr().unwrap())
    }

    /// The next connection that the node opens, in JSON.
    pub(super) fn accept(&mut self) -> Connection {
        let (stream, _) = self.0.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        #[expect(clippy::result_large_err, reason = "the library says so")]
        let choose = |asked: &server::Request, mut answer: server::Response| {
            let offered = asked.headers()["sec-websocket-protocol"].to_str().unwrap();
            assert!(offered.split(", ").any(|name| name == "oneM2M.json"), "{offered}");
            answer.headers_mut().insert("sec-websocket-protocol", "oneM2M.json".parse().unwrap());
            Ok(answer)
        };
        Connection::new(tungstenite::accept_hdr(stream, choose).unwrap())
    }
}
