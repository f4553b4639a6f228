//! The first of what a search finds: bounded in memory, in order of creation.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::resource::{Id, Resource};

/// The first so many resources by their numbers, each once, whatever the order in which they are found: what a search
/// holds in memory is bounded by what it answers, not by what it finds.
pub(super) struct First {
    most: usize,
    found: BTreeMap<Id, Arc<Resource>>,
}

impl First {
    /// At most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { most, found: BTreeMap::new() }
    }

    /// Takes a resource in, and lets the last one go if there are too many.
    pub(super) fn add(&mut self, resource: Arc<Resource>) {
        self.found.insert(resource.id(), resource);
        if self.found.len() > self.most {
            self.found.pop_last();
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.found.clear();
    }

    /// In the order of their numbers.
    pub(super) fn into_sorted(self) -> Vec<Arc<Resource>> {
        self.found.into_values().collect()
    }
}
