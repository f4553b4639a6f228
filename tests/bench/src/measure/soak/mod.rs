//! Connections and observers that come and go over every binding: what they took is given back.
//!
//! A minute of this is what a day of a busy node is: thousands of clients that come, ask, are told of a change, and
//! leave, every other one without saying so.

mod observer;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::bench::Bench;
use crate::child::pause;
use crate::node::{AE, HOME, INSTANCE, Node, TY_INSTANCE};
use crate::report::{Report, Row};

use self::observer::{Messages, Observer};

/// Clients of each kind at a time.
const CROWD: usize = 250;

/// Longest time that a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// An observer that is gone is noticed when it acknowledges nothing: after MAX_TRANSMIT_WAIT at the latest (RFC 7252
/// 4.8.2), and some.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(120);

/// Rounds until memory has the size that it keeps.
const WARM: usize = 4;

pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    // All clients have one address, and those who left without a word are remembered for a while.
    let settings = ["coap.observers=20000", "coap.observers_per_address=20000", "coap.rate=0"];
    let mut node = Node::start_with(bench, &settings)?;
    let container = node.container("soak", 10)?;
    node.create(&container, TY_INSTANCE, INSTANCE)?;
    let places = Places::of(&node)?;
    let (mut rounds, mut warm, mut peak) = (0, 0.0, 0.0_f64);
    let mut messages = Messages::default();
    let mut started = Instant::now();
    let length = bench.watch().min(Duration::from_secs(60));
    while rounds < WARM || started.elapsed() < length {
        round(&mut node, &places, &container, &mut messages).with_context(|| format!("in round {rounds}"))?;
        rounds += 1;
        let memory = node.server.memory()?;
        peak = peak.max(memory);
        if rounds == WARM {
            (warm, started) = (memory, Instant::now());
        }
    }
    let ended = Instant::now();
    let mut left = node.server.memory()?;
    while left > warm * 1.1 && ended.elapsed() < FORGOTTEN_WITHIN {
        pause(Duration::from_secs(1));
        left = node.server.memory()?;
    }
    println!(
        "     {warm:.1} MB warm, {peak:.1} MB at most, {left:.1} MB {:.0} s after the last left",
        ended.elapsed().as_secs_f64()
    );
    let clients = rounds * CROWD * 4;
    let measure =
        format!("Growth of {warm:.0} MB under {clients} clients that come and go over four bindings");
    report.add(Row::limit(&measure, 100.0 * (left - warm) / warm, 10.0, "%"));
    Ok(())
}

/// Where the node answers.
struct Places {
    http: SocketAddr,
    coap: SocketAddr,
    mqtt: SocketAddr,
    websocket: SocketAddr,
}

impl Places {
    fn of(node: &Node) -> Result<Self> {
        Ok(Self {
            http: node.server.address,
            coap: node.server.address_of("CoAP")?,
            mqtt: node.server.address_of("MQTT")?,
            websocket: node.server.address_of("WebSocket")?,
        })
    }
}

/// A crowd over every binding; all are there when the container changes.
fn round(node: &mut Node, places: &Places, container: &str, messages: &mut Messages) -> Result<()> {
    let mut streams = Vec::with_capacity(3 * CROWD);
    let mut observers = Vec::with_capacity(CROWD);
    for number in 0..CROWD {
        streams.push((http(places.http).context("HTTP")?, Vec::new()));
        streams.push((mqtt(places.mqtt, number).context("MQTT")?, vec![0xE0, 0]));
        streams.push((websocket(places.websocket).context("WebSocket")?, vec![0x88, 0x80, 0, 0, 0, 0]));
        observers.push(Observer::begin(places.coap, messages).context("CoAP")?);
    }
    node.create(container, TY_INSTANCE, INSTANCE)?;
    for observer in &observers {
        observer.receive().context("an observer is not told")?;
    }
    // Every other one leaves without a word.
    for (mut stream, farewell) in streams.into_iter().step_by(2) {
        stream.write_all(&farewell)?;
    }
    for observer in observers.iter().step_by(2) {
        observer.end(messages).context("the end of an observation is not answered")?;
    }
    Ok(())
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads until the text or the bytes are there.
fn until(stream: &mut TcpStream, wanted: &[u8]) -> Result<()> {
    let (mut had, mut chunk) = (Vec::new(), [0; 2048]);
    while !had.windows(wanted.len()).any(|part| part == wanted) {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            bail!("closed after {:?}", String::from_utf8_lossy(&had));
        }
        had.extend(chunk.iter().take(count));
    }
    Ok(())
}

fn http(address: SocketAddr) -> Result<TcpStream> {
    let mut stream = connect(address)?;
    write!(
        stream,
        "GET {HOME} HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: {AE}\r\nX-M2M-RI: 1\r\nX-M2M-RVI: 3\r\n\r\n"
    )?;
    until(&mut stream, b"\"m2m:ae\"")?;
    Ok(stream)
}

/// MQTT 3.1.1: a clean session that waits for responses.
fn mqtt(address: SocketAddr, number: usize) -> Result<TcpStream> {
    let mut stream = connect(address)?;
    let client = text(&format!("soak-{number}"))?;
    let mut packet = [text("MQTT")?, vec![4, 2, 0, 60], client].concat();
    packet.splice(0..0, [0x10, u8::try_from(packet.len())?]);
    stream.write_all(&packet)?;
    until(&mut stream, &[0x20, 2, 0, 0])?;
    let mut packet = [vec![0, 1], text(&format!("/oneM2M/resp/Csoak{number}/id-in/#"))?, vec![1]].concat();
    packet.splice(0..0, [0x82, u8::try_from(packet.len())?]);
    stream.write_all(&packet)?;
    until(&mut stream, &[0x90, 3, 0, 1, 1])?;
    Ok(stream)
}

/// A string of MQTT: two bytes for its length before it.
fn text(text: &str) -> Result<Vec<u8>> {
    Ok([u16::try_from(text.len())?.to_be_bytes().as_slice(), text.as_bytes()].concat())
}

fn websocket(address: SocketAddr) -> Result<TcpStream> {
    let mut stream = connect(address)?;
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: oneM2M.json\r\n\r\n"
    )?;
    until(&mut stream, b"\r\n\r\n")?;
    let to = HOME.trim_start_matches('/');
    let request = format!(r#"{{"op":2,"to":"{to}","fr":"{AE}","rqi":"1","rvi":"3"}}"#);
    // A text frame under 126 bytes, masked with zeros, which leave it as it is.
    let head = [0x81, 0x80 | u8::try_from(request.len())?, 0, 0, 0, 0];
    stream.write_all(&[head.as_slice(), request.as_bytes()].concat())?;
    until(&mut stream, b"\"m2m:ae\"")?;
    Ok(stream)
}
