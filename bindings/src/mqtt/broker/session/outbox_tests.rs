//! Tests of the queue and the window of one client.

use std::time::Duration;

use bytes::Bytes;
use mqtt_proto::TopicName;
use proptest::prelude::*;

use super::*;
use crate::mqtt::broker::message::Client;

fn delivery(topic: &str, qos: Qos) -> Delivery {
    let message = Message {
        topic: TopicName::try_from(topic).unwrap(),
        payload: Bytes::new(),
        qos,
        retain: false,
        publisher: Arc::new(Client { id: "a".into(), user_name: None, peer: None, is_local: false }),
        properties: None,
        expires: None,
    };
    Delivery { message: Arc::new(message), qos, retain: false, identifier: None }
}

fn outbox(max_queued: usize) -> (Outbox, Arc<Budget>) {
    let budget = Arc::new(Budget::new(1_000_000));
    (Outbox::new(max_queued, Arc::clone(&budget)), budget)
}

fn used(budget: &Budget) -> usize {
    budget.used.load(Ordering::Relaxed)
}

fn next(outbox: &mut Outbox, window: usize) -> Option<(String, u16, bool)> {
    let outgoing = outbox.next(window, Instant::now())?;
    Some((outgoing.delivery.message.topic().to_owned(), outgoing.pid, outgoing.dup))
}

#[test]
fn the_window_holds_back_what_has_to_be_acknowledged() {
    let (mut outbox, budget) = outbox(10);
    for (topic, qos) in
        [("1", Qos::AtLeastOnce), ("2", Qos::ExactlyOnce), ("3", Qos::AtLeastOnce), ("0", Qos::AtMostOnce)]
    {
        outbox.push(delivery(topic, qos), 0).unwrap();
    }
    assert_eq!(next(&mut outbox, 2), Some(("1".into(), 1, false)));
    assert_eq!(next(&mut outbox, 2), Some(("2".into(), 2, false)));
    assert_eq!(next(&mut outbox, 2), None);
    assert!(
        !outbox.acknowledged(2) && !outbox.completed(2) && !outbox.received(1) && !outbox.acknowledged(9)
    );
    assert!(outbox.acknowledged(1));
    assert_eq!(next(&mut outbox, 2), Some(("3".into(), 3, false)));
    assert_eq!(next(&mut outbox, 2), Some(("0".into(), 0, false)));
    assert!(outbox.received(2) && outbox.received(2) && outbox.completed(2) && !outbox.completed(2));
    assert!(outbox.acknowledged(3));
    assert_eq!(used(&budget), 0);
}

#[test]
fn a_full_queue_loses_the_oldest_that_may_be_lost() {
    let (mut outbox, budget) = outbox(3);
    for (topic, qos) in [
        ("a", Qos::AtLeastOnce),
        ("b", Qos::AtMostOnce),
        ("c", Qos::AtMostOnce),
        ("d", Qos::AtLeastOnce),
        ("e", Qos::AtLeastOnce),
    ] {
        outbox.push(delivery(topic, qos), 0).unwrap();
    }
    assert_eq!(outbox.push(delivery("f", Qos::AtMostOnce), 0), Err(Refused::Dropped));
    assert_eq!(outbox.push(delivery("g", Qos::AtLeastOnce), 0), Err(Refused::Overflow));
    outbox.push(delivery("h", Qos::AtMostOnce), 1).unwrap();
    let topics: Vec<String> = std::iter::from_fn(|| next(&mut outbox, 10)).map(|one| one.0).collect();
    assert_eq!(topics, ["a", "d", "e", "h"]);
    drop(outbox);
    assert_eq!(used(&budget), 0);
}

#[test]
fn a_budget_is_shared_by_all() {
    let budget = Arc::new(Budget::new(700));
    let mut one = Outbox::new(10, Arc::clone(&budget));
    let mut other = Outbox::new(10, Arc::clone(&budget));
    one.push(delivery("a", Qos::AtLeastOnce), 0).unwrap();
    for _ in 0..2 {
        other.push(delivery("a", Qos::AtLeastOnce), 0).unwrap();
    }
    assert_eq!(other.push(delivery("a", Qos::AtLeastOnce), 0), Err(Refused::Overflow));
    drop(one);
    other.push(delivery("a", Qos::AtLeastOnce), 0).unwrap();
}

