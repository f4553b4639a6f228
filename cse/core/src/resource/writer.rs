//! The writer: one thread that carries out every write request, many of them in one database transaction.
//!
//! It takes all requests that wait, runs them one after the other, commits once and answers all: a durable write
//! costs a share of one disk sync. If the commit fails, each request is run again in a transaction of its own, so
//! that one that cannot be stored fails alone. Jobs must therefore be repeatable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ThreadId;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use dyad_protocol::{Failure, StatusCode, Timestamp};
use tokio::sync::oneshot;

use super::Txn;
use super::batch::Batch;
use super::layer::Layer;
use crate::Cse;
use crate::store::{StoreError, Writer};

/// The name of the writer's thread.
pub(crate) const THREAD: &str = "writer";

/// Requests that one database transaction carries at most.
const BATCH: usize = 512;

/// A piece of work for the writer. Runs once, or twice if the first commit failed.
type Job = Box<dyn FnMut(&mut Txn<'_>) -> Result<(), Failure> + Send>;

struct Pending {
    job: Job,
    reply: oneshot::Sender<Reply>,
    /// Where the answer is waited for.
    thread: ThreadId,
}

/// The answer to a request, and with it those to others that wait on the same thread.
struct Reply {
    outcome: Result<(), Failure>,
    others: Others,
}

/// Answers that are given out when they are dropped, whether by who carries them or because nobody took them: waking a
/// thread costs a system call for each request, unless it is done from within.
#[derive(Default)]
struct Others(Vec<(oneshot::Sender<Reply>, Result<(), Failure>)>);

impl Drop for Others {
    fn drop(&mut self) {
        for (reply, outcome) in self.0.drain(..) {
            // Whoever asked may have gone away meanwhile.
            let _ = reply.send(Reply { outcome, others: Self::default() });
        }
    }
}

enum Message {
    Write(Pending),
    /// Delete every resource and owed notification; the job that follows builds the tree anew.
    Clear(Pending),
    Nudge,
    Stop(oneshot::Sender<()>),
}

/// The way to the writer.
pub(crate) struct WriteQueue {
    sender: Sender<Message>,
    waiting: AtomicUsize,
}

impl WriteQueue {
    /// A queue with room for so many requests, and its end for the writer.
    pub(crate) fn new(room: usize) -> (Self, WriterEnd) {
        let (sender, receiver) = bounded(room.max(1));
        (Self { sender, waiting: AtomicUsize::new(0) }, WriterEnd(receiver))
    }

    /// Runs a job in the write transaction; resolves after the commit.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        job: impl FnMut(&mut Txn<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> impl Future<Output = Result<T, Failure>> + Send {
        self.submit(job, Message::Write)
    }

    /// Runs a job in a transaction that first empties the store.
    pub(crate) fn run_on_empty<T: Send + 'static>(
        &self,
        job: impl FnMut(&mut Txn<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> impl Future<Output = Result<T, Failure>> + Send {
        self.submit(job, Message::Clear)
    }

    /// Hands a job over at once. What waits for it does not hold it, and is small whatever the job takes with it.
    fn submit<T: Send + 'static>(
        &self,
        mut job: impl FnMut(&mut Txn<'_>) -> Result<T, Failure> + Send + 'static,
        message: fn(Pending) -> Message,
    ) -> impl Future<Output = Result<T, Failure>> + Send {
        let (reply, answer) = oneshot::channel();
        // The result travels beside the job, whose type the writer does not know.
        let slot = Arc::new(std::sync::Mutex::new(None));
        let inner = Arc::clone(&slot);
        let job: Job = Box::new(move |txn| {
            let result = job(txn)?;
            *inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(result);
            Ok(())
        });
        let sent = self.send(message(Pending { job, reply, thread: std::thread::current().id() }));
        async move {
            sent?;
            let waiting = Waiting::new(&self.waiting);
            let answer = answer.await;
            drop(waiting);
            let Reply { outcome, others } =
                answer.map_err(|_| Failure::internal("the writer has stopped"))?;
            drop(others);
            outcome?;
            let mut slot = slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            slot.take().ok_or_else(|| Failure::internal("a write left no result"))
        }
    }

    fn send(&self, message: Message) -> Result<(), Failure> {
        self.sender.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => Failure::new(
                StatusCode::InternalServerError,
                "too many write requests are waiting, try again later",
            ),
            TrySendError::Disconnected(_) => Failure::internal("the writer has stopped"),
        })
    }

    /// Wakes the writer, so that it removes the rows of delivered notifications. A full queue wakes it anyway.
    pub(crate) fn nudge(&self) {
        let _ = self.sender.try_send(Message::Nudge);
    }

    /// Requests that wait for their commit.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Commits what waits and ends the thread.
    pub(crate) async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.sender.send(Message::Stop(done)).is_ok() {
            let _ = stopped.await;
        }
    }
}

