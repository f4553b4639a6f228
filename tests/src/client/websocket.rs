//! WebSocket (TS-0020): request primitives in JSON, one at a time on each connection.

use std::fmt::Display;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;

use serde_json::{Value, json};
use tungstenite::Message;
use tungstenite::client::IntoClientRequest as _;

use super::{Answer, PATIENCE, primitive};
use crate::request::Request;

type Connection = tungstenite::WebSocket<TcpStream>;

/// Connections that are kept and used again.
#[derive(Debug)]
pub(super) struct WebSocket {
    address: SocketAddr,
    idle: Mutex<Vec<Connection>>,
}

impl WebSocket {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, idle: Mutex::default() }
    }

    pub(super) fn send(&self, request: &Request, identifier: String) -> io::Result<Answer> {
        let text = primitive::request(request, &identifier).to_string();
        let idle = self.idle.lock().unwrap().pop();
        let mut connection = idle.map_or_else(|| self.connect(), Ok)?;
        connection.send(Message::text(text)).map_err(other)?;
        loop {
            let message = connection.read().map_err(other)?;
            let Message::Text(text) = message else { continue };
            let received: Value = serde_json::from_str(&text)?;
            if received.get("op").is_some() {
                // A request to an AE of this connection, which has its points of access elsewhere.
                let refusal = json!({ "rsc": 5103, "rqi": received["rqi"], "rvi": received["rvi"] });
                connection.send(Message::text(refusal.to_string())).map_err(other)?;
            } else if received["rqi"] == identifier.as_str() || received.get("rqi").is_none() {
                self.idle.lock().unwrap().push(connection);
                return Ok(primitive::answer(&received, identifier));
            }
        }
    }

    fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut request = format!("ws://{}/", self.address).into_client_request().map_err(other)?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", "oneM2M.json".parse().expect("a header"));
        let (connection, _) = tungstenite::client(request, stream).map_err(other)?;
        Ok(connection)
    }
}

fn other(error: impl Display) -> io::Error {
    io::Error::other(error.to_string())
}
