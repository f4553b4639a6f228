//! The message layer on simulated time: repetition, loss, duplicates, bounds.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "tests")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use dyad_bindings::coap::layer::{Effort, Layer, Limits, Settled, Transmit};
use dyad_bindings::coap::remembered::{Asks, Remembered, Room, Seen};
use dyad_bindings::coap::{Outcome, Source};
use proptest::prelude::*;

fn source(port: u16) -> Source {
    Source { address: ([192, 0, 2, 1], port).into(), link: 0 }
}

/// A layer with what it sent and told.
struct Bench {
    layer: Layer<u32>,
    now: Instant,
    out: Vec<Transmit>,
    settled: Vec<Settled<u32>>,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        Self { layer: Layer::new(limits), now: Instant::now(), out: Vec::new(), settled: Vec::new() }
    }

    fn send(&mut self, to: Source, attached: u32) -> Result<u16, u32> {
        let id = self.layer.next_id(to);
        let message = (id, Bytes::from(id.to_be_bytes().to_vec()));
        self.layer.confirmable(self.now, to, message, Effort::STANDARD, attached, &mut self.out)?;
        Ok(id)
    }

    fn echo(&mut self, from: Source, id: u16, outcome: Outcome) {
        self.layer.echoed(self.now, from, id, outcome, &mut self.out, &mut self.settled);
    }

    /// Goes on to the next moment at which something is due; how long that took.
    fn step(&mut self) -> Duration {
        let before = self.now;
        self.now = self.layer.next_due().unwrap().max(before);
        self.layer.expire(self.now, &mut self.out, &mut self.settled);
        self.now - before
    }
}

#[test]
fn a_message_is_repeated_with_growing_pauses_and_given_up() {
    let mut bench = Bench::new(Limits::default());
    bench.send(source(1), 5).unwrap();
    let began = bench.now;
    let mut pauses = Vec::new();
    while bench.settled.is_empty() {
        pauses.push(bench.step().as_secs_f64());
    }
    assert_eq!(bench.out.len(), 5);
    assert!(bench.out.iter().all(|sent| *sent == bench.out[0]));
    assert!((2.0..=3.0).contains(&pauses[0]), "{pauses:?}");
    assert!(pauses.windows(2).all(|pair| (pair[1] / pair[0] - 2.0).abs() < 0.01), "{pauses:?}");
    // MAX_TRANSMIT_WAIT
    assert!(bench.now - began <= Duration::from_secs(93));
    assert_eq!(bench.settled, [(source(1), 5, Outcome::TimedOut)]);
    assert_eq!(bench.layer.under_way(), 0);
}

#[test]
fn an_echo_ends_it() {
    for outcome in [Outcome::Acknowledged, Outcome::Reset] {
        let mut bench = Bench::new(Limits::default());
        let id = bench.send(source(1), 5).unwrap();
        bench.step();
        bench.echo(source(2), id, outcome);
        bench.echo(source(1), id.wrapping_add(1), outcome);
        assert!(bench.settled.is_empty());
        bench.echo(source(1), id, outcome);
        bench.echo(source(1), id, outcome);
        assert_eq!(bench.settled, [(source(1), 5, outcome)]);
        assert_eq!((bench.layer.under_way(), bench.out.len()), (0, 2));
    }
}

#[test]
fn one_endpoint_gets_one_after_the_other() {
    let mut bench = Bench::new(Limits { waiting: 2, ..Limits::default() });
    let first = bench.send(source(1), 1).unwrap();
    let second = bench.send(source(1), 2).unwrap();
    bench.send(source(1), 3).unwrap();
    assert_eq!(bench.send(source(1), 4), Err(4));
    bench.send(source(2), 5).unwrap();
    assert_eq!(bench.out.len(), 2);
    bench.echo(source(1), first, Outcome::Acknowledged);
    assert_eq!(bench.out[2].1, Bytes::from(second.to_be_bytes().to_vec()));
    assert_eq!(bench.layer.cancel(bench.now, source(1), second, &mut bench.out), Some(2));
    assert_eq!(bench.out.len(), 4);
    assert_eq!(bench.layer.under_way(), 2);
}

