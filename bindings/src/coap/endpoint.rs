//! The message layer with its sockets: what the server and the client have in common.
//!
//! Responsible for sending what the layer says, in time, and for telling those who wait what became of it. What comes
//! in, and what it means, is left to both.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use coap_lite::Packet;
use tokio::sync::{Notify, oneshot};

use super::layer::{Effort, Layer, Limits, Settled, Transmit};
use super::link::Link;
use super::resources::{Outcome, Source};
use super::wire::{self, Kind, Token};

/// Who wants to know what becomes of a message.
#[derive(Debug)]
pub(super) enum Attached {
    /// Nobody.
    Nobody,
    /// Who waits at the other end.
    Waiter(oneshot::Sender<Outcome>),
    /// The resources: it is a notification.
    Notification(Token),
}

/// A message that is under way.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) id: u16,
    pub(super) outcome: oneshot::Receiver<Outcome>,
}

/// How a ping is repeated: whoever is there answers at once. libcoap does not within its first quarter of a second.
const PING: Effort = Effort { first: Duration::from_millis(300), repetitions: 2 };

/// Sockets of one endpoint: one for each address that it listens on, and one for DTLS.
pub(super) const LINKS: usize = 32;

/// What is called when a notification is settled.
type OnNotification = Box<dyn Fn(Source, Token, Outcome) + Send + Sync>;

/// The message layer of some sockets.
pub(super) struct Endpoint {
    /// Filled from the first on, and looked at for every datagram.
    links: [OnceLock<Arc<dyn Link>>; LINKS],
    layer: Mutex<Layer<Attached>>,
    sooner: Notify,
    on_notification: OnNotification,
}

impl Endpoint {
    pub(super) fn new(limits: Limits, on_notification: OnNotification) -> Self {
        let layer = Mutex::new(Layer::new(limits));
        Self { links: Default::default(), layer, sooner: Notify::new(), on_notification }
    }

    /// Adds a socket; its number is what sources name. Beyond [`LINKS`] it is one through which nothing leaves.
    pub(super) fn attach(&self, link: Arc<dyn Link>) -> u16 {
        let place = self.links.iter().position(|place| place.set(Arc::clone(&link)).is_ok());
        place.and_then(|place| u16::try_from(place).ok()).unwrap_or_else(|| {
            tracing::error!("more than {LINKS} sockets of one CoAP endpoint");
            u16::MAX
        })
    }

    /// The socket that a source talks to.
    pub(super) fn link(&self, number: u16) -> Option<&Arc<dyn Link>> {
        self.links.get(usize::from(number))?.get()
    }

    /// Sends a datagram that is not repeated.
    pub(super) fn send(&self, to: Source, datagram: &[u8]) {
        if let Some(link) = self.link(to.link) {
            link.send(to.address, datagram);
        }
    }

    /// Sends a message without code: an acknowledgement or a reset.
    pub(super) fn send_empty(&self, to: Source, kind: Kind, id: u16) {
        self.send(to, &wire::empty(kind, id));
    }

    /// Sends a message that is not repeated and knows no ID yet; `notification` if a reset of it should be told.
    pub(super) fn non_confirmable(&self, to: Source, packet: &Packet, token: Token, notification: bool) {
        let id = {
            let mut layer = self.layer();
            let id = layer.next_id(to);
            if notification {
                layer.unconfirmed(to, id, Attached::Notification(token));
            }
            id
        };
        self.send(to, &wire::write(packet, Kind::NonConfirmable, id, token));
    }

    /// Sends a message until it is echoed. `false` if too much is under way.
    pub(super) fn confirmable(
        &self,
        now: Instant,
        to: Source,
        packet: &Packet,
        token: Token,
        attached: Attached,
    ) -> bool {
        let id = self.layer().next_id(to);
        let datagram = wire::write(packet, Kind::Confirmable, id, token);
        self.launch(now, to, (id, datagram), Effort::STANDARD, attached)
    }

