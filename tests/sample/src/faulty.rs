//! A service function that gets things wrong, for tests of what becomes of a node that has one.
//!
//! A request to create a `<trap>` says by its labels what goes wrong: `panic:intercept` panics in that hook, `hang:prepare`
//! never comes back from it, and `block:intercept` keeps its thread for good, or for two seconds in `takes_part`. The background work panics when a trap with the label `panic:run` is there, and the way to
//! an AE with the label `panic:reach` is a panic too.

use std::ops::ControlFlow;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use dyad_core::request::{Call, Target};
use dyad_core::resource::{Resource, Txn};
use dyad_core::{Change, Cse, Event, Facets, Reach, Report, ServiceFunction, Stage, Stop};
use dyad_protocol::exchange::TransportError;
use dyad_protocol::{Failure, Request, Response};
use serde_json::Value;
use tokio::sync::Notify;

const TRAP: u32 = 20_102;

/// Gets wrong what it is asked to.
#[derive(Debug, Default)]
pub struct Faulty {
    /// Its background work is to fail.
    failing: Notify,
}

#[async_trait]
impl ServiceFunction for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn schemas(&self) -> &[(&'static str, &'static str)] {
        &[("faulty.toml", include_str!("faulty.toml"))]
    }

    fn owns(&self) -> &[u32] {
        &[TRAP]
    }

    fn takes_part(&self, _: Stage, call: &Call, _: &Target) -> bool {
        let is_trap = call.request.resource_type == Some(TRAP);
        if is_trap && asks(call, "panic", "takes_part") {
            go_wrong();
        }
        if is_trap && asks(call, "block", "takes_part") {
            keep_thread(Some(Duration::from_secs(2)));
        }
        is_trap
    }

    async fn intercept(
        &self,
        _: &Cse,
        call: &Arc<Call>,
        _: &Target,
    ) -> Result<ControlFlow<Response>, Failure> {
        spring(call, "intercept").await;
        Ok(ControlFlow::Continue(()))
    }

    async fn prepare(&self, _: &Cse, call: &Arc<Call>, _: &Target) -> Result<(), Failure> {
        spring(call, "prepare").await;
        Ok(())
    }

    fn apply(&self, _: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        if let Change::Create { call: Some(call), draft, .. } = change
            && draft.table.number == TRAP
        {
            if asks(call, "panic", "apply") {
                go_wrong();
            }
            if asks(call, "block", "apply") {
                keep_thread(None);
            }
        }
        Ok(())
    }

    async fn committed(&self, _: &Cse, events: &[Event]) {
        for event in events {
            if event.resource.texts("lbl").any(|label| label == "panic:run") {
                self.failing.notify_one();
            }
            if event.resource.texts("lbl").any(|label| label == "panic:committed") {
                go_wrong();
            }
            if event.resource.texts("lbl").any(|label| label == "hang:committed") {
                std::future::pending::<()>().await;
            }
        }
    }

    async fn run(self: Arc<Self>, _: Arc<Cse>, mut stop: Stop) -> anyhow::Result<()> {
        tokio::select! {
            () = self.failing.notified() => go_wrong(),
            () = stop.stopped() => {}
        }
        Ok(())
    }

    fn facets(&self) -> Facets<'_> {
        Facets { reach: Some(self), ..Facets::default() }
    }

    fn report(&self) -> Report {
        Report { summary: "waits for traps".to_owned(), figures: Vec::new() }
    }
}

#[async_trait]
impl Reach for Faulty {
    async fn reach(
        &self,
        _: &Cse,
        entity: &Arc<Resource>,
        _: Vec<Request>,
        _: Duration,
    ) -> Option<Vec<Result<Response, TransportError>>> {
        if entity.texts("lbl").any(|label| label == "panic:reach") {
            go_wrong();
        }
        None
    }

    async fn ready(&self, _: &Cse, entity: &Arc<Resource>) -> Option<usize> {
        if entity.texts("lbl").any(|label| label == "panic:ready") {
            go_wrong();
        }
        None
    }
}

/// Does what the labels of a request ask for in a hook.
async fn spring(call: &Call, hook: &str) {
    if asks(call, "panic", hook) {
        go_wrong();
    }
    if asks(call, "block", hook) {
        keep_thread(None);
    }
    if asks(call, "hang", hook) {
        std::future::pending::<()>().await;
    }
}

fn asks(call: &Call, what: &str, hook: &str) -> bool {
    let content = call.request.content.as_ref().map(|content| content.value());
    let labels = content.and_then(|content| content.pointer("/ex:trp/lbl")).and_then(Value::as_array);
    labels.is_some_and(|labels| labels.iter().any(|label| *label == format!("{what}:{hook}")))
}

/// Keeps the thread, for good if no time is given.
fn keep_thread(for_so_long: Option<Duration>) {
    let (_sender, never) = mpsc::sync_channel::<()>(1);
    let _ = match for_so_long {
        Some(duration) => never.recv_timeout(duration).ok(),
        None => never.recv().ok(),
    };
}

#[expect(clippy::panic, reason = "that is what it is for")]
fn go_wrong() {
    panic!("a trap was sprung");
}
