//! Semantics (CSF-SEM; TS-0001 9.6.30, 10.2.14, TS-0004 7.3.3.18, 7.3.3.19, 7.4.34).
//!
//! Responsible for what a `<semanticDescriptor>` may say and how SPARQL changes it, for discovery by a semantics filter
//! (`smf`), and for semantic queries (`sqi`), of the members of a group too. How filters combine, and what the originator may see of the resources that are described, is left to
//! discovery in the core. What is read but not acted on, and what is refused, is in `docs/deviations/semantics.md`.

mod allowed;
mod children;
mod descriptor;
mod effort;
mod fan_out;
#[cfg(fuzzing)]
pub mod fuzzing;
mod graphs;
mod links;
mod query;
mod representation;
mod scope;
mod sync;
mod update;
mod view;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use dyad_core::access::{self, operation};
use dyad_core::request::{Asker, Call, Target};
use dyad_core::resource::{Id, Lookup, Snapshot, Txn};
use dyad_core::{Change, Cse, Described, Facets, Report, Semantics, ServiceFunction, Stage};
use dyad_protocol::{Failure, Operation, Response, ResultContent, StatusCode};
use rustc_hash::FxHashSet;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use graphs::Graphs;
use scope::{linked, may, queries, scope, single};
use update::Updates;

/// The type number of `<semanticDescriptor>`.
const DESCRIPTOR: u32 = 24;

/// The type number of `<group>`.
const GROUP: u32 = 9;

/// Evaluations at a time: each takes a core.
const EVALUATIONS: usize = 2;

/// How long a request may wait for its turns, as a share of what a function may take: who asks for much at once is refused
/// in time, so that a crowd is no fault of the function and does not switch it off.
const WAIT: u32 = 2;

/// Bytes of the stack of an evaluation. Expressions are trees as deep as a query is long, and the parser, the optimiser and
/// the evaluator go down them; what is not used costs nothing.
const STACK: usize = 128 * 1024 * 1024;

/// Keeps descriptors and asks them.
#[derive(Debug)]
pub struct SemanticSearch {
    graphs: Arc<RwLock<Graphs>>,
    turns: Arc<Semaphore>,
    updates: Updates,
    asked: AtomicU64,
}

impl Default for SemanticSearch {
    fn default() -> Self {
        Self {
            graphs: Arc::default(),
            turns: Arc::new(Semaphore::new(EVALUATIONS)),
            updates: Updates::default(),
            asked: AtomicU64::new(0),
        }
    }
}

#[async_trait]
impl ServiceFunction for SemanticSearch {
    fn name(&self) -> &'static str {
        "semantics"
    }

    fn may_block(&self) -> bool {
        false
    }

    fn owns(&self) -> &[u32] {
        &[DESCRIPTOR]
    }

    fn stages(&self) -> &'static [Stage] {
        &[Stage::Intercept, Stage::Prepare]
    }

    fn takes_part(&self, stage: Stage, call: &Call, target: &Target) -> bool {
        match stage {
            Stage::Intercept if fan_out::below(target).is_some() => true,
            Stage::Intercept => {
                call.request.operation == Operation::Retrieve
                    && call.request.semantic_query_indicator == Some(true)
                    && target.virtual_child.is_none()
            }
            Stage::Prepare => {
                call.request.operation == Operation::Update && target.resource.ty() == DESCRIPTOR
            }
            Stage::Committed | Stage::Answered => false,
        }
    }

    async fn intercept(
        &self,
        cse: &Cse,
        call: &Arc<Call>,
        target: &Target,
    ) -> Result<ControlFlow<Response>, Failure> {
        if let Some(rest) = fan_out::below(target) {
            return self.fan_out(cse, call, target, rest).await.map(ControlFlow::Break);
        }
        let has_children = match call.request.result_content {
            None | Some(ResultContent::SemanticContent) => false,
            Some(ResultContent::SemanticContentAndChildResources) => true,
            Some(_) => {
                return Err(Failure::bad_request(
                    "a semantic query (sqi) asks for semantic content (rcn 10, 11 with child resources)",
                ));
            }
        };
        let (shared, root) = (Arc::clone(call), Arc::clone(&target.resource));
        let result = self
            .evaluate(cse, move |cse, graphs| {
                let query = single(queries(&shared)?)?;
                let mut look = Snapshot::new(cse.tree());
                let asker = Asker::new(cse, &shared);
                access::authorize(&mut look, cse, &asker, &root, operation::RETRIEVE, None)?;
                let mut scope = scope(cse, &asker, &mut look, &root, graphs)?;
                let asked: FxHashSet<Id> = scope.iter().copied().collect();
                for together in linked(cse, &asker, &mut look, graphs, operation::RETRIEVE, &asked)? {
                    scope.extend(together);
                }
                query.answer(graphs, &scope)
            })
            .await?;
        if has_children {
            return Ok(ControlFlow::Break(children::beside(cse, call, result).await));
        }
        let mut response = Response::to(&call.request, StatusCode::Ok);
        response.content = Some(json!({ "m2m:qres": result }).into());
        Ok(ControlFlow::Break(response))
    }

    async fn prepare(&self, cse: &Cse, call: &Arc<Call>, target: &Target) -> Result<(), Failure> {
        let Some(sent) = update::sent(call) else { return Ok(()) };
        if !["soe", "dsp", "dcrp"].iter().any(|name| sent.contains_key(*name)) {
            return Ok(());
        }
        let (id, until) = (target.resource.id(), patience(cse));
        call.hold(self.updates.turn(id, until).await?);
        if !sent.get("soe").is_some_and(Value::is_string) {
            return Ok(());
        }
        let (shared, expected) = (Arc::clone(call), Arc::clone(call));
        let rewritten = self.on_thread(cse, until, move |cse| {
            let sent = update::sent(&shared).cloned().unwrap_or_default();
            let now = Snapshot::new(cse.tree()).resource(id)?;
            let now = now.ok_or_else(|| Failure::not_found("the descriptor is gone"))?;
            update::rewritten(&now, &sent)
        });
        self.updates.keep(&expected, rewritten.await?);
        Ok(())
    }

    fn apply(&self, _: &mut Txn<'_>, change: &mut Change<'_>) -> Result<(), Failure> {
        match change {
            Change::Create { draft, .. } if draft.table.number == DESCRIPTOR => descriptor::create(draft),
            Change::Create { draft, .. } | Change::Update { draft, .. } if draft.table.number == GROUP => {
                fan_out::indicate(draft);
                Ok(())
            }
            Change::Update { call, old, draft, modified } if draft.table.number == DESCRIPTOR => {
                descriptor::update(old, draft, modified, self.updates.of(*call).as_deref())
            }
            _ => Ok(()),
        }
    }

    fn facets(&self) -> Facets<'_> {
        Facets { semantics: Some(self), ..Facets::default() }
    }

    fn report(&self) -> Report {
        let asked = self.asked.load(Ordering::Relaxed);
        let triples = self.graphs.read().unwrap_or_else(PoisonError::into_inner).len() as u64;
        Report {
            summary: format!("{asked} queries since the start, {triples} triples in memory"),
            figures: vec![("asked", asked), ("triples", triples)],
        }
    }
}

