//! Which SPARQL is taken, of queries and updates alike.
//!
//! What could reach out (SERVICE, FROM, GRAPH), or make rows or texts without a term that counts towards the effort, is refused
//! with NOT_IMPLEMENTED. Each row that is left, those of inner queries included, has a term of the graphs or is one of a few.

use dyad_protocol::Failure;
use oxrdf::Variable;
use spargebra::algebra::{
    AggregateExpression, AggregateFunction, Expression, Function, GraphPattern, OrderExpression,
};
use spargebra::term::{NamedNodePattern, TermPattern, TriplePattern};

/// Bytes of a query: a chain of operators is a tree as deep as the chain is long.
const LENGTH: usize = 4 * 1024;

/// Brackets and negations that a query may open. The parser goes down a level for each.
const OPENED: usize = 24;

/// Values that a query may give to variables (BIND, AS).
const BINDINGS: usize = 4;

/// Aggregates of a query: each group keeps one of each.
const AGGREGATES: usize = 4;

/// NOT_IMPLEMENTED.
pub(super) fn refused(what: &'static str) -> Failure {
    Failure::not_implemented(format!("{what} is not supported in SPARQL here"))
}

/// BAD_REQUEST for what is too long to be read, NOT_IMPLEMENTED for what is too deep.
pub(super) fn check_size(text: &str) -> Result<(), Failure> {
    if text.len() > LENGTH {
        return Err(Failure::bad_request(format!("SPARQL has {LENGTH} bytes at most")));
    }
    // Whether in a text or not: what closes one there would hide the others.
    if text.bytes().filter(|byte| matches!(byte, b'(' | b'[' | b'{' | b'!')).count() > OPENED {
        return Err(refused("so many brackets"));
    }
    Ok(())
}

/// What was found in a pattern.
#[derive(Debug, Default)]
pub(super) struct Allowed {
    bindings: usize,
    aggregates: usize,
    groups: bool,
    inner_queries: bool,
}

impl Allowed {
    /// NOT_IMPLEMENTED for a pattern beyond the limits. What is around it says which rows and columns of it are wanted.
    pub(super) fn check(&mut self, pattern: &GraphPattern) -> Result<(), Failure> {
        self.modifiers(pattern)?;
        if self.bindings > BINDINGS {
            return Err(refused("so many values (BIND, AS)"));
        }
        if self.aggregates > AGGREGATES {
            return Err(refused("so many aggregates"));
        }
        Ok(())
    }

    /// Whether rows are something else than matches of the pattern: by aggregates or inner queries.
    pub(super) fn has_own_rows(&self) -> bool {
        self.groups || self.inner_queries
    }

    /// Whether there are groups, each of which is kept in memory.
    pub(super) fn groups(&self) -> bool {
        self.groups
    }

    /// A query as a whole, or one within another.
    fn modifiers(&mut self, pattern: &GraphPattern) -> Result<(), Failure> {
        match pattern {
            GraphPattern::Project { inner, .. }
            | GraphPattern::Distinct { inner }
            | GraphPattern::Reduced { inner } => self.modifiers(inner),
            GraphPattern::Slice { length: Some(0), .. } => Err(refused("LIMIT 0")),
            GraphPattern::Slice { inner, .. } => self.modifiers(inner),
            GraphPattern::OrderBy { inner, expression } => {
                for OrderExpression::Asc(expression) | OrderExpression::Desc(expression) in expression {
                    self.expression(expression)?;
                }
                self.modifiers(inner)
            }
            pattern => self.pattern(pattern),
        }
    }

    fn pattern(&mut self, pattern: &GraphPattern) -> Result<(), Failure> {
        match pattern {
            // One row at most if it has no variable.
            GraphPattern::Bgp { .. } => Ok(()),
            GraphPattern::Path { subject, object, .. } if is_variable(subject) || is_variable(object) => {
                Ok(())
            }
            GraphPattern::Path { .. } => Err(refused("a path without a variable")),
            GraphPattern::Join { left, right }
            | GraphPattern::Union { left, right }
            | GraphPattern::Minus { left, right } => {
                self.pattern(left)?;
                self.pattern(right)
            }
            GraphPattern::LeftJoin { left, right, expression } => {
                self.pattern(left)?;
                self.pattern(right)?;
                expression.as_ref().map_or(Ok(()), |expression| self.expression(expression))
            }
            GraphPattern::Filter { expr, inner } => {
                self.expression(expr)?;
                self.pattern(inner)
            }
            GraphPattern::Extend { inner, expression, .. } => {
                self.bindings += 1;
                self.expression(expression)?;
                self.pattern(inner)
            }
            GraphPattern::Values { variables, bindings } => {
                match !variables.is_empty() && bindings.iter().all(|row| row.iter().all(Option::is_some)) {
                    true => Ok(()),
                    false => Err(refused("VALUES with UNDEF or without variables")),
                }
            }
            GraphPattern::Group { inner, aggregates, .. } => {
                self.groups = true;
                self.aggregates += aggregates.len();
                aggregates.iter().try_for_each(|(_, aggregate)| self.aggregate(aggregate))?;
                self.pattern(inner)
            }
            GraphPattern::Graph { .. } => Err(refused("GRAPH")),
            GraphPattern::Service { .. } => Err(refused("SERVICE")),
            query => {
                self.inner_queries = true;
                match is_grounded(query, &mut |_| true) {
                    true => self.modifiers(query),
                    false => Err(refused("an inner query that may select nothing")),
                }
            }
        }
    }

