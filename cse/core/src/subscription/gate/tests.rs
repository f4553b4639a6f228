//! Gates against what the policies promise.

use std::collections::VecDeque;

use dyad_protocol::Timestamp;
use dyad_protocol::time::Span;
use proptest::prelude::*;

use super::{Gate, Step, Times};
use crate::schedule::Schedule;
use crate::subscription::policy::{Batching, Pending, Policy, RateLimit};

/// A message that went out: when, which notifications, and whether it is marked as the latest.
type Sent = (i64, Vec<u32>, bool);

/// A gate with what it holds, driven by hand.
struct Bench {
    gate: Gate,
    policy: Policy,
    held: VecDeque<u32>,
    sent: Vec<Sent>,
    dropped: Vec<u32>,
    due: Option<Timestamp>,
}

fn second(second: i64) -> Timestamp {
    // A Saturday, at midnight.
    Timestamp::from_micros((1_795_219_200 + second) * 1_000_000)
}

impl Bench {
    fn new(policy: Policy, schedule: Option<&str>) -> Self {
        let times = |entry: &str| Times { entries: vec![entry.to_owned()], ends: second(1_000_000).micros() };
        let schedule = schedule.map(times);
        let gate = Gate { schedule, ..Gate::default() };
        Self { gate, policy, held: VecDeque::new(), sent: vec![], dropped: vec![], due: None }
    }

    fn arrive(&mut self, now: i64, number: u32) {
        self.gate.add(second(now));
        self.held.push_back(number);
        self.settle(now);
    }

    fn settle(&mut self, now: i64) {
        loop {
            // What survives is what is stored.
            let stored = serde_json::to_string(&self.gate).unwrap();
            self.gate = serde_json::from_str(&stored).unwrap();
            match self.gate.step(&self.policy, second(now), second(now)) {
                Step::Wait(due) => {
                    assert!(due.is_none_or(|due| due > second(now)), "waits for the past");
                    self.due = due;
                    break;
                }
                Step::Send { count, is_latest } => {
                    let message = self.held.drain(..usize::try_from(count).unwrap()).collect();
                    self.sent.push((now, message, is_latest));
                }
                Step::Drop(count) => {
                    self.dropped.extend(self.held.drain(..usize::try_from(count).unwrap()));
                }
            }
        }
        assert_eq!(self.gate.held, self.held.len() as u64);
    }

    /// Lets time pass, second by second, but looks only when the gate asked for it.
    fn pass(&mut self, from: i64, to: i64) {
        for now in from..=to {
            if self.due.is_some_and(|due| due <= second(now)) {
                self.settle(now);
            }
        }
    }
}

fn batch(number: Option<u64>, seconds: Option<u32>) -> Policy {
    let duration = seconds.map(Span::from_seconds);
    Policy { batch: Some(Batching { number, duration }), ..Policy::default() }
}

#[test]
fn a_batch_goes_when_it_is_full_or_its_time_is_over() {
    let mut bench = Bench::new(batch(Some(3), Some(10)), None);
    for (now, number) in [(0, 1), (1, 2), (2, 3), (4, 4)] {
        bench.arrive(now, number);
    }
    bench.pass(5, 20);
    assert_eq!(bench.sent, [(2, vec![1, 2, 3], false), (14, vec![4], false)]);
    assert_eq!(bench.due, None);
}

#[test]
fn the_last_of_a_batch_is_enough_for_who_wants_the_latest() {
    let mut bench = Bench::new(Policy { latest: true, ..batch(Some(3), Some(10)) }, None);
    for (now, number) in [(0, 1), (1, 2), (2, 3), (4, 4), (5, 5)] {
        bench.arrive(now, number);
    }
    bench.pass(6, 20);
    assert_eq!(bench.sent, [(2, vec![3], false), (14, vec![5], false)]);
    assert_eq!(bench.dropped, [1, 2, 4]);
    assert_eq!(bench.policy.category_of(false), 4);
}

#[test]
fn windows_of_a_rate_limit_follow_each_other() {
    let rate = Some(RateLimit { most: 2, window: Span::from_seconds(10) });
    let mut bench = Bench::new(Policy { rate, ..Policy::default() }, None);
    for number in 0..6 {
        bench.arrive(3, number);
    }
    bench.pass(3, 40);
    let sent: Vec<(i64, u32)> = bench.sent.iter().map(|(now, numbers, _)| (*now, numbers[0])).collect();
    assert_eq!(sent, [(3, 0), (3, 1), (13, 2), (13, 3), (23, 4), (23, 5)]);
}