#[async_trait]
impl Semantics for SemanticSearch {
    async fn described(&self, cse: &Cse, call: &Arc<Call>) -> Result<Described, Failure> {
        let call = Arc::clone(call);
        self.evaluate(cse, move |cse, graphs| {
            let queries = queries(&call)?;
            let mut look = Snapshot::new(cse.tree());
            let asker = Asker::new(cse, &call);
            let asked: FxHashSet<Id> = graphs.linked().collect();
            let linked = linked(cse, &asker, &mut look, graphs, operation::DISCOVERY, &asked)?;
            let mut described = Described::default();
            for query in &queries {
                for id in query.matches(graphs, &linked)? {
                    let Some(descriptor) = look.resource(id)? else { continue };
                    if may(cse, &asker, &mut look, &descriptor, operation::DISCOVERY)? {
                        described.insert(descriptor.parent());
                    }
                }
            }
            Ok(described)
        })
        .await
    }
}

impl SemanticSearch {
    /// Reads and evaluates, with the graphs brought up to date.
    async fn evaluate<T: Send + 'static>(
        &self,
        cse: &Cse,
        evaluate: impl FnOnce(&Cse, &Graphs) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let graphs = Arc::clone(&self.graphs);
        self.on_thread(cse, patience(cse), move |cse| {
            sync::bring_up_to_date(cse, &graphs)?;
            let graphs = graphs.read().unwrap_or_else(PoisonError::into_inner);
            evaluate(cse, &graphs)
        })
        .await
    }

    /// Works on a thread of its own, when it is its turn. The turn ends with the thread, not with the request.
    /// REQUEST_TIMEOUT if it does not come until then.
    async fn on_thread<T: Send + 'static>(
        &self,
        cse: &Cse,
        until: Instant,
        work: impl FnOnce(&Cse) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = tokio::time::timeout_at(until, turn).await;
        let turn = turn.map_err(|_| {
            Failure::new(StatusCode::RequestTimeout, "too many queries wait for their turn; ask again later")
        })?;
        let turn = turn.map_err(Failure::internal)?;
        let cse = cse.shared();
        let work = move || {
            let _turn = turn;
            effort::together(effort::REQUEST, || work(&cse))
        };
        let (give, take) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new().name("sparql".into()).stack_size(STACK);
        // Nobody waits any more for what comes after the time of the request.
        thread.spawn(move || drop(give.send(work()))).map_err(Failure::internal)?;
        take.await.unwrap_or_else(|_| Err(Failure::internal("SPARQL could not be evaluated")))
    }
}

/// Until when a request that comes now may wait for its turns.
fn patience(cse: &Cse) -> Instant {
    Instant::now() + cse.config().functions.time_limit / WAIT
}
