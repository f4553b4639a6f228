//! New and changed rows: most of what is written.
//!
//! Responsible for: few statements with little around them. Each is written out and prepared once; the query builder
//! would say the same, and walk through its parts five times to do so.

use std::sync::Arc;

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use diesel::sqlite::Sqlite;

use crate::store::change::Row;

/// The insertion of so many rows. A statement opens the table and all of its indices, so several rows share one.
struct NewRows<'a, const COUNT: usize>(&'a [Arc<Row>; COUNT]);

impl<const COUNT: usize> QueryFragment<Sqlite> for NewRows<'_, COUNT> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        // What a failure leaves goes with the transaction, so that SQLite need not keep pages to take back one statement.
        out.push_sql(
            "INSERT OR FAIL INTO resource \
             (id, parent, ty, ct, lt, et, body, rn, ri, root, originator, cs, dgt, floor) VALUES (",
        );
        for (position, row) in self.0.iter().enumerate() {
            if position > 0 {
                out.push_sql("), (");
            }
            Self::bind(row, out.reborrow())?;
        }
        out.push_sql(")");
        Ok(())
    }
}

impl<const COUNT: usize> NewRows<'_, COUNT> {
    fn bind<'b>(row: &'b Row, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_bind_param::<BigInt, _>(&row.id)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&row.parent)?;
        out.push_sql(", ");
        out.push_bind_param::<Integer, _>(&row.ty)?;
        for time in [&row.ct, &row.lt, &row.et] {
            out.push_sql(", ");
            out.push_bind_param::<BigInt, _>(time)?;
        }
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(row.body.as_str())?;
        for text in [&row.rn, &row.ri, &row.root, &row.originator] {
            out.push_sql(", ");
            out.push_bind_param::<Nullable<Text>, _>(text)?;
        }
        for number in [&row.cs, &row.dgt, &row.floor] {
            out.push_sql(", ");
            out.push_bind_param::<Nullable<BigInt>, _>(number)?;
        }
        Ok(())
    }
}

impl<const COUNT: usize> QueryId for NewRows<'_, COUNT> {
    type QueryId = NewRows<'static, COUNT>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<const COUNT: usize> RunQueryDsl<SqliteConnection> for NewRows<'_, COUNT> {}

/// The change of a row; diesel keeps no prepared UPDATE of its own. To set a column, even to what it is, is to write its
/// index: most changes leave the expiration time alone, and only those that do not are `WHOLE`.
struct Changed<'a, const WHOLE: bool>(&'a Row);

impl<const WHOLE: bool> QueryFragment<Sqlite> for Changed<'_, WHOLE> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let Self(row) = self;
        out.push_sql("UPDATE resource SET root = ");
        out.push_bind_param::<Nullable<Text>, _>(&row.root)?;
        out.push_sql(", lt = ");
        out.push_bind_param::<BigInt, _>(&row.lt)?;
        out.push_sql(", cs = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.cs)?;
        out.push_sql(", body = ");
        out.push_bind_param::<Text, _>(row.body.as_str())?;
        out.push_sql(", floor = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.floor)?;
        out.push_sql(if WHOLE { ", et = " } else { " WHERE +et = " });
        out.push_bind_param::<BigInt, _>(&row.et)?;
        out.push_sql(if WHOLE { " WHERE id = " } else { " AND id = " });
        out.push_bind_param::<BigInt, _>(&row.id)
    }
}

impl<const WHOLE: bool> QueryId for Changed<'_, WHOLE> {
    type QueryId = Changed<'static, WHOLE>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<const WHOLE: bool> RunQueryDsl<SqliteConnection> for Changed<'_, WHOLE> {}

/// Inserts rows, as many as possible with one statement.
pub(super) fn insert(connection: &mut SqliteConnection, rows: &[Arc<Row>]) -> QueryResult<()> {
    let rest = together::<8>(connection, rows)?;
    let rest = together::<3>(connection, rest)?;
    together::<1>(connection, rest).map(drop)
}

/// Inserts so many rows at a time, and gives back those that are left.
fn together<'a, const COUNT: usize>(
    connection: &mut SqliteConnection,
    rows: &'a [Arc<Row>],
) -> QueryResult<&'a [Arc<Row>]> {
    let (together, rest) = rows.as_chunks::<COUNT>();
    for rows in together {
        NewRows(rows).execute(connection)?;
    }
    Ok(rest)
}

/// Changes rows.
pub(super) fn update(connection: &mut SqliteConnection, rows: &[Arc<Row>]) -> QueryResult<()> {
    for row in rows {
        if Changed::<false>(row).execute(connection)? == 0 {
            Changed::<true>(row).execute(connection)?;
        }
    }
    Ok(())
}
