//! The descriptors in memory: one graph each, indexed for SPARQL.
//!
//! Terms are numbers; a triple stands in three orders, each with its graph at the end. When the graphs change is left
//! to `sync`.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use dyad_core::resource::Id;
use oxrdf::{BlankNode, NamedOrBlankNode, Term, Triple};
use rustc_hash::{FxHashMap, FxHashSet};
use spareval::{InternalQuad, QueryableDataset};

use super::effort::{made, step};

/// What a graph is called in a query; nobody sees it.
const NAME: &str = "urn:dyad:descriptor:";

type Quad = [u32; 4];

/// All graphs.
#[derive(Debug, Default)]
pub(super) struct Graphs {
    terms: Vec<Term>,
    numbers: FxHashMap<Term, u32>,
    /// subject, predicate, object; predicate, object, subject; object, subject, predicate; each with its graph.
    orders: [BTreeSet<Quad>; 3],
    graphs: FxHashMap<Id, Graph>,
    names: FxHashMap<u32, Id>,
    /// The commit up to which the graphs are known to be true.
    pub(super) epoch: Option<u64>,
}

/// One graph.
#[derive(Debug)]
struct Graph {
    version: i64,
    name: u32,
    triples: Vec<[u32; 3]>,
}

fn ordered([s, p, o]: [u32; 3], g: u32) -> [Quad; 3] {
    [[s, p, o, g], [p, o, s, g], [o, s, p, g]]
}

impl Graphs {
    /// How many triples there are.
    pub(super) fn len(&self) -> usize {
        let [first, ..] = &self.orders;
        first.len()
    }

    /// How many terms are kept, those that nothing names any more among them.
    pub(super) fn terms(&self) -> usize {
        self.terms.len()
    }

    /// The descriptors.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> {
        self.graphs.keys().copied()
    }

    /// Which version of a descriptor its graph is of.
    pub(super) fn version(&self, id: Id) -> Option<i64> {
        self.graphs.get(&id).map(|graph| graph.version)
    }

    /// The descriptor whose graph has a name.
    pub(super) fn named(&self, name: &Term) -> Option<Id> {
        self.names.get(self.numbers.get(name)?).copied()
    }

    /// Puts the graph of a descriptor in place of the one before. Blank nodes are those of their descriptor alone.
    pub(super) fn put(&mut self, id: Id, version: i64, triples: Vec<Triple>) {
        self.remove(id);
        self.put_named(id, version, triples, |node| {
            BlankNode::new_unchecked(format!("d{id}x{}", node.as_str()))
        });
    }

    fn put_named(
        &mut self,
        id: Id,
        version: i64,
        triples: Vec<Triple>,
        own: impl Fn(&BlankNode) -> BlankNode,
    ) {
        let name = self.number(Term::NamedNode(oxrdf::NamedNode::new_unchecked(format!("{NAME}{id}"))));
        let triples: Vec<[u32; 3]> = triples
            .into_iter()
            .map(|triple| {
                let subject = match triple.subject {
                    NamedOrBlankNode::NamedNode(node) => Term::NamedNode(node),
                    NamedOrBlankNode::BlankNode(node) => Term::BlankNode(own(&node)),
                };
                let object = match triple.object {
                    Term::BlankNode(node) => Term::BlankNode(own(&node)),
                    object => object,
                };
                [self.number(subject), self.number(Term::NamedNode(triple.predicate)), self.number(object)]
            })
            .collect();
        for triple in &triples {
            for (order, quad) in self.orders.iter_mut().zip(ordered(*triple, name)) {
                order.insert(quad);
            }
        }
        self.names.insert(name, id);
        self.graphs.insert(id, Graph { version, name, triples });
    }

    /// Puts a single graph, 0, with the blank nodes that it has.
    pub(super) fn put_as_it_is(&mut self, triples: Vec<Triple>) {
        self.put_named(0, 0, triples, |node| node.clone());
    }

    /// Removes the graph of a descriptor.
    pub(super) fn remove(&mut self, id: Id) {
        let Some(graph) = self.graphs.remove(&id) else { return };
        for triple in graph.triples {
            for (order, quad) in self.orders.iter_mut().zip(ordered(triple, graph.name)) {
                order.remove(&quad);
            }
        }
        self.names.remove(&graph.name);
    }

    fn number(&mut self, term: Term) -> u32 {
        if let Some(number) = self.numbers.get(&term) {
            return *number;
        }
        // `sync` starts anew long before there are so many.
        let number = u32::try_from(self.terms.len()).unwrap_or(u32::MAX);
        self.terms.push(term.clone());
        self.numbers.insert(term, number);
        number
    }

    /// The graphs of some descriptors as one default graph; without, every graph under its name.
    pub(super) fn view(&self, scope: &[Id]) -> View<'_> {
        let scope = scope.iter().filter_map(|id| self.graphs.get(id)).map(|graph| graph.name).collect();
        View { graphs: self, scope: Arc::new(scope) }
    }

    /// The triples of a pattern, as subject, predicate, object, graph.
    fn find(&self, pattern: [Option<u32>; 3]) -> Box<dyn Iterator<Item = Quad> + '_> {
        let [spo, pos, osp] = &self.orders;
        match pattern {
            [None, None, Some(o)] => {
                Box::new(range(osp, [Some(o), None, None]).map(|[o, s, p, g]| [s, p, o, g]))
            }
            [Some(s), None, Some(o)] => {
                Box::new(range(osp, [Some(o), Some(s), None]).map(|[o, s, p, g]| [s, p, o, g]))
            }
            [None, Some(p), o] => Box::new(range(pos, [Some(p), o, None]).map(|[p, o, s, g]| [s, p, o, g])),
            [s, p, o] => Box::new(range(spo, [s, p, o])),
        }
    }
}

/// The entries that begin so.
fn range(order: &BTreeSet<Quad>, [a, b, c]: [Option<u32>; 3]) -> impl Iterator<Item = Quad> + '_ {
    let from = [a.unwrap_or(0), b.unwrap_or(0), c.unwrap_or(0), 0];
    let to = [a.unwrap_or(u32::MAX), b.unwrap_or(u32::MAX), c.unwrap_or(u32::MAX), u32::MAX];
    order.range(from..=to).copied()
}

/// The graphs as a query sees them.
#[derive(Clone)]
pub(super) struct View<'a> {
    graphs: &'a Graphs,
    scope: Arc<FxHashSet<u32>>,
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
        let (graphs, scope) = (self.graphs, Arc::clone(&self.scope));
        let is_default = graph_name == Some(None);
        let found: Box<dyn Iterator<Item = Quad>> = match nothing {
            true => Box::new(std::iter::empty()),
            false => graphs.find(parts.map(number)),
        };
        let mut last = None;
        found
            .filter(move |[s, p, o, g]| {
                step();
                if !is_default {
                    return only.is_none_or(|only| only == *g);
                }
                // A triple that several graphs of the scope have is one triple; the same ones follow each other.
                scope.contains(g) && last.replace([*s, *p, *o]) != Some([*s, *p, *o])
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
        Ok(match self.graphs.numbers.get(&term) {
            Some(number) => Known::Number(*number),
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
                let known = usize::try_from(number).ok().and_then(|number| self.graphs.terms.get(number));
                known.cloned().unwrap_or_else(|| Term::BlankNode(BlankNode::default()))
            }
        })
    }
}
