//! What a query sees of the graphs: each under its name, or some of them as one.
//!
//! All that the evaluator does with terms passes here, and counts towards the effort.

use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use dyad_core::resource::Id;
use oxrdf::{BlankNode, Term};
use rustc_hash::FxHashSet;
use spareval::{InternalQuad, QueryableDataset};

use super::effort::{made, step};
use super::graphs::{Graphs, Orders, Quad, find};

/// Graphs that have fewer triples than one in so many of all are put together for a query; the others are read past.
const FEW: usize = 16;

/// The graphs as a query sees them.
#[derive(Clone)]
pub(super) struct View<'a> {
    graphs: &'a Graphs,
    basis: Basis,
}

/// The triples of a query.
#[derive(Clone)]
enum Basis {
    /// All, each graph under its name.
    Named,
    /// Those of some graphs, as the default graph.
    Among(Arc<FxHashSet<u32>>),
    /// Those of a few graphs, as the default graph.
    Merged(Arc<Orders>),
}

impl<'a> View<'a> {
    /// Every graph under its name.
    pub(super) const fn each(graphs: &'a Graphs) -> Self {
        Self { graphs, basis: Basis::Named }
    }

    /// The graphs of some descriptors as one default graph.
    pub(super) fn together(graphs: &'a Graphs, ids: &[Id]) -> Self {
        let (names, size) = graphs.names(ids);
        let basis = match size <= graphs.len() / FEW {
            true => Basis::Merged(Arc::new(graphs.merged(ids))),
            false => Basis::Among(Arc::new(names)),
        };
        Self { graphs, basis }
    }

    /// The triples of a pattern, each once for each graph that has it.
    fn find(&self, pattern: [Option<u32>; 3]) -> Box<dyn Iterator<Item = Quad> + 'a> {
        match &self.basis {
            Basis::Named => Box::new(find(self.graphs.orders(), pattern).inspect(|_| step())),
            Basis::Among(scope) => {
                let scope = Arc::clone(scope);
                Box::new(find(self.graphs.orders(), pattern).filter(move |[_, _, _, graph]| {
                    step();
                    scope.contains(graph)
                }))
            }
            Basis::Merged(orders) => {
                let found: Vec<Quad> = find(orders, pattern).inspect(|_| step()).collect();
                Box::new(found.into_iter())
            }
        }
    }
}

/// A term of the graphs, or one that the evaluation made.
pub(super) enum Known {
    /// By its number.
    Number(u32),
    /// One that no graph has.
    Other(Arc<Term>),
}

impl Clone for Known {
    fn clone(&self) -> Self {
        step();
        match self {
            Self::Number(number) => Self::Number(*number),
            Self::Other(term) => Self::Other(Arc::clone(term)),
        }
    }
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one == other,
            (Self::Other(one), Self::Other(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Known {}

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Number(number) => number.hash(state),
            Self::Other(term) => term.hash(state),
        }
    }
}

impl<'a> QueryableDataset<'a> for View<'a> {
    type InternalTerm = Known;
    type Error = Infallible;

    fn internal_quads_for_pattern(
        &self,
        subject: Option<&Known>,
        predicate: Option<&Known>,
        object: Option<&Known>,
        graph_name: Option<Option<&Known>>,
    ) -> impl Iterator<Item = Result<InternalQuad<Known>, Infallible>> + use<'a> {
        step();
        let parts = [subject, predicate, object];
        let is_unknown = |part: &Option<&Known>| matches!(part, Some(Known::Other(_)));
        let only = match graph_name {
            Some(Some(Known::Number(name))) => Some(*name),
            _ => None,
        };
        let nothing = parts.iter().any(is_unknown) || matches!(graph_name, Some(Some(Known::Other(_))));
        let number = |part: Option<&Known>| match part {
            Some(Known::Number(number)) => Some(*number),
            _ => None,
        };
        let is_default = graph_name == Some(None);
        let found = match nothing {
            true => Box::new(std::iter::empty()),
            false => self.find(parts.map(number)),
        };
        let mut last = None;
        found
            .filter(move |[s, p, o, g]| match is_default {
                // A triple that several graphs have is one triple; the same ones follow each other.
                true => last.replace([*s, *p, *o]) != Some([*s, *p, *o]),
                false => only.is_none_or(|only| only == *g),
            })
            .map(move |[s, p, o, g]| {
                Ok(InternalQuad {
                    subject: Known::Number(s),
                    predicate: Known::Number(p),
                    object: Known::Number(o),
                    graph_name: (!is_default).then_some(Known::Number(g)),
                })
            })
    }

    fn internalize_term(&self, term: Term) -> Result<Known, Infallible> {
        Ok(match self.graphs.number_of(&term) {
            Some(number) => Known::Number(number),
            None => {
                made(match &term {
                    Term::NamedNode(node) => node.as_str().len(),
                    Term::BlankNode(node) => node.as_str().len(),
                    Term::Literal(literal) => literal.value().len(),
                });
                Known::Other(Arc::new(term))
            }
        })
    }

    fn externalize_term(&self, term: Known) -> Result<Term, Infallible> {
        step();
        Ok(match term {
            Known::Other(term) => Arc::unwrap_or_clone(term),
            Known::Number(number) => {
                let known = self.graphs.term(number);
                known.cloned().unwrap_or_else(|| Term::BlankNode(BlankNode::default()))
            }
        })
    }
}
