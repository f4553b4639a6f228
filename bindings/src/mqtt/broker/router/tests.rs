//! Tests of sessions and routing without connections.

use std::time::Duration;

use bytes::Bytes;
use mqtt_proto::TopicName;

use super::*;
use crate::mqtt::broker::local::LocalClient;
use crate::mqtt::broker::message::Client;
use crate::mqtt::broker::rules::NoRules;
use crate::mqtt::broker::session::Outgoing;

fn router(settings: BrokerSettings) -> Arc<Router> {
    Arc::new(Router::new(settings, Arc::new(NoRules)))
}

fn client(id: &str) -> Client {
    Client { id: id.into(), user_name: None, peer: None, is_local: false }
}

fn join(router: &Router, id: &str, clean: bool, expiry: u64) -> Joined {
    try_join(router, id, clean, expiry, None).unwrap()
}

fn try_join(
    router: &Router,
    id: &str,
    clean: bool,
    expiry: u64,
    will: Option<Will>,
) -> Result<Joined, Refusal> {
    router.join(Join { id: id.into(), clean, expiry: Duration::from_secs(expiry), window: 10, will })
}

fn message(topic: &str, qos: Qos, retain: bool) -> Arc<Message> {
    Arc::new(Message {
        topic: TopicName::try_from(topic).unwrap(),
        payload: Bytes::from_static(b"x"),
        qos,
        retain,
        publisher: Arc::new(client("publisher")),
        properties: None,
        expires: None,
    })
}

fn will(topic: &str, delay: u64) -> Will {
    let message = message(topic, Qos::AtLeastOnce, false);
    Will { message: (*message).clone(), expiry: None, delay: Duration::from_secs(delay) }
}

fn subscribe(router: &Router, joined: &Joined, filter: &str, options: Options) {
    router.subscribe(&joined.session, &client(&joined.session.id), filter, options).unwrap();
}

fn plain(router: &Router, joined: &Joined, filter: &str) {
    subscribe(router, joined, filter, Options::plain(Qos::AtLeastOnce));
}

fn take(joined: &Joined) -> Vec<Outgoing> {
    let mut state = joined.session.state().unwrap();
    std::iter::from_fn(|| state.outbox.next(10, Instant::now())).collect()
}

fn topics(joined: &Joined) -> Vec<String> {
    take(joined).iter().map(|one| one.delivery.message.topic().to_owned()).collect()
}

const LEAVE: Leave = Leave { is_graceful: true, expiry: None };

#[test]
fn who_overlaps_gets_one_copy_or_one_for_each_identifier() {
    let router = router(BrokerSettings::default());
    let joined = join(&router, "a", true, 0);
    plain(&router, &joined, "x/+");
    subscribe(&router, &joined, "x/#", Options::plain(Qos::ExactlyOnce));
    assert_eq!(router.route(&message("x/y", Qos::ExactlyOnce, false), NOBODY).receivers, 1);
    let taken = take(&joined);
    assert_eq!((taken.len(), taken[0].delivery.qos), (1, Qos::ExactlyOnce));
    let with = |identifier| Options { identifier: Some(identifier), ..Options::plain(Qos::AtMostOnce) };
    subscribe(&router, &joined, "x/+", with(1));
    subscribe(&router, &joined, "#", with(2));
    subscribe(&router, &joined, "+/y", with(2));
    router.route(&message("x/y", Qos::AtLeastOnce, false), NOBODY);
    let identifiers: Vec<_> = take(&joined).iter().map(|one| one.delivery.identifier).collect();
    assert_eq!(identifiers, [Some(1), Some(2)]);
}

#[test]
fn nobody_hears_itself_who_does_not_want_to() {
    let router = router(BrokerSettings::default());
    let joined = join(&router, "a", true, 0);
    subscribe(&router, &joined, "x", Options { no_local: true, ..Options::plain(Qos::AtLeastOnce) });
    assert_eq!(router.route(&message("x", Qos::AtLeastOnce, false), joined.session.number).receivers, 0);
    assert_eq!(router.route(&message("x", Qos::AtLeastOnce, false), NOBODY).receivers, 1);
}

