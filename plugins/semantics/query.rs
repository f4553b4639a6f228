//! Semantics filters: SPARQL that is read, held within limits, and asked.
//!
//! Taken are SELECT and ASK over the graphs of this node, as far as `allowed` takes their patterns.

use dyad_core::resource::Id;
use dyad_protocol::{Failure, StatusCode};
use oxrdf::Variable;
use rustc_hash::FxHashSet;
use sparesults::{QueryResultsFormat, QueryResultsSerializer};
use spareval::{QueryEvaluator, QueryResults};
use spargebra::SparqlParser;
use spargebra::algebra::GraphPattern;
use spargebra::term::NamedNodePattern;

use super::allowed::{Allowed, check_size, refused};
use super::effort::{STEPS, limited};
use super::graphs::Graphs;
use super::view::View;

/// Bytes of a result.
const RESULT: usize = 4 * 1024 * 1024;

/// A query.
pub(super) struct Query {
    query: spargebra::Query,
    /// The pattern that a descriptor has to match; `None` for rows that are not matches (aggregates and inner queries).
    single: Option<GraphPattern>,
    /// Steps that it may take.
    steps: u64,
}

impl Query {
    /// Reads a query. INVALID_SPARQL_QUERY if it is none.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        check_size(text)?;
        let query = SparqlParser::new().parse_query(text).map_err(|error| {
            Failure::new(StatusCode::InvalidSparqlQuery, format!("the semantics filter is no query: {error}"))
        })?;
        let (pattern, dataset) = match &query {
            spargebra::Query::Select { pattern, dataset, .. }
            | spargebra::Query::Ask { pattern, dataset, .. } => (pattern, dataset),
            _ => return Err(refused("CONSTRUCT or DESCRIBE")),
        };
        if dataset.is_some() {
            return Err(refused("FROM"));
        }
        let mut allowed = Allowed::default();
        allowed.check(pattern)?;
        let single = (!allowed.has_own_rows()).then(|| unwrapped(pattern).clone());
        let steps = if allowed.groups() { STEPS / 4 } else { STEPS };
        Ok(Self { query, single, steps })
    }

    /// The same with fewer steps.
    #[cfg(fuzzing)]
    pub(super) fn within(self, steps: u64) -> Self {
        Self { steps, ..self }
    }

    /// The descriptors that match (TS-0004 7.3.3.18): by themselves, or together with those that they are linked to.
    pub(super) fn matches(&self, graphs: &Graphs, linked: &[Vec<Id>]) -> Result<FxHashSet<Id>, Failure> {
        let single = self.single()?;
        limited(self.steps, || {
            let mut found = by_themselves(single, graphs)?;
            for together in linked {
                let Some(descriptor) = together.first() else { continue };
                match holds(single, graphs, together)? {
                    true => found.insert(*descriptor),
                    false => found.remove(descriptor),
                };
            }
            Ok(found)
        })
    }

    /// Those of some descriptors that match by themselves, or that say something of what is selected from all of them
    /// together (TS-0004 7.4.35).
    pub(super) fn identifies(&self, graphs: &Graphs, scope: &[Id]) -> Result<Vec<Id>, Failure> {
        let single = self.single()?;
        let scope_set: FxHashSet<Id> = scope.iter().copied().collect();
        let selection = match &self.query {
            spargebra::Query::Select { .. } => self.query.clone(),
            _ => selecting_all(single),
        };
        limited(self.steps, || {
            let mut found = by_themselves(single, graphs)?;
            let evaluator = QueryEvaluator::new();
            let view = View::together(graphs, scope);
            let results = evaluator.prepare(&selection).execute(view).map_err(Failure::internal)?;
            let QueryResults::Solutions(solutions) = results else { return Ok(Vec::new()) };
            let mut selected = FxHashSet::default();
            for solution in solutions {
                let solution = solution.map_err(Failure::internal)?;
                for (_, term) in &solution {
                    if graphs.number_of(term).is_some_and(|number| selected.insert(number)) {
                        found.extend(graphs.about(term));
                    }
                }
            }
            Ok(found.intersection(&scope_set).copied().collect())
        })
    }

    fn single(&self) -> Result<&GraphPattern, Failure> {
        self.single.as_ref().ok_or_else(|| refused("an aggregate or a query within a query in discovery"))
    }

    /// The result over some descriptors taken together, as SPARQL 1.1 Query Results JSON (TS-0004 7.3.3.19).
    pub(super) fn answer(&self, graphs: &Graphs, scope: &[Id]) -> Result<String, Failure> {
        let json = || QueryResultsSerializer::from_format(QueryResultsFormat::Json);
        let bytes = limited(self.steps, || {
            let evaluator = QueryEvaluator::new();
            let view = View::together(graphs, scope);
            match evaluator.prepare(&self.query).execute(view).map_err(Failure::internal)? {
                QueryResults::Boolean(holds) => {
                    json().serialize_boolean_to_writer(Vec::new(), holds).map_err(Failure::internal)
                }
                QueryResults::Solutions(solutions) => {
                    let variables = solutions.variables().to_vec();
                    let mut left = RESULT;
                    let mut writer = json()
                        .serialize_solutions_to_writer(Vec::new(), variables)
                        .map_err(Failure::internal)?;
                    for solution in solutions {
                        let solution = solution.map_err(Failure::internal)?;
                        let size: usize = solution.iter().map(|(_, term)| term.to_string().len() + 64).sum();
                        left = left.checked_sub(size + 2).ok_or_else(|| {
                            Failure::new(StatusCode::NotAcceptable, "the result of the query is too large")
                        })?;
                        writer.serialize(&solution).map_err(Failure::internal)?;
                    }
                    writer.finish().map_err(Failure::internal)
                }
                QueryResults::Graph(_) => Err(refused("CONSTRUCT or DESCRIBE")),
            }
        })?;
        String::from_utf8(bytes).map_err(Failure::internal)
    }
}

