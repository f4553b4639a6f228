//! Devices that speak MQTT 3.1.1 at QoS 1: one thread, non-blocking sockets, a closed loop.
//!
//! Each has one request in flight and publishes the next when the answer has come. The broker's acknowledgements are
//! waited for by nobody, but everything that comes is acknowledged.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::{Buf, Bytes, BytesMut};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rumqttc::mqttbytes::Error;
use rumqttc::{Connect, Packet, PubAck, Publish, QoS, Subscribe};

use super::{Outcome, PATIENCE, TOLERATED, ready};

/// Longest packet in bytes.
const LONGEST: usize = 1 << 20;

/// What one device publishes.
#[derive(Debug)]
pub(crate) struct Message {
    /// Where.
    pub(crate) topic: String,
    /// What.
    pub(crate) payload: String,
}

/// Connections that a broker has accepted, each with a subscription.
pub(crate) struct Devices {
    poll: Poll,
    each: Vec<Device>,
    published: u64,
}

impl Devices {
    /// Connects devices, each by a client identifier and with a filter.
    pub(crate) fn open(broker: SocketAddr, each: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let poll = Poll::new()?;
        let mut devices = Vec::new();
        for (number, (name, filter)) in each.enumerate() {
            let mut wire = Wire::open(broker, &name, &filter)?.into_mio()?;
            poll.registry().register(&mut wire.stream, Token(number), Interest::READABLE)?;
            devices.push(Device { wire, sent: None });
        }
        Ok(Self { poll, each: devices, published: 0 })
    }

    /// Publishes and waits for answers until a time is over and all have come. An answer that does not contain a text
    /// is an error. `next` makes the message of a device with a number that no other message has.
    pub(crate) fn run(
        &mut self,
        time: Duration,
        expect: &str,
        next: &mut dyn FnMut(usize, u64) -> Message,
    ) -> Result<Outcome> {
        let (mut outcome, started) = (Outcome::default(), Instant::now());
        for number in 0..self.each.len() {
            self.publish(number, next)?;
        }
        let mut missing = self.each.len();
        let mut events = Events::with_capacity(256);
        while missing > 0 {
            ready(&mut self.poll, &mut events, PATIENCE)?;
            ensure!(!events.is_empty(), "{missing} answers do not come");
            for number in events.iter().map(|event| event.token().0) {
                let Some(device) = self.each.get_mut(number) else { continue };
                device.wire.read()?;
                while let Some(answer) = device.wire.next()? {
                    let Some(sent) = device.sent.take() else { bail!("an answer that nobody asked for") };
                    outcome.elapsed = started.elapsed();
                    if answer.payload.windows(expect.len()).any(|part| part == expect.as_bytes()) {
                        outcome.answered += 1;
                        outcome.latency.record(sent.elapsed());
                    } else {
                        outcome.errors += 1;
                        let text = String::from_utf8_lossy(&answer.payload).into_owned();
                        outcome.complaint.get_or_insert(text);
                    }
                }
                device.wire.write()?;
                if device.sent.is_some() {
                    continue;
                }
                if started.elapsed() < time && outcome.errors < TOLERATED {
                    self.publish(number, next)?;
                } else {
                    missing -= 1;
                }
            }
        }
        Ok(outcome)
    }

    fn publish(&mut self, number: usize, next: &mut dyn FnMut(usize, u64) -> Message) -> Result<()> {
        self.published += 1;
        let message = next(number, self.published);
        let Some(device) = self.each.get_mut(number) else { return Ok(()) };
        device.wire.publish(message.topic, message.payload.into())?;
        device.sent = Some(Instant::now());
        device.wire.write()
    }
}

struct Device {
    wire: Wire<TcpStream>,
    sent: Option<Instant>,
}

/// The packets of one connection.
pub(crate) struct Wire<S> {
    stream: S,
    input: BytesMut,
    output: BytesMut,
    packet: u16,
}

impl Wire<std::net::TcpStream> {
    /// Connects and subscribes to one filter.
    pub(crate) fn open(broker: SocketAddr, name: &str, filter: &str) -> Result<Self> {
        let stream = std::net::TcpStream::connect(broker).with_context(|| format!("connect to {broker}"))?;
        stream.set_nodelay(true)?;
        let mut wire = Self { stream, input: BytesMut::new(), output: BytesMut::new(), packet: 0 };
        let mut connect = Connect::new(name);
        connect.keep_alive = 0;
        wire.put(&Packet::Connect(connect))?;
        let mut subscribe = Subscribe::new(filter, QoS::AtLeastOnce);
        subscribe.pkid = 1;
        wire.put(&Packet::Subscribe(subscribe))?;
        wire.write()?;
        loop {
            match Packet::read(&mut wire.input, LONGEST) {
                Ok(Packet::SubAck(_)) => return Ok(wire),
                Ok(_) => {}
                // Both answers may have come together: nothing is read before what has come was looked at.
                Err(Error::InsufficientBytes(_)) => wire.read()?,
                Err(error) => bail!("{error}"),
            }
        }
    }

    fn into_mio(self) -> Result<Wire<TcpStream>> {
        let Self { stream, input, output, packet } = self;
        stream.set_nonblocking(true)?;
        Ok(Wire { stream: TcpStream::from_std(stream), input, output, packet })
    }
}

impl<S: Read + Write> Wire<S> {
    /// Appends a message to what is to be written.
    pub(crate) fn publish(&mut self, topic: String, payload: Bytes) -> Result<()> {
        self.packet = self.packet.checked_add(1).unwrap_or(1);
        let mut publish = Publish::from_bytes(topic, QoS::AtLeastOnce, payload);
        publish.pkid = self.packet;
        self.put(&Packet::Publish(publish))
    }

    /// The next message that has come; it is acknowledged with what is written next.
    pub(crate) fn next(&mut self) -> Result<Option<Publish>> {
        loop {
            match Packet::read(&mut self.input, LONGEST) {
                Ok(Packet::Publish(message)) => {
                    self.put(&Packet::PubAck(PubAck::new(message.pkid)))?;
                    return Ok(Some(message));
                }
                Ok(_) => {}
                Err(Error::InsufficientBytes(_)) => return Ok(None),
                Err(error) => bail!("{error}"),
            }
        }
    }

    /// Reads what there is: once, as a blocking stream would wait for more.
    pub(crate) fn read(&mut self) -> Result<()> {
        let mut chunk = [0; 64 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => bail!("the broker has closed the connection"),
            Ok(count) => self.input.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Writes all that is to be written. The packets of a closed loop fit into the buffer of a socket.
    pub(crate) fn write(&mut self) -> Result<()> {
        while !self.output.is_empty() {
            let written = self.stream.write(&self.output)?;
            self.output.advance(written);
        }
        Ok(())
    }

    fn put(&mut self, packet: &Packet) -> Result<()> {
        packet.write(&mut self.output, LONGEST).map(drop).map_err(|error| anyhow::anyhow!("{error}"))
    }
}
