//! Queries of one page.
//!
//! Responsible for: the limit of a query, in a form in which SQLite keeps the plan. It looks at a value bound to
//! `LIMIT ?` when it plans, and plans anew (10 µs) whenever a value is bound again; it does not look into
//! `LIMIT 0 + ?`.

use diesel::RunQueryDsl;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType};

/// A query with a limit.
#[derive(QueryId)]
pub(super) struct Page<Q> {
    query: Q,
    limit: i64,
}

/// The first results of a query. The query has an order and no limit of its own.
pub(super) fn page<Q: Query>(limit: usize, query: Q) -> Page<Q> {
    Page { query, limit: bound(limit) }
}

/// A limit as the databases take it.
pub(super) fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl<Q, DB> QueryFragment<DB> for Page<Q>
where
    DB: Backend + HasSqlType<BigInt>,
    Q: QueryFragment<DB>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.query.walk_ast(out.reborrow())?;
        out.push_sql(" LIMIT 0 + ");
        out.push_bind_param::<BigInt, _>(&self.limit)
    }
}

impl<Q: Query> Query for Page<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, C> RunQueryDsl<C> for Page<Q> {}
