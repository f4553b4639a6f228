//! The index over all subscriptions: which of them match a topic.
//!
//! A tree with a node for each level of a filter, so that looking up a topic costs its levels and not the number of
//! subscriptions. Who the subscribers are is left to the caller: `T` is whatever it wants to find again.

use std::collections::HashMap;

use super::topic;

/// Finds subscribers by topic. A subscriber has a number that is its own for all its subscriptions.
#[derive(Debug)]
pub(super) struct Tree<T> {
    root: Node<T>,
}

#[derive(Debug)]
struct Node<T> {
    children: HashMap<Box<str>, Node<T>>,
    /// Subscribers of the filter that ends here.
    own: Leaf<T>,
    /// Subscribers of the filter that goes on with `#` and ends there.
    below: Leaf<T>,
    /// What goes on with `+`.
    any: Option<Box<Node<T>>>,
}

#[derive(Debug)]
struct Leaf<T> {
    subscribers: HashMap<u64, T>,
    groups: HashMap<Box<str>, Group<T>>,
}

/// The members of a shared subscription, in the order in which they joined.
#[derive(Debug)]
pub(super) struct Group<T> {
    members: Vec<(u64, T)>,
}

/// What matches a topic.
#[derive(Debug)]
pub(super) enum Match<'a, T> {
    /// A subscription.
    One(u64, &'a T),
    /// A shared subscription, of whose members one is to be chosen.
    Shared(&'a Group<T>),
}

impl<T> Group<T> {
    /// The members, beginning with that whose turn it is by a number that goes up with each message.
    pub(super) fn in_turn(&self, turn: usize) -> impl Iterator<Item = &(u64, T)> + Clone {
        let begin = turn.checked_rem(self.members.len()).unwrap_or_default();
        let (before, after) = self.members.split_at_checked(begin).unwrap_or((&[], &self.members));
        after.iter().chain(before)
    }
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { children: HashMap::new(), own: Leaf::default(), below: Leaf::default(), any: None }
    }
}

impl<T> Default for Leaf<T> {
    fn default() -> Self {
        Self { subscribers: HashMap::new(), groups: HashMap::new() }
    }
}

impl<T> Leaf<T> {
    fn is_empty(&self) -> bool {
        self.subscribers.is_empty() && self.groups.is_empty()
    }

    fn insert(&mut self, number: u64, group: Option<&str>, value: T) -> Option<T> {
        let Some(group) = group else { return self.subscribers.insert(number, value) };
        let members =
            &mut self.groups.entry(group.into()).or_insert_with(|| Group { members: Vec::new() }).members;
        match members.iter_mut().find(|member| member.0 == number) {
            Some(member) => Some(std::mem::replace(&mut member.1, value)),
            None => {
                members.push((number, value));
                None
            }
        }
    }

    fn remove(&mut self, number: u64, group: Option<&str>) -> bool {
        let Some(name) = group else { return self.subscribers.remove(&number).is_some() };
        let Some(group) = self.groups.get_mut(name) else { return false };
        let before = group.members.len();
        group.members.retain(|member| member.0 != number);
        let is_removed = group.members.len() < before;
        if group.members.is_empty() {
            self.groups.remove(name);
        }
        is_removed
    }

    fn visit<'a>(&'a self, found: &mut impl FnMut(Match<'a, T>)) {
        for (number, value) in &self.subscribers {
            found(Match::One(*number, value));
        }
        for group in self.groups.values() {
            found(Match::Shared(group));
        }
    }
}

impl<T> Node<T> {
    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.own.is_empty() && self.below.is_empty() && self.any.is_none()
    }

    /// Removes below this node, and the nodes that hold nothing any more.
    fn remove(&mut self, mut levels: std::str::Split<'_, char>, number: u64, group: Option<&str>) -> bool {
        match levels.next() {
            None => self.own.remove(number, group),
            Some("#") => self.below.remove(number, group),
            Some("+") => {
                let Some(any) = &mut self.any else { return false };
                let is_removed = any.remove(levels, number, group);
                if any.is_empty() {
                    self.any = None;
                }
                is_removed
            }
            Some(level) => {
                let Some(child) = self.children.get_mut(level) else { return false };
                let is_removed = child.remove(levels, number, group);
                if child.is_empty() {
                    self.children.remove(level);
                }
                is_removed
            }
        }
    }

    fn visit<'a>(&'a self, mut levels: std::str::Split<'_, char>, found: &mut impl FnMut(Match<'a, T>)) {
        self.below.visit(found);
        let Some(level) = levels.next() else {
            self.own.visit(found);
            return;
        };
        if let Some(any) = &self.any {
            any.visit(levels.clone(), found);
        }
        if let Some(child) = self.children.get(level) {
            child.visit(levels, found);
        }
    }
}

impl<T> Tree<T> {
    /// Subscribes; what the same subscriber had under the same filter comes back.
    pub(super) fn insert(&mut self, filter: topic::Filter<'_>, number: u64, value: T) -> Option<T> {
        let mut node = &mut self.root;
        for level in filter.filter.split('/') {
            node = match level {
                "#" => return node.below.insert(number, filter.group, value),
                "+" => node.any.get_or_insert_default(),
                level => node.children.entry(level.into()).or_default(),
            };
        }
        node.own.insert(number, filter.group, value)
    }

    /// Unsubscribes; `false` if there was no such subscription.
    pub(super) fn remove(&mut self, filter: topic::Filter<'_>, number: u64) -> bool {
        self.root.remove(filter.filter.split('/'), number, filter.group)
    }

    /// Calls `found` for all that matches a topic: once for each subscription and each group.
    pub(super) fn visit<'a>(&'a self, topic: &str, mut found: impl FnMut(Match<'a, T>)) {
        let mut levels = topic.split('/');
        if topic::is_reserved(topic) {
            // Wildcards in the first level do not reach what belongs to the server.
            if let Some(child) = levels.next().and_then(|level| self.root.children.get(level)) {
                child.visit(levels, &mut found);
            }
            return;
        }
        self.root.visit(levels, &mut found);
    }

    /// Whether there are no subscriptions.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.root.is_empty()
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