    /// An aggregate that keeps no more than a term; those that are distinct keep numbers.
    fn aggregate(&mut self, aggregate: &AggregateExpression) -> Result<(), Failure> {
        use AggregateFunction as F;
        let AggregateExpression::FunctionCall { name, expr, distinct } = aggregate else { return Ok(()) };
        self.expression(expr)?;
        match name {
            F::Count if *distinct && !matches!(expr, Expression::Variable(_)) => {
                Err(refused("COUNT of distinct values of an expression"))
            }
            F::Sum | F::Avg | F::Min | F::Max | F::Sample if *distinct => {
                Err(refused("DISTINCT in an aggregate other than COUNT"))
            }
            F::Count | F::Sum | F::Avg | F::Min | F::Max | F::Sample => Ok(()),
            F::GroupConcat { .. } | F::Custom(_) => Err(refused("GROUP_CONCAT")),
        }
    }

    /// NOT_IMPLEMENTED for what makes texts grow, and for patterns beyond the limits.
    fn expression(&mut self, expression: &Expression) -> Result<(), Failure> {
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
                self.expression(one)?;
                self.expression(other)
            }
            E::UnaryPlus(one) | E::UnaryMinus(one) | E::Not(one) => self.expression(one),
            E::In(one, others) => {
                self.expression(one)?;
                others.iter().try_for_each(|other| self.expression(other))
            }
            E::If(one, two, three) => {
                [one, two, three].into_iter().try_for_each(|part| self.expression(part))
            }
            E::Coalesce(parts) => parts.iter().try_for_each(|part| self.expression(part)),
            E::FunctionCall(Function::Concat | Function::Replace, _) => Err(refused("CONCAT or REPLACE")),
            E::FunctionCall(Function::Custom(_), _) => Err(refused("a function beyond those of SPARQL")),
            E::FunctionCall(_, parts) => parts.iter().try_for_each(|part| self.expression(part)),
            E::Exists(pattern) => self.pattern(pattern),
        }
    }
}

/// Whether each row of a pattern has a term among the wanted variables, or there is only one row.
fn is_grounded(pattern: &GraphPattern, wanted: &mut dyn FnMut(&Variable) -> bool) -> bool {
    match pattern {
        GraphPattern::Bgp { patterns } if !patterns.iter().any(has_variable) => true,
        GraphPattern::Bgp { .. } | GraphPattern::Path { .. } | GraphPattern::Values { .. } => {
            let mut has_some = false;
            pattern.on_in_scope_variable(|variable| has_some |= wanted(variable));
            has_some
        }
        GraphPattern::Join { left, right } => is_grounded(left, wanted) || is_grounded(right, wanted),
        GraphPattern::Union { left, right } => is_grounded(left, wanted) && is_grounded(right, wanted),
        GraphPattern::LeftJoin { left: inner, .. }
        | GraphPattern::Minus { left: inner, .. }
        | GraphPattern::Filter { inner, .. }
        | GraphPattern::Distinct { inner }
        | GraphPattern::Reduced { inner }
        | GraphPattern::OrderBy { inner, .. }
        | GraphPattern::Slice { inner, .. } => is_grounded(inner, wanted),
        GraphPattern::Extend { inner, variable, expression } => {
            let is_wanted = wanted(variable);
            // What is only given another name.
            is_grounded(inner, &mut |inner| {
                wanted(inner)
                    || (is_wanted && matches!(expression, Expression::Variable(named) if named == inner))
            })
        }
        GraphPattern::Project { inner, variables } => {
            is_grounded(inner, &mut |variable| variables.contains(variable) && wanted(variable))
        }
        GraphPattern::Group { inner, variables, aggregates } => {
            variables.is_empty()
                || aggregates.iter().any(|(variable, aggregate)| always_counts(aggregate) && wanted(variable))
                || is_grounded(inner, &mut |variable| variables.contains(variable) && wanted(variable))
        }
        _ => false,
    }
}

/// Whether an aggregate has a value in every group.
fn always_counts(aggregate: &AggregateExpression) -> bool {
    matches!(
        aggregate,
        AggregateExpression::CountSolutions { .. }
            | AggregateExpression::FunctionCall { name: AggregateFunction::Count, .. }
    )
}

fn has_variable(pattern: &TriplePattern) -> bool {
    is_variable(&pattern.subject)
        || is_variable(&pattern.object)
        || matches!(pattern.predicate, NamedNodePattern::Variable(_))
}

fn is_variable(term: &TermPattern) -> bool {
    matches!(term, TermPattern::Variable(_) | TermPattern::BlankNode(_))
}
