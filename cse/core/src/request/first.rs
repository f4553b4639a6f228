//! The first of what a search finds: bounded in memory, in order of creation.

use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::resource::{Id, Resource};

/// The first so many resources by their numbers, whatever the order in which they are found: what a search holds
/// in memory is bounded by what it answers, not by what it finds.
pub(super) struct First {
    most: usize,
    heap: BinaryHeap<(Id, ByNumber)>,
}

/// A resource that takes no part in comparisons; its number beside it does.
struct ByNumber(Arc<Resource>);

impl PartialEq for ByNumber {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for ByNumber {}

impl PartialOrd for ByNumber {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByNumber {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl First {
    /// At most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { most, heap: BinaryHeap::new() }
    }

    /// Takes a resource in, and lets the last one go if there are too many.
    pub(super) fn add(&mut self, resource: Arc<Resource>) {
        self.heap.push((resource.id(), ByNumber(resource)));
        if self.heap.len() > self.most {
            self.heap.pop();
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.heap.clear();
    }

    /// In the order of their numbers.
    pub(super) fn into_sorted(self) -> Vec<Arc<Resource>> {
        self.heap.into_sorted_vec().into_iter().map(|(_, ByNumber(resource))| resource).collect()
    }
}
