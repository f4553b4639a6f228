//! From a datagram to the request that it is, and its way to whoever answers it.
//!
//! Responsible for the order of things: limits, repetitions, blocks, handing over, waiting. How the answer leaves is
//! left to `reply`, what it says to the [`Resources`].

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use coap_lite::{CoapOption, Packet};
use futures_util::FutureExt as _;
use tokio::sync::Notify;

use super::block::Block;
use super::call::{self, Call};
use super::downloads::{Cut, Downloads};
use super::endpoint::Endpoint;
use super::guard::{self, Admission, Rates, Shown};
use super::remembered::{Asks, Remembered, Seen};
use super::resources::{Origin, Outcome, Resources, Source};
use super::settings::ServerSettings;
use super::uploads::{self, Received, Uploads};
use super::wire::{self, Datagram, Head, Kind};

/// What all sockets of a server share.
pub(super) struct Serving {
    pub(super) settings: ServerSettings,
    pub(super) resources: Arc<dyn Resources>,
    pub(super) endpoint: Endpoint,
    remembered: Mutex<Remembered>,
    uploads: Mutex<Uploads>,
    pub(super) downloads: Mutex<Downloads>,
    rates: Mutex<Rates>,
    pub(super) shown: Mutex<Shown>,
    pending: AtomicUsize,
    fewer: Notify,
    is_stopping: AtomicBool,
}

/// An answer that is being made.
type Answering = Pin<Box<dyn Future<Output = Option<Packet>> + Send>>;

impl Serving {
    pub(super) fn new(settings: ServerSettings, resources: Arc<dyn Resources>) -> Arc<Self> {
        let now = Instant::now();
        let told = Arc::clone(&resources);
        let endpoint = Endpoint::new(
            settings.limits,
            // Who repeats messages goes on repeating the others.
            Box::new(move |to, token, outcome| {
                let _ = survived("telling the outcome of a notification", || {
                    told.settled(to, token.bytes(), outcome);
                });
            }),
        );
        Arc::new(Self {
            endpoint,
            remembered: Mutex::new(Remembered::new(settings.reads, settings.changes)),
            uploads: Mutex::new(Uploads::new(settings.uploads, settings.max_body, settings.block_exponent)),
            downloads: Mutex::new(Downloads::new(settings.downloads, settings.block_exponent)),
            rates: Mutex::new(Rates::new(now, settings.rate)),
            shown: Mutex::new(Shown::new(now, settings.shown)),
            pending: AtomicUsize::new(0),
            fewer: Notify::new(),
            is_stopping: AtomicBool::new(false),
            settings,
            resources,
        })
    }

    /// Takes a datagram that came from a source, to a group if `multicast`. Gives the datagram that is to be sent back
    /// at once, if there is one; needs to be called within a runtime, for the rest. Does not panic: whoever receives
    /// goes on with the next one.
    pub(super) fn datagram(
        self: &Arc<Self>,
        now: Instant,
        source: Source,
        multicast: bool,
        datagram: &[u8],
    ) -> Option<Bytes> {
        survived("taking a datagram", || self.take(now, source, multicast, datagram)).flatten()
    }

    fn take(
        self: &Arc<Self>,
        now: Instant,
        source: Source,
        multicast: bool,
        datagram: &[u8],
    ) -> Option<Bytes> {
        match wire::read(datagram, |option| self.resources.knows(option)) {
            Datagram::Noise => None,
            Datagram::Malformed(head) => reject(multicast, &head),
            Datagram::Empty(head) => self.empty(now, source, multicast, &head),
            Datagram::Objectionable(head, objection) => {
                // Of what is not confirmable, and may come in anybody's name, a reset says enough (RFC 7252 5.4.1).
                if head.kind != Kind::Confirmable {
                    return reject(multicast, &head);
                }
                match self.begin(now, source, multicast, &head, datagram, Some(asks(&head))) {
                    Ok(call) => self.reply(now, call, Some(call::objection(objection))),
                    Err(answer) => answer,
                }
            }
            Datagram::Message(head, packet) if head.is_request() => {
                let asks = match self.resources.is_harmless(&packet) {
                    true => None,
                    false => Some(asks(&head)),
                };
                match self.begin(now, source, multicast, &head, datagram, asks) {
                    Ok(call) => self.request(now, call, packet),
                    Err(answer) => answer,
                }
            }
            // A server asks nobody for anything: the answer is for somebody who is gone.
            Datagram::Message(head, _) => reject(multicast, &head),
        }
    }