#[test]
fn a_rate_of_nothing_lets_nothing_through() {
    let rate = Some(RateLimit { most: 0, window: Span::from_seconds(10) });
    let mut bench = Bench::new(Policy { rate, ..Policy::default() }, None);
    bench.arrive(3, 1);
    assert_eq!((bench.sent.len(), bench.due), (0, None));
}

#[test]
fn schedules_drop_or_hold() {
    let outside = "* * 8-20 * * * *";
    let policy = |pending| Policy { pending, ..Policy::default() };
    let eight = 8 * 3600;
    for (pending, sent, dropped) in [
        (Pending::Nothing, vec![(eight + 1, vec![3], false)], vec![1, 2]),
        (Pending::Latest, vec![(eight, vec![2], true), (eight + 1, vec![3], false)], vec![1]),
        (
            Pending::All,
            vec![(eight, vec![1], false), (eight, vec![2], false), (eight + 1, vec![3], false)],
            vec![],
        ),
    ] {
        let mut bench = Bench::new(policy(pending), Some(outside));
        bench.arrive(1, 1);
        bench.arrive(2, 2);
        bench.pass(3, eight);
        bench.arrive(eight + 1, 3);
        assert_eq!(bench.sent, sent, "{pending:?}");
        assert_eq!(bench.dropped, dropped, "{pending:?}");
    }
    let immediate = Policy { category: Some(2), ..Policy::default() };
    let mut bench = Bench::new(immediate, Some(outside));
    bench.arrive(1, 1);
    assert_eq!(bench.sent, [(1, vec![1], false)]);
}

fn policies() -> impl Strategy<Value = Policy> {
    let batch = prop::option::of((prop::option::of(1_u64..5), prop::option::of(1_u32..20)));
    let rate = prop::option::of((1_u64..4, 1_u32..20));
    let pending = prop_oneof![Just(Pending::Nothing), Just(Pending::Latest), Just(Pending::All)];
    (batch, rate, pending, any::<bool>()).prop_map(|(batch, rate, pending, latest)| Policy {
        batch: batch.map(|(number, seconds)| Batching { number, duration: seconds.map(Span::from_seconds) }),
        rate: rate.map(|(most, seconds)| RateLimit { most, window: Span::from_seconds(seconds) }),
        pending,
        latest,
        ..Policy::default()
    })
}

proptest! {
    #[test]
    fn what_the_policies_promise(
        policy in policies(),
        schedule in prop::option::of(Just("30-59 * * * * * *")),
        arrivals in prop::collection::vec(0_i64..8, 1..60),
    ) {
        let mut bench = Bench::new(policy.clone(), schedule);
        let (mut now, mut last) = (0, 0);
        for (number, gap) in arrivals.iter().enumerate() {
            bench.pass(last, now + gap);
            now += gap;
            last = now;
            bench.arrive(now, u32::try_from(number).unwrap());
        }
        bench.pass(last, now + 5_000);
        // Nothing is lost, made twice or overtaken.
        let gone: Vec<u32> = bench.sent.iter().flat_map(|(_, numbers, _)| numbers.clone()).collect();
        prop_assert!(gone.is_sorted_by(|one, next| one < next));
        let mut all: Vec<u32> = gone.iter().chain(&bench.dropped).chain(&bench.held).copied().collect();
        all.sort_unstable();
        prop_assert_eq!(all, (0..u32::try_from(arrivals.len()).unwrap()).collect::<Vec<_>>());
        // Something is dropped only where a policy says so, and held for ever only for a batch without a time.
        let may_drop = policy.latest || (schedule.is_some() && policy.pending != Pending::All);
        prop_assert!(may_drop || bench.dropped.is_empty());
        let has_no_end = policy.batch.is_some_and(|batch| batch.duration.is_none());
        prop_assert!(has_no_end || bench.held.is_empty());
        for (at, numbers, _) in &bench.sent {
            prop_assert!(schedule.is_none_or(|entry| Schedule::new([entry]).contains(second(*at))));
            let most = policy.batch.map_or(1, |batch| batch.number.unwrap_or(u64::MAX));
            prop_assert!(numbers.len() as u64 <= most && (!policy.latest || numbers.len() == 1));
        }
        if let Some(rate) = policy.rate {
            let length = rate.window.micros() / 1_000_000;
            let first = bench.sent.first().map_or(0, |sent| sent.0);
            let mut windows = std::collections::BTreeMap::<i64, u64>::new();
            for (at, _, _) in &bench.sent {
                *windows.entry((at - first) / length).or_default() += 1;
            }
            prop_assert!(windows.values().all(|sent| *sent <= rate.most), "{:?}", windows);
        }
    }
}
