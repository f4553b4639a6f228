//! Retained messages: the last one of each topic that was published with the flag, for who subscribes later
//! (MQTT 5 clause 3.3.1.3). In memory, and bounded by number and size.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::message::Message;
use super::topic;

/// All retained messages by topic.
#[derive(Debug, Default)]
pub(super) struct Retained {
    messages: BTreeMap<Arc<str>, Arc<Message>>,
    bytes: usize,
    max_messages: usize,
    max_bytes: usize,
}

/// There is no room for one more retained message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Retained {
    pub(super) fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self { max_messages, max_bytes, ..Self::default() }
    }

    /// Takes a message as the one of its topic; one without a payload removes what there was. What does not fit is
    /// refused, and the one that was there stays.
    pub(super) fn put(&mut self, message: &Arc<Message>, now: Instant) -> Result<(), Full> {
        if message.payload.is_empty() {
            self.remove(&message.topic);
            return Ok(());
        }
        let before = self.messages.get(&*message.topic).map(|before| before.cost());
        let is_over = |retained: &Self| {
            let bytes = retained.bytes - before.unwrap_or_default() + message.cost();
            bytes > retained.max_bytes || before.is_none() && retained.messages.len() >= retained.max_messages
        };
        if is_over(self) {
            self.expire(now);
            if is_over(self) {
                return Err(Full);
            }
        }
        self.remove(&message.topic);
        self.bytes += message.cost();
        self.messages.insert(message.topic.to_string().into(), Arc::clone(message));
        Ok(())
    }

    fn remove(&mut self, topic: &str) {
        if let Some(message) = self.messages.remove(topic) {
            self.bytes -= message.cost();
        }
    }

    /// Those that a filter matches, in the order of their topics.
    pub(super) fn matching(&self, filter: &str, now: Instant) -> Vec<Arc<Message>> {
        let prefix = topic::literal_prefix(filter);
        let from =
            self.messages.range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded));
        from.take_while(|(topic, _)| topic.starts_with(prefix))
            .filter(|(topic, message)| topic::matches(filter, topic) && !message.is_expired(now))
            .map(|(_, message)| Arc::clone(message))
            .collect()
    }

    /// Forgets those whose time is over.
    pub(super) fn expire(&mut self, now: Instant) {
        let bytes = &mut self.bytes;
        self.messages.retain(|_, message| {
            let stays = !message.is_expired(now);
            if !stays {
                *bytes -= message.cost();
            }
            stays
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use mqtt_proto::TopicName;

    use super::super::message::{Client, Qos};
    use super::*;

    fn message(topic: &str, payload: &'static str, expires: Option<Instant>) -> Arc<Message> {
        Arc::new(Message {
            topic: TopicName::try_from(topic).unwrap(),
            payload: Bytes::from_static(payload.as_bytes()),
            qos: Qos::AtLeastOnce,
            retain: true,
            publisher: Arc::new(Client { id: "a".into(), user_name: None, peer: None, is_local: false }),
            properties: None,
            expires,
        })
    }

    fn topics(retained: &Retained, filter: &str) -> Vec<String> {
        retained.matching(filter, Instant::now()).iter().map(|message| message.topic().to_owned()).collect()
    }

    #[test]
    fn the_last_one_of_a_topic_stays_until_an_empty_one_comes() {
        let (mut retained, now) = (Retained::new(10, 10_000), Instant::now());
        for (topic, payload) in
            [("a", "1"), ("a/b", "1"), ("a/b", "2"), ("a/b/c", "1"), ("b", "1"), ("/", "1")]
        {
            retained.put(&message(topic, payload, None), now).unwrap();
        }
        assert_eq!(topics(&retained, "a/#"), ["a", "a/b", "a/b/c"]);
        assert_eq!(topics(&retained, "+"), ["a", "b"]);
        assert_eq!(topics(&retained, "+/+"), ["/", "a/b"]);
        assert_eq!(topics(&retained, "a/b"), ["a/b"]);
        assert_eq!(retained.matching("a/b", now)[0].payload().as_ref(), b"2");
        retained.put(&message("a/b", "", None), now).unwrap();
        assert_eq!(topics(&retained, "a/#"), ["a", "a/b/c"]);
        for topic in ["a", "a/b/c", "b", "/"] {
            retained.put(&message(topic, "", None), now).unwrap();
        }
        assert_eq!(retained.bytes, 0);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_what_is_expired_makes_room() {
        let (mut retained, now) = (Retained::new(2, 10_000), Instant::now());
        retained.put(&message("a", "1", Some(now + Duration::from_secs(1))), now).unwrap();
        retained.put(&message("b", "1", None), now).unwrap();
        assert_eq!(retained.put(&message("c", "1", None), now), Err(Full));
        retained.put(&message("b", "2", None), now).unwrap();
        retained.put(&message("c", "1", None), now + Duration::from_secs(2)).unwrap();
        assert_eq!(topics(&retained, "#"), ["b", "c"]);
    }
}
