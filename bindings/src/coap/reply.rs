//! How an answer leaves (RFC 7252 5.2, 7959 2.4, 9175 2.4).
//!
//! Responsible for blocks, for the type of the message, and for not sending long answers to addresses in whose name
//! anybody may have asked. Such an address is pinged first: every endpoint resets a ping, and whoever sent in its name
//! does not see the message ID of it. That takes one round trip, the first time, and nothing that clients would have
//! to know. One that does not react gets its answer in blocks that are no longer than what it sent allows, with an Echo
//! option for those who know it; 4.01 with Echo where not even such a block fits.

use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use coap_lite::{CoapOption, Packet};

use super::block::{self, Block};
use super::call::{self, Call};
use super::downloads::{Cut, is_long};
use super::endpoint::Attached;
use super::guard;
use super::resources::{Notifier, Outcome, RequestKey, Source};
use super::serving::{Serving, lock};
use super::wire::{self, Kind, Token};

/// How often a message that has to be acknowledged leaves at most.
const TRANSMISSIONS: usize = 5;

/// How long an acknowledgement waits for the echo of a ping: less than ACK_TIMEOUT, after which the request is repeated.
const PING_FIRST: Duration = Duration::from_secs(1);

/// What Block2, Size2, an entity tag and Echo take at most.
const BLOCK_OPTIONS: usize = 4 + 6 + 9 + 15;

impl Serving {
    /// Answers a request; in a task of its own if its source has to show itself first. Otherwise gives the datagram that
    /// is to be sent back, if it is not one that the endpoint repeats or numbers.
    pub(super) fn reply(
        self: &Arc<Self>,
        now: Instant,
        call: Call<'_>,
        answer: Option<Packet>,
    ) -> Option<Bytes> {
        let (mut call, answer) = match self.try_reply(now, call, answer) {
            Ok(datagram) => return datagram,
            Err(owed) => (owed.0.into_owned(), owed.1),
        };
        if !self.note(now, &mut call) {
            return None;
        }
        let Some(turn) = self.turn() else { return self.reply_little(now, call, answer) };
        let serving = Arc::clone(self);
        tokio::spawn(async move {
            serving.reply_if_shown(call, answer).await;
            drop(turn);
        });
        None
    }

    /// The same in this task.
    pub(super) async fn reply_in_time(self: &Arc<Self>, call: Call<'_>, answer: Option<Packet>) {
        let source = call.source;
        match self.try_reply(Instant::now(), call, answer) {
            Ok(datagram) => self.say(source, datagram),
            Err(owed) => self.reply_if_shown(owed.0, owed.1).await,
        }
    }

    /// Waits for the moment at which an answer to a group leaves (RFC 7252 8.2).
    pub(super) async fn at_leisure(&self) {
        let share = RandomState::new().hash_one(0_u8) % 1024;
        tokio::time::sleep(self.settings.leisure / 1024 * share as u32).await;
    }

