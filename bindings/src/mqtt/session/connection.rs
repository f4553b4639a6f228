//! One connection of a session, from CONNECT to its end.
//!
//! Responsible for reading, writing and waiting at the same time: no direction holds up the other. What is kept beyond
//! the connection is left to `outgoing`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, MissedTickBehavior};

use super::connect::Stream;
use super::wire::{Accepted, Frame, Reader, Writer};
use super::{Command, Life, closed};
use crate::mqtt::link::{Event, Message, Receipt, Receipts};
use crate::mqtt::settings::{LinkSettings, Login};

/// Bytes that may wait to be written; more messages wait where they are.
const UNWRITTEN: usize = 256 * 1024;

/// Bytes that are read at a time.
const READING: usize = 16 * 1024;

/// How long the last words may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// How a connection ended.
pub(super) enum End {
    /// As it was asked to.
    Closed,
    /// By itself, and why.
    Lost(String),
}

/// A connection that a broker has accepted.
pub(super) struct Connection {
    reading: ReadHalf<Box<dyn Stream>>,
    writing: WriteHalf<Box<dyn Stream>>,
    reader: Reader,
    writer: Writer,
    accepted: Accepted,
    receipts: Arc<Receipts>,
    /// The packet that makes it complete, until it is acknowledged.
    completing: Option<u16>,
    /// An event for which there is no room: as long as there is one, nothing is read.
    stalled: Option<Event>,
    heard: Instant,
}

impl Connection {
    /// Says who the node is and waits until it is accepted. The error is the reason why it is not.
    pub(super) async fn begin(
        stream: Box<dyn Stream>,
        settings: &LinkSettings,
        login: Option<&Login>,
    ) -> Result<Self, String> {
        let (reading, writing) = tokio::io::split(stream);
        let mut connection = Self {
            reading,
            writing,
            reader: Reader::new(settings),
            writer: Writer::new(settings.version),
            accepted: Accepted::default(),
            receipts: Arc::default(),
            completing: None,
            stalled: None,
            heard: Instant::now(),
        };
        connection.writer.connect(settings, login)?;
        let Self { reading, writing, reader, writer, .. } = &mut connection;
        writing.write_all_buf(&mut writer.buffer).await.map_err(|error| error.to_string())?;
        loop {
            match reader.frame()? {
                Some(Frame::Connected(accepted)) => {
                    connection.accepted = accepted;
                    return Ok(connection);
                }
                Some(Frame::Refused(reason)) => return Err(format!("it refuses the connection: {reason}")),
                Some(_) => return Err("it is no MQTT broker".to_owned()),
                None => {}
            }
            match reading.read_buf(&mut reader.buffer).await {
                Ok(0) => return Err("it closes the connection at once".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Keeps it as long as it lasts.
    pub(super) async fn last(&mut self, life: &mut Life) -> End {
        match self.go_on(life).await {
            Ok(()) => {
                self.writer.disconnect();
                let farewell = async {
                    let _ = self.writing.write_all_buf(&mut self.writer.buffer).await;
                    let _ = self.writing.shutdown().await;
                };
                let _ = tokio::time::timeout(FAREWELL, farewell).await;
                End::Closed
            }
            Err(reason) => End::Lost(reason),
        }
    }

    /// Until it is closed, which is no error, or lost.
    async fn go_on(&mut self, life: &mut Life) -> Result<(), String> {
        let Accepted { has_session, max_packet, window, keep_alive } = self.accepted;
        self.completing = life.outgoing.resume(&mut self.writer, has_session, max_packet)?;
        if self.completing.is_none() {
            self.complete(life);
        }
        let window = usize::from(window.unwrap_or(u16::MAX).min(life.settings.window).max(1));
        let beat = keep_alive.map_or(life.settings.keep_alive, |seconds| Duration::from_secs(seconds.into()));
        let mut ticks = tokio::time::interval(beat.max(Duration::from_secs(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        let events = life.events.clone();
        self.heard = Instant::now();
        loop {
            while self.stalled.is_none()
                && let Some(frame) = self.reader.frame()?
            {
                self.take(frame, life)?;
            }
            self.reader.buffer.reserve(READING);
            let may_send = life.outgoing.on_their_way() < window && self.writer.buffer.len() < UNWRITTEN;
            tokio::select! {
                read = self.reading.read_buf(&mut self.reader.buffer), if self.stalled.is_none() => {
                    self.heard = Instant::now();
                    if read.map_err(|error| error.to_string())? == 0 {
                        return Err("it has closed the connection".to_owned());
                    }
                }
                written = self.writing.write_buf(&mut self.writer.buffer), if !self.writer.buffer.is_empty() => {
                    written.map_err(|error| error.to_string())?;
                }
                command = life.asked.recv(), if may_send => {
                    // Nobody is left to ask for anything.
                    let Some(command) = command else { return Ok(()) };
                    self.carry_out(command, life)?;
                }
                () = self.receipts.changed() => {
                    for packet in self.receipts.take() {
                        self.writer.taken(packet)?;
                    }
                }
                room = events.reserve(), if self.stalled.is_some() => {
                    let Ok(room) = room else { return Ok(()) };
                    if let Some(event) = self.stalled.take() {
                        room.send(event);
                    }
                }
                _ = ticks.tick() => {
                    if self.heard.elapsed() > beat * 2 && self.stalled.is_none() {
                        return Err("it is silent".to_owned());
                    }
                    self.writer.ping();
                }
                () = closed(&mut life.closed) => return Ok(()),
            }
        }
    }

    fn carry_out(&mut self, command: Command, life: &mut Life) -> Result<(), String> {
        match command {
            Command::Publish { topic, payload, done } => {
                life.outgoing.publish(&mut self.writer, topic, payload, done)
            }
            Command::Subscribe { filter, done } => life.outgoing.subscribe(&mut self.writer, filter, done),
        }
    }

    fn take(&mut self, frame: Frame, life: &mut Life) -> Result<(), String> {
        match frame {
            Frame::Message { topic, payload, packet, is_retained } => {
                let receipt = if packet == 0 { Receipt::default() } else { self.receipts.of(packet) };
                self.tell(Event::Message(Message { topic, payload, is_retained, receipt }), life);
            }
            Frame::Taken { packet, outcome } => life.outgoing.taken(packet, outcome),
            Frame::Subscribed { packet, refusal } => {
                if let Some(reason) = &refusal {
                    let broker = life.destination.authority.to_string();
                    tracing::warn!(broker, reason, "the MQTT broker refuses a subscription");
                }
                life.outgoing.subscribed(packet, refusal.as_deref());
                if self.completing.take_if(|own| *own == packet).is_some() {
                    self.complete(life);
                }
            }
            Frame::Refused(reason) => return Err(reason),
            Frame::Connected(_) => return Err("it accepts the connection twice".to_owned()),
            Frame::Other => {}
        }
        Ok(())
    }

    fn complete(&mut self, life: &Life) {
        tracing::info!(broker = %life.destination.authority, "connected with the MQTT broker");
        life.is_connected.store(true, Ordering::Release);
        self.tell(Event::Connected, life);
    }

    fn tell(&mut self, event: Event, life: &Life) {
        match life.events.try_send(event) {
            // Nobody listens: this is noticed at the next reservation, or when the commands end.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(event)) => self.stalled = Some(event),
        }
    }
}
