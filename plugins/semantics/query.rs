//! Semantics filters: SPARQL that is read, held within limits, and asked.
//!
//! Taken are SELECT and ASK over the graphs of this node. What could reach out (SERVICE, FROM), change anything (updates
//! are no queries), or make rows or texts without a term that counts towards the effort is refused with NOT_IMPLEMENTED.

use dyad_core::resource::Id;
use dyad_protocol::{Failure, StatusCode};
use oxrdf::Variable;
use sparesults::{QueryResultsFormat, QueryResultsSerializer};
use spareval::{QueryEvaluator, QueryResults};
use spargebra::SparqlParser;
use spargebra::algebra::{Expression, Function, GraphPattern};
use spargebra::term::{NamedNodePattern, TermPattern, TriplePattern};

use super::effort::limited;
use super::graphs::Graphs;

/// Bytes of a query: a chain of operators is a tree as deep as the chain is long.
const LENGTH: usize = 4 * 1024;

/// Brackets and negations that a query may open. The parser goes down a level for each.
const OPENED: usize = 24;

/// Bytes of a result.
const RESULT: usize = 4 * 1024 * 1024;

/// Values that a query may give to variables (BIND).
const BINDINGS: usize = 4;

/// A query.
pub(super) struct Query {
    query: spargebra::Query,
    /// The pattern that a descriptor has to match.
    pattern: GraphPattern,
}

fn refused(what: &'static str) -> Failure {
    Failure::not_implemented(format!("{what} is not supported in semantics filters"))
}

impl Query {
    /// Reads a query. INVALID_SPARQL_QUERY if it is none.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        if text.len() > LENGTH {
            return Err(Failure::bad_request(format!("a semantics filter has {LENGTH} bytes at most")));
        }
        // Whether in a text or not: what closes one there would hide the others.
        if text.bytes().filter(|byte| matches!(byte, b'(' | b'[' | b'{' | b'!')).count() > OPENED {
            return Err(refused("so many brackets"));
        }
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
        let mut bindings = 0;
        let pattern = unwrapped(pattern)?.clone();
        check(&pattern, &mut bindings)?;
        if bindings > BINDINGS {
            return Err(refused("so many values (BIND)"));
        }
        Ok(Self { query, pattern })
    }

    /// The descriptors that match by themselves (TS-0004 7.3.3.18).
    pub(super) fn matches(&self, graphs: &Graphs) -> Result<Vec<Id>, Failure> {
        let Ok(name) = Variable::new("dyadDescriptor") else { return Ok(Vec::new()) };
        let inner = Box::new(self.pattern.clone());
        let graph = GraphPattern::Graph { name: NamedNodePattern::Variable(name.clone()), inner };
        let inner = Box::new(GraphPattern::Project { inner: Box::new(graph), variables: vec![name.clone()] });
        let pattern = GraphPattern::Distinct { inner };
        let query = spargebra::Query::Select { dataset: None, pattern, base_iri: None };
        limited(|| {
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
        let bytes = limited(|| {
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
fn unwrapped(pattern: &GraphPattern) -> Result<&GraphPattern, Failure> {
    match pattern {
        GraphPattern::Project { inner, .. }
        | GraphPattern::Distinct { inner }
        | GraphPattern::Reduced { inner }
        | GraphPattern::OrderBy { inner, .. } => unwrapped(inner),
        GraphPattern::Slice { inner, length, .. } if *length != Some(0) => unwrapped(inner),
        GraphPattern::Slice { .. } => Err(refused("LIMIT 0")),
        GraphPattern::Group { .. } => Err(refused("an aggregate")),
        pattern => Ok(pattern),
    }
}

/// NOT_IMPLEMENTED for patterns beyond the limits. Each row of what is left has a term of the graphs.
fn check(pattern: &GraphPattern, bindings: &mut usize) -> Result<(), Failure> {
    match pattern {
        GraphPattern::Bgp { patterns } if patterns.iter().any(has_variable) => Ok(()),
        GraphPattern::Path { subject, object, .. } if is_variable(subject) || is_variable(object) => Ok(()),
        GraphPattern::Bgp { .. } | GraphPattern::Path { .. } => Err(refused("a pattern without a variable")),
        GraphPattern::Join { left, right }
        | GraphPattern::Union { left, right }
        | GraphPattern::Minus { left, right } => {
            check(left, bindings)?;
            check(right, bindings)
        }
        GraphPattern::LeftJoin { left, right, expression } => {
            check(left, bindings)?;
            check(right, bindings)?;
            expression.as_ref().map_or(Ok(()), expressible)
        }
        GraphPattern::Filter { expr, inner } => {
            expressible(expr)?;
            check(inner, bindings)
        }
        GraphPattern::Extend { inner, expression, .. } => {
            *bindings += 1;
            expressible(expression)?;
            check(inner, bindings)
        }
        GraphPattern::Values { variables, bindings } => {
            match !variables.is_empty() && bindings.iter().all(|row| row.iter().all(Option::is_some)) {
                true => Ok(()),
                false => Err(refused("VALUES with UNDEF or without variables")),
            }
        }
        GraphPattern::Graph { .. } => Err(refused("GRAPH")),
        GraphPattern::Service { .. } => Err(refused("SERVICE")),
        _ => Err(refused("a query within a query")),
    }
}

fn has_variable(pattern: &TriplePattern) -> bool {
    is_variable(&pattern.subject)
        || is_variable(&pattern.object)
        || matches!(pattern.predicate, NamedNodePattern::Variable(_))
}

fn is_variable(term: &TermPattern) -> bool {
    matches!(term, TermPattern::Variable(_) | TermPattern::BlankNode(_))
}

/// NOT_IMPLEMENTED for patterns within expressions, and for what makes texts grow.
fn expressible(expression: &Expression) -> Result<(), Failure> {
    use Expression as E;
    match expression {
        E::NamedNode(_) | E::Literal(_) | E::Variable(_) | E::Bound(_) => Ok(()),
        E::Or(one, other)
        | E::And(one, other)
        | E::Equal(one, other)
        | E::SameTerm(one, other)
        | E::Greater(one, other)
        | E::GreaterOrEqual(one, other)
        | E::Less(one, other)
        | E::LessOrEqual(one, other)
        | E::Add(one, other)
        | E::Subtract(one, other)
        | E::Multiply(one, other)
        | E::Divide(one, other) => {
            expressible(one)?;
            expressible(other)
        }
        E::UnaryPlus(one) | E::UnaryMinus(one) | E::Not(one) => expressible(one),
        E::In(one, others) => {
            expressible(one)?;
            others.iter().try_for_each(expressible)
        }
        E::If(one, two, three) => [one, two, three].into_iter().try_for_each(|part| expressible(part)),
        E::Coalesce(parts) => parts.iter().try_for_each(expressible),
        E::FunctionCall(Function::Concat | Function::Replace, _) => Err(refused("CONCAT or REPLACE")),
        E::FunctionCall(Function::Custom(_), _) => Err(refused("a function beyond those of SPARQL")),
        E::FunctionCall(_, parts) => parts.iter().try_for_each(expressible),
        E::Exists(_) => Err(refused("EXISTS")),
    }
}
