//! Statements whose text is fixed.
//!
//! Responsible for: the few statements that the query builder cannot say (row values, recursion, arrays), in a form
//! that diesel prepares once and keeps. `diesel::sql_query` is prepared anew on every call, which costs more than most
//! of our queries. Which statements there are is left to their users.

use std::marker::PhantomData;

use diesel::RunQueryDsl;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;

/// A statement with one value for every question mark in its text; `S` is the type of its result.
pub(super) struct Fixed<'a, DB: Backend, S = ()> {
    text: &'static str,
    values: Vec<Box<dyn QueryFragment<DB> + 'a>>,
    result: PhantomData<S>,
}

impl<'a, DB: Backend, S> Fixed<'a, DB, S> {
    /// A statement with its values, in the order of the question marks.
    pub(super) fn new(text: &'static str, values: Vec<Box<dyn QueryFragment<DB> + 'a>>) -> Self {
        Self { text, values, result: PhantomData }
    }
}

/// A value to bind, as SQL type `$sql`.
macro_rules! bind {
    ($($sql:ty : $value:expr),* $(,)?) => {
        vec![$(Box::new(diesel::IntoSql::into_sql::<$sql>($value)) as Box<dyn diesel::query_builder::QueryFragment<_> + '_>),*]
    };
}
pub(super) use bind;

impl<DB: Backend, S> QueryFragment<DB> for Fixed<'_, DB, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let mut values = self.values.iter();
        for (position, part) in self.text.split('?').enumerate() {
            if position > 0
                && let Some(value) = values.next()
            {
                value.walk_ast(out.reborrow())?;
            }
            out.push_sql(part);
        }
        Ok(())
    }
}

/// No static id: the text is the key under which the prepared statement is kept.
impl<DB: Backend, S> QueryId for Fixed<'_, DB, S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend, S> Query for Fixed<'_, DB, S> {
    type SqlType = S;
}

impl<DB: Backend, S, C> RunQueryDsl<C> for Fixed<'_, DB, S> {}