#[test]
fn who_comes_back_gets_again_what_it_did_not_acknowledge() {
    let (mut outbox, budget) = outbox(10);
    for (topic, qos) in [
        ("1", Qos::AtLeastOnce),
        ("2", Qos::ExactlyOnce),
        ("3", Qos::ExactlyOnce),
        ("4", Qos::AtLeastOnce),
        ("0", Qos::AtMostOnce),
    ] {
        outbox.push(delivery(topic, qos), 0).unwrap();
    }
    for _ in 0..3 {
        next(&mut outbox, 3).unwrap();
    }
    assert!(outbox.received(2));
    outbox.drop_all_losable();
    assert_eq!(outbox.resume(), [2]);
    assert_eq!(next(&mut outbox, 2), Some(("1".into(), 1, true)));
    assert_eq!(next(&mut outbox, 2), None);
    assert!(outbox.acknowledged(1) && outbox.completed(2));
    assert_eq!(next(&mut outbox, 2), Some(("3".into(), 3, true)));
    assert_eq!(next(&mut outbox, 2), Some(("4".into(), 4, false)));
    assert!(outbox.refused(3) && outbox.acknowledged(4));
    assert_eq!(next(&mut outbox, 2), None);
    assert_eq!(used(&budget), 0);
}

#[test]
fn what_expired_is_not_sent() {
    let (mut outbox, _) = outbox(10);
    let now = Instant::now();
    let mut old = delivery("old", Qos::AtLeastOnce);
    let message = Arc::get_mut(&mut old.message).unwrap();
    message.expires = Some(now + Duration::from_secs(1));
    assert_eq!(message.seconds_left(now), Some(1));
    outbox.push(old, 0).unwrap();
    outbox.push(delivery("new", Qos::AtLeastOnce), 0).unwrap();
    let outgoing = outbox.next(10, now + Duration::from_secs(2)).unwrap();
    assert_eq!(outgoing.delivery.message.topic(), "new");
}

#[derive(Clone, Debug)]
enum Step {
    Push(Qos),
    Send,
    Acknowledge(u16),
    Receive(u16),
    Complete(u16),
    Resume,
    Leave,
}

fn step() -> impl Strategy<Value = Step> {
    let qos = prop_oneof![Just(Qos::AtMostOnce), Just(Qos::AtLeastOnce), Just(Qos::ExactlyOnce)];
    prop_oneof![
        4 => qos.prop_map(Step::Push),
        4 => Just(Step::Send),
        2 => (1_u16..9).prop_map(Step::Acknowledge),
        2 => (1_u16..9).prop_map(Step::Receive),
        2 => (1_u16..9).prop_map(Step::Complete),
        1 => Just(Step::Resume),
        1 => Just(Step::Leave),
    ]
}

proptest! {
    #[test]
    fn nothing_is_lost_from_the_accounts(steps in proptest::collection::vec(step(), 1..100)) {
        let (mut outbox, budget) = outbox(5);
        for step in steps {
            match step {
                Step::Push(qos) => drop(outbox.push(delivery("a", qos), 0)),
                Step::Send => drop(outbox.next(3, Instant::now())),
                Step::Acknowledge(pid) => drop(outbox.acknowledged(pid)),
                Step::Receive(pid) => drop(outbox.received(pid)),
                Step::Complete(pid) => drop(outbox.completed(pid)),
                Step::Resume => drop(outbox.resume()),
                Step::Leave => outbox.drop_all_losable(),
            }
            let kept = outbox.queue.len() + outbox.flight.iter().filter(|one| matches!(one.1, Stage::Sent(_))).count();
            prop_assert_eq!(outbox.bytes, kept * delivery("a", Qos::AtMostOnce).message.cost());
            prop_assert_eq!(used(&budget), outbox.bytes);
            prop_assert_eq!(outbox.losable, outbox.queue.iter().filter(|one| one.delivery.qos == Qos::AtMostOnce).count());
            prop_assert!(outbox.flight.len() <= 3);
            let mut pids: Vec<u16> = outbox.flight.iter().map(|one| one.0).collect();
            pids.extend(outbox.queue.iter().map(|one| one.pid).filter(|pid| *pid != 0));
            pids.sort_unstable();
            prop_assert!(pids.windows(2).all(|two| two[0] != two[1]), "{:?}", pids);
        }
        drop(outbox);
        prop_assert_eq!(used(&budget), 0);
    }
}
