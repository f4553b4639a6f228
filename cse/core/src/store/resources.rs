//! Queries about resources: by id, by name, by place in the tree, by age.
//!
//! Responsible for: answers that cost no more than their length, from the indices of the migrations. Search by label
//! and attribute is in `discovery`; paths, filters and rights are left to the core.

use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};

use super::change::{Aged, Row};
use super::connection::{Connection, either};
use super::error::StoreError;
use super::fixed::{Fixed, bind};
use super::page::{bound, page};
use super::schema::{meta, resource};

/// The types under one parent, one step into the index for each.
const TYPES: &str = "WITH RECURSIVE t(ty) AS (SELECT min(ty) FROM resource WHERE parent = ? UNION ALL \
    SELECT (SELECT min(ty) FROM resource WHERE parent = ? AND ty > t.ty) FROM t WHERE t.ty IS NOT NULL) \
    SELECT ty FROM t WHERE ty IS NOT NULL";

/// What is due to go. The literal lets the planner see that the partial index holds all of it.
const EXPIRED: &str = "SELECT id FROM resource AS r WHERE et < ? AND et < 9223372036854775807 AND (ty NOT IN (4, 58) OR \
    id >= coalesce((SELECT floor FROM resource AS p WHERE p.id = r.parent), 0)) ORDER BY et LIMIT 0 + ?";

/// When what is not due yet will be.
const EXPIRES: &str = "SELECT et FROM resource AS r WHERE et >= ? AND et < 9223372036854775807 AND (ty NOT IN (4, 58) OR \
    id >= coalesce((SELECT floor FROM resource AS p WHERE p.id = r.parent), 0)) ORDER BY et LIMIT 1";

/// What was made when, of the types that the partial index holds, as the literal lets the planner see.
const CREATED: &str = "SELECT id FROM resource WHERE ty = ? AND ty NOT IN (4, 30, 58) AND ct >= ? AND ct < ? AND id > ? \
    ORDER BY id LIMIT 0 + ?";

/// What was last modified when, of a type that the partial index holds.
const VERSIONS: &str = "SELECT id, lt FROM resource WHERE ty = ? AND ty NOT IN (4, 30, 58) ORDER BY id";

/// The instances that were made when. They are in no index but that of children, so all are looked at.
const INSTANCES_CREATED: &str = "SELECT id FROM resource AS r WHERE ty = ? AND ct >= ? AND ct < ? AND id > ? \
    AND id >= coalesce((SELECT floor FROM resource AS p WHERE p.id = r.parent), 0) ORDER BY id LIMIT 0 + ?";

/// The rows of trimmed instances.
pub(super) const PURGE: &str = "DELETE FROM resource WHERE parent = ? AND ty = ? AND id < ?";

/// The types of instances, which are many.
const INSTANCES: [i32; 3] = [4, 30, 58];

/// Those that are trimmed in the order of their ids: rows below the floor of their parent are none any more.
const TRIMMED_BY_ID: [i32; 2] = [4, 58];

/// The body of what has labels (`"lbl"`) or a location (`"loc"`) contains this.
pub(super) const LABELLED: &str = "%\"l__\"%";

fn sorted(ids: &[i64]) -> Vec<i64> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}

impl Connection {
    /// The resource with an id.
    pub fn row(&mut self, id: i64) -> Result<Option<Row>, StoreError> {
        let row: Option<Row> = either!(self, link => resource::table.find(id).get_result(link).optional())?;
        match row {
            Some(row) if self.above_floor(row.parent, row.ty, 0)? >= id => Ok(None),
            row => Ok(row),
        }
    }

    /// The id after which the children of a type begin that come after one: those below the floor are gone.
    fn above_floor(&mut self, parent: i64, ty: i32, after_id: i64) -> Result<i64, StoreError> {
        if !TRIMMED_BY_ID.contains(&ty) {
            return Ok(after_id);
        }
        let floor: Option<Option<i64>> = either!(self, link => resource::table
            .find(parent)
            .select(resource::floor)
            .get_result(link)
            .optional())?;
        Ok(floor.flatten().map_or(after_id, |floor| after_id.max(floor - 1)))
    }

    /// The resources with these ids, in ascending order of id. Trimmed instances are left out by who found the ids.
    pub fn rows(&mut self, ids: &[i64]) -> Result<Vec<Row>, StoreError> {
        let ids = sorted(ids);
        either!(self,
            sqlite => ids
                .iter()
                .filter_map(|id| resource::table.find(id).get_result(sqlite).optional().transpose())
                .collect(),
            postgres => resource::table
                .filter(resource::id.eq_any(&ids))
                .order(resource::id)
                .load(postgres)
        )
    }

    /// The resource with a resource identifier that does not derive from its id.
    pub fn row_by_ri(&mut self, ri: &str) -> Result<Option<Row>, StoreError> {
        either!(self, link => resource::table.filter(resource::ri.eq(ri)).get_result(link).optional())
    }

    /// The child with a name that does not derive from its id, whole.
    pub fn row_by_name(&mut self, parent: i64, rn: &str) -> Result<Option<Row>, StoreError> {
        either!(self, link => resource::table
            .filter(resource::parent.eq(parent))
            .filter(resource::rn.eq(rn))
            .get_result(link)
            .optional())
    }

    /// The child with a name that does not derive from its id.
    pub fn id_by_name(&mut self, parent: i64, rn: &str) -> Result<Option<i64>, StoreError> {
        either!(self, link => resource::table
            .filter(resource::parent.eq(parent))
            .filter(resource::rn.eq(rn))
            .select(resource::id)
            .get_result(link)
            .optional())
    }

