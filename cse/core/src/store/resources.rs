//! Queries about resources: by id, by name, by place in the tree, by age.
//!
//! Responsible for: answers that cost no more than their length, from the indices of the migrations. Search by label
//! and attribute is in `discovery`; paths, filters and rights are left to the core.

use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer};
use diesel::sqlite::Sqlite;

use super::change::{Aged, Child, Row};
use super::connection::{Connection, either};
use super::error::StoreError;
use super::fixed::{Fixed, bind};
use super::page::{bound, page};
use super::schema::{meta, resource};

/// The types under one parent, one step into the index for each.
const TYPES: &str = "WITH RECURSIVE t(ty) AS (SELECT min(ty) FROM resource WHERE parent = ? UNION ALL \
    SELECT (SELECT min(ty) FROM resource WHERE parent = ? AND ty > t.ty) FROM t WHERE t.ty IS NOT NULL) \
    SELECT ty FROM t WHERE ty IS NOT NULL";

/// Children of one parent in the order of the index: the rest of one type, and all types after it. In one statement,
/// with a row value, SQLite would read the type from its start.
const CHILDREN: [&str; 2] = [
    "SELECT parent, ty, id FROM resource WHERE parent = ? AND ty = ? AND id > ? ORDER BY id LIMIT 0 + ?",
    "SELECT parent, ty, id FROM resource WHERE parent = ? AND ty > ? ORDER BY ty, id LIMIT 0 + ?",
];

/// Children of many parents in the order of the index: one step into it for each parent, in the order given, until there
/// are enough. An ORDER BY outside would read the children of all parents first; a subquery with a limit of its own can
/// only be run parent by parent.
const GRANDCHILDREN: &str = "SELECT c.parent, c.ty, c.id FROM unnest(?) AS p(id) CROSS JOIN LATERAL \
    (SELECT parent, ty, id FROM resource WHERE parent = p.id AND (parent, ty, id) > (?, ?, ?) \
    ORDER BY parent, ty, id LIMIT 0 + ?) AS c LIMIT 0 + ?";

/// What is due to go. The literal lets the planner see that the partial index holds all of it.
const EXPIRED: &str =
    "SELECT id FROM resource WHERE et < ? AND et < 9223372036854775807 ORDER BY et LIMIT 0 + ?";

/// What was made when, of the types that the partial index holds, as the literal lets the planner see.
const CREATED: &str = "SELECT id FROM resource WHERE ty = ? AND ty NOT IN (4, 30, 58) AND ct >= ? AND ct < ? AND id > ? \
    ORDER BY id LIMIT 0 + ?";

/// What was last modified when, of a type that the partial index holds.
const VERSIONS: &str = "SELECT id, lt FROM resource WHERE ty = ? AND ty NOT IN (4, 30, 58) ORDER BY id";

/// The types of instances, which are many and in no index but that of children.
const INSTANCES: [i32; 3] = [4, 30, 58];

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
        either!(self, link => resource::table.find(id).get_result(link).optional())
    }

    /// The resources with these ids, in ascending order of id.
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

    /// Children of several resources, in ascending order of parent, type, id, from after `after`. For walks down a
    /// subtree, level by level.
    pub fn child_ids(
        &mut self,
        parents: &[i64],
        after: Option<Child>,
        limit: usize,
    ) -> Result<Vec<Child>, StoreError> {
        let after = after.unwrap_or(Child { parent: i64::MIN, ty: i32::MIN, id: i64::MIN });
        let mut parents = sorted(parents);
        parents.retain(|parent| *parent >= after.parent);
        let Child { parent, ty, id } = after;
        either!(self,
            sqlite => children_of_each(sqlite, &parents, after, limit),
            postgres => Fixed::<_, (BigInt, Integer, BigInt)>::new(GRANDCHILDREN, bind![
                Array<BigInt>: &parents, BigInt: parent, Integer: ty, BigInt: id,
                BigInt: bound(limit), BigInt: bound(limit),
            ])
            .load(postgres)
        )
    }

    /// The youngest child of a type.
    pub fn newest(&mut self, parent: i64, ty: i32) -> Result<Option<i64>, StoreError> {
        either!(self, link => resource::table
            .filter(resource::parent.eq(parent))
            .filter(resource::ty.eq(ty))
            .select(max(resource::id))
            .get_result(link))
    }

    /// The youngest child of a type that is older than a given one.
    pub fn newest_before(&mut self, parent: i64, ty: i32, before_id: i64) -> Result<Option<i64>, StoreError> {
        either!(self, link => resource::table
            .filter(resource::parent.eq(parent))
            .filter(resource::ty.eq(ty))
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
        either!(self, link => page(limit, resource::table
            .filter(resource::parent.eq(parent))
            .filter(resource::ty.eq(ty))
            .filter(resource::id.gt(after_id))
            .order(resource::id)
            .select((resource::id, resource::cs, resource::et, resource::ct, resource::body.like(LABELLED)))).load(link))
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
        if !INSTANCES.contains(&ty) {
            return either!(self, link => Fixed::<_, BigInt>::new(
                CREATED,
                bind![Integer: ty, BigInt: from_ct, BigInt: to_ct, BigInt: after_id, BigInt: bound(limit)]
            ).load(link));
        }
        either!(self, link => page(limit, resource::table
            .filter(resource::ty.eq(ty))
            .filter(resource::ct.ge(from_ct))
            .filter(resource::ct.lt(to_ct))
            .filter(resource::id.gt(after_id))
            .order(resource::id)
            .select(resource::id)).load(link))
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

    /// A value kept by name.
    pub fn meta(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        either!(self, link => meta::table.find(name).select(meta::value).get_result(link).optional())
    }

    /// The highest id in use.
    pub fn last_id(&mut self) -> Result<Option<i64>, StoreError> {
        either!(self, link => resource::table.select(max(resource::id)).get_result(link))
    }

    /// How many resources there are. Counts them: for start-up and the operator.
    pub fn count(&mut self) -> Result<u64, StoreError> {
        let count: i64 = either!(self, link => resource::table.count().get_result(link))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

fn children_of_each(
    sqlite: &mut SqliteConnection,
    parents: &[i64],
    after: Child,
    limit: usize,
) -> QueryResult<Vec<Child>> {
    type Kin<'a> = Fixed<'a, Sqlite, (BigInt, Integer, BigInt)>;
    let [rest, others] = CHILDREN;
    let mut found: Vec<Child> = Vec::new();
    for parent in parents {
        let mut ty = i32::MIN;
        if *parent == after.parent {
            ty = after.ty;
            let values = bind![BigInt: parent, Integer: ty, BigInt: after.id, BigInt: bound(limit)];
            found.extend(Kin::new(rest, values).load::<Child>(sqlite)?);
        }
        let left = limit.saturating_sub(found.len());
        if left == 0 {
            break;
        }
        found.extend(
            Kin::new(others, bind![BigInt: parent, Integer: ty, BigInt: bound(left)])
                .load::<Child>(sqlite)?,
        );
    }
    Ok(found)
}
