//! Whose connections there are: the entities that have spoken over them and were let.
//!
//! Responsible for the latest open connection of each entity. An entity is the originator of a request that succeeded,
//! or the one that a registration has made; nothing else says who is on a connection as long as originators are not
//! authenticated.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dyad_protocol::exchange::Connection;

use super::line::Line;

/// The open connections of entities, by identifiers in their shortest form.
#[derive(Debug, Default)]
pub struct Entities(Mutex<HashMap<String, Vec<Arc<Line>>>>);

impl Entities {
    fn lines(&self) -> MutexGuard<'_, HashMap<String, Vec<Arc<Line>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An entity has spoken over a connection for the first time. With `is_new` it has just been made: whoever was
    /// called the same before is somebody else.
    pub(super) fn add(&self, entity: &str, line: &Arc<Line>, is_new: bool) {
        let mut lines = self.lines();
        let own = lines.entry(entity.to_owned()).or_default();
        own.retain(|other| !is_new && !Arc::ptr_eq(other, line));
        own.push(Arc::clone(line));
    }

    /// A connection of these entities is closed.
    pub(super) fn remove<'a>(&self, entities: impl Iterator<Item = &'a str>, line: &Arc<Line>) {
        let mut lines = self.lines();
        for entity in entities {
            if let Some(own) = lines.get_mut(entity) {
                own.retain(|other| !Arc::ptr_eq(other, line));
                if own.is_empty() {
                    lines.remove(entity);
                }
            }
        }
    }

    /// The latest open connection of an entity.
    pub(super) fn connection(&self, entity: &str) -> Option<Arc<dyn Connection>> {
        let line = self.lines().get(entity)?.iter().rev().find(|line| line.is_open()).cloned()?;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::Entities;
    use crate::ws::line::Line;
    use dyad_protocol::Serialization;
    use dyad_protocol::exchange::Connection;
    use dyad_protocol::schema::Schemas;
    use dyad_protocol::serialization::Codec;
    use std::sync::Arc;

    fn line() -> Arc<Line> {
        let codec = Codec::new(Arc::new(Schemas::default()), 127);
        Arc::new(Line::new(Serialization::Json, codec, 1))
    }

    fn is(found: Option<Arc<dyn Connection>>, line: &Arc<Line>) -> bool {
        found.is_some_and(|found| std::ptr::addr_eq(Arc::as_ptr(&found), Arc::as_ptr(line)))
    }

    #[test]
    fn the_latest_counts_and_the_one_before_takes_over() {
        let (entities, one, two) = (Entities::default(), line(), line());
        entities.add("Ca", &one, false);
        entities.add("Ca", &two, false);
        assert!(is(entities.connection("Ca"), &two));
        assert!(entities.connection("Cb").is_none());
        entities.remove(["Ca", "Cb"].into_iter(), &two);
        assert!(is(entities.connection("Ca"), &one));
        one.close();
        assert!(entities.connection("Ca").is_none());
        entities.remove(["Ca"].into_iter(), &one);
        assert!(entities.lines().is_empty());
    }

    #[test]
    fn who_registers_has_no_earlier_connections() {
        let (entities, one, two) = (Entities::default(), line(), line());
        entities.add("Ca", &one, false);
        entities.add("Ca", &two, true);
        entities.remove(["Ca"].into_iter(), &two);
        assert!(entities.connection("Ca").is_none());
    }
}