/// Counts somebody who waits, also if the wait is given up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The writer's end of the queue.
pub(crate) struct WriterEnd(Receiver<Message>);

/// Starts the writer thread.
pub(crate) fn spawn(cse: Arc<Cse>, writer: Writer, end: WriterEnd) -> anyhow::Result<()> {
    let batch = Batch::new(writer)?;
    let writer = WriterThread { cse, batch, last: Timestamp::default() };
    std::thread::Builder::new().name(THREAD.into()).spawn(move || {
        let cse = Arc::clone(&writer.cse);
        // Jobs are guarded one by one; what gets here is a fault of the writer itself.
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| writer.run(&end.0))).is_err() {
            tracing::error!("the writer has failed; the node cannot go on");
            cse.fail();
        }
    })?;
    Ok(())
}

struct WriterThread {
    cse: Arc<Cse>,
    batch: Batch,
    last: Timestamp,
}

impl WriterThread {
    fn run(mut self, messages: &Receiver<Message>) {
        let mut next = None;
        while let Some(message) = next.take().or_else(|| messages.recv().ok()) {
            match message {
                Message::Write(pending) => next = self.carry_out(vec![pending], Some(messages)),
                // What was delivered goes with the next transaction, or with one of its own if nothing else waits.
                Message::Nudge => next = self.carry_out(Vec::new(), Some(messages)),
                Message::Clear(pending) => self.clear(pending),
                Message::Stop(done) => {
                    drop(self);
                    let _ = done.send(());
                    return;
                }
            }
        }
    }

    /// One transaction for all, and for those that wait; if it cannot be committed, one for each. Gives back a message that has to have its own turn.
    fn carry_out(&mut self, mut jobs: Vec<Pending>, messages: Option<&Receiver<Message>>) -> Option<Message> {
        let mut next = None;
        match self.attempt(&mut jobs, || more(messages?, &mut next)) {
            Ok(outcomes) => answer(jobs, outcomes),
            Err(error) if jobs.len() > 1 => {
                tracing::warn!(%error, requests = jobs.len(), "a batch could not be committed; trying one by one");
                for pending in jobs {
                    self.carry_out(vec![pending], None);
                }
            }
            Err(error) => {
                tracing::error!(%error, "a write could not be committed");
                let failure = || Err(Failure::internal("the write could not be committed"));
                let outcomes = jobs.iter().map(|_| failure()).collect();
                answer(jobs, outcomes);
            }
        }
        next
    }

    fn attempt(
        &mut self,
        jobs: &mut Vec<Pending>,
        more: impl FnMut() -> Option<Pending>,
    ) -> Result<Vec<Result<(), Failure>>, StoreError> {
        let result = self.transact(jobs, more);
        if result.is_err() {
            self.batch.discard();
        }
        result
    }

