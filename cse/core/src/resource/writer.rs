//! The writer: one thread that carries out every write request, many of them in one database transaction.
//!
//! It runs requests one after the other, and while another thread commits what they changed, it runs those of the next
//! transaction: a durable write costs a share of one disk sync. Nothing is answered or seen by readers before its
//! commit. If a commit fails, each request since is run again in a transaction of its own, so that one that cannot be
//! stored fails alone. Jobs must therefore be repeatable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use dyad_protocol::{Failure, StatusCode, Timestamp};
use tokio::sync::oneshot;

use super::Txn;
use super::batch::Batch;
use super::commit::{self, Landing, Shipment};
use super::layer::Layer;
use crate::Cse;
use crate::store::{StoreError, Writer};

/// Requests that one database transaction carries at most.
const BATCH: usize = 512;

/// A piece of work for the writer. Runs once, or again if a commit failed.
type Job = Box<dyn FnMut(&mut Txn<'_>) -> Result<(), Failure> + Send>;

struct Pending {
    job: Job,
    reply: oneshot::Sender<Result<(), Failure>>,
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
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnMut(&mut Txn<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        self.submit(job, Message::Write).await
    }

    /// Runs a job in a transaction that first empties the store.
    pub(crate) async fn run_on_empty<T: Send + 'static>(
        &self,
        job: impl FnMut(&mut Txn<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        self.submit(job, Message::Clear).await
    }

    async fn submit<T: Send + 'static>(
        &self,
        mut job: impl FnMut(&mut Txn<'_>) -> Result<T, Failure> + Send + 'static,
        message: fn(Pending) -> Message,
    ) -> Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        // The result travels beside the job, whose type the writer does not know.
        let slot = Arc::new(std::sync::Mutex::new(None));
        let inner = Arc::clone(&slot);
        let job: Job = Box::new(move |txn| {
            let result = job(txn)?;
            *inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(result);
            Ok(())
        });
        self.send(message(Pending { job, reply }))?;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let outcome = answer.await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        outcome.unwrap_or_else(|_| Err(Failure::internal("the writer has stopped")))?;
        let mut slot = slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        slot.take().ok_or_else(|| Failure::internal("a write left no result"))
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

/// The writer's end of the queue.
pub(crate) struct WriterEnd(Receiver<Message>);

/// Starts the writer thread, and the one that commits for it.
pub(crate) fn spawn(cse: Arc<Cse>, writer: Writer, end: WriterEnd) -> anyhow::Result<()> {
    let (shipments, landings) = commit::spawn()?;
    let committed = cse.tree().store.own_reader()?;
    let batch = Batch::new(writer, committed, landings.clone())?;
    let thread = WriterThread {
        cse,
        batch,
        shipments,
        landings,
        current: Vec::new(),
        under_way: Vec::new(),
        last: Timestamp::default(),
    };
    std::thread::Builder::new().name("writer".into()).spawn(move || {
        let cse = Arc::clone(&thread.cse);
        // Jobs are guarded one by one; what gets here is a fault of the writer itself.
        let run = std::panic::AssertUnwindSafe(|| thread.run(&end.0));
        if !matches!(std::panic::catch_unwind(run), Ok(Ok(()))) {
            tracing::error!("the writer has failed; the node cannot go on");
            cse.fail();
        }
    })?;
    Ok(())
}

/// A job that was carried out and waits for its commit.
struct Done {
    pending: Pending,
    outcome: Result<(), Failure>,
}

/// The committing thread has died.
struct Dead;

struct WriterThread {
    cse: Arc<Cse>,
    batch: Batch,
    shipments: Sender<Shipment>,
    landings: Receiver<Landing>,
    /// In the transaction that collects changes.
    current: Vec<Done>,
    /// In the transaction that is being committed.
    under_way: Vec<Done>,
    last: Timestamp,
}

impl WriterThread {
    fn run(mut self, messages: &Receiver<Message>) -> Result<(), Dead> {
        while let Some(message) = self.next(messages)? {
            match message {
                Message::Write(pending) => self.carry_out(pending),
                Message::Nudge => {}
                Message::Clear(pending) => {
                    self.finish();
                    self.clear(pending);
                }
                Message::Stop(done) => {
                    self.finish();
                    drop(self);
                    let _ = done.send(());
                    return Ok(());
                }
            }
        }
        self.finish();
        Ok(())
    }

    /// The next message. What was carried out is committed as soon as the commit before it is done, and together with
    /// all that waits if none is under way.
    fn next(&mut self, messages: &Receiver<Message>) -> Result<Option<Message>, Dead> {
        loop {
            self.settle();
            if self.batch.is_away() {
                let full = crossbeam_channel::never();
                let more = if self.current.len() < BATCH { messages } else { &full };
                crossbeam_channel::select! {
                    recv(more) -> message => return Ok(message.ok()),
                    recv(self.landings) -> landing => {
                        self.batch.land(landing.map_err(|_| Dead)?);
                        self.settle();
                        self.ship();
                    }
                }
            } else if self.current.len() < BATCH
                && let Ok(message) = messages.try_recv()
            {
                return Ok(Some(message));
            } else if !self.ship() {
                return Ok(messages.recv().ok());
            }
        }
    }

    /// Carries out a job in the transaction that collects changes.
    fn carry_out(&mut self, mut pending: Pending) {
        let outcome = self.run_job(&mut pending.job);
        self.current.push(Done { pending, outcome });
    }

    /// Hands over what was carried out, for its commit. Answers at once what changed nothing. Whether a commit is
    /// under way then.
    fn ship(&mut self) -> bool {
        self.batch.settle(self.cse.delivery().take_settled());
        let Some(shipment) = self.batch.ship() else {
            answer(std::mem::take(&mut self.current));
            return false;
        };
        self.under_way = std::mem::take(&mut self.current);
        // Nobody there shows at the landing.
        let _ = self.shipments.send(shipment);
        true
    }

    /// Publishes and answers what was committed; if it could not be, everything since is carried out again.
    fn settle(&mut self) {
        match self.batch.take_landed() {
            None => {}
            Some(Ok(layer)) => {
                self.publish(layer);
                answer(std::mem::take(&mut self.under_way));
            }
            Some(Err(error)) => self.retry(&error),
        }
    }

    fn publish(&mut self, layer: Layer) {
        let owed = layer.publish(self.cse.tree());
        self.cse.delivery().accept(owed);
    }

    /// Commits all that was carried out.
    fn finish(&mut self) {
        loop {
            self.settle();
            if self.batch.is_away() {
                self.batch.recall();
            } else if !self.ship() {
                return;
            }
        }
    }

    /// After a failed commit: one transaction for each job, so that one that cannot be stored fails alone.
    fn retry(&mut self, error: &StoreError) {
        self.batch.discard();
        let mut jobs = std::mem::take(&mut self.under_way);
        jobs.append(&mut self.current);
        if jobs.len() > 1 {
            tracing::warn!(%error, requests = jobs.len(), "a batch could not be committed; trying one by one");
            for done in jobs {
                self.carry_out_alone(done.pending);
            }
        } else {
            give_up(error, jobs);
        }
    }

    fn carry_out_alone(&mut self, pending: Pending) {
        self.carry_out(pending);
        match self.batch.commit() {
            Ok(layer) => {
                self.publish(layer);
                answer(std::mem::take(&mut self.current));
            }
            Err(error) => {
                self.batch.discard();
                give_up(&error, std::mem::take(&mut self.current));
            }
        }
    }

    fn run_job(&mut self, job: &mut Job) -> Result<(), Failure> {
        // Time never stands still or goes back between two writes, whatever the clock of the machine does.
        self.last = self.cse.clock().now().max(Timestamp::from_micros(self.last.micros() + 1));
        let mut txn = Txn::new(&self.cse, &mut self.batch, self.last);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(&mut txn)));
        match outcome {
            Ok(Ok(())) => {
                txn.succeed();
                Ok(())
            }
            Ok(Err(failure)) => {
                txn.fail();
                Err(failure)
            }
            Err(_) => {
                txn.fail();
                Err(Failure::internal("a write procedure panicked"))
            }
        }
    }

    /// Empties the store and runs a job on it, in one transaction.
    fn clear(&mut self, mut pending: Pending) {
        let outcome = self.batch.clear().and_then(|()| {
            self.cse.tree().clear();
            let outcome = self.run_job(&mut pending.job);
            self.batch.commit().map(|layer| (outcome, layer))
        });
        let outcome = match outcome {
            Ok((outcome, layer)) => {
                // Readers may have read rows meanwhile that are gone now.
                self.cse.tree().clear();
                self.cse.delivery().forget();
                self.publish(layer);
                outcome
            }
            Err(error) => {
                self.batch.discard();
                Err(Failure::internal(error))
            }
        };
        answer(vec![Done { pending, outcome }]);
    }
}

fn give_up(error: &StoreError, jobs: Vec<Done>) {
    for Done { pending, .. } in jobs {
        tracing::error!(%error, "a write could not be committed");
        let outcome = Err(Failure::internal("the write could not be committed"));
        answer(vec![Done { pending, outcome }]);
    }
}

fn answer(jobs: Vec<Done>) {
    for Done { pending, outcome } in jobs {
        // Whoever asked may have gone away meanwhile.
        let _ = pending.reply.send(outcome);
    }
}