    /// The resource types that a resource has children of, ascending.
    pub fn child_types(&mut self, parent: i64) -> Result<Vec<i32>, StoreError> {
        either!(self, link => Fixed::<_, Integer>::new(TYPES, bind![BigInt: parent, BigInt: parent]).load(link))
    }

    /// Ids of children of one type.
    pub fn child_ids_of(
        &mut self,
        parent: i64,
        ty: i32,
        after_id: i64,
        limit: usize,
    ) -> Result<Vec<i64>, StoreError> {
        let after_id = self.above_floor(parent, ty, after_id)?;
        either!(self, link => page(limit, resource::table
            .filter(resource::parent.eq(parent))
            .filter(resource::ty.eq(ty))
            .filter(resource::id.gt(after_id))
            .order(resource::id)
            .select(resource::id)).load(link))
    }

    /// Children of some types, of all types if none is named.
    pub fn children(
        &mut self,
        parent: i64,
        types: &[i32],
        after_id: i64,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let mut types = if types.is_empty() { self.child_types(parent)? } else { types.to_vec() };
        types.sort_unstable();
        types.dedup();
        if let [ty] = *types {
            let after_id = self.above_floor(parent, ty, after_id)?;
            return either!(self, link => page(limit, resource::table
                .filter(resource::parent.eq(parent))
                .filter(resource::ty.eq(ty))
                .filter(resource::id.gt(after_id))
                .order(resource::id)).load(link));
        }
        let mut ids = Vec::new();
        for ty in types {
            ids.extend(self.child_ids_of(parent, ty, after_id, limit)?);
        }
        ids.sort_unstable();
        ids.truncate(limit);
        self.rows(&ids)
    }

    /// The youngest child of a type.
    pub fn newest(&mut self, parent: i64, ty: i32) -> Result<Option<i64>, StoreError> {
        self.newest_before(parent, ty, i64::MAX)
    }

    /// The youngest child of a type that is older than a given one.
    pub fn newest_before(&mut self, parent: i64, ty: i32, before_id: i64) -> Result<Option<i64>, StoreError> {
        let after_id = self.above_floor(parent, ty, i64::MIN)?;
        either!(self, link => resource::table
            .filter(resource::parent.eq(parent))
            .filter(resource::ty.eq(ty))
            .filter(resource::id.gt(after_id))
            .filter(resource::id.lt(before_id))
            .select(max(resource::id))
            .get_result(link))
    }

    /// Children of a type from the oldest on, with what trimming has to know.
    pub fn oldest(
        &mut self,
        parent: i64,
        ty: i32,
        after_id: i64,
        limit: usize,
    ) -> Result<Vec<Aged>, StoreError> {
        let after_id = self.above_floor(parent, ty, after_id)?;
        either!(self, link => page(limit, resource::table
            .filter(resource::parent.eq(parent))
            .filter(resource::ty.eq(ty))
            .filter(resource::id.gt(after_id))
            .order(resource::id)
            .select((
                resource::id, resource::cs, resource::et, resource::ct,
                resource::body.like(LABELLED).or(resource::rn.is_not_null()),
            ))).load(link))
    }

    /// Ids of what was created from `from_ct` on and before `to_ct`. A page costs the entries of the index within the
    /// span.
    pub fn by_type_created(
        &mut self,
        ty: i32,
        from_ct: i64,
        to_ct: i64,
        after_id: i64,
        limit: usize,
    ) -> Result<Vec<i64>, StoreError> {
        let created = if INSTANCES.contains(&ty) { INSTANCES_CREATED } else { CREATED };
        either!(self, link => Fixed::<_, BigInt>::new(
            created,
            bind![Integer: ty, BigInt: from_ct, BigInt: to_ct, BigInt: after_id, BigInt: bound(limit)]
        ).load(link))
    }

    /// Ids of all resources of a type, which is none of instances, with the times when they were last modified.
    pub fn versions(&mut self, ty: i32) -> Result<Vec<(i64, i64)>, StoreError> {
        either!(self, link => Fixed::<_, (BigInt, BigInt)>::new(VERSIONS, bind![Integer: ty]).load(link))
    }

    /// Ids of what expired before a point in time, those first that expired first; ascending within the answer.
    pub fn expired(&mut self, before: i64, limit: usize) -> Result<Vec<i64>, StoreError> {
        let mut ids: Vec<i64> = either!(self, link => Fixed::<_, BigInt>::new(EXPIRED, bind![BigInt: before, BigInt: bound(limit)]).load(link))?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// The first expiration time from a point in time on.
    pub fn next_expiration(&mut self, from: i64) -> Result<Option<i64>, StoreError> {
        either!(self, link => Fixed::<_, BigInt>::new(EXPIRES, bind![BigInt: from]).get_result(link).optional())
    }

    /// A value kept by name.
    pub fn meta(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        either!(self, link => meta::table.find(name).select(meta::value).get_result(link).optional())
    }

    /// The highest id in use.
    pub fn last_id(&mut self) -> Result<Option<i64>, StoreError> {
        either!(self, link => resource::table.select(max(resource::id)).get_result(link))
    }

    /// How many rows there are, those of trimmed instances among them. Counts them: for start-up and the operator.
    pub fn count(&mut self) -> Result<u64, StoreError> {
        let count: i64 = either!(self, link => resource::table.count().get_result(link))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}
