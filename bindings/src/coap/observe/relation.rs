//! One observer: when it is told, and how surely (RFC 7641 4).
//!
//! Responsible for retrieving again, as the originator and with the rights of the moment; for making one notification of
//! many changes; and for the pace, which is that of the client's echoes. Sending is left to the endpoint.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use coap_lite::{CoapOption, Packet};
use dyad_protocol::Request;
use dyad_protocol::exchange::{Arrival, Watch};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::{Key, Observers};
use crate::coap::decode::Reply;
use crate::coap::encode;
use crate::coap::options;
use crate::coap::resources::{Notifier, RequestKey};
use crate::coap::status::code;

/// Notifications that may go without an echo, one after the other.
const UNCONFIRMED: u32 = 5;

/// Without changes for so long, what went out last without an echo goes once more with one: it may have been lost, and
/// nothing else would tell the client what the present state is.
const QUIET: Duration = Duration::from_secs(20);

/// Without changes for so long, the client is asked whether it is still there: at least once a day (RFC 7641 4.5).
const ALIVE: Duration = Duration::from_secs(12 * 3600);

/// For how long a notification holds if no other follows, in seconds: until the client is asked, and as much again.
const MAX_AGE: u64 = 24 * 3600;

/// Between notifications without an echo: the time that an echo took last, within these (RFC 7641 4.5.1).
const PACE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(3));

/// Until a notification that the endpoint had no room for is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Longer than any echo takes (MAX_TRANSMIT_WAIT, RFC 7252 4.8.2), with those that wait before it.
const GIVEN_UP: Duration = Duration::from_secs(600);

/// What is observed.
pub(super) struct What {
    pub(super) request: Box<Request>,
    pub(super) arrival: Arrival,
    pub(super) reply: Reply,
    pub(super) key: RequestKey,
}

/// One observer.
pub(super) struct Relation {
    what: What,
    watch: Watch,
    notifier: Arc<dyn Notifier>,
    /// Of what the client was told last.
    digest: u64,
    /// Notifications since the last echo.
    unconfirmed: u32,
    /// How long the last echo took.
    echo: Option<Duration>,
}

impl Relation {
    /// An observer that was answered for the first time.
    pub(super) fn new(what: What, watch: Watch, notifier: Arc<dyn Notifier>, answer: &Packet) -> Self {
        Self { what, watch, notifier, digest: digest(answer), unconfirmed: 0, echo: None }
    }

    /// Tells the client of changes until it cannot be told any more.
    pub(super) async fn run(mut self, observers: Arc<Observers>, key: Key, number: u64, echoed: Arc<Notify>) {
        let mut is_owed = false;
        loop {
            let patience = match (is_owed, self.unconfirmed) {
                (true, _) => AGAIN,
                (false, 0) => ALIVE,
                (false, _) => QUIET,
            };
            let has_changed = timeout(patience, self.watch.changed()).await.is_ok();
            if is_owed && has_changed {
                sleep(AGAIN).await;
            }
            // Boxed: thousands of observers wait, and few retrieve.
            let mut notification = Box::pin(self.retrieve(&observers)).await;
            let is_last = u8::from(notification.header.code) != code(2, 5);
            let digest = digest(&notification);
            if has_changed && !is_owed && !is_last && digest == self.digest {
                continue;
            }
            let confirmable =
                is_last || !has_changed || self.echo.is_none() || self.unconfirmed >= UNCONFIRMED;
            notification.set_token(key.1.to_vec());
            if !is_last {
                observers.mark(&mut notification);
                notification.clear_option(CoapOption::MaxAge);
                options::put_uint(&mut notification, options::MAX_AGE, MAX_AGE);
            }
            let began = Instant::now();
            is_owed = !self.notifier.notify(key.0, &self.what.key, notification, confirmable);
            if is_owed {
                continue;
            }
            if is_last {
                break;
            }
            self.digest = digest;
            if !confirmable {
                self.unconfirmed += 1;
                sleep(self.echo.unwrap_or(PACE.1).clamp(PACE.0, PACE.1)).await;
            } else if timeout(GIVEN_UP, echoed.notified()).await.is_ok() {
                self.unconfirmed = 0;
                self.echo = Some(began.elapsed());
            } else {
                break;
            }
        }
        observers.remove(&key, Some(number));
    }

    async fn retrieve(&self, observers: &Observers) -> Packet {
        let What { request, arrival, reply, .. } = &self.what;
        let response = observers.receiver.receive(request.clone(), arrival.clone()).await;
        encode::response(&response, reply, &observers.codec)
    }
}

/// What a client would see of an answer.
fn digest(answer: &Packet) -> u64 {
    let mut hasher = DefaultHasher::new();
    u8::from(answer.header.code).hash(&mut hasher);
    answer.payload.hash(&mut hasher);
    hasher.finish()
}