    /// The same, for who waits for what becomes of it. `None` if too much is under way.
    pub(super) fn awaited(
        &self,
        now: Instant,
        to: Source,
        packet: &Packet,
        token: Token,
    ) -> Option<UnderWay> {
        let id = self.layer().next_id(to);
        let datagram = wire::write(packet, Kind::Confirmable, id, token);
        let (sender, outcome) = oneshot::channel();
        let sent = self.launch(now, to, (id, datagram), Effort::STANDARD, Attached::Waiter(sender));
        sent.then_some(UnderWay { id, outcome })
    }

    /// Asks an endpoint to show that it receives what is sent to it (RFC 7252 4.3: a ping is reset).
    pub(super) async fn ping(&self, now: Instant, to: Source) -> bool {
        let id = self.layer().random_id(to);
        let (sender, outcome) = oneshot::channel();
        let datagram = Bytes::copy_from_slice(&wire::empty(Kind::Confirmable, id));
        self.launch(now, to, (id, datagram), PING, Attached::Waiter(sender))
            && matches!(outcome.await, Ok(Outcome::Reset | Outcome::Acknowledged))
    }

    /// An ACK or RST came. Whether it was about a message of this endpoint, so that it comes from whom it says.
    pub(super) fn echoed(&self, now: Instant, from: Source, id: u16, outcome: Outcome) -> bool {
        self.act(|layer, out, settled| {
            layer.echoed(now, from, id, outcome, out, settled);
            settled.iter().any(|(_, _, outcome)| *outcome != Outcome::TimedOut)
        })
    }

    /// Stops repeating a message.
    pub(super) fn cancel(&self, now: Instant, to: Source, id: u16) {
        self.act(|layer, out, _| drop(layer.cancel(now, to, id, out)));
    }

    /// Confirmable messages that are not echoed yet.
    pub(super) fn under_way(&self) -> usize {
        self.layer().under_way()
    }

    /// Repeats what is due, for as long as it is polled.
    pub(super) async fn run(&self) {
        loop {
            // Registered before the look, so that what is sent between the two is not missed.
            let sooner = self.sooner.notified();
            let due = self.layer().next_due();
            match due {
                Some(due) => {
                    // Either way there is another look.
                    let _ = tokio::time::timeout_at(due.into(), sooner).await;
                }
                None => sooner.await,
            }
            let now = Instant::now();
            self.act(|layer, out, settled| layer.expire(now, out, settled));
        }
    }

    fn launch(
        &self,
        now: Instant,
        to: Source,
        datagram: (u16, Bytes),
        effort: Effort,
        attached: Attached,
    ) -> bool {
        self.act(|layer, out, _| layer.confirmable(now, to, datagram, effort, attached, out).is_ok())
    }

    /// Lets the layer do something, then sends and tells what came of it without holding it.
    fn act<R>(
        &self,
        what: impl FnOnce(&mut Layer<Attached>, &mut Vec<Transmit>, &mut Vec<Settled<Attached>>) -> R,
    ) -> R {
        let (mut out, mut settled) = (Vec::new(), Vec::new());
        let (result, is_sooner) = {
            let mut layer = self.layer();
            let before = layer.next_due();
            let result = what(&mut layer, &mut out, &mut settled);
            let after = layer.next_due();
            (result, after.is_some_and(|after| before.is_none_or(|before| after < before)))
        };
        if is_sooner {
            self.sooner.notify_one();
        }
        for (to, datagram) in out {
            self.send(to, &datagram);
        }
        for (to, attached, outcome) in settled {
            match attached {
                Attached::Nobody => {}
                // Who waited may have gone.
                Attached::Waiter(waiter) => drop(waiter.send(outcome)),
                Attached::Notification(token) => (self.on_notification)(to, token, outcome),
            }
        }
        result
    }

    fn layer(&self) -> MutexGuard<'_, Layer<Attached>> {
        self.layer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