    /// Answers, unless the source has to show itself first: then gives back what is to be said.
    fn try_reply<'a>(
        &self,
        now: Instant,
        mut call: Call<'a>,
        answer: Option<Packet>,
    ) -> Result<Option<Bytes>, Box<(Call<'a>, Packet)>> {
        let Some(mut answer) = answer.filter(|answer| !call.is_unwanted(answer)) else {
            return Ok(self.acknowledgement(&mut call));
        };
        if let Some(block) = call.block1 {
            block.put(&mut answer, CoapOption::Block1);
        }
        // Nothing has been kept of it before the source is known: who asks in another's name takes no memory.
        let exponent = call.block2.map_or(block::LARGEST, |block| block.exponent);
        let size = Block::first(exponent.min(self.settings.block_exponent)).size();
        let bytes = answer.payload.len().min(size) + head_length(&answer);
        let transmissions = if call.is_acknowledged { TRANSMISSIONS } else { 1 };
        let observes = answer.get_first_option(CoapOption::Observe).is_some();
        let is_much = bytes * transmissions > guard::allowance(call.datagram.len()) || observes;
        if is_much && !self.is_shown(now, call.source) {
            return Err(Box::new((call, answer)));
        }
        Ok(self.reply_whole(now, &call, answer))
    }

    async fn reply_if_shown(self: &Arc<Self>, mut call: Call<'_>, answer: Packet) {
        if !call.multicast {
            let mut ping = pin!(self.endpoint.ping(Instant::now(), call.source));
            // libcoap takes no blocks of an answer that comes apart from the acknowledgement, so both wait.
            let shown = match tokio::time::timeout(PING_FIRST, &mut ping).await {
                Ok(is_shown) => is_shown,
                Err(_) => {
                    self.say(call.source, self.acknowledgement(&mut call));
                    ping.await
                }
            };
            if shown {
                return self.say(call.source, self.reply_whole(Instant::now(), &call, answer));
            }
        }
        let source = call.source;
        self.say(source, self.reply_little(Instant::now(), call, answer));
    }

    fn is_shown(&self, now: Instant, source: Source) -> bool {
        self.shown().is_shown(now, source)
            || self.endpoint.link(source.link).is_some_and(|link| link.is_secured())
    }

    /// Says an answer, or its first block.
    fn reply_whole(&self, now: Instant, call: &Call<'_>, answer: Packet) -> Option<Bytes> {
        let answer = self.cut(now, call, answer, call.block2);
        self.answer(now, call, &answer)
    }

    /// Says as little as the length of the request allows.
    fn reply_little(&self, now: Instant, call: Call<'_>, mut answer: Packet) -> Option<Bytes> {
        if answer.get_first_option(CoapOption::Observe).is_some() {
            answer.clear_option(CoapOption::Observe);
            self.resources.settled(call.source, call.token.bytes(), Outcome::TimedOut);
        }
        let allowance = guard::allowance(call.datagram.len());
        let echo = self.shown().echo(now, call.source);
        let fixed = head_length(&answer) + BLOCK_OPTIONS;
        let exponent = block::exponent_within(allowance.saturating_sub(fixed));
        let mut little = match exponent {
            _ if answer.payload.len() + fixed <= allowance => answer,
            Some(exponent) if !call.is_cut => {
                let wanted = call.block2.unwrap_or(Block::first(exponent));
                let block = Block::at(wanted.offset(), exponent.min(wanted.exponent));
                self.cut(now, &call, answer, Some(block))
            }
            _ => call::plain(call::UNAUTHORIZED, ""),
        };
        little.clear_option(call::ECHO);
        little.add_option(call::ECHO, echo);
        // Not repeated: that would be more than little.
        if call.is_confirmable && !call.is_acknowledged {
            return self.answer(now, &call, &little);
        }
        self.endpoint.non_confirmable(call.source, &little, call.token, false);
        None
    }

    /// The block of an answer that is wanted, or all of it if it is short.
    fn cut(&self, now: Instant, call: &Call<'_>, answer: Packet, wanted: Option<Block>) -> Packet {
        // A failure has one block, whichever was asked for.
        let wanted = if u8::from(answer.header.code) >> 5 == 2 { wanted } else { None };
        if call.is_cut || !is_long(&answer, wanted, self.settings.block_exponent) {
            return answer;
        }
        match lock(&self.downloads).cut(now, call.source, call.key(), answer, wanted) {
            Cut::Part(part) => *part,
            Cut::NoSuchBlock => call::plain(call::BAD_REQUEST, "there is no such block"),
            Cut::NotKept => call::plain(call::INTERNAL, "the answer is too long; ask for less"),
        }
    }

    /// Says an answer as the type of the request demands: gives the acknowledgement that has it, or sends it as a
    /// message of its own.
    fn answer(&self, now: Instant, call: &Call<'_>, answer: &Packet) -> Option<Bytes> {
        match (call.is_confirmable, call.is_acknowledged) {
            (true, false) => {
                let datagram = wire::write(answer, Kind::Acknowledgement, call.id, call.token);
                // Noted before it leaves: the repetition of a request that was answered must not find it unanswered.
                self.remember(now, call, &datagram);
                return Some(datagram);
            }
            (true, true) => {
                if !self.endpoint.confirmable(now, call.source, answer, call.token, Attached::Nobody) {
                    tracing::debug!(to = %call.source.address, "an answer was dropped: too many wait there");
                }
            }
            (false, _) => self.endpoint.non_confirmable(call.source, answer, call.token, false),
        }
        None
    }
}

/// Bytes of a message without its payload, at most.
fn head_length(answer: &Packet) -> usize {
    4 + 8 + 1 + wire::options_length(answer)
}

impl Notifier for Serving {
    fn notify(&self, to: Source, request: &RequestKey, notification: Packet, confirmable: bool) -> bool {
        let now = Instant::now();
        let token = Token::new(notification.get_token());
        let mut notification = notification;
        if is_long(&notification, None, self.settings.block_exponent) {
            let cut = lock(&self.downloads).cut(now, to, request.clone(), notification, None);
            notification = match cut {
                Cut::Part(part) => *part,
                Cut::NoSuchBlock | Cut::NotKept => return false,
            };
        }
        // An address has to show now and then that it is still there.
        if confirmable || !self.is_shown(now, to) {
            return self.endpoint.confirmable(now, to, &notification, token, Attached::Notification(token));
        }
        self.endpoint.non_confirmable(to, &notification, token, true);
        true
    }
}
