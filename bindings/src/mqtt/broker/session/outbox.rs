//! What a client has yet to get and to acknowledge: the queue, the window of messages in flight, packet identifiers
//! (MQTT 5 clauses 4.3, 4.4, 4.9). Pure, and bounded by number and bytes; sending is left to the connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use crate::mqtt::broker::message::{Message, Qos};

/// Bytes of which all sessions together may keep so many, and each as many as are left: whoever takes nothing fills half
/// of it, two of them a third each, and there is always some left for the others.
#[derive(Debug)]
pub(in crate::mqtt::broker) struct Budget {
    used: AtomicUsize,
    max: usize,
}

impl Budget {
    pub(in crate::mqtt::broker) fn new(max: usize) -> Self {
        Self { used: AtomicUsize::new(0), max }
    }

    /// Takes bytes for a session that has `own` already; `false` if it may not.
    fn take(&self, own: usize, bytes: usize) -> bool {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        let fits = own.saturating_add(bytes) <= self.max.saturating_sub(before);
        if !fits {
            self.give(bytes);
        }
        fits
    }

    fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A message for one client.
#[derive(Clone, Debug)]
pub(in crate::mqtt::broker) struct Delivery {
    pub(in crate::mqtt::broker) message: Arc<Message>,
    pub(in crate::mqtt::broker) qos: Qos,
    /// Whether the client is told that it was retained.
    pub(in crate::mqtt::broker) retain: bool,
    /// The identifier of the subscription that it is for.
    pub(in crate::mqtt::broker) identifier: Option<u32>,
}

/// A message whose turn it is.
#[derive(Clone, Debug)]
pub(in crate::mqtt::broker) struct Outgoing {
    pub(in crate::mqtt::broker) delivery: Delivery,
    /// Zero for QoS 0.
    pub(in crate::mqtt::broker) pid: u16,
    /// Whether it was sent before.
    pub(in crate::mqtt::broker) dup: bool,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mqtt::broker) enum Refused {
    /// There is no room, and it may be lost.
    Dropped,
    /// There is no room, and it may not be lost.
    Overflow,
}

#[derive(Debug)]
enum Stage {
    /// Sent; PUBACK or PUBREC is to come.
    Sent(Delivery),
    /// PUBREL was sent; PUBCOMP is to come.
    Released,
}

/// Messages on their way to one client.
#[derive(Debug)]
pub(in crate::mqtt::broker) struct Outbox {
    queue: VecDeque<Outgoing>,
    /// How many in the queue have QoS 0.
    losable: usize,
    /// In the order in which they were sent.
    flight: VecDeque<(u16, Stage)>,
    last_pid: u16,
    max_queued: usize,
    bytes: usize,
    budget: Arc<Budget>,
}

impl Outbox {
    pub(in crate::mqtt::broker) fn new(max_queued: usize, budget: Arc<Budget>) -> Self {
        Self {
            queue: VecDeque::new(),
            losable: 0,
            flight: VecDeque::new(),
            last_pid: 0,
            max_queued,
            bytes: 0,
            budget,
        }
    }

    /// Takes a message to the end of the queue. Where there is no room the oldest one with QoS 0 makes some; `extra`
    /// is room beyond the bound of the queue, for retained messages that a subscription asks for all at once.
    pub(in crate::mqtt::broker) fn push(&mut self, delivery: Delivery, extra: usize) -> Result<(), Refused> {
        let cost = delivery.message.cost();
        let max = self.max_queued.saturating_add(extra);
        while self.queue.len() >= max || !self.budget.take(self.bytes, cost) {
            if !self.drop_losable() {
                let is_losable = delivery.qos == Qos::AtMostOnce;
                return Err(if is_losable { Refused::Dropped } else { Refused::Overflow });
            }
        }
        self.bytes += cost;
        self.losable += usize::from(delivery.qos == Qos::AtMostOnce);
        self.queue.push_back(Outgoing { delivery, pid: 0, dup: false });
        Ok(())
    }

    /// Drops the oldest message with QoS 0; `false` if there is none.
    fn drop_losable(&mut self) -> bool {
        if self.losable == 0 {
            return false;
        }
        let oldest = self.queue.iter().position(|one| one.delivery.qos == Qos::AtMostOnce);
        let Some(dropped) = oldest.and_then(|index| self.queue.remove(index)) else { return false };
        self.forget(&dropped.delivery);
        true
    }

    /// Settles the accounts of a message that left the queue and goes nowhere.
    fn forget(&mut self, delivery: &Delivery) {
        self.losable -= usize::from(delivery.qos == Qos::AtMostOnce);
        self.release(delivery);
    }

    fn release(&mut self, delivery: &Delivery) {
        let cost = delivery.message.cost();
        self.bytes -= cost;
        self.budget.give(cost);
    }

