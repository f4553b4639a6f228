//! The descriptors in memory: one graph each, indexed for SPARQL.
//!
//! Terms are numbers; a triple stands in three orders, each with its graph at the end. When the graphs change is left
//! to `sync`, what a query sees of them to `view`.

use std::collections::BTreeSet;

use dyad_core::resource::Id;
use oxrdf::{BlankNode, NamedOrBlankNode, Term, Triple};
use rustc_hash::{FxHashMap, FxHashSet};

use super::effort::step;
use super::links::Links;

/// What a graph is called in a query; nobody sees it.
const NAME: &str = "urn:dyad:descriptor:";

/// Subject, predicate, object and graph, in one of three orders.
pub(super) type Quad = [u32; 4];

/// subject, predicate, object; predicate, object, subject; object, subject, predicate; each with its graph.
pub(super) type Orders = [BTreeSet<Quad>; 3];

/// All graphs.
#[derive(Debug, Default)]
pub(super) struct Graphs {
    terms: Vec<Term>,
    numbers: FxHashMap<Term, u32>,
    orders: Orders,
    graphs: FxHashMap<Id, Graph>,
    linked: BTreeSet<Id>,
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
    links: Links,
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
    pub(super) fn put(&mut self, id: Id, version: i64, triples: Vec<Triple>, links: Links) {
        self.remove(id);
        if !links.is_empty() {
            self.linked.insert(id);
        }
        self.put_named(id, version, triples, links, |node| {
            BlankNode::new_unchecked(format!("d{id}x{}", node.as_str()))
        });
    }

    fn put_named(
        &mut self,
        id: Id,
        version: i64,
        triples: Vec<Triple>,
        links: Links,
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
        self.graphs.insert(id, Graph { version, name, triples, links });
    }

    /// Puts a single graph, 0, with the blank nodes that it has.
    pub(super) fn put_as_it_is(&mut self, triples: Vec<Triple>) {
        self.put_named(0, 0, triples, Links::default(), BlankNode::clone);
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
        self.linked.remove(&id);
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

    /// What a descriptor is linked to.
    pub(super) fn links(&self, id: Id) -> Option<&Links> {
        self.graphs.get(&id).map(|graph| &graph.links)
    }

    /// The descriptors that are linked to others.
    pub(super) fn linked(&self) -> impl Iterator<Item = Id> {
        self.linked.iter().copied()
    }

    /// The descriptors that say something of a term.
    pub(super) fn about(&self, subject: &Term) -> impl Iterator<Item = Id> {
        let number = self.numbers.get(subject).copied();
        let triples = number.into_iter().flat_map(|number| find(&self.orders, [Some(number), None, None]));
        triples.filter_map(|[_, _, _, graph]| {
            step();
            self.names.get(&graph).copied()
        })
    }

    /// The number of a term, if there is such a term.
    pub(super) fn number_of(&self, term: &Term) -> Option<u32> {
        self.numbers.get(term).copied()
    }

    /// The term with a number.
    pub(super) fn term(&self, number: u32) -> Option<&Term> {
        self.terms.get(usize::try_from(number).ok()?)
    }

    /// All triples.
    pub(super) fn orders(&self) -> &Orders {
        &self.orders
    }

    /// The names and the number of triples of some graphs.
    pub(super) fn names(&self, ids: &[Id]) -> (FxHashSet<u32>, usize) {
        let graphs = || ids.iter().filter_map(|id| self.graphs.get(id));
        (graphs().map(|graph| graph.name).collect(), graphs().map(|graph| graph.triples.len()).sum())
    }

    /// The triples of some graphs as one graph, 0.
    pub(super) fn merged(&self, ids: &[Id]) -> Orders {
        let mut merged = Orders::default();
        for triple in ids.iter().filter_map(|id| self.graphs.get(id)).flat_map(|graph| &graph.triples) {
            step();
            for (order, quad) in merged.iter_mut().zip(ordered(*triple, 0)) {
                order.insert(quad);
            }
        }
        merged
    }
}

/// The triples of a pattern, as subject, predicate, object, graph.
pub(super) fn find(orders: &Orders, pattern: [Option<u32>; 3]) -> Box<dyn Iterator<Item = Quad> + '_> {
    let [spo, pos, osp] = orders;
    match pattern {
        [None, None, Some(o)] => Box::new(range(osp, [Some(o), None, None]).map(|[o, s, p, g]| [s, p, o, g])),
        [Some(s), None, Some(o)] => {
            Box::new(range(osp, [Some(o), Some(s), None]).map(|[o, s, p, g]| [s, p, o, g]))
        }
        [None, Some(p), o] => Box::new(range(pos, [Some(p), o, None]).map(|[p, o, s, g]| [s, p, o, g])),
        [s, p, o] => Box::new(range(spo, [s, p, o])),
    }
}

/// The entries that begin so.
fn range(order: &BTreeSet<Quad>, [a, b, c]: [Option<u32>; 3]) -> impl Iterator<Item = Quad> + '_ {
    let from = [a.unwrap_or(0), b.unwrap_or(0), c.unwrap_or(0), 0];
    let to = [a.unwrap_or(u32::MAX), b.unwrap_or(u32::MAX), c.unwrap_or(u32::MAX), u32::MAX];
    order.range(from..=to).copied()
}
