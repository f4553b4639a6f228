//! What spares a look into the database when data of a time series come in order.

use rustc_hash::FxHashMap;

use super::{Id, Resource};

/// Time series that are remembered.
const REMEMBERED: usize = 50_000;

/// For each time series a point in time after which no data of its instances were made; all of them may be older.
#[derive(Default)]
pub(crate) struct Newest(FxHashMap<Id, i64>);

impl Newest {
    /// What is known of a series.
    pub(crate) fn get(&self, series: Id) -> Option<i64> {
        self.0.get(&series).copied()
    }

    /// Remembers a series.
    pub(crate) fn note(&mut self, series: Id, newest: i64) {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert(series, newest);
    }

    /// An instance is new.
    pub(crate) fn add(&mut self, instance: &Resource) {
        if let (Some(dgt), Some(newest)) = (instance.row().dgt, self.0.get_mut(&instance.parent())) {
            *newest = dgt.max(*newest);
        }
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
