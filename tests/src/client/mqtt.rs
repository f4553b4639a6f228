//! MQTT 3.1.1 (TS-0010): request primitives in JSON, one at a time on each connection.
//!
//! A connection is that of one originator: a broker may refuse to let an entity speak for another.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use rumqttc::mqttbytes::v4::{
    Connect, ConnectReturnCode, Packet, PubAck, Publish, Subscribe, SubscribeReasonCode,
};
use rumqttc::mqttbytes::{Error, QoS};
use serde_json::Value;

use super::{Answer, PATIENCE, primitive};
use crate::request::Request;

/// Longest packet in bytes.
const LONGEST: usize = 64 << 20;

/// Idle connections that are kept: a test run has very many originators.
const KEPT: usize = 64;

static CLIENTS: AtomicU64 = AtomicU64::new(0);

/// Connections that are kept and used again, by originator.
#[derive(Debug)]
pub(super) struct Mqtt {
    address: SocketAddr,
    /// As in topics.
    cse: String,
    idle: Mutex<HashMap<String, Vec<Connection>>>,
}

impl Mqtt {
    pub(super) fn new(address: SocketAddr, cse: &str) -> Self {
        Self { address, cse: level(cse), idle: Mutex::default() }
    }

    pub(super) fn send(&self, request: &Request, identifier: String) -> io::Result<Answer> {
        let from = request.from.clone().unwrap_or_default();
        let idle = self.idle.lock().unwrap().get_mut(&from).and_then(Vec::pop);
        let mut connection = idle.map_or_else(|| Connection::open(self.address, &from, &self.cse), Ok)?;
        let text = primitive::request(request, &identifier).to_string();
        let (kind, originator) = (connection.kind, connection.originator.clone());
        let topic = format!("/oneM2M/{kind}req/{originator}/{}/json", self.cse);
        connection.publish(&topic, text.into_bytes())?;
        let response = connection.response(&identifier)?;
        let mut idle = self.idle.lock().unwrap();
        if idle.values().map(Vec::len).sum::<usize>() >= KEPT {
            idle.clear();
        }
        idle.entry(from).or_default().push(connection);
        Ok(primitive::answer(&response, identifier))
    }
}

/// An ID as a level of a topic: without the service provider, and SP-relative (TS-0010 6.4.2).
fn level(id: &str) -> String {
    let id = id.strip_prefix("//").and_then(|absolute| absolute.split_once('/')).map_or(id, |(_, id)| id);
    id.trim_start_matches('/').replace('/', ":")
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    input: BytesMut,
    /// `reg_` where the originator has no identity yet.
    kind: &'static str,
    /// As in topics: the originator, or a credential where there is none.
    originator: String,
}

impl Connection {
    fn open(address: SocketAddr, from: &str, cse: &str) -> io::Result<Self> {
        let number = CLIENTS.fetch_add(1, Ordering::Relaxed);
        let is_nobody = matches!(from, "" | "C" | "S");
        let (kind, originator) = match is_nobody {
            true => ("reg_", format!("credential{number}")),
            false => ("", level(from)),
        };
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut connection = Self { stream, input: BytesMut::new(), kind, originator };
        // An originator may have several connections at a time: it is named by the user name, which may come twice.
        let mut connect = Connect::new(format!("test-{number}"));
        connect.keep_alive = 600;
        connect.set_login(&connection.originator, "");
        connection.write(&Packet::Connect(connect))?;
        match connection.read()? {
            Packet::ConnAck(answer) if answer.code == ConnectReturnCode::Success => {}
            other => return Err(io::Error::other(format!("no connection: {other:?}"))),
        }
        let filter = format!("/oneM2M/{kind}resp/{}/{cse}/#", connection.originator);
        let mut subscribe = Subscribe::new(filter, QoS::AtLeastOnce);
        subscribe.pkid = 1;
        connection.write(&Packet::Subscribe(subscribe))?;
        match connection.read()? {
            Packet::SubAck(answer)
                if matches!(answer.return_codes.as_slice(), [SubscribeReasonCode::Success(_)]) =>
            {
                Ok(connection)
            }
            other => Err(io::Error::other(format!("no subscription: {other:?}"))),
        }
    }

    fn publish(&mut self, topic: &str, payload: Vec<u8>) -> io::Result<()> {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.pkid = 2;
        self.write(&Packet::Publish(publish))
    }

    fn response(&mut self, identifier: &str) -> io::Result<Value> {
        loop {
            let Packet::Publish(publish) = self.read()? else { continue };
            if publish.qos == QoS::AtLeastOnce {
                self.write(&Packet::PubAck(PubAck::new(publish.pkid)))?;
            }
            let received: Value = serde_json::from_slice(&publish.payload)?;
            if received["rqi"] == identifier || received.get("rqi").is_none() {
                return Ok(received);
            }
        }
    }

    fn write(&mut self, packet: &Packet) -> io::Result<()> {
        let mut output = BytesMut::new();
        packet.write(&mut output, LONGEST).map_err(|error| io::Error::other(format!("{error:?}")))?;
        self.stream.write_all(&output)
    }

    fn read(&mut self) -> io::Result<Packet> {
        let mut chunk = [0; 16 << 10];
        loop {
            match Packet::read(&mut self.input, LONGEST) {
                Ok(packet) => return Ok(packet),
                Err(Error::InsufficientBytes(_)) => {}
                Err(error) => return Err(io::Error::other(format!("{error:?}"))),
            }
            match self.stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.input.extend_from_slice(&chunk[..count]),
            }
        }
    }
}