    /// No new requests are taken from now on.
    pub(super) fn begin_stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }

    /// Resolves when nothing is waiting for its answer any more.
    pub(super) async fn settled(&self) {
        loop {
            let mut fewer = pin!(self.fewer.notified());
            // Registered before the look, so that the end of the last one is not missed.
            fewer.as_mut().enable();
            if self.pending.load(Ordering::Acquire) == 0 {
                return;
            }
            fewer.await;
        }
    }

    fn empty(&self, now: Instant, source: Source, multicast: bool, head: &Head<'_>) -> Option<Bytes> {
        let outcome = match head.kind {
            Kind::Acknowledgement => Outcome::Acknowledged,
            Kind::Reset => Outcome::Reset,
            Kind::Confirmable | Kind::NonConfirmable => return reject(multicast, head),
        };
        if self.endpoint.echoed(now, source, head.id, outcome) {
            self.shown().show(now, source);
        }
        None
    }

    /// Whether a request is to be looked at: it is within the limits and came for the first time. Otherwise gives what
    /// it is answered with, if at all. Of one that `asks` for nothing worth noting, nothing is noted until it waits.
    fn begin<'a>(
        self: &Arc<Self>,
        now: Instant,
        source: Source,
        multicast: bool,
        head: &Head<'_>,
        datagram: &'a [u8],
        asks: Option<Asks>,
    ) -> Result<Call<'a>, Option<Bytes>> {
        // To a group, requests are not confirmable (RFC 7252 8.1).
        if multicast && head.kind == Kind::Confirmable {
            return Err(None);
        }
        let mut call = Call::new(head, source, multicast, datagram);
        call.is_noted = asks.is_some();
        let address = source.address.ip();
        let admission = match guard::counts(self.settings.rate, address) {
            true => lock(&self.rates).admit(now, address),
            false => Admission::Granted,
        };
        match admission {
            Admission::Granted => {}
            Admission::TooMany => {
                let answer = call::later(call::TOO_MANY_REQUESTS, "too many requests");
                return Err(self.reply(now, call, Some(answer)));
            }
            Admission::Ignored => return Err(None),
        }
        let seen = {
            let mut remembered = lock(&self.remembered);
            match asks {
                Some(asks) => remembered.came(now, source, head.id, asks),
                None => remembered.look(now, source, head.id),
            }
        };
        match seen {
            Seen::New => Ok(call),
            Seen::Again(answer) => Err(answer),
        }
    }

    /// Notes a request that is not answered at once, unless it is noted already. `false` if it came a second time
    /// meanwhile and is under way.
    pub(super) fn note(&self, now: Instant, call: &mut Call<'_>) -> bool {
        let was_noted = std::mem::replace(&mut call.is_noted, true);
        was_noted || lock(&self.remembered).came(now, call.source, call.id, Asks::Read) == Seen::New
    }

    fn request(
        self: &Arc<Self>,
        now: Instant,
        mut call: Call<'_>,
        mut request: Box<Packet>,
    ) -> Option<Bytes> {
        if let Some(echo) = request.get_first_option(call::ECHO) {
            self.shown().take_echo(now, call.source, echo);
            request.clear_option(call::ECHO);
        }
        if let Err(refusal) = call.read(&request) {
            return self.reply(now, call, Some(call::refusal(refusal)));
        }
        if self.is_stopping.load(Ordering::Acquire) {
            return self.reply(now, call, Some(call::later(call::UNAVAILABLE, "the node is stopping")));
        }
        let received = match uploads::is_whole(&request, self.settings.max_body) {
            true => Received::Whole(request, None),
            false => lock(&self.uploads).receive(now, call.source, request),
        };
        let mut request = match received {
            Received::Whole(request, block) => {
                call.block1 = block;
                request
            }
            Received::Part(block) => {
                call.block1 = Some(block);
                return self.reply(now, call, Some(call::plain(call::CONTINUE, "")));
            }
            Received::Refused(refusal) => {
                return self.reply(now, call, Some(call::refusal(refusal)));
            }
        };
        if let Some(block) = call.block2.filter(|block| block.number > 0 && call.block1.is_none())
            && let Some(answer) = self.further(now, &call, block)
        {
            call.is_cut = true;
            return self.reply(now, call, Some(answer));
        }
        for option in [CoapOption::Block2, CoapOption::Size2, CoapOption::Size1] {
            request.clear_option(option);
        }
        self.hand_over(now, call, *request)
    }

    /// The answer to a request for another block than the first. `None` if it has to be asked for anew.
    fn further(&self, now: Instant, call: &Call<'_>, block: Block) -> Option<Packet> {
        match lock(&self.downloads).next(now, call.source, call.key(), block) {
            Cut::Part(part) => Some(*part),
            Cut::NoSuchBlock => Some(call::plain(call::BAD_REQUEST, "there is no such block")),
            // Reading again does no harm, anything else might.
            Cut::NotKept if call.is_get => None,
            Cut::NotKept => Some(call::plain(call::INCOMPLETE, "the answer is not kept; begin again")),
        }
    }

    /// Hands a whole request over. What is answered without waiting leaves right here; what waits goes on in a task of
    /// its own.
    fn hand_over(self: &Arc<Self>, now: Instant, mut call: Call<'_>, request: Packet) -> Option<Bytes> {
        let busy = || Some(call::later(call::UNAVAILABLE, "too many requests wait"));
        // What only reads takes a place when it has to wait: most have not.
        let turn = if call.is_noted { self.turn() } else { None };
        if turn.is_none() && (call.is_noted || self.is_full()) {
            return self.reply(now, call, busy());
        }
        let authenticated =
            self.endpoint.link(call.source.link).and_then(|link| link.authenticated(call.source.address));
        let origin = Origin {
            source: call.source,
            multicast: call.multicast,
            confirmable: call.is_confirmable,
            authenticated,
        };
        let mut answering: Answering = Arc::clone(&self.resources).answer(request, origin);
        let first = catch_unwind(AssertUnwindSafe(|| {
            answering.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        }));
        let answering = match first {
            Ok(Poll::Ready(answer)) if !call.multicast => return self.reply(now, call, answer),
            Ok(Poll::Ready(answer)) => Box::pin(std::future::ready(answer)),
            Ok(Poll::Pending) => answering,
            Err(_) => return self.reply(now, call, Some(failed())),
        };
        if self.note(now, &mut call) {
            let Some(turn) = turn.or_else(|| self.turn()) else { return self.reply(now, call, busy()) };
            drop(tokio::spawn(Arc::clone(self).wait(turn, call.into_owned(), answering)));
        }
        None
    }

    /// Waits for an answer, with an empty acknowledgement if it takes long (RFC 7252 5.2.2).
    async fn wait(self: Arc<Self>, turn: Turn, mut call: Call<'static>, answering: Answering) {
        let mut answering = AssertUnwindSafe(answering).catch_unwind();
        let soon = tokio::time::timeout(self.settings.acknowledge_after, &mut answering).await;
        let answer = match soon {
            Ok(answer) => answer,
            Err(_) => {
                self.say(call.source, self.acknowledgement(&mut call));
                answering.await
            }
        };
        let answer = answer.unwrap_or_else(|_| Some(failed()));
        if call.multicast {
            self.at_leisure().await;
        }
        self.reply_in_time(call, answer).await;
        drop(turn);
    }

    /// An empty acknowledgement, unless it was sent before or none is due.
    pub(super) fn acknowledgement(&self, call: &mut Call<'_>) -> Option<Bytes> {
        if !call.is_confirmable || call.is_acknowledged {
            return None;
        }
        call.is_acknowledged = true;
        let datagram = Bytes::copy_from_slice(&wire::empty(Kind::Acknowledgement, call.id));
        self.remember(Instant::now(), call, &datagram);
        Some(datagram)
    }

    /// Sends a datagram, if there is one.
    pub(super) fn say(&self, to: Source, datagram: Option<Bytes>) {
        if let Some(datagram) = datagram {
            self.endpoint.send(to, &datagram);
        }
    }

    /// Notes what a repetition of the request is answered with, if it is worth it.
    pub(super) fn remember(&self, now: Instant, call: &Call<'_>, answer: &Bytes) {
        if call.is_noted {
            lock(&self.remembered).answered(now, call.source, call.id, answer.clone());
        }
    }

    /// Whether no more may wait.
    fn is_full(&self) -> bool {
        self.pending.load(Ordering::Acquire) >= self.settings.max_pending
    }

    /// A place among those that wait, if there is one.
    pub(super) fn turn(self: &Arc<Self>) -> Option<Turn> {
        let before = self.pending.fetch_add(1, Ordering::AcqRel);
        let turn = Turn(Arc::clone(self));
        (before < self.settings.max_pending).then_some(turn)
    }

    pub(super) fn shown(&self) -> MutexGuard<'_, Shown> {
        lock(&self.shown)
    }
}

/// A place among those that wait for their answer.
pub(super) struct Turn(Arc<Serving>);

impl Drop for Turn {
    fn drop(&mut self) {
        if self.0.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.fewer.notify_waiters();
        }
    }
}

fn asks(head: &Head<'_>) -> Asks {
    if head.code == 1 { Asks::Read } else { Asks::Change }
}

/// The reset that rejects a message, where that is due.
fn reject(multicast: bool, head: &Head<'_>) -> Option<Bytes> {
    let is_answer = matches!(head.kind, Kind::Acknowledgement | Kind::Reset);
    // Non-confirmable ones may be rejected (RFC 7252 4.3): only where it is the answer to a request.
    let is_due = !is_answer && !multicast && (head.kind == Kind::Confirmable || head.is_request());
    is_due.then(|| Bytes::copy_from_slice(&wire::empty(Kind::Reset, head.id)))
}

/// Does something, and goes on without it if it panics: nobody is answered then, as if it had been lost.
fn survived<T>(what: &'static str, work: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.inspect_err(|_| tracing::error!("{what} failed")).ok()
}

fn failed() -> Packet {
    tracing::error!("an answer failed");
    call::plain(call::INTERNAL, "internal error")
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
