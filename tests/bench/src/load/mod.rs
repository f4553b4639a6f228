//! The load generator: one thread, non-blocking sockets, a closed loop.
//!
//! A connection has one request in flight and sends the next when the answer is whole. The last answers
//! are awaited, so what was sent and what was answered is the same number.

mod datagrams;
mod devices;
mod framing;
mod histogram;
mod lane;

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use mio::{Events, Poll};

pub(crate) use self::datagrams::{Datagrams, is_observed, observe, request};
pub(crate) use self::devices::{Devices, Message, Wire};
pub(crate) use self::framing::Framing;
pub(crate) use self::histogram::Histogram;
pub(crate) use self::lane::Lane;

/// Without an answer on any connection for so long, the other side counts as stuck.
const PATIENCE: Duration = Duration::from_secs(60);
/// After so many unexpected answers going on teaches nothing.
const TOLERATED: u64 = 100;

/// Writes the request with this number into the buffer.
pub(crate) type Script<'a> = dyn FnMut(u64, &mut Vec<u8>) + 'a;

/// When a load ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// After a time.
    Elapsed(Duration),
    /// After a number of answers.
    Answered(u64),
}

/// A load on one address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Who is asked.
    pub(crate) address: SocketAddr,
    /// In which binding.
    pub(crate) framing: Framing,
    /// How many requests are in flight at any time.
    pub(crate) connections: usize,
    /// The HTTP status that counts as an answer; any other is an error.
    pub(crate) expect: u16,
    /// When it ends.
    pub(crate) until: Until,
}

/// What a load saw.
#[derive(Debug, Default, Clone)]
pub(crate) struct Outcome {
    /// Expected answers.
    pub(crate) answered: u64,
    /// Unexpected answers.
    pub(crate) errors: u64,
    /// The first unexpected answer.
    pub(crate) complaint: Option<String>,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// How long answers took.
    pub(crate) latency: Histogram,
}

impl Outcome {
    /// Expected answers per second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// Fails when any answer was unexpected.
    pub(crate) fn clean(self) -> Result<Self> {
        match &self.complaint {
            Some(complaint) => bail!("{} errors, the first: {complaint}", self.errors),
            None => Ok(self),
        }
    }

    fn record(&mut self, expect: u16, status: u16, took: Duration, bytes: &[u8]) {
        if status == expect {
            self.answered += 1;
            self.latency.record(took);
        } else {
            self.errors += 1;
            if self.complaint.is_none() {
                let text: String = String::from_utf8_lossy(bytes).chars().take(400).collect();
                self.complaint = Some(text.replace("\r\n", " | "));
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} req/s, p50 {:.2} ms, p99 {:.2} ms, {} answers, {} errors",
            self.rate(),
            self.latency.quantile(0.50),
            self.latency.quantile(0.99),
            self.answered,
            self.errors
        )?;
        self.complaint.iter().try_for_each(|complaint| write!(f, "\n  {complaint}"))
    }
}

impl Load {
    /// Sends what the script writes until the end of the load.
    pub(crate) fn run(&self, script: &mut Script<'_>) -> Result<Outcome> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(self.connections.max(16));
        let mut lanes = (0..self.connections)
            .map(|token| Lane::open(self.framing, self.address, poll.registry(), token))
            .collect::<Result<Vec<_>>>()?;
        let mut outcome = Outcome::default();
        let (mut sent, mut waiting) = (0, 0);
        let started = Instant::now();
        for lane in &mut lanes {
            if self.goes_on(sent, Duration::ZERO) {
                script(sent, lane.request());
                lane.send(started)?;
                (sent, waiting) = (sent + 1, waiting + 1);
            }
        }
        while waiting > 0 {
            ready(&mut poll, &mut events, PATIENCE)?;
            if events.is_empty() {
                bail!("no answer within {} s ({outcome})", PATIENCE.as_secs());
            }
            for event in &events {
                let Some(lane) = lanes.get_mut(event.token().0) else { continue };
                let Some(answer) = lane.advance()? else { continue };
                let now = Instant::now();
                let took = now.duration_since(lane.sent_at());
                outcome.record(self.expect, answer.status, took, lane.answer(answer));
                waiting -= 1;
                if outcome.errors < TOLERATED && self.goes_on(sent, now.duration_since(started)) {
                    script(sent, lane.request());
                    lane.send(now)?;
                    (sent, waiting) = (sent + 1, waiting + 1);
                }
            }
        }
        outcome.elapsed = started.elapsed();
        Ok(outcome)
    }

    fn goes_on(&self, sent: u64, elapsed: Duration) -> bool {
        match self.until {
            Until::Elapsed(limit) => elapsed < limit,
            Until::Answered(limit) => sent < limit,
        }
    }
}

/// Waits for events, for so long at the most; a signal is none.
pub(crate) fn ready(poll: &mut Poll, events: &mut Events, longest: Duration) -> io::Result<()> {
    loop {
        match poll.poll(events, Some(longest)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
