//! A service function as anybody can write one, on nothing but the public API of `dyad-core`.
//!
//! It adds a resource type `<ceiling>` below containers: the highest number that their instances may say. Higher ones
//! are refused; for those that come close, the function leaves a warning in a container of its own, as an AE of its
//! own. `docs/adding-a-service-function.md` walks through this file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use dyad_core::resource::{Draft, Lookup, Resource, Txn};
use dyad_core::settings::{Kind, Setting};
use dyad_core::{Change, Cse, Event, Report, ServiceFunction, Stop};
use dyad_protocol::{Failure, Operation, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;

const CONTENT_INSTANCE: u32 = 4;
const CEILING: u32 = 20_101;

/// The AE as which the function acts. Its rights are those that access control gives to this originator.
const ORIGINATOR: &str = "Sceilings";

/// What the operator may set: `ceilings.warn_at`.
const WARN_AT: Setting = Setting::new(
    "warn_at",
    "90",
    Kind::Count(1, 100),
    "Percentage of a ceiling from which on there is a warning, where the ceiling does not say.",
);

/// Warnings that wait to be written; further ones are dropped and counted.
const QUEUE: usize = 100;

/// Refuses and reports what is too high.
#[derive(Debug)]
pub struct Ceilings {
    refused: AtomicU64,
    dropped: AtomicU64,
    warnings: mpsc::Sender<String>,
    to_write: tokio::sync::Mutex<mpsc::Receiver<String>>,
}

impl Default for Ceilings {
    fn default() -> Self {
        let (warnings, to_write) = mpsc::channel(QUEUE);
        Self { refused: AtomicU64::new(0), dropped: AtomicU64::new(0), warnings, to_write: to_write.into() }
    }
}

#[async_trait]
impl ServiceFunction for Ceilings {
    fn name(&self) -> &'static str {
        "ceilings"
    }

    fn schemas(&self) -> &[(&'static str, &'static str)] {
        &[("ceiling.toml", include_str!("ceiling.toml"))]
    }

    fn owns(&self) -> &[u32] {
        &[CEILING]
    }

    fn settings(&self) -> &[Setting] {
        &[WARN_AT]
    }

    fn originator(&self) -> Option<&'static str> {
        Some(ORIGINATOR)
    }

    // In the transaction: no waiting, nothing that cannot be done twice.
    fn apply(&self, txn: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        match change {
            Change::Create { parent, draft, .. } if draft.table.number == CONTENT_INSTANCE => {
                self.check(txn, parent, draft)
            }
            Change::Create { parent, draft, .. } if draft.table.number == CEILING => {
                if ceiling_of(txn, parent)?.is_some() {
                    return Err(Failure::conflict("the container has a ceiling already"));
                }
                if !draft.attributes.contains_key("warn") {
                    let most = draft.number("max").unwrap_or(0);
                    let percent = txn.cse().settings(self.name()).number(WARN_AT.name);
                    draft.set("warn", most.saturating_mul(percent) / 100);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    // After the commit, and before the originator has its answer: hand over and return.
    async fn committed(&self, cse: &Cse, events: &[Event]) {
        for event in events.iter().filter(|event| event.operation == Operation::Create) {
            let created = Arc::clone(&event.resource);
            let Some(said) = number(created.get("con")) else { continue };
            let looked = cse.look(move |_, snapshot| {
                let Some(parent) = snapshot.resource(created.parent())? else { return Ok(None) };
                let ceiling = ceiling_of(snapshot, &parent)?.and_then(|ceiling| ceiling.number("warn"));
                Ok(ceiling.filter(|warn| said >= *warn).map(|_| format!("{} says {said}", created.ri())))
            });
            let Ok(Some(warning)) = looked.await else { continue };
            if self.warnings.try_send(warning).is_err() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    // Beside the requests, from the start of the node to its stop.
    async fn run(self: Arc<Self>, cse: Arc<Cse>, mut stop: Stop) -> anyhow::Result<()> {
        self.prepare_container(&cse).await?;
        let mut to_write = self.to_write.lock().await;
        loop {
            let warning = tokio::select! {
                warning = to_write.recv() => warning,
                () = stop.stopped() => return Ok(()),
            };
            let content = json!({ "m2m:cin": { "con": warning } });
            let answer = self.create(&cse, "/ceilings/warnings", CONTENT_INSTANCE, content).await;
            if !answer.status.is_success() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn report(&self) -> Report {
        let (refused, dropped) = (self.refused.load(Ordering::Relaxed), self.dropped.load(Ordering::Relaxed));
        Report {
            summary: format!("{refused} instances refused, {dropped} warnings not written"),
            figures: vec![("refused", refused), ("dropped", dropped)],
        }
    }
}

impl Ceilings {
    fn check(&self, txn: &mut Txn<'_>, parent: &Resource, draft: &Draft) -> Result<(), Failure> {
        let Some(said) = number(draft.attributes.get("con")) else { return Ok(()) };
        let most = ceiling_of(txn, parent)?.and_then(|ceiling| ceiling.number("max"));
        if most.is_none_or(|most| said <= most) {
            return Ok(());
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(Failure::new(StatusCode::NotAcceptable, "the instance is above the ceiling of its container"))
    }

    /// Makes the container for warnings, which may be there from an earlier run.
    async fn prepare_container(&self, cse: &Cse) -> anyhow::Result<()> {
        let container = json!({ "m2m:cnt": { "rn": "warnings", "mni": 100 } });
        let answer = self.create(cse, "/ceilings", 3, container).await;
        let is_there = [StatusCode::Created, StatusCode::Conflict].contains(&answer.status);
        anyhow::ensure!(is_there, "there is no container for warnings: {:?}", answer.content);
        Ok(())
    }

    /// A CREATE below the CSEBase like that of any other entity, through access control.
    async fn create(&self, cse: &Cse, below: &str, ty: u32, content: Value) -> Response {
        let request = Request {
            operation: Operation::Create,
            to: format!("{}{below}", cse.config().cse_name),
            resource_type: Some(ty),
            content: Some(content.into()),
            ..Request::default()
        };
        cse.act(self, request).await
    }
}

fn number(content: Option<&Value>) -> Option<u64> {
    content?.as_str()?.parse().ok()
}

/// The ceiling of a container: one look-up for the transaction and for what is committed.
fn ceiling_of(look: &mut impl Lookup, container: &Resource) -> Result<Option<Arc<Resource>>, Failure> {
    let types = [i32::try_from(CEILING).map_err(Failure::internal)?];
    Ok(look.children(container.id(), &types, 0, 1)?.pop())
}
