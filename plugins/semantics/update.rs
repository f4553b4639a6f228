//! Changes of a descriptor by SPARQL (`semanticOpExec`, TS-0004 7.4.34.2.3).
//!
//! Taken are INSERT, DELETE and both with a pattern, over the triples of the descriptor itself; what names another graph or
//! reaches out is NOT_IMPLEMENTED. The outcome is worked out before the transaction, which takes it if the descriptor is still
//! the one that it was worked out from; nobody else changes it meanwhile, for requests that do take turns.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use dyad_core::request::Call;
use dyad_core::resource::{Id, Resource};
use dyad_protocol::{Failure, Object, StatusCode};
use oxrdf::{BlankNode, NamedOrBlankNode, Term, Triple};
use rustc_hash::FxHashSet;
use serde_json::Value;
use spareval::{DeleteInsertQuad, QueryEvaluator};
use spargebra::SparqlParser;
use spargebra::algebra::GraphPattern;
use spargebra::term::{
    GraphName, GraphNamePattern, GroundQuad, GroundQuadPattern, GroundTerm, Quad, QuadPattern,
};
use spargebra::{GraphUpdateOperation, Update};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use super::allowed::{Allowed, check_size, refused};
use super::effort::{STEPS, limited, step};
use super::graphs::Graphs;
use super::representation::{TRIPLES, triples, written};
use super::view::View;

/// Operations of one update: each looks at what the ones before it have made.
const OPERATIONS: usize = 4;

/// Bytes that a descriptor may have afterwards, in base64.
const LENGTH: usize = 4 * 1024 * 1024;

/// Descriptors take turns by this many locks.
const LOCKS: usize = 64;

/// What a descriptor was, and what SPARQL has made of it.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub(super) before: String,
    pub(super) after: String,
}

/// What was worked out for requests whose transaction is yet to come.
#[derive(Debug)]
pub(super) struct Updates {
    pending: Mutex<Vec<(Weak<Call>, Arc<Rewritten>)>>,
    turns: Vec<Arc<tokio::sync::Mutex<()>>>,
}

impl Default for Updates {
    fn default() -> Self {
        Self { pending: Mutex::default(), turns: (0..LOCKS).map(|_| Arc::default()).collect() }
    }
}

impl Updates {
    /// The turn of a request that changes a descriptor. REQUEST_TIMEOUT if it does not come until then.
    pub(super) async fn turn(
        &self,
        descriptor: Id,
        until: Instant,
    ) -> Result<Option<OwnedMutexGuard<()>>, Failure> {
        let place = usize::try_from(descriptor).unwrap_or(0) % LOCKS;
        let Some(turn) = self.turns.get(place) else { return Ok(None) };
        let turn = tokio::time::timeout_at(until, Arc::clone(turn).lock_owned()).await;
        turn.map(Some).map_err(|_| {
            Failure::new(
                StatusCode::RequestTimeout,
                "too many changes of the descriptor wait for their turn; ask again later",
            )
        })
    }

    /// Keeps what was worked out for a request.
    pub(super) fn keep(&self, call: &Arc<Call>, rewritten: Rewritten) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        // Those of requests that are over, with or without a transaction.
        pending.retain(|(call, _)| call.strong_count() > 0);
        pending.push((Arc::downgrade(call), Arc::new(rewritten)));
    }

    /// What was worked out for a request.
    pub(super) fn of(&self, call: Option<&Call>) -> Option<Arc<Rewritten>> {
        let call = call?;
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = pending.iter();
        kept.find(|(weak, _)| weak.strong_count() > 0 && std::ptr::eq(weak.as_ptr(), call))
            .map(|(_, rewritten)| Arc::clone(rewritten))
    }
}

/// What a request sends of a descriptor.
pub(super) fn sent(call: &Call) -> Option<&Object> {
    call.request.content.as_ref()?.value().get("m2m:smd")?.as_object()
}

/// SPARQL_UPDATE_ERROR.
pub(super) fn failed(why: impl Into<String>) -> Failure {
    Failure::new(StatusCode::SparqlUpdateError, why.into())
}

/// What the SPARQL that is sent makes of a descriptor. BAD_REQUEST with a descriptor beside it, INVALID_SPARQL_QUERY for what
/// is no update, NOT_IMPLEMENTED for what is not taken, REQUEST_TIMEOUT for what takes too long, SPARQL_UPDATE_ERROR for an
/// outcome that cannot be kept.
pub(super) fn rewritten(descriptor: &Resource, sent: &Object) -> Result<Rewritten, Failure> {
    if sent.contains_key("dsp") {
        return Err(Failure::bad_request("soe and dsp do not go together"));
    }
    let operations = operations(sent.get("soe").and_then(Value::as_str).unwrap_or_default())?;
    let now = triples(descriptor.attributes())?;
    // All operations together: others wait for their turn.
    let now = limited(STEPS, || {
        let mut operations = operations.iter().enumerate();
        operations.try_fold(now, |now, (number, operation)| applied(operation, number, now))
    })?;
    let mut attributes = Object::new();
    let representation = sent.get("dcrp").or_else(|| descriptor.get("dcrp"));
    attributes.insert("dcrp".into(), representation.cloned().unwrap_or_default());
    let after = written(&now, representation.and_then(Value::as_u64))?;
    if after.len() > LENGTH {
        return Err(failed(format!("the descriptor would have more than {LENGTH} bytes")));
    }
    attributes.insert("dsp".into(), after.as_str().into());
    if triples(&attributes).map_or(0, |triples| triples.len()) != now.len() {
        return Err(failed("the representation cannot hold the descriptor"));
    }
    Ok(Rewritten { before: descriptor.text("dsp").unwrap_or_default().to_owned(), after })
}

