//! When a connection has been silent for too long: keep-alive (MQTT 5 clause 3.1.2.10), and a client that takes nothing.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// What a silence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// The client sends nothing, not even the sign of life that it promised.
    Sending,
    /// The client does not take what is written.
    Taking,
}

/// Watches the time of one connection with one timer, that is seldom moved.
#[derive(Debug)]
pub(super) struct Pace {
    /// One and a half times what the client promised.
    keep_alive: Option<Duration>,
    write_timeout: Duration,
    last_read: Instant,
    /// Since when the client takes nothing, if something waits for it.
    stalled_since: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
}

impl Pace {
    /// `keep_alive` in seconds, zero for none.
    pub(super) fn new(keep_alive: u16, write_timeout: Duration) -> Self {
        let now = Instant::now();
        let keep_alive = (keep_alive > 0).then(|| Duration::from_millis(u64::from(keep_alive) * 1500));
        let first = keep_alive.map_or(write_timeout, |limit| limit.min(write_timeout));
        Self {
            keep_alive,
            write_timeout,
            last_read: now,
            stalled_since: None,
            alarm: Box::pin(sleep_until(now + first)),
        }
    }

    /// Something came.
    pub(super) fn has_read(&mut self) {
        self.last_read = Instant::now();
    }

    /// Something was taken, or was not; `is_drained` if nothing waits any more.
    pub(super) fn has_written(&mut self, bytes: usize, is_drained: bool) {
        if is_drained {
            self.stalled_since = None;
        } else if bytes > 0 || self.stalled_since.is_none() {
            self.stalled_since = Some(Instant::now());
        }
    }

    /// Ready once it has been silent for too long. `is_listening` if the client is read from at all.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, is_listening: bool) -> Poll<Silence> {
        while self.alarm.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let over = |since: Instant, limit: Duration| now.saturating_duration_since(since) >= limit;
            if self.stalled_since.is_some_and(|since| over(since, self.write_timeout)) {
                return Poll::Ready(Silence::Taking);
            }
            if !is_listening {
                self.last_read = now;
            }
            let mut next = now + self.write_timeout;
            if let Some(limit) = self.keep_alive {
                if over(self.last_read, limit) {
                    return Poll::Ready(Silence::Sending);
                }
                next = next.min(self.last_read + limit);
            }
            if let Some(since) = self.stalled_since {
                next = next.min(since + self.write_timeout);
            }
            self.alarm.as_mut().reset(next);
        }
        Poll::Pending
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use futures_util::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_and_a_half_times_the_promise_is_waited_for() {
        let begin = Instant::now();
        let mut pace = Pace::new(10, Duration::from_secs(4));
        tokio::time::advance(Duration::from_secs(9)).await;
        pace.has_read();
        assert_eq!(poll_fn(|cx| pace.poll(cx, true)).await, Silence::Sending);
        assert_eq!(begin.elapsed().as_secs(), 24);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_found_out_without_a_promise() {
        let begin = Instant::now();
        let mut pace = Pace::new(0, Duration::from_secs(4));
        tokio::time::advance(Duration::from_secs(1)).await;
        pace.has_written(0, false);
        pace.has_written(0, false);
        assert_eq!(poll_fn(|cx| pace.poll(cx, true)).await, Silence::Taking);
        assert_eq!(begin.elapsed().as_secs(), 5);
    }
}