#[test]
fn guessing_ends_what_is_guessed_at() {
    let mut bench = Bench::new(Limits::default());
    let id = bench.send(source(1), 1).unwrap();
    for guess in 1..=8 {
        bench.echo(source(1), id.wrapping_add(guess), Outcome::Reset);
    }
    assert_eq!(bench.settled, [(source(1), 1, Outcome::TimedOut)]);
}

#[test]
fn a_reset_of_what_is_not_confirmable_is_told_while_it_is_known() {
    let mut bench = Bench::new(Limits { unconfirmed: 2, ..Limits::default() });
    for id in 1..=3 {
        bench.layer.unconfirmed(source(1), id, u32::from(id));
    }
    for id in 1..=3 {
        bench.echo(source(1), id, Outcome::Reset);
    }
    let told: Vec<_> = bench.settled.iter().map(|(_, attached, _)| *attached).collect();
    assert_eq!(told, [2, 3]);
}

proptest! {
    /// Whatever is lost, every message is settled once, and nobody gets more than NSTART at a time.
    #[test]
    fn every_message_is_settled_once(lost in prop::collection::vec(any::<bool>(), 400), messages in 1_u32..40) {
        let mut bench = Bench::new(Limits { waiting: 64, ..Limits::default() });
        for message in 0..messages {
            bench.send(source(message as u16 % 3), message).unwrap();
        }
        let (mut delivered, mut losses) = (0, lost.into_iter().cycle());
        while bench.layer.under_way() > 0 {
            while delivered < bench.out.len() {
                let (to, datagram) = bench.out[delivered].clone();
                delivered += 1;
                if !losses.next().unwrap() {
                    let id = u16::from_be_bytes([datagram[0], datagram[1]]);
                    bench.echo(to, id, Outcome::Acknowledged);
                }
            }
            if bench.layer.under_way() > 0 {
                bench.step();
            }
        }
        let mut settled: Vec<_> = bench.settled.iter().map(|(_, attached, _)| *attached).collect();
        settled.sort_unstable();
        prop_assert_eq!(settled, (0..messages).collect::<Vec<_>>());
    }
}

const ROOM: Room = Room { messages: 4, bytes: 100 };

#[test]
fn a_repetition_gets_the_same_answer() {
    let (mut remembered, now) = (Remembered::new(ROOM, ROOM), Instant::now());
    assert_eq!(remembered.came(now, source(1), 7, Asks::Change), Seen::New);
    assert_eq!(remembered.came(now, source(1), 7, Asks::Change), Seen::Again(None));
    remembered.answered(now, source(1), 7, Bytes::from_static(b"later"));
    remembered.answered(now, source(1), 7, Bytes::from_static(b"answer"));
    assert_eq!(
        remembered.came(now, source(1), 7, Asks::Change),
        Seen::Again(Some(Bytes::from_static(b"answer")))
    );
    assert_eq!(remembered.came(now, source(2), 7, Asks::Change), Seen::New);
    let later = now + Remembered::LIFETIME;
    assert_eq!(remembered.came(later, source(1), 7, Asks::Change), Seen::New);
}

#[test]
fn a_flood_of_reads_leaves_changes_alone() {
    let (mut remembered, now) = (Remembered::new(ROOM, ROOM), Instant::now());
    remembered.came(now, source(1), 1, Asks::Change);
    for id in 0..1000 {
        remembered.came(now, source(2), id, Asks::Read);
        remembered.answered(now, source(2), id, Bytes::from(vec![0; 60]));
    }
    assert_eq!(remembered.came(now, source(1), 1, Asks::Change), Seen::Again(None));
    // One answer of 60 bytes fits, and the message that the last one replaced.
    assert!(remembered.len() <= 1 + ROOM.messages, "{}", remembered.len());
}

proptest! {
    #[test]
    fn what_is_remembered_is_bounded(ids in prop::collection::vec((0_u16..50, any::<bool>(), 0_u64..40), 0..400)) {
        let mut remembered = Remembered::new(ROOM, ROOM);
        let mut now = Instant::now();
        for (id, read, pause) in ids {
            now += Duration::from_secs(pause);
            let asks = if read { Asks::Read } else { Asks::Change };
            if remembered.came(now, source(1), id, asks) == Seen::New {
                remembered.answered(now, source(1), id, Bytes::from(vec![0; 30]));
            }
            prop_assert!(remembered.len() <= 2 * ROOM.messages);
        }
    }
}