#[test]
fn groups_share_and_prefer_who_is_there() {
    let router = router(BrokerSettings::default());
    let (one, two) = (join(&router, "1", false, 60), join(&router, "2", false, 60));
    for member in [&one, &two] {
        plain(&router, member, "$share/g/x");
    }
    for _ in 0..4 {
        router.route(&message("x", Qos::AtLeastOnce, false), NOBODY);
    }
    assert_eq!((take(&one).len(), take(&two).len()), (2, 2));
    router.leave(&one.session, one.link, LEAVE);
    for _ in 0..4 {
        router.route(&message("x", Qos::AtLeastOnce, false), NOBODY);
    }
    assert_eq!(take(&two).len(), 4);
    router.leave(&two.session, two.link, LEAVE);
    assert_eq!(router.route(&message("x", Qos::AtLeastOnce, false), NOBODY).receivers, 1);
}

#[test]
fn sessions_outlive_their_connections_for_as_long_as_agreed() {
    let router = router(BrokerSettings::default());
    let first = join(&router, "a", false, 60);
    assert!(!first.is_present);
    plain(&router, &first, "x/#");
    router.leave(&first.session, first.link, LEAVE);
    router.route(&message("x/0", Qos::AtMostOnce, false), NOBODY);
    router.route(&message("x/1", Qos::AtLeastOnce, false), NOBODY);
    let second = join(&router, "a", false, 60);
    assert!(second.is_present);
    assert_eq!(topics(&second), ["x/1"]);
    router.leave(&second.session, second.link, LEAVE);
    router.sweep(Instant::now() + Duration::from_secs(59));
    assert!(router.sessions().contains_key("a"));
    router.sweep(Instant::now() + Duration::from_secs(61));
    assert!(router.sessions().is_empty());
    assert_eq!(router.route(&message("x/1", Qos::AtLeastOnce, false), NOBODY).receivers, 0);
    assert!(!join(&router, "a", false, 60).is_present);
}

#[test]
fn a_clean_start_forgets_what_was() {
    let router = router(BrokerSettings::default());
    let first = join(&router, "a", false, 60);
    plain(&router, &first, "x");
    let second = join(&router, "a", true, 60);
    assert!(!second.is_present && first.session.is_ended());
    assert_eq!(first.session.state().unwrap().link, None);
    assert_eq!(router.route(&message("x", Qos::AtLeastOnce, false), NOBODY).receivers, 0);
    // The connection that was replaced leaves later, and changes nothing.
    router.leave(&first.session, first.link, LEAVE);
    assert!(router.sessions().contains_key("a"));
}

#[test]
fn a_connection_is_taken_over_with_its_session() {
    let router = router(BrokerSettings::default());
    let first = join(&router, "a", false, 60);
    plain(&router, &first, "x");
    router.route(&message("x", Qos::AtLeastOnce, false), NOBODY);
    assert_eq!(take(&first).len(), 1);
    let second = join(&router, "a", false, 60);
    assert!(second.is_present && Arc::ptr_eq(&first.session, &second.session));
    router.leave(&first.session, first.link, LEAVE);
    let again = take(&second);
    assert!(again[0].dup && second.session.is_online());
}

#[test]
fn wills_are_published_at_once_or_after_their_delay() {
    let router = router(BrokerSettings::default());
    let watcher = join(&router, "watcher", true, 0);
    plain(&router, &watcher, "will/#");
    let leave = Leave { is_graceful: false, expiry: None };
    let with = |will| try_join(&router, "a", false, 60, Some(will)).unwrap();

    let at_once = with(will("will/now", 0));
    router.leave(&at_once.session, at_once.link, leave);
    assert_eq!(topics(&watcher), ["will/now"]);

    let graceful = with(will("will/never", 0));
    router.leave(&graceful.session, graceful.link, LEAVE);
    assert_eq!(topics(&watcher), [""; 0]);

    let returns = with(will("will/returned", 10));
    router.leave(&returns.session, returns.link, leave);
    let stays = with(will("will/late", 10));
    router.leave(&stays.session, stays.link, leave);
    router.sweep(Instant::now() + Duration::from_secs(9));
    assert_eq!(topics(&watcher), [""; 0]);
    router.sweep(Instant::now() + Duration::from_secs(11));
    assert_eq!(topics(&watcher), ["will/late"]);
    assert!(router.wills().is_empty());
}

#[test]
fn a_session_makes_room_if_its_client_is_away() {
    let router = router(BrokerSettings { max_sessions: 2, ..BrokerSettings::default() });
    let (one, two) = (join(&router, "1", false, 60), join(&router, "2", false, 60));
    assert_eq!(try_join(&router, "3", false, 60, None).unwrap_err(), Refusal::Full);
    router.leave(&one.session, one.link, LEAVE);
    router.leave(&two.session, two.link, LEAVE);
    join(&router, "3", false, 60);
    assert!(one.session.is_ended() && !two.session.is_ended());
}