    /// The next message to send with at most `window` in flight; what expired is left out.
    pub(in crate::mqtt::broker) fn next(&mut self, window: usize, now: Instant) -> Option<Outgoing> {
        loop {
            let first = self.queue.front()?;
            let is_losable = first.delivery.qos == Qos::AtMostOnce;
            if !is_losable && self.flight.len() >= window {
                return None;
            }
            let mut outgoing = self.queue.pop_front()?;
            // One that was sent before keeps its packet identifier busy until it is acknowledged.
            if !outgoing.dup && outgoing.delivery.message.is_expired(now) {
                self.forget(&outgoing.delivery);
                continue;
            }
            if is_losable {
                self.forget(&outgoing.delivery);
                return Some(outgoing);
            }
            if outgoing.pid == 0 {
                outgoing.pid = self.free_pid();
            }
            self.flight.push_back((outgoing.pid, Stage::Sent(outgoing.delivery.clone())));
            return Some(outgoing);
        }
    }

    fn free_pid(&mut self) -> u16 {
        loop {
            self.last_pid = self.last_pid.checked_add(1).unwrap_or(1);
            let pid = self.last_pid;
            let is_busy = self.flight.iter().any(|one| one.0 == pid)
                || self.queue.iter().take_while(|one| one.dup).any(|one| one.pid == pid);
            if !is_busy {
                return pid;
            }
        }
    }

    /// Whether anything waits to be sent, whatever the window allows.
    pub(in crate::mqtt::broker) fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// PUBACK: a message with QoS 1 arrived. `false` if none is in flight under this identifier.
    pub(in crate::mqtt::broker) fn acknowledged(&mut self, pid: u16) -> bool {
        self.settle(pid, |stage| matches!(stage, Stage::Sent(delivery) if delivery.qos == Qos::AtLeastOnce))
    }

    /// PUBREC: a message with QoS 2 arrived; it is released next. `false` if none is in flight.
    pub(in crate::mqtt::broker) fn received(&mut self, pid: u16) -> bool {
        let Some((_, stage)) = self.flight.iter_mut().find(|one| one.0 == pid) else { return false };
        match stage {
            Stage::Sent(delivery) if delivery.qos == Qos::ExactlyOnce => {
                let delivery = delivery.clone();
                *stage = Stage::Released;
                self.release(&delivery);
                true
            }
            Stage::Sent(_) => false,
            Stage::Released => true,
        }
    }

    /// PUBREC that refuses a message with QoS 2: nothing more is to come. `false` if none is in flight.
    pub(in crate::mqtt::broker) fn refused(&mut self, pid: u16) -> bool {
        self.settle(pid, |stage| matches!(stage, Stage::Sent(delivery) if delivery.qos == Qos::ExactlyOnce))
    }

    /// PUBCOMP: a message with QoS 2 is done with. `false` if none was released under this identifier.
    pub(in crate::mqtt::broker) fn completed(&mut self, pid: u16) -> bool {
        self.settle(pid, |stage| matches!(stage, Stage::Released))
    }

    fn settle(&mut self, pid: u16, is_meant: impl Fn(&Stage) -> bool) -> bool {
        let Some(index) = self.flight.iter().position(|one| one.0 == pid && is_meant(&one.1)) else {
            return false;
        };
        if let Some((_, Stage::Sent(delivery))) = self.flight.remove(index) {
            self.release(&delivery);
        }
        true
    }

    /// The client is back: what it did not acknowledge goes to the front of the queue again. Returns the identifiers
    /// for which PUBREL has to be repeated.
    pub(in crate::mqtt::broker) fn resume(&mut self) -> Vec<u16> {
        let mut released = Vec::new();
        for (pid, stage) in std::mem::take(&mut self.flight).into_iter().rev() {
            match stage {
                Stage::Sent(delivery) => self.queue.push_front(Outgoing { delivery, pid, dup: true }),
                Stage::Released => {
                    released.push(pid);
                    self.flight.push_front((pid, Stage::Released));
                }
            }
        }
        released.reverse();
        released
    }

    /// The client is away: what may be lost is.
    pub(in crate::mqtt::broker) fn drop_all_losable(&mut self) {
        for outgoing in std::mem::take(&mut self.queue) {
            if outgoing.delivery.qos == Qos::AtMostOnce {
                self.forget(&outgoing.delivery);
            } else {
                self.queue.push_back(outgoing);
            }
        }
        self.queue.shrink_to_fit();
    }

    /// A message that the client cannot take at all: done with (MQTT 5 clause 3.1.2.11.4).
    pub(in crate::mqtt::broker) fn discard(&mut self, pid: u16) {
        self.settle(pid, |stage| matches!(stage, Stage::Sent(_)));
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.budget.give(self.bytes);
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