/// The operations of an update, within the limits.
pub(super) fn operations(text: &str) -> Result<Vec<GraphUpdateOperation>, Failure> {
    check_size(text)?;
    let Update { operations, .. } = SparqlParser::new().parse_update(text).map_err(|error| {
        Failure::new(StatusCode::InvalidSparqlQuery, format!("soe is no update: {error}"))
    })?;
    if operations.len() > OPERATIONS {
        return Err(refused("so many operations"));
    }
    for operation in &operations {
        let names_graph = match operation {
            GraphUpdateOperation::InsertData { data } => {
                data.iter().any(|quad| quad.graph_name != GraphName::DefaultGraph)
            }
            GraphUpdateOperation::DeleteData { data } => {
                data.iter().any(|quad| quad.graph_name != GraphName::DefaultGraph)
            }
            GraphUpdateOperation::DeleteInsert { delete, insert, using, pattern } => {
                Allowed::default().check(pattern)?;
                using.is_some()
                    || delete.iter().any(|quad| quad.graph_name != GraphNamePattern::DefaultGraph)
                    || insert.iter().any(|quad| quad.graph_name != GraphNamePattern::DefaultGraph)
            }
            _ => return Err(refused("anything but INSERT and DELETE")),
        };
        if names_graph {
            return Err(refused("a graph"));
        }
    }
    Ok(operations)
}

/// The triples after an operation: first goes what it deletes, then comes what it inserts (SPARQL 1.1 Update 3.1.3).
pub(super) fn applied(
    operation: &GraphUpdateOperation,
    number: usize,
    now: Vec<Triple>,
) -> Result<Vec<Triple>, Failure> {
    let (mut gone, mut come) = (FxHashSet::default(), Vec::new());
    match operation {
        GraphUpdateOperation::InsertData { data } => {
            come.extend(data.iter().map(|quad| inserted(quad, number)))
        }
        GraphUpdateOperation::DeleteData { data } => gone.extend(data.iter().map(deleted)),
        GraphUpdateOperation::DeleteInsert { delete, insert, pattern, .. } => {
            return matched(delete, insert, pattern, now);
        }
        _ => {}
    }
    replaced(now, &gone, come)
}

/// The triples after an operation with a pattern.
fn matched(
    delete: &[GroundQuadPattern],
    insert: &[QuadPattern],
    pattern: &GraphPattern,
    now: Vec<Triple>,
) -> Result<Vec<Triple>, Failure> {
    let mut graphs = Graphs::default();
    graphs.put_as_it_is(now.clone());
    let (mut gone, mut come) = (FxHashSet::default(), FxHashSet::default());
    let evaluator = QueryEvaluator::new();
    let prepared = evaluator.prepare_delete_insert(delete.to_vec(), insert.to_vec(), None, None, pattern);
    for change in
        prepared.execute(View::together(&graphs, &[0])).map_err(|error| failed(error.to_string()))?
    {
        step();
        match change.map_err(|error| failed(error.to_string()))? {
            DeleteInsertQuad::Delete(quad) => drop(gone.insert(Triple::from(quad))),
            DeleteInsertQuad::Insert(quad) => drop(come.insert(Triple::from(quad))),
        }
        if gone.len() > 2 * TRIPLES || come.len() > 2 * TRIPLES {
            return Err(failed(format!("an update changes {TRIPLES} triples at most")));
        }
    }
    replaced(now, &gone, come.into_iter().collect())
}

fn replaced(
    mut now: Vec<Triple>,
    gone: &FxHashSet<Triple>,
    come: Vec<Triple>,
) -> Result<Vec<Triple>, Failure> {
    now.retain(|triple| !gone.contains(triple));
    now.extend(come);
    let mut seen = FxHashSet::default();
    now.retain(|triple| seen.insert(triple.clone()));
    match now.len() > TRIPLES {
        true => Err(failed(format!("a descriptor has {TRIPLES} triples at most"))),
        false => Ok(now),
    }
}

/// A triple to insert. Its blank nodes are none of those that the descriptor has already.
fn inserted(quad: &Quad, number: usize) -> Triple {
    let fresh = |node: &BlankNode| BlankNode::new_unchecked(format!("soe{number}x{}", node.as_str()));
    let subject = match &quad.subject {
        NamedOrBlankNode::BlankNode(node) => fresh(node).into(),
        named => named.clone(),
    };
    let object = match &quad.object {
        Term::BlankNode(node) => fresh(node).into(),
        other => other.clone(),
    };
    Triple { subject, predicate: quad.predicate.clone(), object }
}

fn deleted(quad: &GroundQuad) -> Triple {
    let object = match &quad.object {
        GroundTerm::NamedNode(node) => node.clone().into(),
        GroundTerm::Literal(literal) => literal.clone().into(),
    };
    Triple { subject: quad.subject.clone().into(), predicate: quad.predicate.clone(), object }
}