    /// Runs the jobs, and all others that wait. Who comes later waits for the next transaction, which is then under way while
    /// those of this one are answered: with everybody in one transaction nobody would have anything to do during its commit.
    fn transact(
        &mut self,
        jobs: &mut Vec<Pending>,
        mut more: impl FnMut() -> Option<Pending>,
    ) -> Result<Vec<Result<(), Failure>>, StoreError> {
        while jobs.len() < BATCH
            && let Some(pending) = more()
        {
            jobs.push(pending);
        }
        self.batch.settle(self.cse.delivery().take_settled());
        self.batch.begin()?;
        let mut outcomes = Vec::with_capacity(jobs.len());
        for pending in jobs {
            outcomes.push(self.run_job(&mut pending.job));
        }
        let layer = self.batch.commit()?;
        self.publish(layer);
        Ok(outcomes)
    }

    fn publish(&self, layer: Layer) {
        self.cse.alarms().note(layer.alarms.earliest());
        let published = layer.publish(self.cse.tree(), self.batch.has_open_events());
        self.cse.delivery().accept(published);
    }

    fn run_job(&mut self, job: &mut Job) -> Result<(), Failure> {
        // Time never stands still or goes back between two writes, whatever the clock of the machine does.
        self.last = self.cse.clock().now().max(Timestamp::from_micros(self.last.micros() + 1));
        let mut txn = Txn::new(&self.cse, &mut self.batch, self.last);
        let run = std::panic::AssertUnwindSafe(|| job(&mut txn).and_then(|()| txn.complete()));
        let outcome = std::panic::catch_unwind(run);
        match outcome {
            Ok(Ok(())) => {
                txn.succeed();
                Ok(())
            }
            Ok(Err(failure)) => {
                txn.fail();
                Err(failure)
            }
            Err(panic) => {
                let message = crate::function::message(&*panic);
                let failure = match txn.blame(message) {
                    Some(name) => Failure::internal(format!("the service function {name} panicked")),
                    None => Failure::internal("a write procedure panicked"),
                };
                txn.fail();
                Err(failure)
            }
        }
    }

    /// Empties the store and runs a job on it, in one transaction.
    fn clear(&mut self, pending: Pending) {
        let mut jobs = vec![pending];
        let outcome = self.transact_on_empty(&mut jobs);
        match outcome {
            Ok(outcomes) => answer(jobs, outcomes),
            Err(error) => {
                self.batch.discard();
                answer(jobs, vec![Err(Failure::internal(error))]);
            }
        }
    }

    fn transact_on_empty(&mut self, jobs: &mut [Pending]) -> Result<Vec<Result<(), Failure>>, StoreError> {
        self.batch.clear()?;
        self.cse.tree().clear();
        let outcomes: Vec<_> = jobs.iter_mut().map(|pending| self.run_job(&mut pending.job)).collect();
        let layer = self.batch.commit()?;
        // Readers may have read rows meanwhile that are gone now.
        self.cse.tree().clear();
        self.cse.delivery().forget();
        self.publish(layer);
        Ok(outcomes)
    }
}

/// The next request that waits. `next` takes a message that cannot share the transaction, after which there is none.
fn more(messages: &Receiver<Message>, next: &mut Option<Message>) -> Option<Pending> {
    while next.is_none() {
        match messages.try_recv().ok()? {
            Message::Write(pending) => return Some(pending),
            Message::Nudge => {}
            message => *next = Some(message),
        }
    }
    None
}

/// Gives out the answers: one to each thread, which passes the others on.
fn answer(jobs: Vec<Pending>, outcomes: Vec<Result<(), Failure>>) {
    let mut threads: Vec<(ThreadId, Others)> = Vec::new();
    for (Pending { reply, thread, .. }, outcome) in jobs.into_iter().zip(outcomes) {
        match threads.iter_mut().find(|(known, _)| *known == thread) {
            Some((_, others)) => others.0.push((reply, outcome)),
            None => threads.push((thread, Others(vec![(reply, outcome)]))),
        }
    }
    for (_, mut others) in threads {
        if let Some((reply, outcome)) = others.0.pop() {
            let _ = reply.send(Reply { outcome, others });
        }
    }
}
