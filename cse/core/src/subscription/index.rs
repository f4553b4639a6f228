//! The subscriptions below one resource, arranged so that an event finds those that ask for it.
//!
//! A resource may have thousands. Matching looks at a few bytes of each that asks for the type of the event, and at the
//! subscription itself only if it has conditions.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use dyad_protocol::Timestamp;

use super::{ContentType, EventType, Subscription};
use crate::resource::{Id, Resource, View};

/// The subscriptions below one resource, in the order of their numbers.
#[derive(Debug, Default)]
pub struct SubscriptionList {
    all: Box<[Arc<Resource>]>,
    index: OnceLock<Index>,
}

/// A subscription that asks for an event type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watcher {
    /// Its number.
    pub(super) id: Id,
    /// Where it stands in the list.
    pub(super) position: u32,
    /// When it expires.
    pub(super) expires: i64,
    /// Whether each event of the type counts.
    pub(super) is_unconditional: bool,
    /// What notifications of it begin with.
    pub(super) form: Form,
}

/// What is the same in the notifications of an event to several subscriptions: those of one form share their text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// `nct`
    pub(super) content: ContentType,
    /// Whether they name who caused the event.
    pub(super) names_originator: bool,
}

#[derive(Debug, Default)]
struct Index {
    by_event: [Vec<Watcher>; EventType::ALL.len()],
    /// Those that monitor operations.
    monitors: Vec<Watcher>,
}

impl SubscriptionList {
    pub(crate) fn new(all: Vec<Arc<Resource>>) -> Arc<Self> {
        Arc::new(Self { all: all.into(), index: OnceLock::new() })
    }

    /// Those that ask for an event type.
    pub(super) fn watchers(&self, event: EventType) -> &[Watcher] {
        let position = usize::from(event.number() - 1);
        self.index().by_event.get(position).map_or(&[], Vec::as_slice)
    }

    /// Those that monitor operations.
    pub(super) fn monitors(&self) -> impl Iterator<Item = (&Watcher, &Subscription)> {
        self.index().monitors.iter().filter_map(|watcher| Some((watcher, said(self.at(watcher.position)?)?)))
    }

    /// Whether one of them asks for an event type, or monitors operations if none is given.
    pub(crate) fn has(&self, event: Option<EventType>) -> bool {
        match event {
            _ if self.all.is_empty() => false,
            Some(event) => !self.watchers(event).is_empty(),
            None => !self.index().monitors.is_empty(),
        }
    }

    /// The one that blocks updates.
    pub fn blocking(&self, now: Timestamp) -> Option<&Arc<Resource>> {
        let mut watchers = self.watchers(EventType::BlockingUpdate).iter();
        watchers.find(|watcher| watcher.expires > now.micros()).and_then(|watcher| self.at(watcher.position))
    }

    /// The one at a position.
    pub(super) fn at(&self, position: u32) -> Option<&Arc<Resource>> {
        self.all.get(usize::try_from(position).ok()?)
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let mut index = Index::default();
            for (position, subscription) in (0_u32..).zip(&self.all) {
                let Some(said) = said(subscription) else { continue };
                let watcher = Watcher {
                    id: subscription.id(),
                    position,
                    expires: subscription.row().et,
                    is_unconditional: said.criteria.is_unconditional(),
                    form: Form { content: said.content_type, names_originator: said.names_originator },
                };
                for event in &said.criteria.events {
                    if let Some(watchers) = index.by_event.get_mut(usize::from(event.number() - 1)) {
                        watchers.push(watcher);
                    }
                }
                if !said.criteria.monitors.is_empty() {
                    index.monitors.push(watcher);
                }
            }
            index
        })
    }
}

impl Deref for SubscriptionList {
    type Target = [Arc<Resource>];

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

/// What a subscription says.
pub(super) fn said(subscription: &Resource) -> Option<&Subscription> {
    match subscription.view() {
        View::Subscription(said) => Some(said),
        _ => None,
    }
}