/// The pattern within what says which rows and columns are wanted, in which order.
fn unwrapped(pattern: &GraphPattern) -> &GraphPattern {
    match pattern {
        GraphPattern::Project { inner, .. }
        | GraphPattern::Distinct { inner }
        | GraphPattern::Reduced { inner }
        | GraphPattern::OrderBy { inner, .. }
        | GraphPattern::Slice { inner, .. } => unwrapped(inner),
        pattern => pattern,
    }
}

/// The descriptors that match a pattern by themselves.
fn by_themselves(pattern: &GraphPattern, graphs: &Graphs) -> Result<FxHashSet<Id>, Failure> {
    let mut found = FxHashSet::default();
    let Ok(name) = Variable::new("dyadDescriptor") else { return Ok(found) };
    let inner = Box::new(pattern.clone());
    let graph = GraphPattern::Graph { name: NamedNodePattern::Variable(name.clone()), inner };
    let inner = Box::new(GraphPattern::Project { inner: Box::new(graph), variables: vec![name.clone()] });
    let pattern = GraphPattern::Distinct { inner };
    let query = spargebra::Query::Select { dataset: None, pattern, base_iri: None };
    let evaluator = QueryEvaluator::new();
    let results = evaluator.prepare(&query).execute(View::each(graphs)).map_err(Failure::internal)?;
    let QueryResults::Solutions(solutions) = results else { return Ok(found) };
    for solution in solutions {
        let solution = solution.map_err(Failure::internal)?;
        found.extend(solution.get(&name).and_then(|graph| graphs.named(graph)));
    }
    Ok(found)
}

/// Whether some descriptors match a pattern together.
fn holds(pattern: &GraphPattern, graphs: &Graphs, together: &[Id]) -> Result<bool, Failure> {
    let query = spargebra::Query::Ask { dataset: None, pattern: pattern.clone(), base_iri: None };
    let evaluator = QueryEvaluator::new();
    let view = View::together(graphs, together);
    let results = evaluator.prepare(&query).execute(view).map_err(Failure::internal)?;
    Ok(matches!(results, QueryResults::Boolean(true)))
}

/// What a pattern matches, with all its variables.
fn selecting_all(pattern: &GraphPattern) -> spargebra::Query {
    let mut variables = Vec::new();
    pattern.on_in_scope_variable(|variable| {
        if !variables.contains(variable) {
            variables.push(variable.clone());
        }
    });
    let pattern = GraphPattern::Project { inner: Box::new(pattern.clone()), variables };
    spargebra::Query::Select { dataset: None, pattern, base_iri: None }
}
