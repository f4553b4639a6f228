//! The effort that one query may take, and all that a request asks: steps and time, whatever it asks for.
//!
//! The evaluator asks for cancellation only where it reads triples; products of what it holds in memory would go on
//! for hours. But each row that it makes clones terms, and terms are ours: their clones count, and unwind the
//! evaluation when the effort is spent.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use dyad_protocol::{Failure, StatusCode};

/// Steps that a query may take: rows that it holds cost one for each of their terms.
pub(super) const STEPS: u64 = 20_000_000;

/// Bytes of terms that an evaluation may make itself, whether it keeps them or not.
const MADE: u64 = 256 * 1024 * 1024;

/// How long a query may take.
const TIME: Duration = Duration::from_secs(2);

/// How long all that a request asks may take: several queries, and finding out what they are asked of. With the wait for its
/// turn it is less than what a function may take, so that many filters are no fault of the function.
pub(super) const REQUEST: Duration = Duration::from_secs(4);

/// Steps between two looks at the clock.
const LOOK: u64 = 4_096;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(0) };
    static UNMADE: Cell<u64> = const { Cell::new(0) };
    static ENDS: Cell<Option<Instant>> = const { Cell::new(None) };
    static ALL_ENDS: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// What unwinds.
struct Spent;

/// Does all that a request asks: what is [`limited`] in it takes so long together.
pub(super) fn together<T>(longest: Duration, work: impl FnOnce() -> T) -> T {
    ALL_ENDS.set(Instant::now().checked_add(longest));
    let done = work();
    ALL_ENDS.set(None);
    done
}

/// Evaluates within so many steps and the other limits. REQUEST_TIMEOUT if they do not suffice.
pub(super) fn limited<T>(steps: u64, evaluate: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let now = Instant::now();
    let ends = now.checked_add(TIME).into_iter().chain(ALL_ENDS.get()).min();
    if ends.is_some_and(|ends| ends <= now) {
        return Err(spent());
    }
    LEFT.set(steps);
    UNMADE.set(MADE);
    ENDS.set(ends);
    // What unwinds leaves nothing behind: evaluation changes nothing but what it owns.
    let outcome = catch_unwind(AssertUnwindSafe(evaluate));
    ENDS.set(None);
    match outcome {
        Ok(outcome) => outcome,
        Err(cause) if cause.is::<Spent>() => Err(spent()),
        Err(cause) => resume_unwind(cause),
    }
}

fn spent() -> Failure {
    Failure::new(StatusCode::RequestTimeout, "the query takes more effort than a query may")
}

/// Counts a step of the evaluation that is under way on this thread.
pub(super) fn step() {
    let left = LEFT.get();
    let Some(ends) = ENDS.get() else { return };
    let Some(rest) = left.checked_sub(1) else { resume_unwind(Box::new(Spent)) };
    LEFT.set(rest);
    if rest % LOOK == 0 && Instant::now() >= ends {
        resume_unwind(Box::new(Spent));
    }
}

/// Counts a term that the evaluation makes: one that no graph has.
pub(super) fn made(bytes: usize) {
    if ENDS.get().is_none() {
        return;
    }
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(TERM);
    let Some(rest) = UNMADE.get().checked_sub(bytes) else { resume_unwind(Box::new(Spent)) };
    UNMADE.set(rest);
}

/// Bytes of a term without its text.
const TERM: u64 = 64;

#[cfg(test)]
mod tests {
    use super::{Duration, Failure, Instant, STEPS, limited, step, together};
    use dyad_protocol::StatusCode;

    /// Goes on for so long.
    fn steps(span: Duration) -> Result<(), Failure> {
        limited(u64::MAX, || {
            let began = Instant::now();
            while began.elapsed() < span {
                step();
            }
            Ok(())
        })
    }

    #[test]
    fn what_a_request_asks_is_limited_together() {
        let (all, each) = (Duration::from_secs(1), Duration::from_millis(20));
        let began = Instant::now();
        let outcomes: Vec<_> = together(all, || (0..1_000).map(|_| steps(each)).collect());
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert!(outcomes.first().is_some_and(Result::is_ok));
        let refused = outcomes.last().and_then(|last| last.as_ref().err());
        assert_eq!(refused.map(|failure| failure.rsc), Some(StatusCode::RequestTimeout));
        assert!(steps(each).is_ok(), "it is over with the request");
    }

    #[test]
    fn steps_are_counted() {
        let endless = limited(STEPS, || {
            loop {
                step();
            }
        });
        assert_eq!(endless.map_err(|failure: Failure| failure.rsc), Err::<(), _>(StatusCode::RequestTimeout));
    }
}
