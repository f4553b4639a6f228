//! Semantics filters: SPARQL that is read, held within limits, and asked.
//!
//! Taken are SELECT and ASK over the graphs of this node, as far as `allowed` takes their patterns.

use dyad_core::resource::Id;
use dyad_protocol::{Failure, StatusCode};
use oxrdf::Variable;
use sparesults::{QueryResultsFormat, QueryResultsSerializer};
use spareval::{QueryEvaluator, QueryResults};
use spargebra::SparqlParser;
use spargebra::algebra::GraphPattern;
use spargebra::term::NamedNodePattern;

use super::allowed::{Allowed, check_size, refused};
use super::effort::{STEPS, limited};
use super::graphs::Graphs;

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

    /// The descriptors that match by themselves (TS-0004 7.3.3.18).
    pub(super) fn matches(&self, graphs: &Graphs) -> Result<Vec<Id>, Failure> {
        let Ok(name) = Variable::new("dyadDescriptor") else { return Ok(Vec::new()) };
        let Some(single) = &self.single else {
            return Err(refused("an aggregate or a query within a query in discovery"));
        };
        let inner = Box::new(single.clone());
        let graph = GraphPattern::Graph { name: NamedNodePattern::Variable(name.clone()), inner };
        let inner = Box::new(GraphPattern::Project { inner: Box::new(graph), variables: vec![name.clone()] });
        let pattern = GraphPattern::Distinct { inner };
        let query = spargebra::Query::Select { dataset: None, pattern, base_iri: None };
        limited(self.steps, || {
            let evaluator = QueryEvaluator::new();
            let mut found = Vec::new();
            let results = evaluator.prepare(&query).execute(graphs.view(&[])).map_err(Failure::internal)?;
            let QueryResults::Solutions(solutions) = results else { return Ok(found) };
            for solution in solutions {
                let solution = solution.map_err(Failure::internal)?;
                found.extend(solution.get(&name).and_then(|graph| graphs.named(graph)));
            }
            Ok(found)
        })
    }

    /// The result over some descriptors taken together, as SPARQL 1.1 Query Results JSON (TS-0004 7.3.3.19).
    pub(super) fn answer(&self, graphs: &Graphs, scope: &[Id]) -> Result<String, Failure> {
        let json = || QueryResultsSerializer::from_format(QueryResultsFormat::Json);
        let bytes = limited(self.steps, || {
            let evaluator = QueryEvaluator::new();
            let view = graphs.view(scope);
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