#[test]
fn subscriptions_are_bounded() {
    let router = router(BrokerSettings { max_subscriptions: 2, ..BrokerSettings::default() });
    let joined = join(&router, "a", true, 0);
    let subscribe =
        |filter| router.subscribe(&joined.session, &client("a"), filter, Options::plain(Qos::AtMostOnce));
    assert_eq!((subscribe("1"), subscribe("2"), subscribe("1")), (Ok(()), Ok(()), Ok(())));
    assert_eq!(subscribe("3"), Err(SubscribeError::TooMany));
    assert!(router.unsubscribe(&joined.session, "1") && !router.unsubscribe(&joined.session, "1"));
    assert_eq!(subscribe("3"), Ok(()));
    assert_eq!(subscribe("$SYS/#"), Err(SubscribeError::NotAllowed));
    assert_eq!(subscribe("a#"), Err(SubscribeError::Invalid));
}

#[test]
fn retained_messages_come_with_the_subscription() {
    let router = router(BrokerSettings { max_queued: 1, ..BrokerSettings::default() });
    for topic in ["x/1", "x/2", "x/3", "y"] {
        router.route(&message(topic, Qos::ExactlyOnce, true), NOBODY);
    }
    let joined = join(&router, "a", true, 0);
    plain(&router, &joined, "x/+");
    let taken = take(&joined);
    assert_eq!(taken.len(), 3);
    assert!(taken.iter().all(|one| one.delivery.retain && one.delivery.qos == Qos::AtLeastOnce));
    let newcomers = Options { retained: RetainedFor::Newcomers, ..Options::plain(Qos::AtMostOnce) };
    subscribe(&router, &joined, "x/+", newcomers);
    assert_eq!(topics(&joined), [""; 0]);
    subscribe(&router, &joined, "y", newcomers);
    assert_eq!(topics(&joined), ["y"]);
    plain(&router, &joined, "$share/g/y");
    assert_eq!(topics(&joined), [""; 0]);
}

#[test]
fn who_cannot_keep_up_is_ended_and_others_are_not() {
    let router = router(BrokerSettings { max_queued: 3, ..BrokerSettings::default() });
    let (slow, other) = (join(&router, "slow", false, 60), join(&router, "other", false, 60));
    plain(&router, &slow, "x");
    plain(&router, &other, "x");
    for _ in 0..10 {
        router.route(&message("x", Qos::AtLeastOnce, false), NOBODY);
        for outgoing in take(&other) {
            assert!(other.session.state().unwrap().outbox.acknowledged(outgoing.pid));
        }
    }
    assert_eq!(slow.session.state().unwrap().ending, Some(crate::mqtt::broker::session::Ending::Overflow));
    assert_eq!(other.session.state().unwrap().ending, None);
}

#[tokio::test]
async fn local_clients_publish_and_receive_without_a_connection() {
    let router = router(BrokerSettings::default());
    let (local, mut incoming) = LocalClient::join(&router, "node", 1).unwrap();
    assert!(LocalClient::join(&router, "node", 1).is_none());
    assert_eq!(try_join(&router, "node", true, 0, None).unwrap_err(), Refusal::Reserved);
    local.subscribe("x/#", Qos::AtLeastOnce).unwrap();
    let routed = router.route(&message("x/1", Qos::AtLeastOnce, false), NOBODY);
    assert!(routed.receivers == 1 && routed.blocked.is_empty());
    let mut routed = router.route(&message("x/2", Qos::AtLeastOnce, false), NOBODY);
    let blocked = tokio::spawn(routed.blocked.remove(0).wait());
    assert_eq!(incoming.recv().await.unwrap().topic(), "x/1");
    assert_eq!(incoming.recv().await.unwrap().topic(), "x/2");
    blocked.await.unwrap();

    let joined = join(&router, "a", true, 0);
    plain(&router, &joined, "y");
    assert_eq!(local.publish("y", Bytes::from_static(b"1"), Qos::AtLeastOnce), Ok(1));
    assert_eq!(local.publish("z", Bytes::new(), Qos::AtLeastOnce), Ok(0));
    assert!(local.publish("+", Bytes::new(), Qos::AtLeastOnce).is_err());
    assert_eq!(topics(&joined), ["y"]);
    drop(local);
    assert!(incoming.recv().await.is_none());
    assert_eq!(router.route(&message("x/1", Qos::AtLeastOnce, false), NOBODY).receivers, 0);
}
