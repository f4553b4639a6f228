//! Places: the boxes around the locations of resources.
//!
//! Responsible for: writing them within a change set, and finding ids by them, through the index. SQLite keeps the boxes in an R*Tree,
//! PostgreSQL in a table with an index of boxes. Both may name a box that misses by a hair, and leave out none: the
//! exact test is left to the core.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double};

use super::change::{Bounds, ChangeSet, Lie};
use super::connection::{Connection, either};
use super::error::StoreError;
use super::fixed::{Fixed, bind};
use super::page::bound;

/// More than an R*Tree rounds a box outwards, in degrees.
const ROUNDED: f64 = 1e-4;

const SQLITE_WITHIN: &str = "SELECT resource FROM place WHERE west >= ? AND east <= ? AND south >= ? AND north <= ? \
    AND resource > ? ORDER BY resource LIMIT 0 + ?";
const SQLITE_AROUND: &str = "SELECT resource FROM place WHERE west <= ? AND east >= ? AND south <= ? AND north >= ? \
    AND resource > ? ORDER BY resource LIMIT 0 + ?";
const SQLITE_ACROSS: &str = "SELECT resource FROM place WHERE east >= ? AND west <= ? AND north >= ? AND south <= ? \
    AND resource > ? ORDER BY resource LIMIT 0 + ?";
// The expression is that of the index.
const POSTGRES_WITHIN: &str = "SELECT resource FROM place WHERE box(point(west, south), point(east, north)) <@ \
    box(point(?, ?), point(?, ?)) AND resource > ? ORDER BY resource LIMIT 0 + ?";
const POSTGRES_AROUND: &str = "SELECT resource FROM place WHERE box(point(west, south), point(east, north)) @> \
    box(point(?, ?), point(?, ?)) AND resource > ? ORDER BY resource LIMIT 0 + ?";
const POSTGRES_ACROSS: &str = "SELECT resource FROM place WHERE box(point(west, south), point(east, north)) && \
    box(point(?, ?), point(?, ?)) AND resource > ? ORDER BY resource LIMIT 0 + ?";

const SQLITE_SET: &str = "REPLACE INTO place (resource, west, east, south, north) VALUES (?, ?, ?, ?, ?)";
const SQLITE_REMOVE: &str = "DELETE FROM place WHERE resource = ?";
const POSTGRES_SET: &str = "INSERT INTO place (resource, west, east, south, north) \
    SELECT * FROM unnest(?, ?, ?, ?, ?) ON CONFLICT (resource) \
    DO UPDATE SET west = excluded.west, east = excluded.east, south = excluded.south, north = excluded.north";
const POSTGRES_REMOVE: &str = "DELETE FROM place WHERE resource = ANY(?)";

/// Writes the places of a change set.
pub(super) fn to_sqlite(connection: &mut SqliteConnection, change: &ChangeSet) -> QueryResult<()> {
    for id in &change.place_remove {
        Fixed::<_>::new(SQLITE_REMOVE, bind![BigInt: id]).execute(connection)?;
    }
    for (id, Bounds { west, east, south, north }) in &change.place {
        let values = bind![BigInt: id, Double: west, Double: east, Double: south, Double: north];
        Fixed::<_>::new(SQLITE_SET, values).execute(connection)?;
    }
    Ok(())
}

/// Writes the places of a change set, one statement per kind of change.
pub(super) fn to_postgres(connection: &mut PgConnection, change: &ChangeSet) -> QueryResult<()> {
    if !change.place_remove.is_empty() {
        let values = bind![Array<BigInt>: &change.place_remove];
        Fixed::<_>::new(POSTGRES_REMOVE, values).execute(connection)?;
    }
    if !change.place.is_empty() {
        let ids: Vec<i64> = change.place.iter().map(|(id, _)| *id).collect();
        let edge = |edge: fn(&Bounds) -> f64| -> Vec<f64> {
            change.place.iter().map(|(_, bounds)| edge(bounds)).collect()
        };
        let values = bind![
            Array<BigInt>: ids, Array<Double>: edge(|bounds| bounds.west), Array<Double>: edge(|bounds| bounds.east),
            Array<Double>: edge(|bounds| bounds.south), Array<Double>: edge(|bounds| bounds.north),
        ];
        Fixed::<_>::new(POSTGRES_SET, values).execute(connection)?;
    }
    Ok(())
}

impl Connection {
    /// Resources around whose location there is a box that lies to another as asked. Costs what the index names, and
    /// the order of it.
    pub fn by_bounds(
        &mut self,
        lie: Lie,
        bounds: &Bounds,
        after_id: i64,
        limit: usize,
    ) -> Result<Vec<i64>, StoreError> {
        let Bounds { west, east, south, north } = *bounds;
        let slack = if lie == Lie::Within { ROUNDED } else { 0.0 };
        let (sqlite_text, postgres_text) = match lie {
            Lie::Within => (SQLITE_WITHIN, POSTGRES_WITHIN),
            Lie::Around => (SQLITE_AROUND, POSTGRES_AROUND),
            Lie::Across => (SQLITE_ACROSS, POSTGRES_ACROSS),
        };
        let limit = bound(limit);
        either!(self,
            sqlite => Fixed::<_, BigInt>::new(sqlite_text, bind![
                Double: west - slack, Double: east + slack, Double: south - slack, Double: north + slack,
                BigInt: after_id, BigInt: limit,
            ])
            .load(sqlite),
            postgres => Fixed::<_, BigInt>::new(postgres_text, bind![
                Double: west, Double: south, Double: east, Double: north, BigInt: after_id, BigInt: limit,
            ])
            .load(postgres)
        )
    }
}
